"""What the populations share: many estimators of one kind, trained side by side."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, column_or_1d, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from lamella._arrays import Array, dense
from lamella.ensemble.outputs import in_blocks
from lamella.estimators.base import BaseMLP
from lamella.estimators.network import flag
from lamella.estimators.solver import LBFGS
from lamella.estimators.threads import at_most, check_jobs
from lamella.estimators.training import Fit
from lamella.estimators.variation import check_samples, drawn, varied
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.population.plan import FitPlan
from lamella.population.side_by_side import run_side_by_side
from lamella.trainer import DivergenceError
from lamella.trainer.training import Training


class BasePopulation(BaseEstimator, ABC):
    """Base of the populations; subclasses say which kind of estimators they have, and what these say together."""

    #: What ``estimator`` must be, and is by default.
    _kind: type[BaseMLP]
    #: Whether targets are numbers.
    _numbers: bool

    estimator: Any
    n_models: int
    settings: Any
    samples: Any
    oob_score: bool
    random_state: Any
    n_jobs: int | None
    estimators_: list[Any]

    @abstractmethod
    def _check_parameters(self, where: str) -> None:
        """Raise if an argument of the subclass's own is out of its range."""

    def _check_loss(self, where: str, loss: Loss) -> None:
        """Raise if models that were trained on it cannot say anything together."""

    @abstractmethod
    def _says(self, member: Any, outputs: Array) -> Array:
        """(n, columns) that count in the mean: what a model says by its outputs."""

    @abstractmethod
    def _set_oob(self, said: Array, known: Array, y: Any, sample_weight: Any) -> None:
        """Set attributes by what was said of rows that the models did not learn from, NaN where not ``known``."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> Any:
        """Train all models side by side, a thread each.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)
        y : array-like, (n,) or (n, outputs)
        sample_weight : array-like, (n,), optional
            What each row counts.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after each epoch of each model; with its ``early_stopping`` it decides when to stop.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument does not fit, or all models diverge. Of some: they are left out, with a warning.
        """
        before = dict(self.__dict__)
        try:
            return self._fit(f"{type(self).__name__}.fit", X, y, sample_weight, validation_data)
        except BaseException:  # bad input leaves all as it was
            self.__dict__ = before
            raise

    def _fit(self, where: str, X: Any, y: Any, sample_weight: Any, validation_data: Any) -> Any:
        members = self._members()
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            multi_output=True,
            y_numeric=self._numbers,
        )
        X, y = dense(X), dense(y)
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        dtypes = {member.dtype for member in members}
        if len(dtypes) == 1 and (dtype := dtypes.pop()) is not None:
            X = X.astype(dtype, copy=False)  # once for all
        given = check_samples(where, self.samples, len(X), len(members))
        fits = []
        for number, member in enumerate(members):
            draw = self._draw(where, member, None if given is None else given[number])
            fits.append(member._begin(X, y, sample_weight, validation_data, False, draw=draw))
            self._check_loss(where, fits[-1].learner.loss)
        with at_most(check_jobs(type(self).__name__, self.n_jobs)):
            left_out = _run(where, fits)
        left = [fit for number, fit in enumerate(fits) if number not in left_out]
        self.estimators_, self.left_out_ = [fit.estimator for fit in left], dict(sorted(left_out.items()))
        if self.oob_score:
            unseen = np.stack([~_seen(fit, len(X)) for fit in left])
            self._score_oob(where, X, y, sample_weight, unseen)
        return self

    def _members(self) -> list[Any]:
        """Estimators that have not been fitted, each with a seed and settings of its own."""
        name = type(self).__name__
        if self.estimator is not None and not isinstance(self.estimator, self._kind):
            raise TypeError(f"[{name}] estimator is {self.estimator!r:.80} but must be a {self._kind.__name__}")
        count = _check.integer(name, "n_models", self.n_models, 1)
        check_jobs(name, self.n_jobs)
        if flag(name, "oob_score", self.oob_score) and isinstance(self.samples, str) and self.samples == "shared":
            raise ValueError(f'[{name}] oob_score is True but samples is "shared": "bootstrap" leaves some out')
        self._check_parameters(name)
        random_state = check_random_state(self.random_state)
        seeds = random_state.randint(2**31 - 1, size=count)
        own = varied(name, self.settings, count, random_state)
        prototype = self._kind() if self.estimator is None else self.estimator
        members = []
        for number, (seed, settings) in enumerate(zip(seeds, own, strict=True)):
            try:
                members.append(clone(prototype).set_params(**{"random_state": int(seed), **settings}))
            except ValueError as error:
                raise ValueError(f"[{name}] settings of model {number}: {error}") from error
        return members

    def _draw(self, where: str, member: Any, rows: Array | None) -> Callable[[Array], Array] | None:
        """What says which rows a model learns from."""
        if rows is not None:
            if member.early_stopping:
                raise ValueError(
                    f"[{where}] samples are row numbers, but early_stopping takes rows out of them at random"
                )
            return lambda targets: rows
        if self.samples == "shared":
            return None
        return lambda targets: drawn(where, self.samples, targets, member.random_state)

    def _score_oob(self, where: str, X: Array, y: Any, sample_weight: Any, unseen: Array) -> None:
        known: Array = unseen.sum(axis=0) > 0
        if not known.any():
            raise ValueError(f"[{where}] oob_score is True but all models learned from all rows")
        if not known.all():
            left_out = len(known) - int(known.sum())
            warnings.warn(f"[{where}] {left_out} rows have no out-of-bag prediction: all models saw them", stacklevel=4)
        self._set_oob(self._together(X, unseen), known, y, sample_weight)

    # Using.

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimators_")

    def _features(self, X: Any) -> Array:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        checked: Array = dense(X)
        return checked

    def _in_blocks(self, X: Array, make: Callable[[list[Array], slice], Array]) -> Array:
        """``make(said, rows)`` for blocks of rows, with what each model says of them."""
        members = self.estimators_
        models = [member.network_ for member in members]

        def made(outputs: Array, rows: slice) -> Array:
            return make([self._says(member, own) for member, own in zip(members, outputs, strict=True)], rows)

        with at_most(check_jobs(type(self).__name__, self.n_jobs)):
            return in_blocks(models, X, 1024, type(self).__name__, made)

    def _together(self, X: Array, counted: Array | None = None) -> Array:
        """The mean of what the models say, (n, columns); of those that are ``counted``, (models, n), by row."""

        def mean(said: list[Array], rows: slice) -> Array:
            together: Array = np.stack(said).astype(np.float64)
            counts = np.ones((len(said), 1, 1)) if counted is None else counted[:, rows, None]
            with np.errstate(invalid="ignore"):
                result: Array = (together * counts).sum(axis=0) / counts.sum(axis=0)
            return result.astype(said[0].dtype)

        return self._in_blocks(X, mean)

    def predict_each(self, X: Any) -> Array:
        """What each model predicts by itself.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)

        Returns
        -------
        ndarray, (models, n) or (models, n, outputs)
        """
        features = self._features(X)
        return np.stack([member.predict(features) for member in self.estimators_])

    def __sklearn_tags__(self) -> Any:
        tags, own = super().__sklearn_tags__(), get_tags(self._kind())
        tags.input_tags, tags.target_tags = own.input_tags, own.target_tags
        tags.classifier_tags, tags.regressor_tags = own.classifier_tags, own.regressor_tags
        return tags


def _run(where: str, fits: list[Fit]) -> dict[int, str]:
    """Run all fits side by side; why some are left out, by number."""
    trainings: dict[int, Training] = {}
    for number, fit in enumerate(fits):
        if fit.estimator.solver == LBFGS:
            fit.run()
        else:
            trainings[number] = fit.training()
    numbers = {id(training): number for number, training in trainings.items()}
    diverged: dict[int, str] = {}

    def over(training: Training, error: DivergenceError | None) -> list[Training]:
        if error is not None:
            diverged[numbers[id(training)]] = str(error).partition("] ")[2]
        return []

    left_out = diverged
    with ExitStack() as going_on:
        for training in trainings.values():
            going_on.enter_context(training.going_on())
        try:
            run_side_by_side(FitPlan.largest_first(trainings.values()), over)
        except KeyboardInterrupt:
            warnings.warn(f"[{where}] Training interrupted by user.", stacklevel=4)
            unbegun = [number for number, training in trainings.items() if training.history.epochs == 0]
            if len(unbegun) < len(fits):
                left_out = {**dict.fromkeys(unbegun, "interrupted before the end of its first epoch"), **diverged}
    for number in trainings:
        fits[number].note()
    if diverged:
        _tell(where, diverged, len(fits))
    unready = sum(fits[number].ran_out for number in trainings if number not in left_out)
    if unready:
        message = f"{unready} of {len(fits)} models came to max_iter and have not converged yet"
        warnings.warn(f"[{where}] {message}", ConvergenceWarning, stacklevel=4)
    return left_out


def _tell(where: str, diverged: dict[int, str], models: int) -> None:
    """ValueError if all models have diverged, else a warning."""
    first = diverged[min(diverged)]
    if len(diverged) == models:
        raise ValueError(f"[{where}] all {models} models diverged; one of them: {first}")
    text = f"{len(diverged)} of {models} models diverged and are left out: {sorted(diverged)[:8]}"
    warnings.warn(f"[{where}] {text}; one of them: {first}", stacklevel=5)


def _seen(fit: Fit, rows: int) -> Array:
    """(rows,) whether a model learned from each, or was stopped by it."""
    seen = np.zeros(rows, bool)
    for part in (fit.rows, fit.held_out):
        if part is not None and len(part.target) == rows:
            seen[slice(None) if part.numbers is None else part.numbers] = True
    return seen
