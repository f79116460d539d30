"""Linear warm-up before any schedule."""

from lamella.nn import _check
from lamella.optim.schedule.clock import Clock
from lamella.optim.schedule.scheduler import LRScheduler


class Warmup(LRScheduler):
    """The rate rises in a straight line for ``steps`` steps, then the schedule begins.

    Goyal et al. 2017. The same as ``SequentialLR`` of ``LinearLR(start_factor, total_iters=steps)`` and the schedule,
    except that in :meth:`lamella.Trainer.fit` the warm-up counts steps (batches) even before a schedule that counts
    epochs: ``Warmup(StepLR(optimizer, 10), 500)`` rises for 500 batches, and falls after every tenth epoch of the
    training.

    Parameters
    ----------
    schedule : LRScheduler
        This schedule's own from now on. For a rate that stays, ``ConstantLR(optimizer, factor=1.0)``.
    steps : int
    start_factor : float, optional
        The first rate is that part of the schedule's first. By default 1 / (steps + 1): equal rises from zero, without
        a step at rate zero.
    """

    unit = "step"

    def __init__(self, schedule: LRScheduler, steps: int, start_factor: float | None = None) -> None:
        if not isinstance(schedule, LRScheduler):
            raise TypeError(f"[Warmup] schedule is {schedule!r:.80} but must be a schedule")
        self._steps = _check.integer("Warmup", "steps", steps, 1)
        start = 1 / (self._steps + 1) if start_factor is None else start_factor
        self._start = _check.number("Warmup", "start_factor", start, 0, 1)
        self.absolute = schedule.absolute
        super().__init__(schedule.optimizer, children=[schedule])

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """Part of the schedule's rate, then all of it."""
        t = clock.count(self.unit)
        rate = self.children[0].rate(base, group, clock.since(self._steps, self.unit))
        return rate if t >= self._steps else rate * (self._start + (1 - self._start) * t / self._steps)

    def momentum(self, group: int, clock: Clock) -> float | None:
        """The schedule's."""
        return self.children[0].momentum(group, clock.since(self._steps, self.unit))

    def describe(self) -> str:
        """Arguments."""
        return f"steps={self._steps}, start_factor={self._start!r}"
