"""Stops a training that no longer improves, and goes back to its best weights."""

import math
from typing import Any

from lamella.nn import _check
from lamella.nn.module import Module
from lamella.optim.average import WeightAverage


def larger_is_better(key: str) -> bool:
    """Whether a quantity of a history is to rise: accuracies are, losses and errors are not."""
    return key.endswith("accuracy")


class EarlyStopping:
    """Counts epochs without improvement (Prechelt 1998), and keeps the best weights and running statistics.

    Parameters
    ----------
    model : Module
    average : WeightAverage, optional
        Is kept and restored with the weights.
    monitor : str
        Key of the epochs' records.
    patience : int
        So many epochs in a row may pass without improvement; then it stops.
    min_delta : float
        What counts as an improvement on the best so far.
    restore_best : bool
        Whether :meth:`finish` restores the best epoch's weights.
    """

    def __init__(
        self,
        model: Module,
        average: WeightAverage | None,
        monitor: str,
        patience: Any,
        min_delta: Any,
        restore_best: Any,
        where: str,
    ) -> None:
        self._model, self._average, self._monitor = model, average, monitor
        self._patience = _check.integer(where, "patience", patience, 1)
        self._min_delta = _check.number(where, "min_delta", min_delta, 0)
        self._restore = _check.flag(where, "restore_best", restore_best)
        self._best = math.inf
        self._weights: dict[str, Any] | None = None
        self._averages: dict[str, Any] | None = None
        self._seen = 0
        self.best_epoch: int | None = None

    def stops(self, record: dict[str, float]) -> bool:
        """Take note of an epoch; whether it was one too many."""
        value = -record[self._monitor] if larger_is_better(self._monitor) else record[self._monitor]
        if value < self._best - self._min_delta:
            self._best, self.best_epoch = value, self._seen
            if self._restore:
                self._weights = self._model.state_dict()
                self._averages = None if self._average is None else self._average.state_dict()
        self._seen += 1
        last_good = -1 if self.best_epoch is None else self.best_epoch
        return self._seen - 1 - last_good >= self._patience

    def finish(self) -> None:
        """Go back to the best weights, if that is wanted and they are not the last."""
        if self._weights is not None and self.best_epoch != self._seen - 1:
            self._model.load_state_dict(self._weights)
            if self._average is not None and self._averages is not None:
                self._average.load_state_dict(self._averages)
