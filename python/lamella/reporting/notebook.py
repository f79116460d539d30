"""What notebooks show of models, histories and the like: HTML with styles of its own elements alone, for any theme."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella._arrays import Array
from lamella.nn.module import Module
from lamella.nn.summary import rows_of, size_of
from lamella.population.history import order
from lamella.reporting.axis import axis
from lamella.reporting.curves import Line, chart, pair, several, thinned
from lamella.reporting.markup import Markup, join, tag
from lamella.reporting.number import counted, duration, number, percent
from lamella.reporting.palette import BLUE, GREY, ORANGE
from lamella.reporting.plot import BOTTOM, LEFT, RIGHT, TOP, Plot
from lamella.trainer.early_stopping import larger_is_better
from lamella.trainer.history import History

if TYPE_CHECKING:
    from lamella.diagnosis.bias_variance import Diagnosis
    from lamella.diagnosis.findings import Finding
    from lamella.diagnosis.recorder import Recorder
    from lamella.diagnosis.records import EpochRecord
    from lamella.population.history import PopulationHistory
    from lamella.population.population import Population
    from lamella.trainer.range_test import LRRangeTest
    from lamella.tuning.result import SearchResult

#: Rows of a table; pictures of a history; models with a line of their own.
_ROWS, _PICTURES, _LINES = 40, 4, 6
_ASIDE = ("seconds", "lr")


def model(shown: Module) -> str:
    """Layers, widths, parameters."""
    rows: list[Sequence[Any]] = list(rows_of(shown))
    if len(rows) > _ROWS:
        rows = [*rows[: _ROWS // 2], ("", f"… {len(rows) - _ROWS} more …", "", ""), *rows[-_ROWS // 2 :]]
    title = f"{type(shown).__name__}: {counted(shown.num_parameters, 'parameter')}, {size_of(shown)}"
    return _whole(title, _table(("layer", "", "output", "parameters"), rows, right=(2, 3)))


def history(shown: History) -> str:
    """Small curves, and the last values."""
    title = f"History of {counted(shown.epochs, 'epoch')}"
    if shown.best_epoch is not None:
        title += f"; best: epoch {shown.best_epoch + 1}"
    if shown.stopped is not None:
        title += f"; stopped by {shown.stopped}"
    return _whole(title, curves(shown, shown.best_epoch), _last_values(shown))


def curves(shown: Mapping[str, Sequence[float]], kept: int | None = None) -> Markup:
    """A small picture a quantity."""
    quantities = dict.fromkeys(
        key.removeprefix("val_") for key, values in shown.items() if key not in _ASIDE and values
    )
    return _row(chart(pair(shown, key), key, kept=kept) for key in list(quantities)[:_PICTURES])


def _last_values(shown: Mapping[str, Sequence[float]]) -> Markup:
    rows = []
    for key, values in shown.items():
        known = [value for value in values if np.isfinite(value)]
        if not values or key == "seconds":
            continue
        best = "" if key == "lr" or not known else number((max if larger_is_better(key) else min)(known))
        rows.append((key, number(values[-1]), best))
    return _table(("", "last", "best"), rows, right=(1, 2))


def population_history(shown: "PopulationHistory") -> str:
    """Of each quantity the median, the middle half and the range over models, by epoch."""
    lost = f"; {len(shown.diverged)} diverged" if shown.diverged else ""
    title = f"PopulationHistory of {counted(len(shown.histories), 'model')}, {counted(shown.epochs, 'epoch')}{lost}"
    keys = [key for key in shown.keys() if key not in _ASIDE]  # noqa: SIM118 - not a dict
    return _whole(title, _row(_spread(shown[key], key) for key in keys[:_PICTURES]), _finals(shown, keys))


def _spread(table: Array, key: str) -> Markup:
    """(models, epochs) as a band; as lines if there are few models."""
    if len(table) <= _LINES:
        return chart(several({f"model {index}": values for index, values in enumerate(table.tolist())}), key)
    known = np.isfinite(table).any(axis=0)
    epochs = np.flatnonzero(known)
    if len(epochs) == 0:
        return chart([Line(key, [float("nan")], BLUE)], key)
    values = np.where(np.isfinite(table[:, epochs]), table[:, epochs], np.nan)
    low, lower, middle, upper, high = np.nanquantile(values, (0, 0.25, 0.5, 0.75, 1), axis=0)
    # A few models that diverge are not to hide the rest.
    most = float(np.quantile(high, 0.9)) if not larger_is_better(key) else float(high.max())
    least = float(np.quantile(low, 0.1)) if larger_is_better(key) else float(low.min())
    x = axis([epochs[0] + 1, max(epochs[-1] + 1, epochs[0] + 2)], LEFT, RIGHT, whole=True, room=0.01)
    plot = Plot(x, axis([least, most], BOTTOM, TOP), "epoch", key, f"{key} of {len(table)} models by epoch")
    taken = thinned(middle)
    xs = epochs[taken] + 1
    plot.area(xs, low[taken], high[taken], BLUE, 0.15)
    plot.area(xs, lower[taken], upper[taken], BLUE, 0.28)
    plot.line(xs, middle[taken], BLUE, "median")
    plot.line(xs, (high if larger_is_better(key) else low)[taken], ORANGE, "best", dashed=True, width=1.5)
    return plot.svg()


def _finals(shown: "PopulationHistory", keys: Sequence[str]) -> Markup:
    rows = []
    for key in keys:
        values = shown.final(key)
        known = values[np.isfinite(values)]
        if len(known):
            best = shown.models[int(order(values, key)[0])]
            rows.append((key, *(number(float(value)) for value in np.quantile(known, (0, 0.5, 1))), str(best)))
    return _table(("at the end", "least", "median", "most", "best model"), rows, right=range(1, 5))


def population(shown: "Population") -> str:
    """How many models, their states, and what they have seen."""
    active, diverged = len(shown.active), len(shown.diverged)
    dropped = len(shown) - active - diverged
    states = [
        f"{active} active",
        *([f"{diverged} diverged"] if diverged else []),
        *([f"{dropped} dropped"] if dropped else []),
    ]
    parts: list[Markup | str] = []
    found = shown.history
    if found.epochs:
        parts.append(Markup(population_history(found)))
    if shown.active:
        first = shown.active[0]
        parts.append(
            tag("details", tag("summary", f"model {first}"), Markup(model(shown[first])), style="margin:4px 0")
        )
    return _whole(f"Population of {counted(len(shown), 'model')}: {', '.join(states)}", *parts)


def search_result(shown: "SearchResult") -> str:
    """The best trials, and the scores of all in their order."""
    states = [trial.state for trial in shown.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    title = f"SearchResult: {counted(len(shown), 'trial')} ({counts}); {shown.epochs:,} epochs; score: {shown.monitor}"
    heads, rows = shown.best_rows(10)
    more = f"{len(shown) - len(rows)} more trials, best first" if len(shown) > len(rows) else ""
    parts = [_progress(shown), _table(heads, rows, right=range(len(heads) - 1)), tag("div", more, style=_SOFT)]
    return _whole(title, *parts)


def _progress(shown: "SearchResult") -> Markup | None:
    scores = shown.scores
    known = np.flatnonzero(np.isfinite(scores))
    if len(known) < 2:
        return None
    falls = not larger_is_better(shown.monitor)
    best = (np.minimum if falls else np.maximum).accumulate(scores[known])
    far = np.quantile(scores[known], 0.9 if falls else 0.1)
    x = axis([0, len(scores) - 1], LEFT, RIGHT, whole=True, room=0.02)
    plot = Plot(
        x, axis([*best, far], BOTTOM, TOP), "trial", shown.monitor, f"{shown.monitor} by trial, and the best so far"
    )
    plot.dots(known, scores[known], BLUE, "trial")
    plot.line(known, best, ORANGE, "best so far")
    return _row([plot.svg()])


def range_test(shown: "LRRangeTest") -> str:
    """Loss against rate, with the suggestion."""
    x = axis(shown.rates, LEFT, RIGHT, log=True, room=0.01)
    plot = Plot(x, axis(shown.smoothed, BOTTOM, TOP), "learning rate", "loss", "loss by learning rate")
    seen = np.isfinite(shown.losses)
    plot.line(shown.rates[seen], shown.losses[seen], GREY, "loss", width=1, opacity=0.6)
    plot.line(shown.rates, shown.smoothed, BLUE, "smoothed")
    if shown.suggestion is not None:
        plot.upright(shown.suggestion, f"suggestion: {number(shown.suggestion, 2)}")
    ending = "" if shown.diverged_at is None else f"; diverged at {number(shown.diverged_at, 3)}"
    return _whole(f"LRRangeTest of {counted(len(shown.rates), 'step')}{ending}", _row([plot.svg()]))


def record(shown: "EpochRecord") -> str:
    """Layers as a table, and what stands out."""
    when = f"after epoch {shown.epoch + 1}" if shown.epoch >= 0 else "before any training"
    rows = [
        (
            f"{layer.name} {layer.kind}",
            f"{layer.units:,}",
            number(layer.mean, 3),
            number(layer.std, 3),
            percent(layer.dead),
            percent(layer.saturated),
            number(layer.correlation, 2),
            number(layer.gradient_rms, 2),
        )
        for layer in shown.layers.values()
    ][:_ROWS]
    heads = ("layer", "units", "mean", "std", "dead", "saturated", "|corr.|", "gradient")
    return _whole(f"Layers {when}", _table(heads, rows, right=range(1, 8)), _findings(shown.findings))


def recorder(shown: "Recorder") -> str:
    """The last record, and how updates and gradients went."""
    from lamella.reporting.insides import over_time, update_ratio_chart
    from lamella.reporting.subject import of_one_training

    if not shown.records:
        return _whole("Recorder without records")
    records = of_one_training(shown.records)
    pictures = [made for made in (update_ratio_chart(records), *over_time(records).values()) if made is not None]
    title = f"Recorder of {counted(len(shown.records), 'record')}"
    return _whole(title, _row(pictures), Markup(record(shown.records[-1])))


def diagnosis(shown: "Diagnosis") -> str:
    """Errors, gaps, and what to try."""
    steps = (
        ("target", shown.target, None, ""),
        ("train", shown.train, shown.bias, "bias"),
        ("train-dev", shown.train_dev, shown.variance, "variance"),
        ("validation", shown.validation, shown.variance, "variance")
        if shown.train_dev is None
        else ("validation", shown.validation, shown.mismatch, "mismatch"),
        ("test", shown.test, shown.overfit_to_validation, "overfitting to the validation data"),
    )
    rows = [
        (name, number(error), "" if gap is None else number(gap), what)
        for name, error, gap, what in steps
        if error is not None
    ]
    reached = tag("div", "The target is reached.") if shown.reached else None
    return _whole("Diagnosis", _table(("", "error", "gap", ""), rows, right=(1, 2)), reached, _findings(shown.findings))


def live(shown: History, epochs: int, done: bool = False) -> str:
    """A training as it goes on."""
    seconds = shown.get("seconds", ())
    whole = sum(seconds)
    title = f"epoch {shown.epochs} of {epochs}"
    if shown.stopped is not None:
        title += f"; stopped by {shown.stopped}"
    elif not done and shown.epochs:
        title += f"; about {duration(whole / shown.epochs * (epochs - shown.epochs))} left"
    if whole:
        title += f"; {duration(whole / shown.epochs)} an epoch"
    share = 100 if done else 100 * shown.epochs / max(epochs, 1)
    done_part = tag("div", style=f"width:{share:.1f}%;height:100%;background:{BLUE}")
    bar = tag("div", done_part, style="height:5px;max-width:840px;background:rgba(128,128,128,.25);margin:4px 0 8px")
    return _whole(title, bar, curves(shown, shown.best_epoch), _last_values(shown))


_SOFT = "opacity:.7;font-size:90%"


def _whole(title: str, *parts: Any) -> str:
    return tag(
        "div", tag("div", title, style="font-weight:600;margin-bottom:4px"), join(*parts), style="max-width:900px"
    )


def _row(pictures: Iterable[Markup]) -> Markup:
    """Small, as many in a row as there is room for."""
    style = "flex:1 1 300px;max-width:420px;min-width:0"
    return tag(
        "div", [tag("div", made, style=style) for made in pictures], style="display:flex;flex-wrap:wrap;gap:8px 20px"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]], right: Iterable[int] = ()) -> Markup:
    """In the notebook's own style, but for where columns stand."""
    on_right = set(right)

    def style(index: int) -> str:
        return f"padding:2px 10px 2px 0;text-align:{'right' if index in on_right else 'left'}"

    top = [tag("th", head, style=style(index)) for index, head in enumerate(heads)]
    body = [tag("tr", [tag("td", cell, style=style(index)) for index, cell in enumerate(row)]) for row in rows]
    made = tag("table", tag("thead", tag("tr", top)), tag("tbody", body), style="margin:6px 0")
    return tag("div", made, style="overflow-x:auto")


def _findings(found: "Iterable[Finding]") -> Markup:
    return join(
        [
            tag(
                "div",
                finding.text,
                tag("ul", [tag("li", advice) for advice in finding.advice], style="margin:2px 0")
                if finding.advice
                else None,
                style=f"border-left:3px solid {ORANGE};padding-left:10px;margin:6px 0",
            )
            for finding in found
        ]
    )
