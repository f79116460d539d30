"""Stochastic gradient descent."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer


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
    decay_bias : bool, default False
        Decay biases and batch-norm parameters too, as PyTorch does.
    """

    kernel = "sgd_update"
    slot_names = ("momentum_buffer",)
    counts_steps = False  # beyond whether there was one

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        decay_bias: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "decay_bias": decay_bias,
        }
        super().__init__(params, settings)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges, and what Nesterov's momentum needs."""
        for name in ("lr", "momentum", "weight_decay"):
            _check.number("SGD", name, settings[name], 0)
        _check.number("SGD", "dampening", settings["dampening"])
        _check.flag("SGD", "decay_bias", settings["decay_bias"])
        nesterov = _check.flag("SGD", "nesterov", settings["nesterov"])
        if nesterov and (settings["momentum"] == 0 or settings["dampening"] != 0):
            raise ValueError(
                f"[SGD] nesterov needs momentum > 0 and dampening 0, not {settings['momentum']} and "
                f"{settings['dampening']}"
            )

    def slots(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """A velocity, if there is momentum."""
        return self.slot_names if settings["momentum"] != 0 else ()

    def fields(self, settings: Mapping[str, Any]) -> dict[str, float]:
        """SgdHyper."""
        names = ("lr", "momentum", "dampening", "nesterov", "weight_decay")
        return {name: float(settings[name]) for name in names}
