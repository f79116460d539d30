"""Labels of any kind, as losses take them."""

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from lamella._arrays import Array, dense
from lamella.nn.loss import Loss
from lamella.nn.loss.binary import BinaryLoss
from lamella.nn.loss.classes import ClassLoss
from lamella.nn.loss.margin import HingeLoss, MultiMarginLoss


class Labels:
    """The classes of a problem, and what stands for them in targets and outputs.

    Parameters
    ----------
    y : array-like
        All classes: labels of rows, or a table with a column for each label, which is 1 where it holds.
    name : str
        Of the estimator, for errors.

    Attributes
    ----------
    classes : ndarray
        Sorted; of a table, numbers of its columns.
    kind : "binary", "multiclass" or "multilabel"
    """

    def __init__(self, y: Any, name: str) -> None:
        kind = type_of_target(y, input_name="y")
        if kind not in ("binary", "multiclass"):  # which the check would find out once more
            check_classification_targets(y)
        if kind == "multiclass-multioutput":
            raise ValueError(f"[{name}] y is {kind}: several classes a row must be a table of zeros and ones")
        self._name = name
        self.kind = "multilabel" if kind.startswith("multilabel") else kind
        self.classes: Array = unique_labels(y) if self.kind == "multilabel" else np.unique(y)
        if self.kind != "multilabel":
            self.kind = "binary" if len(self.classes) <= 2 else "multiclass"

    def indices(self, y: Any) -> Array:
        """Numbers of the rows' classes, or the table of labels as zeros and ones; ValueError for unknown labels."""
        if self.kind == "multilabel":
            table = np.asarray(dense(y))
            if table.ndim != 2 or table.shape[1] != len(self.classes):
                raise ValueError(f"[{self._name}] y has shape {table.shape} but there are {len(self.classes)} labels")
            return table.astype(np.int64)
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(f"[{self._name}] `y` has classes not in `self.classes_`: {unknown}, not {self.classes}")
        found: Array = np.searchsorted(self.classes, y)
        return found

    # What a loss makes of them.

    def one_of_many(self, loss: Loss) -> bool:
        """Whether an output for each class competes with the others; ValueError if the loss cannot be meant."""
        if isinstance(loss, ClassLoss):
            if self.kind == "multilabel":
                raise ValueError(f"[{self._name}] {loss!r} is of one class a row, not of several labels")
            return True
        if not isinstance(loss, (BinaryLoss, HingeLoss)):
            raise ValueError(f"[{self._name}] {loss!r} is no loss of classes")
        return False

    def activation(self, loss: Loss) -> str:
        """What makes probabilities of outputs; "identity" where nothing does."""
        if isinstance(loss, (HingeLoss, MultiMarginLoss)):
            return "identity"
        return "softmax" if self.one_of_many(loss) else "logistic"

    def outputs(self, loss: Loss) -> int:
        """How many outputs a network needs."""
        return 1 if self.kind == "binary" and not self.one_of_many(loss) else len(self.classes)

    def targets(self, loss: Loss, indices: Array, smoothing: float) -> Array:
        """Targets of rows whose classes are known by number: see :meth:`indices`."""
        if self.one_of_many(loss):
            return indices
        if self.kind == "binary":
            table = indices[:, None]
        else:
            table = indices if self.kind == "multilabel" else indices[:, None] == np.arange(len(self.classes))
        if isinstance(loss, HingeLoss):
            return np.where(table, 1.0, -1.0)
        return table * (1 - smoothing) + smoothing / 2

    def decide(self, loss: Loss, outputs: Array) -> Array:
        """The labels that outputs stand for."""
        if self.kind == "multilabel":
            return (outputs > 0).astype(np.int64)
        best = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0).astype(np.int64)
        chosen: Array = self.classes[np.minimum(best, len(self.classes) - 1)]
        return chosen

    def margins(self, outputs: Array) -> Array:
        """(n,) of two classes, else (n, classes)."""
        if self.kind != "binary":
            return outputs
        one: Array = outputs[:, -1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs[:, 0]
        return one

    def probabilities(self, loss: Loss, outputs: Array) -> Array:
        """(n, classes); of several labels, each by itself."""
        shares = loss.probabilities(outputs)
        if self.kind == "multilabel" or self.one_of_many(loss):
            return shares
        if self.kind == "multiclass":  # one against the others, each by itself
            together: Array = shares / shares.sum(axis=1, keepdims=True)
            return together
        if len(self.classes) == 1:
            return np.ones_like(shares)
        return np.column_stack([1 - shares, shares])
