"""The training itself."""

from argparse import Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lamella as lm
from lamella import callbacks, nn
from lamella.cli.network import make_optimizer
from lamella.cli.preparation import Prepared
from lamella.cli.progress import describe

if TYPE_CHECKING:
    from lamella.diagnosis import Recorder


@dataclass(frozen=True)
class Learned:
    """A history, the epoch (from 0) whose weights the model has now, who trained it, and what was recorded."""

    history: lm.History
    kept: int
    trainer: lm.Trainer
    recorder: "Recorder | None" = None


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

    recorder = _recorder() if args.report else None
    progress = callbacks.ProgressBar(lambda record: describe(record, data.target))
    validation = None if data.validation is None else (data.validation.x, data.validation.y)
    history = trainer.fit(
        data.training.x,
        data.training.y,
        epochs=args.epochs,
        batch_size=args.batch_size,
        validation_data=validation,
        callbacks=[*([keep_best] if choose else []), progress, *([recorder] if recorder is not None else [])],
    )
    last = history.epochs - 1
    if best_epoch in (-1, last):
        return Learned(history, last, trainer, recorder)
    model.load_state_dict(best_state)
    history.best_epoch = best_epoch
    return Learned(history, best_epoch, trainer, recorder)


def _recorder() -> "Recorder":
    from lamella.diagnosis import Recorder

    return Recorder()
