"""Checks of arguments that several schedules have."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lamella.nn import _check

if TYPE_CHECKING:
    from lamella.optim.optimizer import Optimizer


def at_least_zero(where: str, name: str, value: Any) -> float:
    """``value`` as a finite float of at least zero."""
    return _check.number(where, name, value, 0)


def choice(where: str, name: str, value: Any, options: Sequence[str]) -> str:
    """``value``, which must be one of ``options``."""
    if value not in options:
        raise ValueError(f"[{where}] {name} is {value!r} but must be one of {', '.join(map(repr, options))}")
    return str(value)


def counts(where: str, name: str, values: Any) -> list[int]:
    """``values`` as step numbers of at least 1 that do not go down."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(f"[{where}] {name} is {values!r} but must be a list of integers")
    checked = [_check.integer(where, f"{name}[{i}]", value, 1) for i, value in enumerate(values)]
    if checked != sorted(checked):
        raise ValueError(f"[{where}] {name} is {checked} but must be in order")
    return checked


def check_optimizer(where: str, optimizer: Any) -> "Optimizer":
    """``optimizer``, which must be one."""
    from lamella.optim.optimizer import Optimizer

    if not isinstance(optimizer, Optimizer):
        hint = " (an instance, not the class)" if isinstance(optimizer, type) else ""
        raise TypeError(f"[{where}] optimizer is {optimizer!r:.80} but must be an Optimizer{hint}")
    return optimizer


def by_group(where: str, name: str, value: Any, optimizer: Any, check: Callable[[str, str, Any], Any]) -> list[Any]:
    """A checked value for each parameter group: one for all, or a list with one each, as PyTorch takes them."""
    groups = len(check_optimizer(where, optimizer).param_groups)
    if not isinstance(value, (list, tuple)):
        return [check(where, name, value)] * groups
    if len(value) != groups:
        raise ValueError(f"[{where}] {name} has {len(value)} values but the optimizer has {groups} parameter groups")
    return [check(where, f"{name}[{i}]", item) for i, item in enumerate(value)]
