"""Quantities over epochs as lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lamella._arrays import Array
from lamella.reporting.axis import Axis, axis
from lamella.reporting.markup import Markup, join, tag
from lamella.reporting.number import number
from lamella.reporting.palette import HELD_OUT, SERIES, TRAINING
from lamella.reporting.plot import BOTTOM, LEFT, RIGHT, TOP, Plot

#: Epochs that a line is drawn through, at most.
_POINTS = 400


@dataclass(frozen=True)
class Line:
    """A quantity with a value an epoch."""

    label: str
    values: Sequence[float]
    colour: str
    dashed: bool = False


def chart(
    lines: Sequence[Line],
    y_label: str,
    log: bool = False,
    kept: int | None = None,
    zero: bool = False,
    epochs: Sequence[int] | None = None,
    levels: Mapping[str, float] | None = None,
) -> Markup:
    """Lines over epochs.

    Parameters
    ----------
    lines : sequence of Line
    y_label : str
    log : bool
        Orders of magnitude; what has no logarithm is left out.
    kept : int, optional
        The epoch, from 0, whose weights were kept: marked.
    zero : bool
        The axis reaches to 0.
    epochs : sequence of int, optional
        Whose the values are, as people count, rising. By default from 1.
    levels : mapping of str to float, optional
        Values to mark across.
    """
    if epochs is None:
        epochs = range(1, max(len(line.values) for line in lines) + 1)
    x = axis([epochs[0], max(epochs[-1], epochs[0] + 1)], LEFT, RIGHT, whole=True, room=0.01)
    marked = [*(value for line in lines for value in line.values), *(levels or {}).values()]
    y = axis(marked, BOTTOM, TOP, log=log, zero=zero)
    plot = Plot(x, y, "epoch", y_label, f"{y_label} by epoch: {'; '.join(map(_reading, lines))}")
    for name, value in (levels or {}).items():
        plot.level(value, name)
    if kept is not None:
        plot.upright(1 + kept, f"kept: epoch {1 + kept}", low=_is_high(lines, kept, y))
    for line in lines:
        values = np.asarray(line.values, np.float64)
        taken = thinned(values)
        plot.line(np.asarray(epochs)[taken], values[taken], line.colour, line.label, line.dashed)
    return plot.svg()


def _is_high(lines: Sequence[Line], epoch: int, y: Axis) -> bool:
    """Whether lines run through the top where a label would stand."""
    near = [value for line in lines for value in line.values[max(0, epoch - 5) : epoch + 5] if np.isfinite(value)]
    return bool(near) and float(y(near).min()) < TOP + 24


def with_log(
    lines: Sequence[Line], y_label: str, kept: int | None = None, epochs: Sequence[int] | None = None
) -> Markup:
    """The same with a box to tick for a logarithmic axis, where that makes a difference."""
    plain = chart(lines, y_label, kept=kept, epochs=epochs)
    values = np.concatenate([np.asarray(line.values, np.float64) for line in lines])
    values = values[np.isfinite(values)]
    if len(values) < 2 or values.min() <= 0 or values.max() < 3 * values.min():
        return plain
    box = tag("label", tag("input", type="checkbox", class_="log"), " logarithmic", class_="switch")
    pictures = (
        tag("div", plain, class_="linear"),
        tag("div", chart(lines, y_label, log=True, kept=kept, epochs=epochs), class_="logarithmic"),
    )
    return tag("div", join(*pictures), box, class_="either")


def _reading(line: Line) -> str:
    values = np.asarray(line.values, np.float64)
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return f"{line.label} without values"
    return f"{line.label} from {number(known[0])} to {number(known[-1])}"


def thinned(values: Array, most: int = _POINTS) -> Array:
    """Which of many values to draw: of each piece the least and the largest, so that no peak is lost."""
    n = len(values)
    if n <= most:
        return np.arange(n)
    filled = np.where(np.isfinite(values), values, np.nan)
    chosen = {0, n - 1}
    for piece in np.array_split(np.arange(n), most // 2):
        known = piece[np.isfinite(filled[piece])]
        chosen |= (
            {int(piece[0])}
            if len(known) == 0
            else {int(known[filled[known].argmin()]), int(known[filled[known].argmax()])}
        )
    return np.array(sorted(chosen))


def pair(history: Mapping[str, Sequence[float]], key: str) -> list[Line]:
    """Training and validation of one quantity, as far as there are any."""
    found = []
    for name, label, colour, dashed in (
        (key, "training", TRAINING, False),
        (f"val_{key}", "validation", HELD_OUT, True),
    ):
        if len(history.get(name, ())):
            found.append(Line(label, history[name], colour, dashed))
    return found


def several(values: Mapping[str, Sequence[float]]) -> list[Line]:
    """Lines without a meaning of their own."""
    return [
        Line(label, series, SERIES[index % len(SERIES)], dashed=index >= len(SERIES))
        for index, (label, series) in enumerate(values.items())
    ]
