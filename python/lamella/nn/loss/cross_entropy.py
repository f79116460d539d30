"""Losses of a row's softmax, or of its logarithm."""

from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array, contiguous, to_array
from lamella.nn.loss.argument import Argument, number
from lamella.nn.loss.cells import check_cells
from lamella.nn.loss.classes import IgnoringLoss, logarithm, softmax


class CrossEntropyLoss(IgnoringLoss):
    """Cross-entropy of logits z: log(sum_j e^z_j) - z_y for a row of class y; as PyTorch's.

    Or for probabilities p: sum_c w_c p_c (log(sum_j e^z_j) - z_c). Which of the two follows from the targets.

    Targets: (n,) integers in [0, width), or (n, 1); or (n, width) floats, finite and at least 0, whose rows are meant
    to sum to 1 (this is not checked, as in PyTorch).

    Parameters
    ----------
    weight : array-like, (width,), optional
        What each class counts, w; by default 1. A mean over labels is divided by the sum of their weights, a mean over
        probabilities by the number of rows.
    ignore_index : int, default -100
        Rows with this label do not count.
    reduction : "mean", "sum" or "none", default "mean"
    label_smoothing : float in [0, 1], default 0
        Share of the target that is spread evenly over all classes (Szegedy et al. 2016).

    Notes
    -----
    The score is the accuracy; for probabilities the share of rows whose largest logit is where the largest probability
    is.
    """

    kernel = "cross_entropy"
    hyper = ("label_smoothing",)
    takes_logits = True
    alternative = " or {shape} probabilities as floats"

    label_smoothing = Argument(number(0, 1))

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        self.label_smoothing = label_smoothing

    def targets(self, y: Any, n: int, width: int, dtype: np.dtype[Any], where: str) -> Array:
        """Labels as int32, or probabilities."""
        array = to_array(y, "y", where)
        if array.shape == (n, width) and array.dtype.kind == "f":
            return check_cells(_core.Targets.amounts, contiguous(array, dtype), where)
        return super().targets(array, n, width, dtype, where)

    def kind_of(self, target: Array) -> _core.Targets:
        """Labels, or amounts."""
        return _core.Targets.labels if target.dtype == np.int32 else _core.Targets.amounts

    def kernel_of(self, kind: _core.Targets) -> str:
        """One for labels, one for probabilities."""
        return self.kernel if kind == _core.Targets.labels else "cross_entropy_shares"

    def mixable(self, target: Array, width: int, dtype: np.dtype[Any]) -> Array:
        """Labels as probabilities; all zeros where they are ignored."""
        if self.kind_of(target) != _core.Targets.labels:
            return target
        shares = np.zeros((len(target), width), dtype)
        counted = np.flatnonzero(target >= 0)
        shares[counted, target[counted]] = 1
        return shares

    def probabilities(self, outputs: Array) -> Array:
        """Softmax of each row."""
        return softmax(outputs)

    def outputs_of(self, probabilities: Array) -> Array:
        """Logarithms."""
        return logarithm(probabilities)


class NLLLoss(IgnoringLoss):
    """-w_y z_y of log-probabilities z, as a log-softmax gives them, for a row of class y; as PyTorch's.

    Targets: (n,) integers in [0, width), or (n, 1).

    Parameters
    ----------
    weight : array-like, (width,), optional
        What each class counts, w; by default 1. A mean is divided by the sum of the rows' weights.
    ignore_index : int, default -100
        Rows with this label do not count.
    reduction : "mean", "sum" or "none", default "mean"
    """

    kernel = "nll"

    def probabilities(self, outputs: Array) -> Array:
        """e^z."""
        result: Array = np.exp(outputs)
        return result

    def outputs_of(self, probabilities: Array) -> Array:
        """Logarithms."""
        return logarithm(probabilities)


class FocalLoss(IgnoringLoss):
    """-w_y (1 - p)^gamma log p of logits, p the softmax of the row's class y (Lin et al. 2017).

    Rows that are right already count less, so that a rare class is not drowned. With gamma = 0 it is
    :class:`CrossEntropyLoss`.

    Targets: (n,) integers in [0, width), or (n, 1).

    Parameters
    ----------
    gamma : float, at least 0, default 2
    weight : array-like, (width,), optional
        The paper's alpha: what each class counts, w; by default 1. A mean is divided by the sum of the rows' weights,
        as that of cross-entropy.
    ignore_index : int, default -100
        Rows with this label do not count.
    reduction : "mean", "sum" or "none", default "mean"
    """

    kernel = "focal"
    hyper = ("gamma",)
    takes_logits = True

    gamma = Argument(number(0))

    def __init__(
        self, gamma: float = 2.0, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        self.gamma = gamma

    def probabilities(self, outputs: Array) -> Array:
        """Softmax of each row."""
        return softmax(outputs)

    def outputs_of(self, probabilities: Array) -> Array:
        """Logarithms."""
        return logarithm(probabilities)
