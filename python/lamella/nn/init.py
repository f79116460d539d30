"""First values of weights, each a pure function of a generator and a shape (out, in)."""

import numpy as np

from lamella._arrays import Array
from lamella.nn.parameter import Initializer


def he_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal with deviation sqrt(2 / fan_in): holds the variance through ReLU layers (He et al. 2015)."""
    values: Array = rng.standard_normal(shape) * np.sqrt(2.0 / shape[-1])
    return values


def glorot_uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Uniform in +-sqrt(6 / (fan_in + fan_out)): for tanh, sigmoid and outputs (Glorot & Bengio 2010)."""
    bound = np.sqrt(6.0 / (shape[-1] + shape[0]))
    return rng.uniform(-bound, bound, shape)


def zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """All zeros: for biases. Weights at zero never break symmetry."""
    return np.zeros(shape)


def ones(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """All ones: for scales."""
    return np.ones(shape)


#: Initialisations of weights by the name that ``nn.Linear(init=...)`` takes.
WEIGHTS: dict[str, Initializer] = {"he_normal": he_normal, "glorot_uniform": glorot_uniform, "zeros": zeros}
