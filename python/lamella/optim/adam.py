"""Adam, AMSGrad and AdamW."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import beta_fields, check_betas
from lamella.optim.update import Update


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
    decoupled_weight_decay : bool, default False
        value *= 1 - lr * weight_decay instead: AdamW.
    bias_correction : bool, default True
        m^ = m / (1 - b1^step), v^ = v / (1 - b2^step). False: m and v, which start at zero, themselves.
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
        amsgrad: bool = False,
        *,
        decoupled_weight_decay: bool = False,
        bias_correction: bool = True,
        **common: Any,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "decoupled_weight_decay": decoupled_weight_decay,
            "bias_correction": bias_correction,
        }
        super().__init__(params, settings, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        where = type(self).__name__
        check_betas(where, settings)
        _check.number(where, "eps", settings["eps"], 0)
        for name in ("amsgrad", "decoupled_weight_decay", "bias_correction"):
            _check.flag(where, name, settings[name])

    def decay(self, settings: Mapping[str, Any]) -> str:
        """Coupled, or as AdamW's."""
        return "decoupled" if settings["decoupled_weight_decay"] else "coupled"

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """Two averages, and the largest second one for amsgrad."""
        return adam_update(settings, amsgrad=settings["amsgrad"], bias_correction=settings["bias_correction"])


class AdamW(Adam):
    """Adam with decoupled weight decay: value *= 1 - lr * weight_decay before each update (Loshchilov & Hutter 2019).

    PyTorch's algebra.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
        Each in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 1e-2
        Of weights only.
    amsgrad : bool, default False
    bias_correction : bool, default True
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        bias_correction: bool = True,
        **common: Any,
    ) -> None:
        if "decoupled_weight_decay" in common:
            raise TypeError("[AdamW] there is no setting 'decoupled_weight_decay': it always is")
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            decoupled_weight_decay=True,
            bias_correction=bias_correction,
            **common,
        )


def adam_update(
    settings: Mapping[str, Any],
    amsgrad: bool = False,
    bias_correction: bool = True,
    betas: str = "betas",
    eps: str = "eps",
) -> Update:
    """Adam's update with settings of those names."""
    return Update(
        "adam_update",
        ("exp_avg", "exp_avg_sq", "max_exp_avg_sq" if amsgrad else None),
        {**beta_fields(settings, betas), "eps": float(settings[eps]), "bias_correction": float(bias_correction)},
    )
