"""Batches from any Python iterable, as a source."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from lamella.data.source import Chunk, Source
from lamella.nn import _check


class Batches(Source):
    """See :func:`batches`."""

    def __init__(
        self, of: Iterable[Any] | Callable[[], Iterable[Any]], rows: int | None, shuffle_rows: int | None
    ) -> None:
        where = "lm.data.batches"
        if not callable(of) and not hasattr(of, "__iter__"):
            raise TypeError(f"[{where}] of is {of!r:.80} but must be an iterable, or a function that returns one")
        self._of, self._once = of, not callable(of) and isinstance(of, Iterator)
        self.rows = None if rows is None else _check.integer(where, "rows", rows, 1)
        self.shuffle_rows = None if shuffle_rows is None else _check.integer(where, "shuffle_rows", shuffle_rows, 1)
        self._ahead: deque[Chunk] = deque()  # read, but not given
        self.repeats = not self._once or rows is not None

    def first(self) -> Chunk | None:
        """The first chunk, which is given again."""
        if not self._once:
            return super().first()
        if not self._ahead:
            self._ahead.extend(itertools.islice(self._read(), 1))
        return self._ahead[0] if self._ahead else None

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[Chunk]:
        """All batches in their order, or so many rows of them."""
        if not self._once:
            self._ahead.clear()
        chunks = itertools.chain(self._drain(), self._read())
        if self.rows is None:
            yield from chunks
            return
        left = self.rows
        for chunk in chunks:
            n = _length(chunk.x)
            if n > left:
                self._ahead.append(_part(chunk, left, n))
                chunk, n = _part(chunk, 0, left), left
            yield chunk
            left -= n
            if left == 0:
                return

    def _drain(self) -> Iterator[Chunk]:
        while self._ahead:
            yield self._ahead.popleft()

    def _read(self) -> Iterator[Chunk]:
        for number, item in enumerate(self._of() if callable(self._of) else self._of):
            yield as_chunk(item, f"batch {number}")


def as_chunk(item: Any, place: str) -> Chunk:
    """A batch as users write it: x, (x,), (x, y) or (x, y, weight)."""
    if isinstance(item, Chunk):
        return item
    if not isinstance(item, (tuple, list)):
        if hasattr(item, "shape") and not isinstance(item, dict):
            return Chunk(item, place=place)
    elif 1 <= len(item) <= 3:
        return Chunk(*item)._replace(place=place)
    size = f" of {len(item)}" if isinstance(item, (tuple, list)) else ""
    raise TypeError(
        f"[lm.data.batches] {place} is a {type(item).__name__}{size} but must be (x, y) or (x, y, sample_weight)"
    )


def _length(array: Any) -> int:
    return int(array.shape[0]) if hasattr(array, "shape") else len(array)


def _part(chunk: Chunk, begin: int, end: int) -> Chunk:
    def rows(array: Any) -> Any:
        return None if array is None else getattr(array, "iloc", array)[begin:end]

    return Chunk(rows(chunk.x), rows(chunk.y), rows(chunk.weight), chunk.place)


def batches(
    of: Iterable[Any] | Callable[[], Iterable[Any]], rows: int | None = None, *, shuffle_rows: int | None = None
) -> Batches:
    """Batches of any sizes from a Python iterable: a generator, a function that makes one, a list, a DataLoader.

    ``Trainer.fit(iterable)`` without ``y`` is the same as ``fit(batches(iterable))``.

    Parameters
    ----------
    of : iterable, or function that returns one
        Of (x, y) or (x, y, sample_weight); to predict, of x or (x,) as well. Read on another thread. A function (such
        as a generator function) is called for each epoch, an iterable gone through anew; an iterator, such as what a
        generator function returns, gives its rows once. The first batch is looked at before the first epoch, for which
        a function is called once more.
    rows : int, optional
        End an epoch after so many rows; needed if ``of`` has no end. An iterator then goes on in the next epoch.
    shuffle_rows : int, optional
        See :class:`Source`. 1, or ``Trainer.fit(shuffle=False)``: rows stay in the order they come in.

    Returns
    -------
    Source
    """
    return Batches(of, rows, shuffle_rows)
