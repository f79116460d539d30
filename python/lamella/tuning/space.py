"""Distributions to draw settings from.

>>> from lamella import space
>>> {"lr": space.LogUniform(1e-4, 1), "momentum": 1 - space.LogUniform(1e-3, 0.1), "width": space.Integer(16, 256)}
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella.nn import _check

__all__ = ["Choice", "Distribution", "Integer", "LogUniform", "Uniform"]


class Distribution:
    """Base: what lies at a place in [0, 1) of the range; a uniform random place makes a random value."""

    def at(self, place: float) -> Any:
        """The value there."""
        raise NotImplementedError

    def place(self, value: Any) -> float:
        """Where a value lies; the middle of what is drawn as that value."""
        raise NotImplementedError

    def ends(self) -> list[Any]:
        """The smallest and the largest value; all where there is no order."""
        return [self.at(0.0), self.at(math.nextafter(1.0, 0.0))]

    def narrowed(self, values: Sequence[Any]) -> "Distribution":
        """The same over the range of some values, and half the mean distance of neighbours beyond its ends."""
        places = [self.place(value) for value in values]
        low, high = min(places), max(places)
        margin = 0.5 * (high - low) / max(len(places) - 1, 1)
        return _Part(self, max(low - margin, 0.0), min(high + margin, 1.0))

    def ticks(self) -> list[tuple[float, str]]:
        """Places to mark on an axis."""
        marks = [self.at(min(quarter / 4, math.nextafter(1.0, 0.0))) for quarter in range(5)]
        return [(self.place(mark), f"{mark:.3g}") for mark in dict.fromkeys(marks)]

    def __rsub__(self, other: float) -> "Distribution":
        return _Difference(_check.number(type(self).__name__, "what it is taken from", other), self)


class Uniform(Distribution):
    """A number in [low, high), each equally likely.

    Parameters
    ----------
    low, high : float
    """

    def __init__(self, low: float, high: float) -> None:
        self.low = _check.number("Uniform", "low", low)
        self.high = _check.number("Uniform", "high", high)
        _check_order(self, low, high)

    def at(self, place: float) -> float:
        """See :class:`Distribution`."""
        return self.low + place * (self.high - self.low)

    def place(self, value: Any) -> float:
        """See :class:`Distribution`."""
        return (float(value) - self.low) / (self.high - self.low)

    def __repr__(self) -> str:
        return f"Uniform({self.low:g}, {self.high:g})"


class LogUniform(Distribution):
    """A number in [low, high) whose logarithm is uniform: as often in [0.001, 0.01] as in [0.01, 0.1].

    For rates and penalties. What is to be close to 1, such as momentum or Adam's betas, is drawn by its distance from
    it: ``1 - LogUniform(1e-3, 0.1)`` lies between 0.9 and 0.999.

    Parameters
    ----------
    low, high : float
        Above 0.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low = _check.positive("LogUniform", "low", low)
        self.high = _check.positive("LogUniform", "high", high)
        _check_order(self, low, high)

    def at(self, place: float) -> float:
        """See :class:`Distribution`."""
        value = self.low * math.exp(place * math.log(self.high / self.low))
        return min(max(value, self.low), self.high)

    def place(self, value: Any) -> float:
        """See :class:`Distribution`."""
        return math.log(float(value) / self.low) / math.log(self.high / self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Powers of ten, if there are two."""
        powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
        if len(powers) < 2:
            return super().ticks()
        return [(self.place(10.0**power), f"{10.0**power:g}") for power in powers]

    def __repr__(self) -> str:
        return f"LogUniform({self.low:g}, {self.high:g})"


class Integer(Distribution):
    """An integer in [low, high], both included.

    Parameters
    ----------
    low, high : int
    log : bool, default False
        Each is drawn as often as :class:`LogUniform` on [low - 0.5, high + 0.5) is nearest to it. For widths.
    """

    def __init__(self, low: int, high: int, log: bool = False) -> None:
        self.log = _check.flag("Integer", "log", log)
        self.low = _check.integer("Integer", "low", low, 1 if log else -(2**53), 2**53)
        self.high = _check.integer("Integer", "high", high, -(2**53), 2**53)
        _check_order(self, low, high)
        kind = LogUniform if log else Uniform
        self._number = kind(self.low - 0.5, self.high + 0.5)

    def at(self, place: float) -> int:
        """See :class:`Distribution`."""
        return min(max(round(self._number.at(place)), self.low), self.high)

    def place(self, value: Any) -> float:
        """See :class:`Distribution`."""
        return self._number.place(value)

    def __repr__(self) -> str:
        return f"Integer({self.low}, {self.high}{', log=True' if self.log else ''})"


class Choice(Distribution):
    """One of some values of any kind, each equally likely; a list in a search space means the same.

    Parameters
    ----------
    options : sequence
    """

    def __init__(self, options: Sequence[Any]) -> None:
        if isinstance(options, str) or not isinstance(options, Sequence):
            raise TypeError(f"[Choice] options is {options!r:.80} but must be a list")
        if len(options) == 0:
            raise ValueError("[Choice] options is empty")
        self.options = list(options)

    def at(self, place: float) -> Any:
        """See :class:`Distribution`."""
        return self.options[min(int(place * len(self.options)), len(self.options) - 1)]

    def place(self, value: Any) -> float:
        """See :class:`Distribution`."""
        index = next(i for i, option in enumerate(self.options) if same(option, value))
        return (index + 0.5) / len(self.options)

    def ends(self) -> list[Any]:
        """All options."""
        return list(self.options)

    def narrowed(self, values: Sequence[Any]) -> Distribution:
        """Those that occur among the values."""
        kept = {self.place(value) for value in values}
        return Choice([option for option in self.options if self.place(option) in kept])

    def ticks(self) -> list[tuple[float, str]]:
        """All options."""
        return [(self.place(option), getattr(option, "__name__", str(option))) for option in self.options]

    def __rsub__(self, other: float) -> Distribution:
        raise TypeError("[Choice] options are not subtracted from a number: subtract them in the list")

    def __repr__(self) -> str:
        return f"Choice({self.options!r})"


class _Difference(Distribution):
    """A number less what is drawn."""

    def __init__(self, whole: float, part: Distribution) -> None:
        self.whole, self.part = whole, part

    def at(self, place: float) -> Any:
        return self.whole - self.part.at(1 - place)

    def place(self, value: Any) -> float:
        return 1 - self.part.place(self.whole - value)

    def ticks(self) -> list[tuple[float, str]]:
        places = [place for place, _ in self.part.ticks()]
        return [(1 - place, f"{self.whole - self.part.at(place):.6g}") for place in reversed(places)]

    def __repr__(self) -> str:
        return f"{self.whole:g} - {self.part!r}"


class _Part(Distribution):
    """A part of another's range."""

    def __init__(self, whole: Distribution, low: float, high: float) -> None:
        self.whole, self.low, self.high = whole, low, high

    def at(self, place: float) -> Any:
        return self.whole.at(self.low + place * (self.high - self.low))

    def place(self, value: Any) -> float:
        span = self.high - self.low
        return 0.5 if span == 0 else (self.whole.place(value) - self.low) / span

    def narrowed(self, values: Sequence[Any]) -> Distribution:
        return self.whole.narrowed(values)

    def __repr__(self) -> str:
        return f"{self.whole!r} in [{self.at(0.0)!r}, {self.at(1.0)!r}]"


def same(first: Any, second: Any) -> bool:
    """Whether two options are one: 1, 1.0 and True are not, and of arrays each is its own."""
    return first is second or (
        type(first) is type(second) and not isinstance(first, np.ndarray) and bool(first == second)
    )


def spanning(values: Sequence[Any]) -> Distribution:
    """What such values may have been drawn from: numbers from a range, on a log scale if it is wide; or options."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        low, high = min(values), max(values)
        return LogUniform(low, high) if 0 < 30 * low < high else Uniform(low, high)
    return Choice(values)


def _check_order(owner: Distribution, low: float, high: float) -> None:
    if low >= high:
        raise ValueError(f"[{type(owner).__name__}] low is {low!r} but must be below high, {high!r}")
