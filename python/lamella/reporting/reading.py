"""Section: what errors on training, validation and test rows say, and what to try next."""

import math
from collections.abc import Iterable

from lamella.diagnosis.bias_variance import Diagnosis, diagnose
from lamella.diagnosis.findings import Finding
from lamella.reporting.blocks import Cell, Head, Section, note, paragraph, table
from lamella.reporting.markup import Markup, join, tag
from lamella.reporting.number import number, percent
from lamella.reporting.palette import HELD_OUT, INK, TEST, TRAINING
from lamella.reporting.subject import Subject


def reading(subject: Subject) -> Section | None:
    """The section; None without training and held-out rows."""
    scores, name = subject.scores, subject.loss.score_name
    errors = [scores[part][name] for part in ("training", "validation", "test") if part in scores]
    if "training" not in scores or len(errors) < 2 or not all(math.isfinite(error) and error >= 0 for error in errors):
        return None
    held_out = scores.get("validation", scores.get("test"))
    test = scores.get("test") if "validation" in scores else None
    found = diagnose(scores["training"], held_out, test, subject.target)
    accuracy = name == "accuracy"
    held_out_name = "validation" if "validation" in scores else "test"
    return Section(
        "bias",
        "Bias and variance",
        join(
            _steps(found, accuracy, held_out_name),
            _said(found),
            note(
                f"Errors are {'1 − accuracy' if accuracy else name}, in evaluation mode; gaps of up to "
                f"{_shown(found.tolerance, accuracy)} are not told of."
                + ("" if subject.target is not None else " No target was given: it is taken as 0.")
            ),
        ),
    )


def _shown(value: float, accuracy: bool) -> str:
    return percent(value) if accuracy else number(value)


def _steps(found: Diagnosis, accuracy: bool, held_out: str) -> Markup:
    steps = [
        ("wanted", found.target, None, "", INK),
        ("training", found.train, found.bias, "bias", TRAINING),
        (held_out, found.validation, found.variance, "variance", HELD_OUT),
        ("test", found.test, found.overfit_to_validation, "overfitting to the validation data", TEST),
    ]
    most = max(error for _, error, *_ in steps if error is not None) or 1.0
    rows = []
    for name, error, gap, what, colour in steps:
        if error is None:
            continue
        bar = tag("span", style=f"width:{100 * error / most:.1f}%;background:{colour}", class_="level")
        sign = "" if gap is None else f"{'+' if gap >= 0 else '−'}{_shown(abs(gap), accuracy)}"
        rows.append([name, _shown(error, accuracy), Cell(bar, {"class_": "levels"}), sign, what])
    heads = [Head("", False), Head("error"), Head("", False), Head("gap"), Head("", False)]
    return table(heads, rows, "Errors, and what each step adds")


def _said(found: Diagnosis) -> Markup:
    if found.reached:
        reached = paragraph("The target is reached.")
        return join(reached, findings(found.findings))
    return join(None if found.findings else paragraph("No gap stands out."), findings(found.findings))


def findings(given: Iterable[Finding]) -> Markup:
    """What stands out, with advice."""
    return join(
        [
            tag(
                "div",
                tag("strong", _sentence(finding.text)),
                tag("ul", [tag("li", advice) for advice in finding.advice]) if finding.advice else None,
                class_="reading",
            )
            for finding in given
        ]
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
