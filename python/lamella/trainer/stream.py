"""Rows that are read from a source, where :class:`Samples` has them in arrays."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella._arrays import Array, as_features, is_plain, is_sparse
from lamella.data.memory import Arrays, pieces
from lamella.data.source import Chunk, Source
from lamella.trainer.prefetch import Prefetch
from lamella.trainer.samples import targets_of, weights_of
from lamella.trainer.windows import Layout, Rows, windows

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer

#: Rows and bytes that are read, converted and trained on in one go, where rows stay in order; and where they do not.
_AT_ONCE, _AT_ONCE_BYTES = 4096, 2**24
_SHUFFLED, _SHUFFLED_BYTES = 65536, 2**25


class Stream:
    """Rows of a source that come in chunks.

    Parameters
    ----------
    trainer : Trainer
    source : Source
    where : str
    finite : bool
        Whether NaN and infinite values are refused.
    """

    def __init__(self, trainer: "Trainer", source: Source, where: str, finite: bool = True) -> None:
        self.source, self._where, self._finite = source, where, finite
        self._model, self._loss = trainer.model, trainer.loss
        self._columns, self._indices = source.columns, tuple[tuple[int, int], ...]()
        self._kind: Any = None
        self._shown: Array | None = None
        self.first = self._first()
        self.width = int(self.first.x.shape[1])
        self._kind, self._weighted = self._loss.kind_of(self.first.target), self.first.weight is not None

    def _first(self) -> Rows:
        chunk = self.source.first()
        if chunk is None:
            raise ValueError(f"[{self._where}] x ({self.source!r}) has no rows")
        if self._columns is None:
            self._columns = getattr(chunk.x, "columns", None)
        return self._rows(chunk)

    # What Samples has, too.

    @property
    def count(self) -> int | None:
        """How many rows there are, if that is known."""
        return self.source.rows

    @property
    def target(self) -> Array:
        """Some targets, which show of what kind all are."""
        return self.first.target if self._shown is None else self._shown

    def show(self, target: Array) -> None:
        """Have :attr:`target` show these, where the targets that are trained on are made of those that are read."""
        self._shown = target

    @property
    def targets(self) -> Array:
        """All that are known."""
        return self.first.target

    def check_indices(self, columns: list[tuple[int, int]], where: str) -> None:
        """Have rows refused, when they come, that have no index in such a column."""
        self._indices = tuple(columns)

    def measure(self, trainer: "Trainer") -> dict[str, float]:
        """Loss and score of all rows in evaluation mode."""
        self.check_indices(trainer.model.forward_pass(self.width).indices, self._where)
        summed = trainer.loss.reduction == "sum"
        value = weight = score = scored = 0.0
        rows, layout = self.window_rows(1, shuffled=False), self.layout
        with Prefetch(lambda closed: windows(self.parts(closed=closed), rows, 1, layout)) as ready:
            for samples, _ in ready:
                found = trainer.loss.found(trainer.model.predict(samples.x), samples.target, samples.weight)
                value += found.value if summed else found.value * found.weight
                weight += found.weight
                score += found.score * found.scored
                scored += found.scored
        return {"loss": value if summed else value / (weight or 1), trainer.loss.score_name: score / (scored or 1)}

    # Reading.

    @property
    def repeats(self) -> bool:
        """Whether there is more than one epoch."""
        return self.source.repeats

    @property
    def ordered(self) -> bool:
        """Whether rows can be taken in any order that is asked for."""
        return False

    @property
    def layout(self) -> Layout:
        """Of windows."""
        return Layout(self.width, self._model.store().dtype, self._finite, self._columns, self._indices)

    def window_rows(self, batch_size: int, shuffled: bool) -> int:
        """Rows that lie in memory at a time: whole batches."""
        most, most_bytes = (_SHUFFLED, _SHUFFLED_BYTES) if shuffled else (_AT_ONCE, _AT_ONCE_BYTES)
        wanted = self.source.shuffle_rows if shuffled else None
        if wanted is None:
            wanted = max(1, min(most, most_bytes // (self.width * self._model.store().dtype.itemsize)))
        return -(-wanted // batch_size) * batch_size

    def parts(
        self, order: Array | np.random.Generator | None = None, closed: Callable[[], bool] = lambda: False
    ) -> Iterator[Rows]:
        """All rows, checked; in an order drawn from a generator as far as the source has a choice.

        Until ``closed()``: a window may take a slow source long.
        """
        rng = order if isinstance(order, np.random.Generator) else None
        for chunk in self.source.chunks(rng):
            if closed():
                return
            if (chunk.x.shape[0] if hasattr(chunk.x, "shape") else len(chunk.x)) > 0:
                yield self._rows(chunk)

    def _rows(self, chunk: Chunk) -> Rows:
        where = f"{self._where}, {chunk.place}" if chunk.place else self._where
        x = self._features(chunk.x, where)
        n, width = x.shape
        if chunk.y is None:
            raise ValueError(f"[{where}] x ({self.source!r}) gives no targets")
        target = targets_of(self._model, self._loss, chunk.y, n, width, where)
        weight = weights_of(self._model, chunk.weight, n, where)
        if self._kind is not None:
            if width != self.width:
                raise ValueError(f"[{where}] x has {width} features but the first rows had {self.width}")
            if self._loss.kind_of(target) != self._kind:
                raise ValueError(f"[{where}] y has targets of another kind than the first rows had")
            if (weight is not None) != self._weighted:
                raise ValueError(f"[{where}] sample_weight must come with all rows or with none")
        if self._finite and target.dtype.kind == "f" and not np.isfinite(target).all():
            row = int(np.argmin(np.isfinite(target).reshape(n, -1).all(axis=1)))
            raise ValueError(f"[{where}] y has NaN or infinite values (first at row {row})")
        return Rows(x, target, weight, where)

    def _features(self, x: Any, where: str) -> Any:
        """As an array, or a sparse matrix of which rows can be taken."""
        expected = self._model.input_width()
        if not is_sparse(x):
            return as_features(x, self._model.store().dtype, expected, "x", where)
        if x.ndim != 2 or x.shape[0] == 0 or (expected is not None and x.shape[1] != expected):
            features = "features" if expected is None else str(expected)
            raise ValueError(f"[{where}] x has shape {x.shape} but (n, {features}) is expected")
        return x.tocsr()


class Gathered(Stream):
    """Rows of arrays that are converted some at a time: sparse ones, mapped ones of another dtype, augmented ones."""

    def __init__(self, trainer: "Trainer", given: Arrays, where: str, finite: bool = True) -> None:
        self._given = given
        super().__init__(trainer, given, where, finite)

    def _first(self) -> Rows:
        given, where = self._given, self._where
        self._x = self._features(given.x, where)
        n, width = self._x.shape
        if given.y is None:
            raise TypeError(f"[{where}] y is missing")
        self._all = targets_of(self._model, self._loss, given.y, n, width, where)
        self._weight = weights_of(self._model, given.weight, n, where)
        if self._finite:
            self._check_finite()
        return self._some(slice(0, 64))

    def _check_finite(self) -> None:
        stored = self._x.data if is_sparse(self._x) else None
        if stored is not None and not np.isfinite(stored).all():
            table = self._x.tocoo()
            bad = np.flatnonzero(~np.isfinite(table.data))[0]
            raise ValueError(
                f"[{self._where}] x has NaN or infinite values in column {table.col[bad]} "
                f"(first at row {table.row[bad]})"
            )
        if self._all.dtype.kind == "f" and not np.isfinite(self._all).all():
            row = int(np.argmin(np.isfinite(self._all).reshape(len(self._all), -1).all(axis=1)))
            raise ValueError(f"[{self._where}] y has NaN or infinite values (first at row {row})")

    def _some(self, rows: Any) -> Rows:
        weight = None if self._weight is None else self._weight[rows]
        return Rows(self._x[rows], self._all[rows], weight, self._where)

    @property
    def targets(self) -> Array:
        """All."""
        return self._all

    @property
    def ordered(self) -> bool:
        """Yes."""
        return True

    def parts(
        self, order: Array | np.random.Generator | None = None, closed: Callable[[], bool] = lambda: False
    ) -> Iterator[Rows]:
        """The rows of these numbers, or all as they lie."""
        rows = order if isinstance(order, np.ndarray) else None
        return (self._some(some) for some in pieces(len(self._all), rows))


def needs_reading(x: Any, dtype: np.dtype[Any]) -> bool:
    """Whether an array is not to be converted as a whole: it is sparse, or mapped and to be copied."""
    return is_sparse(x) or (isinstance(x, np.memmap) and not is_plain(x, dtype))


def as_source(x: Any, y: Any, weight: Any, dtype: np.dtype[Any], where: str) -> Source | None:
    """What these arguments have rows come from, if that is no plain array: x alone, or sparse or mapped arrays."""
    if needs_reading(x, dtype):
        return Arrays(x, y, weight)
    own = isinstance(x, Source)
    if y is None and not own and not hasattr(x, "shape") and (callable(x) or hasattr(x, "__iter__")):
        from lamella.data.iterables import batches

        x, own = batches(x), True
    if not own:
        if y is None:
            raise TypeError(f"[{where}] y is missing; x alone must be a source (lm.data) or an iterable of batches")
        return None
    if y is not None or weight is not None:
        name = "y" if y is not None else "sample_weight"
        raise TypeError(f"[{where}] {name} is given beside a source ({type(x).__name__}), which has its own")
    assert isinstance(x, Source)
    return x


def stream_of(trainer: "Trainer", source: Source, where: str, finite: bool = True) -> Stream:
    """Its rows, in any order if it has them all in memory."""
    kind = Gathered if isinstance(source, Arrays) else Stream
    return kind(trainer, source, where, finite)  # type: ignore[arg-type]
