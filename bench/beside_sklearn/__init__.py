"""What is learned, and by whom: the tables, the settings, and the two libraries' estimators of one name."""

import importlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

from lamella.bench.workloads import Array

#: The module of each library's MLPClassifier and MLPRegressor; ours comes first.
SYSTEMS = {"lamella": "lamella.estimators", "sklearn": "sklearn.neural_network"}

SOLVERS = ("adam", "sgd")

#: Rows of the training part that small tables have at most: those for which a speed was wanted.
SMALL_ROWS = 2000


@dataclass(frozen=True)
class Split:
    """A table divided for one seed: a quarter of its rows are to be scored on."""

    x: Array
    y: Array
    test_x: Array
    test_y: Array


@dataclass(frozen=True)
class Data:
    """A table.

    Attributes
    ----------
    name : str
    load : callable
        Its x and y.
    epochs : int
        Of settings that are equal.
    most_epochs : int or None
        At defaults, in place of the estimators' own ``max_iter`` of 200.
    regression : bool
    most_rows : int or None
        Take no more.
    """

    name: str
    load: Callable[[], tuple[Array, Array]]
    epochs: int = 200
    most_epochs: int | None = None
    regression: bool = False
    most_rows: int | None = None

    @property
    def estimator(self) -> str:
        """The class that learns it."""
        return "MLPRegressor" if self.regression else "MLPClassifier"

    def quick(self) -> "Data":
        """A part of it, for a few epochs: to see that everything runs."""
        return replace(self, epochs=3, most_epochs=3, most_rows=300)

    def split(self, seed: int) -> Split:
        """Features, and targets of a regression, are standardised by the training part."""
        x, y = self.load()
        x, y = x[: self.most_rows], y[: self.most_rows]
        stratify = None if self.regression else y
        x, test_x, y, test_y = train_test_split(x, y, test_size=0.25, random_state=seed, stratify=stratify)
        x, test_x = _standardised(x, test_x)
        if self.regression:
            y, test_y = _standardised(y, test_y)
        return Split(x, y, test_x, test_y)


def _standardised(train: Array, test: Array) -> tuple[Array, Array]:
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std > 0, std, 1.0)
    return (train - mean) / std, (test - mean) / std


def _made(function: Callable[..., Any], *arguments: Any, **settings: Any) -> Callable[[], tuple[Array, Array]]:
    return cache(partial(function, *arguments, **settings))


DATA = {
    data.name: data
    for data in (
        Data("digits", _made(datasets.load_digits, return_X_y=True)),
        Data("breast_cancer", _made(datasets.load_breast_cancer, return_X_y=True)),
        Data("wine", _made(datasets.load_wine, return_X_y=True)),
        Data("diabetes", _made(datasets.load_diabetes, return_X_y=True), regression=True),
        Data("hastie", _made(datasets.make_hastie_10_2, 12_000, random_state=0), epochs=50),
        Data(
            "classification",
            _made(datasets.make_classification, 100_000, 50, n_informative=20, n_classes=4, random_state=0),
            epochs=10,
            most_epochs=20,
        ),
    )
}

#: How the settings of both are chosen.
SETTINGS = {"own": "at the defaults of each", "equal": "at equal settings"}

#: What each table is learned with, in this order.
TASKS = list(itertools.product(SETTINGS, SOLVERS))


def make(system: str, data: Data, solver: str, setting: str, rows: int, seed: int) -> Any:
    """An estimator that is ready for ``fit``."""
    kind = getattr(importlib.import_module(SYSTEMS[system]), data.estimator)
    given: dict[str, Any] = {"solver": solver, "random_state": seed}
    if setting == "own":
        return kind(**given, **({} if data.most_epochs is None else {"max_iter": data.most_epochs}))
    return kind(
        **given, hidden_layer_sizes=(100,), activation="relu", alpha=1e-4, batch_size=min(200, rows),
        learning_rate_init=1e-3, max_iter=data.epochs, n_iter_no_change=data.epochs, tol=0.0,
    )  # fmt: skip
