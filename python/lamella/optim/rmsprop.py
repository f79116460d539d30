"""RMSprop."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.update import Update


class RMSprop(Optimizer):
    """s = alpha s + (1 - alpha) g^2; value -= lr g / (sqrt(s) + eps).

    Tieleman & Hinton 2012, PyTorch's algebra. Centered: sqrt(s - a^2), a the average gradient (Graves 2013). With
    momentum: b = momentum b + g / (sqrt(s) + eps); value -= lr b.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1e-2
    alpha : float, default 0.99
        In [0, 1].
    eps : float, default 1e-8
    weight_decay : float, default 0
        Adds weight_decay * value to the gradient, of weights only.
    momentum : float, default 0
    centered : bool, default False
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        **common: Any,
    ) -> None:
        settings = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
        }
        super().__init__(params, settings, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        _check.number("RMSprop", "alpha", settings["alpha"], 0, 1)
        for name in ("eps", "momentum"):
            _check.number("RMSprop", name, settings[name], 0)
        _check.flag("RMSprop", "centered", settings["centered"])

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """Squares always; averages if centered; a velocity if there is momentum."""
        slots = (
            "square_avg",
            "grad_avg" if settings["centered"] else None,
            "momentum_buffer" if settings["momentum"] != 0 else None,
        )
        return Update("rmsprop_update", slots, {name: float(settings[name]) for name in ("alpha", "eps", "momentum")})
