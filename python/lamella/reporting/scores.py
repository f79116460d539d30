"""Sections: the learning curves, and how well the model does."""

from collections.abc import Sequence
from typing import Any

from lamella.reporting import classes, numbers
from lamella.reporting.blocks import Section, charts, details, figure, note, table
from lamella.reporting.curves import Line, chart, pair, with_log
from lamella.reporting.judgement import Classes, Labels, Numbers, judge
from lamella.reporting.markup import Markup, join
from lamella.reporting.number import number, percent
from lamella.reporting.palette import GREY
from lamella.reporting.subject import Part, Subject, even_sample

#: What a history has beside quantities to learn from.
_ASIDE = ("seconds", "lr")
#: Epochs in the table.
_ROWS = 40


def learning_curves(subject: Subject) -> Section | None:
    """Loss and score by epoch."""
    history = subject.history
    if subject.epochs == 0:
        return None
    quantities = dict.fromkeys(key.removeprefix("val_") for key in history if key not in _ASIDE)
    told: list[list[float]] = []  # a loss may be its own score
    pictures = []
    for key in quantities:
        values = [*history.get(key, ()), *history.get(f"val_{key}", ())]
        if values not in told:
            pictures.append(curve(history, key, subject.best_epoch))
        told.append(values)
    captions = "Training: the mean over each epoch's batches, as the model learned; validation: after the epoch."
    return Section(
        "curves",
        "Learning curves",
        join(charts(*pictures), note(captions), details("As a table", _table(history, subject.best_epoch))),
    )


def curve(history: Any, key: str, kept: int | None) -> Markup:
    """One quantity, with a logarithmic axis to choose for losses and errors."""
    lines = pair(history, key) or [Line(key, history.get(key) or history[f"val_{key}"], GREY)]
    if key.endswith("accuracy"):
        return figure(chart(lines, key, kept=kept))
    return figure(with_log(lines, key, kept=kept))


def _table(history: Any, kept: int | None) -> Markup:
    keys = list(history)
    epochs = max(len(values) for values in history.values())
    chosen = sorted({*even_sample(epochs, _ROWS).tolist(), *([] if kept is None else [kept])})
    rows = [
        [
            f"{epoch + 1}{' (kept)' if epoch == kept else ''}",
            *(number(_at(history[key], epoch), 5) for key in keys),
        ]
        for epoch in chosen
    ]
    return table(["epoch", *keys], rows)


def _at(values: Sequence[float], index: int) -> float | None:
    return values[index] if index < len(values) else None


def score(subject: Subject) -> Section | None:
    """Loss and score of each part, and what the model gets wrong."""
    judged = subject.judged
    if judged is None:
        return None
    name = subject.loss.score_name
    heads, rows = ["rows", "number", "loss", name], []
    for part in subject.parts:
        scores = subject.scores[part.name]
        rows.append([part.name, f"{part.rows:,}", number(scores["loss"], 5), shown(name, scores[name])])
    r2 = [r_squared(subject, part) for part in subject.parts]
    if all(value is not None for value in r2):
        heads.append("R²")
        rows = [[*row, number(value)] for row, value in zip(rows, r2, strict=True)]
    where = f"{judged.name} rows" if judged.name != "data" else "all rows"
    found = judge(subject, judged)
    content: Markup | None = None
    if isinstance(found, Classes):
        content = classes.classes(found, where) if len(found.truth) else None
    elif isinstance(found, Labels):
        content = classes.labels(found, where)
    elif isinstance(found, Numbers):
        content = numbers.numbers(found, where)
    sampled = [part for part in subject.parts if part.sampled]
    said = "; ".join(f"{part.name}: {len(part.samples):,} of {part.rows:,} rows" for part in sampled)
    return Section(
        "score",
        "Score",
        join(
            table(heads, rows, f"In evaluation mode, by {type(subject.loss).__name__}"),
            note("Loss and score are in the units of the training.") if subject.decode is not None else None,
            note(f"Measured on a sample at even distances: {said}.") if said else None,
            content,
        ),
    )


def r_squared(subject: Subject, part: Part) -> float | None:
    """Of a regression, the mean over outputs; None for anything else."""
    found = judge(subject, part)
    return numbers.mean_r2(found) if isinstance(found, Numbers) else None


def shown(name: str, value: float) -> str:
    """A score as people read it."""
    return percent(value) if name.endswith("accuracy") else number(value, 5)
