"""Every elementwise activation in float64 NumPy, straight from its formula, with its derivative and settings."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import reference
from reference import f64


@dataclass
class Formula:
    """f(x, *settings); its derivative from what the backward kernel reads, which is x or y."""

    f: Callable
    slope: Callable
    saves_input: bool = False
    settings: tuple = ()
    kinks: tuple = ()  # where the derivative jumps
    #: Roundings, in units in the last place of |y| + |x f'(x)| (what an error in x's last place does), and of the
    #: derivative, relative to 1 where it is a difference.
    ulp: float = 4


def leaky_relu(x, slope):
    return np.where(f64(x) > 0, x, slope * f64(x))


def elu(x, above, below, inner):
    return np.where(f64(x) <= 0, below * np.expm1(inner * np.minimum(f64(x), 0)), above * f64(x))


def elu_slope(y, above, below, inner):
    return np.where(f64(y) <= 0, inner * (f64(y) + below), above)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def softplus(x, beta, threshold):
    z = beta * f64(x)
    return np.where(z > threshold, f64(x), (np.maximum(z, 0) + np.log1p(np.exp(-abs(z)))) / beta)


def softplus_slope(x, beta, threshold):
    z = beta * f64(x)
    return np.where(z > threshold, 1, reference.sigmoid(z))


def normal_below(x):
    """The standard normal distribution function, by erfc: exact in both tails."""
    from math import erfc, sqrt

    return np.array([0.5 * erfc(-v / sqrt(2)) for v in f64(x).ravel()]).reshape(np.shape(x))


def gelu(x):
    return f64(x) * normal_below(x)


def gelu_slope(x):
    return normal_below(x) + f64(x) * np.exp(-(f64(x) ** 2) / 2) / np.sqrt(2 * np.pi)


def gelu_tanh_inner(x):
    return np.sqrt(2 / np.pi) * (f64(x) + 0.044715 * f64(x) ** 3)


def gelu_tanh(x):
    return f64(x) * reference.sigmoid(2 * gelu_tanh_inner(x))


def gelu_tanh_slope(x):
    s, rest = reference.sigmoid(2 * gelu_tanh_inner(x)), reference.sigmoid(-2 * gelu_tanh_inner(x))
    return s + f64(x) * s * rest * 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * f64(x) ** 2)


def silu(x):
    return f64(x) * reference.sigmoid(x)


def silu_slope(x):
    s = reference.sigmoid(x)
    return s + f64(x) * s * reference.sigmoid(-f64(x))


def mish(x):
    return f64(x) * np.tanh(softplus(x, 1, np.inf))


def mish_slope(x):
    t = np.tanh(softplus(x, 1, np.inf))
    return t + f64(x) * (1 - t**2) * reference.sigmoid(x)


def hard(x):
    return np.clip(f64(x) + 3, 0, 6) / 6


def hardswish_slope(x):
    return np.where(f64(x) < -3, 0, np.where(f64(x) >= 3, 1, f64(x) / 3 + 0.5))


FORMULAS = {
    "relu": Formula(reference.relu, reference.relu_slope, kinks=(0,)),
    "leaky_relu": Formula(leaky_relu, lambda y, a: np.where(f64(y) > 0, 1, a), settings=(0.01,), kinks=(0,)),
    "elu": Formula(
        lambda x, a: elu(x, 1, a, 1), lambda y, a: elu_slope(y, 1, a, 1), settings=(0.7,), kinks=(0,), ulp=6
    ),
    "celu": Formula(lambda x, a: elu(x, 1, a, 1 / a), lambda y, a: elu_slope(y, 1, a, 1 / a), settings=(2.5,), ulp=6),
    "selu": Formula(
        lambda x: elu(x, SELU_SCALE, SELU_SCALE * SELU_ALPHA, 1),
        lambda y: elu_slope(y, SELU_SCALE, SELU_SCALE * SELU_ALPHA, 1),
        kinks=(0,),
        ulp=6,
    ),
    "softplus": Formula(softplus, softplus_slope, True, settings=(1.5, 2.0), kinks=(2 / 1.5,)),
    "gelu": Formula(gelu, gelu_slope, True, ulp=6),
    "gelu_tanh": Formula(gelu_tanh, gelu_tanh_slope, True, ulp=6),
    "silu": Formula(silu, silu_slope, True),
    "mish": Formula(mish, mish_slope, True, ulp=6),
    "hardswish": Formula(lambda x: f64(x) * hard(x), hardswish_slope, True, kinks=(-3, 3)),
    "tanh": Formula(reference.tanh, reference.tanh_slope),
    "sigmoid": Formula(reference.sigmoid, reference.sigmoid_slope),
    "log_sigmoid": Formula(lambda x: -softplus(-f64(x), 1, np.inf), lambda y: -np.expm1(f64(y))),
    "softsign": Formula(lambda x: f64(x) / (1 + abs(f64(x))), lambda y: (1 - abs(f64(y))) ** 2),
    "hardtanh": Formula(
        lambda x, low, high: np.clip(f64(x), low, high),
        lambda y, low, high: ((f64(y) > low) & (f64(y) < high)).astype(float),
        settings=(-0.5, 2.0),
        kinks=(-0.5, 2.0),
    ),
    "hardsigmoid": Formula(hard, lambda y: ((f64(y) > 0) & (f64(y) < 1)) / 6, kinks=(-3, 3)),
}
