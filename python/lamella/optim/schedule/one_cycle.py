"""One cycle."""

import math
from collections.abc import Sequence

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.arguments import by_group, choice
from lamella.optim.schedule.clock import Clock
from lamella.optim.schedule.cycled_momentum import CycledMomentum
from lamella.optim.schedule.scheduler import LRScheduler


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, down to a tiny rate; momentum the other way round.

    Smith & Topin 2018; PyTorch's OneCycleLR. It counts steps (batches), not epochs, and the rates are its own, not the
    optimizer's. After ``total_steps`` the last rate stays; a step more is an error.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float or list of float
        One for all parameter groups, or one each.
    total_steps : int, optional
        Or ``epochs`` and ``steps_per_epoch``, which :meth:`lamella.Trainer.steps_per_epoch` tells.
    epochs, steps_per_epoch : int, optional
    pct_start : float, default 0.3
        Share of the steps that go up. In [0, 1]; at most 0.5 for three phases.
    anneal_strategy : "cos" or "linear", default "cos"
    cycle_momentum : bool, default True
        Momentum of SGD and RMSprop (which must have some), beta1 of Adam and its kin.
    base_momentum, max_momentum : float or list of float, default 0.85 and 0.95
        At the highest rate, and at its ends.
    div_factor : float, default 25
        The first rate is max_lr / div_factor.
    final_div_factor : float, default 1e4
        The last rate is that divided by final_div_factor.
    three_phase : bool, default False
        Down to the first rate as fast as up, and only then to the last one.
    last_epoch : int, default -1
    """

    unit = "step"
    absolute = True

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        where = "OneCycleLR"
        if total_steps is not None:
            total = _check.integer(where, "total_steps", total_steps, 1)
        elif epochs is not None and steps_per_epoch is not None:
            total = _check.integer(where, "epochs", epochs, 1)
            total *= _check.integer(where, "steps_per_epoch", steps_per_epoch, 1)
        else:
            raise ValueError(f"[{where}] total_steps is None: say it, or epochs and steps_per_epoch")
        self._total = total
        self._max_lr: list[float] = by_group(where, "max_lr", max_lr, optimizer, _check.positive)
        self._pct_start = _check.number(where, "pct_start", pct_start, 0, 1)
        self._anneal = choice(where, "anneal_strategy", anneal_strategy, ("cos", "linear"))
        div = _check.positive(where, "div_factor", div_factor)
        final = _check.positive(where, "final_div_factor", final_div_factor)
        self._three_phase = _check.flag(where, "three_phase", three_phase)
        if self._three_phase and self._pct_start > 0.5:
            raise ValueError(f"[{where}] pct_start is {pct_start} but three phases need at most 0.5")
        self._momentum = None
        if _check.flag(where, "cycle_momentum", cycle_momentum):
            self._momentum = CycledMomentum(where, optimizer, base_momentum, max_momentum)
        top, end = self._pct_start * total - 1, total - 1.0
        #: Begin and end of each phase, and between which of (first, highest, last) it leads.
        self._phases = [(0.0, top, 0, 1), (top, end, 1, 2)]
        if self._three_phase:
            down = 2 * self._pct_start * total - 2
            self._phases = [(0.0, top, 0, 1), (top, down, 1, 0), (down, end, 0, 2)]
        self._points = [(rate / div, rate, rate / div / final) for rate in self._max_lr]
        super().__init__(optimizer, last_epoch)

    def _value(self, t: int, points: tuple[float, float, float]) -> float:
        """Between the first, the highest and the last of three points, at step t."""
        if t > self._total:
            raise ValueError(f"[OneCycleLR] step {t} lies beyond total_steps, {self._total}")
        begin, end, start, to = next((phase for phase in self._phases if t <= phase[1]), self._phases[-1])
        share = min((t - begin) / (end - begin), 1.0) if end > begin else 1.0
        return self._between(points[start], points[to], share)

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """The cycle's height."""
        return self._value(clock.count(self.unit), self._points[group])

    def momentum(self, group: int, clock: Clock) -> float | None:
        """High at the ends, low at the top."""
        if self._momentum is None:
            return None
        most = self._momentum.most[group]
        return self._value(clock.count(self.unit), (most, self._momentum.base[group], most))

    def describe(self) -> str:
        """Arguments."""
        return f"max_lr={self._max_lr}, total_steps={self._total}, anneal_strategy={self._anneal!r}"
