"""What a training saw."""

from collections import deque
from collections.abc import Iterable
from itertools import starmap
from typing import Any


class History(dict[str, list[float]]):
    """What ``fit`` saw, a list a quantity and an entry an epoch.

    Keys: "loss" (mean over the epoch's batches), the loss's score ("accuracy" or "mse"), "seconds", "lr" (the first
    parameter group's, in the epoch's last step); with penalties "penalty" (what "loss" leaves out: the value of the
    optimizer's after the epoch, and the mean over its batches of the layers', see :class:`lamella.nn.Sparsity`); and
    with validation data "val_loss" and "val_" + score.

    Attributes
    ----------
    best_epoch : int or None
        With ``patience``: the epoch (from 0) whose ``monitor`` was best.
    stopped : str or None
        Why it ended before the last epoch: "patience", "on_epoch" (by a function), or what a callback said; None if it
        did not.
    """

    best_epoch: int | None = None
    stopped: str | None = None

    @property
    def epochs(self) -> int:
        """Number of entries."""
        return len(self.get("loss", ()))

    def add(self, record: dict[str, float]) -> None:
        """Append one epoch.

        Parameters
        ----------
        record : dict of str to float
            Its entries.
        """
        for key, value in record.items():
            self.setdefault(key, []).append(value)

    def plot(self, axes: Any = None) -> list[Any]:
        """Learning curves: the loss, and the score, of training and validation in one picture.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, optional
            One for the loss and one for the score; a new figure's if not given.

        Returns
        -------
        list of matplotlib Axes
            ``axes[0].figure`` shows it in a notebook; ``axes[0].figure.savefig(path)`` writes it.

        Raises
        ------
        ValueError
            If there are no epochs.
        ImportError
            If matplotlib is not installed.
        """
        from lamella.diagnosis.pictures import learning_curves

        return learning_curves(self, axes)

    def __repr__(self) -> str:
        last = ", ".join(f"{key}={values[-1]:.4g}" for key, values in self.items() if values)
        best = f"; best: epoch {self.best_epoch}" if self.best_epoch is not None else ""
        stopped = f"; stopped by {self.stopped}" if self.stopped is not None else ""
        return f"History({self.epochs} epochs{'; last: ' + last if last else ''}{best}{stopped})"

    def _repr_html_(self) -> str:
        from lamella.reporting import notebook

        return notebook.history(self)


def add_epochs(histories: Iterable[History], columns: dict[str, list[float]]) -> None:
    """Append epochs to all of them or, where a signal's handler raises, to none: it never runs within a line of C."""
    pairs = [(history.setdefault(key, []), values) for history in histories for key, values in columns.items()]
    deque(starmap(list.extend, pairs), maxlen=0)
