"""Steps down: every few epochs, or at given ones."""

from bisect import bisect_right
from collections.abc import Iterable

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.arguments import counts
from lamella.optim.schedule.scheduler import LRScheduler


class StepLR(LRScheduler):
    """base * gamma^(t // step_size): ``gamma=0.5`` halves every ``step_size`` epochs. PyTorch's StepLR.

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
    gamma : float, default 0.1
        Above 0.
    last_epoch : int, default -1
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self._step_size = _check.integer("StepLR", "step_size", step_size, 1)
        self._gamma = _check.positive("StepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """The power for the steps down so far."""
        return float(self._gamma ** (t // self._step_size))

    def describe(self) -> str:
        """Arguments."""
        return f"step_size={self._step_size}, gamma={self._gamma!r}"


class MultiStepLR(LRScheduler):
    """base * gamma^(number of milestones <= t). PyTorch's MultiStepLR.

    Parameters
    ----------
    optimizer : Optimizer
    milestones : list of int
        In order.
    gamma : float, default 0.1
        Above 0.
    last_epoch : int, default -1
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self._milestones = counts("MultiStepLR", "milestones", milestones)
        self._gamma = _check.positive("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """The power for the milestones behind."""
        return float(self._gamma ** bisect_right(self._milestones, t))

    def describe(self) -> str:
        """Arguments."""
        return f"milestones={self._milestones}, gamma={self._gamma!r}"
