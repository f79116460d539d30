"""Which learning rates are good: growing from step to step, or halved until the loss does not diverge."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lamella import _core
from lamella._arrays import Array, check_indices
from lamella.nn import _check
from lamella.trainer.divergence import DivergenceError, ceiling
from lamella.trainer.samples import Samples
from lamella.trainer.snapshot import Snapshot

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer

#: Share of the past in the average that tells whether a loss diverges.
_PAST = 0.9


@dataclass(frozen=True)
class LRRangeTest:
    """What :meth:`Trainer.lr_range_test` saw.

    Attributes
    ----------
    rates : ndarray, (steps,)
        Of the first parameter group.
    losses : ndarray, (steps,)
        Before each step; the last may be infinite or NaN.
    smoothed : ndarray, (steps,)
        Mean of their exponential averages from both ends: it does not lag behind.
    diverged_at : float or None
        The last rate, if the loss diverged there.
    """

    rates: Array
    losses: Array
    smoothed: Array
    diverged_at: float | None

    @property
    def suggestion(self) -> float | None:
        """The rate of the steepest descent, d smoothed / d log rate, before the lowest point; None if nothing fell.

        Smith 2017, as fast.ai reads it; but each slope is that of the line through a factor of ten to either side, as
        from one batch to the next the steepest is often a matter of luck, and the rate is less than a third of the
        lowest point's where any is. A tenth of ``diverged_at`` is the other usual choice.
        """
        lowest = int(np.argmin(self.smoothed))
        if lowest == 0:
            return None
        decades = np.log10(self.rates[: lowest + 1])
        early = max(1, int(np.searchsorted(decades, decades[-1] - 0.5)))
        slopes = [_slope(decades, self.smoothed[: lowest + 1], place) for place in range(early)]
        return float(self.rates[np.argmin(slopes)])

    def plot(self, ax: Any = None) -> Any:
        """Loss against rate, with the suggestion.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's if not given.

        Returns
        -------
        matplotlib Axes
            ``ax.figure`` shows it in a notebook; ``ax.figure.savefig(path)`` writes it.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError(
                '[LRRangeTest.plot] a picture needs matplotlib, which is not installed: pip install "lamella[train]"'
            ) from error
        if ax is None:
            ax = Figure(figsize=(7, 4), layout="constrained").subplots()
        shown = np.isfinite(self.losses)
        ax.plot(self.rates[shown], self.losses[shown], color="0.8", label="loss")
        ax.plot(self.rates, self.smoothed, label="smoothed")
        if self.suggestion is not None:
            ax.axvline(self.suggestion, color="0.4", linestyle=":", label=f"suggestion: {self.suggestion:.2g}")
        ax.set_xscale("log")
        low, high = float(self.smoothed.min()), float(self.smoothed.max())
        if low < high:  # or what diverges would be all there is to see
            ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        ax.grid(alpha=0.3)
        ax.legend()
        return ax

    def __repr__(self) -> str:
        suggestion = "None" if self.suggestion is None else f"{self.suggestion:.3g}"
        diverged = "None" if self.diverged_at is None else f"{self.diverged_at:.3g}"
        return f"LRRangeTest({len(self.rates)} steps, suggestion={suggestion}, diverged_at={diverged})"

    def _repr_html_(self) -> str:
        from lamella.reporting import notebook

        return notebook.range_test(self)


class Limits(NamedTuple):
    """Checked arguments of both searches."""

    low: float
    high: float
    steps: int
    batch_size: int
    divergence: float


def check_limits(low: Any, high: Any, steps: Any, batch_size: Any, divergence: Any, where: str) -> Limits:
    """Raise if one is out of its range."""
    checked = Limits(
        _check.positive(where, "low", low),
        _check.positive(where, "high", high),
        _check.integer(where, "steps", steps, 2),
        _check.integer(where, "batch_size", batch_size, 1),
        _check.positive(where, "divergence", divergence),
    )
    if checked.low >= checked.high:
        raise ValueError(f"[{where}] low is {low!r} but must be below high, {high!r}")
    if checked.divergence <= 1:
        raise ValueError(f"[{where}] divergence is {divergence!r} but must be above 1")
    return checked


def grow(trainer: "Trainer", samples: Samples, limits: Limits, smoothing: float, where: str) -> LRRangeTest:
    """Rates from low to high, a step each."""
    rates = np.geomspace(limits.low, limits.high, limits.steps)
    trial = _Trial(trainer, samples, limits, where)
    losses, diverged = trial.run(rates)
    if not np.isfinite(losses[0]):
        raise DivergenceError(f"[{where}] the loss is {losses[0]} before the first step, at a rate of {limits.low:g}")
    finite = np.where(np.isfinite(losses), losses, np.inf)
    bounded = np.minimum(finite, finite[: np.argmin(finite) + 1].max())  # the explosion is not to outweigh the descent
    smoothed = (_averages(bounded, smoothing) + _averages(bounded[::-1], smoothing)[::-1]) / 2
    taken = rates[: len(losses)]
    return LRRangeTest(taken, losses, smoothed, float(taken[-1]) if diverged else None)


def shrink(trainer: "Trainer", samples: Samples, limits: Limits, factor: float, where: str) -> float:
    """Rates from high to low, some steps each, until the loss does not diverge."""
    trial = _Trial(trainer, samples, limits, where)
    rate = limits.high
    while rate >= limits.low:
        if not trial.run([rate] * limits.steps)[1]:
            return rate
        rate *= factor
    raise DivergenceError(
        f"[{where}] the loss diverges at every rate from {limits.high:g} down to {limits.low:g}: standardise the data"
    )


class _Trial:
    """Steps at given rates, from the present weights and back to them."""

    def __init__(self, trainer: "Trainer", samples: Samples, limits: Limits, where: str) -> None:
        x = samples.x
        self._trainer, self._x, self._target = trainer, x, samples.target
        self._batch_size, self._divergence = min(limits.batch_size, len(x)), limits.divergence
        trainer.model.check_rows(self._batch_size, trainer.mode(), where)
        self._step = trainer.prepare(x.shape[1], samples.target)
        check_indices(x, self._step.indices, "x", where)
        lrs = [float(group["lr"]) for group in trainer.optimizer.param_groups]
        self._shares = [lr / lrs[0] if lrs[0] > 0 else 1.0 for lr in lrs]

    def _batches(self) -> Iterator[Array]:
        epoch = 0
        while True:
            order = _core.permutation(len(self._x), self._trainer.model.store().seed, epoch)
            for begin in range(0, len(order) - self._batch_size + 1, self._batch_size):
                yield order[begin : begin + self._batch_size]
            epoch += 1

    def run(self, rates: Any) -> tuple[Array, bool]:
        """The loss before each step, and whether it diverged."""
        before = Snapshot(self._trainer)
        self._trainer.ready()
        self._trainer.added = 0
        losses: list[float] = []
        average, lowest = 0.0, math.inf
        try:
            for rate, rows in zip(rates, self._batches(), strict=False):
                for group, share in zip(self._trainer.optimizer.param_groups, self._shares, strict=True):
                    group["lr"] = float(rate) * share
                losses.append(self._trainer.advance(self._step, self._x[rows], self._target[rows]))
                average = _PAST * average + (1 - _PAST) * losses[-1]
                fair = average / (1 - _PAST ** len(losses))
                if not fair <= ceiling(lowest, self._divergence) or not math.isfinite(fair):
                    return np.array(losses), True
                lowest = min(lowest, fair)
        finally:
            before.restore()
        return np.array(losses), False


def _slope(x: Array, y: Array, place: int) -> float:
    """Of the straight line through all points within 1 of that one, its neighbours at least."""
    near = np.abs(x - x[place]) <= 1
    near[max(0, place - 1) : place + 2] = True
    centred = x[near] - x[near].mean()
    return float((centred @ y[near]) / (centred @ centred))


def _averages(values: Array, past: float) -> Array:
    """Exponential averages without the bias towards zero of the first ones."""
    averages, average = [], 0.0
    for count, value in enumerate(values, 1):
        average = past * average + (1 - past) * float(value)
        averages.append(average / (1 - past**count))
    return np.array(averages)
