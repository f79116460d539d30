"""Cross-validation of one setting: a population of folds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np

from lamella._arrays import Array, is_sparse, to_array
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.optim.optimizer import Optimizer
from lamella.population.folds import fold_rows, given_folds
from lamella.population.history import PopulationHistory
from lamella.population.member import Factory
from lamella.population.population import Population
from lamella.trainer.samples import Samples
from lamella.trainer.tables import Tables

#: Arguments of Population.fit that folds say.
_OWN = ("self", "x", "y", "sample_weight", "samples", "validation_data", "validation_samples", "models")


@dataclass(frozen=True)
class CrossValidation:
    """What :func:`cross_validate` found. Model k is that of ``folds[k]``; repeats follow one another.

    Attributes
    ----------
    population : Population
        The models: ``population[k]``, ``population.ensemble()``.
    history : PopulationHistory
        Of each fold.
    folds : list of (ndarray, ndarray)
        The rows that each model learned from, and those that it was tested on.
    scores : dict of str to ndarray
        "loss" and the loss's score, such as "accuracy": of each model on its test rows, NaN if it diverged.
    predictions : ndarray, (n, outputs)
        Of each row by the models that it was a test row of: the mean of their probabilities where the loss tells them,
        else of their outputs. NaN where there is none.
    """

    population: Population
    history: PopulationHistory
    folds: list[tuple[Array, Array]]
    scores: dict[str, Array]
    predictions: Array

    @property
    def mean(self) -> dict[str, float]:
        """Of each score over the folds."""
        return {name: float(values.mean()) for name, values in self.scores.items()}

    @property
    def std(self) -> dict[str, float]:
        """Of each score over the folds: the square root of the mean squared deviation."""
        return {name: float(values.std()) for name, values in self.scores.items()}

    def __repr__(self) -> str:
        spread = self.std
        found = "".join(f", {name}={value:.4g} +- {spread[name]:.2g}" for name, value in self.mean.items())
        return f"CrossValidation({len(self.folds)} folds{found})"


def cross_validate(
    factory: Factory,
    x: Any,
    y: Any,
    cv: Any = 5,
    *,
    loss: Loss | Callable[..., Loss],
    optimizer: Callable[..., Optimizer],
    epochs: Any = 1,
    batch_size: Any = 32,
    sample_weight: Any = None,
    repeats: int = 1,
    seed: int = 0,
    seeds: Iterable[int] | None = None,
    settings: Mapping[str, Any] | None = None,
    loss_settings: Mapping[str, Any] | None = None,
    dropout: Any = None,
    layer_settings: Mapping[str, Any] | None = None,
    accumulate: Any = 1,
    **fit: Any,
) -> CrossValidation:
    """Train a model for each fold, all side by side, and test it on the rows that it did not learn from.

    Each has the same bits as ``Trainer.fit(x[train], y[train], validation_data=(x[test], y[test]))`` alone.

    Parameters
    ----------
    factory : callable
        Makes a new model; if it takes an argument, that is the model's number.
    x : array-like, (n, features)
    y : array-like
        Targets, as the loss takes them.
    cv : int, list of (train, test), or splitter, default 5
        A number: rows are dealt at random, labels class by class (stratified). Or row numbers; or an object with
        ``split(X, y)``, such as scikit-learn's splitters.
    loss, optimizer, settings, loss_settings, dropout, layer_settings, accumulate
        See :class:`Population`.
    epochs, batch_size
        See :meth:`Trainer.fit`.
    sample_weight : array-like, (n,), optional
        What each row counts, where it is learned from and where it is tested on.
    repeats : int, default 1
        Deal the rows so often, each time anew. Given rows are taken again with other seeds.
    seed : int, default 0
        Of the first dealing; the next ones count on.
    seeds : sequence of int, optional
        Of the models, folds x repeats; by default their own, or where they have none their numbers.
    **fit
        Other arguments of :meth:`Population.fit`: ``patience``, ``schedule``, ``mixup`` and so on. With patience, the
        test rows say when to stop, and the score is too good by that.

    Returns
    -------
    CrossValidation
        Scores of each fold, their mean and spread, out-of-fold predictions, histories and models.

    Raises
    ------
    ValueError
        If anything does not fit; nothing is trained then.
    DivergenceError
        If all models diverge. Of some: their scores are NaN, with a warning.
    """
    where = "cross_validate"
    if not callable(factory) or isinstance(factory, Module):
        raise TypeError(f"[{where}] factory is {factory!r:.80} but must be a function that makes a model")
    known = [name for name in signature(Population.fit).parameters if name not in _OWN]
    for name in fit:
        if name not in known:
            raise TypeError(f"[{where}] there is no argument {name!r}; those of Population.fit are {', '.join(known)}")
    repeats = _check.integer(where, "repeats", repeats, 1)
    seed = _check.integer(where, "seed", seed, 0, below=2**63)
    rows = len(to_array(x, "x", where) if is_sparse(x) or not hasattr(x, "__len__") else x)
    given = [given_folds(cv, rows, y, where) for _ in range(repeats)]
    population = Population(
        factory,
        sum(each if isinstance(each, int) else len(each) for each in given),
        loss=loss,
        optimizer=optimizer,
        seeds=seeds,
        settings=settings,
        loss_settings=loss_settings,
        dropout=dropout,
        layer_settings=layer_settings,
        accumulate=accumulate,
    )
    tables = Tables(x, y, sample_weight, len(population), True, where)
    samples = [tables.of(member.trainer, member.number) for member in population._members]
    n, target = len(samples[0]), samples[0].target
    pairs = [pair for r, each in enumerate(given) for pair in fold_rows(each, n, target, seed + r, where)]
    history = population.fit(
        x,
        y,
        epochs,
        batch_size,
        sample_weight=sample_weight,
        samples=[train for train, _ in pairs],
        validation_samples=[test for _, test in pairs],
        **fit,
    )
    scores, predictions = _tested(population, samples, [test for _, test in pairs])
    return CrossValidation(population, history, pairs, scores, predictions)


def _tested(population: Population, samples: list[Samples], tests: list[Array]) -> tuple[dict[str, Array], Array]:
    """Scores of each model on its test rows, and the mean prediction of each row."""
    members = population._members
    first = members[0].trainer
    outputs = first.model.forward_pass(samples[0].x.shape[1]).outputs
    total, counts = np.zeros((len(samples[0]), outputs)), np.zeros((len(samples[0]), 1))
    scores = {name: np.full(len(tests), np.nan) for name in ("loss", first.loss.score_name)}
    for number in population.active:
        loss, rows = members[number].trainer.loss, tests[number]
        own = samples[number]
        held = Samples(own.x, own.target, own.weight, rows).taken()
        made = members[number].trainer.model.predict(held.x)
        for name, value in zip(scores, loss.evaluate(made, held.target, held.weight), strict=True):
            scores[name][number] = value
        np.add.at(total, rows, loss.probabilities(made))
        np.add.at(counts, rows, 1)
    with np.errstate(invalid="ignore"):
        return scores, (total / counts).astype(samples[0].x.dtype)
