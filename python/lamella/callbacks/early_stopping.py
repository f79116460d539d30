"""Ends a training that no longer improves."""

from lamella.callbacks.callback import Callback
from lamella.nn import _check


class EarlyStopping(Callback):
    """Ends a training that no longer improves, and goes back to its best epoch (Prechelt 1998).

    The same as ``fit(patience=...)``, as a callback: it has no hook, epochs count and stop natively. With its own
    ``monitor``, beside the one that ReduceLROnPlateau looks at.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Key of the record: "loss", the loss's score, "objective" (loss and penalty, which the history then has, too), or
        with validation data "val_" + loss or score. Accuracies are to rise, everything else is to fall.
    patience : int, default 10
        Epochs in a row without improvement.
    min_delta : float, default 0
        What counts as an improvement on the best so far.
    restore_best : bool, default True
        End with the weights and running statistics of the best epoch, also where the epochs ran out first.
    small_gains : bool, default False
        Whether the best so far moves with improvements below ``min_delta``, too, which end no waiting: scikit-learn's
        rule, by which a training that creeps ends.

    Raises
    ------
    ValueError
        By ``fit``, if its ``patience`` or another one is given, too, or no record will have what is monitored.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
        small_gains: bool = False,
    ) -> None:
        where = type(self).__name__
        if not isinstance(monitor, str):
            raise TypeError(f"[{where}] monitor is {monitor!r:.80} but must be the key of a record")
        self.monitor = monitor
        self.patience = _check.integer(where, "patience", patience, 1)
        self.min_delta = _check.number(where, "min_delta", min_delta, 0)
        self.restore_best = _check.flag(where, "restore_best", restore_best)
        self.small_gains = _check.flag(where, "small_gains", small_gains)

    def __repr__(self) -> str:
        return f"EarlyStopping({self.monitor!r}, {self.patience}, {self.min_delta:g}, {self.restore_best})"
