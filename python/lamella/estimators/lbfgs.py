"""L-BFGS on all rows at once: scipy's, on the model's flat arrays of weights and gradients."""

import warnings
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from lamella import _core, nn
from lamella._arrays import Array, dense
from lamella.estimators.learner import Learner
from lamella.estimators.rows import Rows
from lamella.trainer.samples import samples_of
from lamella.trainer.step import NativeStep


class Objective:
    """Loss and penalty weight_decay / 2 |w|^2 of a model, and their gradient, as functions of its flat weights."""

    def __init__(self, where: str, learner: Learner, rows: Rows) -> None:
        trainer, memory = learner.trainer, learner.model.store().memory
        samples = samples_of(learner.model, learner.loss, dense(rows.X), rows.target, rows.weight, where)
        step = trainer.prepare(samples.x.shape[1], samples.target)
        if not isinstance(step, NativeStep):
            raise TypeError(f"[{where}] solver 'lbfgs' is not there for layers in Python")
        learner.model.check_rows(len(samples), trainer.mode(), where)
        self._step, self._samples, self._optimizer = step, samples, trainer.optimizer
        sizes = memory.size(_core.Arena.values)
        self.weights: Array = memory.view(_core.Arena.values, 0, 0, [sizes])
        self._gradient: Array = memory.view(_core.Arena.grads, 0, 0, [sizes])
        self._decay = np.zeros(sizes)
        for group in trainer.optimizer.param_groups:
            for block in group.blocks:
                for parameter in block.parameters if block.matrices else ():
                    place = slice(parameter.offset, parameter.offset + parameter.size)
                    self._decay[place] = group["weight_decay"]

    def __call__(self, point: Array) -> tuple[float, Array]:
        """Value and gradient there; the model then has these weights."""
        self.weights[:] = point
        loss = self._step.measure_gradients(self._samples.x, self._samples.target, self._samples.weight)
        decayed = self._decay * point
        return loss + 0.5 * float(decayed @ point), self._gradient + decayed


def fit_lbfgs(where: str, estimator: Any, learner: Learner, rows: Rows) -> None:
    """Minimise, and note what scikit-learn's estimators note.

    Raises
    ------
    ValueError
        If the loss is not finite.
    """
    objective = Objective(where, learner, rows)
    curve: list[float] = []

    def note(intermediate_result: Any) -> None:
        curve.append(float(intermediate_result.fun))
        if estimator.verbose:
            print(f"Iteration {len(curve)}, loss = {curve[-1]:.8f}")  # noqa: T201 - it is asked for

    options = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    found = minimize(
        objective, objective.weights.astype(np.float64), jac=True, method="L-BFGS-B", callback=note, options=options
    )
    objective.weights[:] = found.x
    if not np.isfinite(found.fun):
        raise ValueError(f"[{where}] the loss became {found.fun}. Solver produced non-finite parameter weights.")
    if estimator.batch_norm:
        nn.exact_batchnorm_statistics(learner.model, dense(rows.X))
    estimator.n_iter_ = min(int(found.nit), estimator.max_iter)
    estimator.loss_ = float(found.fun)
    estimator.loss_curve_ = estimator.loss_curve_ + curve
    if found.status != 0:
        message = f"[{where}] lbfgs has not converged after {found.nit} iterations: {found.message}"
        warnings.warn(message, ConvergenceWarning, stacklevel=5)
