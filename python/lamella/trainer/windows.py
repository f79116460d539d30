"""Chunks of any size, cut into windows of one size, as the kernels take them."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from lamella._arrays import Array, check_finite, check_indices, is_sparse
from lamella.trainer.samples import Samples


class Rows(NamedTuple):
    """Some rows of a source: targets and weights as kernels take them, features still as they came."""

    x: Any
    target: Array
    weight: Array | None
    where: str  # for error messages


class Layout(NamedTuple):
    """What the windows of a source are like."""

    width: int
    dtype: np.dtype[Any]
    finite: bool  # whether NaN and infinite values are refused
    columns: Any = None  # names of the features
    indices: tuple[tuple[int, int], ...] = ()  # columns that are indices, see check_indices


class _Window:
    """Rows that are being filled in."""

    def __init__(self, room: int, first: Rows, layout: Layout) -> None:
        self.x = np.empty((room, layout.width), layout.dtype)
        self.target = np.empty((room, *first.target.shape[1:]), first.target.dtype)
        self.weight = None if first.weight is None else np.empty(room, layout.dtype)
        self.filled, self._layout = 0, layout

    def take(self, rows: Rows, begin: int) -> int:
        """Copy rows from ``begin`` on, as many as there is room for: their number."""
        n = min(len(self.x) - self.filled, len(rows.target) - begin)
        own, given = slice(self.filled, self.filled + n), slice(begin, begin + n)
        x = rows.x[given]
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            self.x[own] = x.toarray() if is_sparse(x) else x
        if self._layout.finite:
            check_finite(self.x[own], "x", rows.where, self._layout.columns, first=begin)
        check_indices(self.x[own], list(self._layout.indices), "x", rows.where, first=begin)
        self.target[own] = rows.target[given]
        if self.weight is not None and rows.weight is not None:
            self.weight[own] = rows.weight[given]
        self.filled += n
        return n

    def samples(self, begin: int, end: int) -> Samples:
        """Some of the rows."""
        return Samples(
            self.x[begin:end], self.target[begin:end], None if self.weight is None else self.weight[begin:end]
        )


def windows(parts: Iterable[Rows], rows: int, ahead: int, layout: Layout) -> Iterator[tuple[Samples, bool]]:
    """Windows of ``rows`` rows, and whether others follow, ``ahead`` rows at least; the last one has all the rest."""
    window: _Window | None = None
    for part in parts:
        begin = 0
        while begin < len(part.target):
            if window is None:
                window = _Window(rows + ahead, part, layout)
            begin += window.take(part, begin)
            if window.filled == rows + ahead:
                yield window.samples(0, rows), True
                rest = window.samples(rows, rows + ahead)
                window = _Window(rows + ahead, part, layout)
                window.take(Rows(rest.x, rest.target, rest.weight, part.where), 0)
    if window is not None:
        yield window.samples(0, window.filled), False
