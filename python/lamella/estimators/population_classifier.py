"""Many classifiers as one."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from lamella._arrays import Array
from lamella.estimators.base import keep_arguments
from lamella.estimators.base_population import BasePopulation
from lamella.estimators.classifier import MLPClassifier
from lamella.estimators.parameters import choice
from lamella.nn.loss import Loss


class PopulationClassifier(ClassifierMixin, BasePopulation):
    """Networks that are trained side by side, a thread each, and classify together: :class:`lamella.Population`.

    They differ by seed, by settings if asked for, and by the rows they learn from.

    Parameters
    ----------
    estimator : MLPClassifier, optional
        What all models have in common; by default ``MLPClassifier()``. It is cloned, not fitted.
    n_models : int, default 10
    settings : mapping, optional
        Arguments of the estimator that differ by model: a list or array, of which models take values in turns, or a
        distribution (of scipy.stats, or of :mod:`lamella.space`), from which each model draws one. Anything else all
        models have.
    samples : "shared", "bootstrap", "stratified" or sequence, default "shared"
        Which rows each model learns from: all; as many, drawn with replacement from all rows (Breiman 1996), or from
        each class; or row numbers (or a mask) for each model. With ``early_stopping`` of the estimator they are drawn
        from what is not held out.
    combine : "mean" or "vote", default "mean"
        "mean": of their probabilities. "vote": each model counts for the class that it predicts.
    oob_score : bool, default False
        Predict each row by the models that did not see it.
    random_state : int, RandomState or None, default None
        Of the models' seeds, and of what is drawn.
    n_jobs : int, optional
        Threads, as for :class:`MLPClassifier`; that of ``estimator`` says nothing here.

    Attributes
    ----------
    classes_ : ndarray
    estimators_ : list of MLPClassifier
        Fitted; each predicts by itself.
    left_out_ : dict of int to str
        Numbers of models that are not among them, as their losses became NaN or infinite, and what was said of it.
    oob_score_ : float
        Accuracy on rows as their models predict them that did not see them.
    oob_decision_function_ : ndarray, (n, classes)
        The mean, or shares of the vote, of these models; NaN where there is none.
    n_features_in_, feature_names_in_

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from lamella import space
    >>> X, y = load_iris(return_X_y=True)
    >>> population = PopulationClassifier(
    ...     MLPClassifier((20,), early_stopping=True), n_models=30, samples="bootstrap", oob_score=True, random_state=0,
    ...     settings={"learning_rate_init": space.LogUniform(0.01, 0.1)},
    ... ).fit(X, y)
    >>> bool(population.oob_score_ > 0.9), population.predict_proba(X[:3]).shape
    (True, (3, 3))
    """

    _kind = MLPClassifier
    _numbers = False

    def __init__(
        self,
        estimator: Any = None,
        n_models: int = 10,
        *,
        settings: Any = None,
        samples: Any = "shared",
        combine: str = "mean",
        oob_score: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        keep_arguments(self, locals())

    def _check_parameters(self, where: str) -> None:
        choice(where, "combine", self.combine, ("mean", "vote"))

    def _check_loss(self, where: str, loss: Loss) -> None:
        if self.combine == "mean" and not loss.takes_logits:
            raise ValueError(f'[{where}] combine is "mean" but {loss!r} tells no probabilities: use "vote"')

    @property
    def classes_(self) -> Array:
        """Sorted; of several labels, numbers of their columns."""
        classes: Array = self._labels.classes
        return classes

    @property
    def _labels(self) -> Any:
        if not self.__sklearn_is_fitted__():
            raise AttributeError("PopulationClassifier has no classes_ before it is fitted")
        return self.estimators_[0]._labels

    def _says(self, member: Any, outputs: Array) -> Array:
        loss, labels = member._learner.loss, self._labels
        if self.combine == "mean":
            shares: Array = labels.probabilities(loss, outputs)
            return shares
        decided = labels.decide(loss, outputs)
        votes: Array = decided if labels.kind == "multilabel" else decided[:, None] == labels.classes
        return votes.astype(np.float64)

    def _decided(self, shares: Array) -> Array:
        labels = self._labels
        if labels.kind == "multilabel":
            return (shares > 0.5).astype(np.int64)
        chosen: Array = labels.classes[shares.argmax(axis=1)]
        return chosen

    def _set_oob(self, said: Array, known: Array, y: Any, sample_weight: Any) -> None:
        self.oob_decision_function_ = said
        weight = None if sample_weight is None else np.asarray(sample_weight)[known]
        self.oob_score_ = float(accuracy_score(y[known], self._decided(said[known]), sample_weight=weight))

    def predict(self, X: Any) -> Array:
        """The classes of rows.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)

        Returns
        -------
        ndarray, (n,) or (n, labels)
        """
        return self._decided(self._together(self._features(X)))

    def predict_proba(self, X: Any) -> Array:
        """The mean of the models' probabilities, or the shares of their votes.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)

        Returns
        -------
        ndarray, (n, classes)
        """
        return self._together(self._features(X))

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of :meth:`predict_proba`.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)

        Returns
        -------
        ndarray, (n, classes)
        """
        with np.errstate(divide="ignore"):
            result: Array = np.log(self.predict_proba(X))
        return result

    def predict_proba_each(self, X: Any) -> Array:
        """Probabilities of each model by itself.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)

        Returns
        -------
        ndarray, (models, n, classes)
        """
        features = self._features(X)
        return np.stack([member.predict_proba(features) for member in self.estimators_])
