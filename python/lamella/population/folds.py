"""Rows to learn from and rows to be measured on, in several ways: cross-validation."""

from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check
from lamella.population.rows import checked_rows
from lamella.trainer.order import epoch_rng

#: Stream of random numbers, beside those of an epoch and of drawn rows.
_FOLDS = 4


def fold_rows(folds: Any, n: int, targets: Array, seed: int, where: str, name: str = "cv") -> list[tuple[Array, Array]]:
    """Row numbers (train, test) of each fold.

    Parameters
    ----------
    folds : int, sequence of (train, test), or object with ``split(X, y)``
        Of a number, each row is tested once; folds differ by one row at most. Splitters are those of scikit-learn.
    n : int
        Rows there are.
    targets : ndarray
        As the loss takes them. Classes (one integer a row, or one yes or no) are stratified: each has the same share of
        each fold, but for one row at most.
    seed : int
        Rows are dealt in random order.
    where, name : str
        Of what ``folds`` is an argument, and its name there; for errors.
    """
    if isinstance(folds, (int, np.integer, float, str)):
        count = _check.integer(where, name, folds, 2)
        if count > n:
            raise ValueError(f"[{where}] {name} is {count} but there are {n} rows")
        return _dealt(count, n, targets, seed)
    pairs = list(folds.split(np.zeros((n, 1)), targets)) if hasattr(folds, "split") else folds
    if not isinstance(pairs, (list, tuple)):
        raise TypeError(
            f"[{where}] {name} is {folds!r:.80} but must be a number of folds, a list of (train, test) rows, or have a "
            "method split(X, y)"
        )
    if len(pairs) == 0:
        raise ValueError(f"[{where}] {name} is an empty list")
    return [_checked_pair(pair, f"{name}[{place}]", n, where) for place, pair in enumerate(pairs)]


def _dealt(count: int, n: int, targets: Array, seed: int) -> list[tuple[Array, Array]]:
    rng = epoch_rng(seed, 0, _FOLDS)
    order = rng.permutation(n)
    labels = targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets
    if labels.ndim == 1 and (labels.dtype.kind in "iu" or np.isin(labels, (-1, 0, 1)).all()):
        order = order[np.argsort(labels[order], kind="stable")]  # class by class: dealt in turns, all get their share
    fold_of = np.empty(n, np.int64)
    fold_of[order] = np.arange(n) % count
    return [(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(count)]


def _checked_pair(pair: Any, name: str, n: int, where: str) -> tuple[Array, Array]:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise TypeError(f"[{where}] {name} is {pair!r:.80} but must be (train rows, test rows)")
    train, test = (
        checked_rows(f"{name} {part} rows", rows, n, where) for part, rows in zip(("train", "test"), pair, strict=True)
    )
    shared = np.intersect1d(train, test)
    if len(shared):
        raise ValueError(f"[{where}] {name} has row {shared[0]} both to train and to test on")
    return train, test
