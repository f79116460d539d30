"""From the same weights, in the same order, at equal settings: the same training as scikit-learn's."""

import numpy as np
import pytest
from sklearn import neural_network as theirs

from lamella.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, FEATURES = 60, 5

#: Theirs is the epsilon-hat of Kingma & Ba 2015, ours (and PyTorch's) the epsilon of their algorithm 1.
TINY = 1e-30


def problem(kind, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, FEATURES))
    scores = X @ rng.standard_normal((FEATURES, 3)) + 0.3 * rng.standard_normal((N, 3))
    y = {
        "binary": scores[:, 0] > 0,
        "multiclass": np.array(["a", "b", "c"])[scores.argmax(axis=1)],
        "multilabel": (scores > 0).astype(int),
        "single": scores[:, 0],
        "multi": scores,
        "poisson": rng.poisson(np.exp(0.5 * scores[:, 0])),
    }[kind]
    return X, y


def pair(kind, **settings):
    """Ours and theirs with the same weights, fitted once."""
    regression = kind in ("single", "multi", "poisson")
    if kind == "poisson":
        settings["loss"] = "poisson"
    made = []
    for ours, other in ((True, MLPClassifier), (False, theirs.MLPClassifier)):
        if regression:
            other = MLPRegressor if ours else theirs.MLPRegressor
        made.append(other(hidden_layer_sizes=(7, 4), random_state=0, shuffle=False, warm_start=True, **settings))
    X, y = problem(kind)
    for estimator in made:
        wanted = estimator.max_iter
        estimator.set_params(max_iter=1).fit(X, y)
        estimator.set_params(max_iter=wanted)
    first, second = made
    for own, given in zip([*first.coefs_, *first.intercepts_], [*second.coefs_, *second.intercepts_], strict=True):
        assert own.shape == given.shape
        own[...] = given
    return X, y, first, second


def assert_same_weights(first, second, tolerance=1e-9):
    for own, given in zip([*first.coefs_, *first.intercepts_], [*second.coefs_, *second.intercepts_], strict=True):
        np.testing.assert_allclose(own, given, rtol=tolerance, atol=tolerance)


KINDS = ["binary", "multiclass", "multilabel", "single", "multi", "poisson"]

SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01, "epsilon": TINY},
    "adam's settings": {"solver": "adam", "beta_1": 0.8, "beta_2": 0.95, "epsilon": TINY},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "plain sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
    "heavy ball": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.05},
    # With momentum theirs keeps the old rate in the velocity, ours (and PyTorch's) does not.
    "invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "power_t": 0.3,
        "learning_rate_init": 0.05,
        "momentum": 0.0,
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_training(solver, kind):
    X, y, first, second = pair(kind, batch_size=20, alpha=0.3, max_iter=8, tol=0.0, **SOLVERS[solver])
    first.fit(X, y)
    second.fit(X, y)
    assert_same_weights(first, second)
    assert (first.n_iter_, first.t_, first.n_layers_) == (second.n_iter_, second.t_, second.n_layers_)
    np.testing.assert_allclose(
        first.predict(X) if kind != "multiclass" else first.predict_proba(X),
        second.predict(X) if kind != "multiclass" else second.predict_proba(X),
        rtol=1e-8,
    )


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_the_same_activations(activation):
    X, y, first, second = pair(
        "multiclass", activation=activation, batch_size=15, max_iter=4, learning_rate_init=0.01, epsilon=TINY
    )
    first.fit(X, y)
    second.fit(X, y)
    assert_same_weights(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_weights_of_samples(kind):
    """Full batches: of smaller ones, each of theirs has a penalty of its own."""
    weight = np.random.default_rng(1).uniform(0, 3, N)
    X, y, first, second = pair(kind, alpha=0.5, max_iter=8, learning_rate_init=0.01, epsilon=TINY)
    first.fit(X, y, sample_weight=weight)
    second.fit(X, y, sample_weight=weight)
    assert_same_weights(first, second)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "multi"])  # where their gradient is of their value
def test_the_same_lbfgs(kind):
    """Batches have no say."""
    X, y, first, second = pair(kind, solver="lbfgs", alpha=0.5, max_iter=5, batch_size=7)
    first.fit(X, y)
    second.fit(X, y)
    assert_same_weights(first, second, 1e-6)
    assert first.n_iter_ == second.n_iter_


ENDS = {
    "adam": {"solver": "adam", "epsilon": TINY, "learning_rate_init": 0.01},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "momentum": 0.0},
}


@pytest.mark.parametrize("solver", ENDS)
@pytest.mark.parametrize("kind", ["multiclass", "single"])
def test_the_same_end(kind, solver):
    settings = {**ENDS[solver], "tol": 0.004, "n_iter_no_change": 2, "max_iter": 500}
    X, y, first, second = pair(kind, alpha=0.0, **settings)
    second.best_loss_, second._no_improvement_count = np.inf, 0  # theirs counts on from fit to fit
    first.fit(X, y)
    second.fit(X, y)
    assert first.n_iter_ == second.n_iter_
    assert 5 < first.n_iter_ < 500
    assert_same_weights(first, second, 1e-6)
    np.testing.assert_allclose(first.loss_curve_[1:], second.loss_curve_[1:], rtol=1e-6)
    assert first.best_loss_ == pytest.approx(second.best_loss_, rel=1e-6)


@pytest.mark.parametrize("rows", [2, 50])
def test_penalties_follow_the_size_of_batches(rows):
    """alpha is divided by the rows of a call's batches, not by those of the first call."""
    X, y = problem("single")
    settings = {"hidden_layer_sizes": (7,), "solver": "sgd", "momentum": 0.0, "shuffle": False, "random_state": 0}
    own, other = (
        kind(alpha=20.0, **settings).partial_fit(X[:rows], y[:rows]) for kind in (MLPRegressor, theirs.MLPRegressor)
    )
    for mine, given in zip([*own.coefs_, *own.intercepts_], [*other.coefs_, *other.intercepts_], strict=True):
        mine[...] = given
    for size in (60, 7):
        own, other = (made.set_params(alpha=size).partial_fit(X[:size], y[:size]) for made in (own, other))
        assert_same_weights(own, other)
