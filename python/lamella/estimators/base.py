"""What the estimators share: from scikit-learn's arguments to a training, and back to its attributes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from lamella import nn
from lamella._arrays import Array
from lamella.estimators.learner import Learner
from lamella.estimators.network import dense_layers, make_network, weight_of
from lamella.estimators.parameters import check_parameters
from lamella.estimators.rows import Rows, split
from lamella.estimators.solver import LBFGS, make_solver
from lamella.estimators.threads import at_most, check_jobs
from lamella.estimators.training import Fit, batch_size, warn_of_batch_size
from lamella.nn.loss import Loss


def keep_arguments(estimator: Any, arguments: dict[str, Any]) -> None:
    """Set an attribute for each argument of a constructor (its ``locals()``), as scikit-learn asks for."""
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)


class BaseMLP(BaseEstimator, ABC):
    """Base of the estimators; subclasses say what targets are."""

    _learner: Learner
    #: Where a subclass has no such argument.
    n_jobs: int | None = None

    # What subclasses say.

    @abstractmethod
    def _check_parameters(self, where: str) -> None:
        """Raise if an argument of the subclass's own is out of its range."""

    @abstractmethod
    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """X and y as scikit-learn checks them."""

    @abstractmethod
    def _learn_targets(self, y: Any, classes: Any) -> None:
        """Take note of what y is: at the first fit; ``classes``: all that there are, or None."""

    @abstractmethod
    def _check_targets(self, y: Any) -> None:
        """Raise if y is not of the same kind: at later fits."""

    @abstractmethod
    def _make_loss(self) -> Loss:
        """The loss."""

    @abstractmethod
    def _outputs(self, loss: Loss) -> int:
        """Outputs that the network needs."""

    @abstractmethod
    def _targets(self, loss: Loss, y: Any) -> Array:
        """What the loss takes for y."""

    def _weights(self, y: Any, sample_weight: Any) -> Any:
        """What each row counts, or None."""
        return sample_weight

    def _strata(self, y: Any) -> Array | None:
        """What a split is to keep the shares of."""
        return None

    def _scale_targets(self, y: Any, weight: Any) -> None:
        """Take note of the scale of y: at the first fit."""

    def _make_network(self, inputs: int, outputs: int, seed: int, dtype: str) -> nn.Sequential:
        """The network."""
        return make_network(type(self).__name__, self, inputs, outputs, seed, dtype)

    def _start(self, learner: Learner, rows: Rows) -> None:
        """What comes before the training of a new network."""

    # Fitting.

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation_data: Any, incremental: bool, classes: Any = None
    ) -> Any:
        before = dict(self.__dict__)
        try:
            fit = self._begin(X, y, sample_weight, validation_data, incremental, classes)
            with at_most(check_jobs(type(self).__name__, self.n_jobs)):
                fit.run()
        except BaseException:  # bad input leaves all as it was
            self.__dict__ = before
            raise
        return self

    def _begin(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any,
        incremental: bool,
        classes: Any = None,
        draw: Callable[[Array], Array] | None = None,
    ) -> Fit:
        """A fit that is ready to run. ``draw(targets)`` says which of the rows it learns from; None: all."""
        where = f"{type(self).__name__}.{'partial_fit' if incremental else 'fit'}"
        check_parameters(type(self).__name__, self)
        self._check_parameters(type(self).__name__)
        if incremental and self.early_stopping:
            raise ValueError(f"[{where}] partial_fit does not support early_stopping=True")
        first = not self.__sklearn_is_fitted__() or not (incremental or self.warm_start)
        X, y = self._checked(X, y, reset=first)
        random_state = check_random_state(self.random_state)
        seed = int(random_state.randint(2**31 - 1))  # always drawn, so that a split is the same one
        if first:
            self._learn_targets(y, classes)
        else:
            self._check_targets(y)
        weight = self._checked_weights(X, y, sample_weight, where)
        if first:
            self._scale_targets(y, weight)
        loss = self._make_loss() if first else self._learner.loss
        data = Rows(X, self._targets(loss, y), weight)
        held_out = self._held_out(loss, validation_data, where)
        if held_out is None and self.early_stopping and self.solver != LBFGS:
            data, held_out = split(where, data, self.validation_fraction, random_state, self._strata(y))
        if draw is not None:
            data = data.take(draw(data.targets))
        for rows, use in ((data, "train on"), (held_out, "hold out")):
            if rows is not None and not rows.counts:
                raise ValueError(f"[{where}] sample_weight is 0 for all rows to {use}")
        mean_weight, data = data.without_equal_weights()
        batch = len(data) if self.solver == LBFGS else batch_size(self.batch_size, len(data))
        warn_of_batch_size(where, self.batch_size, len(data))
        solver = make_solver(type(self).__name__, self, batch * mean_weight)
        if first:
            dtype = self.dtype or X.dtype.name
            network = self._make_network(X.shape[1], self._outputs(loss), seed, dtype)
            self._learner = Learner(network, loss, solver)
            self._forget()
            self._start(self._learner, data)
        elif incremental:
            solver.penalise(self._learner.trainer.optimizer)  # batches may be of another size than before
        else:
            self._learner.renew(solver)
        return Fit(where, self, self._learner, data, held_out, incremental)

    def _checked_weights(self, X: Any, y: Any, sample_weight: Any, where: str) -> Any:
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        weight = self._weights(y, sample_weight)
        if weight is not None and (not (weight >= 0).all() or weight.sum() == 0):
            raise ValueError(f"[{where}] sample_weight must be at least 0 and not 0 everywhere")
        return weight

    def _held_out(self, loss: Loss, validation_data: Any, where: str) -> Rows | None:
        """The user's validation data."""
        if validation_data is None:
            return None
        where = f"{where} validation_data"
        if self.solver == LBFGS:
            raise ValueError(f"[{where}] solver 'lbfgs' has no epochs that it could be measured after")
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise TypeError(f"[{where}] it is {type(validation_data).__name__} but must be (X, y) or (X, y, weight)")
        X, y, *weights = validation_data
        X, y = self._checked(X, y, reset=False)
        weight = self._checked_weights(X, y, weights[0] if weights else None, where)
        return Rows(X, self._targets(loss, y), weight)

    def _forget(self) -> None:
        """What fits before left."""
        self.t_, self.n_iter_ = 0, 0
        self.loss_curve_: list[float] = []
        self.validation_scores_ = self.best_validation_score_ = self.best_loss_ = None
        self.n_layers_ = len(self._dense("n_layers_")) + 1

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> Any:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)
        y : array-like, (n,) or (n, outputs)
        sample_weight : array-like, (n,), optional
            What each row counts.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after each epoch; with ``early_stopping`` it decides when to stop, in the place of a part of X.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, validation_data, incremental=False)

    # Using.

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learner")

    def _raw(self, X: Any) -> Array:
        """The network's outputs."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        with at_most(check_jobs(type(self).__name__, self.n_jobs)):
            return self._learner.model.predict(X)

    @property
    def network_(self) -> nn.Sequential:
        """The fitted network, a lamella model."""
        check_is_fitted(self)
        return self._learner.model

    @property
    def coefs_(self) -> list[Array]:
        """Weights of the dense layers, (inputs, outputs) each: views."""
        return [weight_of(layer) for layer in self._dense("coefs_")]

    @coefs_.setter
    def coefs_(self, values: Sequence[Any]) -> None:
        self._write("coefs_", self.coefs_, values)

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of the dense layers: views."""
        return [layer.bias.data for layer in self._dense("intercepts_") if layer.bias is not None]

    @intercepts_.setter
    def intercepts_(self, values: Sequence[Any]) -> None:
        self._write("intercepts_", self.intercepts_, values)

    def _write(self, name: str, own: list[Array], values: Sequence[Any]) -> None:
        """Into the network's arrays, all or none."""
        given = [np.array(value, dtype=own[0].dtype) for value in values]
        shapes, wanted = [array.shape for array in given], [array.shape for array in own]
        if shapes != wanted:
            raise ValueError(f"[{type(self).__name__}] {name} has arrays of shapes {shapes} but must have {wanted}")
        for array, value in zip(own, given, strict=True):
            array[...] = value

    def _dense(self, name: str) -> list[nn.Linear | nn.Tied]:
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"{type(self).__name__} has no {name} before it is fitted")
        self._learner.model.store()
        return dense_layers(self._learner.model)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def steps(estimator: Any) -> bool:
    """Whether it trains step by step, so that there is a partial_fit."""
    if estimator.solver == LBFGS:
        raise AttributeError(f"partial_fit is only there for solvers that take steps, not for {LBFGS!r}")
    return True


steppable = available_if(steps)
