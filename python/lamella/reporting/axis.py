"""Axes: from values to places in a picture, and where ticks stand."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.reporting.number import number


@dataclass(frozen=True)
class Axis:
    """Values from low to high at places from ``start`` to ``end``.

    Attributes
    ----------
    low, high : float
        Values; low < high.
    start, end : float
        In units of the picture.
    log : bool
        By orders of magnitude; then low is above 0.
    whole : bool
        Ticks are at integers.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False

    def __call__(self, values: Any) -> Array:
        """Places; those of values beyond the ends are the ends'."""
        low, high, given = self.low, self.high, np.asarray(values, np.float64)
        if self.log:
            low, high, given = math.log10(low), math.log10(high), np.log10(np.maximum(given, low))
        places: Array = self.start + np.clip((given - low) / (high - low), 0, 1) * (self.end - self.start)
        return places

    def ticks(self, about: int = 5) -> list[float]:
        """Round values between the ends."""
        return _decades(self.low, self.high, about) if self.log else _steps(self.low, self.high, about, self.whole)

    def label(self, tick: float) -> str:
        """A tick's text."""
        return number(tick, 3)


def axis(
    values: Any,
    start: float,
    end: float,
    log: bool = False,
    whole: bool = False,
    room: float = 0.04,
    zero: bool = False,
) -> Axis:
    """An axis on which all finite values have a place.

    Parameters
    ----------
    values : array-like
    start, end : float
    log : bool
        Then only values above 0 count.
    whole : bool
    room : float
        Share of the span that is left free at either end.
    zero : bool
        It reaches to 0.
    """
    known = np.asarray(values, np.float64).ravel()
    known = known[np.isfinite(known) & (known > 0)] if log else known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (1.0, 10.0) if log else (0.0, 1.0)
    if log:
        low, high = (min(max(end, 1e-200), 1e200) for end in (low, high))  # that there is room beyond
        span = max(math.log10(high) - math.log10(low), 0.1)
        return Axis(low * 10 ** (-room * span), high * 10 ** (room * span), start, end, log=True)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    span = high - low
    if span <= 1e-12 * max(abs(low), abs(high)) or span == 0:
        span = abs(high) or 1.0
        low, high = low - 0.5 * span, high + 0.5 * span
    lower = low if zero and low == 0 else low - room * span
    upper = high if zero and high == 0 else high + room * span
    return Axis(lower, upper, start, end, whole=whole)


def _steps(low: float, high: float, about: int, whole: bool) -> list[float]:
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough * 0.999)
    if whole:
        step = max(1.0, float(round(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12 - math.floor(math.log10(step))) + 0.0 for index in range(first, last + 1)]


def _decades(low: float, high: float, about: int) -> list[float]:
    first, last = math.log10(low), math.log10(high)
    count = math.floor(last + 1e-9) - math.ceil(first - 1e-9) + 1
    if count >= 3:
        step = max(1, math.ceil(count / (about + 1)))
        powers = range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)
        return [10.0**power for power in powers if power % step == 0]
    some = [
        factor * 10.0**power
        for power in range(math.floor(first), math.floor(last) + 1)
        for factor in (1, 2, 5)
        if low * 0.9999 <= factor * 10.0**power <= high * 1.0001
    ]
    return some if len(some) >= 2 else _steps(low, high, about - 1, whole=False)
