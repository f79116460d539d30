"""Changes of images that are given as rows: moved, turned, mirrored."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check


class Images:
    """Base of what looks at rows as images.

    Parameters
    ----------
    shape : (height, width) or (channels, height, width)
        Of an image whose pixels, in that order, make up a row. All channels of an image change alike.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        where = type(self).__name__
        if not isinstance(shape, (tuple, list)) or len(shape) not in (2, 3):
            raise TypeError(
                f"[{where}] shape is {shape!r:.80} but must be (height, width) or (channels, height, width)"
            )
        self.shape = tuple(_check.integer(where, "shape", size, 1) for size in shape)

    def images(self, x: Array) -> Array:
        """(n, channels, height, width) of (n, pixels)."""
        size = int(np.prod(self.shape))
        if x.ndim != 2 or x.shape[1] != size:
            raise ValueError(
                f"[{type(self).__name__}] x has shape {x.shape} but images of {self.shape} are rows of {size} pixels"
            )
        return x.reshape(len(x), -1, *self.shape[-2:])


def scipy_module(name: str, where: str) -> Any:
    """scipy.ndimage or scipy.signal."""
    try:
        from importlib import import_module

        return import_module(f"scipy.{name}")
    except ImportError as error:
        raise ImportError(f'[{where}] scipy is not installed: pip install "lamella[data]"') from error


class Warp(Images):
    """Base of what takes each pixel from another place: bilinear interpolation, ``fill`` from outside.

    Parameters
    ----------
    shape : (height, width) or (channels, height, width)
    fill : float, default 0
        Value of what lies outside the image.
    """

    def __init__(self, shape: Sequence[int], fill: float = 0.0) -> None:
        super().__init__(shape)
        self.fill = _check.number(type(self).__name__, "fill", fill)

    def places(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """(n, height, width) rows and columns that pixels are taken from."""
        raise NotImplementedError

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The same shape."""
        images = self.images(x)
        rows, columns = self.places(len(x), rng)
        return interpolated(images, rows, columns, self.fill).reshape(x.shape)


def interpolated(images: Array, rows: Array, columns: Array, fill: float) -> Array:
    """Images (n, channels, h, w) at places (n, h, w), bilinearly; ``fill`` is all around them."""
    n, channels, height, width = images.shape
    dtype = images.dtype if images.dtype.kind == "f" else np.dtype(np.float64)
    framed = np.full((n, channels, height + 2, width + 2), fill, dtype)
    framed[:, :, 1:-1, 1:-1] = images
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top, left = np.minimum(rows.astype(np.intp), height), np.minimum(columns.astype(np.intp), width)
    down, right = (rows - top).astype(dtype), (columns - left).astype(dtype)
    # A flat index for all images of one channel: of each pixel's upper left neighbour.
    flat = framed.reshape(n, channels, -1)
    place = top * (width + 2) + left
    result = np.empty(images.shape, dtype)
    for channel in range(channels):
        pixels = flat[:, channel].reshape(n, -1)

        def at(offset: int, pixels: Array = pixels) -> Array:
            taken: Array = np.take_along_axis(pixels, (place + offset).reshape(n, -1), 1).reshape(place.shape)
            return taken

        upper = at(0) * (1 - right) + at(1) * right
        lower = at(width + 2) * (1 - right) + at(width + 3) * right
        result[:, channel] = upper * (1 - down) + lower * down
    return result


def grid(shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Row and column of each pixel."""
    rows, columns = np.mgrid[: shape[-2], : shape[-1]].astype(np.float64)
    return rows, columns


class Shift(Warp):
    """Images moved by up to so many pixels up or down, left or right.

    Parameters
    ----------
    shape : (height, width) or (channels, height, width)
    pixels : float, default 2
        The most, each way; uniform in [-pixels, pixels].
    fill : float, default 0
        Value of what comes in from outside.
    whole : bool, default True
        By whole pixels; else between pixels, by bilinear interpolation.
    """

    def __init__(self, shape: Sequence[int], pixels: float = 2, fill: float = 0.0, whole: bool = True) -> None:
        super().__init__(shape, fill)
        self.pixels = _check.number("Shift", "pixels", pixels, 0)
        self.whole = _check.flag("Shift", "whole", whole)

    def places(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """The same distance for all pixels of an image."""
        if self.whole:
            most = int(self.pixels)
            moves = rng.integers(-most, most + 1, (2, n, 1, 1)).astype(np.float64)
        else:
            moves = rng.uniform(-self.pixels, self.pixels, (2, n, 1, 1))
        rows, columns = grid(self.shape)
        down, right = np.broadcast_arrays(rows - moves[0], columns - moves[1])[:2]
        return down, right

    def __repr__(self) -> str:
        return f"Shift({self.shape}, pixels={self.pixels!r}, fill={self.fill!r}, whole={self.whole!r})"


class Rotate(Warp):
    """Images turned about their middle, bilinearly.

    Parameters
    ----------
    shape : (height, width) or (channels, height, width)
    degrees : float, default 10
        The most, either way; uniform in [-degrees, degrees].
    fill : float, default 0
        Value of what comes in from outside.
    """

    def __init__(self, shape: Sequence[int], degrees: float = 10, fill: float = 0.0) -> None:
        super().__init__(shape, fill)
        self.degrees = _check.number("Rotate", "degrees", degrees, 0)

    def places(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Places turned the other way."""
        angles = np.deg2rad(rng.uniform(-self.degrees, self.degrees, (n, 1, 1)))
        rows, columns = grid(self.shape)
        middle_row, middle_column = (self.shape[-2] - 1) / 2, (self.shape[-1] - 1) / 2
        rows, columns = rows - middle_row, columns - middle_column
        cos, sin = np.cos(angles), np.sin(angles)
        return cos * rows - sin * columns + middle_row, sin * rows + cos * columns + middle_column

    def __repr__(self) -> str:
        return f"Rotate({self.shape}, degrees={self.degrees!r}, fill={self.fill!r})"


class Flip(Images):
    """Images mirrored with a probability: left to right, or top to bottom.

    Parameters
    ----------
    shape : (height, width) or (channels, height, width)
    p : float, default 0.5
        In [0, 1].
    vertical : bool, default False
        Top to bottom instead.
    """

    def __init__(self, shape: Sequence[int], p: float = 0.5, vertical: bool = False) -> None:
        super().__init__(shape)
        self.p = _check.number("Flip", "p", p, 0, 1)
        self.vertical = _check.flag("Flip", "vertical", vertical)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The same shape."""
        result: Array = x.copy()
        images, flipped = self.images(result), rng.random(len(x)) < self.p
        images[flipped] = np.flip(images[flipped], 2 if self.vertical else 3)
        return result

    def __repr__(self) -> str:
        return f"Flip({self.shape}, p={self.p!r}, vertical={self.vertical!r})"
