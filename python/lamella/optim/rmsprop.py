"""RMSprop."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer


class RMSprop(Optimizer):
    """s = alpha s + (1 - alpha) g^2; value -= lr g / (sqrt(s) + eps).

    Tieleman & Hinton 2012, PyTorch's algebra. Centered: sqrt(s - a^2), a the average gradient (Graves 2013). With
    momentum: b = momentum b + g / (sqrt(s) + eps); value -= lr b.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1e-2
    alpha : float, default 0.99
    eps : float, default 1e-8
    weight_decay : float, default 0
        Adds weight_decay * value to the gradient, of weights only.
    momentum : float, default 0
    centered : bool, default False
    decay_bias : bool, default False
        Decay biases and batch-norm parameters too, as PyTorch does.
    """

    kernel = "rmsprop_update"
    slot_names = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        decay_bias: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "decay_bias": decay_bias,
        }
        super().__init__(params, settings)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        for name in ("lr", "eps", "weight_decay", "momentum"):
            _check.number("RMSprop", name, settings[name], 0)
        _check.number("RMSprop", "alpha", settings["alpha"], 0, 1)
        _check.flag("RMSprop", "centered", settings["centered"])
        _check.flag("RMSprop", "decay_bias", settings["decay_bias"])

    def slots(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Squares always; averages if centered; a velocity if there is momentum."""
        wanted = (True, settings["centered"], settings["momentum"] != 0)
        return tuple(name for name, want in zip(self.slot_names, wanted, strict=True) if want)

    def fields(self, settings: Mapping[str, Any]) -> dict[str, float]:
        """RmspropHyper."""
        return {name: float(settings[name]) for name in ("lr", "alpha", "eps", "weight_decay", "momentum")}
