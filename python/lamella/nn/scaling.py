"""Scaling of columns by what a training set says of them."""

import copy
import warnings
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.fixed import Fixed, named
from lamella.nn.moments import Extremes, Moments, as_table, blocks
from lamella.nn.parameter import Settings

S = TypeVar("S", bound="_Scaler")
R = TypeVar("R", bound="_Running")


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


class _Scaler(_Columns):
    """y = (x - center) / scale + offset, both by column, from a training set."""

    kernel = "scale_columns"
    remedy = "call fit(x) with the training set, or make it by of(x)"

    def __init__(self, features: int, offset: float = 0.0) -> None:
        super().__init__(features, offset)
        #: Rows that the values were made from.
        self.samples_seen = 0

    @classmethod
    def of(cls: type[S], x: Any, **arguments: Any) -> S:
        """The layer for the columns of a training set, with the values that :meth:`fit` takes from it.

        Parameters
        ----------
        x : array-like or sparse matrix, (n, features)
            As for :meth:`fit`.
        **arguments
            The layer's own, but for ``features``.
        """
        table = as_table(x, None, f"{cls.__name__}.of")
        return cls(table.shape[1], **arguments).fit(x)

    def fit(self: S, x: Any) -> S:
        """Take the values from a training set; returns the layer itself.

        Parameters
        ----------
        x : array-like or sparse matrix, (n, features)
            Read once, in blocks of some MiB: a memory-mapped file may be larger than memory. A vector of targets is a
            column: ``y[:, None]``.

        Raises
        ------
        ValueError
            If ``x`` has another shape, no rows, or values that are NaN or infinite (by column). Nothing is changed.
        """
        raise NotImplementedError

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

    def take(self, center: Array, scale: Array, count: int, where: str, eps: float = 0.0) -> None:
        """Set the values, which have a relative rounding of eps; ValueError if they are not finite."""
        bad = np.flatnonzero(~np.isfinite(center) | ~np.isfinite(scale))
        if bad.size:
            raise ValueError(f"[{where}] the values of x in {named(bad)} are too large")
        self.center.put(center)
        self.scale.put(np.where(scale <= 10 * eps * np.abs(center), 0.0, scale))
        self.samples_seen = count

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
        coarse = np.flatnonzero((scale != 0) & (scale < 4 * np.finfo(scale.dtype).eps * np.abs(center)))
        if coarse.size:
            warnings.warn(
                f"[{type(self).__name__}] {scale.dtype} cannot tell the values of {named(coarse)} apart, which differ "
                f"by {scale[coarse[0]]:.2g} around {center[coarse[0]]:.9g}: subtract that from x, or use float64",
                stacklevel=2,
            )
        return y


class _Statistics(Protocol):
    count: int
    eps: float

    def add(self, block: Array) -> None: ...


class _Running(_Scaler):
    """A scaling by statistics that can be gathered bit by bit."""

    _statistics: Any = None  # in float64, of all rows so far; None: not known as precisely as that

    def _fresh(self) -> _Statistics:
        raise NotImplementedError

    def _restored(self, center: Array, scale: Array, eps: float) -> _Statistics:
        """As far as the layer's own values tell, with their rounding."""
        raise NotImplementedError

    def _values(self, statistics: Any) -> tuple[Array, Array]:
        """Center and scale."""
        raise NotImplementedError

    def _gather(self, statistics: _Statistics, x: Any, where: str) -> None:
        for block in blocks(x, self.features, where):
            statistics.add(block)
        self.take(*self._values(statistics), statistics.count, where, statistics.eps)
        self._statistics = statistics

    def fit(self: R, x: Any) -> R:
        """Take the values from a training set; returns the layer itself.

        Parameters
        ----------
        x : array-like or sparse matrix, (n, features)
            Read once, in blocks of some MiB: a memory-mapped file may be larger than memory. A vector of targets is a
            column: ``y[:, None]``.

        Raises
        ------
        ValueError
            If ``x`` has another shape, no rows, or values that are NaN or infinite (by column). Nothing is changed.
        """
        self._gather(self._fresh(), x, f"{type(self).__name__}.fit")
        return self

    def partial_fit(self: R, x: Any) -> R:
        """Take in more rows, such as the next batch of a stream; returns the layer itself.

        All at once gives the same values, but for rounding in float64. A layer that was loaded goes on from what was
        saved, in the model's dtype.

        Parameters
        ----------
        x : array-like or sparse matrix, (n, features)
            As for :meth:`fit`.

        Raises
        ------
        ValueError
            As :meth:`fit`. Nothing is changed.
        """
        if self.samples_seen == 0:
            statistics = self._fresh()
        elif self._statistics is not None:
            statistics = copy.copy(self._statistics)
        else:
            center, scale = self.center.data, self.scale.data
            eps = float(np.finfo(center.dtype).eps)
            statistics = self._restored(center.astype(np.float64), scale.astype(np.float64), eps)
        self._gather(statistics, x, f"{type(self).__name__}.partial_fit")
        return self

    def load_extra_state(self, state: Mapping[str, Array]) -> None:
        """The statistics are others now."""
        super().load_extra_state(state)
        self._statistics = None


class Standardize(_Running):
    """y = (x - center) / scale, by column: the mean and the deviation of the training set become 0 and 1.

    The deviation is the population's, as in scikit-learn's StandardScaler. A column of one value becomes 0, whatever
    comes later: what a model has not seen vary it has learned nothing of.

    Made from data by ``nn.Standardize.of(x)`` or :meth:`fit`, or in parts by :meth:`partial_fit`, then it travels with
    the model: in files, copies and state. Not trained. Input is converted to the model's dtype first.

    Parameters
    ----------
    features : int

    Attributes
    ----------
    center, scale : State, (features,)
        Mean and deviation, 0 for a column of one value.
    samples_seen : int
        Rows that they are of.
    """

    def _fresh(self) -> Moments:
        return Moments()

    def _restored(self, center: Array, scale: Array, eps: float) -> Moments:
        return Moments(self.samples_seen, center, scale**2 * self.samples_seen, eps)

    def _values(self, statistics: Moments) -> tuple[Array, Array]:
        return statistics.mean, np.sqrt(statistics.variance)


class MinMaxScale(_Running):
    """y = (x - center) / scale + low, by column: the training set's smallest value becomes low and its largest high.

    As scikit-learn's MinMaxScaler, but to [-1, 1] by default; a column of one value becomes low, whatever comes later.
    Other data may lie outside; put ``nn.Hardtanh(low, high)`` behind to clip it.

    Made from data by ``nn.MinMaxScale.of(x)`` or :meth:`fit`, or in parts by :meth:`partial_fit`, then it travels with
    the model: in files, copies and state. Not trained. Input is converted to the model's dtype first.

    Parameters
    ----------
    features : int
    low, high : float, default -1 and 1

    Attributes
    ----------
    center, scale : State, (features,)
        The smallest value, and (largest - smallest) / (high - low).
    samples_seen : int
        Rows that they are of.
    """

    def __init__(self, features: int, low: float = -1.0, high: float = 1.0) -> None:
        self.low, self.high = (_check.number("MinMaxScale", name, v) for name, v in (("low", low), ("high", high)))
        if self.low >= self.high:
            raise ValueError(f"[MinMaxScale] low is {low!r} but must be below high, {high!r}")
        super().__init__(features, self.low)

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer, as yet without values."""
        return {"features": self.features, "low": self.low, "high": self.high}

    def _fresh(self) -> Extremes:
        return Extremes()

    def _restored(self, center: Array, scale: Array, eps: float) -> Extremes:
        return Extremes(self.samples_seen, center, center + scale * (self.high - self.low), eps)

    def _values(self, statistics: Extremes) -> tuple[Array, Array]:
        with np.errstate(over="ignore"):
            return statistics.least, (statistics.most - statistics.least) / (self.high - self.low)


class RobustScale(_Scaler):
    """y = (x - center) / scale, by column: median and interquartile range of the training set become 0 and 1.

    For data with outliers, as scikit-learn's RobustScaler: where half of a column or more is the same value, the scale
    is 1. A column of nothing else becomes 0, whatever comes later.

    Made from data by ``nn.RobustScale.of(x)`` or :meth:`fit`, then it travels with the model: in files, copies and
    state. Not trained. Quantiles cannot be gathered in parts: all of ``x`` is in memory at once.

    Parameters
    ----------
    features : int

    Attributes
    ----------
    center, scale : State, (features,)
        Median and interquartile range.
    samples_seen : int
        Rows that they are of.
    """

    def fit(self: S, x: Any) -> S:
        """Take the values from a training set; returns the layer itself.

        Parameters
        ----------
        x : array-like or sparse matrix, (n, features)
            A vector of targets is a column: ``y[:, None]``.

        Raises
        ------
        ValueError
            If ``x`` has another shape, no rows, or values that are NaN or infinite (by column). Nothing is changed.
        """
        where = "RobustScale.fit"
        table = np.concatenate(list(blocks(x, self.features, where)))
        constant = (table == table[0]).all(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            low, median, high = np.percentile(table, [25, 50, 75], axis=0, overwrite_input=True)
            scale = np.where(high == low, 1.0, high - low)
        self.take(median, np.where(constant, 0.0, scale), len(table), where)
        return self
