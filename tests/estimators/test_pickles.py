"""Pickles, joblib dumps, copies and clones: without data, no larger after more training, and learning on as before."""

import copy
import functools
import io
import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from estimators.problems import PROBLEMS, assert_same_weights, classes, classifier, numbers, regressor
from lamella import nn, optim
from lamella.callbacks import EarlyStopping

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def through_pickle(estimator):
    return pickle.loads(pickle.dumps(estimator))


def through_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


WAYS = {"pickle": through_pickle, "joblib": through_joblib, "deepcopy": copy.deepcopy}

SETTINGS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "dropout": {"dropout": 0.3, "batch_norm": True},
    "schedule": {"solver": "adamw", "learning_rate": functools.partial(optim.ExponentialLR, gamma=0.5)},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_predictions_are_the_same(problem, way):
    make, data = PROBLEMS[problem]
    X, y = data()
    fitted = make().fit(X, y)
    np.testing.assert_array_equal(WAYS[way](fitted).predict(X), fitted.predict(X))


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("problem", ["multiclass", "single"])
def test_learning_goes_on_with_the_same_bits(problem, settings):
    make, data = PROBLEMS[problem]
    X, y = data()
    straight = make(**SETTINGS[settings])
    classes_of = {"classes": np.unique(y)} if problem == "multiclass" else {}
    for _ in range(3):
        straight.partial_fit(X, y, **classes_of)
    stopped = through_pickle(straight)
    twice = through_pickle(stopped)  # not used in between
    for _ in range(3):
        for each in (straight, stopped, twice):
            each.partial_fit(X, y)
    assert_same_weights(straight, stopped)
    assert_same_weights(straight, twice)
    assert straight.loss_curve_ == stopped.loss_curve_ == twice.loss_curve_
    assert (straight.t_, straight.n_iter_) == (stopped.t_, stopped.n_iter_)
    assert straight.loss_curve_[0] != straight.loss_curve_[-1]


def test_an_unpickled_model_goes_on_learning():
    X, y = classes()
    fitted = through_pickle(classifier(warm_start=True).fit(X, y))
    before = fitted.loss_
    fitted.fit(X, y)
    assert fitted.loss_ < before
    assert len(fitted.loss_curve_) == 10


def test_copies_are_independent():
    X, y = numbers()
    first = regressor().fit(X, y)
    kept = [w.copy() for w in first.coefs_]
    copy.deepcopy(first).partial_fit(X, y)
    for before, now in zip(kept, first.coefs_, strict=True):
        np.testing.assert_array_equal(before, now)


def test_pickles_hold_no_data():
    sizes = []
    for n in (100, 10_000):
        X, y = numbers(n=n)
        fitted = regressor(early_stopping=True).fit(X, y)
        fitted.predict(X)
        sizes.append(len(pickle.dumps(fitted)))
    assert abs(sizes[1] - sizes[0]) < 100


def test_pickles_grow_by_the_loss_curve_alone():
    X, y = numbers()
    fitted = regressor().partial_fit(X, y)
    first = len(pickle.dumps(fitted))
    for _ in range(100):
        fitted.partial_fit(X, y)
    assert len(pickle.dumps(fitted)) - first < 100 * 10
    fitted.fit(X, y)
    again = len(pickle.dumps(fitted))
    for _ in range(3):
        fitted.fit(X, y)
    assert abs(len(pickle.dumps(fitted)) - again) < 50


def test_clones_are_unfitted_and_alike():
    own = classifier(
        activation=["gelu", "tanh"],
        hidden_layer_sizes=(4, 4),
        loss=nn.CrossEntropyLoss(label_smoothing=0.1),
        solver=optim.AdamW,
        solver_params={"weight_decay": 0.1},
        callbacks=[EarlyStopping("loss")],
        init=nn.init.Normal(std=0.1),
    )
    X, y = classes()
    twin = clone(own.fit(X, y))
    assert not hasattr(twin, "coefs_")
    assert_same_weights(own, twin.fit(X, y))


def test_a_users_loss_stays_as_it_is():
    loss = nn.HuberLoss()
    own = regressor(loss=loss).fit(*numbers())
    assert own.loss is loss
    assert own.network_ is not None
    assert not loss._blocks
