"""Rows that come in chunks: the one interface between data of any kind and training."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lamella._arrays import Array, is_sparse, to_array

#: Bytes of a sparse matrix's rows that are made dense at a time.
_DENSE_BYTES = 2**24


class Chunk(NamedTuple):
    """Some rows of a source.

    Attributes
    ----------
    x : array-like or scipy.sparse matrix, (n, features)
        Of any numeric dtype.
    y : array-like, optional
        Targets, as the loss takes them; None: there are none, which is enough to predict.
    weight : array-like, (n,), optional
        What each row counts in the loss.
    place : str
        Where the rows come from, for error messages: "rows 0:4096 of x.npy".
    """

    x: Any
    y: Any = None
    weight: Any = None
    place: str = ""


class Source:
    """Base of the sources, and of your own: rows that need not fit into memory.

    A subclass gives :meth:`chunks`; all else has a default. ``Trainer.fit(source)``, ``Trainer.evaluate(source)``,
    ``predict(source)`` and ``validation_data=source`` take it in the place of arrays. Chunks may be of any size: they
    are cut into batches of just the size asked for, while the next ones are read on another thread.

    Attributes
    ----------
    rows : int or None
        How many rows :meth:`chunks` gives, if that is known.
    columns : sequence of str or None
        Names of the features, for error messages.
    shuffle_rows : int or None
        Where training shuffles: rows come in random order within windows of so many rows, which lie in memory. None: as
        many as take 32 MiB, at most 65,536. Windows are made of whole batches, that is, rounded up.
    repeats : bool
        Whether :meth:`chunks` may be called again, for a next epoch.
    """

    rows: int | None = None
    columns: Sequence[str] | None = None
    shuffle_rows: int | None = None
    repeats: bool = True

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[Chunk]:
        """All rows, once.

        Parameters
        ----------
        rng : Generator, optional
            Given where rows are to come in random order: a function of the model's seed and the epoch. A source that
            can, takes its parts (files, blocks) in an order drawn from it. None: in their own order.

        Yields
        ------
        Chunk
        """
        raise NotImplementedError

    def first(self) -> Chunk | None:
        """The first chunk, of which nothing is used up; None if there are no rows."""
        chunks = self.chunks()
        try:
            return next(chunks, None)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def __repr__(self) -> str:
        rows = "" if self.rows is None else f"{self.rows} rows"
        return f"{type(self).__name__}({rows})"


def feature_blocks(x: Any, where: str) -> Iterator[Array]:
    """The features of a source, or of a sparse matrix, as arrays of some rows, for predictions."""
    for chunk in x.chunks() if isinstance(x, Source) else [Chunk(x)]:
        if not is_sparse(chunk.x):
            rows = to_array(chunk.x, "x", f"{where}, {chunk.place}" if chunk.place else where)
            if rows.shape[:1] != (0,) or not isinstance(x, Source):
                yield rows
            continue
        rows = chunk.x.tocsr()
        step = max(1, _DENSE_BYTES // (8 * max(1, rows.shape[1])))
        yield from (rows[begin : begin + step].toarray() for begin in range(0, rows.shape[0], step))
