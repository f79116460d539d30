"""Stochastic gradient descent."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.update import Update


class SGD(Optimizer):
    """v = momentum v + (1 - dampening) g (v = g at the first step); value -= lr v, or lr (g + momentum v) by Nesterov.

    PyTorch's algebra. ``dampening=momentum`` is the exponential average of lectures, v = mu v + (1 - mu) g.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1e-3
    momentum : float, default 0
    dampening : float, default 0
    weight_decay : float, default 0
        Adds weight_decay * value to the gradient, of weights only.
    nesterov : bool, default False
        Needs momentum > 0 and dampening 0.
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    counts_steps = False  # beyond whether there was one

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        **common: Any,
    ) -> None:
        settings = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        super().__init__(params, settings, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges, and what Nesterov's momentum needs."""
        _check.number("SGD", "momentum", settings["momentum"], 0)
        _check.number("SGD", "dampening", settings["dampening"])
        nesterov = _check.flag("SGD", "nesterov", settings["nesterov"])
        if nesterov and (settings["momentum"] == 0 or settings["dampening"] != 0):
            raise ValueError(
                f"[SGD] nesterov needs momentum > 0 and dampening 0, not {settings['momentum']} and "
                f"{settings['dampening']}"
            )

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """A velocity, if there is momentum."""
        names = ("momentum", "dampening", "nesterov")
        return Update(
            "sgd_update",
            ("momentum_buffer" if settings["momentum"] != 0 else None,),
            {name: float(settings[name]) for name in names},
        )
