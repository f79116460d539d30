"""Arguments that all estimators share, checked when they fit."""

import math
from typing import Any

from lamella.estimators.network import check_network
from lamella.estimators.solver import LBFGS, kind_of
from lamella.nn import _check

_RATES = ("constant", "invscaling", "adaptive")


def _choice(where: str, name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"[{where}] {name} is {value!r} but must be one of {', '.join(choices)}")


def check_parameters(where: str, estimator: Any) -> None:
    """Raise if an argument is out of its range: ValueError, or TypeError; nothing is changed."""
    check_network(where, estimator)
    kind_of(where, estimator.solver)
    for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "restore_best"):
        _check.flag(where, name, getattr(estimator, name))
    for name in ("alpha", "l1", "power_t", "tol"):
        _check.number(where, name, getattr(estimator, name), 0)
    for name in ("learning_rate_init", "epsilon"):
        _check.positive(where, name, getattr(estimator, name))
    for name in ("beta_1", "beta_2", "validation_fraction"):
        _check.number(where, name, getattr(estimator, name), 0, 1, open_end=True)
    _check.number(where, "momentum", estimator.momentum, 0, 1)
    if estimator.max_norm is not None:
        _check.positive(where, "max_norm", estimator.max_norm)
    for name in ("max_iter", "max_fun"):
        _check.integer(where, name, getattr(estimator, name), 1)
    if estimator.n_iter_no_change != math.inf:
        _check.integer(where, "n_iter_no_change", estimator.n_iter_no_change, 1)
    if estimator.batch_size != "auto":
        _check.integer(where, "batch_size", estimator.batch_size, 1)
    if not callable(estimator.learning_rate):
        _choice(where, "learning_rate", estimator.learning_rate, _RATES)
    _choice(where, "monitor", estimator.monitor, ("score", "loss"))
    if estimator.dtype is not None:
        _choice(where, "dtype", estimator.dtype, ("float32", "float64"))
    if estimator.solver == LBFGS and _drops(estimator.dropout):
        raise ValueError(f"[{where}] dropout is {estimator.dropout!r} but solver {LBFGS!r} needs a loss without chance")


def _drops(dropout: Any) -> bool:
    return any(share > 0 for share in (dropout if isinstance(dropout, (list, tuple)) else [dropout]))
