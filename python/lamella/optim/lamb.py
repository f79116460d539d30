"""LAMB."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella import _core
from lamella.nn import _check
from lamella.nn.builder import Op
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import beta_fields, check_betas
from lamella.optim.update import Place, Update


class LAMB(Optimizer):
    """Adam's direction, scaled so that each parameter moves by lr times its own norm.

    d = m^ / (sqrt(v^) + eps) + weight_decay value; value -= lr |value| / |d| d, or lr d where one of the norms is zero,
    as of biases that start there. You et al. 2020, "Large batch optimization for deep learning", Algorithm 2.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
        Each in [0, 1).
    eps : float, default 1e-6
    weight_decay : float, default 1e-2
        Decoupled from the averages, part of d. Of weights only.
    bias_correction : bool, default True
        m^ = m / (1 - b1^step), v^ = v / (1 - b2^step). False: m and v themselves.
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 1e-2,
        bias_correction: bool = True,
        **common: Any,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "bias_correction": bias_correction,
        }
        super().__init__(params, settings, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        check_betas("LAMB", settings)
        _check.number("LAMB", "eps", settings["eps"], 0)
        _check.flag("LAMB", "bias_correction", settings["bias_correction"])

    def decay(self, settings: Mapping[str, Any]) -> str:
        """Part of the direction."""
        return "own"

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """Adam's averages; a parameter at a time."""
        fields = {
            **beta_fields(settings),
            "eps": float(settings["eps"]),
            "decay": float(settings["weight_decay"]),
            "bias_correction": float(settings["bias_correction"]),
        }
        return Update("lamb_update", ("exp_avg", "exp_avg_sq"), fields, ops=_ops)


def _ops(place: Place) -> list[Op]:
    sums = place.sums(2 * _core.sum_chunks(place.count))
    operands = [place.value, place.slot("exp_avg"), place.slot("exp_avg_sq"), sums, place.grad, place.scale]
    return [Op("lamb_update", operands, [place.count], place.hyper())]
