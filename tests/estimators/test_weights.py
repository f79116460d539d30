"""Weights of rows and of classes."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from estimators.problems import PROBLEMS, assert_same_weights, classes, classifier, numbers, regressor, weights

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"batch_norm": True}])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_unit_weights_change_no_bit(problem, settings):
    make, data = PROBLEMS[problem]
    X, y = data()
    plain = make(**settings).fit(X, y)
    assert_same_weights(plain, make(**settings).fit(X, y, sample_weight=np.ones(len(X))))
    assert plain.loss_ == make(**settings).fit(X, y, sample_weight=np.ones(len(X), np.int8)).loss_


def test_unit_weights_change_no_bit_in_partial_fit():
    X, y = classes()
    plain = classifier().partial_fit(X, y, classes=np.unique(y)).partial_fit(X, y)
    ones = classifier().partial_fit(X, y, np.ones(90), classes=np.unique(y)).partial_fit(X, y, np.ones(90))
    assert_same_weights(plain, ones)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_weight_counts_as_so_many_rows(problem):
    """All rows in one batch, in any order: the same but for rounding."""
    make, data = PROBLEMS[problem]
    X, y = data()
    counts = np.random.default_rng(0).integers(0, 4, len(X))
    settings = {"batch_size": "auto", "max_iter": 20, "alpha": 0.5, "dtype": "float64"}
    weighted = make(**settings).fit(X, y, sample_weight=counts)
    repeated = make(**settings).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts, axis=0))
    for own, other in zip(weights(weighted), weights(repeated), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-7, atol=1e-9)


def test_standardised_targets_count_weights():
    X, y = numbers()
    counts = np.random.default_rng(0).integers(0, 3, len(X))
    settings = {"batch_size": "auto", "max_iter": 20, "standardize_target": True}
    weighted = regressor(**settings).fit(X, y, sample_weight=counts)
    repeated = regressor(**settings).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("given", ["balanced", {"ape": 1.0, "bee": 5.0, "cat": 0.5}])
def test_class_weight_is_a_weight_of_rows(given):
    X, y = classes()
    y[:40] = "ape"
    by_row = compute_sample_weight(given, y)
    own = np.random.default_rng(0).uniform(0, 2, 90)
    assert_same_weights(classifier(class_weight=given).fit(X, y), classifier().fit(X, y, by_row))
    assert_same_weights(classifier(class_weight=given).fit(X, y, own), classifier().fit(X, y, by_row * own))


def test_class_weight_in_partial_fit():
    X, y = classes()
    given = {"ape": 1.0, "bee": 5.0, "cat": 0.5}
    first = classifier(class_weight=given).partial_fit(X, y, classes=np.unique(y))
    assert_same_weights(first, classifier().partial_fit(X, y, compute_sample_weight(given, y), classes=np.unique(y)))
    with pytest.raises(ValueError, match="class_weight is 'balanced' but a part of the data"):
        classifier(class_weight="balanced").partial_fit(X, y, classes=np.unique(y))


def test_scores_take_weights():
    X, y = classes()
    fitted = classifier().fit(X, y)
    right = fitted.predict(X) == y
    weight = np.random.default_rng(0).uniform(0, 2, 90)
    assert fitted.score(X, y, weight) == pytest.approx(np.average(right, weights=weight))
    held = classifier(max_iter=1).fit(X, y, validation_data=(X, y, weight))
    assert held.validation_scores_ == pytest.approx([held.score(X, y, weight)])


def test_r2_of_weighted_rows():
    X, y = numbers()
    weight = np.random.default_rng(0).uniform(0, 2, 90)
    fitted = regressor(max_iter=1).fit(X, y, validation_data=(X, y, weight))
    assert fitted.validation_scores_ == pytest.approx([fitted.score(X, y, weight)], rel=1e-9)


WRONG = {
    "negative": (-np.ones(90), "must be at least 0"),
    "zero": (np.zeros(90), "must be at least 0 and not 0 everywhere|zero"),
    "short": (np.ones(89), "inconsistent numbers of samples|sample_weight.shape"),
    "nan": (np.full(90, np.nan), "NaN"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_weights(wrong):
    X, y = classes()
    given, message = WRONG[wrong]
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, y, sample_weight=given)
