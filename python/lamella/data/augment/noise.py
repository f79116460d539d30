"""Noise on every value."""

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check


class Noise:
    """x + std z, with z standard normal for each value: of tables, images and sounds.

    Parameters
    ----------
    std : float, default 0.1
        In the units of x, at least 0.
    relative : bool, default False
        In units of each row's own root mean square instead: 0.1 is a signal-to-noise ratio of 20 dB.
    """

    def __init__(self, std: float = 0.1, relative: bool = False) -> None:
        self.std = _check.number("Noise", "std", std, 0)
        self.relative = _check.flag("Noise", "relative", relative)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The same shape."""
        noise = rng.standard_normal(x.shape, np.float32 if x.dtype == np.float32 else np.float64)
        noise *= self.std
        if self.relative:
            noise *= np.sqrt(np.mean(np.square(x, dtype=noise.dtype), axis=1, keepdims=True))
        noise += x
        return noise

    def __repr__(self) -> str:
        return f"Noise(std={self.std!r}, relative={self.relative!r})"
