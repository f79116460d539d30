"""Hidden units by samples: what each unit does on each row."""

import numpy as np

from lamella._arrays import Array
from lamella.nn.module import Module
from lamella.reporting.blocks import Section, charts, figure, note
from lamella.reporting.judgement import Classes, Numbers, judge
from lamella.reporting.markup import Markup, join, tag
from lamella.reporting.number import number, percent
from lamella.reporting.plot import image
from lamella.reporting.png import shades
from lamella.reporting.subject import Part, Subject, even_sample, some

#: Of a picture, at most; layers that are shown.
_SAMPLES, _UNITS, _LAYERS = 240, 128, 6
_WIDTH, _HEIGHT, _LEFT, _TOP = 400, 220, 22, 18


def hidden_units(subject: Subject) -> Section | None:
    """The section."""
    part = subject.judged
    if part is None:
        return None
    rows, values = _ordered(subject, part)
    layers = hidden_layers(subject.model, part.samples.x[rows])
    if not layers:
        return None
    listed = list(layers.items())
    shown = some(listed, _LAYERS)
    by = "class" if isinstance(values, list) else "target"
    left_out = f" {len(shown)} of {len(listed)} layers are shown." if len(listed) > len(shown) else ""
    return Section(
        "hidden",
        "Hidden units × samples",
        join(
            charts(*(_figure(name, made, values) for name, made in shown)),
            note(
                f"A row is a unit, a column one of {len(rows):,} {part.name} rows, in the order of their {by}; blue is "
                "above 0, orange below, no colour 0. Units stand in the order of where they are strongest. Sparse and "
                "structured is good: blocks that go with the target. Rows that are all alike: units do the same (mean "
                "|correlation| near 1); rows without colour: units that are never active."
                f"{left_out}"
            ),
        ),
    )


def hidden_layers(model: Module, x: Array) -> dict[str, Array]:
    """Outputs of the layers whose outputs are hidden units': of each dense one, after its activation."""
    from lamella.diagnosis.watch import activations

    made = activations(model, x)
    kinds = {name: type(module) for name, module in model.named_modules()}
    names = [name for name in made if name in kinds]
    found: dict[str, Array] = {}
    last: str | None = None  # of the layers between two dense ones, the last that is an activation
    for index, name in enumerate(names):
        kind = kinds[name].__name__
        if kind in _MAKERS:
            if last is not None:
                found[_label(kinds, last)] = made[last]
            last = name
        elif last is not None and kind not in PASSING and index < len(names) - 1:
            last = name
    return found


#: Layers that make units, and those that only change what there is between an activation and the next layer.
_MAKERS = frozenset(("Linear", "Tied", "Maxout", "Embedding"))
PASSING = frozenset(("Dropout", "GaussianDropout", "GaussianNoise", "Sparsity", "Identity"))


def _label(kinds: dict[str, type], name: str) -> str:
    return f"{name} {kinds[name].__name__}"


def _ordered(subject: Subject, part: Part) -> tuple[Array, list[tuple[str, int]] | None]:
    """Rows of a sample in the order of their targets, and the classes with their numbers of rows."""
    taken = even_sample(len(part.samples), _SAMPLES)
    found = judge(subject, part)
    if isinstance(found, Classes) and len(found.truth) == len(part.samples):
        order = taken[np.argsort(found.truth[taken], kind="stable")]
        counts = np.bincount(found.truth[taken], minlength=len(found.names))
        return order, [(name, int(count)) for name, count in zip(found.names, counts, strict=True)]
    if isinstance(found, Numbers):
        return taken[np.argsort(found.truth[taken, 0], kind="stable")], None
    return taken, None


def _figure(name: str, made: Array, classes: list[tuple[str, int]] | None) -> Markup:
    values = np.asarray(made, np.float64)
    units = values.T[even_sample(values.shape[1], _UNITS)]
    strength = float(np.quantile(np.abs(units), 0.99)) or float(np.abs(units).max())
    drawn = units[np.argsort(_place(units), kind="stable")]
    height = _HEIGHT - _TOP
    marks: list[Markup] = [image(shades(drawn, strength), _LEFT, _TOP, _WIDTH - _LEFT, height)]
    marks += _classes(classes, len(values))
    frame = {"fill": "none", "stroke": "currentColor", "opacity": 0.35}
    marks.append(tag("rect", x=_LEFT, y=_TOP, width=_WIDTH - _LEFT, height=height, **frame))
    middle = _TOP + height / 2
    marks.append(
        tag(
            "text",
            "units",
            x=12,
            y=middle,
            text_anchor="middle",
            fill="currentColor",
            transform=f"rotate(-90 12 {middle})",
        )
    )
    correlation, zero = mean_correlation(units), float((values == 0).mean())
    some = f"{len(units)} of {values.shape[1]} units" if len(units) < values.shape[1] else f"{len(units)} units"
    says = f"{name}: {some}; mean |correlation| {number(correlation, 2)}; {percent(zero)} of activations are 0"
    svg = tag(
        "svg", marks, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=says, font_size=11,
        style=f"width:100%;max-width:{_WIDTH * 1.4:.0f}px;height:auto",
    )  # fmt: skip
    return figure(svg, says)


def _classes(classes: list[tuple[str, int]] | None, n: int) -> list[Markup]:
    """Borders between classes, with their names on top where there is room."""
    marks: list[Markup] = []
    at = 0
    for name, count in classes or []:
        left, right = (_LEFT + (_WIDTH - _LEFT) * place / n for place in (at, at + count))
        at += count
        if at < n:
            marks.append(
                tag(
                    "line",
                    x1=right,
                    x2=right,
                    y1=_TOP,
                    y2=_HEIGHT,
                    stroke="currentColor",
                    opacity=0.5,
                    stroke_width=0.7,
                )
            )
        if len(name) * 6.6 + 2 <= right - left:
            marks.append(
                tag(
                    "text",
                    name,
                    x=(left + right) / 2,
                    y=_TOP - 5,
                    text_anchor="middle",
                    fill="currentColor",
                    opacity=0.8,
                )
            )
    return marks


def _place(units: Array) -> Array:
    """Where along the samples each unit is strongest: the middle of its activations above their mean."""
    strong = np.maximum(units - units.mean(axis=1, keepdims=True), 0)
    total = strong.sum(axis=1)
    places = strong @ np.arange(units.shape[1])
    found: Array = np.where(total > 0, places / np.where(total > 0, total, 1), np.inf)
    return found


def mean_correlation(units: Array) -> float:
    """Mean magnitude over pairs of (units, samples) that vary; NaN if fewer than two do."""
    varying = units[units.std(axis=1) > 0]
    if len(varying) < 2:
        return float("nan")
    table = np.abs(np.corrcoef(varying))
    count = len(varying)
    return float((table.sum() - count) / (count * (count - 1)))
