"""Rows of folds."""

import numpy as np
import pytest
from sklearn.model_selection import KFold, StratifiedShuffleSplit

from lamella.population.folds import fold_rows, given_folds


def rows_of(cv, n, targets, seed, where):
    return fold_rows(given_folds(cv, n, targets, where), n, targets, seed, where)


def parts(folds, n, targets):
    """Checked: each row is tested once, and trained on otherwise."""
    for train, test in folds:
        assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(n))
    assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(n))
    return [targets[test] for _, test in folds]


@pytest.mark.parametrize("n", [7, 10, 33])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_numbers_deal_all_rows(n, count):
    values = np.random.default_rng(0).standard_normal((n, 2))
    tested = parts(rows_of(count, n, values, 0, "search"), n, values)
    sizes = [len(own) for own in tested]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("kind", ["labels", "yes or no", "signs"])
def test_classes_are_stratified(kind):
    rng = np.random.default_rng(1)
    labels = (rng.random(101) < 0.17).astype(np.int32) + (kind == "labels") * (rng.random(101) < 0.1)
    targets = {"labels": labels, "yes or no": labels[:, None] * 1.0, "signs": labels[:, None] * 2.0 - 1}[kind]
    tested = parts(rows_of(5, 101, targets, 0, "search"), 101, targets)
    for label in np.unique(targets):
        counts = [int((own == label).sum()) for own in tested]
        assert max(counts) - min(counts) <= 1
    sizes = [len(own) for own in tested]
    assert max(sizes) - min(sizes) <= 1


def test_rows_are_dealt_by_the_seed():
    def dealt(seed):
        return [test.tolist() for _, test in rows_of(3, 30, np.zeros(30, np.int32), seed, "search")]

    assert dealt(1) == dealt(1) != dealt(2)
    assert dealt(1) != [list(range(first, 30, 3)) for first in range(3)]


def test_splitters_and_lists():
    labels = np.arange(20, dtype=np.int32) % 2
    for splitter in (KFold(4), StratifiedShuffleSplit(3, test_size=6, random_state=0)):
        expected = list(splitter.split(np.zeros((20, 1)), labels))
        for given in (splitter, expected):
            found = rows_of(given, 20, labels, 0, "search")
            for (train, test), (own_train, own_test) in zip(expected, found, strict=True):
                np.testing.assert_array_equal(train, own_train)
                np.testing.assert_array_equal(test, own_test)
    masks = [(labels == 0, labels == 1)]
    np.testing.assert_array_equal(rows_of(masks, 20, labels, 0, "search")[0][1], np.arange(1, 20, 2))


@pytest.mark.parametrize(
    ("folds", "error", "message"),
    [
        (1, ValueError, r"\[search\] cv is 1 but must be at least 2"),
        (0, ValueError, r"cv is 0 but must be at least 2"),
        (21, ValueError, r"cv is 21 but there are 20 rows"),
        (2.5, TypeError, r"cv is 2.5 but must be an integer"),
        ("5", TypeError, r"cv is '5' but must be an integer"),
        ({}, TypeError, r"cv is {} but must be an integer"),
        ([], ValueError, r"cv is an empty list"),
        ([[0]], TypeError, r"cv\[0\] is \[0\] but must be \(train rows, test rows\)"),
        ([([0, 1], [2]), ([0], [])], (ValueError, TypeError), r"cv\[1\] test rows"),
        ([([0, 20], [2])], ValueError, r"cv\[0\] train rows reaches from 0 to 20 but must be in \[0, 20\)"),
        ([([0, 1], [2, 1])], ValueError, r"cv\[0\] has row 1 both to train and to test on"),
    ],
)
def test_bad_folds(folds, error, message):
    with pytest.raises(error, match=message):
        rows_of(folds, 20, np.zeros(20), 0, "search")
