"""Losses of outputs that describe a distribution."""

import numpy as np

from lamella import _core
from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.loss.argument import Argument, number
from lamella.nn.loss.cells import CellLoss, blocks
from lamella.nn.loss.classes import logarithm


class KLDivLoss(CellLoss):
    """Kullback-Leibler divergence t (log t - z) of log-probabilities z and probabilities t; as PyTorch's.

    Targets: (n, width) of at least 0, or logarithms of them.

    Parameters
    ----------
    reduction : "mean", "batchmean", "sum" or "none", default "mean"
        "mean" averages over all cells, as in PyTorch; "batchmean" over rows, which is the divergence's definition.
    log_target : bool, default False
        Targets are logarithms: e^t (t - z).

    Notes
    -----
    A cell whose target is a probability of 0 costs nothing, even where z is -infinity (PyTorch gives NaN there). The
    score, "mae", is the mean of |e^z - t|.
    """

    kernel = "kl_divergence"
    score_name = "mae"
    hyper = ("log_target",)

    log_target = Argument(_check.flag)

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def kind_of(self, target: Array) -> _core.Targets:
        """Amounts, or any numbers for logarithms."""
        return _core.Targets.values if self.log_target else _core.Targets.amounts

    def form(self) -> tuple[object, ...]:
        """Also what targets are."""
        return (*super().form(), self.log_target)

    def probabilities(self, outputs: Array) -> Array:
        """e^z."""
        result: Array = np.exp(outputs)
        return result

    def outputs_of(self, probabilities: Array) -> Array:
        """Logarithms."""
        return logarithm(probabilities)

    def decide(self, outputs: Array) -> Array:
        """(n,) the likeliest class."""
        result: Array = outputs.argmax(axis=1)
        return result


class GaussianNLLLoss(CellLoss):
    """(s + (m - t)^2 / e^s) / 2 of a mean m and a logarithm of the variance s, both outputs of the model.

    The negative log-likelihood of a normal distribution (Nix & Weigend 1994); ``torch.nn.GaussianNLLLoss`` of the
    variance e^s.

    Outputs: (n, 2 d), the d means of a row before its d logarithms. Targets: (n, d), or (n,) for d = 1.

    Parameters
    ----------
    full : bool, default False
        Add the constant log(2 pi) / 2.
    eps : float, at least 0, default 1e-6
        The variance is taken to be at least this.
    reduction : "mean", "batchmean", "sum" or "none", default "mean"

    Notes
    -----
    The score, "mse", is that of the means. ``decide`` gives the means.
    """

    kernel = "gaussian_nll"
    score_name = "mse"
    hyper = ("full", "eps")

    full = Argument(_check.flag)
    eps = Argument(number(0))

    def __init__(self, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full = full
        self.eps = eps

    def target_width(self, width: int) -> int:
        """Half of the outputs are means."""
        return blocks(width, 2, "means and logarithms of variances", type(self).__name__)

    def losses_width(self, width: int) -> int | None:
        """One for each mean."""
        return self.target_width(width)

    def decide(self, outputs: Array) -> Array:
        """(n, d) the means."""
        return outputs[:, : self.target_width(outputs.shape[1])]


class PoissonNLLLoss(CellLoss):
    """r - t z, r = e^z, of logarithms of rates z and counts t; as PyTorch's.

    The negative log-likelihood of a Poisson distribution, without what does not depend on the rate.

    Targets: (n, width) of at least 0, or (n,) for one output.

    Parameters
    ----------
    log_input : bool, default True
        Outputs are logarithms of rates. If not, they are the rates r: r - t log(r + eps).
    full : bool, default False
        Add Stirling's approximation of log t!: t log t - t + log(2 pi t) / 2 where t > 1.
    eps : float, at least 0, default 1e-8
    reduction : "mean", "batchmean", "sum" or "none", default "mean"

    Notes
    -----
    The score, "mse", is the mean of (r - t)^2. ``decide`` gives the rates.
    """

    kernel = "poisson_nll"
    target_kind = _core.Targets.amounts
    score_name = "mse"
    hyper = ("log_input", "full", "eps")

    log_input = Argument(_check.flag)
    full = Argument(_check.flag)
    eps = Argument(number(0))

    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def decide(self, outputs: Array) -> Array:
        """(n, width) the rates."""
        result: Array = np.exp(outputs) if self.log_input else outputs
        return result
