"""NAdam."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import beta_fields, check_betas
from lamella.optim.update import Update


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, whose rate grows over the steps (Dozat 2016). PyTorch's algebra.

    mu_t = b1 (1 - 0.96^(t momentum_decay) / 2), p = mu_1 ... mu_t;
    value -= lr ((1 - mu_t) / (1 - p) g + mu_t+1 / (1 - p mu_t+1) m) / (sqrt(v^) + eps), with m and v^ as Adam's.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 2e-3
    betas : (float, float), default (0.9, 0.999)
        Each in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 0
        Adds weight_decay * value to the gradient, of weights only.
    momentum_decay : float, default 4e-3
    decoupled_weight_decay : bool, default False
        value *= 1 - lr * weight_decay instead.
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        **common: Any,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, settings, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        check_betas("NAdam", settings)
        for name in ("eps", "momentum_decay"):
            _check.number("NAdam", name, settings[name], 0)
        _check.flag("NAdam", "decoupled_weight_decay", settings["decoupled_weight_decay"])

    def decay(self, settings: Mapping[str, Any]) -> str:
        """As asked for."""
        return "decoupled" if settings["decoupled_weight_decay"] else "coupled"

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """Adam's averages, and the product of all momenta so far."""
        fields = {name: float(settings[name]) for name in ("eps", "momentum_decay")}
        return Update(
            "nadam_update", ("exp_avg", "exp_avg_sq"), {**beta_fields(settings), **fields}, {"mu_product": 1.0}
        )
