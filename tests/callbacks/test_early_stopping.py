"""EarlyStopping: fit's patience as a callback, and going on from the middle of it."""

import re

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.callbacks import Callback, EarlyStopping
from lamella.optim import schedule
from lamella.trainer.step import NativeStep
from trainer.test_stretches import HELD_OUT, X, Y
from trainer.world import assert_same, everything, network


def own(average=False, python=False, lr=0.1):
    model = network(3, python=python)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    return lm.Trainer(
        model, nn.CrossEntropyLoss(), optimizer, average=optim.WeightAverage(optimizer, 0.9) if average else None
    )


def fit(trainer, epochs=30, **options):
    return trainer.fit(X, Y, epochs=epochs, batch_size=16, validation_data=HELD_OUT, **options)


def seen(history):
    return {key: values for key, values in history.items() if key != "seconds"}


SETTINGS = {
    "plain": {"patience": 3},
    "accuracy": {"monitor": "val_accuracy", "patience": 2},
    "min_delta": {"patience": 2, "min_delta": 0.05},
    "last weights": {"patience": 2, "restore_best": False},
    "lasts": {"patience": 100},
}


@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_as_patience(name, python):
    one, two = own(python=python), own(python=python)
    first = fit(one, **SETTINGS[name])
    second = fit(two, callbacks=EarlyStopping(**SETTINGS[name]))
    assert seen(first) == seen(second)
    assert (first.best_epoch, first.stopped) == (second.best_epoch, second.stopped)
    assert first.best_epoch is not None
    assert_same(everything(one), everything(two))


def test_it_costs_no_python_between_epochs(monkeypatch):
    asked, stretch = [], NativeStep.stretch

    def noted(self, samples, target, taken, epochs, *rest):
        asked.append(epochs)
        return stretch(self, samples, target, taken, epochs, *rest)

    monkeypatch.setattr(NativeStep, "stretch", noted)
    history = fit(own(), callbacks=[EarlyStopping(patience=3)])
    assert history.stopped == "patience"
    assert asked == [30]


def test_it_has_a_monitor_of_its_own():
    """Beside the schedule's."""
    trainer = own()
    plateau = schedule.ReduceLROnPlateau(trainer.optimizer, mode="max", patience=0)
    history = fit(
        trainer, schedule=plateau, monitor="accuracy", callbacks=EarlyStopping("val_loss", patience=4), epochs=60
    )
    assert history.stopped == "patience"
    assert history.best_epoch == history.epochs - 5 == int(np.argmin(history["val_loss"]))
    assert history["lr"][-1] < history["lr"][0]


REFUSED = {
    "monitor": ({"monitor": 3}, TypeError, "monitor is 3 but must be the key"),
    "patience 0": ({"patience": 0}, ValueError, "patience is 0 but must be at least 1"),
    "patience text": ({"patience": "3"}, TypeError, "patience is '3'"),
    "min_delta": ({"min_delta": -1}, ValueError, "min_delta is -1"),
    "restore_best": ({"restore_best": 1}, TypeError, "restore_best is 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_make_no_sense(case):
    settings, kind, message = REFUSED[case]
    with pytest.raises(kind, match=r"^\[EarlyStopping\] " + message):
        EarlyStopping(**settings)


IN_FIT = {
    "both": ({"patience": 3, "callbacks": EarlyStopping()}, "patience and an EarlyStopping are given, but only one"),
    "two": ({"callbacks": [EarlyStopping(), EarlyStopping("loss")]}, "more than one EarlyStopping are given"),
    "unknown": ({"callbacks": EarlyStopping("mse")}, "monitor is 'mse' but an epoch's record has loss, accuracy, "),
    "no validation": ({"callbacks": EarlyStopping(), "validation_data": None}, r"\(there is no validation_data\)"),
}


@pytest.mark.parametrize("case", IN_FIT)
def test_what_fit_refuses(case):
    options, message = IN_FIT[case]
    trainer = own()
    before = everything(trainer)
    with pytest.raises(ValueError, match=r"^\[Trainer.fit\] .*" + message):
        trainer.fit(X, Y, **{"validation_data": HELD_OUT, **options})
    assert_same(everything(trainer), before)


# Going on in another process.


class Save(Callback):
    """Keeps the trainer's state after one epoch."""

    def __init__(self, path, epoch, every=1):
        self.path, self.epoch, self.every = path, epoch, every

    def on_epoch_end(self, run, epoch, record):
        if epoch == self.epoch:
            run.trainer.save(self.path)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize("after", [0, 4, 7, "last"])
def test_going_on_is_as_never_stopping(after, python, average, tmp_path):
    """From before the best epoch, from after it, and from the last one, where only the best is left to go back to."""
    whole, path = own(average, python), tmp_path / "run"
    expected = fit(whole, patience=5)
    assert 2 < expected.best_epoch < expected.epochs - 1 < 29
    epoch = expected.epochs - 1 if after == "last" else after
    fit(own(average, python), patience=5, callbacks=Save(path, epoch))
    resumed = own(average, python)
    resumed.load(path)
    assert resumed.history.epochs == epoch + 1
    history = fit(resumed, epochs=30 - epoch - 1, patience=5)
    assert (history.epochs, history.stopped) == (expected.epochs - epoch - 1, "patience")
    best = expected.best_epoch - epoch - 1
    assert history.best_epoch == (best if best >= 0 else None)
    assert resumed.history.best_epoch == expected.best_epoch
    first, second = everything(whole), everything(resumed)
    if after != "last":
        assert_same(first, second)
    for key, value in whole.model.state_dict().items():
        np.testing.assert_array_equal(value, resumed.model.state_dict()[key])


def test_the_state_travels_in_dicts_too():
    whole, states = own(), []
    fit(whole, patience=5, on_epoch=lambda epoch, record: states.append(whole.state_dict()))
    assert states[0]["early_stopping"]["seen"] == 1
    assert whole.state_dict()["early_stopping"] is None
    resumed = own()
    resumed.load_state_dict(states[3])
    assert resumed.state_dict()["early_stopping"]["seen"] == 4  # it may be saved again before it goes on
    fit(resumed, epochs=26, patience=5)
    assert resumed.state_dict()["early_stopping"] is None
    assert_same(everything(resumed), everything(whole))


def test_the_count_begins_anew_where_that_is_wanted():
    whole, states = own(), []
    fit(whole, epochs=4, patience=50, on_epoch=lambda epoch, record: states.append(whole.state_dict()))
    first, second = own(), own()
    first.load_state_dict(states[-1], schedule=False)
    second.load_state_dict(states[-1])
    fit(second, epochs=0)  # a fit without patience forgets it
    for each in (first, second):
        assert fit(each, epochs=3, patience=2, min_delta=1e6).epochs == 3


def test_a_training_that_was_over_stays_over_unless_more_is_wanted():
    whole, states = own(), []
    expected = fit(whole, patience=3, on_epoch=lambda epoch, record: states.append(whole.state_dict()))
    resumed = own()
    resumed.load_state_dict(states[-1])
    history = fit(resumed, patience=3)
    assert (history.epochs, history.stopped) == (0, "patience")
    assert resumed.history.best_epoch == expected.best_epoch
    resumed.load_state_dict(states[-1])
    assert fit(resumed, patience=30, epochs=2).epochs == 2


def test_without_restoring_no_weights_are_kept():
    whole, states = own(), []
    fit(whole, patience=3, restore_best=False, on_epoch=lambda epoch, record: states.append(whole.state_dict()))
    assert states[2]["early_stopping"]["weights"] is None
    resumed = own()
    resumed.load_state_dict(states[2])
    with pytest.raises(ValueError, match=r"has not the best epoch's weights: .*schedule=False"):
        fit(resumed, patience=3)
    fit(resumed, epochs=27, patience=3, restore_best=False)
    assert_same(everything(resumed), everything(whole))


def test_another_monitor_cannot_go_on():
    whole, states = own(), []
    fit(whole, epochs=3, patience=3, on_epoch=lambda epoch, record: states.append(whole.state_dict()))
    resumed = own()
    resumed.load_state_dict(states[-1])
    before = everything(resumed)
    message = "monitor is 'val_accuracy' but the training that was loaded monitored 'val_loss'"
    with pytest.raises(ValueError, match=re.escape(f"[Trainer.fit] {message}")):
        fit(resumed, patience=3, monitor="val_accuracy")
    assert_same(everything(resumed), before)
    assert fit(resumed, epochs=1, patience=3).epochs == 1


WRONG = {
    "no mapping": 3,
    "no monitor": {"best": 0.0},
    "seen more than there was": {"seen": 9},
    "best NaN": {"best": float("nan")},
    "best no number": {"best": "low"},
    "best_epoch later": {"best_epoch": 3},
    "waited longer than there was": {"waited": 4},
    "best_epoch -2": {"best_epoch": -2},
    "weights a list": {"weights": [1, 2]},
    "weights of floats": {"weights": np.ones(3)},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_state_that_makes_no_sense(case):
    whole, states = own(), []
    fit(whole, epochs=3, patience=3, on_epoch=lambda epoch, record: states.append(whole.state_dict()))
    change = WRONG[case]
    found = {**states[-1]["early_stopping"], **change} if isinstance(change, dict) else change
    if case == "no monitor":
        del found["monitor"]
    resumed = own()
    before = everything(resumed)
    with pytest.raises((ValueError, TypeError), match=r"^\[Trainer.load_state_dict\] "):
        resumed.load_state_dict({**states[-1], "early_stopping": found})
    assert_same(everything(resumed), before)


def test_weights_of_another_size():
    whole, states = own(), []
    fit(whole, epochs=3, patience=3, on_epoch=lambda epoch, record: states.append(whole.state_dict()))
    found = {**states[-1]["early_stopping"], "weights": np.zeros(3, np.uint8)}
    resumed = own()
    resumed.load_state_dict({**states[-1], "early_stopping": found})
    with pytest.raises(ValueError, match="copies has 3 bytes"):
        fit(resumed, patience=3)
