"""Decays by a formula: exponential, 1/t, 1/sqrt(t), polynomial."""

import math

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.scheduler import LRScheduler


class ExponentialLR(LRScheduler):
    """base * gamma^t. PyTorch's ExponentialLR; ``gamma=0.95`` is a common choice.

    Parameters
    ----------
    optimizer : Optimizer
    gamma : float
        Above 0.
    last_epoch : int, default -1
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self._gamma = _check.positive("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """gamma^t."""
        return float(self._gamma**t)

    def describe(self) -> str:
        """Arguments."""
        return f"gamma={self._gamma!r}"


class InverseTimeLR(LRScheduler):
    """base / (1 + decay t): Keras's InverseTimeDecay; Robbins & Monro 1951 for why it converges.

    Parameters
    ----------
    optimizer : Optimizer
    decay : float
        At least 0; 1 halves the rate after the first epoch.
    last_epoch : int, default -1
    """

    def __init__(self, optimizer: Optimizer, decay: float, last_epoch: int = -1) -> None:
        self._decay = _check.number("InverseTimeLR", "decay", decay, 0)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """1 / (1 + decay t)."""
        return 1.0 / (1.0 + self._decay * t)

    def describe(self) -> str:
        """Arguments."""
        return f"decay={self._decay!r}"


class InverseSqrtLR(LRScheduler):
    """base * k / sqrt(t + 1): epochs counted from 1, as lectures write k / sqrt(t).

    With :class:`Warmup` and ``k = sqrt(steps)``, close to the rate of Vaswani et al. 2017.

    Parameters
    ----------
    optimizer : Optimizer
    k : float, default 1
        Above 0.
    last_epoch : int, default -1
    """

    def __init__(self, optimizer: Optimizer, k: float = 1.0, last_epoch: int = -1) -> None:
        self._k = _check.positive("InverseSqrtLR", "k", k)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """Of epochs counted from 1."""
        return self._k / math.sqrt(t + 1)

    def describe(self) -> str:
        """Arguments."""
        return f"k={self._k!r}"


class PolynomialLR(LRScheduler):
    """base * (1 - min(t / total_iters, 1))^power. PyTorch's PolynomialLR.

    Parameters
    ----------
    optimizer : Optimizer
    total_iters : int, default 5
    power : float, default 1
        Above 0.
    last_epoch : int, default -1
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self._total_iters = _check.integer("PolynomialLR", "total_iters", total_iters, 1)
        self._power = _check.positive("PolynomialLR", "power", power)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """The power of what is left."""
        return float((1.0 - min(t, self._total_iters) / self._total_iters) ** self._power)

    def describe(self) -> str:
        """Arguments."""
        return f"total_iters={self._total_iters}, power={self._power!r}"
