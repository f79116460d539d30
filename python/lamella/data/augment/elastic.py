"""Elastic distortion of images."""

from collections.abc import Sequence

import numpy as np

from lamella._arrays import Array
from lamella.data.augment.image import Warp, grid, scipy_module
from lamella.nn import _check


class Elastic(Warp):
    """Elastic distortion (Simard, Steinkraus and Platt 2003): each pixel moves by a smooth random field.

    The fields of rows and of columns are uniform noise in [-1, 1], smoothed by a Gaussian, times ``alpha``; pixels are
    then interpolated bilinearly. Needs scipy.

    Parameters
    ----------
    shape : (height, width) or (channels, height, width)
    alpha : float, default 34
        How strong, in pixels; at least 0. With a ``sigma`` of 4, 34 moves pixels by about 1.4.
    sigma : float, default 4
        Of the Gaussian, in pixels: small crumples, large moves the whole. Above 0.
    fill : float, default 0
        Value of what comes in from outside.
    """

    def __init__(self, shape: Sequence[int], alpha: float = 34, sigma: float = 4, fill: float = 0.0) -> None:
        super().__init__(shape, fill)
        self.alpha = _check.number("Elastic", "alpha", alpha, 0)
        self.sigma = _check.positive("Elastic", "sigma", sigma)
        self._filter = scipy_module("ndimage", "Elastic").gaussian_filter

    def places(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """A field for each image."""
        noise = rng.uniform(-1, 1, (2, n, *self.shape[-2:])).astype(np.float32)
        moves = self.alpha * self._filter(noise, (0, 0, self.sigma, self.sigma), mode="constant")
        rows, columns = grid(self.shape)
        return rows + moves[0], columns + moves[1]

    def __repr__(self) -> str:
        return f"Elastic({self.shape}, alpha={self.alpha!r}, sigma={self.sigma!r}, fill={self.fill!r})"
