"""Losses of what an output misses its target by, d = z - t."""

from lamella.nn import _check
from lamella.nn.loss.argument import Argument, number
from lamella.nn.loss.cells import CellLoss


class MSELoss(CellLoss):
    """d^2, averaged over all cells; as PyTorch's.

    Targets: (n, width), or (n,) for one output.

    Parameters
    ----------
    reduction : "mean", "batchmean", "sum" or "none", default "mean"
    half : bool, default False
        d^2 / 2, as many textbooks have it, whose gradient is d. The score, "mse", is d^2 in any case.
    """

    kernel = "squared_error"
    score_name = "mse"

    half = Argument(_check.flag)

    def __init__(self, reduction: str = "mean", half: bool = False) -> None:
        super().__init__(reduction)
        self.half = half

    def fields(self) -> dict[str, float]:
        """The factor."""
        return {"factor": 0.5 if self.half else 1.0}


class L1Loss(CellLoss):
    """|d|, averaged over all cells; as PyTorch's. The gradient at 0 is 0.

    Targets: (n, width), or (n,) for one output.

    Parameters
    ----------
    reduction : "mean", "batchmean", "sum" or "none", default "mean"
    """

    kernel = "absolute_error"
    score_name = "mae"


class HuberLoss(CellLoss):
    """d^2 / 2 up to |d| = delta, delta (|d| - delta / 2) beyond (Huber 1964); as PyTorch's.

    Targets: (n, width), or (n,) for one output.

    Parameters
    ----------
    reduction : "mean", "batchmean", "sum" or "none", default "mean"
    delta : float, above 0, default 1
    """

    kernel = "huber"
    score_name = "mae"
    hyper = ("delta",)

    delta = Argument(_check.positive)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta


class SmoothL1Loss(CellLoss):
    """d^2 / (2 beta) below |d| = beta, |d| - beta / 2 beyond (Girshick 2015); as PyTorch's.

    It is :class:`HuberLoss` divided by its delta; with beta = 0, :class:`L1Loss`.

    Targets: (n, width), or (n,) for one output.

    Parameters
    ----------
    reduction : "mean", "batchmean", "sum" or "none", default "mean"
    beta : float, at least 0, default 1
    """

    kernel = "smooth_l1"
    score_name = "mae"
    hyper = ("beta",)

    beta = Argument(number(0))

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta
