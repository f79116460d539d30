"""What layers share that scale columns by what a training set says of them, and their inverse."""

import copy
import warnings
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.fixed import Fixed, named
from lamella.nn.moments import blocks, width_of
from lamella.nn.parameter import Settings

S = TypeVar("S", bound="Scaler")
R = TypeVar("R", bound="RunningScaler")


class Statistics(Protocol):
    """What is gathered of a training set."""

    count: int
    eps: float

    def add(self, block: Array) -> None:
        """Take in (n, columns) of float64."""


class _Columns(Fixed):
    """What scaling and its inverse share: two numbers a column, an offset, and a pair of kernels.

    Attributes
    ----------
    center, scale : State, (features,)
    """

    kernel: str

    def __init__(self, features: int, offset: float = 0.0) -> None:
        super().__init__()
        self.features = _check.integer(type(self).__name__, "features", features, 1)
        self.offset = offset
        self.center, self.scale = self.fixed(self.features), self.fixed(self.features)
        self.settings = Settings(offset=offset)  # ScalingHyper

    def input_width(self) -> int:
        """Features."""
        return self.features

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer, as yet without values."""
        return {"features": self.features}

    def emit(self, builder: Builder, x: Value) -> Value:
        """<kernel>_forward; <kernel>_backward."""
        assert self.settings is not None
        self.require_values()
        y, size = builder.passing(x, self.features), [self.features]
        operands = [y.operand, x.operand, self.center.operand, self.scale.operand]
        builder.forward(f"{self.kernel}_forward", operands, size, self.settings.offset)
        if x.wants_grad:
            builder.backward(f"{self.kernel}_backward", [x.grad, y.grad, self.scale.operand], size)
        return y


class Unscale(_Columns):
    """y = (x - offset) scale + center: the inverse of a scaling, made by its ``inverse()``.

    For targets: train on scaled ones, then put this behind the trained model, which so predicts in their own units.

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    features : int
    offset : float, default 0
        What ``center`` was scaled to.

    Attributes
    ----------
    center, scale : State, (features,)
        Those of the scaling.
    """

    kernel = "unscale_columns"
    remedy = "make it by inverse() of a scaling layer"

    def __init__(self, features: int, offset: float = 0.0) -> None:
        super().__init__(features, _check.number("Unscale", "offset", offset))

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer, as yet without values."""
        return {"features": self.features, "offset": self.offset}


class Scaler(_Columns):
    """y = (x - center) / scale + offset, both by column, from a training set."""

    kernel = "scale_columns"
    remedy = "call fit(x) with the training set, or make it by of(x)"
    #: What it gathers.
    statistics: type[Any]

    def __init__(self, features: int, offset: float = 0.0) -> None:
        super().__init__(features, offset)
        #: Rows that the values were made from.
        self.samples_seen = 0

    @classmethod
    def of(cls: type[S], x: Any, **arguments: Any) -> S:
        """The layer for the columns of a training set, with the values that :meth:`fit` takes from it.

        Parameters
        ----------
        x : array-like, scipy.sparse matrix or Source, (n, features)
            As for :meth:`fit`.
        **arguments
            The layer's own, but for ``features``.
        """
        return cls(width_of(x, f"{cls.__name__}.of"), **arguments).fit(x)

    def fit(self: S, x: Any) -> S:
        """Take the values from a training set; returns the layer itself.

        Parameters
        ----------
        x : array-like, scipy.sparse matrix or Source (:mod:`lamella.data`), (n, features)
            Read once, in blocks of some MiB: a memory-mapped file or a source may be larger than memory. A vector of
            targets is a column: ``y[:, None]``.

        Raises
        ------
        ValueError
            If ``x`` has another shape, no rows, or values that are NaN or infinite (by column). Nothing is changed.
        """
        return self._gather(self.statistics(), x, "fit")

    def inverse(self) -> Unscale:
        """The layer that undoes this one, with copies of its values.

        Raises
        ------
        RuntimeError
            If there are no values yet.
        """
        self.require_values()
        layer = Unscale(self.features, self.offset)
        for own, other in ((self.center, layer.center), (self.scale, layer.scale)):
            values = own.detach()
            assert values is not None
            other.put(values)
        return layer

    def values(self, statistics: Any) -> tuple[Array, Array]:
        """Center and scale of what was gathered."""
        raise NotImplementedError

    def _gather(self: S, statistics: Statistics, x: Any, method: str) -> S:
        where = f"{type(self).__name__}.{method}"
        for block in blocks(x, self.features, where):
            statistics.add(block)
        with np.errstate(over="ignore", invalid="ignore"):
            center, scale = self.values(statistics)
        bad = np.flatnonzero(~np.isfinite(center) | ~np.isfinite(scale))
        if bad.size:
            raise ValueError(f"[{where}] the values of x in {named(bad)} are too large")
        self.center.put(center)
        self.scale.put(np.where(scale <= 10 * statistics.eps * np.abs(center), 0.0, scale))
        self.samples_seen = statistics.count
        return self

    def extra_state(self) -> dict[str, Array]:
        """How many rows there were."""
        return {"samples_seen": np.array(self.samples_seen, np.int64)}

    def check_extra_state(self, state: Mapping[str, Array], prefix: str, where: str) -> None:
        """A count: a number that is not negative."""
        count = state["samples_seen"]
        if count.dtype.kind not in "iuf" or not np.isfinite(count) or count < 0:
            name = f"{prefix}.samples_seen" if prefix else "samples_seen"
            raise ValueError(f"[{where}] {name} is {count} but must be a number of rows")

    def load_extra_state(self, state: Mapping[str, Array]) -> None:
        """Take it back."""
        self.samples_seen = int(state["samples_seen"])

    def emit(self, builder: Builder, x: Value) -> Value:
        """As its inverse; warns of columns whose differences the model's numbers are too coarse for."""
        y = super().emit(builder, x)
        center, scale = self.center.data, self.scale.data
        coarse = np.flatnonzero((scale != 0) & (np.abs(scale) < 4 * np.finfo(scale.dtype).eps * np.abs(center)))
        if coarse.size:
            warnings.warn(
                f"[{type(self).__name__}] {scale.dtype} cannot tell the values of {named(coarse)} apart, which differ "
                f"by {scale[coarse[0]]:.2g} around {center[coarse[0]]:.9g}: subtract that from x",
                stacklevel=2,
            )
        return y


class RunningScaler(Scaler):
    """A scaling by statistics that can be gathered bit by bit."""

    _statistics: Any = None  # in float64, of all rows so far; None: not known as precisely as that

    def restored(self, center: Array, scale: Array, eps: float) -> Statistics:
        """As far as the layer's own values tell, with their rounding."""
        raise NotImplementedError

    def _gather(self: R, statistics: Statistics, x: Any, method: str) -> R:
        super()._gather(statistics, x, method)
        self._statistics = statistics
        return self

    def partial_fit(self: R, x: Any) -> R:
        """Take in more rows, such as the next batch of a stream; returns the layer itself.

        All at once gives the same values, but for rounding in float64. A layer that was loaded goes on from what was
        saved, in the model's dtype.

        Parameters
        ----------
        x : array-like, scipy.sparse matrix or Source, (n, features)
            As for :meth:`fit`.

        Raises
        ------
        ValueError
            As :meth:`fit`. Nothing is changed.
        """
        if self.samples_seen == 0:
            statistics: Statistics = self.statistics()
        elif self._statistics is not None:
            statistics = copy.copy(self._statistics)  # what they hold is replaced, never changed
        else:
            center, scale = self.center.data, self.scale.data
            eps = float(np.finfo(center.dtype).eps)
            statistics = self.restored(center.astype(np.float64), scale.astype(np.float64), eps)
        return self._gather(statistics, x, "partial_fit")

    def load_extra_state(self, state: Mapping[str, Array]) -> None:
        """The statistics are others now."""
        super().load_extra_state(state)
        self._statistics = None
