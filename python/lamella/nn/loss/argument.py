"""Arguments of losses, which may be changed at any time."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import numpy as np

from lamella import _core
from lamella._arrays import Array, to_array
from lamella.nn import _check

if TYPE_CHECKING:
    from lamella.nn.loss.base import Loss

V = TypeVar("V")

#: Checks a value: (where, name, value) -> the value as it is kept.
Check = Callable[[str, str, Any], V]


class Argument(Generic[V]):
    """An attribute of a loss that is checked whenever it is set; what kernels read follows."""

    def __init__(self, check: Check[V]) -> None:
        self._check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, loss: None, owner: type) -> "Argument[V]": ...
    @overload
    def __get__(self, loss: "Loss", owner: type) -> V: ...
    def __get__(self, loss: "Loss | None", owner: type) -> "Argument[V] | V":
        if loss is None:
            return self
        value: V = loss.__dict__[self._name]
        return value

    def __set__(self, loss: "Loss", value: Any) -> None:
        loss.__dict__[self._name] = self._check(type(loss).__name__, self._name, value)
        loss.changed()


def one_of(*choices: str) -> Check[str]:
    """One of some words."""

    def check(where: str, name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            named = ", ".join(f'"{choice}"' for choice in choices[:-1])
            raise ValueError(f'[{where}] {name} is {value!r} but must be {named} or "{choices[-1]}"')
        return value

    return check


def number(least: float, most: float = np.inf) -> Check[float]:
    """A number in [least, most]."""
    return lambda where, name, value: _check.number(where, name, value, least, most)


def optional(check: Check[V]) -> Check[V | None]:
    """None, or what else is allowed."""
    return lambda where, name, value: None if value is None else check(where, name, value)


def weights(where: str, name: str, value: Any) -> Array:
    """A finite weight of at least 0 for each column, as a float64 array that cannot be written to."""
    if isinstance(value, str):
        raise TypeError(f"[{where}] {name} is {value!r} but must be an array of numbers")
    array = np.array(to_array(value, name, where), np.float64, order="C")
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"[{where}] {name} has shape {array.shape} but must be a list of numbers, one for each column")
    bad = _core.find_unfit(_core.Targets.amounts, array)
    if bad >= 0:
        raise ValueError(f"[{where}] {name}[{bad}] is {array[bad]} but must be finite and at least 0")
    array.flags.writeable = False
    return array


def for_columns(array: Array, columns: int, name: str, where: str) -> Array:
    """``array``, if it has one number for each of so many columns."""
    if len(array) != columns:
        raise ValueError(f"[{where}] {name} has {len(array)} numbers but the outputs have {columns} columns")
    return array
