"""Arrays in memory, and sparse matrices, as a source."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamella._arrays import Array, is_sparse, to_array
from lamella.data.source import Chunk, Source

#: Rows of a chunk.
_ROWS = 4096


class Arrays(Source):
    """Rows that can be taken in any order: see :func:`arrays`."""

    def __init__(self, x: Any, y: Any = None, weight: Any = None) -> None:
        where = "lm.data.arrays"
        self.columns = getattr(x, "columns", None)
        self.x = x.tocsr() if is_sparse(x) else to_array(x, "x", where)
        self.y, self.weight = y, weight
        if len(self.x.shape) != 2:
            raise ValueError(f"[{where}] x has shape {self.x.shape} but (n, features) is expected")
        self.rows = self.x.shape[0]

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[Chunk]:
        """All rows; in random order if there is an ``rng``."""
        n = self.x.shape[0]
        y = None if self.y is None else to_array(self.y, "y", "lm.data.arrays")
        weight = None if self.weight is None else to_array(self.weight, "sample_weight", "lm.data.arrays")
        for rows in pieces(n, None if rng is None else rng.permutation(n)):
            yield Chunk(self.x[rows], None if y is None else y[rows], None if weight is None else weight[rows])


def pieces(n: int, order: Array | None) -> Iterator[Any]:
    """What to index arrays of n rows with, for some at a time: in that order, or as they lie."""
    for begin in range(0, n if order is None else len(order), _ROWS):
        rows = slice(begin, min(begin + _ROWS, n)) if order is None else order[begin : begin + _ROWS]
        yield rows


def arrays(x: Any, y: Any = None, sample_weight: Any = None) -> Arrays:
    """Arrays in memory as a source: ``fit(arrays(x, y))`` is ``fit(x, y)``, bit for bit.

    Parameters
    ----------
    x : array-like or scipy.sparse matrix, (n, features)
        A sparse one is made dense some rows at a time, never as a whole.
    y : array-like, optional
    sample_weight : array-like, (n,), optional

    Returns
    -------
    Source
    """
    return Arrays(x, y, sample_weight)
