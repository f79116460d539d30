"""CSVLog and JSONLinesLog: what they write, when, and how they go on."""

import csv
import json
import math

import numpy as np
import pytest

import lamella as lm
from callbacks.world import fit, learner
from lamella import nn
from lamella.callbacks import Callback, CSVLog, JSONLinesLog

LOGS = {"csv": CSVLog, "jsonl": JSONLinesLog}


def read(path):
    """Rows as dicts of numbers."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return [json.loads(line) for line in path.read_text().splitlines()]


def rows(history):
    return [{"epoch": i, **{key: values[i] for key, values in history.items()}} for i in range(history.epochs)]


@pytest.fixture(params=LOGS)
def path(request, tmp_path):
    return tmp_path / f"log.{request.param}"


def log(path, **options):
    return LOGS[path.suffix[1:]](path, **options)


@pytest.mark.parametrize("every", [1, 4, 100])
@pytest.mark.parametrize("validated", [True, False])
def test_every_epoch_is_a_line_with_the_same_bits(path, validated, every):
    options = {} if validated else {"validation_data": None}
    history = fit(learner(), epochs=6, callbacks=log(path, every=every), **options)
    assert read(path) == rows(history)
    assert list(read(path)[0]) == ["epoch", *history]


def test_penalties_are_among_them(path):
    model = nn.Sequential(nn.Linear(5, 3), nn.Sparsity(l1=0.1), seed=1)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), lm.optim.SGD(model.parameters(), lr=0.1, l1=0.01))
    history = fit(trainer, epochs=3, callbacks=log(path))
    assert "penalty" in history
    assert read(path) == rows(history)


def test_it_can_be_followed(path):
    """Lines are there as soon as their epochs are."""
    seen = []
    fit(learner(), epochs=3, callbacks=[log(path), lambda epoch, record: seen.append(len(read(path)))])
    assert seen == [1, 2, 3]


def test_an_interrupted_training_has_all_its_epochs(path):
    class Fail(Callback):
        every = 3

        def on_epoch_end(self, run, epoch, record):
            raise KeyboardInterrupt

    trainer = learner()
    with pytest.raises(KeyboardInterrupt):
        fit(trainer, callbacks=[log(path, every=10), Fail()])
    assert read(path) == rows(trainer.history)
    assert len(read(path)) == 3


def test_a_new_trainer_begins_a_new_file(path):
    fit(learner(), epochs=5, callbacks=log(path))
    history = fit(learner(lr=0.01), epochs=2, validation_data=None, callbacks=log(path))
    assert read(path) == rows(history)


def test_it_goes_on(path):
    trainer, own = learner(), log(path)
    for epochs in (2, 3, 1):
        fit(trainer, epochs=epochs, callbacks=own)
    assert read(path) == rows(trainer.history)


def test_epochs_that_the_trainer_has_not_seen_are_dropped(path, tmp_path):
    """As after a process was killed between a line and the next checkpoint; a half line goes, too."""
    trainer, twin = learner(), learner()
    fit(trainer, epochs=3)
    trainer.save(tmp_path / "state")
    fit(twin, epochs=5, callbacks=log(path))
    with path.open("a") as file:
        file.write(path.read_text().splitlines()[-1].replace("4", "5", 1)[:20])
    resumed = learner()
    resumed.load(tmp_path / "state")
    fit(resumed, epochs=4, callbacks=log(path))
    expected = [{**row, "seconds": None} for row in rows(resumed.history)]
    assert [{**row, "seconds": None} for row in read(path)] == expected
    assert len(expected) == 7


def test_a_trainer_with_a_past_and_no_file(path):
    trainer = learner()
    fit(trainer, epochs=2)
    fit(trainer, epochs=2, callbacks=log(path))
    assert read(path) == rows(trainer.history)[2:]


def test_what_is_not_finite(path):
    model = nn.Sequential(nn.Linear(5, 3), seed=1)
    trainer = lm.Trainer(model, nn.MSELoss(), lm.optim.SGD(model.parameters(), lr=1e-3))
    far = np.full((3, 5), 3e38), np.zeros((3, 3))
    trainer.fit(np.ones((9, 5)), np.ones((9, 3)), epochs=2, validation_data=far, callbacks=log(path))
    values = [row["val_loss"] for row in read(path)]
    assert not np.isfinite(trainer.history["val_loss"]).any()
    if path.suffix == ".csv":
        assert [math.isfinite(value) for value in values] == [False, False]
    else:
        assert values == [None, None]
        assert all(json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines())


def test_other_columns_cannot_go_on(tmp_path):
    path = tmp_path / "log.csv"
    trainer = learner()
    fit(trainer, epochs=1, callbacks=CSVLog(path))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"^\[CSVLog\] .*log.csv does not begin with 'epoch,loss,accuracy,seconds,lr'"):
        fit(trainer, epochs=1, validation_data=None, callbacks=CSVLog(path))
    assert path.read_bytes() == before


def test_json_lines_may_change_their_keys(tmp_path):
    path = tmp_path / "log.jsonl"
    trainer = learner()
    fit(trainer, epochs=1, callbacks=JSONLinesLog(path))
    fit(trainer, epochs=1, validation_data=None, callbacks=JSONLinesLog(path))
    assert ["val_loss" in row for row in read(path)] == [True, False]


def test_a_hook_that_cannot_write_ends_the_training(path):
    with pytest.raises(FileNotFoundError, match=r"Log\] there is no folder .*gone"):
        fit(learner(), callbacks=log(path.parent / "gone" / path.name))
    with pytest.raises(TypeError, match=r"Log\] path is None"):
        type(log(path))(None)
    with pytest.raises(ValueError, match=r"Log\] every is 0"):
        log(path, every=0)
