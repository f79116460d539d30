"""The training itself."""

from argparse import Namespace
from dataclasses import dataclass

import lamella as lm
from lamella import callbacks, nn
from lamella.cli.network import make_optimizer
from lamella.cli.preparation import Prepared
from lamella.cli.progress import describe


@dataclass(frozen=True)
class Learned:
    """A history, and the epoch (from 0) whose weights the model has now."""

    history: lm.History
    kept: int


def learn(args: Namespace, model: nn.Module, data: Prepared) -> Learned:
    """Train, show progress, and leave the model with the weights of the best epoch or the last.

    Raises
    ------
    DivergenceError
        If the loss is no longer finite.
    """
    trainer = lm.Trainer(model, data.target.make_loss(), make_optimizer(args, model))
    choose = args.keep == "best" and data.validation is not None
    best_rank: tuple[float, ...] = (float("inf"),)
    best_epoch, best_state = -1, {}

    def keep_best(epoch: int, record: dict[str, float]) -> None:
        nonlocal best_rank, best_epoch, best_state
        if data.target.rank(record) < best_rank:
            best_rank, best_epoch, best_state = data.target.rank(record), epoch, model.state_dict()

    progress = callbacks.ProgressBar(lambda record: describe(record, data.target))
    validation = None if data.validation is None else (data.validation.x, data.validation.y)
    history = trainer.fit(
        data.training.x,
        data.training.y,
        epochs=args.epochs,
        batch_size=args.batch_size,
        validation_data=validation,
        callbacks=[keep_best, progress] if choose else progress,
    )
    last = history.epochs - 1
    if best_epoch in (-1, last):
        return Learned(history, last)
    model.load_state_dict(best_state)
    return Learned(history, best_epoch)
