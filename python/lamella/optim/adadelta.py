"""Adadelta."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.update import Update


class Adadelta(Optimizer):
    """s = rho s + (1 - rho) g^2; d = sqrt(a + eps) / sqrt(s + eps) g; a = rho a + (1 - rho) d^2; value -= lr d.

    Zeiler 2012, PyTorch's algebra.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1.0
    rho : float, default 0.9
        In [0, 1].
    eps : float, default 1e-6
    weight_decay : float, default 0
        Adds weight_decay * value to the gradient, of weights only.
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        **common: Any,
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        _check.number("Adadelta", "rho", settings["rho"], 0, 1)
        _check.number("Adadelta", "eps", settings["eps"], 0)

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """Averages of squares of gradients and of changes."""
        fields = {name: float(settings[name]) for name in ("rho", "eps")}
        return Update("adadelta_update", ("square_avg", "acc_delta"), fields)
