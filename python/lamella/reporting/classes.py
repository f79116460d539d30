"""How well classes are told: the confusion matrix and what follows from it."""

import numpy as np

from lamella._arrays import Array
from lamella.reporting.blocks import Cell, Head, details, figure, note, paragraph, table
from lamella.reporting.judgement import Classes, Labels
from lamella.reporting.markup import Markup, join, tag
from lamella.reporting.number import counted, number, percent
from lamella.reporting.palette import ABOVE, BELOW
from lamella.reporting.plot import image
from lamella.reporting.png import shades

#: Classes that are shown as a table of numbers; more are a picture.
_TABLE = 20
#: Rows of the table by class or label, the worst of them.
_ROWS = 50
_PAIRS = 8


def classes(found: Classes, where: str) -> Markup:
    """The section's part on one set of rows."""
    confusion = found.confusion
    count = len(found.names)
    picture = _numbers(confusion, found.names, where) if count <= _TABLE else _picture(confusion, where)
    return join(
        tag("div", picture, _mistakes(confusion, found.names) if count > 2 else None, class_="beside"),
        _by_class(confusion, found.names),
    )


def _numbers(confusion: Array, names: list[str], where: str) -> Markup:
    """Counts, each cell as strong as its share of the true class."""
    totals = np.maximum(confusion.sum(axis=1), 1)

    def cell(row: int, column: int) -> Cell:
        amount = int(confusion[row, column])
        share = amount / totals[row]
        r, g, b = ABOVE if row == column else BELOW
        strength = 0 if amount == 0 else 0.08 + 0.5 * share
        content = f"{amount:,}" if amount else tag("span", "0", class_="none")
        title = f"{names[row]} taken for {names[column]}: {amount} of {int(totals[row])}, {percent(share)}"
        return Cell(content, {"style": f"background:rgba({r},{g},{b},{strength:.2f})", "title": title})

    heads = [Head("true", numeric=False), *(Head(name) for name in names)]
    rows = [[name, *(cell(row, column) for column in range(len(names)))] for row, name in enumerate(names)]
    return table(
        heads,
        rows,
        f"Confusion matrix, {where}: a row for each true class, a column for each predicted one",
        class_="confusion",
    )


def _picture(confusion: Array, where: str) -> Markup:
    """A pixel a pair of classes, in shares of the true class."""
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    count = len(confusion)
    signs = np.where(np.eye(count, dtype=bool), 1, -1)
    drawn = tag(
        "svg",
        image(shades(signs * np.sqrt(shares), 1.0), 0, 0, 400, 400),
        tag("rect", x=0, y=0, width=400, height=400, fill="none", stroke="currentColor", opacity=0.4),
        viewBox="0 0 400 400",
        role="img",
        aria_label=f"Confusion matrix of {count} classes, {where}",
        style="width:100%;max-width:480px;height:auto",
    )
    return figure(
        drawn,
        f"Confusion matrix, {where}: true classes downwards, what was said to the right, both in the order of their "
        "numbers; the strength of a colour is the root of the share of the true class",
    )


def _mistakes(confusion: Array, names: list[str]) -> Markup | None:
    wrong = confusion * (1 - np.eye(len(confusion), dtype=confusion.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    pairs = [np.unravel_index(place, wrong.shape) for place in order if wrong.flat[place] > 0]
    if not pairs:
        return paragraph("No row is taken for a wrong class.")
    totals = confusion.sum(axis=1)
    rows = [
        [names[true], names[said], f"{wrong[true, said]:,}", percent(wrong[true, said] / totals[true])]
        for true, said in pairs
    ]
    heads = [Head("true", False), Head("predicted", False), Head("rows"), Head("of its class")]
    return table(heads, rows, "Commonest mistakes")


def _by_class(confusion: Array, names: list[str]) -> Markup:
    right, truly, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = right / said, right / truly
        f1 = 2 * right / (truly + said)
    order = np.argsort(np.where(np.isnan(f1), 2, f1), kind="stable")[:_ROWS]
    order = np.sort(order)
    rows = [[names[k], f"{truly[k]:,}", number(precision[k], 3), number(recall[k], 3), number(f1[k], 3)] for k in order]
    heads = [
        Head("class", False),
        Head("rows", title="rows that are truly of this class"),
        Head("precision", title="share of what was said to be of this class that is"),
        Head("recall", title="share of this class that was recognised"),
        Head("F1", title="harmonic mean of precision and recall"),
    ]
    few = f"The {_ROWS} classes with the lowest F1 of {len(names)}." if len(names) > _ROWS else None
    return details("By class: precision, recall, F1", table(heads, rows), note(few) if few else None)


def labels(found: Labels, where: str) -> Markup:
    """Several yes-or-no questions: a row each."""
    truth, said = found.truth, found.said
    hits, yes, claimed = (truth & said).sum(axis=0), truth.sum(axis=0), said.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall, f1 = hits / claimed, hits / yes, 2 * hits / (yes + claimed)
    accuracy = (truth == said).mean(axis=0)
    order = np.sort(np.argsort(np.where(np.isnan(f1), 2, f1), kind="stable")[:_ROWS])
    rows = [
        [
            found.names[k],
            percent(float(yes[k] / len(truth))),
            percent(float(accuracy[k])),
            number(precision[k], 3),
            number(recall[k], 3),
            number(f1[k], 3),
        ]
        for k in order
    ]
    exact = float((truth == said).all(axis=1).mean())
    few = f" The {_ROWS} with the lowest F1 of {len(found.names)} are shown." if len(found.names) > _ROWS else ""
    return join(
        paragraph(
            f"All {counted(len(found.names), 'answer')} are right in {percent(exact)} of the rows, {where}.{few}"
        ),
        table(["output", "yes", "accuracy", "precision", "recall", "F1"], rows, f"By output, {where}"),
    )
