"""Histograms: of one record as bars, of many as a picture by epoch."""

from collections.abc import Sequence

import numpy as np

from lamella._arrays import Array
from lamella.diagnosis.records import Histogram
from lamella.reporting.axis import Axis, axis
from lamella.reporting.markup import Markup
from lamella.reporting.palette import BLUE
from lamella.reporting.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, Plot
from lamella.reporting.png import shades

#: Bins and epochs of a picture, at most.
_BINS, _EPOCHS = 48, 120
_HEIGHT = 190


def by_epoch(histograms: Sequence[Histogram], epochs: Sequence[int], label: str, says: str) -> Markup:
    """Values upwards, epochs to the right, the stronger the colour the more often; with one epoch, bars.

    Parameters
    ----------
    histograms : sequence of Histogram
    epochs : sequence of int
        As people count, rising.
    label : str
        What the values are.
    says : str
    """
    if len(histograms) == 1:
        return bars(histograms[0], label, says)
    # Columns are of one width, records may be any number of epochs apart: each stands until the next.
    at = np.linspace(epochs[0], epochs[-1], min(epochs[-1] - epochs[0] + 1, _EPOCHS))
    chosen = np.searchsorted(epochs, at + 1e-9, side="right") - 1
    low, high = span([histograms[index] for index in chosen])
    table = np.stack([rebinned(histograms[index], low, high) for index in chosen], axis=1)
    # A spike (at 0, of a rectifier) is not to hide the rest: roots of shares, each epoch by its own largest bin.
    shares = np.sqrt(table / np.maximum(table.max(axis=0, keepdims=True), 1e-300))
    first, last = epochs[0], epochs[-1]
    bottom = _HEIGHT - (HEIGHT - BOTTOM)
    plot = Plot(
        Axis(first, max(last, first + 1), LEFT, RIGHT, whole=True),
        Axis(low, high, bottom, TOP),
        "epoch",
        label,
        says,
        _HEIGHT,
    )
    plot.picture(shades(shares[::-1], 1.0))
    return plot.svg()


def bars(histogram: Histogram, label: str, says: str) -> Markup:
    """One histogram."""
    low, high = span([histogram])
    counts = rebinned(histogram, low, high)
    edges = np.linspace(low, high, _BINS + 1)
    bottom = _HEIGHT - (HEIGHT - BOTTOM)
    up = axis([0, 100 * counts.max()], bottom, TOP, zero=True)
    plot = Plot(Axis(low, high, LEFT, RIGHT), up, label, "% of values", says, _HEIGHT)
    plot.bars(edges, 100 * counts, BLUE)
    return plot.svg()


def span(histograms: Sequence[Histogram]) -> tuple[float, float]:
    """The values that matter: without the thousandth at either end, where that is far away."""
    lows, highs = [], []
    for histogram in histograms:
        total = histogram.counts.sum()
        if total == 0:
            continue
        sums = np.cumsum(histogram.counts) / total
        lows.append(float(histogram.edges[int(np.searchsorted(sums, 0.001))]))
        highs.append(float(histogram.edges[int(np.searchsorted(sums, 0.999)) + 1]))
    if not lows:
        return -1.0, 1.0
    low, high = min(lows), max(highs)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def rebinned(histogram: Histogram, low: float, high: float, bins: int = _BINS) -> Array:
    """Shares in equal bins between two values, each old bin spread evenly; what lies beyond is in the outermost."""
    edges = np.linspace(low, high, bins + 1)
    total = max(float(histogram.counts.sum()), 1.0)
    sums = np.concatenate([[0.0], np.cumsum(histogram.counts)]) / total
    at = np.interp(edges, histogram.edges, sums)
    at[0], at[-1] = 0.0, sums[-1]
    shares: Array = np.diff(at)
    return shares
