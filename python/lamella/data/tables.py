"""Tables in Parquet and CSV files, read by pyarrow in chunks, as sources."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.data.source import Chunk, Source
from lamella.nn import _check

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
#: For columns of text: the number of each value.
Mappings = Mapping[str, Mapping[Any, float]]


def _pyarrow(where: str) -> Any:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(f'[{where}] pyarrow is not installed: pip install "lamella[data]"') from error
    return pyarrow


class Table(Source):
    """Columns of files; subclasses read a kind of file."""

    where: str

    def __init__(
        self,
        paths: Paths,
        target: str | Sequence[str] | None,
        columns: Sequence[str] | None,
        sample_weight: str | None,
        mapping: Mappings | None,
        chunk_rows: int,
        shuffle_rows: int | None,
    ) -> None:
        where = self.where
        self._arrow = _pyarrow(where)
        self.paths = _files(paths, where)
        self.chunk_rows = _check.integer(where, "chunk_rows", chunk_rows, 1)
        self.shuffle_rows = None if shuffle_rows is None else _check.integer(where, "shuffle_rows", shuffle_rows, 1)
        self._mapping = {name: dict(values) for name, values in (mapping or {}).items()}
        schema = self._schema(self.paths[0])
        self._target, self._weight = target, sample_weight
        self._targets = [] if target is None else [target] if isinstance(target, str) else list(target)
        beside = {*self._targets, *([] if sample_weight is None else [sample_weight])}
        self.columns = [name for name in schema.names if name not in beside] if columns is None else list(columns)
        self._needed = list(dict.fromkeys([*self.columns, *self._targets, *sorted(beside - {*self._targets})]))
        for path in self.paths:
            self._check(schema if path == self.paths[0] else self._schema(path), path)

    def _check(self, schema: Any, path: str) -> None:
        where, types = self.where, self._arrow.types
        missing = [name for name in [*self._needed, *self._mapping] if name not in schema.names]
        if missing:
            raise ValueError(f"[{where}] {path} has no column {', '.join(missing)}; it has {', '.join(schema.names)}")
        if not self.columns:
            raise ValueError(f"[{where}] {path} has no columns left for features")
        kinds = {name: schema.field(name).type for name in self._needed if name not in self._mapping}
        bad = [
            f"{name} ({kind})"
            for name, kind in kinds.items()
            if not (
                types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)
            )
        ]
        if bad:
            name = bad[0].split(" (")[0]
            raise TypeError(
                f"[{where}] {path} has columns that are not numbers: {', '.join(bad)}; leave them out by columns=[...] "
                f'or say the number of each value: mapping={{"{name}": {{"a": 0, "b": 1}}}}'
            )

    def _schema(self, path: str) -> Any:
        """Names and types of a file's columns."""
        raise NotImplementedError

    def _tables(self, rng: np.random.Generator | None) -> Iterator[tuple[Any, str]]:
        """Record batches, and the files that they are of."""
        raise NotImplementedError

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[Chunk]:
        """All rows; files (and row groups of Parquet) in random order if there is an ``rng``."""
        for table, path in self._tables(rng):
            for begin in range(0, table.num_rows, self.chunk_rows):
                yield self._chunk(table.slice(begin, self.chunk_rows), path)

    def _chunk(self, table: Any, path: str) -> Chunk:
        numbers = {name: self._numbers(table.column(name), name, path) for name in self._needed}
        x = _side_by_side([numbers[name] for name in self.columns or ()])
        y = None
        if self._targets:
            single = isinstance(self._target, str)
            y = numbers[self._targets[0]] if single else _side_by_side([numbers[name] for name in self._targets])
        return Chunk(x, y, None if self._weight is None else numbers[self._weight], path)

    def _numbers(self, column: Any, name: str, path: str) -> Array:
        """A column as an array; what is missing is NaN."""
        arrow = self._arrow
        values = self._mapping.get(name)
        if values is None:
            if arrow.types.is_decimal(column.type) or arrow.types.is_boolean(column.type):
                column = column.cast(arrow.float64() if arrow.types.is_decimal(column.type) else arrow.int8())
            found: Array = column.to_numpy(zero_copy_only=False)
            return found
        if arrow.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        keys = arrow.array(list(values))
        try:
            places = arrow.compute.index_in(column, value_set=keys.cast(column.type))
        except arrow.ArrowInvalid as error:
            raise TypeError(f"[{self.where}] mapping of {name} has other values than {column.type}: {error}") from error
        if places.null_count:
            unknown = column.filter(places.is_null()).unique().to_pylist()
            raise ValueError(
                f"[{self.where}] {path}: {name} has values that mapping has no number for: "
                f"{', '.join(map(repr, unknown[:5]))}"
            )
        numbers: Array = np.array(list(values.values()), np.float64)[places.to_numpy(zero_copy_only=False)]
        return numbers


class Parquet(Table):
    """See :func:`parquet`."""

    where = "lm.data.parquet"

    @cached_property
    def rows(self) -> int:  # type: ignore[override]
        """From the files' footers."""
        return sum(self._open(path).metadata.num_rows for path in self.paths)

    def _open(self, path: str) -> Any:
        try:
            return self._arrow.parquet.ParquetFile(path)
        except self._arrow.ArrowInvalid as error:
            raise ValueError(f"[{self.where}] {path} is no Parquet file: {error}") from error

    def _schema(self, path: str) -> Any:
        with self._open(path) as file:
            return file.schema_arrow

    def _tables(self, rng: np.random.Generator | None) -> Iterator[tuple[Any, str]]:
        for path in _ordered(self.paths, rng):
            with self._open(path) as file:
                for group in _ordered(range(file.num_row_groups), rng):
                    for table in file.iter_batches(self.chunk_rows, row_groups=[group], columns=self._needed):
                        yield table, path


class Csv(Table):
    """See :func:`csv`."""

    where = "lm.data.csv"

    def __init__(self, *arguments: Any, delimiter: str) -> None:
        self._delimiter = delimiter
        super().__init__(*arguments)

    def _open(self, path: str, types: Mapping[str, Any] | None = None) -> Any:
        csv = self._arrow.csv
        options = csv.ConvertOptions()
        if types is not None:
            options = csv.ConvertOptions(column_types=types, include_columns=list(types))
        try:
            return csv.open_csv(
                path, parse_options=csv.ParseOptions(delimiter=self._delimiter), convert_options=options
            )
        except self._arrow.ArrowInvalid as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: str, error: Exception) -> ValueError:
        return ValueError(f"[{self.where}] {path} cannot be read: {error}")

    def _schema(self, path: str) -> Any:
        with self._open(path) as file:
            arrow, schema = self._arrow, file.schema
            for index, field in enumerate(schema):
                if arrow.types.is_null(field.type):  # nothing in there yet: what is missing is NaN
                    schema = schema.set(index, field.with_type(arrow.float64()))
            return schema

    def _tables(self, rng: np.random.Generator | None) -> Iterator[tuple[Any, str]]:
        arrow = self._arrow
        # The first rows of a file may look like integers or be empty where later ones are not.
        for path in _ordered(self.paths, rng):
            schema = self._schema(path)
            types = {name: arrow.float64() for name in self._needed}
            types.update({name: arrow.bool_() for name in types if arrow.types.is_boolean(schema.field(name).type)})
            types.update({name: arrow.string() for name in self._mapping})
            with self._open(path, types) as file:
                while True:
                    try:
                        table = file.read_next_batch()
                    except StopIteration:
                        break
                    except arrow.ArrowInvalid as error:
                        raise self._unreadable(path, error) from error
                    yield table, path


def _ordered(items: Sequence[Any], rng: np.random.Generator | None) -> Iterable[Any]:
    return items if rng is None else [items[index] for index in rng.permutation(len(items))]


def _side_by_side(columns: list[Array]) -> Array:
    """Columns as a table, of float32 if that holds them all."""
    exact = all(np.can_cast(column.dtype, np.float32) for column in columns)
    table = np.empty((len(columns[0]), len(columns)), np.float32 if exact else np.float64)
    for index, column in enumerate(columns):
        table[:, index] = column
    return table


def _files(paths: Paths, where: str) -> list[str]:
    """The files that are meant; patterns with a star, and folders' files, in alphabetical order."""
    found: list[str] = []
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else list(paths):
        name = os.fspath(path)
        if not os.path.exists(name) and glob.has_magic(name):
            found += sorted(glob.glob(name, recursive=True))
        else:
            found.append(name)
    if not found:
        raise FileNotFoundError(f"[{where}] there is no file {paths!r}")
    for name in found:
        if not os.path.isfile(name):
            raise FileNotFoundError(f"[{where}] there is no file {name}")
    return found


def parquet(
    paths: Paths,
    target: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    *,
    sample_weight: str | None = None,
    mapping: Mappings | None = None,
    chunk_rows: int = 16384,
    shuffle_rows: int | None = None,
) -> Parquet:
    """Parquet files, read some rows at a time.

    Parameters
    ----------
    paths : path, or list of paths
        Several files with the same columns are one set. ``"part-*.parquet"`` stands for all that match.
    target : str or list of str, optional
        Column, or columns (n, targets), to predict. None: there are none, which is enough to predict.
    columns : list of str, optional
        Features, in that order. By default all other columns, in the order of the first file. Naming the same for
        ``target`` trains an autoencoder.
    sample_weight : str, optional
        Column that says what each row counts.
    mapping : dict of column to dict, optional
        Numbers for the values of columns of text: ``{"town": {"Bern": 0, "Basel": 1}}``, for an
        ``nn.Embedding``, or labels.
    chunk_rows : int, default 16384
        Rows read at a time.
    shuffle_rows : int, optional
        See :class:`Source`. Where training shuffles, files and their row groups come in random order, and rows in
        random order within windows of so many.

    Returns
    -------
    Source

    Raises
    ------
    FileNotFoundError, ImportError
        If pyarrow is not there: ``pip install "lamella[data]"``.
    TypeError
        If columns of text or dates are not left out or mapped. Missing values are NaN, which training refuses.
    ValueError
        If a file has no such columns, or is no Parquet file.
    """
    return Parquet(paths, target, columns, sample_weight, mapping, chunk_rows, shuffle_rows)


def csv(
    paths: Paths,
    target: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    *,
    sample_weight: str | None = None,
    mapping: Mappings | None = None,
    delimiter: str = ",",
    chunk_rows: int = 16384,
    shuffle_rows: int | None = None,
) -> Csv:
    """CSV files with a header, read some rows at a time (a MiB of text; ``.csv.gz`` is unpacked).

    What kind of values a column has is told from the first MiB of each file. Where training shuffles, files come in
    random order, and rows in random order within windows.

    Parameters
    ----------
    paths, target, columns, sample_weight, mapping, chunk_rows, shuffle_rows
        As for :func:`parquet`.
    delimiter : str, default ","
        One character.

    Returns
    -------
    Source

    Raises
    ------
    FileNotFoundError, ImportError, TypeError, ValueError
        As :func:`parquet`; ValueError, too, where a value turns out to be no number.
    """
    return Csv(paths, target, columns, sample_weight, mapping, chunk_rows, shuffle_rows, delimiter=delimiter)
