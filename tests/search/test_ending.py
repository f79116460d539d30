"""What ends a search, or a trial of it, and what stays."""

import gc
import os
import signal
import weakref

import numpy as np
import pytest

import lamella as lm
from lamella import Halving, nn, optim

from .world import line, linear, network, rate_search, rates, search


class Counted:
    """A factory that knows how many of its models are alive."""

    def __init__(self, make):
        self.models, self._make = weakref.WeakSet(), make

    def __call__(self, width=5):
        model = self._make() if self._make is linear else self._make(width)
        self.models.add(model)
        return model

    def alive(self):
        gc.collect()
        return len(self.models)


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_models_are_freed_but_for_the_best(keep, restore_threads):
    lm.set_num_threads(2)
    factory, most = Counted(network), []
    found = search(
        {"width": [5, 7], "lr": [0.01, 0.1]},
        factory=factory,
        n=12,
        cv=2,
        keep=keep,
        on_trial=lambda trial: most.append(factory.alive()),
    )
    assert max(most) <= 2 * keep + 2 * 2 + 2  # kept, of the trials at work, and of the one that is over
    assert factory.alive() == 2 * keep
    kept = [trial.number for trial in found if trial.models]
    assert kept == sorted(trial.number for trial in found.ranking[:keep])


@pytest.mark.parametrize("synchronous", [False, True])
def test_dropped_models_are_freed_during_the_search(synchronous, restore_threads):
    lm.set_num_threads(1)
    factory, alive = Counted(linear), []

    def watch(trial):
        alive.append((trial.state, factory.alive()))

    halving = Halving(synchronous=synchronous)
    found = rate_search(rates(12), epochs=9, halving=halving, factory=factory, on_trial=watch)
    assert [state for state, _ in alive].count("dropped") >= 12 - 4
    assert len(alive) == 12
    if not synchronous:  # most of the worst are known to be so before all have come
        assert max(count for _, count in alive) < 2 * 12
    assert factory.alive() == 2 == len(found.best_trial.models)


def test_trials_that_diverge_are_ranked_last_and_reported():
    settings = [{"lr": 0.05}, {"lr": 1e200}, {"lr": 0.01}]
    with pytest.warns(UserWarning, match=r"\[search\] 1 of 3 trials diverged or failed .* \{'lr': 1e\+200\} diverged"):
        found = rate_search(settings, epochs=4)
    assert [trial.number for trial in found.ranking] == [0, 2, 1]
    assert found[1].state == "diverged"
    assert "the loss became" in found[1].reason
    assert np.isnan(found.scores[1])
    assert found.best_settings == {"lr": 0.05}


@pytest.mark.parametrize("halving", [Halving(), Halving(synchronous=True)])
def test_halving_with_trials_that_diverge(halving):
    settings = [{"lr": 1e200}] * 5 + rates(4)
    with pytest.warns(UserWarning, match="5 of 9 trials diverged"):
        found = rate_search(settings, epochs=9, halving=halving)
    assert found.best_settings == {"lr": pytest.approx(0.03)}
    assert found.best_trial.state == "finished"


def test_error_where_all_diverge():
    with pytest.raises(lm.DivergenceError, match=r"\[search\] all 2 trials diverged or failed; trial 0 with {'lr': 1e"):
        rate_search([{"lr": 1e200}, {"lr": 1e201}], epochs=4)


def test_settings_that_do_not_go_together_fail_alone():
    def picky(width, depth):
        if width + depth == 9:
            raise RuntimeError("nine is too many")
        return linear()

    x, y = line()
    space = {"width": [1, 2, 3, 4, 5, 6, 7, 8], "depth": [1, 2, 3, 4, 5, 6, 7, 8], "lr": 0.01}  # probed: both the same
    with pytest.warns(UserWarning, match="failed: RuntimeError: nine is too many"):
        found = search(space, x, y, n=30, factory=picky, loss=nn.MSELoss(), optimizer=optim.SGD, cv=2, epochs=1)
    failed = [trial for trial in found if trial.state == "failed"]
    assert failed
    assert failed == [t for t in found if t.settings["width"] + t.settings["depth"] == 9]
    assert {t.number for t in found.ranking[-len(failed) :]} == {t.number for t in failed}


def test_a_callback_ends_the_search():
    seen = []

    def enough(trial):
        seen.append(trial.number)
        return len(seen) == 3

    found = search(n=20, cv=2, on_trial=enough, rounds=2)
    states = [trial.state for trial in found]
    assert len(found) == 20
    assert 3 <= states.count("finished") <= 3 + lm.get_num_threads()
    assert states.count("waiting") >= 10
    assert found.best_trial.state == "finished"


def test_no_time_is_left():
    found = search(n=20, cv=2, seconds=1e-9)
    assert {trial.state for trial in found} == {"waiting"}
    with pytest.raises(ValueError, match=r"\[SearchResult\] no trial has a score"):
        found.best_trial  # noqa: B018


@pytest.mark.parametrize("halving", [None, Halving()])
def test_ctrl_c_leaves_what_was_found(halving):
    def interrupt(trial):
        if trial.number == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=r"interrupted after \d+ of 40 trials") as caught:
        search(n=40, cv=2, epochs=300 if halving is None else 243, on_trial=interrupt, halving=halving)
    found = caught.value.found
    states = [trial.state for trial in found]
    assert not {"running", "paused"} & set(states)
    assert "stopped" in states
    assert "waiting" in states or halving is not None
    assert found.best_trial.score == min(score for score in found.scores if np.isfinite(score)) or halving is not None


def test_an_error_of_the_callback_is_raised():
    def broken(trial):
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        search(on_trial=broken)
