"""First values of weights, each a pure function of a generator and a shape (out, in).

Layers take them by name (``nn.Linear(4, 3, init="he_normal")``), as objects where there is something to set
(``init=nn.init.Orthogonal(gain=2)``), or as any function of (rng, shape) that returns an array of that shape. Names and
defaults of the objects are those of ``torch.nn.init``; each draws from the layer's own stream of the model's seed.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lamella._arrays import Array, to_array
from lamella.nn import _check
from lamella.nn.parameter import Initializer

__all__ = [
    "Constant",
    "Normal",
    "Orthogonal",
    "Recipe",
    "Sparse",
    "TruncatedNormal",
    "Uniform",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "zeros",
]

#: What a layer's ``init`` argument may be; a mapping is what a saved file holds of an object.
Init = str | Initializer | Mapping[str, Any]


def _normal(rng: np.random.Generator, shape: tuple[int, ...], variance: float) -> Array:
    values: Array = rng.standard_normal(shape)
    values *= np.sqrt(variance)
    return values


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], variance: float) -> Array:
    bound = np.sqrt(3.0 * variance)
    return rng.uniform(-bound, bound, shape)


def he_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal of variance 2 / fan_in: holds the second moment through ReLU layers (He et al. 2015)."""
    return _normal(rng, shape, 2.0 / shape[-1])


def he_uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Uniform of variance 2 / fan_in, in +-sqrt(6 / fan_in)."""
    return _uniform(rng, shape, 2.0 / shape[-1])


def glorot_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal of variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""
    return _normal(rng, shape, 2.0 / (shape[-1] + shape[0]))


def glorot_uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Uniform in +-sqrt(6 / (fan_in + fan_out)): for tanh, sigmoid and outputs (Glorot & Bengio 2010)."""
    bound = np.sqrt(6.0 / (shape[-1] + shape[0]))
    return rng.uniform(-bound, bound, shape)


def lecun_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal of variance 1 / fan_in: holds the variance of linear layers; for SELU (LeCun et al. 1998)."""
    return _normal(rng, shape, 1.0 / shape[-1])


def lecun_uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Uniform of variance 1 / fan_in, in +-sqrt(3 / fan_in)."""
    return _uniform(rng, shape, 1.0 / shape[-1])


def zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """All zeros: for biases. Weights at zero never break symmetry."""
    return np.zeros(shape)


def ones(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """All ones: for scales."""
    return np.ones(shape)


class Recipe:
    """An initialisation with parameters; subclasses are frozen dataclasses."""

    def config(self) -> dict[str, Any]:
        """Its name and parameters, as a saved file holds them."""
        return {"name": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """First values.

        Parameters
        ----------
        rng : numpy.random.Generator
            The layer's own stream of the model's seed.
        shape : (int, int)
            (out, in), as PyTorch has it.

        Returns
        -------
        ndarray, (out, in)
        """
        raise NotImplementedError

    def _check(self, name: str, least: float = -math.inf) -> None:
        value = _check.number(type(self).__name__, name, getattr(self, name), least)
        object.__setattr__(self, name, value)  # a plain float, whatever number it was


@dataclass(frozen=True)
class Constant(Recipe):
    """All the same value. Weights that are equal never become different: it teaches why first values are random.

    Parameters
    ----------
    val : float
    """

    val: float

    def __post_init__(self) -> None:
        self._check("val")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """``val`` everywhere."""
        return np.full(shape, self.val)


@dataclass(frozen=True)
class Normal(Recipe):
    """Normal of a given mean and standard deviation.

    Parameters
    ----------
    mean : float, default 0
    std : float, default 1
        At least 0.
    """

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        self._check("mean")
        self._check("std", 0)

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Of that mean and deviation."""
        return self.mean + self.std * rng.standard_normal(shape)


@dataclass(frozen=True)
class Uniform(Recipe):
    """Uniform in [a, b).

    Parameters
    ----------
    a, b : float, default 0 and 1
        a at most b.
    """

    a: float = 0.0
    b: float = 1.0

    def __post_init__(self) -> None:
        self._check("a")
        self._check("b")
        if self.a > self.b:
            raise ValueError(f"[{type(self).__name__}] a is {self.a!r} but must be at most b, {self.b!r}")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Numbers from there."""
        return rng.uniform(self.a, self.b, shape)


#: Of a normal distribution, a truncated one must keep this share: values outside are drawn again.
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class TruncatedNormal(Recipe):
    """Normal, but values outside [a, b] are drawn again.

    Parameters
    ----------
    mean : float, default 0
    std : float, default 1
        Of the normal distribution that is cut; greater than 0.
    a, b : float, default -2 and 2
        Values, not multiples of std, as in PyTorch. Between them lies at least a hundredth of the distribution.
    """

    mean: float = 0.0
    std: float = 1.0
    a: float = -2.0
    b: float = 2.0

    def __post_init__(self) -> None:
        where = type(self).__name__
        for name in ("mean", "std", "a", "b"):
            self._check(name)
        _check.positive(where, "std", self.std)
        scale = self.std * math.sqrt(2)
        share = (math.erf((self.b - self.mean) / scale) - math.erf((self.a - self.mean) / scale)) / 2
        if not share >= _LEAST_SHARE:
            raise ValueError(
                f"[{where}] a, b are {self.a!r}, {self.b!r} but must have at least {_LEAST_SHARE:.0%} of the normal "
                f"distribution of mean {self.mean:g} and std {self.std:g} between them, not {share:.2g}"
            )

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Drawn again until all are inside."""
        values: Array = self.mean + self.std * rng.standard_normal(shape)
        while (outside := (values < self.a) | (values > self.b)).any():
            values[outside] = self.mean + self.std * rng.standard_normal(int(outside.sum()))
        return values


@dataclass(frozen=True)
class Orthogonal(Recipe):
    """A random matrix whose rows (or columns, if these are fewer) are orthogonal and of length ``gain``.

    Uniform over all such matrices: Saxe et al. 2014, Mezzadri 2007.

    Parameters
    ----------
    gain : float, default 1
        1 holds lengths through linear layers, sqrt(2) about holds them through ReLU.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        self._check("gain")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Q of a normal matrix's QR, with the signs that make R's diagonal positive."""
        more, fewer = max(shape[0], shape[-1]), min(shape[0], shape[-1])
        q, r = np.linalg.qr(rng.standard_normal((more, fewer)))
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        return self.gain * (q if shape[0] >= shape[-1] else q.T).reshape(shape)


@dataclass(frozen=True)
class Sparse(Recipe):
    """Each unit has a few inputs whose weights are normal; all others are zero (Martens 2010).

    So units start out different and unsaturated however many inputs there are. (``torch.nn.init.sparse_`` zeroes a
    share of the units that each input goes to instead.)

    Parameters
    ----------
    inputs : int or float, default 15
        How many inputs a unit has, at most all; or a float in (0, 1], which share of them (at least one).
    std : float, default 1
        At least 0.
    """

    inputs: int | float = 15
    std: float = 1.0

    def __post_init__(self) -> None:
        where = type(self).__name__
        if isinstance(self.inputs, float):
            _check.positive(where, "inputs", self.inputs)
            _check.number(where, "inputs", self.inputs, 0, 1)
        else:
            object.__setattr__(self, "inputs", _check.integer(where, "inputs", self.inputs, 1))
        self._check("std", 0)

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Normal values where a random choice of each row falls."""
        fan_in = shape[-1]
        wanted = max(1, round(self.inputs * fan_in)) if isinstance(self.inputs, float) else self.inputs
        chosen = np.broadcast_to(np.arange(fan_in) < wanted, shape)
        return np.where(rng.permuted(chosen, axis=-1), self.std * rng.standard_normal(shape), 0.0)


#: Initialisations by name; he and glorot also under the names that PyTorch gives them.
WEIGHTS: dict[str, Initializer] = {
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "orthogonal": Orthogonal(),
    "zeros": zeros,
    "ones": ones,
    "kaiming_normal": he_normal,
    "kaiming_uniform": he_uniform,
    "xavier_normal": glorot_normal,
    "xavier_uniform": glorot_uniform,
}

_RECIPES: dict[str, Callable[..., Recipe]] = {
    kind.__name__: kind for kind in (Constant, Normal, Uniform, TruncatedNormal, Orthogonal, Sparse)
}


class _UserInit:
    """A user's function, whose result is checked."""

    def __init__(self, function: Initializer, where: str) -> None:
        self.function, self.where = function, where

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        array = to_array(self.function(rng, shape), "what init returned", self.where)
        if array.shape != shape:
            raise ValueError(f"[{self.where}] init returned shape {array.shape} but {shape} is expected")
        return array


def resolve(where: str, init: Any) -> Initializer:
    """What a layer's ``init`` argument stands for, or an error that names the layer."""
    if isinstance(init, str) and init in WEIGHTS:
        return WEIGHTS[init]
    if isinstance(init, Recipe) or any(init is known for known in WEIGHTS.values()):
        known_init: Initializer = init
        return known_init
    if isinstance(init, Mapping) and init.get("name") in _RECIPES:
        return _RECIPES[init["name"]](**{key: value for key, value in init.items() if key != "name"})
    if callable(init) and not isinstance(init, type):
        return _UserInit(init, where)
    raise (ValueError if isinstance(init, str) else TypeError)(
        f"[{where}] init is {init!r:.80} but must be one of {', '.join(WEIGHTS)}; or an object such as "
        "nn.init.Normal(std=0.01); or a function of (rng, shape)"
    )


def init_config(init: Any) -> dict[str, Any]:
    """The ``init`` entry of a layer's config: none for a user's function, whose values a saved file holds anyway."""
    if isinstance(init, Recipe):
        return {"init": init.config()}
    names = [name for name, known in WEIGHTS.items() if init in (name, known)]
    return {"init": init if isinstance(init, str) else names[0]} if names else {}
