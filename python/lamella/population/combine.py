"""Predictions of many models, made one."""

from collections.abc import Iterable, Sequence

import numpy as np

from lamella._arrays import Array
from lamella.nn.loss import Loss


def mean(outputs: Iterable[Array], losses: Sequence[Loss]) -> Array:
    """Of what the outputs say as probabilities, or of the outputs themselves, added up in float64."""
    total: Array | None = None
    for own, loss in zip(outputs, losses, strict=True):
        said = loss.probabilities(own)
        total = said.astype(np.float64) if total is None else total + said
    assert total is not None
    result: Array = (total / len(losses)).astype(said.dtype)
    return result


def vote(outputs: Array, losses: Sequence[Loss], where: str) -> Array:
    """What most models decide by their (models, n, outputs).

    For each row a class (of equally many votes the first), or yes or no for each cell.
    """
    decided = [loss.decide(own) for own, loss in zip(outputs, losses, strict=True)]
    if decided[0].ndim == 1:
        rows = np.arange(len(decided[0]))
        counts = np.zeros((len(rows), outputs[0].shape[1]), np.int64)
        for own in decided:
            counts[rows, own] += 1
        classes: Array = counts.argmax(axis=1)
        return classes
    signs = decided[0].dtype.kind == "i"  # 1 and -1
    if decided[0].dtype.kind != "b" and not signs:
        raise ValueError(
            f'[{where}] combine is "vote" but {type(losses[0]).__name__} decides on no classes; use "mean" or None'
        )
    yes = np.sum([own > 0 for own in decided], axis=0) * 2 > len(decided)
    result: Array = np.where(yes, 1, -1) if signs else yes
    return result
