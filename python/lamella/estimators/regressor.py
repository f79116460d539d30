"""The regressor."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from lamella._arrays import Array
from lamella.estimators.base import BaseMLP, keep_arguments, steppable
from lamella.estimators.losses import REGRESSION, check_loss, outputs_for, regression_loss
from lamella.estimators.numbers import Numbers
from lamella.nn import _check
from lamella.nn.loss import Loss, PoissonNLLLoss


class MLPRegressor(RegressorMixin, BaseMLP):
    """A dense network that predicts numbers."""

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        standardize_target: bool = False,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        l1: float = 0.0,
        max_norm: float | None = None,
        init: Any = "auto",
        solver_params: Any = None,
        monitor: str = "score",
        restore_best: bool = True,
        callbacks: Any = None,
        dtype: str | None = None,
        n_jobs: int | None = None,
    ) -> None:
        keep_arguments(self, locals())

    def _check_parameters(self, where: str) -> None:
        check_loss(where, self.loss, REGRESSION)
        counts = self.loss == "poisson" or isinstance(self.loss, PoissonNLLLoss)
        if _check.flag(where, "standardize_target", self.standardize_target) and counts:
            raise ValueError(f"[{where}] standardize_target is True but counts (loss {self.loss!r}) stay as they are")

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _learn_targets(self, y: Any, classes: Any) -> None:
        self._columns = 1 if y.ndim == 1 else y.shape[1]

    def _scale_targets(self, y: Any, weight: Any) -> None:
        self._numbers = Numbers.of(y, weight, self.standardize_target)

    def _check_targets(self, y: Any) -> None:
        columns = 1 if y.ndim == 1 else y.shape[1]
        if columns != self._columns:
            raise ValueError(f"[{type(self).__name__}] y has {columns} columns but had {self._columns} before")

    def _make_loss(self) -> Loss:
        return regression_loss(self.loss)

    def _outputs(self, loss: Loss) -> int:
        self.n_outputs_ = outputs_for(type(self).__name__, loss, self._columns)
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
        return self.n_outputs_

    def _targets(self, loss: Loss, y: Any) -> Array:
        return self._numbers.targets(y)

    @steppable
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Go on by one epoch over these rows.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)
        y : array-like, (n,) or (n, outputs)
        sample_weight : array-like, (n,), optional

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, None, incremental=True)

    def predict(self, X: Any) -> Array:
        """Predictions, (n,) or (n, outputs)."""
        outputs = self._raw(X)
        predicted = self._numbers.restore(self._learner.loss.decide(outputs))
        return predicted[:, 0] if predicted.shape[1] == 1 else predicted
