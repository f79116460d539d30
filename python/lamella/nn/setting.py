"""Hyper-parameters of layers that may change between steps."""

import math
from typing import TYPE_CHECKING, Any, overload

from lamella.nn import _check

if TYPE_CHECKING:
    from lamella.nn.module import Module


class Setting:
    """A field of a module's ``settings``, as an attribute: a number that is checked when it is set, at any time.

    Parameters
    ----------
    least, most : float
        The range of its values, ends included.
    positive : bool
        Whether 0 is too small.
    below, above : str, optional
        Another setting that this one must be smaller or larger than.
    """

    def __init__(
        self,
        least: float = -math.inf,
        most: float = math.inf,
        positive: bool = False,
        below: str | None = None,
        above: str | None = None,
    ) -> None:
        self.least, self.most, self.positive = least, most, positive
        self.below, self.above = below, above

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, module: None, owner: type) -> "Setting": ...
    @overload
    def __get__(self, module: "Module", owner: type) -> float: ...
    def __get__(self, module: "Module | None", owner: type) -> "Setting | float":
        if module is None:
            return self
        assert module.settings is not None
        return float(module.settings[self.name])

    def __set__(self, module: "Module", value: Any) -> None:
        assert module.settings is not None
        where = type(module).__name__
        if self.positive:
            checked = _check.positive(where, self.name, value)
        else:
            checked = _check.number(where, self.name, value, self.least, self.most)
        if self.below is not None and checked >= module.settings[self.below]:
            raise ValueError(
                f"[{where}] {self.name} is {value!r} but must be below {self.below}, {module.settings[self.below]:g}"
            )
        if self.above is not None and checked <= module.settings[self.above]:
            raise ValueError(
                f"[{where}] {self.name} is {value!r} but must be above {self.above}, {module.settings[self.above]:g}"
            )
        module.settings[self.name] = checked
