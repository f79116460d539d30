"""The first layer's weights as images, where inputs are images."""

import math

import numpy as np

from lamella._arrays import Array
from lamella.nn.linear import Linear
from lamella.nn.module import Module
from lamella.reporting.blocks import Section, note
from lamella.reporting.markup import Markup, join, tag
from lamella.reporting.plot import image
from lamella.reporting.png import shades
from lamella.reporting.subject import Subject, even_sample

#: Units that are shown, those with the longest weights; pixels of an image's side, as fine as is drawn.
_UNITS, _FINEST = 64, 64
#: Least side of a square that inputs without a shape are taken for.
_SIDE = 8
_ROWS = 2000


def weight_images(subject: Subject) -> Section | None:
    """The section."""
    layer = first_linear(subject.model)
    part = subject.learned
    if layer is None:
        return None
    shape = subject.image_shape
    if shape is None and part is not None:
        shape = guess_shape(part.samples.x)
    if shape is None or math.prod(shape) != layer.in_features:
        return None
    weights = np.asarray(layer.weight.data, np.float64)
    norms = np.linalg.norm(weights, axis=1)
    chosen = np.sort(np.argsort(-norms, kind="stable")[:_UNITS])
    colour = len(shape) == 3
    tiles = [_tile(weights[unit].reshape(shape), colour) for unit in chosen]
    names = [f"unit {unit}, length {norms[unit]:.3g}" for unit in chosen]
    few = (
        f"The {_UNITS} of {layer.out_features} units with the longest weights. " if layer.out_features > _UNITS else ""
    )
    sizes = " × ".join(map(str, shape))
    how = (
        "each in its own colours, grey for weights of 0."
        if colour
        else "blue is above 0, orange below, each unit by its own largest weight."
    )
    guessed = ""
    if subject.image_shape is None:
        guessed = " The inputs were taken for images because neighbours in such a grid are alike."
    return Section(
        "weights",
        "First-layer weights as images",
        join(
            tag("div", [_picture(tile, name) for tile, name in zip(tiles, names, strict=True)], class_="tiles"),
            note(
                f"{few}What each unit of the first layer looks for in {sizes} inputs; {how} Smooth or local patterns "
                f"are good; noise all over says that the layer has learned little, or has too little data.{guessed}"
            ),
        ),
    )


def first_linear(model: Module) -> Linear | None:
    """The first dense layer, if what comes before leaves features at their places."""
    for _, module in model.named_modules():
        if module.children():
            if module.branches:
                return None
            continue
        if isinstance(module, Linear):
            return module
        if not module.keeps_width:
            return None
        if module.input_width() is not None and module.input_width() != module.output_width(module.input_width()):
            return None
    return None


def guess_shape(x: Array) -> tuple[int, int] | None:
    """A square that the features are the pixels of, if neighbours in it are more alike than others."""
    side = math.isqrt(x.shape[1])
    if side * side != x.shape[1] or side < _SIDE or len(x) < 2 * _SIDE:
        return None
    rows = np.asarray(x[even_sample(len(x), _ROWS)], np.float64)
    deviation = rows.std(axis=0)
    table = np.where(deviation > 0, (rows - rows.mean(axis=0)) / np.where(deviation > 0, deviation, 1), 0)
    table = table.reshape(len(rows), side, side)

    def alike(down: int, right: int) -> float:
        """Mean correlation with the feature so far away."""
        one, other = table[:, : side - down, : side - right], table[:, down:, right:]
        return float((one * other).mean())

    near, far = min(alike(1, 0), alike(0, 1)), max(abs(alike(side // 2, 0)), abs(alike(0, side // 2)))
    return (side, side) if near > 0.2 and near > 2 * far else None


def _tile(weights: Array, colour: bool) -> Array:
    """Pixels of a unit."""
    while max(weights.shape[:2]) > _FINEST:
        weights = weights[::2, ::2]
    if not colour:
        return shades(weights)
    most = float(np.abs(weights).max()) or 1.0
    pixels = np.full((*weights.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = np.round(127.5 + 127.5 * weights / most)
    return pixels


def _picture(pixels: Array, name: str) -> Markup:
    rows, columns = pixels.shape[:2]
    return tag(
        "svg",
        tag("title", name),
        image(pixels, 0, 0, columns, rows),
        viewBox=f"0 0 {columns} {rows}",
        role="img",
        aria_label=name,
        class_="tile",
    )
