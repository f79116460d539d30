"""Losses of classes: how labels are read, and weights of classes."""

from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array, contiguous, to_array
from lamella.nn import _check
from lamella.nn.loss.argument import Argument, for_columns, optional, weights
from lamella.nn.loss.base import Loss, padded


def label(where: str, name: str, value: Any) -> int:
    """Any integer that labels may have."""
    return _check.integer(where, name, value, -(2**63))


class ClassLoss(Loss):
    """A loss of rows, each of one class.

    Targets: (n,) integers in [0, width), or (n, 1).

    Parameters
    ----------
    weight : array-like, (width,), optional
        What a row of each class counts; by default 1.
    reduction : "mean", "sum" or "none", default "mean"
    """

    target_kind = _core.Targets.labels
    score_name = "accuracy"

    weight = Argument(optional(weights))

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight = weight

    #: What else targets may be, in words.
    alternative = ""

    def losses_width(self, width: int) -> int | None:
        """One loss a row."""
        return None

    def columns(self, width: int) -> Array | None:
        """The weights of classes."""
        if self.weight is None:
            return None
        return padded(for_columns(self.weight, width, "weight", type(self).__name__))

    def form(self) -> tuple[Any, ...]:
        """Also how many weights there are, and which label is ignored."""
        return (*super().form(), None if self.weight is None else len(self.weight), self.ignored)

    def targets(self, y: Any, n: int, width: int, dtype: np.dtype[Any], where: str) -> Array:
        """(n,) class labels as int32; -1 where they are ignored."""
        labels = to_array(y, "y", where)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.shape != (n,):
            expected = f"{(n,)} class labels{self.alternative.format(shape=(n, width))}"
            hint = "; of a table of ones and zeros pass y.argmax(axis=1)" if labels.shape == (n, width) else ""
            raise ValueError(f"[{where}] y has shape {labels.shape} but {expected} are expected{hint}")
        fractions = labels.dtype.kind == "f"
        if fractions and not (np.isfinite(labels) & (labels == np.floor(labels))).all():
            raise TypeError(f"[{where}] y has dtype {labels.dtype} but class labels are integers")
        if (fractions or labels.dtype == np.uint64) and int(labels.max()) >= 2**63:
            raise ValueError(f"[{where}] y has labels beyond 2**63; they must be in [0, {width})")
        encoded: Array = _core.encode_labels(contiguous(labels, np.dtype(np.int64)), width, self.ignored, f"[{where}]")
        return encoded

    def decide(self, outputs: Array) -> Array:
        """(n,) the class with the largest output."""
        result: Array = outputs.argmax(axis=1)
        return result


class IgnoringLoss(ClassLoss):
    """A loss of classes with a label for rows that do not count."""

    ignore_index = Argument(label)

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    @property
    def ignored(self) -> int | None:
        """``ignore_index``."""
        return self.ignore_index


def softmax(outputs: Array) -> Array:
    """Of each row."""
    e = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    result: Array = e / e.sum(axis=1, keepdims=True)
    return result


def logarithm(probabilities: Array) -> Array:
    """Finite for a probability of 0, too."""
    result: Array = np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny))
    return result
