"""Adafactor."""

from collections.abc import Iterable, Mapping
from typing import Any

from lamella import _core
from lamella.nn import _check
from lamella.nn.builder import Op
from lamella.nn.parameter import Parameter
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import check_tuple
from lamella.optim.update import Place, Update, matrix_shape


class Adafactor(Optimizer):
    """Squared gradients of a matrix are kept as averages of its rows and columns: hardly any memory.

    With f = step^beta2_decay: r += f (row means of g^2 - r), c += f (column means - c), v = r c / mean(r), and for
    vectors v += f (g^2 - v); u = g / sqrt(max(v, eps1^2)); value -= a / max(1, rms(u) / d) u, where
    a = max(eps2, rms(value)) min(lr, 1 / sqrt(step)). Shazeer & Stern 2018, PyTorch's algebra.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 1e-2
        Relative to the size of the parameter.
    beta2_decay : float, default -0.8
        At most 0.
    eps : (float or None, float), default (None, 1e-3)
        eps1 (None: the machine epsilon of the parameters' type) and eps2.
    d : float, default 1.0
        At least 1.
    weight_decay : float, default 0
        Decoupled: value *= 1 - lr * weight_decay. Of weights only.
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    compact = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        **common: Any,
    ) -> None:
        settings = {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay}
        super().__init__(params, settings, common)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        where = "Adafactor"
        if _check.number(where, "beta2_decay", settings["beta2_decay"]) > 0:
            raise ValueError(f"[{where}] beta2_decay is {settings['beta2_decay']!r} but must be at most 0")
        first, second = check_tuple(where, "eps", settings["eps"], 2)
        if first is not None:
            _check.number(where, "eps[0]", first, 0)
        _check.number(where, "eps[1]", second, 0)
        _check.number(where, "d", settings["d"], 1)

    def decay(self, settings: Mapping[str, Any]) -> str:
        """As AdamW's."""
        return "decoupled"

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """Two averages of a matrix, one of a vector; a parameter at a time."""
        first, second = settings["eps"]
        fields = {
            "beta2_decay": float(settings["beta2_decay"]),
            "eps1": -1.0 if first is None else float(first),
            "eps2": float(second),
            "clip": float(settings["d"]),
        }
        if matrices:
            return Update("adafactor_matrix_update", ("row_var", "col_var"), fields, ops=_matrix_ops)
        return Update("adafactor_vector_update", ("variance",), fields, ops=_vector_ops)

    def slot_shapes(self, settings: Mapping[str, Any], parameter: Parameter) -> dict[str, tuple[int, ...]]:
        """PyTorch's: (units, 1) and (1, inputs) of a matrix."""
        if len(parameter.shape) < 2:
            return {"variance": parameter.shape}
        units = parameter.shape[0]
        return {"row_var": (units, 1), "col_var": (1, parameter.size // units)}


def _matrix_ops(place: Place) -> list[Op]:
    rows, cols = matrix_shape(place.parameter)
    transposed = place.parameter.transposed  # then PyTorch's rows are the stored columns
    averages = [place.slot(name) for name in (("col_var", "row_var") if transposed else ("row_var", "col_var"))]
    operands = [place.value, *averages, place.sums(2 * rows), place.grad, place.scale]
    return [Op("adafactor_matrix_update", operands, [rows, cols, transposed], place.hyper())]


def _vector_ops(place: Place) -> list[Op]:
    sums = place.sums(2 * _core.sum_chunks(place.count))
    operands = [place.value, place.slot("variance"), sums, place.grad, place.scale]
    return [Op("adafactor_vector_update", operands, [place.count], place.hyper())]
