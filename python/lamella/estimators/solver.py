"""The optimizer that an estimator's arguments describe."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lamella import nn, optim
from lamella.optim.optimizer import Optimizer

#: Optimizers by their names in small letters.
SOLVERS: dict[str, type[Optimizer]] = {
    name.lower(): kind
    for name, kind in inspect.getmembers(optim, inspect.isclass)
    if issubclass(kind, Optimizer) and kind is not Optimizer
}

#: Not an optimizer of steps: see lbfgs.py.
LBFGS = "lbfgs"


@dataclass(frozen=True)
class Solver:
    """Makes the optimizer of a model; goes into pickles, as an optimizer does not.

    Parameters
    ----------
    make : callable
        Takes parameters and settings.
    settings : dict
    penalties : dict
        Settings that depend on the size of batches: l1, and weight_decay for optimizers that take it for a penalty.
    """

    make: Callable[..., Optimizer]
    settings: dict[str, Any]
    penalties: dict[str, float] = field(default_factory=dict)

    def __call__(self, model: nn.Module) -> Optimizer:
        """Of all parameters."""
        optimizer = self.make(model.parameters(), **self.settings)
        self.penalise(optimizer)
        return optimizer

    def penalise(self, optimizer: Optimizer) -> None:
        """Set the penalties of an optimizer, that may have taken steps."""
        for group in optimizer.param_groups:
            for name, value in self.penalties.items():
                if group[name] != value and (name != "weight_decay" or optimizer.decay(group) == "coupled"):
                    group[name] = value


def kind_of(where: str, solver: Any) -> type[Optimizer] | None:
    """The class that a name stands for, or that is given; None: a user's function."""
    if isinstance(solver, str):
        kind = SOLVERS.get(solver.lower().replace("_", ""))
        if kind is None and solver != LBFGS:
            raise ValueError(
                f"[{where}] solver is {solver!r} but must be one of {', '.join(sorted([*SOLVERS, LBFGS]))}; or a class "
                "of lamella.optim, or a function of parameters that makes an optimizer"
            )
        return kind
    if isinstance(solver, type) and issubclass(solver, Optimizer):
        return solver
    if not callable(solver) or isinstance(solver, type):
        raise TypeError(f"[{where}] solver is {solver!r:.80} but must be a name, or a class of lamella.optim")
    return None


def _own_settings(kind: type[Optimizer], estimator: Any) -> dict[str, Any]:
    """What scikit-learn's arguments say to the solvers that it has."""
    if kind is optim.SGD:
        momentum = estimator.momentum
        return {"momentum": momentum, "nesterov": bool(estimator.nesterovs_momentum and momentum > 0)}
    if kind is optim.Adam:
        return {"betas": (estimator.beta_1, estimator.beta_2), "eps": estimator.epsilon}
    return {}


def make_solver(where: str, estimator: Any, rows: float) -> Solver:
    """The solver for batches whose rows count ``rows`` together.

    alpha / 2 |w|^2 and l1 |w| are divided by that number, as scikit-learn divides its penalty; alpha is left to
    ``solver_params={"weight_decay": ...}`` where an optimizer decays weights by itself.
    """
    given = dict(estimator.solver_params or {})
    kind = kind_of(where, estimator.solver)
    if kind is None:
        if isinstance(estimator.solver, str):  # the optimizer only holds the penalties
            kind = optim.SGD
        else:
            return Solver(estimator.solver, given)
    settings: dict[str, Any] = {"lr": estimator.learning_rate_init, **_own_settings(kind, estimator)}
    settings["max_norm"] = estimator.max_norm
    settings.update(given)
    penalties = {"l1": estimator.l1 / rows, "weight_decay": estimator.alpha / rows}
    return Solver(kind, settings, {name: value for name, value in penalties.items() if name not in given})
