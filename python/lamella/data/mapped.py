"""Memory-mapped .npy files as a source."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamella._arrays import Array, to_array
from lamella.data.source import Chunk, Source
from lamella.nn import _check


class Npy(Source):
    """See :func:`npy`."""

    def __init__(self, x: Any, y: Any, sample_weight: Any, block_rows: int | None, shuffle_rows: int | None) -> None:
        where = "lm.data.npy"
        self._x = _Parts(x, "x", where)
        self._y = None if y is None else _Parts(y, "y", where)
        self._weight = None if sample_weight is None else _Parts(sample_weight, "sample_weight", where)
        self.rows = self._x.rows
        for name, parts in (("y", self._y), ("sample_weight", self._weight)):
            if parts is not None and parts.rows != self.rows:
                raise ValueError(f"[{where}] x has {self.rows} rows but {name} has {parts.rows}")
        self._x.flatten()
        bytes_of_row = max(1, self._x.parts[0].shape[1] * self._x.parts[0].dtype.itemsize)
        self._block = _check.integer(where, "block_rows", block_rows or max(1, min(4096, 2**20 // bytes_of_row)), 1)
        self.shuffle_rows = None if shuffle_rows is None else _check.integer(where, "shuffle_rows", shuffle_rows, 1)

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[Chunk]:
        """Block by block; the blocks in random order if there is an ``rng``."""
        begins = [
            (begin, min(begin + self._block, end))
            for first, end in self._x.spans
            for begin in range(first, end, self._block)
        ]
        for number in range(len(begins)) if rng is None else rng.permutation(len(begins)):
            begin, end = begins[number]
            y = None if self._y is None else self._y.take(begin, end)
            weight = None if self._weight is None else self._weight.take(begin, end)
            yield Chunk(self._x.take(begin, end), y, weight, f"rows {begin}:{end}")


class _Parts:
    """Arrays one after the other, as if they were one."""

    def __init__(self, given: Any, name: str, where: str) -> None:
        several = isinstance(given, (list, tuple)) and all(
            isinstance(item, (str, os.PathLike, np.ndarray)) for item in given
        )
        items: Sequence[Any] = given if several else [given]
        self._name, self._where = name, where
        self.parts = [_opened(item, name, where) for item in items]
        shapes = {part.shape[1:] for part in self.parts}
        if len(shapes) != 1 or any(part.ndim == 0 for part in self.parts):
            raise ValueError(f"[{where}] {name} has parts of different shapes: {[part.shape for part in self.parts]}")
        ends = np.cumsum([len(part) for part in self.parts]).tolist()
        self.rows = int(ends[-1])
        self.spans = list(zip([0, *ends[:-1]], ends, strict=True))

    def flatten(self) -> None:
        """A row of features from each item, be it an image."""
        if self.parts[0].ndim < 2:
            raise ValueError(f"[{self._where}] x has shape {self.parts[0].shape} but (n, features) is expected")
        self.parts = [part.reshape(len(part), -1) for part in self.parts]

    def take(self, begin: int, end: int) -> Array:
        """Rows ``begin`` to ``end`` of all."""
        found = [
            part[max(begin - first, 0) : end - first]
            for part, (first, last) in zip(self.parts, self.spans, strict=True)
            if begin < last and end > first
        ]
        return found[0] if len(found) == 1 else np.concatenate(found)


def _opened(item: Any, name: str, where: str) -> Array:
    if not isinstance(item, (str, os.PathLike)):
        return to_array(item, name, where)
    try:
        found = np.load(item, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"[{where}] {name}: {os.fspath(item)} is no .npy file of numbers: {error}") from error
    if not isinstance(found, np.ndarray):
        raise ValueError(f"[{where}] {name}: {os.fspath(item)} is an .npz archive, which cannot be mapped; use .npy")
    return to_array(found, f"{name}: {os.fspath(item)}", where)


def npy(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    block_rows: int | None = None,
    shuffle_rows: int | None = None,
) -> Npy:
    """Memory-mapped ``.npy`` files, of which only what is read lies in memory.

    Parameters
    ----------
    x : path, list of paths, or array
        (n, features), of any numeric dtype, which is converted some rows at a time; (n, ...) is taken as rows of all
        that an item has, such as the pixels of images. Several files are one set. An array: ``np.memmap`` of a raw
        file, or one in memory.
    y, sample_weight : path, list of paths, or array, optional
        As long as ``x``; need not be divided into files as ``x`` is.
    block_rows : int, optional
        Where training shuffles, it takes blocks of so many rows in random order, and rows in random order within
        windows (``shuffle_rows``) of many blocks: disks are read in long runs. By default up to 4096, as many as take
        1 MiB. 1: rows wherever they lie.
    shuffle_rows : int, optional
        See :class:`Source`.

    Returns
    -------
    Source

    Raises
    ------
    FileNotFoundError
    ValueError
        If a file is no ``.npy`` file, or lengths differ.
    """
    return Npy(x, y, sample_weight, block_rows, shuffle_rows)
