"""n_jobs: how many threads an estimator may use, with the same bits for any number."""

import threading

import numpy as np
import pytest

import lamella as lm
from estimators.problems import assert_same_weights, classes, classifier
from lamella import _core
from lamella.callbacks import Callback
from lamella.estimators.threads import at_most, check_jobs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Threads(Callback):
    """Notes how many there may be."""

    def __init__(self):
        self.seen = set()

    def on_epoch_end(self, run, epoch, record):
        self.seen.add(lm.get_num_threads())

    def __deepcopy__(self, memo):
        return self


@pytest.fixture
def three_threads():
    before = lm.get_num_threads()
    lm.set_num_threads(3)
    yield
    lm.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_limits():
    wanted = {None: None, 1: 1, 2: 2, 8: 8, -1: 3, -2: 2, -9: 1}
    assert {jobs: check_jobs("X", jobs) for jobs in wanted} == wanted
    for given, error in ((0, ValueError), (1.5, TypeError), ("all", TypeError), (True, TypeError)):
        with pytest.raises(error, match="n_jobs"):
            check_jobs("X", given)


@pytest.mark.usefixtures("three_threads")
def test_a_fit_keeps_to_them():
    X, y = classes()
    fits = []
    for jobs, want in ((None, 3), (1, 1), (2, 2), (-1, 3)):
        note = Threads()
        fits.append(classifier(n_jobs=jobs, callbacks=note, hidden_layer_sizes=(64,)).fit(X, y))
        assert note.seen == {want}
        assert lm.get_num_threads() == 3
    for other in fits[1:]:
        assert_same_weights(fits[0], other)
        np.testing.assert_array_equal(fits[0].predict_proba(X), other.predict_proba(X))


@pytest.mark.usefixtures("three_threads")
def test_a_limit_is_this_threads_own_and_ends_with_errors():
    seen = []
    with at_most(1):
        other = threading.Thread(target=lambda: seen.append(lm.get_num_threads()))
        other.start()
        other.join()
        with at_most(2):
            assert lm.get_num_threads() == 2
        assert lm.get_num_threads() == 1
    assert seen == [3]
    with pytest.raises(ZeroDivisionError), at_most(1):
        raise ZeroDivisionError
    assert lm.get_num_threads() == 3
    assert _core.limit_threads(_core.limit_threads(5)) == 5
