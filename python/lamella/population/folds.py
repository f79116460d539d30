"""Rows to learn from and rows to be measured on, in several ways: cross-validation."""

from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check
from lamella.population.rows import checked_rows
from lamella.trainer.order import epoch_rng

#: Stream of random numbers, beside those of an epoch and of drawn rows.
_FOLDS = 4


def given_folds(cv: Any, n: int, y: Any, where: str) -> int | list[Any]:
    """How many folds of n rows, or which.

    Parameters
    ----------
    cv : int, sequence of (train, test), or object with ``split(X, y)``
        Splitters are those of scikit-learn.
    n : int
    y : array-like
        What a splitter is given.
    where : str
    """
    if isinstance(cv, (list, tuple)):
        if not cv:
            raise ValueError(f"[{where}] cv is an empty list")
        return list(cv)
    if hasattr(cv, "split") and not isinstance(cv, str):
        return list(cv.split(np.zeros((n, 1)), y))
    count = _check.integer(where, "cv", cv, 2)
    if count > n:
        raise ValueError(f"[{where}] cv is {count} but there are {n} rows")
    return count


def fold_rows(folds: int | list[Any], n: int, targets: Array, seed: int, where: str) -> list[tuple[Array, Array]]:
    """Row numbers (train, test) of each fold that :func:`given_folds` gave.

    Parameters
    ----------
    folds : int or list
        Of a number, each row is tested once; folds differ by one row at most.
    n : int
        Rows there are.
    targets : ndarray
        As the loss takes them. Classes (one integer a row, or one yes or no) are stratified: each has the same share of
        each fold, but for one row at most.
    seed : int
        Rows are dealt in random order.
    where : str
    """
    if isinstance(folds, int):
        return _dealt(folds, n, targets, seed)
    return [_checked_pair(pair, f"cv[{place}]", n, where) for place, pair in enumerate(folds)]


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
