"""Vectors for integer columns."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter


class Embedding(Module):
    """A learned vector for each value of an integer column: y = weight[x].

    With ``columns`` for tables of categories and numbers: y has x's other columns first, as they are, and then the
    vectors of the columns named, in that order. Whole numbers in [0, num_embeddings) are expected there (as floats or
    integers); anything else is refused before anything is computed. The gradient of an index is zero.

    It reads the model's input: the first layer of a model, or of branches that start there.

    Shape: (n, 1) -> (n, embedding_dim), or (n, in_features) -> (n, in_features - columns + sum of embedding_dim).

    Parameters
    ----------
    num_embeddings : int or sequence of int
        Values that a column may have, at most 2**24 (the whole numbers of a float32); a sequence has one a column.
    embedding_dim : int or sequence of int
        Length of a column's vectors; a sequence has one a column.
    columns : sequence of int, optional
        Which columns of x are indices, each with a table of its own; negative ones count from the end. By default x is
        one such column, as for PyTorch's Embedding.
    in_features : int, optional
        Columns of x; needed with ``columns``.

    Attributes
    ----------
    weight : Parameter, (num_embeddings, embedding_dim)
        First values N(0, 1), as in PyTorch. With ``columns`` there is one a column: ``weight_3`` for column 3.

    Raises
    ------
    ValueError
        If sizes are out of range or do not fit together, or the layer does not read the model's input.
    """

    def __init__(
        self,
        num_embeddings: int | Iterable[int],
        embedding_dim: int | Iterable[int],
        columns: Iterable[int] | None = None,
        in_features: int | None = None,
    ) -> None:
        super().__init__()
        where = "Embedding"
        self._single = columns is None
        if columns is None:
            if in_features not in (None, 1):
                raise ValueError(
                    f"[{where}] in_features is {in_features!r} but columns does not say which of them are indices"
                )
            self.in_features = 1
            self.columns: tuple[int, ...] = (0,)
        else:
            if in_features is None:
                raise ValueError(f"[{where}] in_features is needed with columns: how many columns x has")
            self.in_features = _check.integer(where, "in_features", in_features, 1)
            self.columns = self._checked_columns(columns)
        self.num_embeddings = self._each(num_embeddings, "num_embeddings", 2**24 + 1)
        self.embedding_dim = self._each(embedding_dim, "embedding_dim", 2**31)
        for name, *shape in zip(self._names(), self.num_embeddings, self.embedding_dim, strict=True):
            setattr(self, name, Parameter((shape[0], shape[1]), _normal))

    def _checked_columns(self, columns: Iterable[int]) -> tuple[int, ...]:
        where = "Embedding"
        if isinstance(columns, (str, bytes)) or not isinstance(columns, Iterable):
            raise TypeError(f"[{where}] columns is {columns!r} but must be a sequence of integers")
        found = []
        for column in columns:
            given = _check.integer(where, "a column", column, -(2**63))
            if not -self.in_features <= given < self.in_features:
                raise ValueError(f"[{where}] column {given} is not among the in_features={self.in_features} columns")
            found.append(given % self.in_features)
        if not found or len(set(found)) < len(found):
            raise ValueError(f"[{where}] columns is {found} but must name one or more, each once")
        return tuple(found)

    def _each(self, value: int | Iterable[int], name: str, below: int) -> tuple[int, ...]:
        """One number a column."""
        if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
            return (_check.integer("Embedding", name, value, 1, below),) * len(self.columns)
        values = list(value)
        if len(values) != len(self.columns):
            raise ValueError(f"[Embedding] {name} has {len(values)} entries for {len(self.columns)} columns")
        return tuple(_check.integer("Embedding", name, item, 1, below) for item in values)

    def _names(self) -> list[str]:
        return ["weight"] if self._single else [f"weight_{column}" for column in self.columns]

    def input_width(self) -> int:
        """in_features."""
        return self.in_features

    def output_width(self, width: int | None) -> int:
        """Columns that are no indices, and all vectors."""
        return self.in_features - len(self.columns) + sum(self.embedding_dim)

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        if self._single:
            return {"num_embeddings": self.num_embeddings[0], "embedding_dim": self.embedding_dim[0]}
        return {
            "num_embeddings": list(self.num_embeddings),
            "embedding_dim": list(self.embedding_dim),
            "columns": list(self.columns),
            "in_features": self.in_features,
        }

    def _numbers(self) -> Iterator[tuple[int, int]]:
        """(first, width) of each run of columns that are no indices."""
        begin = 0
        for column in [*sorted(self.columns), self.in_features]:
            if column > begin:
                yield begin, column - begin
            begin = column + 1

    def emit(self, builder: Builder, x: Value) -> Value:
        """copy_columns for numbers and embedding_forward for indices, and back."""
        if builder.input is None or x.operand != builder.input.operand:
            raise ValueError(
                "[Embedding] it is not at the model's input: it must be the first layer (of the model, or of a branch "
                "that starts there), as its indices are checked there"
            )
        y = builder.value(self.output_width(None))
        ld = [y.width, x.width]
        at = 0
        for first, width in self._numbers():
            builder.forward("copy_columns", [y.operand, x.operand], [width, y.width, at, x.width, first])
            if x.wants_grad:
                builder.backward("copy_columns", [x.grad, y.grad], [width, x.width, first, y.width, at])
            at += width
        for index, column in enumerate(self.columns):
            table: Parameter = getattr(self, self._names()[index])
            count, width = self.num_embeddings[index], self.embedding_dim[index]
            builder.indices.append((column, count))
            sizes = [width, count, ld[0], at, ld[1], column]
            builder.forward("embedding_forward", [y.operand, x.operand, table.operand], sizes)
            builder.backward(
                "embedding_backward", [table.grad_operand, y.grad, x.operand], [*sizes, builder.accumulate]
            )
            if x.wants_grad:
                builder.backward("zero_columns", [x.grad], [1, x.width, column])
            at += width
        return y


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """N(0, 1), as PyTorch begins."""
    return rng.standard_normal(shape)
