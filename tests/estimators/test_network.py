"""Networks and solvers by arguments: what scikit-learn's have, and what they do not."""

import functools

import numpy as np
import pytest

from estimators.problems import assert_same_weights, classes, classifier, numbers, regressor, weights
from lamella import nn, optim
from lamella.estimators.network import ACTIVATIONS
from lamella.estimators.solver import SOLVERS
from lamella.trainer.training import Training

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def layers(**settings):
    X, y = classes()
    return classifier(**settings).fit(X, y).network_.layers


def kinds(**settings):
    return [type(layer).__name__ for layer in layers(**settings)]


def test_layers():
    assert kinds() == ["Linear", "ReLU", "Linear"]
    assert kinds(hidden_layer_sizes=()) == ["Linear"]
    assert kinds(hidden_layer_sizes=7) == ["Linear", "ReLU", "Linear"]
    assert kinds(hidden_layer_sizes=[7, 5], activation="logistic") == [
        "Linear",
        "Sigmoid",
        "Linear",
        "Sigmoid",
        "Linear",
    ]
    assert kinds(batch_norm=True, dropout=0.5) == ["Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear"]
    several = kinds(hidden_layer_sizes=(7, 5), activation=("gelu", "tanh"), dropout=[0.0, 0.3])
    assert several == ["Linear", "GELU", "Linear", "Tanh", "Dropout", "Linear"]
    assert layers(hidden_layer_sizes=(7, 5), dropout=(0.0, 0.3))[4].p == 0.3


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_trains(name):
    X, y = classes()
    fitted = classifier(activation=name, max_iter=20).fit(X, y)
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]


def test_activations_as_classes_and_functions():
    assert kinds(activation=nn.SiLU)[1] == "SiLU"
    assert layers(activation=functools.partial(nn.LeakyReLU, 0.3))[1].negative_slope == 0.3
    assert kinds(activation="leaky_relu")[1] == kinds(activation="LeakyReLU")[1] == "LeakyReLU"


@pytest.mark.parametrize("name", SOLVERS)
def test_every_optimizer_trains(name):
    X, y = classes()
    for given in (name, SOLVERS[name]):
        fitted = classifier(solver=given, max_iter=30, l1=1e-3, max_norm=3.0).fit(X, y)
        assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
        lengths = np.concatenate([np.linalg.norm(w, axis=0) for w in fitted.coefs_])
        assert lengths.max() <= 3 + 1e-6
        assert fitted.score(X, y) == (fitted.predict(X) == y).mean()


def test_solvers_with_settings_of_their_own():
    X, y = classes()
    direct = classifier(solver=lambda parameters: optim.AdamW(parameters, lr=0.02, weight_decay=0.3)).fit(X, y)
    settings = {"learning_rate_init": 0.02, "solver_params": {"weight_decay": 0.3}}
    assert_same_weights(direct, classifier(solver="adamw", **settings).fit(X, y))
    assert_same_weights(direct, classifier(solver=optim.AdamW, **settings).fit(X, y))
    clipped = classifier(solver_params={"clip_norm": 0.01}).fit(X, y)
    assert clipped._learner.trainer.optimizer.clip_norm == 0.01


def test_alpha_is_a_penalty_only_where_it_is_one():
    X, y = classes()
    for solver, decays in (("adam", True), ("sgd", True), ("rmsprop", True), ("adamw", False), ("lion", False)):
        weak, strong = (classifier(solver=solver, alpha=alpha).fit(X, y) for alpha in (0.0, 100.0))
        assert (weights(weak)[0] != weights(strong)[0]).any() == decays


def test_l1_makes_weights_small():
    X, y = classes()
    plain, sparse = (classifier(l1=l1, max_iter=200).fit(X, y) for l1 in (0.0, 10.0))
    assert np.abs(sparse.coefs_[0]).sum() < 0.5 * np.abs(plain.coefs_[0]).sum()


SCHEDULES = {
    "step": functools.partial(optim.StepLR, step_size=2, gamma=0.5),
    "cosine": lambda optimizer: optim.CosineAnnealingLR(optimizer, 5),
    "one cycle": lambda optimizer: optim.OneCycleLR(optimizer, 0.1, total_steps=5 * 6),
    "plateau": lambda optimizer: optim.ReduceLROnPlateau(optimizer, patience=0, threshold=0.9),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    X, y = classes()
    fitted = classifier(learning_rate=SCHEDULES[name]).fit(X, y)
    assert len(set(fitted.history_["lr"])) > 1
    assert_same_weights(fitted, classifier(learning_rate=SCHEDULES[name], warm_start=True).fit(X, y))


def test_a_schedule_goes_on_over_calls_of_partial_fit():
    X, y = numbers()
    whole = regressor(learning_rate=SCHEDULES["step"]).fit(X, y)
    parts = regressor(learning_rate=SCHEDULES["step"])
    rates = [parts.partial_fit(X, y).history_["lr"][0] for _ in range(5)]
    assert rates == whole.history_["lr"]
    assert_same_weights(whole, parts)


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.4}, {"batch_norm": True}, {"solver": "sgd"}], ids=str)
def test_epochs_one_by_one_are_a_fit(settings):
    X, y = classes()
    whole = classifier(**settings).fit(X, y)
    parts = classifier(**settings)
    for _ in range(5):
        parts.partial_fit(X, y, classes=np.unique(y))
    assert_same_weights(whole, parts)
    assert parts.loss_curve_ == whole.loss_curve_
    assert (parts.t_, parts.n_iter_) == (whole.t_, 1)


def test_initialisations():
    given = layers(init=nn.init.Constant(0.25), max_iter=1, learning_rate_init=1e-12)
    np.testing.assert_allclose(given[0].weight.data, 0.25, rtol=1e-6)
    np.testing.assert_allclose(given[0].bias.data, 0, atol=1e-6)
    X, y = numbers(features=200)
    fitted = regressor(hidden_layer_sizes=(300,), max_iter=1, learning_rate_init=1e-12).fit(X, y)
    bound = np.sqrt(6 / 500)
    for values in (fitted.coefs_[0], fitted.intercepts_[0]):  # scikit-learn's: uniform, biases too
        assert 0.9 * bound < np.abs(values).max() <= bound + 1e-9
    selu = layers(activation="selu", max_iter=1, learning_rate_init=1e-12)[0].weight.data
    assert np.abs(selu).max() <= np.sqrt(3 / 4) + 1e-9


def test_random_states():
    X, y = classes()
    assert_same_weights(classifier(random_state=3).fit(X, y), classifier(random_state=3).fit(X, y))
    state = np.random.RandomState(3)
    assert_same_weights(classifier(random_state=3).fit(X, y), classifier(random_state=state).fit(X, y))
    first, second = (classifier(random_state=state).fit(X, y) for _ in range(2))
    assert (first.coefs_[0] != second.coefs_[0]).any()
    third, fourth = (classifier(random_state=None).fit(X, y) for _ in range(2))
    assert (third.coefs_[0] != fourth.coefs_[0]).any()


def test_without_shuffling_rows_come_as_they_lie():
    X, y = classes()
    turned = X[::-1].copy(), y[::-1].copy()
    first = classifier(shuffle=False).fit(X, y)
    second = classifier(shuffle=False).fit(*turned)
    assert (first.coefs_[0] != second.coefs_[0]).any()
    settings = {"shuffle": False, "batch_size": 90, "max_iter": 3}
    np.testing.assert_allclose(
        classifier(**settings).fit(X, y).coefs_[0], classifier(**settings).fit(*turned).coefs_[0], rtol=1e-9
    )


def test_warm_start_goes_on_from_the_weights():
    X, y = classes()
    fitted = classifier(warm_start=True, max_iter=3).fit(X, y)
    before = fitted.loss_curve_
    fitted.fit(X, y)
    assert fitted.loss_curve_[:3] == before
    assert fitted.loss_curve_[3] < before[0]
    assert (len(fitted.loss_curve_), fitted.n_iter_, fitted.t_) == (6, 3, 6 * 90)
    cold = classifier(max_iter=3).fit(X, y)
    first = weights(cold)[0].copy()
    np.testing.assert_array_equal(weights(cold.fit(X, y))[0], first)


def test_lbfgs_with_batch_norm_ends_with_true_statistics():
    X, y = numbers()
    fitted = regressor(solver="lbfgs", batch_norm=True, max_iter=30).fit(X, y)
    assert fitted.score(X, y) > 0.9
    inputs = X @ fitted.coefs_[0] + fitted.intercepts_[0]
    np.testing.assert_allclose(fitted.network_.layers[1].running_mean.data, inputs.mean(axis=0), atol=1e-9)
    assert len(fitted.loss_curve_) == fitted.n_iter_
    assert not hasattr(fitted, "partial_fit")


def test_a_batch_larger_than_the_data():
    X, y = classes()
    with pytest.warns(UserWarning, match=r"batch_size is 100 but there are 90 rows"):
        large = classifier(batch_size=100).fit(X, y)
    assert_same_weights(large, classifier(batch_size=90).fit(X, y))
    assert_same_weights(large, classifier(batch_size="auto").fit(X, y))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"early_stopping": True},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"dropout": 0.2, "batch_norm": True},
    ],
    ids=str,
)
def test_a_whole_fit_is_one_native_call(settings, monkeypatch):
    calls = []
    run = Training.run_stretch
    monkeypatch.setattr(Training, "run_stretch", lambda self, stretch: (calls.append(1), run(self, stretch)))
    X, y = classes()
    assert classifier(max_iter=40, tol=0.0, **settings).fit(X, y).n_iter_ > 10
    assert len(calls) == 1
