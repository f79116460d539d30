"""What is looked at to end a training, and how it reads as scikit-learn's scores."""

from typing import Any

import numpy as np

from lamella.callbacks import Callback, EarlyStopping, Run
from lamella.estimators.learner import Learner
from lamella.estimators.rows import Rows
from lamella.trainer import History
from lamella.trainer.early_stopping import larger_is_better

#: Patience without an end.
_FOREVER = 2**62


class Watch:
    """What decides when a training of an estimator ends.

    Attributes
    ----------
    key : str
        What is monitored: of the held-out rows with early stopping, else loss and penalty.
    tol : float
        The estimator's, in the units of that.
    held_key : str
        What scores of held-out rows are made of.
    """

    def __init__(self, estimator: Any, learner: Learner, held_out: Rows | None) -> None:
        name = learner.loss.score_name
        self._spread = 1.0
        self.held_key = "val_loss"
        if held_out is not None and estimator.monitor == "score" and name in ("accuracy", "mse"):
            self.held_key = f"val_{name}"
            if name == "mse":
                self._spread = held_out.spread()
        self.stops_by_held = bool(estimator.early_stopping and held_out is not None)
        self.key = self.held_key if self.stops_by_held else "objective"
        self.tol = float(estimator.tol) * (self._spread if self.stops_by_held else 1.0)
        self._estimator = estimator

    @property
    def rises(self) -> bool:
        """Whether what is monitored is to rise."""
        return larger_is_better(self.key)

    def early_stopping(self, forever: bool) -> EarlyStopping:
        """More than n_iter_no_change epochs in a row without a gain of tol end it; or nothing does."""
        estimator = self._estimator
        patience = _FOREVER if forever or np.isinf(estimator.n_iter_no_change) else int(estimator.n_iter_no_change) + 1
        restores = self.stops_by_held and bool(estimator.restore_best)
        return EarlyStopping(self.key, patience, self.tol, restores, small_gains=True)

    def describe(self, record: dict[str, float]) -> str:
        """An epoch in some words."""
        own = History({key: [value] for key, value in record.items()})
        scores = "".join(f", validation score {score:.4f}" for score in self.scores(own))
        return f"loss {self.losses(own)[0]:.6f}{scores}"

    def losses(self, history: History) -> list[float]:
        """Loss and penalty by epoch."""
        losses = history.get("loss", [])
        penalties = history.get("penalty", [0.0] * len(losses))
        return [loss + penalty for loss, penalty in zip(losses, penalties, strict=True)]

    def scores(self, history: History) -> list[float]:
        """The held-out rows' by epoch, the larger the better: accuracy, R^2 or the negative loss."""
        values = history.get(self.held_key, [])
        if self.held_key == "val_mse":
            return [1 - value / self._spread for value in values]
        return list(values) if larger_is_better(self.held_key) else [-value for value in values]


class Lines(Callback):
    """Prints what scikit-learn prints after each epoch."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """Loss, and the held-out rows' score."""
        own = History({key: [value] for key, value in record.items()})
        print(f"Iteration {epoch + 1}, loss = {self._watch.losses(own)[0]:.8f}")  # noqa: T201 - it is asked for
        for score in self._watch.scores(own):
            print(f"Validation score: {score:f}")  # noqa: T201
