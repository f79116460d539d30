"""A matrix that is not trained: principal components, whitening."""

from typing import Any

import numpy as np

from lamella._arrays import Array, check_finite, to_array
from lamella.nn import _check
from lamella.nn.builder import NOTHING, Builder, Value
from lamella.nn.fixed import Fixed
from lamella.nn.moments import Covariance, blocks
from lamella.nn.parameter import Settings


class Projection(Fixed):
    """y = (x - center) Wᵀ + bias with numbers that are not trained; they travel with the model.

    Made by :meth:`pca` or :meth:`zca` from data, or by :meth:`of` from arrays, such as those of a fitted
    scikit-learn PCA.

    Shape: (n, in_features) -> (n, out_features).

    Parameters
    ----------
    in_features, out_features : int

    Attributes
    ----------
    center : State, (in_features,)
    weight : State, (out_features, in_features)
    bias : State, (out_features,)
    """

    weight_init = "glorot_uniform"  # of a layer whose output goes straight into this one
    remedy = "make it by Projection.pca(x), Projection.zca(x) or Projection.of(weight, center)"

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features = _check.integer("Projection", "in_features", in_features, 1)
        self.out_features = _check.integer("Projection", "out_features", out_features, 1)
        self.center, self.bias = self.fixed(self.in_features), self.fixed(self.out_features)
        self.weight = self.fixed(self.out_features, self.in_features)
        self.weight.transposed = True
        self.settings = Settings(offset=0.0)  # ScalingHyper

    @classmethod
    def of(cls, weight: Any, center: Any = None, bias: Any = None) -> "Projection":
        """The layer of these arrays.

        Parameters
        ----------
        weight : array-like, (out_features, in_features)
            ``components_`` of a scikit-learn PCA, for one.
        center : array-like, (in_features,), optional
            ``mean_`` of a scikit-learn PCA. By default 0.
        bias : array-like, (out_features,), optional
            By default 0.

        Raises
        ------
        ValueError
            If shapes do not fit together, or something is NaN or infinite.
        """
        where = "Projection.of"
        matrix = to_array(weight, "weight", where)
        if matrix.ndim != 2 or 0 in matrix.shape:
            raise ValueError(f"[{where}] weight has shape {matrix.shape} but (out_features, in_features) is expected")
        layer = cls(matrix.shape[1], matrix.shape[0])
        given = {"center": center, "weight": matrix, "bias": bias}
        for name, item in layer._arrays():
            array = np.zeros(item.shape) if given[name] is None else to_array(given[name], name, where)
            if array.shape != item.shape:
                raise ValueError(f"[{where}] {name} has shape {array.shape} but {item.shape} is expected")
            check_finite(np.atleast_2d(array), name, where)
            item.put(array)
        return layer

    @classmethod
    def pca(cls, x: Any, components: int | float | None = None, whiten: bool = False) -> "Projection":
        """Principal components of a training set, largest variance first, as scikit-learn's PCA gives them.

        From the eigenvectors of the covariance matrix (features x features, float64), which is gathered in one pass.
        The largest entry of each component is positive.

        Parameters
        ----------
        x : array-like, scipy.sparse matrix or Source (:mod:`lamella.data`), (n, features), n >= 2
            Read once, in blocks of some MiB: a memory-mapped file or a source may be larger than memory.
        components : int or float, optional
            How many to keep; a float in (0, 1): as many as it takes for more than that share of the variance. By
            default all: min(n - 1, features).
        whiten : bool, default False
            Divide each component by its deviation (n - 1 in the denominator): outputs are uncorrelated with variance 1.
            Where the training set does not vary the output is 0.

        Raises
        ------
        ValueError
            If ``x`` has fewer than two rows, or values that are NaN or infinite; if ``components`` is out of range.
        """
        where = "Projection.pca"
        whiten = _check.flag(where, "whiten", whiten)
        statistics, variances, vectors = _principal(x, where)
        most = min(statistics.count - 1, len(variances))
        if isinstance(components, float):
            if not 0 < components < 1:
                raise ValueError(f"[{where}] components is {components!r} but a share must be in (0, 1)")
            shares = np.cumsum(variances) / (variances.sum() or 1.0)
            kept = min(int(np.searchsorted(shares, components, side="right")) + 1, most)
        else:
            kept = most if components is None else _check.integer(where, "components", components, 1)
        if kept > most:
            shape = (statistics.count, len(variances))
            raise ValueError(f"[{where}] components is {kept} but x has shape {shape} and so at most {most}")
        weight = vectors[:kept]
        if whiten:
            weight = weight * _inverse_roots(variances)[:kept, None]
        return cls.of(weight, statistics.mean)

    @classmethod
    def zca(cls, x: Any, epsilon: float = 0.0) -> "Projection":
        """Whitening that stays as near to x as it can (Bell & Sejnowski 1997): outputs still look like inputs.

        W = V diag(1 / sqrt(variances + epsilon)) Vᵀ, V the principal components.

        Parameters
        ----------
        x : array-like, scipy.sparse matrix or Source, (n, features), n >= 2
            As for :meth:`pca`.
        epsilon : float, default 0
            Added to the variances, so that those that are little but noise are not blown up; for images in [0, 1] 1e-2
            or so.

        Raises
        ------
        ValueError
            As :meth:`pca`.
        """
        where = "Projection.zca"
        epsilon = _check.number(where, "epsilon", epsilon, 0)
        statistics, variances, vectors = _principal(x, where)
        return cls.of((vectors.T * _inverse_roots(variances + epsilon)) @ vectors, statistics.mean)

    def inverse(self) -> "Projection":
        """The layer that undoes this one, as far as that can be done: by the pseudo-inverse of its matrix.

        Raises
        ------
        RuntimeError
            If there are no values yet.
        """
        self.require_values()
        return Projection.of(np.linalg.pinv(_double(self.weight)), _double(self.bias), _double(self.center))

    def input_width(self) -> int:
        """in_features."""
        return self.in_features

    def output_width(self, width: int | None) -> int:
        """out_features."""
        return self.out_features

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer, as yet without values."""
        return {"in_features": self.in_features, "out_features": self.out_features}

    def emit(self, builder: Builder, x: Value) -> Value:
        """scale_columns_forward, which subtracts the center while x is as precise as it gets, and linear_forward."""
        assert self.settings is not None
        self.require_values()
        y, centred = builder.passing(x, self.out_features), builder.rows(self.in_features)
        sizes = [self.in_features, self.out_features]
        operands = [centred, x.operand, self.center.operand, NOTHING]
        builder.forward("scale_columns_forward", operands, [self.in_features], self.settings.offset)
        builder.forward("linear_forward", [y.operand, centred, self.weight.operand, self.bias.operand], sizes)
        if x.wants_grad:
            builder.backward("linear_backward_input", [x.grad, y.grad, self.weight.operand], sizes)
        return y


def _principal(x: Any, where: str) -> tuple[Covariance, Array, Array]:
    """Statistics, variances (n - 1 in the denominator) from the largest on, and the directions, a row each."""
    statistics = Covariance()
    for block in blocks(x, None, where):
        statistics.add(block)
    if statistics.count < 2:
        raise ValueError(f"[{where}] x has 1 row but at least 2 are needed")
    if not np.isfinite(statistics.square).all():
        raise ValueError(f"[{where}] the values of x are too large")
    variances, vectors = np.linalg.eigh(statistics.square / (statistics.count - 1))
    variances, vectors = np.maximum(variances[::-1], 0), vectors.T[::-1]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    return statistics, variances, vectors * np.sign(largest)


def _inverse_roots(variances: Array) -> Array:
    """1 / sqrt of each, 0 for what is but the rounding of 0."""
    nothing = variances <= variances[0] * len(variances) * np.finfo(np.float64).eps
    roots: Array = np.where(nothing, 0.0, 1 / np.sqrt(np.where(nothing, 1.0, variances)))
    return roots


def _double(item: Any) -> Array:
    return np.asarray(item.detach(), np.float64)
