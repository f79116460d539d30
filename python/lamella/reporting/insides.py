"""Sections on what went on inside: rates and updates, histograms by layer, dead and saturated units."""

from collections.abc import Callable, Sequence

import numpy as np

from lamella.diagnosis.findings import DEAD, SATURATED
from lamella.diagnosis.inspection import inspect
from lamella.diagnosis.records import EpochRecord, Histogram, LayerRecord
from lamella.reporting.blocks import Cell, Head, Section, charts, details, figure, note, paragraph, table
from lamella.reporting.curves import Line, chart, several, with_log
from lamella.reporting.hidden import PASSING
from lamella.reporting.histograms import by_epoch
from lamella.reporting.markup import Markup, join, tag
from lamella.reporting.number import number, percent
from lamella.reporting.palette import BLUE
from lamella.reporting.reading import findings
from lamella.reporting.subject import Subject, even_sample, some

#: Layers with histograms; lines in a picture.
_LAYERS, _LINES = 8, 8
#: Rows that layers are looked at on, where nothing was recorded.
_SAMPLE = 256
#: Where ratios of updates to weights are good.
_GOOD_RATIO = 1e-3


def rates(subject: Subject) -> Section | None:
    """Learning rates over time, and how large updates were beside the weights."""
    pictures, words = [], None
    lines, epochs = _rate_lines(subject)
    constant = _constant(lines)
    if constant is not None:
        words = paragraph(f"The learning rate was {number(constant)} in all epochs.")
    elif lines:
        picture = with_log(lines, "learning rate", epochs=epochs)
        pictures.append(figure(picture, "Learning rate, in the epoch's last step"))
    ratios = update_ratio_chart(subject.records)
    if ratios is not None:
        pictures.append(figure(ratios, "Length of a step's update of a weight matrix over the matrix's own length"))
    if not pictures and words is None:
        return None
    reading = note(
        "About 0.001 is good: much less, and the layer hardly learns (a higher rate); much more, and it never settles "
        "(a lower one)."
    )
    left_out = len(_matrices(subject.records)) - _LINES if ratios else 0
    some = note(f"{left_out} more weight matrices are left out.") if left_out > 0 else None
    return Section("rates", "Rates over time", join(words, charts(*pictures), reading if ratios else None, some))


def _constant(lines: Sequence[Line]) -> float | None:
    """The rate of all epochs, if there is one."""
    values = {value for line in lines for value in line.values}
    return values.pop() if len(values) == 1 else None


def _rate_lines(subject: Subject) -> tuple[list[Line], list[int] | None]:
    """By epoch; of several groups what was recorded, and in which epochs."""
    recorded = [record for record in subject.records if record.epoch >= 0]
    groups = max((len(record.rates) for record in recorded), default=0)
    if groups > 1:
        by_group = {f"group {k}": [_entry(record.rates, k) for record in recorded] for k in range(min(groups, _LINES))}
        return several(by_group), [record.epoch + 1 for record in recorded]
    values = subject.history.get("lr", ())
    return [Line("learning rate", values, BLUE)] if len(values) else [], None


def _entry(values: Sequence[float], index: int) -> float:
    return values[index] if index < len(values) else float("nan")


def _matrices(records: Sequence[EpochRecord]) -> list[str]:
    names = dict.fromkeys(name for record in records for name, item in record.parameters.items() if len(item.shape) > 1)
    return list(names)


def update_ratio_chart(records: Sequence[EpochRecord]) -> Markup | None:
    """Of weight matrices, by epoch; None if nothing was measured."""
    ratios = update_ratios(records)
    if not ratios:
        return None
    epochs = [record.epoch + 1 for record in records if any(p.update_ratio for p in record.parameters.values())]
    levels = {"good: 0.001": _GOOD_RATIO}
    return chart(several(ratios), "update / weight", log=True, epochs=epochs, levels=levels)


def update_ratios(records: Sequence[EpochRecord]) -> dict[str, list[float]]:
    """By weight matrix, an entry for each record that has any."""
    measured = [record for record in records if any(p.update_ratio for p in record.parameters.values())]
    chosen = some(_matrices(measured), _LINES)
    return {
        name: [
            _known(record.parameters[name].update_ratio if name in record.parameters else None) for record in measured
        ]
        for name in chosen
    }


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def units(subject: Subject) -> Section | None:
    """Histograms of activations and gradients, dead and saturated units, by layer and epoch."""
    records = subject.records or _now(subject)
    if not records:
        return None
    latest = records[-1]
    names = [name for name, layer in latest.layers.items() if layer.kind not in PASSING]
    chosen = some(names, _LAYERS)
    kinds = f" {len(chosen)} of {len(names)} layers are shown." if len(chosen) < len(names) else ""
    when = "at the end" if len(records) == 1 else "after the last epoch recorded"
    return Section(
        "units",
        "Activations and gradients by layer",
        join(
            findings(latest.findings),
            _state(latest, when),
            charts(*(figure(made, caption) for caption, made in over_time(records).items())),
            tag("h3", "Activations"),
            charts(*_histograms(records, chosen, lambda layer: layer.activations, "activation")),
            tag("h3", "Gradients with respect to activations") if _any_gradients(records, chosen) else None,
            charts(*_histograms(records, chosen, lambda layer: layer.gradients, "gradient")),
            note(
                "The stronger the colour, the more often: by the root of the share, each epoch beside its own "
                "commonest value. The outermost thousandth is at the edge. Values are those of the recorder's sample "
                f"of rows.{kinds}"
            ),
        ),
    )


def _now(subject: Subject) -> list[EpochRecord]:
    """The layers as they are, where nothing was recorded; nothing if that cannot be looked at."""
    part = subject.learned
    if part is None:
        return []
    rows = even_sample(len(part.samples), _SAMPLE)
    x, target = part.samples.x[rows], part.samples.target[rows]
    try:
        return [inspect(subject.model, x, target, subject.loss)]
    except (RuntimeError, ValueError):  # a layer without a gradient; too few rows for batch normalization
        return [inspect(subject.model, x)]


def _state(record: EpochRecord, when: str) -> Markup:
    """The layers as they were recorded last."""

    def warned(share: float | None, limit: float) -> Cell | str:
        if share is None:
            return "–"
        return Cell(percent(share), {"class_": "n warn" if share >= limit else "n"})

    rows = [
        [
            f"{layer.name} {layer.kind}",
            f"{layer.units:,}",
            number(layer.mean, 3),
            number(layer.std, 3),
            number(layer.gradient_rms, 3),
            warned(layer.dead, DEAD),
            warned(layer.saturated, SATURATED),
            number(layer.correlation, 2),
        ]
        for layer in record.layers.values()
    ]
    heads = [
        Head("layer", False),
        Head("units"),
        Head("mean"),
        Head("std"),
        Head("gradient", title="root of the mean square of the loss's gradient by the activations"),
        Head("dead", title="share of units that are never active in the sample"),
        Head("saturated", title="share of activations where the layer's derivative is small"),
        Head("|corr.|", title="mean over pairs of units of the magnitude of their correlation"),
    ]
    made = table(heads, rows, f"Layers {when}")
    return details("Layers as a table", made) if len(rows) > 30 else made


#: What is drawn by epoch: name of the axis, caption, what it is of a layer, and whether by orders of magnitude.
_QUANTITIES: tuple[tuple[str, str, Callable[[LayerRecord], float | None], bool], ...] = (
    ("dead units, %", "Share of units that no row can train", lambda layer: _percent(layer.dead), False),
    ("saturated, %", "Share of activations where the slope is small", lambda layer: _percent(layer.saturated), False),
    ("gradient", "Size of gradients: neither to vanish nor to explode", lambda layer: layer.gradient_rms, True),
)


def over_time(records: Sequence[EpochRecord]) -> dict[str, Markup]:
    """Pictures of dead and saturated shares, and of gradients, by epoch, under their captions."""
    if len(records) < 2:
        return {}
    epochs, pictures = [record.epoch + 1 for record in records], {}
    for label, caption, of, log in _QUANTITIES:
        lines = _lines(records, of)
        values = np.concatenate([np.asarray(line.values, np.float64) for line in lines]) if lines else np.empty(0)
        if (values[np.isfinite(values)] > 0).any():
            pictures[caption] = chart(lines, label, log=log, zero=not log, epochs=epochs)
    return pictures


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _lines(records: Sequence[EpochRecord], of: Callable[[LayerRecord], float | None]) -> list[Line]:
    latest = records[-1].layers
    names = [name for name, layer in latest.items() if of(layer) is not None and layer.kind not in PASSING]
    values = {}
    for name in some(names, _LINES):
        layers = [record.layers.get(name) for record in records]
        values[f"{name} {records[-1].layers[name].kind}"] = [
            _known(None if layer is None else of(layer)) for layer in layers
        ]
    return several(values)


def _any_gradients(records: Sequence[EpochRecord], names: Sequence[str]) -> bool:
    return any(
        record.layers[name].gradients is not None for record in records for name in names if name in record.layers
    )


def _histograms(
    records: Sequence[EpochRecord], names: Sequence[str], of: Callable[[LayerRecord], Histogram | None], label: str
) -> list[Markup]:
    pictures = []
    for name in names:
        found = [(record.epoch + 1, of(record.layers[name])) for record in records if name in record.layers]
        known = [(epoch, histogram) for epoch, histogram in found if histogram is not None]
        if known:
            title = f"{name} {records[-1].layers[name].kind}"
            epochs, histograms = [epoch for epoch, _ in known], [histogram for _, histogram in known]
            says = f"{title}: histogram of {label}s" + (" by epoch" if len(known) > 1 else "")
            pictures.append(figure(by_epoch(histograms, epochs, label, says), title, class_="named"))
    return pictures
