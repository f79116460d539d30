"""Derivatives from differences, and what such a derivative can be compared with."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from lamella._arrays import Array

#: Steps that are tried in turn, as multiples of the first: a kink nearby asks for smaller ones, rounding for larger.
_STEPS = (1.0, 10.0, 100.0, 0.1, 0.01)
#: A backward that is as near as this to the differences could not be nearer.
NEAR = 1e-7
#: One-sided differences that stay apart by this share of what they are, as the step shrinks, are those of a kink.
_APART = 1e-4


@dataclass(frozen=True)
class Element:
    """One element of a parameter or of the input.

    Attributes
    ----------
    index : tuple of int
    analytic : float
        The derivative that the backward pass gives.
    numeric : float
        The one that differences give.
    error : float
        |analytic - numeric| / (|analytic| + |numeric|), less what rounding of the differences explains of what is above
        1e-7.
    kink : bool
        Whether the backward pass and differences do not agree, but the derivative is not defined here: differences from
        both sides are not the same, as for ReLU at 0.
    zero : bool
        Whether both derivatives are nothing but rounding.
    """

    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float
    kink: bool = False
    zero: bool = False


def relative_error(analytic: float, numeric: float, rounding: float) -> float:
    """|a - n| / (|a| + |n|), less what rounding explains of what is above 1e-7; 1 if there is no number."""
    apart, size = abs(analytic - numeric), abs(analytic) + abs(numeric)
    if not math.isfinite(size):
        return 1.0
    error = apart / size if size > 0 else 0.0
    return error if error <= NEAR else max(NEAR, (apart - rounding) / size)


class Differences:
    """Compares a backward pass with differences of a function, element by element.

    Parameters
    ----------
    function : callable
        Reads arrays that are changed for it: a float.
    step : float
        Of the two-sided differences, in units of the element where that is larger than 1.
    rounding : float
        What the function's value may be wrong by.
    """

    def __init__(self, function: Callable[[], float], step: float, rounding: float) -> None:
        self._function, self._step, self.rounding = function, step, rounding

    def compare(self, array: Array, index: tuple[int, ...], analytic: float) -> Element:
        """The derivative by one element of a float64 array, which is then as it was."""
        value = float(array[index])
        unit = self._step * max(1.0, abs(value))
        best = None
        try:
            for factor in _STEPS:
                numeric, rounding = self._two_sided(array, index, value, unit * factor)
                error = relative_error(analytic, numeric, rounding)
                if best is None or error < best.error:
                    zero = max(abs(analytic), abs(numeric)) <= rounding
                    best = Element(index, analytic, numeric, error, zero=zero)
                if error <= NEAR:
                    break
            assert best is not None
            if best.error > NEAR:
                best = replace(best, kink=self._is_kink(array, index, value, unit))
            return best
        finally:
            array[index] = value

    def _at(self, array: Array, index: tuple[int, ...], value: float) -> tuple[float, float]:
        """Where that really is, and the function there."""
        array[index] = value
        return float(array[index]), self._function()

    def _two_sided(self, array: Array, index: tuple[int, ...], value: float, h: float) -> tuple[float, float]:
        """The derivative, and what it may be wrong by."""
        right, above = self._at(array, index, value + h)
        left, below = self._at(array, index, value - h)
        numeric = (above - below) / (right - left)
        return numeric, 2 * self.rounding / (right - left)

    def _is_kink(self, array: Array, index: tuple[int, ...], value: float, unit: float) -> bool:
        """Whether the derivatives from both sides differ, and by the same however small the step is.

        By what curvature makes of them they differ less as the step shrinks; by what rounding does, more.
        """
        middle, here = self._at(array, index, value)
        gaps = []
        for h in (unit, unit / 10):
            (a, above), (b, below) = self._at(array, index, value + h), self._at(array, index, value - h)
            right, left = (above - here) / (a - middle), (here - below) / (middle - b)
            gaps.append(abs(right - left))
        rounding = 4 * self.rounding / (unit / 10)
        apart = gaps[1] > max(rounding, _APART * max(abs(left), abs(right)))
        return apart and gaps[0] / 2 < gaps[1] < 2 * gaps[0]
