"""Divides rows among training, validation and test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts, in the table's order."""

    training: Rows
    validation: Rows
    test: Rows


def split_rows(n: int, validation: float, test: float, seed: int, labels: NDArray[np.int64] | None = None) -> Split:
    """Divide at random; with ``labels`` so that each part has each class in proportion (stratified).

    Parameters
    ----------
    n : int
    validation, test : float
        Shares of the rows. A share above 0 gives at least one row.
    seed : int
    labels : ndarray, (n,), optional
        Classes. Each is in the training part at least once.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]  # class by class, at random within each
    test_rows, rest = _deal(order, _count(n, test), rng)
    validation_rows, training = _deal(rest, min(_count(n, validation), max(len(rest) - 1, 0)), rng)
    if labels is not None:
        for label in np.setdiff1d(labels, labels[training]):
            row = int(np.flatnonzero(labels == label)[0])
            training = np.append(training, row)
            validation_rows, test_rows = validation_rows[validation_rows != row], test_rows[test_rows != row]
    return Split(np.sort(training), np.sort(validation_rows), np.sort(test_rows))


def _count(n: int, share: float) -> int:
    return max(1, round(n * share)) if share > 0 else 0


def _deal(order: Rows, count: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """``count`` rows at even distances along ``order``, and the others."""
    taken = np.zeros(len(order), bool)
    if count:
        taken[np.floor((np.arange(count) + rng.random()) * (len(order) / count)).astype(np.int64)] = True
    return order[taken], order[~taken]
