"""Scaling of columns by a training set's statistics."""

from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.moments import Extremes, Moments, Whole
from lamella.nn.scaler import RunningScaler, Scaler


class Standardize(RunningScaler):
    """y = (x - center) / scale, by column: the mean and the deviation of the training set become 0 and 1.

    The deviation is the population's, as in scikit-learn's StandardScaler. A column of one value becomes 0, whatever
    comes later: what a model has not seen vary it has learned nothing of.

    Made from data by ``nn.Standardize.of(x)`` or :meth:`fit`, or in parts by :meth:`partial_fit`, then it travels with
    the model: in files, copies and state. Not trained. Input is converted to the model's dtype first.

    Shape: (n, features) -> (n, features).

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

    statistics = Moments

    def __init__(self, features: int) -> None:
        super().__init__(features)

    def restored(self, center: Array, scale: Array, eps: float) -> Moments:
        """Sums of squares from deviations."""
        return Moments(self.samples_seen, center, scale**2 * self.samples_seen, eps)

    def values(self, statistics: Moments) -> tuple[Array, Array]:
        """Mean and deviation."""
        return statistics.mean, np.sqrt(statistics.variance)


class MinMaxScale(RunningScaler):
    """y = (x - center) / scale + low, by column: the training set's smallest value becomes low and its largest high.

    As scikit-learn's MinMaxScaler, but to [-1, 1] by default; a column of one value becomes low, whatever comes later.
    Other data may lie outside; put ``nn.Hardtanh(low, high)`` behind to clip it.

    Made from data by ``nn.MinMaxScale.of(x)`` or :meth:`fit`, or in parts by :meth:`partial_fit`, then it travels with
    the model: in files, copies and state. Not trained. Input is converted to the model's dtype first.

    Shape: (n, features) -> (n, features).

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

    statistics = Extremes

    def __init__(self, features: int, low: float = -1.0, high: float = 1.0) -> None:
        self.low, self.high = (_check.number("MinMaxScale", name, v) for name, v in (("low", low), ("high", high)))
        if self.low >= self.high:
            raise ValueError(f"[MinMaxScale] low is {low!r} but must be below high, {high!r}")
        super().__init__(features, self.low)

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer, as yet without values."""
        return {"features": self.features, "low": self.low, "high": self.high}

    def restored(self, center: Array, scale: Array, eps: float) -> Extremes:
        """The range from its scale."""
        return Extremes(self.samples_seen, center, center + scale * (self.high - self.low), eps)

    def values(self, statistics: Extremes) -> tuple[Array, Array]:
        """The smallest, and what comes to 1."""
        return statistics.least, (statistics.most - statistics.least) / (self.high - self.low)


class RobustScale(Scaler):
    """y = (x - center) / scale, by column: median and interquartile range of the training set become 0 and 1.

    For data with outliers, as scikit-learn's RobustScaler: where half of a column or more is the same value, the scale
    is 1. A column of nothing else becomes 0, whatever comes later.

    Made from data by ``nn.RobustScale.of(x)`` or :meth:`fit`, then it travels with the model: in files, copies and
    state. Not trained. Quantiles cannot be gathered in parts: all of ``x`` is in memory at once.

    Shape: (n, features) -> (n, features).

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

    statistics = Whole

    def __init__(self, features: int) -> None:
        super().__init__(features)

    def values(self, statistics: Whole) -> tuple[Array, Array]:
        """Median and interquartile range."""
        table = statistics.rows
        constant = (table == table[0]).all(axis=0)
        low, median, high = np.percentile(table, [25, 50, 75], axis=0, overwrite_input=True)
        return median, np.where(constant, 0.0, np.where(high == low, 1.0, high - low))
