"""Settings that all optimizers have in common, and checks of settings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lamella.nn import _check

#: What every optimizer takes by keyword, for each group.
COMMON: dict[str, Any] = {
    "decay_bias": False,
    "l1": 0.0,
    "max_norm": None,
    "clip_value": None,
    "maximize": False,
}


def check_common(where: str, settings: Mapping[str, Any]) -> None:
    """Raise if a setting that all optimizers have is out of range."""
    for name in ("lr", "weight_decay", "l1"):
        _check.number(where, name, settings[name], 0)
    for name in ("decay_bias", "maximize"):
        _check.flag(where, name, settings[name])
    for name in ("max_norm", "clip_value"):
        positive_or_none(where, name, settings[name])


def positive_or_none(where: str, name: str, value: Any) -> float | None:
    """``value`` as a float above zero, infinity included, or None."""
    if value is None:
        return None
    if not (isinstance(value, float) and math.isinf(value)):
        _check.number(where, name, value)
    if not value > 0:
        raise ValueError(f"[{where}] {name} is {value!r} but must be above 0, or None")
    return float(value)


def check_tuple(where: str, name: str, value: Any, length: int) -> Sequence[Any]:
    """``value`` if it is a sequence of that many."""
    if not isinstance(value, (tuple, list)) or len(value) != length:
        expected = "a pair of numbers" if length == 2 else f"{length} numbers"
        raise TypeError(f"[{where}] {name} is {value!r} but must be {expected}")
    return value


def check_betas(where: str, settings: Mapping[str, Any], name: str = "betas") -> None:
    """Raise unless it is a pair of numbers in [0, 1)."""
    for index, beta in enumerate(check_tuple(where, name, settings[name], 2)):
        _check.number(where, f"{name}[{index}]", beta, 0, 1, open_end=True)


def beta_fields(settings: Mapping[str, Any], name: str = "betas") -> dict[str, float]:
    """The two fields of the kernels' structs."""
    beta1, beta2 = settings[name]
    return {"beta1": float(beta1), "beta2": float(beta2)}


def common_fields(settings: Mapping[str, Any], kind: str) -> dict[str, float]:
    """UpdateHyper; ``kind`` says what weight_decay is, see :meth:`Optimizer.decay`."""
    decay, clip = float(settings["weight_decay"]), settings["clip_value"]
    return {
        "step": 0.0,
        "lr": float(settings["lr"]),
        "sign": -1.0 if settings["maximize"] else 1.0,
        "clip_value": math.inf if clip is None else float(clip),
        "weight_decay": decay if kind == "coupled" else 0.0,
        "l1": float(settings["l1"]),
        "shrink": decay if kind == "decoupled" else 0.0,
    }
