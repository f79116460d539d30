"""Hinge losses: outputs are to be right by a margin."""

from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.loss.argument import Argument
from lamella.nn.loss.cells import CellLoss
from lamella.nn.loss.classes import ClassLoss


def one_or_two(where: str, name: str, value: Any) -> int:
    """1 or 2."""
    checked = _check.integer(where, name, value, 1)
    if checked > 2:
        raise ValueError(f"[{where}] {name} is {checked} but must be 1 or 2")
    return checked


class MultiMarginLoss(ClassLoss):
    """w_y / width sum_(j != y) max(0, margin - z_y + z_j)^p for a row of class y; as PyTorch's.

    The hinge of several classes (Crammer & Singer 2001), squared with p = 2.

    Targets: (n,) integers in [0, width), or (n, 1).

    Parameters
    ----------
    p : 1 or 2, default 1
    margin : float, default 1
    weight : array-like, (width,), optional
        What each class counts, w; by default 1. A mean is over rows, whatever their weights.
    reduction : "mean", "sum" or "none", default "mean"
    """

    kernel = "multi_margin"
    hyper = ("p", "margin")

    p = Argument(one_or_two)
    margin = Argument(_check.number)

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)
        self.p = p
        self.margin = margin


class HingeLoss(CellLoss):
    """max(0, 1 - t z), or that squared, of outputs z and targets t = -1 or 1 (Cortes & Vapnik 1995).

    Targets: (n, width), or (n,) for one output; all -1 or 1.

    Parameters
    ----------
    squared : bool, default False
    reduction : "mean", "batchmean", "sum" or "none", default "mean"
    """

    kernel = "hinge"
    target_kind = _core.Targets.signs
    score_name = "accuracy"
    hyper = ("squared",)

    squared = Argument(_check.flag)

    def __init__(self, squared: bool = False, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.squared = squared

    def decide(self, outputs: Array) -> Array:
        """(n, width) of 1 where the output is positive, -1 elsewhere."""
        return np.where(outputs > 0, 1, -1)
