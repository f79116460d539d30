"""Adam."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; value -= lr m^ / (sqrt(v^) + eps), with bias-corrected m^ and v^.

    Kingma & Ba 2015, PyTorch's algebra; with ``amsgrad`` the largest v so far takes v's place (Reddi et al. 2018).

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
        Each in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 0
        Adds weight_decay * value to the gradient, of weights only.
    amsgrad : bool, default False
    decay_bias : bool, default False
        Decay biases and batch-norm parameters too, as PyTorch does.
    """

    kernel = "adam_update"
    slot_names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        decay_bias: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "decay_bias": decay_bias,
        }
        super().__init__(params, settings)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        for name in ("lr", "eps", "weight_decay"):
            _check.number("Adam", name, settings[name], 0)
        betas = settings["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(f"[Adam] betas is {betas!r} but must be a pair of numbers")
        for index, beta in enumerate(betas):
            _check.number("Adam", f"betas[{index}]", beta, 0, 1, open_end=True)
        _check.flag("Adam", "amsgrad", settings["amsgrad"])
        _check.flag("Adam", "decay_bias", settings["decay_bias"])

    def slots(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Two averages, and the largest second one for amsgrad."""
        return self.slot_names if settings["amsgrad"] else self.slot_names[:2]

    def fields(self, settings: Mapping[str, Any]) -> dict[str, float]:
        """AdamHyper."""
        beta1, beta2 = settings["betas"]
        return {
            "lr": float(settings["lr"]),
            "beta1": float(beta1),
            "beta2": float(beta2),
            "eps": float(settings["eps"]),
            "weight_decay": float(settings["weight_decay"]),
        }
