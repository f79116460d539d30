"""The schedule that an estimator's arguments describe."""

from typing import Any

from lamella import optim
from lamella.callbacks import Callback, Run
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule import LRScheduler, ReduceLROnPlateau

#: At and below this rate, "adaptive" stops instead of dividing it once more.
_SMALLEST_RATE = 1e-6


class InverseScaling(LRScheduler):
    """base / (samples so far + 1)^power_t after the first epoch of a fit: scikit-learn's "invscaling".

    Parameters
    ----------
    optimizer : Optimizer
    power_t : float
    samples : int
        Of an epoch.
    before : int
        Samples before this fit.
    """

    def __init__(self, optimizer: Optimizer, power_t: float, samples: int, before: int) -> None:
        self._power_t, self._samples, self._before = power_t, samples, before
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        """1 in the first epoch."""
        return 1.0 if t == 0 else inverse_scale(self._before + t * self._samples, self._power_t)


def inverse_scale(seen: int, power_t: float) -> float:
    """What the rate is multiplied by after so many samples."""
    return float((seen + 1) ** -power_t)


class Adaptive(ReduceLROnPlateau):
    """A fifth of the rate after more than ``patience`` epochs without a gain of tol: scikit-learn's "adaptive".

    The best so far moves with smaller gains, too. What is to come of a rate of 1e-6 or less is an end.
    """

    def __init__(self, optimizer: Optimizer, mode: str, patience: int, tol: float) -> None:
        super().__init__(optimizer, mode, factor=0.2, patience=patience, threshold=tol, threshold_mode="abs", eps=0.0)
        self.ended = False

    def watch(self, metrics: float) -> None:
        """As the base does, then let the best move; end where the rate is too small to be divided."""
        before = self.best
        super().watch(metrics)
        better = max if self.mode == "max" else min
        self.best = better(before, metrics) if metrics == metrics else before

    def _reduce(self) -> None:
        if self.optimizer.lr <= _SMALLEST_RATE:
            self.ended = True
        else:
            super()._reduce()


class StopWhenEnded(Callback):
    """Ends the training with the schedule."""

    def __init__(self, schedule: Adaptive) -> None:
        self._schedule = schedule

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """Look at it."""
        if self._schedule.ended:
            run.stop("learning_rate")


def make_schedule(estimator: Any, optimizer: Optimizer, samples: int, rises: bool, tol: float) -> LRScheduler | None:
    """What ``learning_rate`` says: a schedule of the optimizer, or None for a constant rate.

    Parameters
    ----------
    samples : int
        Of an epoch.
    rises : bool
        Whether what is watched is to rise.
    tol : float
        In its units.
    """
    rule = estimator.learning_rate
    if callable(rule):
        made: LRScheduler = rule(optimizer)
        return made
    if not isinstance(optimizer, optim.SGD) or rule == "constant":
        return None
    if rule == "invscaling":
        return InverseScaling(optimizer, estimator.power_t, samples, estimator.t_)
    if estimator.n_iter_no_change == float("inf"):
        return None
    return Adaptive(optimizer, "max" if rises else "min", int(estimator.n_iter_no_change), tol)
