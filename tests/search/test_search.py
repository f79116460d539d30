"""Searches: what they train, and that they find what there is to be found."""

import numpy as np
import pytest

import lamella as lm
from lamella import Halving, nn, optim, space
from lamella.tuning.halving import cost, rungs

from .world import SPACE, assert_same_trials, data, line, linear, network, rate_search, rates, search


def test_finds_what_the_problem_needs():
    """XOR: no linear model solves it, and none that hardly learns."""

    def xor(hidden):
        layers = [nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 2)] if hidden else [nn.Linear(4, 2)]
        return nn.Sequential(*layers)

    x, y = data(300)
    settings = {"hidden": [True, False], "lr": space.LogUniform(1e-5, 0.1)}
    found = search(settings, x, y, n=12, factory=xor, epochs=15, cv=3, monitor="val_accuracy", refit=True)
    assert found.best_settings["hidden"] is True
    assert found.best_settings["lr"] > 1e-3
    assert found.best_score > 0.8 > 0.65 > max(t.score for t in found if not t.settings["hidden"])
    new_x, new_y = data(300, seed=1)
    assert np.mean(found.model.predict(new_x).argmax(axis=1) == new_y) > 0.8


def alone(trial, x, y, epochs=3, **arguments):
    """The model of a trial's settings, and a trainer."""
    own = dict(trial.settings)
    batch_size, dropout = own.pop("batch_size"), own.pop("dropout")
    model = network(own.pop("width"), own.pop("activation"), p=dropout)
    model.seed = trial.seed
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), **own))
    history = trainer.fit(x, y, epochs, batch_size, **arguments)
    return model, history


def same_history(first, second):
    assert {k: v for k, v in first.items() if k != "seconds"} == {k: v for k, v in second.items() if k != "seconds"}


def test_each_fold_is_as_trained_alone():
    x, y = data()
    order = np.random.default_rng(0).permutation(len(x))
    folds = [(order[20:], order[:20]), (order[:40], order[40:])]
    found = search(cv=folds, keep=8)
    for trial in found:
        for (train, test), history, model in zip(folds, trial.histories, trial.models, strict=True):
            own, own_history = alone(trial, x[train], y[train], validation_data=(x[test], y[test]))
            same_history(own_history, history)
            np.testing.assert_array_equal(own.predict(x), model.predict(x))
        assert trial.scores == [history["val_loss"][-1] for history in trial.histories]
        assert trial.score == np.mean(trial.scores)
        assert trial.score_std == np.std(trial.scores)


@pytest.mark.parametrize("halving", [Halving(), Halving(synchronous=True)])
def test_a_trial_that_paused_is_as_trained_without_a_pause(halving):
    x, y = data()
    found = search(halving=halving, epochs=9, n=9, cv=None, validation_data=(x[:20], y[:20]))
    assert rungs(9, 9, halving) == [1, 3, 9]
    model, history = alone(found.best_trial, x, y, 9, validation_data=(x[:20], y[:20]))
    assert found.best_trial.state == "finished"
    same_history(history, found.best_trial.histories[0])
    np.testing.assert_array_equal(model.predict(x), found.model.predict(x))


@pytest.mark.parametrize("validated", [False, True])
def test_refit_is_training_alone_on_all_rows(validated):
    x, y = data()
    rows = {"validation_data": (x[40:], y[40:])} if validated else {"cv": 3}
    found = search(x=x[:40] if validated else x, y=y[:40] if validated else y, refit=True, **rows)
    model, history = alone(found.best_trial, x, y)
    same_history(history, found.refit_history)
    np.testing.assert_array_equal(model.predict(x), found.model.predict(x))
    assert found.model is found.refitted


def test_refit_after_patience_takes_the_mean_of_the_best_epochs():
    found = search({"lr": [0.05], "width": [20]}, n=1, cv=3, epochs=40, patience=3, refit=True)
    trial = found.best_trial
    best = [history.best_epoch for history in trial.histories]
    assert any(history.stopped == "patience" for history in trial.histories)
    assert found.refit_history.epochs == round(np.mean(best) + 1)
    assert trial.scores == [min(history["val_loss"]) for history in trial.histories]


def test_sample_weights_count():
    x, y = data()
    weight = np.random.default_rng(0).random(len(x))
    folds = [(np.arange(40), np.arange(40, 60))]
    plain, weighted = search(cv=folds), search(cv=folds, sample_weight=weight)
    assert not np.array_equal(plain.scores, weighted.scores)
    _, history = alone(
        weighted[0], x[:40], y[:40], sample_weight=weight[:40], validation_data=(x[40:], y[40:], weight[40:])
    )
    same_history(history, weighted[0].histories[0])


@pytest.mark.parametrize("arguments", [{}, {"halving": Halving(synchronous=True)}, {"rounds": 3, "patience": 2}])
def test_the_same_bits_for_any_number_of_threads(arguments, threads, restore_threads):
    lm.set_num_threads(1)
    first = search(n=9, epochs=9, cv=2, refit=True, **arguments)
    lm.set_num_threads(threads)
    second = search(n=9, epochs=9, cv=2, refit=True, **arguments)
    assert_same_trials(first, second)
    assert first.best_trial.number == second.best_trial.number
    for name, value in first.model.state_dict().items():
        np.testing.assert_array_equal(value, second.model.state_dict()[name])


def test_models_that_all_threads_work_on_together(share_all_work, restore_threads):
    settings = [{"width": 300}, {"width": 4}, {"width": 301}]
    found = []
    for count in (1, 7):
        lm.set_num_threads(count)
        halving = Halving(factor=2, synchronous=True)
        found.append(search(settings, epochs=4, validation_data=data(seed=1), halving=halving, batch_size=60))
    assert_same_trials(*found)
    assert sorted(trial.epochs for trial in found[0]) == [2, 2, 4]


@pytest.mark.parametrize("synchronous", [False, True])
def test_halving_never_loses_the_best_and_keeps_the_budget(synchronous, threads, restore_threads):
    lm.set_num_threads(threads)
    settings, halving = rates(27), Halving(synchronous=synchronous)
    found = rate_search(settings, epochs=9, halving=halving)
    assert found.best_settings == {"lr": pytest.approx(0.03)}
    assert found.epochs < 27 * 9 * 2 / 2
    assert {trial.state for trial in found} == {"finished", "dropped"}
    for trial in found:
        assert trial.epochs == rungs(9, 27, halving)[trial.rung]
    if synchronous:
        assert found.epochs == 2 * cost(9, [27], halving)
        assert sorted(t.settings["lr"] for t in found if t.rung > 0) == sorted(own["lr"] for own in settings)[-9:]


@pytest.mark.parametrize("halving", [None, Halving(), Halving(synchronous=True)])
def test_a_budget_decides_the_epochs(halving):
    found = rate_search(rates(12), budget=300, halving=halving)
    assert found.epochs <= 300
    assert found.epochs > (150 if halving is not None and not halving.synchronous else 250)
    assert found.best_trial.state == "finished"


def test_early_stopping_and_halving():
    found = rate_search(rates(9), epochs=27, halving=Halving(synchronous=True), patience=1, min_delta=0.5)
    assert found.best_trial.epochs < 27
    assert found.best_trial.state == "finished"
    assert found.best_trial.scores == [h[found.monitor][h.best_epoch] for h in found.best_trial.histories]


def test_later_rounds_draw_near_the_best():
    x, y = line()
    settings = {"lr": space.LogUniform(1e-6, 0.03)}
    arguments = {"epochs": 5, "loss": nn.MSELoss(), "optimizer": optim.SGD, "factory": linear, "cv": 2}
    found = search(settings, x, y, n=40, rounds=2, **arguments)
    once = search(settings, x, y, n=20, **arguments)
    assert [t.settings for t in found][:20] == [t.settings for t in once]
    first, second = (np.array([t.settings["lr"] for t in found])[part] for part in (slice(20), slice(20, 40)))
    assert second.min() > np.sort(first)[-7]
    assert found.best_score <= once.best_score
    assert [trial.number for trial in found] == list(range(40))


def test_schedules_take_settings_of_their_own():
    x, y = line()
    found = search(
        {"gamma": [0.1, 1.0], "lr": 0.01, "step_size": 1},
        x,
        y,
        n=6,
        epochs=3,
        factory=linear,
        loss=nn.MSELoss(),
        optimizer=optim.SGD,
        schedule=optim.StepLR,
        cv=2,
    )
    for trial in found:
        gamma = trial.settings["gamma"]
        np.testing.assert_allclose(trial.histories[0]["lr"], 0.01 * gamma ** np.arange(3))


def test_layers_in_python_and_many_trials():
    class Identity:
        def forward(self, x):
            return x

        def backward(self, dy):
            return dy

    def by_hand():
        return nn.Sequential(nn.Linear(4, 1), Identity(), dtype="float64", seed=0)

    x, y = line(10)
    arguments = {"epochs": 1, "loss": nn.MSELoss(), "optimizer": optim.SGD, "validation_data": (x, y)}
    settings = {"lr": space.LogUniform(0.001, 0.01)}
    found = search(settings, x, y, n=250, factory=by_hand, **arguments)
    native = search(settings, x, y, n=5, factory=linear, **arguments)
    np.testing.assert_allclose(found.scores[:5], native.scores, rtol=1e-12)


def test_batch_norm_and_float32_models():
    def made(width, dtype):
        return nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 2), dtype=dtype)

    found = search({"width": [5, 9], "dtype": ["float32", "float64"], "lr": 0.01}, n=8, factory=made, cv=3)
    assert {trial.settings["dtype"] for trial in found} == {"float32", "float64"}
    assert np.isfinite(found.scores).all()


def test_the_seed_decides_all():
    assert_same_trials(search(seed=5), search(seed=5))
    first, second = search(seed=5), search(seed=6)
    assert [t.settings for t in first] != [t.settings for t in second]


def test_a_factory_may_give_seeds():
    def seeded(width):
        return nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 2), seed=11)

    found = search([{"width": 5}, {"width": 5}], factory=seeded, cv=2)
    assert found[0].scores == found[1].scores


def test_space_of_everything_is_as_wide_as_it_says():
    found = search(n=30, epochs=1, cv=2)
    assert {t.settings["batch_size"] for t in found} == {8, 16}
    assert {type(t.settings["width"]) for t in found} == {int}
    assert set(found.best_settings) == set(SPACE)
