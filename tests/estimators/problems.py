"""Small problems and small networks for them."""

import numpy as np

from lamella.estimators import MLPClassifier, MLPRegressor

FAST = {"hidden_layer_sizes": (8,), "max_iter": 5, "batch_size": 16, "learning_rate_init": 0.01, "random_state": 0}


def classes(names=("ape", "bee", "cat"), n=90, features=4, seed=0):
    """Rows of some classes that lie apart; labels of any type."""
    rng = np.random.default_rng(seed)
    index = rng.permutation(np.arange(n) % len(names))
    X = rng.standard_normal((n, features)) + 2 * rng.standard_normal((len(names), features))[index]
    return X, np.asarray(names)[index]


def labels(n=90, features=4, count=3, seed=0):
    """Rows with several labels each."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, features))
    return X, (X @ rng.standard_normal((features, count)) > 0).astype(int)


def numbers(n=90, features=4, outputs=None, seed=0):
    """Rows with a number each, or some."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, features))
    y = X @ rng.standard_normal((features, outputs or 1)) + 0.1 * rng.standard_normal((n, outputs or 1))
    return X, y[:, 0] if outputs is None else y


def classifier(**settings):
    return MLPClassifier(**{**FAST, **settings})


def regressor(**settings):
    return MLPRegressor(**{**FAST, **settings})


PROBLEMS = {
    "binary": (classifier, lambda: classes(("no", "yes"))),
    "multiclass": (classifier, classes),
    "multilabel": (classifier, labels),
    "single": (regressor, numbers),
    "multi": (regressor, lambda: numbers(outputs=3)),
}


def weights(estimator):
    return [*estimator.coefs_, *estimator.intercepts_]


def assert_same_weights(first, second):
    """Bit for bit."""
    for own, other in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(own, other)
