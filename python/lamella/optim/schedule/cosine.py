"""Cosine annealing, with and without restarts."""

import math

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.clock import Clock
from lamella.optim.schedule.scheduler import LRScheduler


def _annealed(base: float, least: float, share: float) -> float:
    return least + (base - least) * (1 + math.cos(math.pi * share)) / 2


class CosineAnnealingLR(LRScheduler):
    """eta_min + (base - eta_min) (1 + cos(pi t / T_max)) / 2. PyTorch's CosineAnnealingLR.

    Loshchilov & Hutter 2017, without restarts. After ``T_max`` steps it rises again, as PyTorch's does.

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
        Steps from the base to ``eta_min``.
    eta_min : float, default 0
    last_epoch : int, default -1
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self._t_max = _check.integer("CosineAnnealingLR", "T_max", T_max, 1)
        self._eta_min = _check.number("CosineAnnealingLR", "eta_min", eta_min, 0)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """The cosine's height."""
        return _annealed(base, self._eta_min, clock.count(self.unit) / self._t_max)

    def describe(self) -> str:
        """Arguments."""
        return f"T_max={self._t_max}, eta_min={self._eta_min!r}"


class CosineAnnealingWarmRestarts(LRScheduler):
    """eta_min + (base - eta_min) (1 + cos(pi t_i / T_i)) / 2, t_i steps after the last restart.

    SGDR, Loshchilov & Hutter 2017; PyTorch's CosineAnnealingWarmRestarts. The first restart comes after ``T_0`` steps,
    and each period T_i is ``T_mult`` times as long as the one before.

    Parameters
    ----------
    optimizer : Optimizer
    T_0 : int
    T_mult : int, default 1
    eta_min : float, default 0
    last_epoch : int, default -1
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        where = "CosineAnnealingWarmRestarts"
        self._t_0 = _check.integer(where, "T_0", T_0, 1)
        self._t_mult = _check.integer(where, "T_mult", T_mult, 1)
        self._eta_min = _check.number(where, "eta_min", eta_min, 0)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """The cosine's height since the last restart."""
        since, period = clock.count(self.unit), self._t_0
        if self._t_mult == 1:
            since %= period
        while since >= period:
            since, period = since - period, period * self._t_mult
        return _annealed(base, self._eta_min, since / period)

    def describe(self) -> str:
        """Arguments."""
        return f"T_0={self._t_0}, T_mult={self._t_mult}, eta_min={self._eta_min!r}"
