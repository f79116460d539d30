"""Lion."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import beta_fields, check_betas
from lamella.optim.update import Update


class Lion(Optimizer):
    """value -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g.

    Chen et al. 2023, "Symbolic discovery of optimization algorithms". Steps all have the size lr: take a third to a
    tenth of Adam's, and weight_decay as much larger.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1e-4
    betas : (float, float), default (0.9, 0.99)
        Each in [0, 1).
    weight_decay : float, default 0
        Decoupled: value *= 1 - lr * weight_decay first. Of weights only.
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        **common: Any,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay}, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        check_betas("Lion", settings)

    def decay(self, settings: Mapping[str, Any]) -> str:
        """As AdamW's."""
        return "decoupled"

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """One average."""
        return Update("lion_update", ("exp_avg",), beta_fields(settings))
