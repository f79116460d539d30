"""Pictures of a search."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.tuning.draw import Settings
from lamella.tuning.space import Distribution

_ACROSS = 3  # panels


@dataclass
class Points:
    """What is drawn, a trial each.

    Attributes
    ----------
    settings : sequence of dict
    scores : ndarray, (trials,)
    finished : ndarray of bool, (trials,)
    falls : bool
        Whether low scores are good.
    """

    settings: Sequence[Settings]
    scores: Array
    finished: Array
    falls: bool

    def limits(self) -> tuple[float, float]:
        """Of the score's axis: from the best to the worst, without the far tail that would hide the rest."""
        known = self.scores[np.isfinite(self.scores)]
        if len(known) == 0:
            raise ValueError("[SearchResult] no trial has a score: there is nothing to draw")
        good, worst = (known.min(), known.max()) if self.falls else (known.max(), known.min())
        tail = good + 4 * (np.median(known) - good)
        far = tail if tail != good and abs(tail - good) < abs(worst - good) else worst
        return (float(good), float(far)) if far != good else (float(good), float(good) + (1 if self.falls else -1))

    def heights(self) -> Array:
        """0 for the best scores to 1 for the worst; NaN where there is none."""
        good, far = self.limits()
        shown: Array = np.clip((np.where(np.isfinite(self.scores), self.scores, np.nan) - good) / (far - good), 0, 1)
        return shown


def panels(points: Points, columns: Mapping[str, Distribution], label: str) -> Any:
    """Score against each setting; trials that were dropped are hollow, those without a score crosses at the edge."""
    figure_class = _figure("plot")
    good, far = points.limits()
    across = min(len(columns), _ACROSS)
    down = math.ceil(len(columns) / across)
    figure = figure_class(figsize=(4 * across, 3.2 * down), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False, sharey=True)
    shown = np.clip(np.where(np.isfinite(points.scores), points.scores, far), min(good, far), max(good, far))
    failed = ~np.isfinite(points.scores)
    for ax, (name, column) in zip(axes.flat, columns.items(), strict=False):
        x = _places(points, name, column)
        for kind, chosen, style in (
            ("trained to the end", points.finished & ~failed, {"color": "C0"}),
            ("ended earlier", ~points.finished & ~failed, {"facecolors": "none", "edgecolors": "C0", "alpha": 0.5}),
            ("without a score", failed, {"color": "C3", "marker": "x"}),
        ):
            if chosen.any():
                ax.scatter(x[chosen], shown[chosen], s=18, label=kind, **style)
        _mark(ax.xaxis, ax.set_xlim, column)
        ax.set_xlabel(name)
        ax.grid(alpha=0.3)
    for ax in axes[:, 0]:
        ax.set_ylabel(label)
    for ax in list(axes.flat)[len(columns) :]:
        ax.set_visible(False)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    return figure


def parallel(points: Points, columns: Mapping[str, Distribution], label: str) -> Any:
    """An axis a setting, the last for the score, the best on top."""
    figure_class = _figure("plot_parallel")
    from matplotlib import colormaps

    heights = points.heights()
    figure = figure_class(figsize=(max(6, 1.8 * (len(columns) + 1)), 4.5), layout="constrained")
    ax = figure.subplots()
    places = np.stack([*(_places(points, name, column) for name, column in columns.items()), 1 - heights], axis=1)
    colours = colormaps["viridis_r"]
    for trial in np.argsort(-np.where(np.isnan(heights), 2, heights), kind="stable"):  # the best is drawn last
        if np.isnan(heights[trial]):
            ax.plot(places[trial, :-1], color="C3", linestyle=":", linewidth=0.8, alpha=0.5)
        else:
            strength = float(1 - heights[trial])
            ax.plot(
                places[trial], color=colours(strength), linewidth=0.6 + 1.6 * strength**4, alpha=0.4 + 0.6 * strength
            )
    good, far = points.limits()
    marks = [column.ticks() for column in columns.values()]
    marks.append([(1 - i / 4, f"{good + i / 4 * (far - good):.3g}") for i in range(5)])
    for x, ticks in enumerate(marks):
        ax.axvline(x, color="0.3", linewidth=0.8)
        for place, text in ticks:
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
            ax.annotate(text, (x, place), (4, 0), textcoords="offset points", fontsize=8, va="center", bbox=box)
    ax.set_xticks(range(len(marks)), [*columns, label])
    ax.set_yticks([])
    ax.set_xlim(-0.2, len(marks) - 0.5)
    ax.set_ylim(-0.04, 1.04)
    for side in ("left", "right", "top", "bottom"):
        ax.spines[side].set_visible(False)
    return figure


def _places(points: Points, name: str, column: Distribution) -> Array:
    return np.array([column.place(own[name]) if name in own else np.nan for own in points.settings], np.float64)


def _mark(axis: Any, set_limits: Any, column: Distribution) -> None:
    places, texts = zip(*column.ticks(), strict=True)
    axis.set_ticks(places, texts)
    set_limits(-0.04, 1.04)


def _figure(where: str) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f'[SearchResult.{where}] a picture needs matplotlib, which is not installed: pip install "lamella[train]"'
        ) from error
    return Figure
