"""Arguments that all estimators share, checked when they fit."""

import math
from typing import Any

from lamella.estimators.network import check_network, flag
from lamella.estimators.solver import LBFGS, kind_of
from lamella.estimators.threads import check_jobs
from lamella.nn import _check

_RATES = ("constant", "invscaling", "adaptive")


def choice(where: str, name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise if it is not one of these."""
    if value not in choices:
        raise ValueError(f"[{where}] {name} is {value!r} but must be one of {', '.join(choices)}")


def check_parameters(where: str, estimator: Any) -> None:
    """Raise if an argument is out of its range: ValueError, or TypeError; nothing is changed."""
    check_network(where, estimator)
    kind_of(where, estimator.solver)
    for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "restore_best"):
        flag(where, name, getattr(estimator, name))
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
        choice(where, "learning_rate", estimator.learning_rate, _RATES)
    check_jobs(where, estimator.n_jobs)
    choice(where, "monitor", estimator.monitor, ("score", "loss"))
    if estimator.dtype is not None:
        choice(where, "dtype", estimator.dtype, ("float32", "float64"))
    if isinstance(estimator.verbose, str) and estimator.verbose != "bar":
        raise ValueError(f"[{where}] verbose is {estimator.verbose!r} but must be True, False or 'bar'")
    if estimator.solver == LBFGS:
        _check_lbfgs(where, estimator)


def _check_lbfgs(where: str, estimator: Any) -> None:
    """It takes no steps, and wants a smooth function without chance."""
    dropout = estimator.dropout
    for name, wrong in (
        ("dropout", any(share > 0 for share in (dropout if isinstance(dropout, (list, tuple)) else [dropout]))),
        ("l1", estimator.l1 > 0),
        ("max_norm", estimator.max_norm is not None),
        ("solver_params", bool(estimator.solver_params)),
        ("callbacks", bool(estimator.callbacks)),
    ):
        if wrong:
            raise ValueError(f"[{where}] {name} is {getattr(estimator, name)!r:.80} but solver 'lbfgs' has none")
