"""What a training saw."""


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
        """Append one epoch."""
        for key, value in record.items():
            self.setdefault(key, []).append(value)

    def __repr__(self) -> str:
        last = ", ".join(f"{key}={values[-1]:.4g}" for key, values in self.items() if values)
        best = f"; best: epoch {self.best_epoch}" if self.best_epoch is not None else ""
        stopped = f"; stopped by {self.stopped}" if self.stopped is not None else ""
        return f"History({self.epochs} epochs{'; last: ' + last if last else ''}{best}{stopped})"
