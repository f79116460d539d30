"""Optuna asks, a search trains, Optuna is told."""

import optuna
import pytest

from lamella import Halving
from lamella.tuning import Trial

from .world import rate_search


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def drive(study, batches, size, **arguments):
    """Trials in batches: each trained side by side."""
    rates = {"lr": optuna.distributions.FloatDistribution(1e-5, 1e-1, log=True)}
    for _ in range(batches):
        asked = [study.ask(rates) for _ in range(size)]
        found = rate_search([trial.params for trial in asked], **{"epochs": 4, **arguments})
        for trial, own in zip(asked, found, strict=True):
            assert isinstance(own, Trial)
            study.tell(trial, own.score)


@pytest.mark.parametrize("halving", [None, Halving()])
def test_a_study_drives_a_search(halving):
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=8))
    drive(study, 4, 8, halving=halving)
    assert len(study.trials) == 32
    assert {trial.state for trial in study.trials} == {optuna.trial.TrialState.COMPLETE}
    assert study.best_params["lr"] > 0.03


def test_a_trial_that_diverges_has_failed():
    study = optuna.create_study()
    asked = [study.ask(), study.ask()]
    with pytest.warns(UserWarning, match="1 of 2 trials diverged"):
        found = rate_search([{"lr": 1e200}, {"lr": 0.01}], epochs=4)
    with pytest.warns(UserWarning, match="nan"):
        study.tell(asked[0], found.scores[0])
    study.tell(asked[1], found.scores[1])
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE"]
