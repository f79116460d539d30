"""Outputs of many models, side by side."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array, check_indices
from lamella.nn import _check
from lamella.nn.module import Module
from lamella.trainer.tables import Tables

#: Bytes of outputs that are held at once, where only what is made of them is wanted.
_OUTPUTS = 64 << 20

#: Rows of a block where nobody says how many.
_ROWS = 1024


def outputs_of(models: Sequence[Module], x: Any, batch_size: int, where: str) -> Array:
    """(models, n, outputs) in evaluation mode."""
    features, width = _checked(models, x, where)
    return _run(models, features, width, _check.integer(where, "batch_size", batch_size, 1))


def in_blocks(
    models: Sequence[Module], x: Any, batch_size: int, where: str, make: Callable[[Array, slice], Array]
) -> Array:
    """What ``make(outputs, rows)`` gives for blocks of rows, one after the other, so that few are held at once."""
    batch_size = _check.integer(where, "batch_size", batch_size, 1)
    features, width = _checked(models, x, where)
    n = len(features[0])
    rows = max(1, _OUTPUTS // (len(models) * width * features[0].itemsize))
    parts = []
    for begin in range(0, n, rows):
        block = slice(begin, min(begin + rows, n))
        shared = {id(own): own[block] for own in features}
        parts.append(make(_run(models, [shared[id(own)] for own in features], width, batch_size), block))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def in_groups(models: Sequence[Module], x: Any, where: str) -> Iterator[tuple[int, Array]]:
    """The number of a first model, and (some models, n, outputs) of it and those after it, until all had their turn."""
    features, width = _checked(models, x, where)
    count = max(1, _OUTPUTS // max(1, len(features[0]) * width * features[0].itemsize))
    for begin in range(0, len(models), count):
        some = slice(begin, begin + count)
        yield begin, _run(models[some], features[some], width, _ROWS)


def _checked(models: Sequence[Module], x: Any, where: str) -> tuple[list[Array], int]:
    """What each takes of x, the same array where they take it alike; and how many outputs they have."""
    tables = Tables(x, None, None, len(models), False, where)
    features = [tables.features(model) for model in models]
    passes = [model.forward_pass(own.shape[1]) for model, own in zip(models, features, strict=True)]
    widths = {each.outputs for each in passes}
    if len(widths) > 1:
        raise ValueError(f"[{where}] models have different numbers of outputs: {sorted(widths)}")
    for each, own in zip(passes, features, strict=True):
        check_indices(own, each.indices, "x", where)
    return features, widths.pop()


def _run(models: Sequence[Module], features: Sequence[Array], width: int, batch_size: int) -> Array:
    """Natively side by side, but for those with layers in Python and those of another dtype than the first."""
    result = np.empty((len(models), len(features[0]), width), features[0].dtype)
    native: dict[int, list[int]] = {}
    for place, (model, own) in enumerate(zip(models, features, strict=True)):
        if model.forward_pass(own.shape[1]).runner is None or own.dtype != result.dtype:
            result[place] = model.predict(own, batch_size)
        else:
            native.setdefault(id(own), []).append(place)
    for places in native.values():
        own = features[places[0]]
        runners = [models[place].forward_pass(own.shape[1]).runner for place in places]
        out = result if len(places) == len(models) else np.empty((len(places), *result.shape[1:]), result.dtype)
        _core.predict_side_by_side([r for r in runners if r is not None], own, out, batch_size)
        if out is not result:
            result[places] = out
    return result
