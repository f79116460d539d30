"""RAdam."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import beta_fields, check_betas
from lamella.optim.update import Update


class RAdam(Optimizer):
    """Adam whose adaptive rate is rectified while few gradients have been seen (Liu et al. 2020). PyTorch's algebra.

    r = 2 / (1 - b2) - 1, r_t = r - 2 t b2^t / (1 - b2^t), c = sqrt((r_t - 4) (r_t - 2) r / ((r - 4) (r - 2) r_t));
    value -= lr m^ c sqrt(1 - b2^t) / (sqrt(v) + eps) if r_t > 5, else lr m^, with m^ and v as Adam's.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
        Each in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 0
        Adds weight_decay * value to the gradient, of weights only.
    decoupled_weight_decay : bool, default False
        value *= 1 - lr * weight_decay instead.
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        **common: Any,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, settings, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        check_betas("RAdam", settings)
        _check.number("RAdam", "eps", settings["eps"], 0)
        _check.flag("RAdam", "decoupled_weight_decay", settings["decoupled_weight_decay"])

    def decay(self, settings: Mapping[str, Any]) -> str:
        """As asked for."""
        return "decoupled" if settings["decoupled_weight_decay"] else "coupled"

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """Adam's averages."""
        fields = {**beta_fields(settings), "eps": float(settings["eps"])}
        return Update("radam_update", ("exp_avg", "exp_avg_sq"), fields)
