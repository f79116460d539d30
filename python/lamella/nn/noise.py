"""Gaussian noise, added or multiplied."""

import math
from typing import Any

from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.parameter import Settings
from lamella.nn.random import RandomLayer
from lamella.nn.setting import Setting


class GaussianNoise(RandomLayer):
    """Noise: y = x + std z in training, z normal with mean 0 and variance 1; y = x in evaluation.

    On the input or on hidden units; the gradient passes through unchanged. The noise is a function of the model's seed,
    the layer, the number of training passes so far and the element alone (Philox 4x32-10, Box & Muller 1958): the same
    for any number of threads. Bishop 1995, "Training with noise is equivalent to Tikhonov regularization".

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    std : float, default 0.1
        Standard deviation, at least 0, in units of x. May be set at any time.
    """

    std = Setting(least=0)

    def __init__(self, std: float = 0.1) -> None:
        super().__init__()
        self.settings = Settings(mean=0.0, std=0.0, seed=0, layer=0, step=0.0)  # GaussianHyper
        self.std = std

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {"std": self.std}

    def emit(self, builder: Builder, x: Value) -> Value:
        """In training: draws, adds; y's gradient is x's."""
        if not builder.trains(self):
            return x
        assert self.settings is not None
        y, noise = Value(builder.rows(x.width), x.width, x.grad), builder.rows(x.width)
        builder.tick(self.settings.index("step"))
        builder.forward("gaussian", [noise], [x.width], self.settings.offset)
        builder.forward("add", [y.operand, x.operand, noise], [x.width])
        return y


class GaussianDropout(RandomLayer):
    """Multiplicative noise: y = x z in training, z normal with mean 1 and variance p / (1 - p); y = x in evaluation.

    The mean and variance that inverted dropout of rate p has, but continuous: Srivastava et al. 2014, section 10. The
    noise is a function of the model's seed, the layer, the number of training passes so far and the element alone
    (Philox 4x32-10, Box & Muller 1958): the same for any number of threads.

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    p : float, default 0.5
        In [0, 1). May be set at any time.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.settings = Settings(mean=1.0, deviation=0.0, seed=0, layer=0, step=0.0, p=0.0)  # GaussianHyper, and p
        self.p = p

    @property
    def p(self) -> float:
        """Rate of the dropout with the same mean and variance."""
        assert self.settings is not None
        return float(self.settings["p"])

    @p.setter
    def p(self, value: float) -> None:
        assert self.settings is not None
        p = _check.number("GaussianDropout", "p", value, 0, 1, open_end=True)
        self.settings["p"], self.settings["deviation"] = p, math.sqrt(p / (1 - p))

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {"p": self.p}

    def emit(self, builder: Builder, x: Value) -> Value:
        """In training: draws, multiplies, both ways."""
        if not builder.trains(self):
            return x
        assert self.settings is not None
        y, noise = builder.passing(x, x.width), builder.rows(x.width)
        builder.tick(self.settings.index("step"))
        builder.forward("gaussian", [noise], [x.width], self.settings.offset)
        builder.forward("multiply", [y.operand, x.operand, noise], [x.width])
        if x.wants_grad:
            builder.backward("multiply", [x.grad, y.grad, noise], [x.width])
        return y
