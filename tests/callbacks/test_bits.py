"""Callbacks change no bit: a training watched step by step, or in parts, against one that nothing looks at."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.callbacks import Callback
from lamella.optim import schedule
from trainer.test_stretches import CASES, HELD_OUT, WEIGHTS, World, X, Y
from trainer.world import Identity, assert_same, everything, network

MORE = {
    "mixup": {"fit": {"mixup": 0.4}},
    "mixup, weights": {"fit": {"mixup": 0.4, "sample_weight": WEIGHTS}},
    "mixup, float32": {"model": lambda: network(3, dtype="float32"), "fit": {"mixup": 0.4}},
    "balanced": {"fit": {"sampling": "balanced", "validation_data": HELD_OUT}},
    "rows by a function": {"fit": {"sampling": lambda epoch, rng: rng.integers(0, 67, 40 + epoch)}},
    "drop_last": {"fit": {"drop_last": True}},
    "a last batch of one": {"fit": {"batch_size": 22, "validation_data": HELD_OUT}},
    "one batch": {"fit": {"batch_size": 100}},
    "accumulate, a rest": {"accumulate": 3, "fit": {"batch_size": 16}},
    "accumulate more than there are": {"accumulate": 50},
    "accumulate, by step": {"accumulate": 2, "schedule": lambda o: schedule.OneCycleLR(o, 0.1, total_steps=60)},
    "plateau": {"schedule": lambda o: schedule.ReduceLROnPlateau(o, patience=1), "fit": {"monitor": "loss"}, "lr": 0.3},
    "divergence": {"fit": {"on_divergence": lm.CutOnDivergence(growth=1.2)}, "lr": 1.0},
}
ALL = {**CASES, **MORE}


class Steps(Callback):
    def on_step_end(self, run, step, loss):
        assert np.isfinite(loss)


class Late(Callback):
    every = 5

    def on_epoch_end(self, run, epoch, record):
        pass


def result(name, **options):
    world = World(ALL[name])
    world.options.update(options)
    world.fit(12)
    return world.all()


@pytest.fixture(scope="module")
def alone():
    """What comes of each case with no callback."""
    return {name: result(name) for name in ALL}


@pytest.mark.parametrize("callback", [Steps, Late], ids=["steps", "every fifth epoch"])
@pytest.mark.parametrize("name", ALL)
def test_the_same_bits(name, callback, alone):
    assert_same(result(name, callbacks=callback()), alone[name])


def test_the_cases_are_different(alone):
    """Or the comparison above would say nothing of what each is for."""
    weights = {found["0.weight"].tobytes() for found in alone.values()}
    assert len(weights) == len(alone) - 2  # validation and averages train nothing else


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_same_bits_with_a_layer_in_python(accumulate):
    def fit(**options):
        model = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), Identity(), nn.Dropout(0.3), nn.Linear(7, 3), seed=2)
        own = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.01), accumulate=accumulate)
        own.fit(X, Y, epochs=4, batch_size=22, sample_weight=WEIGHTS, validation_data=HELD_OUT, patience=2, **options)
        return everything(own)

    expected = fit()
    assert_same(fit(callbacks=Steps()), expected)
    assert_same(fit(callbacks=Late()), expected)


def test_losses_of_steps_are_those_of_single_steps():
    losses = []

    class Note(Callback):
        def on_step_end(self, run, step, loss):
            losses.append(loss)

    def own():
        model = network(3)
        return lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))

    own().fit(X, Y, epochs=1, batch_size=16, shuffle=False, callbacks=Note())
    twin = own()
    assert losses == [twin.step(X[begin : begin + 16], Y[begin : begin + 16]) for begin in range(0, 67, 16)]


def test_settings_changed_between_steps_count():
    """As the weights do: a clamp after each step, by hand and in fit."""

    class Clamp(Callback):
        def on_step_end(self, run, step, loss):
            weight = run.model[0].weight.data
            np.clip(weight, -0.3, 0.3, out=weight)

    model, twin = (nn.Sequential(nn.Linear(5, 3), seed=1) for _ in range(2))
    own = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.5))
    own.fit(X, Y, epochs=1, batch_size=16, shuffle=False, callbacks=Clamp())
    by_hand = lm.Trainer(twin, nn.CrossEntropyLoss(), optim.SGD(twin.parameters(), lr=0.5))
    for begin in range(0, 67, 16):
        by_hand.step(X[begin : begin + 16], Y[begin : begin + 16])
        np.clip(twin[0].weight.data, -0.3, 0.3, out=twin[0].weight.data)
    assert_same(model.state_dict(), twin.state_dict())
    assert abs(model[0].weight.data).max() <= 0.3
