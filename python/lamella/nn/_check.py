"""Checks of hyper-parameters: each error names the owner, the argument, the value and what was expected."""

import math
import numbers
from typing import Any


def integer(where: str, name: str, value: Any, least: int, below: int = 2**63) -> int:
    """``value`` as an int in [least, below)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"[{where}] {name} is {value!r} but must be an integer")
    checked = int(value)
    if checked < least:
        raise ValueError(f"[{where}] {name} is {checked} but must be at least {least}")
    if checked >= below:
        raise ValueError(f"[{where}] {name} is {checked} but must be below 2**{below.bit_length() - 1}")
    return checked


def number(
    where: str, name: str, value: Any, least: float = -math.inf, most: float = math.inf, open_end: bool = False
) -> float:
    """``value`` as a finite float in [least, most], or in [least, most) if ``open_end``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"[{where}] {name} is {value!r} but must be a number")
    checked = float(value)
    inside = least <= checked < most if open_end else least <= checked <= most
    if not inside or not math.isfinite(checked):
        if math.isinf(most):
            expected = f"at least {least:g}" if not math.isinf(least) else "finite"
        else:
            expected = f"in [{least:g}, {most:g}{')' if open_end else ']'}"
        raise ValueError(f"[{where}] {name} is {value!r} but must be {expected}")
    return checked


def positive(where: str, name: str, value: Any) -> float:
    """``value`` as a finite float above 0."""
    checked = number(where, name, value)
    if checked <= 0:
        raise ValueError(f"[{where}] {name} is {value!r} but must be above 0")
    return checked


def seed(where: str, value: Any) -> int | None:
    """``value`` as a seed in [0, 2^64), or None."""
    if value is None:
        return None
    return integer(where, "seed", value, 0, below=2**64)


def flag(where: str, name: str, value: Any) -> bool:
    """``value`` as a bool; a number is no answer to a yes-or-no question."""
    if not isinstance(value, bool):
        raise TypeError(f"[{where}] {name} is {value!r} but must be True or False")
    return value
