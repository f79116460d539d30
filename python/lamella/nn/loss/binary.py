"""Losses of yes-or-no questions, a logit each."""

from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array
from lamella.nn.loss.argument import Argument, for_columns, number, optional, weights
from lamella.nn.loss.base import padded
from lamella.nn.loss.cells import CellLoss, logistic


class BinaryLoss(CellLoss):
    """Logits; targets in [0, 1]."""

    target_kind = _core.Targets.shares
    score_name = "accuracy"
    takes_logits = True

    def probabilities(self, outputs: Array) -> Array:
        """1 / (1 + e^-z)."""
        return logistic(outputs)

    def outputs_of(self, probabilities: Array) -> Array:
        """log(p / (1 - p)); finite for 0 and 1, too."""
        kind = np.finfo(probabilities.dtype)
        p = np.clip(probabilities, kind.tiny, 1 - kind.epsneg)
        result: Array = np.log(p) - np.log1p(-p)
        return result

    def decide(self, outputs: Array) -> Array:
        """(n, width) whether the logit is positive."""
        result: Array = outputs > 0
        return result


class BCEWithLogitsLoss(BinaryLoss):
    """w (p t log(1 + e^-z) + (1 - t) log(1 + e^z)) of logits z and targets t; as PyTorch's.

    For yes-or-no and multi-label problems, and for autoencoders of binary inputs.

    Targets: (n, width) in [0, 1], or (n,) for one output.

    Parameters
    ----------
    weight : array-like, (width,), optional
        What each column counts, w; by default 1. A mean is over cells, whatever their weights. (Weights of rows are
        given with each call.)
    reduction : "mean", "batchmean", "sum" or "none", default "mean"
    pos_weight : array-like, (width,), optional
        What a yes counts beside a no in each column, p; by default 1.
    """

    kernel = "binary_cross_entropy"

    weight = Argument(optional(weights))
    pos_weight = Argument(optional(weights))

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self.weight = weight
        self.pos_weight = pos_weight

    def columns(self, width: int) -> Array | None:
        """Weights, then weights of a yes."""
        if self.weight is None and self.pos_weight is None:
            return None
        given = {"weight": self.weight, "pos_weight": self.pos_weight}
        return padded(
            *(
                np.ones(width) if numbers is None else for_columns(numbers, width, name, type(self).__name__)
                for name, numbers in given.items()
            )
        )

    def form(self) -> tuple[Any, ...]:
        """Also how many weights there are."""
        return (*super().form(), *(None if w is None else len(w) for w in (self.weight, self.pos_weight)))


class SigmoidFocalLoss(BinaryLoss):
    """a q^gamma BCE(z, t) of logits z and targets t, q the probability of the wrong answer (Lin et al. 2017).

    With s = 1 / (1 + e^-z): q = s (1 - t) + (1 - s) t, a = alpha t + (1 - alpha) (1 - t). As torchvision's
    ``sigmoid_focal_loss``.

    Targets: (n, width) in [0, 1], or (n,) for one output.

    Parameters
    ----------
    gamma : float, at least 0, default 2
    alpha : float in [0, 1] or None, default 0.25
        What a yes counts, a no counting 1 - alpha; None: both count 1.
    reduction : "mean", "batchmean", "sum" or "none", default "mean"
    """

    kernel = "sigmoid_focal"

    gamma = Argument(number(0))
    alpha = Argument(optional(number(0, 1)))

    def __init__(self, gamma: float = 2.0, alpha: float | None = 0.25, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.gamma = gamma
        self.alpha = alpha

    def fields(self) -> dict[str, float]:
        """An alpha of -1: none."""
        return {"gamma": self.gamma, "alpha": -1.0 if self.alpha is None else self.alpha}
