"""The regressor."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from lamella._arrays import Array
from lamella.estimators.base import BaseMLP, keep_arguments, steppable
from lamella.estimators.losses import REGRESSION, check_loss, outputs_for, regression_loss
from lamella.estimators.network import flag
from lamella.estimators.numbers import Numbers
from lamella.nn.loss import Loss, PoissonNLLLoss


class MLPRegressor(RegressorMixin, BaseMLP):
    """A dense network that predicts numbers, one for each row or several.

    Takes the place of ``sklearn.neural_network.MLPRegressor``, with all that :class:`MLPClassifier` has beside.

    Parameters
    ----------
    loss : str or Loss, default "squared_error"
        "squared_error" (half of it, added up over a row's outputs), "poisson" (for counts; the network's outputs are
        logarithms; without the part of the deviance that is the same for all networks), "absolute_error", "huber", or
        any loss of :mod:`lamella.nn`: ``nn.QuantileLoss([0.1, 0.5, 0.9])`` predicts quantiles, ``nn.GaussianNLLLoss()``
        a mean, with a variance of its own for each row inside the network.
    standardize_target : bool, default False
        Train on y with a mean of 0 and a variance of 1 (those of the first fit): rates and ``tol`` then suit targets of
        any unit. Losses are in these units, predictions in those of y.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter, \
shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction, \
beta_1, beta_2, epsilon, n_iter_no_change, max_fun, dropout, batch_norm, l1, max_norm, init, solver_params, monitor, \
restore_best, callbacks, dtype, n_jobs
        As of :class:`MLPClassifier`.

    Attributes
    ----------
    validation_scores_, best_validation_score_ : list of float and float, or None
        Of held-out rows: R^2, over all outputs together, for losses that know the squared error; else the negative
        loss.
    coefs_, intercepts_, network_, loss_curve_, loss_, best_loss_, history_, n_iter_, t_, n_features_in_, \
feature_names_in_, n_layers_, n_outputs_, out_activation_
        As of :class:`MLPClassifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> net = MLPRegressor(solver="lbfgs", alpha=10, standardize_target=True, random_state=0).fit(X, y)
    >>> net.predict(X[:2]).shape
    (2,)
    """

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
        if flag(where, "standardize_target", self.standardize_target) and counts:
            raise ValueError(f"[{where}] standardize_target is True but counts (loss {self.loss!r}) stay as they are")

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
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
        """Predictions of rows.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)

        Returns
        -------
        ndarray, (n,) or, with several targets, (n, outputs)
        """
        outputs = self._raw(X)
        predicted = self._numbers.restore(self._learner.loss.decide(outputs))
        return predicted[:, 0] if predicted.shape[1] == 1 else predicted
