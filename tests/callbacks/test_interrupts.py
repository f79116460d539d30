"""Signals while callbacks look on, and what is let go of afterwards."""

import gc
import weakref

import pytest

from callbacks.world import X, Y, fit, learner
from lamella.callbacks import Callback, CSVLog, EarlyStopping
from population.world import python

PROGRAM = """
from lamella.callbacks import Callback
x, y = labelled(400)
class Steps(Callback):
    ended = 0
    def on_step_end(self, run, step, loss):
        pass
    def on_fit_end(self, run):
        self.ended += 1
class Tenth(Steps):
    every = 10
    on_step_end = Callback.on_step_end
    def on_epoch_end(self, run, epoch, record):
        pass
def fail(number, frame):
    raise TimeoutError("mine")
signal.signal(signal.SIGALRM, fail)
def trainer():
    model = small(seed=1)
    return lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
own, again, callback = trainer(), trainer(), {kind}()
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    own.fit(x, y, epochs=10**7, batch_size=16, validation_data=(x, y), patience=10**6, callbacks=callback)
except TimeoutError as error:
    print(error, callback.ended)
assert own.history.epochs > 1
again.fit(x, y, epochs=own.history.epochs, batch_size=16, validation_data=(x, y))
for key in ("loss", "accuracy", "val_loss", "val_accuracy", "lr"):
    assert own.history[key] == again.history[key], key
assert own.fit(x, y, epochs=2).epochs == 2
"""


@pytest.mark.parametrize("kind", ["Steps", "Tenth"])
def test_a_signal_leaves_the_complete_epochs(kind):
    assert python(PROGRAM.format(kind=kind)) == "mine 1"


def test_a_fit_holds_nothing_of_its_callbacks(tmp_path):
    """Nor of its arrays; not even in cycles."""

    class Steps(Callback):
        def on_step_end(self, run, step, loss):
            pass

    trainer, x = learner(), X.copy()
    given = [Steps(), CSVLog(tmp_path / "log.csv"), EarlyStopping(), lambda epoch, record: None]
    gone = [weakref.ref(each) for each in (*given, x)]
    gc.collect()
    gc.disable()
    try:
        trainer.fit(x, Y, epochs=2, validation_data=(x, Y), callbacks=given)
        del given, x
        assert [each() for each in gone] == [None] * 5
    finally:
        gc.enable()


def test_a_callback_may_train_the_same_model():
    """Early stopping of the outer training goes on with its own count."""
    states = []

    class Nested(Callback):
        def on_epoch_end(self, run, epoch, record):
            if epoch == 1:
                fit(run.trainer, epochs=1, patience=3)
            states.append(run.trainer.state_dict()["early_stopping"]["seen"])

    history = fit(learner(), epochs=4, patience=9, callbacks=Nested())
    assert history.epochs == 4
    assert states == [1, 2, 3, 4]
