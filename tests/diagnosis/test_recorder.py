"""The Recorder: what it keeps, that it changes nothing, and that its memory is bounded."""

import numpy as np
import pytest

import lamella as lm
from diagnosis.world import classes, network, trainer
from lamella import nn, optim
from lamella.callbacks import Callback
from lamella.diagnosis import Recorder, inspect
from module.structures import OUTPUTS, batch, model
from optimizers.every import NAMES, make
from trainer.world import Identity, assert_same, everything


def fitted(callbacks=None, epochs=4, **options):
    world = trainer(**options)
    world.fit(*classes(), epochs=epochs, callbacks=callbacks)
    return world


def test_a_record_before_and_one_after_each_epoch():
    recorder = Recorder()
    world = fitted(recorder, epochs=3)
    assert [record.epoch for record in recorder.records] == [-1, 0, 1, 2]
    assert recorder.last is recorder.records[-1]
    x, y = classes()
    rows = np.unique(np.linspace(0, len(x) - 1, 256).astype(int))
    now = inspect(world.model, x[rows], y[rows], world.loss)
    for name, layer in recorder.last.layers.items():
        assert layer.mean == now.layers[name].mean
        assert layer.gradient_rms == now.layers[name].gradient_rms
        np.testing.assert_array_equal(layer.gradients.counts, now.layers[name].gradients.counts)
    assert all(each.update_ratio > 0 for each in recorder.last.parameters.values())
    assert recorder.last.rates == (1e-3,)
    assert recorder.records[0].parameters["0.bias"].update_ratio is None  # it is 0
    assert repr(recorder) == "Recorder(4 records, every 1 epochs)"


def test_update_ratios_are_those_of_a_batch():
    """Of as many rows as a step has: the noise of its gradient belongs to what a step does."""
    x, y = classes()
    recorder = Recorder(x, y, rows=64)
    world = trainer(network(dtype="float64"))
    world.fit(x, y, epochs=1, batch_size=10, callbacks=recorder)
    rows = np.unique(np.linspace(0, len(x) - 1, 64).astype(int))[:10]
    now = inspect(world, x[rows], y[rows])
    for name, each in recorder.last.parameters.items():
        assert each.update_ratio == now.parameters[name].update_ratio


@pytest.mark.parametrize("name", NAMES)
def test_the_training_has_the_same_bits(name):
    """Whatever the optimizer keeps, between epochs that run in one call and in several."""
    worlds = []
    for callbacks in (None, Recorder(every=2)):
        net = network(dtype="float64")
        world = lm.Trainer(net, nn.CrossEntropyLoss(), make(name, net))
        schedule = optim.StepLR(world.optimizer, 2)
        world.fit(*classes(), epochs=5, schedule=schedule, callbacks=callbacks)
        worlds.append(everything(world))
    assert_same(*worlds)


@pytest.mark.parametrize("name", ["residual with norm", "embedding in branches", "concat of noise", "sparsity", "tied"])
def test_models_of_every_structure(name, rng):
    x, y = batch(rng, name, 40), rng.integers(OUTPUTS, size=40)
    worlds = []
    for callbacks in (None, Recorder()):
        world = trainer(model(name))
        world.fit(x, y, epochs=2, batch_size=8, callbacks=callbacks)
        worlds.append(everything(world))
    assert_same(*worlds)


def test_all_kinds_of_fits_have_the_same_bits():
    """Accumulated gradients, averaged weights, mixup, a layer in Python, early stopping, weights of rows."""
    x, y = classes()
    worlds = []
    for recorder in (None, Recorder()):
        net = nn.Sequential(nn.Linear(20, 9), Identity(), nn.Dropout(0.3), nn.BatchNorm1d(9), nn.Linear(9, 4), seed=0)
        optimizer = optim.Adam(net.parameters())
        world = lm.Trainer(
            net, nn.CrossEntropyLoss(), optimizer, accumulate=3, average=optim.WeightAverage(optimizer, 0.9)
        )
        world.fit(
            x,
            y,
            epochs=4,
            mixup=0.2,
            validation_data=(x, y),
            patience=2,
            sample_weight=np.arange(300) % 3,
            callbacks=recorder,
        )
        worlds.append({**everything(world), **{f"average {k}": v for k, v in world.average.state_dict().items()}})
    assert list(worlds[0]) == list(worlds[1])
    for key, value in worlds[0].items():
        np.testing.assert_equal(value, worlds[1][key], err_msg=key)


def test_memory_is_bounded():
    recorder = Recorder(limit=8)
    fitted(recorder, epochs=40)
    epochs = [record.epoch for record in recorder.records]
    assert len(epochs) <= 8
    assert epochs[0] == -1
    assert epochs[-1] == 39
    assert epochs == sorted(epochs)
    assert recorder.every == 8
    assert max(np.diff(epochs[1:])) <= 8


def test_every_so_many_epochs():
    recorder = Recorder(every=3)
    fitted(recorder, epochs=7)
    assert [record.epoch for record in recorder.records] == [-1, 2, 5, 6]


def test_records_go_on_over_fits():
    recorder, world = Recorder(), trainer()
    for _ in range(2):
        world.fit(*classes(), epochs=1, callbacks=recorder)
    assert [record.epoch for record in recorder.records] == [-1, 0, -1, 0]


def test_a_training_that_diverges_is_recorded_up_to_there():
    x, y = classes()
    recorder = Recorder()
    world = trainer(network(dtype="float32"), loss=nn.CrossEntropyLoss(), lr=1e30, kind=optim.SGD)
    with pytest.raises(lm.DivergenceError):
        world.fit(x, y, epochs=5, callbacks=recorder)
    assert recorder.records[0].epoch == -1
    assert any(finding.kind == "large updates" for finding in recorder.records[0].findings)


def test_rows_are_the_trainings_or_those_given():
    x, y = classes()
    recorder = Recorder(x[:40], y[:40], rows=32, bins=7)
    fitted(recorder, epochs=1)
    histogram = recorder.last.layers["6"].activations
    assert histogram.counts.sum() == 32 * 4
    assert len(histogram.counts) == 7

    class NoSamples(Callback):
        def on_fit_begin(self, run):
            object.__setattr__(run, "samples", None)

    with pytest.raises(ValueError, match=r"\[Recorder\] the training rows are not in memory: give it some"):
        fitted([NoSamples(), Recorder()])
    fitted([NoSamples(), Recorder(x, y)], epochs=1)


def test_bad_input():
    x, y = classes()
    for arguments, kind, message in [
        ({"x": x}, TypeError, "x and y belong together: y is missing"),
        ({"rows": 0}, ValueError, "rows is 0 but must be at least 1"),
        ({"every": 0}, ValueError, "every is 0"),
        ({"limit": 1}, ValueError, "limit is 1 but must be at least 2"),
        ({"threshold": 1.5}, ValueError, r"threshold is 1.5 but must be in \[0, 1\]"),
    ]:
        with pytest.raises(kind, match=rf"\[Recorder\] {message}"):
            Recorder(**arguments)
    with pytest.raises(ValueError, match=r"\[Recorder\] x has 19 features"):
        fitted(Recorder(x[:, 1:], y))
    with pytest.raises(RuntimeError, match="no records yet"):
        Recorder().last  # noqa: B018
