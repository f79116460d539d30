"""A straight line."""

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.scheduler import LRScheduler


class LinearLR(LRScheduler):
    """base * (start_factor + (end_factor - start_factor) * min(t / total_iters, 1)). PyTorch's LinearLR.

    Parameters
    ----------
    optimizer : Optimizer
    start_factor, end_factor : float, default 1/3 and 1
        In [0, 1].
    total_iters : int, default 5
    last_epoch : int, default -1
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self._start = _check.number("LinearLR", "start_factor", start_factor, 0, 1)
        self._end = _check.number("LinearLR", "end_factor", end_factor, 0, 1)
        self._total_iters = _check.integer("LinearLR", "total_iters", total_iters, 1)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """The line's height."""
        return self._start + (self._end - self._start) * min(t, self._total_iters) / self._total_iters

    def describe(self) -> str:
        """Arguments."""
        return f"start_factor={self._start!r}, end_factor={self._end!r}, total_iters={self._total_iters}"
