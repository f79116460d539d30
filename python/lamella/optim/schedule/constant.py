"""A constant factor for some steps."""

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.scheduler import LRScheduler


class ConstantLR(LRScheduler):
    """base * factor for the first ``total_iters`` steps, then base. PyTorch's ConstantLR.

    Parameters
    ----------
    optimizer : Optimizer
    factor : float, default 1/3
        In [0, 1].
    total_iters : int, default 5
    last_epoch : int, default -1
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self._factor = _check.number("ConstantLR", "factor", factor, 0, 1)
        self._total_iters = _check.integer("ConstantLR", "total_iters", total_iters, 0)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """The factor, or 1."""
        return self._factor if t < self._total_iters else 1.0

    def describe(self) -> str:
        """Arguments."""
        return f"factor={self._factor!r}, total_iters={self._total_iters}"
