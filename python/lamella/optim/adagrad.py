"""Adagrad."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.update import Update


class Adagrad(Optimizer):
    """s += g^2; value -= lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps).

    Duchi, Hazan & Singer 2011, PyTorch's algebra.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1e-2
    lr_decay : float, default 0
    weight_decay : float, default 0
        Adds weight_decay * value to the gradient, of weights only.
    initial_accumulator_value : float, default 0
        What s starts from. Setting it later has no effect.
    eps : float, default 1e-10
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        **common: Any,
    ) -> None:
        settings = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
        }
        super().__init__(params, settings, common)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.slot_view(parameter, "sum").fill(group["initial_accumulator_value"])

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        for name in ("lr_decay", "initial_accumulator_value", "eps"):
            _check.number("Adagrad", name, settings[name], 0)

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """The sum of squares."""
        return Update("adagrad_update", ("sum",), {name: float(settings[name]) for name in ("lr_decay", "eps")})
