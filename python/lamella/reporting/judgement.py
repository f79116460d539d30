"""What a model says of rows beside what is true, whatever the loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamella._arrays import Array
from lamella.nn.loss import Loss
from lamella.reporting.subject import Part, Subject


@dataclass(frozen=True)
class Classes:
    """One of some classes a row: (n,) numbers of what is true and what the model says."""

    truth: Array
    said: Array
    names: list[str]

    @property
    def confusion(self) -> Array:
        """(classes, classes) counts: a row for each true class, a column for what was said."""
        count = len(self.names)
        table: Array = np.bincount(self.truth * count + self.said, minlength=count * count).reshape(count, count)
        return table


@dataclass(frozen=True)
class Labels:
    """Some yes-or-no questions a row: (n, questions) of what is true and what the model says."""

    truth: Array
    said: Array
    names: list[str]


@dataclass(frozen=True)
class Numbers:
    """Some numbers a row: (n, outputs) of what is true and what the model says."""

    truth: Array
    said: Array
    names: list[str]


Judgement = Classes | Labels | Numbers


def judge(subject: Subject, part: Part) -> Judgement | None:
    """None where the loss says nothing that could be compared with its targets."""
    loss, target = subject.loss, part.samples.target
    said = loss.decide(part.outputs)
    if said.ndim == 1:
        truth = target if target.ndim == 1 else target.argmax(axis=1)
        counted = truth >= 0
        names = _names(subject.classes, part.outputs.shape[1], "")
        return Classes(truth[counted].astype(np.int64), said[counted].astype(np.int64), names)
    if said.shape != target.shape:
        return None
    if _is_yes_or_no(loss, said):
        truth, yes = target > _threshold(loss), said > 0
        if said.shape[1] > 1:
            return Labels(truth, yes, _names(subject.classes, said.shape[1], "output "))
        both = list(subject.classes) if subject.classes is not None and len(subject.classes) == 2 else ["no", "yes"]
        return Classes(truth[:, 0].astype(np.int64), yes[:, 0].astype(np.int64), [str(name) for name in both])
    truth, said = np.asarray(target, np.float64), np.asarray(said, np.float64)
    if subject.decode is not None:
        truth, said = _decoded(subject, truth), _decoded(subject, said)
    return Numbers(truth, said, _names(subject.classes, said.shape[1], "output "))


def _is_yes_or_no(loss: Loss, said: Array) -> bool:
    return said.dtype.kind == "b" or loss.score_name == "accuracy"


def _threshold(loss: Loss) -> float:
    """Between no and yes, among targets: of 0 and 1, or of -1 and 1."""
    return 0.5 if loss.takes_logits else 0.0


def _names(given: Sequence[str] | None, count: int, prefix: str) -> list[str]:
    if given is not None and len(given) == count:
        return [str(name) for name in given]
    return [f"{prefix}{index}" for index in range(count)]


def _decoded(subject: Subject, values: Array) -> Array:
    assert subject.decode is not None
    shown = np.asarray(subject.decode(values), np.float64)
    if shown.size != values.size:
        raise ValueError(f"[report] decode gives shape {shown.shape} for {values.shape} but must keep it")
    return shown.reshape(values.shape)
