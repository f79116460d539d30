"""Cycles of triangles."""

import math
from collections.abc import Callable, Sequence

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.arguments import at_least_zero, by_group, choice
from lamella.optim.schedule.clock import Clock
from lamella.optim.schedule.cycled_momentum import CycledMomentum
from lamella.optim.schedule.scheduler import LRScheduler


class CyclicLR(LRScheduler):
    """Up and down between base_lr and max_lr in straight lines; momentum the other way round.

    Smith 2017; PyTorch's CyclicLR. It counts steps (batches), not epochs, and the rates are its own.

    Parameters
    ----------
    optimizer : Optimizer
    base_lr, max_lr : float or list of float
        One for all parameter groups, or one each.
    step_size_up : int, default 2000
        Steps from base_lr to max_lr.
    step_size_down : int, optional
        And back; as many if not given.
    mode : "triangular", "triangular2" or "exp_range", default "triangular"
        All cycles of one height; each half the one before; or times gamma^t.
    gamma : float, default 1
        In (0, 1], for "exp_range".
    scale_fn : callable, optional
        Height of the cycles as a function of their number (from 1) or of the step, instead of a mode.
    scale_mode : "cycle" or "iterations", default "cycle"
        What ``scale_fn`` is a function of.
    cycle_momentum : bool, default True
        Momentum of SGD and RMSprop (which must have some), beta1 of Adam and its kin.
    base_momentum, max_momentum : float or list of float, default 0.8 and 0.9
        At max_lr, and at base_lr.
    last_epoch : int, default -1
    """

    unit = "step"
    absolute = True

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[int], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        where = "CyclicLR"
        self._base_lr: list[float] = by_group(where, "base_lr", base_lr, optimizer, at_least_zero)
        self._max_lr: list[float] = by_group(where, "max_lr", max_lr, optimizer, _check.positive)
        for low, high in zip(self._base_lr, self._max_lr, strict=True):
            if low > high:
                raise ValueError(f"[{where}] base_lr is {low} but must not be above max_lr, {high}")
        self._up = _check.integer(where, "step_size_up", step_size_up, 1)
        self._down = self._up if step_size_down is None else _check.integer(where, "step_size_down", step_size_down, 1)
        self._mode = choice(where, "mode", mode, ("triangular", "triangular2", "exp_range"))
        self._gamma = _check.number(where, "gamma", gamma, 0, 1)
        if scale_fn is not None and not callable(scale_fn):
            raise TypeError(f"[{where}] scale_fn is {scale_fn!r} but must be a function of a number")
        self._scale_fn = scale_fn
        self._scale_mode = choice(where, "scale_mode", scale_mode, ("cycle", "iterations"))
        self._momentum = None
        if _check.flag(where, "cycle_momentum", cycle_momentum):
            self._momentum = CycledMomentum(where, optimizer, base_momentum, max_momentum)
        super().__init__(optimizer, last_epoch)

    def _height(self, t: int) -> float:
        """Where between its ends the triangle is, times the cycle's height."""
        total = self._up + self._down
        ratio = self._up / total
        cycle = math.floor(1 + t / total)
        x = 1.0 + t / total - cycle
        height = x / ratio if x <= ratio else (x - 1) / (ratio - 1)
        if self._scale_fn is not None:
            return height * float(self._scale_fn(cycle if self._scale_mode == "cycle" else t))
        if self._mode == "triangular2":
            return height / 2.0 ** (cycle - 1)
        return height * (self._gamma**t if self._mode == "exp_range" else 1.0)

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """The triangle's height."""
        low = self._base_lr[group]
        return low + (self._max_lr[group] - low) * self._height(clock.count(self.unit))

    def momentum(self, group: int, clock: Clock) -> float | None:
        """The triangle upside down."""
        if self._momentum is None:
            return None
        most = self._momentum.most[group]
        return most - (most - self._momentum.base[group]) * self._height(clock.count(self.unit))

    def describe(self) -> str:
        """Arguments."""
        return (
            f"base_lr={self._base_lr}, max_lr={self._max_lr}, step_size_up={self._up}, step_size_down={self._down}, "
            f"mode={self._mode!r}"
        )
