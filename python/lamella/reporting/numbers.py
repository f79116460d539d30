"""How well numbers are told: predicted against true, and what is left over."""

from dataclasses import dataclass

import numpy as np

from lamella._arrays import Array
from lamella.reporting.axis import Axis, axis
from lamella.reporting.blocks import charts, figure, note, table
from lamella.reporting.judgement import Numbers
from lamella.reporting.markup import Markup, join, tag
from lamella.reporting.number import number
from lamella.reporting.palette import BLUE, INK
from lamella.reporting.plot import BOTTOM, LEFT, RIGHT, TOP, Plot
from lamella.reporting.subject import even_sample

#: Outputs that are drawn, the first of them; rows of the table.
_DRAWN, _ROWS = 3, 50
#: Points of a picture.
_POINTS = 1500


@dataclass(frozen=True)
class Fit:
    """Figures of one output."""

    r2: float
    rmse: float
    mae: float
    bias: float

    @staticmethod
    def of(truth: Array, said: Array) -> "Fit":
        """Of (n,) numbers."""
        with np.errstate(over="ignore", invalid="ignore"):
            errors = said - truth
            spread = float(((truth - truth.mean()) ** 2).mean())
            mse = float((errors**2).mean())
            r2 = 1 - mse / spread if spread > 0 else float("nan")
            return Fit(r2, mse**0.5, float(np.abs(errors).mean()), float(errors.mean()))


def mean_r2(found: Numbers) -> float:
    """R², the mean over outputs."""
    fits = [Fit.of(truth, said) for truth, said in zip(found.truth.T, found.said.T, strict=True)]
    return sum(fit.r2 for fit in fits) / len(fits)


def numbers(found: Numbers, where: str) -> Markup:
    """The section's part on one set of rows."""
    fits = [Fit.of(truth, said) for truth, said in zip(found.truth.T, found.said.T, strict=True)]
    rows = [
        [name, number(fit.r2), number(fit.rmse), number(fit.mae), number(fit.bias)]
        for name, fit in list(zip(found.names, fits, strict=True))[:_ROWS]
    ]
    pictures = []
    for index, name in list(enumerate(found.names))[:_DRAWN]:
        label = name if len(found.names) > 1 else ""
        pictures += _pictures(found.truth[:, index], found.said[:, index], label)
    more = []
    if len(found.names) > _DRAWN:
        more.append(f"The first {_DRAWN} of {len(found.names)} outputs are drawn.")
    if len(found.truth) > _POINTS:
        more.append(f"Points are {_POINTS:,} of {len(found.truth):,} rows; the histogram has all.")
    return join(
        table(["output", "R²", "RMSE", "mean |error|", "mean error"], rows, f"By output, {where}"),
        charts(*pictures),
        note(" ".join(more)) if more else None,
    )


def _pictures(truth: Array, said: Array, name: str) -> list[Markup]:
    shown = even_sample(len(truth), _POINTS)
    title = f"{name}: " if name else ""
    both = np.concatenate([truth, said])
    across, up = axis(both, LEFT, RIGHT), axis(both, BOTTOM, TOP)
    plot = Plot(across, up, "true", "predicted", f"{title}predicted against true values")
    plot.line([across.low, across.high], [across.low, across.high], INK, dashed=True, width=1, opacity=0.6)
    plot.dots(truth[shown], said[shown], BLUE)
    first = figure(plot.svg(), f"{title}predicted against true; on the dashed line they agree")

    errors = said - truth
    plot = Plot(axis(said, LEFT, RIGHT), axis(errors, BOTTOM, TOP, zero=True), "predicted", "error", f"{title}errors")
    plot.level(0)
    plot.dots(said[shown], errors[shown], BLUE)
    second = figure(plot.svg(), f"{title}errors, predicted less true, against predictions: without a pattern at best")
    return [first, second, _histogram(errors, title)]


def _histogram(errors: Array, title: str) -> Markup:
    far = float(np.quantile(np.abs(errors), 0.995)) or float(np.abs(errors).max()) or 1.0
    counts, edges = np.histogram(np.clip(errors, -far, far), bins=31, range=(-far, far))
    across = Axis(-far, far, LEFT, RIGHT)
    plot = Plot(
        across,
        axis([0, counts.max()], BOTTOM, TOP, zero=True, whole=True),
        "error",
        "rows",
        f"{title}histogram of errors",
    )
    plot.bars(edges, counts, BLUE)
    plot.upright(0)
    beyond = int((np.abs(errors) > far).sum())
    tail = f"; {beyond:,} beyond the ends are in the outermost bars" if beyond else ""
    return figure(plot.svg(), tag("span", f"{title}histogram of errors{tail}"))
