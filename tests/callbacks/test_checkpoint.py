"""Checkpoint: the last and the best, going on from them, and processes killed in the middle."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import lamella as lm
from callbacks.world import fit, learner
from lamella import nn
from lamella.callbacks import Checkpoint, CSVLog
from trainer.world import assert_same, everything


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def loaded(path):
    trainer = learner(seed=99)
    trainer.load(path)
    return trainer


def state(trainer):
    """All that is saved: gradients are of no use to the next step."""
    return {key: value for key, value in everything(trainer).items() if not key.startswith("grad ")}


def test_the_last(path):
    trainer = learner()
    fit(trainer, callbacks=Checkpoint(path))
    assert_same(state(loaded(path)), state(trainer))
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(("every", "epochs"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (10, [5])])
def test_every(every, epochs, path, monkeypatch):
    saved, trainer, save = [], learner(), lm.Trainer.save

    def noted(self, path):
        saved.append(self.history.epochs)
        save(self, path)

    monkeypatch.setattr(lm.Trainer, "save", noted)
    fit(trainer, epochs=5, callbacks=Checkpoint(path, every=every))
    assert saved == epochs


@pytest.mark.parametrize("monitor", [None, "val_accuracy", "loss"])
@pytest.mark.parametrize("keep", ["best", "both"])
def test_the_best(keep, monitor, path):
    trainer, checkpoint = learner(lr=0.2), Checkpoint(path, monitor=monitor, keep=keep)
    history = fit(trainer, epochs=12, callbacks=checkpoint)
    key = monitor or "val_loss"
    best = int(np.argmax(history[key]) if key == "val_accuracy" else np.argmin(history[key]))
    assert best < 11 or key == "loss"
    found = loaded(checkpoint.best_path)
    assert found.history[key] == history[key][: best + 1]
    twin = learner(lr=0.2)
    fit(twin, epochs=best + 1)
    assert_same(state(found), state(twin))
    if keep == "both":
        assert_same(state(loaded(path)), state(trainer))
        assert checkpoint.best_path.name == "run.best.safetensors"
    else:
        assert os.listdir(path.parent) == [path.name]


def test_without_validation_the_loss_says_which_is_best(path):
    trainer = learner(lr=0.01)
    history = fit(trainer, validation_data=None, callbacks=Checkpoint(path, keep="best"))
    assert loaded(path).history.epochs == 1 + int(np.argmin(history["loss"]))


def test_a_value_that_is_not_finite_is_never_the_best(path):
    model = nn.Sequential(nn.Linear(5, 3), seed=1)
    trainer = lm.Trainer(model, nn.MSELoss(), lm.optim.SGD(model.parameters(), lr=1e-3))
    checkpoint = Checkpoint(path, keep="both")
    far = np.full((3, 5), 3e38), np.zeros((3, 3))
    trainer.fit(np.ones((9, 5)), np.ones((9, 3)), epochs=2, validation_data=far, callbacks=checkpoint)
    assert path.exists()
    assert not checkpoint.best_path.exists()


def test_resume_says_how_far_it_is(path):
    whole, first = learner(), learner()
    fit(whole, epochs=7)
    assert Checkpoint(path).resume(first) == 0
    fit(first, epochs=4, callbacks=Checkpoint(path))
    second, checkpoint = learner(seed=8), Checkpoint(path)
    done = checkpoint.resume(second)
    assert done == 4
    fit(second, epochs=7 - done, callbacks=checkpoint)
    assert_same(state(second), state(whole))
    assert_same(state(loaded(path)), state(whole))


@pytest.mark.parametrize("parts", [(3, 9), (9, 3), (6, 1, 5)])
def test_the_best_of_all_parts(parts, path):
    """What the best one's file holds counts in later calls and processes, too."""
    whole, checkpoint = learner(), Checkpoint(path.with_name("whole"), keep="both")
    history = fit(whole, epochs=12, callbacks=checkpoint)
    for epochs in parts:
        trainer, own = learner(seed=8), Checkpoint(path, keep="both")
        own.resume(trainer)
        if trainer.history.epochs == 0:
            trainer = learner()
        fit(trainer, epochs=epochs, callbacks=own)
    assert own.best_path.name == "run.best.safetensors"
    best = 1 + int(np.argmin(history["val_loss"]))
    assert loaded(own.best_path).history.epochs == best == loaded(checkpoint.best_path).history.epochs
    assert_same(state(loaded(own.best_path)), state(loaded(checkpoint.best_path)))


def test_another_training_begins_with_another_best(path):
    """A file that is there says nothing of a trainer that does not go on from it."""
    good, bad, checkpoint = learner(lr=0.1), learner(lr=1e-6), Checkpoint(path, keep="best")
    fit(good, callbacks=checkpoint)
    fit(bad, epochs=1)
    history = fit(bad, epochs=2, callbacks=checkpoint)
    assert min(history["val_loss"]) > min(good.history["val_loss"])
    assert loaded(path).history.epochs in (2, 3)
    assert loaded(path).history["loss"][0] == bad.history["loss"][0]


# Killed.

PROGRAM = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from callbacks.world import fit, learner
from lamella.callbacks import Checkpoint, CSVLog

function, call = {function!r}, {call}
real = getattr(os, function)
def dying(*arguments):
    global call
    call -= 1
    if call == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
setattr(os, function, dying)
trainer, checkpoint = learner(), Checkpoint("run.safetensors", keep="both")
done = checkpoint.resume(trainer)
fit(trainer, epochs=40 - done, patience=5, callbacks=[CSVLog("log.csv"), checkpoint])
print(done, trainer.history.epochs, trainer.history.best_epoch)
"""


def test_a_process_that_is_killed_again_and_again(tmp_path):
    """In the middle of writing: the files are whole, and what comes of it has the bits of never being killed.

    The number of a call of fsync or replace is that of a file: the log's, then the best one's or the last one's.
    """

    def run(function, call):
        program = PROGRAM.format(tests=os.path.dirname(os.path.dirname(__file__)), function=function, call=call)
        return subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    for function, call in [("replace", 2), ("fsync", 6), ("replace", 9)]:
        ended = run(function, call)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    ended = run("fsync", 0)
    assert ended.returncode == 0, ended.stderr
    whole, checkpoint = learner(), Checkpoint(tmp_path / "whole", keep="both")
    log = tmp_path / "whole.csv"
    history = fit(whole, epochs=40, patience=5, callbacks=[CSVLog(log), checkpoint])
    done, epochs, best = map(int, ended.stdout.split())
    assert (epochs, best) == (history.epochs, history.best_epoch)
    assert 3 < done < epochs < 40
    for mine, killed in ((checkpoint.path, "run"), (checkpoint.best_path, "run.best")):
        own = learner()
        own.load(mine)
        other = learner()
        other.load(tmp_path / f"{killed}.safetensors")
        assert_same(state(own), state(other))

    def rows(path):
        lines = [line.split(",") for line in path.read_text().splitlines()]
        seconds = lines[0].index("seconds")
        return [line[:seconds] + line[seconds + 1 :] for line in lines]

    assert rows(tmp_path / "log.csv") == rows(log)


def test_starting_again_after_the_end_trains_nothing(path):
    """And the model is that of the best epoch, whatever the last one's file holds."""
    first = learner()
    history = fit(first, epochs=40, patience=5, callbacks=Checkpoint(path))
    assert history.stopped == "patience"
    again, checkpoint = learner(seed=8), Checkpoint(path)
    done = checkpoint.resume(again)
    history = fit(again, epochs=40 - done, patience=5, callbacks=checkpoint)
    assert (history.epochs, history.stopped, again.history.best_epoch) == (0, "patience", first.history.best_epoch)
    for key, value in first.model.state_dict().items():
        np.testing.assert_array_equal(value, again.model.state_dict()[key])


# What is refused.

SETTINGS = {
    "path": ({"path": 3}, TypeError, "path is 3 but must be a path"),
    "no path": ({"path": ""}, TypeError, "path is '' but"),
    "every": ({"every": 0}, ValueError, "every is 0 but must be at least 1"),
    "keep": ({"keep": "all"}, ValueError, "keep is 'all' but must be one of 'last', 'best', 'both'"),
    "monitor": ({"monitor": 3, "keep": "best"}, TypeError, "monitor is 3 but must be the key"),
    "monitor for nothing": ({"monitor": "loss"}, ValueError, "monitor is 'loss' but only the last is kept"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_make_no_sense(case, path):
    settings, kind, message = SETTINGS[case]
    with pytest.raises(kind, match=r"^\[Checkpoint\] " + message):
        Checkpoint(**{"path": path, **settings})


def test_what_fit_refuses(path):
    trainer = learner()
    before = state(trainer)
    for checkpoint, kind, message in (
        (Checkpoint(path.parent / "gone" / "run"), FileNotFoundError, "there is no folder .*gone"),
        (Checkpoint(path.parent), IsADirectoryError, "is a folder, not a file"),
        (Checkpoint(path, monitor="mse", keep="best"), ValueError, "monitor is 'mse' but an epoch's record has loss"),
    ):
        with pytest.raises(kind, match=r"^\[Checkpoint\] .*" + message):
            fit(trainer, callbacks=checkpoint)
    lm.save(trainer.model, path)
    with pytest.raises(ValueError, match=r"^\[Checkpoint\] .*was not written by Trainer.save"):
        fit(trainer, callbacks=Checkpoint(path, keep="best"))
    assert_same(state(trainer), before)
