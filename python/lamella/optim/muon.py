"""Muon."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella import _core
from lamella.nn import _check
from lamella.nn.builder import NOTHING, Op
from lamella.optim.adam import adam_update
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import check_betas, check_tuple
from lamella.optim.update import Place, Update, matrix_shape

_ADJUSTMENTS = (None, "original", "match_rms_adamw")


class Muon(Optimizer):
    """Momentum made orthogonal for matrices, AdamW for all else.

    m = momentum m + (1 - momentum) g; u = momentum m + (1 - momentum) g with Nesterov's, else m; X = u / |u|, and
    ns_steps times X = a X + (b X X^T + c (X X^T)^2) X, after which the singular values of X are all near one;
    value = (1 - lr weight_decay) value - lr adjusted X. Jordan et al. 2024; PyTorch's algebra, but in the model's own
    dtype, where PyTorch iterates in bfloat16. Meant for hidden layers: give first and last ones, and embeddings, a
    group with ``orthogonalize=False``.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        PyTorch's Muon takes matrices only; here vectors are updated by AdamW.
    lr : float, default 1e-3
    weight_decay : float, default 0.1
        Decoupled. Of weights only.
    momentum : float, default 0.95
        In [0, 1).
    nesterov : bool, default True
    ns_coefficients : (float, float, float), default (3.4445, -4.775, 2.0315)
        a, b, c.
    eps : float, default 1e-7
        Least norm to divide by.
    ns_steps : int, default 5
        Below 100.
    adjust_lr_fn : str, optional
        "original" or None: adjusted = sqrt(max(1, out / in)); "match_rms_adamw": 0.2 sqrt(max(out, in)), with which
        rates and decays of AdamW fit (Liu et al. 2025).
    orthogonalize : bool, default True
        False: AdamW for the group's matrices, too.
    adamw_lr : float, optional
        Rate of AdamW's updates; None: lr.
    adamw_betas : (float, float), default (0.9, 0.999)
    adamw_eps : float, default 1e-8
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    compact = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        *,
        orthogonalize: bool = True,
        adamw_lr: float | None = None,
        adamw_betas: tuple[float, float] = (0.9, 0.999),
        adamw_eps: float = 1e-8,
        **common: Any,
    ) -> None:
        settings = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
            "orthogonalize": orthogonalize,
            "adamw_lr": adamw_lr,
            "adamw_betas": adamw_betas,
            "adamw_eps": adamw_eps,
        }
        super().__init__(params, settings, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        where = "Muon"
        _check.number(where, "momentum", settings["momentum"], 0, 1, open_end=True)
        for name in ("eps", "adamw_eps"):
            _check.number(where, name, settings[name], 0)
        for name in ("nesterov", "orthogonalize"):
            _check.flag(where, name, settings[name])
        if settings["nesterov"] and settings["momentum"] == 0:
            raise ValueError(f"[{where}] nesterov needs momentum > 0, not 0")
        for index, value in enumerate(check_tuple(where, "ns_coefficients", settings["ns_coefficients"], 3)):
            _check.number(where, f"ns_coefficients[{index}]", value)
        if _check.integer(where, "ns_steps", settings["ns_steps"], 1) >= 100:
            raise ValueError(f"[{where}] ns_steps is {settings['ns_steps']} but must be below 100")
        if settings["adjust_lr_fn"] not in _ADJUSTMENTS:
            raise ValueError(
                f"[{where}] adjust_lr_fn is {settings['adjust_lr_fn']!r} but must be one of "
                f"{', '.join(map(repr, _ADJUSTMENTS))}"
            )
        if settings["adamw_lr"] is not None:
            _check.number(where, "adamw_lr", settings["adamw_lr"], 0)
        check_betas(where, settings, "adamw_betas")

    def decay(self, settings: Mapping[str, Any]) -> str:
        """As AdamW's."""
        return "decoupled"

    def structure(self, settings: Mapping[str, Any]) -> tuple[Any, ...]:
        """How many products there are."""
        return (*super().structure(settings), settings["ns_steps"])

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """Momentum and products for a matrix; Adam's for a vector."""
        if not matrices or not settings["orthogonalize"]:
            update = adam_update(settings, betas="adamw_betas", eps="adamw_eps")
            rate = settings["lr"] if settings["adamw_lr"] is None else settings["adamw_lr"]
            return Update(update.kernel, update.slots, {**update.fields, "lr": float(rate)})
        a, b, c = map(float, settings["ns_coefficients"])
        fields = {
            "momentum": float(settings["momentum"]),
            "nesterov": float(settings["nesterov"]),
            "eps": float(settings["eps"]),
            "adjusted": float(settings["adjust_lr_fn"] == "match_rms_adamw"),
            # alpha and beta of the three products
            "gram": 1.0,
            "gram beta": 0.0,
            "polynomial": c,
            "polynomial beta": b,
            "next": 1.0,
            "next beta": a,
        }
        steps = settings["ns_steps"]
        return Update("muon", ("momentum_buffer",), fields, ops=lambda place: _ops(place, steps))


def _ops(place: Place, steps: int) -> list[Op]:
    """Momentum; products, on the side of the matrix that is smaller; the step."""
    rows, cols = matrix_shape(place.parameter)
    wide, count, n = rows <= cols, place.count, min(rows, cols)
    x, other = place.buffer(count), place.buffer(count)
    gram, polynomial = place.buffer(n * n), place.buffer(n * n)
    sums = place.sums(_core.sum_chunks(count))
    moved = [x, place.slot("momentum_buffer"), sums, place.value, place.grad, place.scale]
    ops = [
        Op("muon_momentum", moved, [count], place.hyper()),
        Op("muon_normalize", [x, x, sums], [count], place.hyper()),
    ]
    for _ in range(steps):
        factors, sizes = ([polynomial, x], [rows, cols, rows]) if wide else ([x, polynomial], [rows, cols, cols])
        ops += [
            Op("affine_product", [gram, x, x, NOTHING], [n, n, max(rows, cols), not wide, wide], place.hyper("gram")),
            Op("affine_product", [polynomial, gram, gram, gram], [n, n, n, False, False], place.hyper("polynomial")),
            Op("affine_product", [other, *factors, x], [*sizes, False, False], place.hyper("next")),
        ]
        x, other = other, x
    units = place.parameter.shape[0]
    return [*ops, Op("muon_apply", [place.value, x], [units, count // units], place.hyper())]
