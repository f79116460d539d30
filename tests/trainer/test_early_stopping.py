"""patience, monitor, min_delta and restore_best of fit."""

import numpy as np
import pytest

from lamella import nn
from lamella.trainer.training import Training
from trainer.world import assert_same, data, everything, trainer


class Curve:
    """Makes a trainer whose validation loss is as told: only the bookkeeping is of interest."""

    def __init__(self, monkeypatch, values, loss=nn.MSELoss, **options):
        self.trainer = trainer("SGD", loss, **options)
        self.values = list(values)
        self.weights = []
        rest = iter(self.values)
        monkeypatch.setattr(
            type(self.trainer), "measure", lambda *_: {"loss": float(next(rest)), self.trainer.loss.score_name: 0.0}
        )
        monkeypatch.setattr(Training, "_measures_natively", lambda _: False)

    def fit(self, epochs=20, **options):
        x, y = data()
        return self.trainer.fit(x, y, epochs=epochs, validation_data=(x, y), on_epoch=self.note, **options)

    def note(self, epoch, record):
        self.weights.append(self.trainer.model.state_dict())


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (3, 9)])
def test_it_stops_after_so_many_epochs_and_restores_the_best(patience, epochs, monkeypatch):
    curve = Curve(monkeypatch, [5, 4, 4.5, 4.4, 3, 2, 6, 7, 8, 1])
    history = curve.fit(patience=patience)
    best = int(np.argmin(curve.values[:epochs]))
    assert (history.epochs, history.best_epoch, history.stopped) == (epochs, best, "patience")
    assert_same(curve.trainer.model.state_dict(), curve.weights[best])
    assert not np.array_equal(curve.weights[best]["1.running_mean"], curve.weights[-1]["1.running_mean"])


def test_without_restoring_the_last_weights_stay(monkeypatch):
    curve = Curve(monkeypatch, [5, 4, 4.5, 4.4])
    assert curve.fit(patience=2, restore_best=False).best_epoch == 1
    assert_same(curve.trainer.model.state_dict(), curve.weights[-1])


def test_the_best_weights_come_back_where_the_epochs_run_out(monkeypatch):
    curve = Curve(monkeypatch, [5, 4, 4.5, 4.4])
    history = curve.fit(epochs=4, patience=10)
    assert (history.epochs, history.best_epoch, history.stopped) == (4, 1, None)
    assert_same(curve.trainer.model.state_dict(), curve.weights[1])


def test_min_delta(monkeypatch):
    """Improvements are counted from the last that was enough: 5, 4.3, 3.7; neither 4.6 nor 4.0 nor 3.3 is."""
    curve = Curve(monkeypatch, [5, 4.6, 4.3, 4.0, 3.7, 3.3, 3.25, 1])
    history = curve.fit(patience=2, min_delta=0.5)
    assert (history.epochs, history.best_epoch) == (7, 4)


def test_nan_is_no_improvement(monkeypatch):
    curve = Curve(monkeypatch, [np.nan, 3, np.nan, np.nan])
    assert curve.fit(patience=2).best_epoch == 1
    curve = Curve(monkeypatch, [np.nan] * 5)
    history = curve.fit(patience=3)
    assert (history.epochs, history.best_epoch) == (3, None)
    assert_same(curve.trainer.model.state_dict(), curve.weights[-1])


def test_accuracy_is_to_rise():
    x = data()[0]
    world = trainer("Adam", nn.CrossEntropyLoss)
    history = world.fit(x, (x[:, 0] > 0).astype(int), epochs=40, patience=2, monitor="accuracy")
    values = history["accuracy"]
    assert history.best_epoch == int(np.argmax(values))
    assert values[history.best_epoch] > values[0]
    assert history.stopped == "patience"
    assert history.epochs == history.best_epoch + 3


def test_the_training_loss_can_be_watched():
    world = trainer("SGD")
    history = world.fit(*data(), epochs=60, patience=1, monitor="loss")
    losses = history["loss"]
    assert losses[-1] >= losses[-2]
    assert (np.diff(losses[:-1]) < 0).all()
    assert history.best_epoch == history.epochs - 2


def test_the_whole_history_counts_from_its_own_begin(monkeypatch):
    curve = Curve(monkeypatch, [9, 8, 5, 4, 4.5, 4.4])
    curve.fit(epochs=2)
    assert curve.trainer.history.best_epoch is None
    history = curve.fit(patience=2)
    assert (history.best_epoch, curve.trainer.history.best_epoch) == (1, 3)
    assert (history.stopped, curve.trainer.history.stopped) == ("patience", "patience")
    assert "best: epoch 1; stopped by patience" in repr(history)


def test_on_epoch_stops_too():
    history = trainer().fit(*data(), epochs=9, on_epoch=lambda epoch, record: epoch == 2)
    assert (history.epochs, history.stopped, history.best_epoch) == (3, "on_epoch", None)
    assert trainer().fit(*data(), epochs=2).stopped is None


WRONG = {
    "patience 0": ({"patience": 0, "monitor": "loss"}, ValueError, "patience is 0 but must be at least 1"),
    "patience 1.5": ({"patience": 1.5, "monitor": "loss"}, TypeError, r"patience is 1\.5 but must be an integer"),
    "patience True": ({"patience": True, "monitor": "loss"}, TypeError, "patience is True"),
    "min_delta": ({"patience": 1, "monitor": "loss", "min_delta": -1}, ValueError, "min_delta is -1"),
    "min_delta text": ({"patience": 1, "monitor": "loss", "min_delta": "x"}, TypeError, "min_delta is 'x'"),
    "restore_best": ({"patience": 1, "monitor": "loss", "restore_best": 1}, TypeError, "restore_best is 1"),
    "no validation": ({"patience": 1}, ValueError, r"monitor is 'val_loss' .* \(there is no validation_data\)"),
    "unknown": (
        {"patience": 1, "monitor": "accuracy"},
        ValueError,
        "monitor is 'accuracy' .* has loss, mse, seconds, lr",
    ),
    "no text": ({"patience": 1, "monitor": None}, ValueError, "monitor is None"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused_before_training(case):
    options, kind, message = WRONG[case]
    world = trainer()
    world.fit(*data(), epochs=1)
    before = everything(world)
    with pytest.raises(kind, match=r"^\[Trainer.fit\] " + message):
        world.fit(*data(), epochs=3, **options)
    assert_same(everything(world), before)
