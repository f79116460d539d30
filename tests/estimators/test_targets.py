"""Labels and numbers of every kind, losses by name and as objects, and what outputs then mean."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV

from estimators.problems import FAST, assert_same_weights, classes, classifier, labels, numbers, regressor
from lamella import nn
from lamella.estimators import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

GOOD = {"max_iter": 60, "learning_rate_init": 0.02}


@pytest.mark.parametrize(
    "names", [("no", "yes"), (0, 1), (-1.0, 1.0), (False, True), (7, 3, 99), ("b", "a", "c"), (2.0, 1.0, 5.0)]
)
def test_labels_of_any_type(names):
    X, y = classes(names)
    fitted = classifier(**GOOD).fit(X, y)
    assert list(fitted.classes_) == sorted(names)
    assert fitted.predict(X).dtype == y.dtype
    assert fitted.score(X, y) > 0.8
    shares = fitted.predict_proba(X)
    assert shares.shape == (90, len(names))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(fitted.classes_[shares.argmax(axis=1)], fitted.predict(X))
    np.testing.assert_allclose(fitted.predict_log_proba(X), np.log(shares))


def test_objects_as_labels():
    X, y = classes()
    fitted = classifier(**GOOD).fit(X, y.astype(object))
    assert fitted.score(X, y.astype(object)) > 0.8


def test_a_single_class():
    X = classes()[0]
    fitted = classifier().fit(X, np.full(90, "only"))
    assert (fitted.predict(X) == "only").all()
    np.testing.assert_array_equal(fitted.predict_proba(X), np.ones((90, 1)))


def test_several_labels():
    X, y = labels()
    fitted = classifier(**GOOD).fit(X, y)
    assert (fitted.n_outputs_, fitted.out_activation_) == (3, "logistic")
    np.testing.assert_array_equal(fitted.predict(X), fitted.predict_proba(X) > 0.5)
    assert fitted.score(X, y) > 0.7  # all labels of a row
    with pytest.raises(ValueError, match="there are 3 labels"):
        fitted.partial_fit(X, y[:, :2])


OUTPUTS = {
    "binary": (("no", "yes"), "log_loss", 1, "logistic"),
    "multiclass": (("a", "b", "c"), "log_loss", 3, "softmax"),
    "binary focal": (("no", "yes"), "focal", 1, "logistic"),
    "multiclass focal": (("a", "b", "c"), "focal", 3, "softmax"),
    "binary hinge": (("no", "yes"), "hinge", 1, "identity"),
    "multiclass hinge": (("a", "b", "c"), "hinge", 3, "identity"),
    "two of many": (("no", "yes"), nn.CrossEntropyLoss(), 2, "softmax"),
    "one against the others": (("a", "b", "c"), nn.BCEWithLogitsLoss(), 3, "logistic"),
    "hinge against the others": (("a", "b", "c"), nn.HingeLoss(squared=True), 3, "identity"),
    "margin": (("a", "b", "c"), nn.MultiMarginLoss(p=2), 3, "identity"),
    "smoothed": (("a", "b", "c"), nn.CrossEntropyLoss(label_smoothing=0.1), 3, "softmax"),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_losses_of_classes(case):
    names, loss, outputs, activation = OUTPUTS[case]
    X, y = classes(names)
    fitted = classifier(loss=loss, **GOOD).fit(X, y)
    assert (fitted.n_outputs_, fitted.out_activation_) == (outputs, activation)
    assert fitted.coefs_[-1].shape == (8, outputs)
    assert fitted.score(X, y) > 0.8
    assert hasattr(fitted, "predict_proba") == hasattr(fitted, "predict_log_proba") == (activation != "identity")
    if activation != "identity":
        shares = fitted.predict_proba(X)
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        np.testing.assert_array_equal(fitted.classes_[shares.argmax(axis=1)], fitted.predict(X))


@pytest.mark.parametrize("loss", ["log_loss", "focal", "hinge", nn.BCEWithLogitsLoss(pos_weight=[1, 2, 3])])
def test_losses_of_several_labels(loss):
    X, y = labels()
    assert classifier(loss=loss, **GOOD).fit(X, y).score(X, y) > 0.6


def test_label_smoothing():
    X, y = classes()
    smoothed = classifier(label_smoothing=0.2).fit(X, y)
    assert_same_weights(smoothed, classifier(loss=nn.CrossEntropyLoss(label_smoothing=0.2)).fit(X, y))
    X, y = classes(("no", "yes"))
    sure, unsure = classifier(**GOOD).fit(X, y), classifier(label_smoothing=0.3, **GOOD).fit(X, y)
    assert unsure.predict_proba(X).max() < 0.95 < sure.predict_proba(X).max()
    with pytest.raises(ValueError, match=r"label_smoothing is 0\.1 but belongs to loss 'log_loss'"):
        classifier(label_smoothing=0.1, loss="focal").fit(X, y)


NUMBERS = {
    "squared_error": (1, None),
    "absolute_error": (1, None),
    "huber": (1, None),
    nn.MSELoss(): (1, None),
    nn.SmoothL1Loss(): (1, None),
    nn.QuantileLoss([0.1, 0.5, 0.9]): (3, 3),
    nn.GaussianNLLLoss(): (2, None),
}


@pytest.mark.parametrize("columns", [None, 2])
@pytest.mark.parametrize("loss", NUMBERS, ids=str)
def test_losses_of_numbers(loss, columns):
    outputs, predicted = NUMBERS[loss]
    X, y = numbers(outputs=columns)
    count = columns or 1
    fitted = regressor(loss=loss, **GOOD).fit(X, y)
    assert fitted.n_outputs_ == outputs * count
    want = y.shape if predicted is None else (90, predicted * count)
    found = fitted.predict(X)
    assert found.shape == want
    middle = found if predicted is None else found[:, count : 2 * count].reshape(y.shape)
    assert 1 - ((middle - y) ** 2).mean() / y.var() > 0.8


def test_counts():
    X, y = numbers()
    counts = np.random.default_rng(0).poisson(np.exp(0.5 * y))
    fitted = regressor(loss="poisson", **GOOD).fit(X, counts)
    assert (fitted.predict(X) > 0).all()
    assert fitted.out_activation_ == "exp"
    with pytest.raises(ValueError, match="must be finite and at least 0"):
        regressor(loss="poisson").fit(X, y)
    with pytest.raises(ValueError, match="standardize_target is True but counts"):
        regressor(loss="poisson", standardize_target=True).fit(X, counts)


@pytest.mark.parametrize("loss", ["squared_error", nn.QuantileLoss([0.1, 0.5, 0.9]), nn.GaussianNLLLoss()], ids=str)
def test_standardised_targets(loss):
    """Units of y make no difference."""
    X, y = numbers(outputs=2)
    units, zero = np.array([1000.0, 1e-3]), np.array([5.0, -0.07])
    first = regressor(loss=loss, standardize_target=True).fit(X, y)
    second = regressor(loss=loss, standardize_target=True).fit(X, y * units + zero)
    times = first.predict(X).shape[1] // 2
    want = first.predict(X) * np.tile(units, times) + np.tile(zero, times)
    np.testing.assert_allclose(second.predict(X) / np.tile(units, times), want / np.tile(units, times), atol=1e-6)
    same = regressor(standardize_target=True).fit(X, np.full(90, 3.0))
    np.testing.assert_allclose(same.predict(X), 3, atol=2)


def test_standardised_targets_in_partial_fit_keep_the_first_scale():
    X, y = numbers()
    fitted = regressor(standardize_target=True).partial_fit(X, 100 * y)
    for _ in range(40):
        fitted.partial_fit(X[:30], 100 * y[:30])
    assert fitted.score(X, 100 * y) > 0.8


WRONG = {
    "numbers as classes": (classifier(), numbers(), "Unknown label type"),
    "several classes a row": (classifier(), (numbers()[0], np.arange(180).reshape(90, 2) % 5), "multioutput"),
    "labels under a loss of one class": (
        classifier(loss=nn.CrossEntropyLoss()),
        labels(),
        r"\[MLPClassifier\] CrossEntropyLoss.* is of one class a row, not of several labels",
    ),
    "no loss of classes": (classifier(loss=nn.MSELoss()), classes(), r"MSELoss\(.*\) is no loss of classes"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_targets(wrong):
    estimator, (X, y), message = WRONG[wrong]
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)
    assert not hasattr(estimator, "classes_")


def test_words_are_no_numbers():
    fitted = regressor().fit(*numbers())
    before = fitted.predict(numbers()[0])
    with pytest.raises(TypeError, match="numbers are expected"):
        fitted.fit(*classes())
    np.testing.assert_array_equal(fitted.predict(numbers()[0]), before)


def test_other_targets_later():
    X, y = classes()
    fitted = MLPClassifier(**FAST).partial_fit(X, y, classes=["ape", "bee", "cat", "dog"])
    assert fitted.predict_proba(X).shape == (90, 4)
    with pytest.raises(ValueError, match="`y` has classes not in"):
        fitted.partial_fit(X, np.where(y == "ape", "eel", y))
    with pytest.raises(ValueError, match="is not the same as on last call"):
        fitted.partial_fit(X, y, classes=["ape", "bee"])
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        MLPClassifier().partial_fit(X, y)
    warm = classifier(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same classes"):
        warm.fit(X[y != "ape"], y[y != "ape"])
    fitted = regressor().partial_fit(*numbers())
    with pytest.raises(ValueError, match="y has 2 columns but had 1 before"):
        fitted.partial_fit(*numbers(outputs=2))


@pytest.mark.parametrize("loss", ["hinge", nn.MultiMarginLoss()], ids=str)
@pytest.mark.parametrize("names", [("no", "yes"), ("ape", "bee", "cat")])
def test_margins_where_there_are_no_probabilities(loss, names):
    X, y = classes(names)
    fitted = classifier(loss=loss, max_iter=30, learning_rate_init=0.02).fit(X, y)
    margins = fitted.decision_function(X)
    assert margins.shape == ((90,) if len(names) == 2 else (90, 3))
    best = (margins > 0).astype(int) if len(names) == 2 else margins.argmax(axis=1)
    np.testing.assert_array_equal(fitted.classes_[best], fitted.predict(X))
    assert CalibratedClassifierCV(fitted, cv=2).fit(X, y).score(X, y) > 0.6
    assert not hasattr(classifier(), "decision_function")
