"""The largest of some linear pieces."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.init import Init, Normal, init_config, resolve
from lamella.nn.linear import dense
from lamella.nn.module import Module
from lamella.nn.parameter import Initializer, Parameter


class Maxout(Module):
    """y = max(W_1 x + b_1, ..., W_k x + b_k), elementwise: an activation that is learned (Goodfellow et al. 2013).

    Of equal pieces the first counts, and takes the gradient.

    Shape: (n, in_features) -> (n, out_features).

    Parameters
    ----------
    in_features, out_features : int
    pieces : int, default 2
        k.
    bias : bool, default True
        Whether there are b.
    init : str, object or callable, optional
        First weights of each piece, as :class:`Linear` takes them. By default normal of variance 1 / (m in_features), m
        the mean square of the largest of k standard normal numbers (1 for two pieces): so the second moment stays the
        same from layer to layer, as He et al. 2015 have it for ReLU (Tseran & Montufar 2023). Biases start at zero.

    Attributes
    ----------
    weight : Parameter, (pieces * out_features, in_features)
        One piece after the other.
    bias : Parameter, (pieces * out_features,), or None
    """

    weight_init = "glorot_uniform"  # of a layer whose output goes straight into this one

    def __init__(
        self, in_features: int, out_features: int, pieces: int = 2, bias: bool = True, init: Init | None = None
    ) -> None:
        super().__init__()
        where = "Maxout"
        self.in_features = _check.integer(where, "in_features", in_features, 1)
        self.out_features = _check.integer(where, "out_features", out_features, 1)
        self.pieces = _check.integer(where, "pieces", pieces, 2)
        first = Normal(std=_deviation(self.pieces, self.in_features)) if init is None else resolve(where, init)
        self.init = first if isinstance(init, Mapping) else init
        rows = self.pieces * self.out_features
        self.weight = Parameter((rows, self.in_features), _Pieces(first, self.pieces), transposed=True)
        self.bias = Parameter((rows,), 0.0) if _check.flag(where, "bias", bias) else None

    def input_width(self) -> int:
        """in_features."""
        return self.in_features

    def output_width(self, width: int | None) -> int:
        """out_features."""
        return self.out_features

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        config = {"in_features": self.in_features, "out_features": self.out_features, "pieces": self.pieces}
        return {**config, **({} if self.bias else {"bias": False}), **init_config(self.init)}

    def emit(self, builder: Builder, x: Value) -> Value:
        """A product that makes all pieces, then maxout_forward; maxout_backward comes before the product's."""
        z = dense(builder, x, self.weight, self.bias)
        builder.begin_layer()
        y = builder.value(self.out_features)
        sizes = [self.out_features, self.pieces]
        builder.forward("maxout_forward", [y.operand, z.operand], sizes)
        builder.backward("maxout_backward", [z.grad, y.grad, z.operand], sizes)
        return y


class _Pieces:
    """Draws each piece by itself."""

    def __init__(self, first: Initializer, pieces: int) -> None:
        self.first, self.pieces = first, pieces

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        piece = (shape[0] // self.pieces, *shape[1:])
        return np.concatenate([self.first(rng, piece) for _ in range(self.pieces)])


def _deviation(pieces: int, fan_in: int) -> float:
    """Of weights that hold the second moment: the largest of k normal numbers has density k phi(z) Phi(z)^(k-1)."""
    z = np.linspace(-9, 9, 2001)
    below = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z])
    density = pieces * np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * below ** (pieces - 1)
    return 1 / math.sqrt(float((z * z * density).sum() * (z[1] - z[0])) * fan_in)
