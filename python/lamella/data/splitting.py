"""Divides rows among training, validation and test."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamella.nn import _check

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
    validation, test : float or int
        Shares of the rows, or, as integers, numbers of rows. A share above 0 gives at least one row.
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
    if isinstance(share, int):
        return share
    return max(1, round(n * share)) if share > 0 else 0


def _deal(order: Rows, count: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """``count`` rows at even distances along ``order``, and the others."""
    taken = np.zeros(len(order), bool)
    if count:
        taken[np.floor((np.arange(count) + rng.random()) * (len(order) / count)).astype(np.int64)] = True
    return order[taken], order[~taken]


def split(
    *arrays: Any, test: float = 0.15, validation: float = 0.1, stratify: Any = None, seed: int = 0
) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
    """Divide rows at random: ``train, held_out, test = split(x, y)``, then ``fit(*train, validation_data=held_out)``.

    Parameters
    ----------
    *arrays : array-like, frame or scipy.sparse matrix
        Of as many rows each: x and y, perhaps sample weights. What they are, their parts are, too (lists: arrays).
    test, validation : float or int, default 0.15 and 0.1
        A share of all rows in [0, 1) (at least one row, if it is not 0), or as an int their number.
    stratify : array-like, (n,), optional
        Classes, of which each part is to have as large a share as all have, to one row. Each is in the training part
        at least once.
    seed : int, default 0
        The same seed gives the same parts.

    Returns
    -------
    tuple of three tuples
        For training, validation and test: a part of each array, rows in the order they had.

    Raises
    ------
    ValueError
        If lengths differ, or nothing is left to train on.
    """
    where = "lm.data.split"
    if not arrays:
        raise TypeError(f"[{where}] there is nothing to divide: pass x, or x and y")
    lengths = [_length(array, where) for array in arrays]
    n = lengths[0]
    if len(set(lengths)) > 1:
        raise ValueError(f"[{where}] the arrays have {', '.join(map(str, lengths))} rows but must have as many each")
    parts = [_share(where, name, value, n) for name, value in (("test", test), ("validation", validation))]
    seed = _check.integer(where, "seed", seed, 0)
    if sum(_count(n, part) for part in parts) >= n:
        raise ValueError(f"[{where}] test is {test!r} and validation {validation!r} of {n} rows: none is left to train")
    labels = None
    if stratify is not None:
        labels = np.unique(np.asarray(stratify), return_inverse=True)[1].reshape(-1).astype(np.int64)
        if len(labels) != n or np.ndim(stratify) != 1:
            raise ValueError(f"[{where}] stratify has shape {np.shape(stratify)} but {(n,)} is expected, a class a row")
    rows = split_rows(n, parts[1], parts[0], seed, labels)
    training, held_out, tested = (
        tuple(_take(array, part) for array in arrays) for part in (rows.training, rows.validation, rows.test)
    )
    return training, held_out, tested


def _share(where: str, name: str, value: Any, n: int) -> float:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return _check.integer(where, name, value, 0)
    return _check.number(where, name, value, 0, 1, open_end=True)


def _length(array: Any, where: str) -> int:
    shape = getattr(array, "shape", None)
    if shape == ():
        raise ValueError(f"[{where}] an array has shape () but rows are expected")
    return int(shape[0]) if shape is not None else len(array)


def _take(array: Any, rows: Rows) -> Any:
    if hasattr(array, "tocsr"):
        return array.tocsr()[rows]
    if hasattr(array, "iloc"):  # pandas
        return array.iloc[rows]
    return array[rows] if hasattr(array, "shape") else np.asarray(array)[rows]
