"""Nested dicts and lists with arrays in them, as JSON and a flat dict of arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lamella._arrays import Array


def pack(value: Any, arrays: dict[str, Array], path: str = "") -> Any:
    """``value`` as JSON holds it; its arrays go to ``arrays``, under their paths."""
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {"array": path}
    if isinstance(value, Mapping):
        items = [[key, pack(item, arrays, f"{path}/{key}" if path else str(key))] for key, item in value.items()]
        return {"items": items}
    if isinstance(value, (list, tuple)):
        items = [pack(item, arrays, f"{path}/{index}") for index, item in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    return value.item() if isinstance(value, np.generic) else value


def unpack(value: Any, arrays: Mapping[str, Array]) -> Any:
    """What :func:`pack` was given; ValueError if ``value`` makes no sense."""
    if isinstance(value, list):
        return [unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(value.items()), ("", None))
    if kind == "array" and isinstance(content, str) and content in arrays:
        return arrays[content]
    if kind == "tuple" and isinstance(content, list):
        return tuple(unpack(item, arrays) for item in content)
    if kind == "items" and isinstance(content, list) and all(map(_is_entry, content)):
        return {key: unpack(item, arrays) for key, item in content}
    raise ValueError(f"its state makes no sense at {value!r:.80}")


def _is_entry(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], (str, int))
