"""Adamax."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import beta_fields, check_betas
from lamella.optim.update import Update


class Adamax(Optimizer):
    """m = b1 m + (1 - b1) g; u = max(b2 u, |g| + eps); value -= lr m^ / u, with bias-corrected m^.

    Kingma & Ba 2015, PyTorch's algebra.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 2e-3
    betas : (float, float), default (0.9, 0.999)
        Each in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 0
        Adds weight_decay * value to the gradient, of weights only.
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
        **common: Any,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        check_betas("Adamax", settings)
        _check.number("Adamax", "eps", settings["eps"], 0)

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """The average and the largest gradient."""
        return Update("adamax_update", ("exp_avg", "exp_inf"), {**beta_fields(settings), "eps": float(settings["eps"])})
