"""Settings of many models: what they share, and what each has of its own."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, get_origin

import numpy as np

#: Settings that are an array for one model: one of its own for each is a row, or an item of a list.
_ARRAYS = ("weight", "pos_weight", "quantiles")


def spread(name: str, value: Any, n: int, where: str, like: Any = None) -> list[Any]:
    """The value for each of n models: an array or a list has one a model, anything else is shared.

    Parameters
    ----------
    name : str
        Names it in errors.
    value : object
    n : int
    where : str
    like : object
        What a value for one model looks like: if a sequence, then a sequence of numbers is shared, and one of
        sequences has one a model.
    """
    if isinstance(value, (range, Iterator)):
        value = list(value)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, (list, tuple, np.ndarray)):
        return [value] * n
    items = [_plain(item) for item in value]
    whole = not any(item is None or isinstance(item, (tuple, np.ndarray)) for item in items)
    if whole and isinstance(like, (list, tuple)):
        return [tuple(items)] * n
    if len(items) != n:
        raise ValueError(f"[{where}] {name} has {len(items)} values but there are {n} models")
    return items


def _plain(item: Any) -> Any:
    """An element of an array as the number it is; a row as a tuple."""
    if isinstance(item, np.ndarray) and item.ndim == 1:
        return tuple(entry.item() for entry in item)
    if isinstance(item, list):
        return tuple(item)
    return item.item() if isinstance(item, (np.generic, np.ndarray)) and np.ndim(item) == 0 else item


def spread_settings(
    name: str,
    settings: Mapping[str, Any] | None,
    maker: Callable[..., Any],
    n: int,
    where: str,
    skip: int = 0,
    common: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Keyword arguments of ``maker`` for each of n models.

    Parameters
    ----------
    name : str
        Of the argument that holds them, for errors.
    settings : mapping or None
    maker : callable
        A class or function.
    skip : int
        Arguments of it that come first, and are not settings.
    common : sequence of str
        Settings that it takes beside those in its signature.
    """
    if settings is None:
        return [{} for _ in range(n)]
    if not isinstance(settings, Mapping):
        raise TypeError(f"[{where}] {name} is {settings!r:.80} but must be a mapping of names to values")
    known, likes = arguments(maker, skip, common)
    columns: dict[str, list[Any]] = {}
    for key, value in settings.items():
        if known is not None and key not in known:
            called = getattr(maker, "__name__", repr(maker))
            raise ValueError(f"[{where}] {name} has {key!r} but {called} takes {', '.join(known)}")
        like = () if key in _ARRAYS else likes.get(key)
        columns[key] = spread(f"{name}[{key!r}]", value, n, where, like)
    return [{key: values[model] for key, values in columns.items()} for model in range(n)]


def arguments(maker: Callable[..., Any], skip: int, common: Sequence[str]) -> tuple[list[str] | None, dict[str, Any]]:
    """Names that ``maker`` takes by keyword, None if any; and what values look like: defaults, or () for sequences."""
    parameters = list(signature(maker).parameters.values())
    open_ended = any(p.kind == Parameter.VAR_KEYWORD for p in parameters) and not common
    named = [p for p in parameters[skip:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    likes = {p.name: p.default for p in named if p.default is not Parameter.empty}
    likes.update({p.name: () for p in named if get_origin(p.annotation) in (Iterable, Sequence)})
    return None if open_ended else [*(p.name for p in named), *common], likes
