"""Many regressors as one."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from lamella._arrays import Array
from lamella.estimators.base import keep_arguments
from lamella.estimators.base_population import BasePopulation
from lamella.estimators.regressor import MLPRegressor


class PopulationRegressor(RegressorMixin, BasePopulation):
    """Networks that are trained side by side, a thread each, and whose mean is the prediction, with its spread.

    They differ by seed, by settings if asked for, and by the rows they learn from.

    Parameters
    ----------
    estimator : MLPRegressor, optional
        What all models have in common; by default ``MLPRegressor()``. It is cloned, not fitted.
    n_models, settings, oob_score, random_state, n_jobs
        As for :class:`PopulationClassifier`.
    samples : "shared", "bootstrap" or sequence, default "shared"
        As for :class:`PopulationClassifier`.

    Attributes
    ----------
    estimators_ : list of MLPRegressor
        Fitted; each predicts by itself.
    left_out_ : dict of int to str
        Numbers of models that are not among them, as their losses became NaN or infinite, and what was said of it.
    oob_score_ : float
        R^2 on rows as their models predict them that did not see them.
    oob_prediction_ : ndarray, (n,) or (n, outputs)
        The mean of these models; NaN where there is none.
    n_features_in_, feature_names_in_

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> network = MLPRegressor(
    ...     hidden_layer_sizes=(50,), learning_rate_init=0.01, standardize_target=True, early_stopping=True)
    >>> population = PopulationRegressor(network, n_models=20, random_state=0).fit(20 * X, y)
    >>> mean, std = population.predict(20 * X, return_std=True)
    """

    _kind = MLPRegressor
    _numbers = True

    def __init__(
        self,
        estimator: Any = None,
        n_models: int = 10,
        *,
        settings: Any = None,
        samples: Any = "shared",
        oob_score: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        keep_arguments(self, locals())

    def _check_parameters(self, where: str) -> None:
        if isinstance(self.samples, str) and self.samples == "stratified":
            raise ValueError(f'[{where}] samples is "stratified" but there are no classes')

    def _says(self, member: Any, outputs: Array) -> Array:
        said: Array = member._numbers.restore(member._learner.loss.decide(outputs))
        return said

    def _set_oob(self, said: Array, known: Array, y: Any, sample_weight: Any) -> None:
        self.oob_prediction_ = said[:, 0] if said.shape[1] == 1 else said
        weight = None if sample_weight is None else np.asarray(sample_weight)[known]
        self.oob_score_ = float(r2_score(y[known], self.oob_prediction_[known], sample_weight=weight))

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The mean of the models' predictions.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)
        return_std : bool, default False
            Also give the standard deviation of these predictions: how far the models disagree.

        Returns
        -------
        ndarray, (n,) or (n, outputs); or two of them
        """
        features = self._features(X)
        if not return_std:
            return _columns(self._together(features))
        both = self._in_blocks(features, lambda said, rows: np.stack([np.mean(said, axis=0), np.std(said, axis=0)], 1))
        return _columns(both[:, 0]), _columns(both[:, 1])


def _columns(said: Array) -> Array:
    return said[:, 0] if said.shape[1] == 1 else said
