"""A model, a loss or an optimizer as the line of Python that makes it again."""

import inspect
from collections.abc import Mapping
from typing import Any

from lamella import nn
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import COMMON

#: Longest piece of an argument.
_LONGEST = 200


def model_code(model: Module, indent: str = "") -> str | None:
    """None where a layer is in Python, or refers to another one."""
    kind = type(model)
    if getattr(nn, kind.__name__, None) is not kind or kind is nn.PythonLayer:
        return None
    arguments = _arguments(kind, model.config())
    if arguments is None:
        return None
    inner = indent + "    "
    children = [model_code(child, inner) for _, child in model.children()]
    known = [child for child in children if child is not None]
    if len(known) < len(children):
        return None
    if not children:
        return f"nn.{kind.__name__}({_short(model, arguments)})"
    lines = [f"{inner}{child},\n" for child in [*known, *([arguments] if arguments else [])]]
    return f"nn.{kind.__name__}(\n{''.join(lines)}{indent})"


def _short(layer: Module, arguments: str) -> str:
    """Widths of a dense layer need no names."""
    return (
        arguments.replace("in_features=", "").replace("out_features=", "")
        if isinstance(layer, nn.Linear)
        else arguments
    )


def _arguments(kind: type, config: Mapping[str, Any]) -> str | None:
    if any(isinstance(value, Module) for value in config.values()):
        return None
    return ", ".join(f"{key}={value!r}" for key, value in unusual(kind, config).items())


def unusual(kind: type, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not what the constructor takes anyway."""
    usual = {name: parameter.default for name, parameter in inspect.signature(kind).parameters.items()}
    return {name: value for name, value in arguments.items() if not _same(usual.get(name, _NOTHING), value)}


_NOTHING = object()


def _same(usual: Any, value: Any) -> bool:
    return type(usual) is type(value) and bool(usual == value)


def loss_code(loss: Loss) -> str | None:
    """None where an argument is too long."""
    settings = {name: value for name, value in unusual(type(loss), loss.config()).items() if value is not None}
    code = f"nn.{type(loss).__name__}({', '.join(f'{key}={value!r}' for key, value in settings.items())})"
    return code if len(code) <= _LONGEST and getattr(nn, type(loss).__name__, None) is type(loss) else None


def optimizer_code(optimizer: Optimizer, rates: list[float]) -> str | None:
    """With the rates it began with; None where it has several groups."""
    from lamella import optim

    kind = type(optimizer)
    if len(optimizer.param_groups) != 1 or getattr(optim, kind.__name__, None) is not kind:
        return None
    own = {key: value for key, value in group_settings(optimizer.param_groups[0]).items() if key in _taken(kind)}
    settings = {"lr": rates[0], **unusual(kind, {key: value for key, value in own.items() if key != "lr"})}
    arguments = [f"{key}={value!r}" for key, value in settings.items() if key not in COMMON or value != COMMON[key]]
    arguments += [f"clip_norm={optimizer.clip_norm!r}"] if optimizer.clip_norm is not None else []
    return f"optim.{kind.__name__}({', '.join(['model.parameters()', *arguments])})"


def _taken(kind: type) -> set[str]:
    """Settings that its constructor takes: those of its own, and those of all."""
    return {*inspect.signature(kind).parameters, *COMMON}


def group_settings(group: Mapping[str, Any]) -> dict[str, Any]:
    """Of a parameter group, without the parameters."""
    return {key: value for key, value in group.items() if key != "params"}
