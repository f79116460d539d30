"""The loss whose least value is at a quantile."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella._arrays import Array, to_array
from lamella.nn.loss.argument import Argument
from lamella.nn.loss.base import padded
from lamella.nn.loss.cells import CellLoss, blocks


def levels(where: str, name: str, value: Any) -> tuple[float, ...]:
    """Some numbers in (0, 1)."""
    array = np.atleast_1d(to_array(value, name, where)).astype(np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"[{where}] {name} has shape {array.shape} but must be a number or a list of numbers")
    for level in array.tolist():
        if not 0 < level < 1:
            raise ValueError(f"[{where}] {name} has {level} but must be between 0 and 1")
    return tuple(array.tolist())


class QuantileLoss(CellLoss):
    """max(q (t - z), (q - 1) (t - z)) of outputs z and targets t: the pinball loss (Koenker & Bassett 1978).

    Outputs: (n, d k) for k quantiles of d targets, a row's d outputs for the first quantile before those for the
    second.
    Targets: (n, d), or (n,) for d = 1.

    Parameters
    ----------
    quantiles : float or sequence of float, in (0, 1), default 0.5
        The levels q. At 0.5 the loss is half of :class:`L1Loss`.
    reduction : "mean", "batchmean", "sum" or "none", default "mean"

    Notes
    -----
    The score, "coverage", is the share of targets up to their output; with the outputs right, the mean of the levels.
    """

    kernel = "quantile"
    score_name = "coverage"

    quantiles = Argument(levels)

    def __init__(self, quantiles: float | Sequence[float] = 0.5, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.quantiles = quantiles

    def fields(self) -> dict[str, float]:
        """How many quantiles there are."""
        return {"count": float(len(self.quantiles))}

    def columns(self, width: int) -> Array | None:
        """The levels."""
        return padded(np.array(self.quantiles))

    def form(self) -> tuple[Any, ...]:
        """Also how many quantiles there are."""
        return (*super().form(), len(self.quantiles))

    def target_width(self, width: int) -> int:
        """Each target has an output for each quantile."""
        return blocks(width, len(self.quantiles), f"{len(self.quantiles)} quantiles", type(self).__name__)
