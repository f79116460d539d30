"""Statistics of columns in float64, block by block: what is larger than memory is read once."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamella._arrays import Array, as_features, check_finite, is_sparse, to_array
from lamella.data.source import Source, feature_blocks

#: Elements of a block, 8 MiB in float64.
_BLOCK = 2**20

_F64 = np.dtype(np.float64)
_EPS = float(np.finfo(np.float64).eps)


def width_of(x: Any, where: str) -> int:
    """Columns of what :func:`blocks` takes, or an error."""
    if isinstance(x, Source):
        first = x.first()
        if first is None:
            raise ValueError(f"[{where}] x ({type(x).__name__}) has no rows")
        x = first.x
    return int((x if is_sparse(x) and x.ndim == 2 else _table(x, None, where)).shape[1])


def _table(x: Any, width: int | None, where: str) -> Array:
    array = to_array(x, "x", where)
    if array.ndim == 1:
        raise ValueError(
            f"[{where}] x has shape {array.shape} but (n, features) is expected; for one column, such as targets, pass "
            "x[:, None]"
        )
    if array.ndim == 2 and array.shape[1] == 0:
        raise ValueError(f"[{where}] x has no columns (x is {array.shape})")
    return as_features(array, _F64, width, "x", where)


def blocks(x: Any, width: int | None, where: str) -> Iterator[Array]:
    """(some, width) copies in float64 of so many rows of ``x`` at a time; ValueError where one is not finite."""
    seen = 0
    for part in feature_blocks(x, where) if isinstance(x, Source) or is_sparse(x) else [x]:
        if isinstance(x, Source) and len(part) == 0:
            continue
        table = _table(part, width, where)
        width = table.shape[1]
        rows = max(1, _BLOCK // width)
        for begin in range(0, len(table), rows):
            block = np.array(table[begin : begin + rows], _F64, order="C")
            check_finite(block, "x", where, getattr(x, "columns", None), first=seen + begin)
            yield block
        seen += len(table)
    if seen == 0:
        raise ValueError(f"[{where}] x ({type(x).__name__}) has no rows")


class Moments:
    """Mean and variance of columns: two passes over a block, blocks merged as by Chan, Golub & LeVeque 1979.

    Overflow gives results that are not finite, which callers look for. The variance of equal values is exactly 0.
    """

    def __init__(
        self, count: int = 0, mean: Array | float = 0.0, square: Array | float = 0.0, eps: float = _EPS
    ) -> None:
        self.count = count
        #: Rounding of what it began with.
        self.eps = eps
        self.mean: Array = np.asarray(mean)
        #: Sums of squared deviations from the mean.
        self.square: Array = np.asarray(square)

    def add(self, block: Array) -> None:
        """Take in (n, columns) of float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            first = block[0]
            deviations = block - first
            rest = deviations.mean(axis=0)
            deviations -= rest
            step = first + rest - self.mean
            share = len(block) / (self.count + len(block))
            self.mean = self.mean + step * share
            self.square = self.square + self._squares(deviations) + self._squares(step[None]) * (self.count * share)
        self.count += len(block)

    def _squares(self, deviations: Array) -> Array:
        total: Array = (deviations**2).sum(axis=0)
        return total

    @property
    def variance(self) -> Array:
        """The population's: of the rows themselves."""
        variance: Array = self.square / self.count
        return variance


class Covariance(Moments):
    """The same with all products of two columns: ``square`` and ``variance`` are (columns, columns)."""

    def _squares(self, deviations: Array) -> Array:
        products: Array = deviations.T @ deviations
        return products


class Extremes:
    """Smallest and largest value of columns."""

    def __init__(
        self, count: int = 0, least: Array | float = np.inf, most: Array | float = -np.inf, eps: float = _EPS
    ) -> None:
        self.count = count
        #: Rounding of what it began with.
        self.eps = eps
        self.least: Array = np.asarray(least)
        self.most: Array = np.asarray(most)

    def add(self, block: Array) -> None:
        """Take in (n, columns)."""
        self.least = np.minimum(self.least, block.min(axis=0))
        self.most = np.maximum(self.most, block.max(axis=0))
        self.count += len(block)


class Whole:
    """All rows, for what cannot be gathered."""

    eps = _EPS

    def __init__(self) -> None:
        self._blocks: list[Array] = []

    def add(self, block: Array) -> None:
        """Keep (n, columns)."""
        self._blocks.append(block)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self._blocks))

    @property
    def rows(self) -> Array:
        """A copy."""
        return np.concatenate(self._blocks)
