"""Units of hidden layers: which are dead, which saturated, which do the same."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella._arrays import Array, check_finite
from lamella.diagnosis.watch import Layer, Watch, require_model, take_statistics, unchanged
from lamella.nn import _check
from lamella.nn.activation import Activation
from lamella.nn.module import Module
from lamella.nn.replay import Replay
from lamella.nn.sigmoids import Hardsigmoid, Hardtanh, Sigmoid, Softsign, Tanh
from lamella.trainer.samples import features_of

#: Activations that are flat at both ends: there a unit has said all it can, and learns no more.
_SATURATING = (Hardsigmoid, Hardtanh, Sigmoid, Softsign, Tanh)
#: A unit whose derivative is less than this share of the largest, in every row, is dead.
_DEAD = 1e-3
#: Where the largest derivative of every activation is.
_RANGE = np.linspace(-6, 6, 1201)[:, None]
#: More pairs of units than of so many are not all compared.
_COMPARED = 512


@dataclass(frozen=True)
class UnitStatistics:
    """The units of one layer, over some rows.

    Attributes
    ----------
    name : str
        Of the layer: "0", "2.1".
    kind : str
        Its class.
    mean, std : ndarray, (units,)
        Of each unit's activations.
    dead : ndarray of bool, (units,), or None
        Units that no row can train: in every row the layer's derivative is less than a thousandth of its largest. A
        ReLU that is never active; a tanh that is always at its end. None for layers that are no activation.
    saturated : ndarray, (units,), or None
        Share of rows in which the derivative is small, for sigmoid, tanh and their kin; None for others.
    """

    name: str
    kind: str
    mean: Array
    std: Array
    dead: Array | None
    saturated: Array | None


def slopes(module: Activation, x: Array) -> Array:
    """Magnitudes of the derivative at each element, as shares of the largest there is."""

    def derivative(at: Array) -> Array:
        replay = Replay(module, module.store(), at.shape[1], training=False)
        replay.forward(at)
        found: Array = np.abs(replay.backward(np.ones_like(at)))
        return found

    largest = float(derivative(_RANGE.astype(x.dtype)).max())
    return derivative(x) / (largest if largest > 0 else 1.0)


def statistics_of(layer: Layer, x: Array, y: Array, threshold: float) -> UnitStatistics:
    """Those of a layer that makes y of x."""
    dead: Array | None = None
    saturated: Array | None = None
    if isinstance(layer.module, Activation):
        slope = slopes(layer.module, x)
        dead = np.asarray((slope < _DEAD).all(axis=0))
        if isinstance(layer.module, _SATURATING):
            saturated = np.asarray((slope < threshold).mean(axis=0))
    mean, std = y.mean(axis=0, dtype=np.float64), y.std(axis=0, dtype=np.float64)
    return UnitStatistics(layer.name, layer.kind, mean, std, dead, saturated)


def unit_statistics(model: Module, x: Any, threshold: float = 0.05) -> dict[str, UnitStatistics]:
    """Which units are dead or saturated on some rows, in evaluation mode.

    Where batch normalization has not seen a batch yet, by the statistics of these rows.

    Parameters
    ----------
    model : Module
    x : array-like, (n, features)
        A sample, such as 1,000 rows: everything is held in memory at once.
    threshold : float, default 0.05
        A derivative below this share of the activation's largest is small: for tanh where |y| > 0.975. In [0, 1].

    Returns
    -------
    dict of str to UnitStatistics
        By the names of the layers, as :func:`activations` has them.

    Raises
    ------
    ValueError
        If the shape is wrong, or ``x`` has NaN or infinite values.
    """
    where = "unit_statistics"
    features = features_of(require_model(model, where), x, where)
    check_finite(features, "x", where, getattr(x, "columns", None))
    threshold = _check.number(where, "threshold", threshold, 0, 1)
    with unchanged(model):
        take_statistics(model, features)
        watch = Watch(model, features.shape[1], training=False)
        watch.forward(features, where)
        passed = zip(watch.layers, watch.inputs(), watch.outputs(), strict=True)
        return {layer.name: statistics_of(layer, given, made, threshold) for layer, given, made in passed}


def correlations(values: Any) -> Array:
    """Correlations between units.

    Parameters
    ----------
    values : array-like, (n, units)
        Activations.

    Returns
    -------
    ndarray, (units, units)
        0 with units that never vary.
    """
    centred = np.asarray(values, np.float64)
    centred = centred - centred.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    scaled = centred / np.where(length > 0, length, 1)
    found: Array = np.clip(scaled.T @ scaled, -1, 1)
    return found


def mean_correlation(values: Array) -> float | None:
    """The mean magnitude over pairs of units that vary, of the first 512 at most; None if there are not two."""
    vary = values[:, (values != values[:1]).any(axis=0)][:, :_COMPARED]
    units = vary.shape[1]
    if units < 2 or not np.isfinite(vary).all():
        return None
    return float((np.abs(correlations(vary)).sum() - units) / (units * (units - 1)))
