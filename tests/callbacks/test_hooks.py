"""Which hooks are called when, what ends a training, and what is refused."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.callbacks import Callback, Run
from trainer.world import assert_same, data, everything, labelled, trainer

X, Y = data()  # 67 rows: 5 steps of 16, the last with 3


class Notes(Callback):
    """Writes down what is called; raises or stops where told: {(hook, number): reason or exception}."""

    def __init__(self, name="", every=1, act=None, calls=None):
        self.name, self.every, self.act = name, every, act or {}
        self.calls = [] if calls is None else calls

    def note(self, run, hook, number=0):
        assert isinstance(run, Run)
        self.calls.append((self.name, hook, number))
        action = self.act.get((hook, number))
        if isinstance(action, str):
            run.stop(action)
        elif action is not None:
            raise action

    def on_fit_begin(self, run):
        self.note(run, "begin")

    def on_epoch_end(self, run, epoch, record):
        assert record == {key: values[epoch] for key, values in run.history.items()}
        self.note(run, "epoch", epoch)

    def on_fit_end(self, run):
        self.note(run, "end")


class Steps(Notes):
    def on_step_end(self, run, step, loss):
        assert isinstance(loss, float)
        self.note(run, "step", step)


def fit(callbacks, own=None, epochs=3, **options):
    own = own or trainer()
    return own.fit(X, Y, epochs=epochs, batch_size=16, callbacks=callbacks, **options)


def hooks(notes):
    return [f"{hook}{number}" for _, hook, number in notes.calls]


def test_every_hook_in_its_turn():
    notes = Steps()
    fit(notes, epochs=2)
    steps = [f"step{i}" for i in range(10)]
    assert hooks(notes) == ["begin0", *steps[:5], "epoch0", *steps[5:], "epoch1", "end0"]


def test_several_in_the_order_of_the_list_and_ends_in_reverse():
    calls = []
    given = [Notes(name, calls=calls) for name in "ab"]
    fit([given[0], lambda epoch, record: calls.append(("f", "epoch", epoch)), given[1]], epochs=1)
    assert [name for name, hook, _ in calls] == ["a", "b", "a", "f", "b", "b", "a"]


def test_on_epoch_comes_first():
    calls = []
    fit([lambda *_: calls.append("callback")], epochs=1, on_epoch=lambda *_: calls.append("on_epoch"))
    assert calls == ["on_epoch", "callback"]


@pytest.mark.parametrize(("every", "told"), [(1, range(7)), (2, [1, 3, 5, 6]), (7, [6]), (50, [6])])
def test_every(every, told):
    notes, twin = Notes(every=every), Notes(every=3)
    fit([notes, twin], epochs=7)
    assert hooks(notes) == ["begin0", *(f"epoch{i}" for i in told), "end0"]
    assert hooks(twin) == ["begin0", "epoch2", "epoch5", "epoch6", "end0"]


def test_every_counts_in_native_stretches(monkeypatch):
    """As many as go to the next epoch at which one is due."""
    from lamella.trainer.step import NativeStep

    asked, stretch = [], NativeStep.stretch

    def noted(self, samples, target, taken, epochs, *rest):
        asked.append(epochs)
        return stretch(self, samples, target, taken, epochs, *rest)

    monkeypatch.setattr(NativeStep, "stretch", noted)
    fit([Notes(every=4), Notes(every=6)], epochs=14)
    assert asked == [4, 2, 2, 4, 2]
    del asked[:]
    fit([Callback(), type("Ends", (Callback,), {"on_fit_end": lambda self, run: None})()], epochs=14)
    assert asked == [14]
    del asked[:]
    fit(Steps(), epochs=2)
    assert asked == []


def test_the_last_epoch_is_told_whatever_ends_the_training():
    late = Notes(every=10)
    history = fit([late, Notes(act={("epoch", 2): "enough"})], epochs=20)
    assert (history.epochs, history.stopped) == (3, "enough")
    assert hooks(late) == ["begin0", "epoch2", "end0"]
    late = Notes(every=10)
    history = fit(late, epochs=40, monitor="loss", patience=1, min_delta=0.5)
    assert history.stopped == "patience"
    assert history.epochs < 10
    assert hooks(late)[-2:] == [f"epoch{history.epochs - 1}", "end0"]


def test_a_hook_set_on_the_instance_counts():
    seen, callback = [], Callback()
    callback.on_epoch_end = lambda run, epoch, record: seen.append(epoch)
    fit(callback)
    assert seen == [0, 1, 2]


def test_what_run_knows():
    class Look(Callback):
        def on_fit_begin(self, run):
            self.run = run
            assert run.history == {}

        def on_epoch_end(self, run, epoch, record):
            assert run is self.run
            assert run.history.epochs == epoch + 1

    look, own = Look(), trainer()
    history = fit(look, own, epochs=4, validation_data=(X[:9], Y[:9]), sample_weight=np.ones(len(X)))
    run = look.run
    assert run.trainer is own
    assert (run.model, run.optimizer, run.loss) == (own.model, own.optimizer, own.loss)
    assert (run.epochs, run.steps_per_epoch) == (4, 5)
    assert run.history is history
    np.testing.assert_array_equal(run.samples.x, X)
    assert run.samples.weight.shape == (67,)
    np.testing.assert_array_equal(run.held_out.target, Y[:9])
    fit(look, own, sampling=lambda epoch, rng: np.arange(9))
    assert (run.samples is look.run.samples, look.run.steps_per_epoch, look.run.held_out) == (False, None, None)


# Stopping.


@pytest.mark.parametrize("python", [False, True])
def test_stop_after_an_epoch(python):
    own, twin = trainer(python=python), trainer(python=python)
    history = fit(Notes(act={("epoch", 1): "enough"}), own, epochs=9)
    assert (history.epochs, history.stopped, own.history.stopped) == (2, "enough", "enough")
    fit(None, twin, epochs=2)
    assert_same(everything(own), everything(twin))


@pytest.mark.parametrize("python", [False, True])
def test_stop_after_a_step(python):
    """An epoch that is not complete is not in the history; one that is, is."""
    own = trainer(python=python)
    notes = Steps(act={("step", 6): "enough"})
    history = fit(notes, own, epochs=9)
    assert (history.epochs, history.stopped) == (1, "enough")
    assert hooks(notes)[-3:] == ["step5", "step6", "end0"]
    own = trainer(python=python)
    history = fit(Steps(act={("step", 9): "enough"}), own, epochs=9)
    assert (history.epochs, history.stopped) == (2, "enough")


def test_stop_before_the_first_epoch():
    own = trainer()
    before = everything(own)
    history = fit(Notes(act={("begin", 0): "never mind"}), own)
    assert (history.epochs, history.stopped) == (0, "never mind")
    assert_same(everything(own), before)


def test_the_first_reason_counts():
    history = fit([lambda epoch, record: True, Notes(act={("epoch", 0): "second"})])
    assert history.stopped == "on_epoch"
    assert fit(Notes(act={("epoch", 0): "mine"}), monitor="loss", patience=1, epochs=1).stopped == "mine"


@pytest.mark.parametrize("reason", [None, True, "", 3])
def test_a_reason_is_a_text(reason):
    class Stop(Callback):
        def on_epoch_end(self, run, epoch, record):
            run.stop(reason)

    with pytest.raises(TypeError, match=r"^\[Run.stop\] reason is .* but must be a text"):
        fit(Stop())


# Exceptions.


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyboardInterrupt("mine")])
@pytest.mark.parametrize("when", [("epoch", 1), ("step", 7), ("step", 9), ("end", 0)])
@pytest.mark.parametrize("python", [False, True])
def test_what_a_hook_raises_comes_out_and_the_trainer_can_go_on(python, when, error):
    own, other = trainer(python=python), Notes()
    with pytest.raises(type(error), match="mine"):
        fit([other, Steps(act={when: error}), other], own)
    assert hooks(other)[-2:] == ["end0", "end0"]
    epochs = {("step", 7): 1, ("step", 9): 1, ("end", 0): 3}.get(when, 2)
    assert own.history.epochs == epochs
    assert own.optimizer.training is False or not own.optimizer.two_points
    assert fit(None, own, epochs=2).epochs == 2
    assert np.isfinite(own.history["loss"]).all()


def test_begin_that_raises_ends_those_that_have_begun():
    first, second, third, own = Notes(), Notes(act={("begin", 0): OSError("no room")}), Notes(), trainer()
    before = everything(own)
    with pytest.raises(OSError, match="no room"):
        fit([first, second, third], own)
    assert [hooks(each) for each in (first, second, third)] == [["begin0", "end0"], ["begin0"], []]
    assert_same(everything(own), before)


def test_all_ends_are_called_whatever_they_raise():
    first, second = Notes(act={("end", 0): OSError("first")}), Notes(act={("end", 0): OSError("second")})
    with pytest.raises(OSError, match="first"):
        fit([first, second])
    assert (hooks(first)[-1], hooks(second)[-1]) == ("end0", "end0")


@pytest.mark.parametrize("kind", [Notes, Steps])
def test_divergence_ends_it_too(kind):
    model = nn.Sequential(nn.Linear(5, 2), seed=1)
    own, notes = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=1e8)), kind()
    with pytest.raises(lm.DivergenceError):
        fit(notes, own, epochs=50)
    assert hooks(notes)[-1] == "end0"


def test_the_weights_in_hooks_are_those_to_predict_with():
    """Of the best epoch at the end; by a schedule-free optimizer, the averages after an epoch."""
    seen = []

    class Look(Callback):
        def on_epoch_end(self, run, epoch, record):
            seen.append(run.trainer.evaluate(X, Y)["loss"])
            assert not run.optimizer.training

        def on_fit_end(self, run):
            self.end = run.trainer.evaluate(X, Y)["loss"]

    model, look = nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 2), seed=1), Look()
    optimizer = optim.ScheduleFreeAdamW(model.parameters(), lr=0.3)
    history = fit(look, lm.Trainer(model, nn.MSELoss(), optimizer), 9, validation_data=(X, Y), patience=20)
    assert history["val_loss"] == seen
    assert look.end == min(seen)


# What is refused.

REFUSED = {
    "a number": (3, r"callbacks has 3 but takes Callbacks and functions of \(epoch, record\)$"),
    "text": ("log", "callbacks has 'log'"),
    "among others": ([Callback(), 3], "callbacks has 3 but"),
    "a class": (Notes, r"callbacks has <class .*Notes'> but .* \(an instance, not the class\)"),
    "a class in a list": ([Notes(), Notes], r".* \(an instance, not the class\)"),
    "nothing in a list": ([None], "callbacks has None but"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_callback(case):
    given, message = REFUSED[case]
    own = trainer()
    before = everything(own)
    with pytest.raises(TypeError, match=r"^\[Trainer.fit\] " + message):
        fit(given, own)
    assert_same(everything(own), before)


@pytest.mark.parametrize(("every", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError)])
def test_every_is_a_positive_integer(every, error):
    with pytest.raises(error, match=r"^\[Notes\] every is "):
        fit(Notes(every=every))


def test_classes_of_labels_too():
    x, y = labelled()
    own = trainer(loss=nn.CrossEntropyLoss, outputs=3)
    notes = Steps()
    history = own.fit(x, y, callbacks=notes)
    assert "accuracy" in history
    assert len(notes.calls) == 3 + 3
