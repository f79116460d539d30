"""A trainer stops and goes on with the same bits, from a state dict or a file; or it changes nothing."""

import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from trainer.world import OPTIMIZERS, assert_same, data, everything, labelled, network, trainer

BATCH, STEPS = 8, 9

SCHEDULES = {
    "none": lambda o: None,
    "StepLR": lambda o: optim.StepLR(o, 2, gamma=0.5),
    "OneCycleLR": lambda o: optim.OneCycleLR(o, 0.05, total_steps=5 * STEPS),
    "ReduceLROnPlateau": lambda o: optim.Warmup(optim.ReduceLROnPlateau(o, patience=0, factor=0.5, threshold=0.3), 12),
}


def fit(world, epochs, schedule, **options):
    options = {"monitor": "loss", "validation_data": data(9, 1), **options}
    return world.fit(*data(), epochs=epochs, batch_size=BATCH, schedule=schedule, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


@pytest.mark.parametrize("python", [False, True], ids=["native", "with a layer in Python"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_stopping_and_going_on_has_the_same_bits(kind, schedule, python, path):
    whole = trainer(kind, python=python)
    fit(whole, 5, SCHEDULES[schedule](whole.optimizer), mixup=0.2)

    first = trainer(kind, python=python)
    fit(first, 2, SCHEDULES[schedule](first.optimizer), mixup=0.2)
    first.save(path)

    second = trainer(kind, python=python, seed=77)  # other weights, masks and orders, until it is loaded
    own = SCHEDULES[schedule](second.optimizer)
    second.load(path)
    assert_same(everything_saved(second), everything_saved(first))
    fit(second, 3, own, mixup=0.2)
    assert_same(everything(second), everything(whole))
    assert second.history["lr"] == whole.history["lr"]


def everything_saved(world):
    """Gradients are no part of it: each step makes its own."""
    return {key: value for key, value in everything(world).items() if not key.startswith("grad ")}


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from trainer.test_checkpoint import SCHEDULES, everything, fit
from trainer.world import trainer
import numpy as np

world = trainer("Adam")
schedule = SCHEDULES["OneCycleLR"](world.optimizer)
world.load(sys.argv[2])
fit(world, 3, schedule)
np.savez(sys.argv[3], **{k: np.asarray(v, str if v is None else None) for k, v in everything(world).items()})
"""


def test_in_a_new_process(path, tmp_path):
    whole, first = trainer("Adam"), trainer("Adam")
    fit(whole, 5, SCHEDULES["OneCycleLR"](whole.optimizer))
    fit(first, 2, SCHEDULES["OneCycleLR"](first.optimizer))
    first.save(path)
    result = tmp_path / "result.npz"
    tests = os.path.dirname(os.path.dirname(__file__))
    subprocess.run([sys.executable, "-c", CHILD, tests, str(path), str(result)], check=True)
    with np.load(result) as found:
        assert_same(dict(found), {k: np.asarray(v, str if v is None else None) for k, v in everything(whole).items()})


def test_saving_in_on_epoch(path):
    whole, first = trainer(), trainer()
    fit(whole, 4, SCHEDULES["StepLR"](whole.optimizer))
    fit(first, 4, SCHEDULES["StepLR"](first.optimizer), on_epoch=lambda e, r: first.save(path) if e == 1 else None)
    second = trainer()
    second.load(path)
    assert second.history.epochs == 2
    fit(second, 2, SCHEDULES["StepLR"](second.optimizer))  # made after loading: that makes no difference
    assert_same(everything(second), everything(whole))


def test_going_back_in_the_same_process():
    """State dicts are copies, and the schedule goes back with the rest."""
    world = trainer("SGD")
    schedule = SCHEDULES["OneCycleLR"](world.optimizer)
    fit(world, 2, schedule)
    state = world.state_dict()
    fit(world, 3, schedule)
    after = everything(world)
    world.load_state_dict(state)
    fit(world, 3, schedule)
    assert_same(everything(world), after)


def test_labels_sampling_and_float32(path):
    whole, first, second = (trainer("Adam", nn.CrossEntropyLoss, outputs=3, dtype="float32") for _ in range(3))
    whole.fit(*labelled(), epochs=4, sampling="balanced")
    first.fit(*labelled(), epochs=2, sampling="balanced")
    first.save(path)
    second.load(path)
    second.fit(*labelled(), epochs=2, sampling="balanced")
    assert_same(everything(second), everything(whole))


def test_what_a_state_holds():
    world = trainer("SGD")
    fit(world, 2, SCHEDULES["StepLR"](world.optimizer), patience=5)
    state = world.state_dict()
    parts = ["model", "optimizer", "average", "counters", "schedule", "early_stopping", "history", "seed"]
    assert list(state) == parts
    assert state["early_stopping"] is None  # that is of a fit that goes on
    assert state["schedule"]["type"] == "StepLR"
    assert state["schedule"]["epochs"] == 2
    assert state["counters"]["3"]["step"] == 2 * STEPS
    assert state["history"]["best_epoch"] == world.history.best_epoch is not None
    world.fit(*data())
    assert world.state_dict()["schedule"] is None  # the last fit had none


def test_history_comes_back(path):
    world, other = trainer(), trainer()
    fit(world, 3, None, patience=1)
    world.save(path)
    other.load(path)
    assert dict(other.history) == dict(world.history)
    assert (other.history.best_epoch, other.history.stopped) == (world.history.best_epoch, world.history.stopped)
    assert isinstance(other.history, lm.History)


def test_special_values_survive(path):
    world, other = trainer(), trainer()
    world.model.parameters()[0].data[0, :4] = [np.nan, np.inf, -0.0, 5e-324]
    world.history.add({"loss": float("nan"), "mse": float("inf"), "seconds": 0.1 + 0.2, "lr": 5e-324})
    world.save(path)
    other.load(path)
    assert_same(everything_saved(other), everything_saved(world))
    assert np.signbit(other.model.state_dict()["0.weight"][0, 2])


def test_the_same_training_is_the_same_file(tmp_path):
    files = []
    for name in ("a", "b"):
        world = trainer()
        world.fit(*data())
        world.history["seconds"] = [0.0]
        world.save(tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
    assert b"pickle" not in files[0]


# The schedule of the next fit.


def test_a_schedule_of_another_kind_is_refused():
    world = trainer("SGD")
    fit(world, 2, SCHEDULES["StepLR"](world.optimizer))
    state = world.state_dict()
    other = trainer("SGD")
    other.load_state_dict(state)
    before = everything_saved(other)
    with pytest.raises(ValueError, match=r"not the one of the state .*'StepLR', not of ExponentialLR.*schedule=False"):
        fit(other, 1, optim.ExponentialLR(other.optimizer, 0.5))
    assert everything_saved(other)["0.weight"].tobytes() == before["0.weight"].tobytes()
    other.load_state_dict(state, schedule=False)
    fit(other, 1, optim.ExponentialLR(other.optimizer, 0.5))
    assert other.history["lr"][-1] == world.optimizer.lr


def test_a_refused_fit_leaves_the_state_waiting():
    world, other = trainer("SGD"), trainer("SGD")
    fit(world, 2, SCHEDULES["OneCycleLR"](world.optimizer))
    schedule = SCHEDULES["OneCycleLR"](other.optimizer)
    other.load_state_dict(world.state_dict())
    with pytest.raises(ValueError, match="does not last for 4 epochs of 9 steps"):
        fit(other, 4, schedule)
    assert schedule.last_epoch == 0
    fit(other, 3, schedule)
    assert schedule.last_epoch == 5 * STEPS


def test_a_state_that_waits_for_its_schedule_is_saved_again(path):
    world, other, third = trainer("SGD"), trainer("SGD"), trainer("SGD")
    fit(world, 2, SCHEDULES["StepLR"](world.optimizer))
    other.load_state_dict(world.state_dict())
    other.save(path)
    third.load(path)
    fit(third, 3, SCHEDULES["StepLR"](third.optimizer))
    assert third.history["lr"] == [0.05, 0.05, 0.025, 0.025, 0.0125]


# What does not fit, is damaged or gone.


def changed(state, part, value):
    return {**state, part: value}


WRONG = {
    "no mapping": (lambda s: [1], TypeError, r"state is \[1\] but must be a mapping"),
    "a model's state": (lambda s: s["model"], ValueError, r"no trainer's: it has no model, optimizer"),
    "a part missing": (lambda s: {k: v for k, v in s.items() if k != "counters"}, ValueError, r"has no counters"),
    "another model": (lambda s: changed(s, "model", {}), ValueError, r"missing 0.weight"),
    "no model": (lambda s: changed(s, "model", None), TypeError, r"state is None"),
    "another optimizer": (
        lambda s: changed(s, "optimizer", trainer("SGD").optimizer.state_dict()),
        ValueError,
        r"exp_avg of 0.weight is missing",
    ),
    "no optimizer": (lambda s: changed(s, "optimizer", {}), ValueError, r"must be a mapping with 'state'"),
    "no counters": (lambda s: changed(s, "counters", {}), ValueError, r"counters are \{\} but the layers"),
    "counters of another layer": (
        lambda s: changed(s, "counters", {"1": {"p": 0.1}, "3": s["counters"]["3"]}),
        ValueError,
        r"counters of layer '1' are",
    ),
    "a counter that is none": (
        lambda s: changed(s, "counters", {**s["counters"], "3": {**s["counters"]["3"], "step": "2"}}),
        TypeError,
        r"step of layer '3' is '2' but must be a number",
    ),
    "a seed below zero": (lambda s: changed(s, "seed", -1), ValueError, r"seed is -1"),
    "a seed that is none": (lambda s: changed(s, "seed", "x"), TypeError, r"seed is 'x'"),
    "history of text": (lambda s: changed(s, "history", {"entries": {"loss": ["x"]}}), ValueError, r"lists of numbers"),
    "no history": (lambda s: changed(s, "history", None), ValueError, r"history is None"),
    "a schedule that is none": (lambda s: changed(s, "schedule", 3), ValueError, r"schedule's state is 3"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_changes_nothing(case):
    make, kind, message = WRONG[case]
    source, world = trainer(), trainer(seed=9)
    source.fit(*data(), epochs=2)
    world.fit(*data(), epochs=1)
    before = everything(world)
    with pytest.raises(kind, match=message):
        world.load_state_dict(make(source.state_dict()))
    assert_same(everything(world), before)


def test_schedule_is_yes_or_no():
    world = trainer()
    with pytest.raises(TypeError, match=r"\[Trainer.load_state_dict\] schedule is 1 but must be True or False"):
        world.load_state_dict(world.state_dict(), schedule=1)


OTHERS = {
    "wider": (lambda: trainer(width=10), r"holds another architecture: .*out_features is 9 in the file and 10"),
    "another dtype": (
        lambda: trainer(dtype="float32"),
        r"holds another architecture: model.dtype is 'float64'",
    ),
    "another optimizer": (lambda: trainer("SGD"), r"does not fit: .*momentum_buffer of 0.weight is missing"),
    "other groups": (
        lambda: lm.Trainer(
            model := network(),
            nn.MSELoss(),
            optim.Adam([{"params": model.parameters()[:1]}, {"params": model.parameters()[1:]}]),
        ),
        r"does not fit: .*other parameter groups",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_files_of_other_trainers(case, path):
    make, message = OTHERS[case]
    trainer().save(path)
    world = make()
    world.fit(*data())
    before = everything(world)
    with pytest.raises(ValueError, match=r"^\[Trainer.load\] .*run.safetensors " + message):
        world.load(path)
    assert_same(everything(world), before)


def test_a_truncated_file_at_any_length(path):
    source, world = trainer(), trainer(seed=9)
    source.fit(*data())
    source.save(path)
    whole = path.read_bytes()
    before = everything(world)
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    for length in sorted({0, 7, 8, 9, header - 1, header, len(whole) - 1, *range(0, len(whole), len(whole) // 20)}):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"^\[Trainer.load\] .*run.safetensors is damaged or no safetensors file"):
            world.load(path)
    assert_same(everything(world), before)


def rewrite(path, change):
    """The file with another state."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, framework="numpy") as file:
        header = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    header["state"] = change(header["state"])
    save_file(tensors, path, metadata=header)


def without(key):
    def change(text):
        state = json.loads(text)
        state["items"] = [entry for entry in state["items"] if entry[0] != key]
        return json.dumps(state)

    return change


STATES = {
    "not JSON": lambda text: text[:-1],
    "a list": lambda text: "[]",
    "nothing": lambda text: "{}",
    "a part missing": without("optimizer"),
    "an array that is not there": lambda text: text.replace("model/0.weight", "model/9.weight"),
    "an array for another": lambda text: text.replace("model/0.weight", "model/0.bias"),
    "entries that are none": lambda text: text.replace('"items": [[', '"items": [["x"], [', 1),
    "a list for a mapping": lambda text: text.replace('["param_groups", [', '["param_groups", 5], ["more", [', 1),
    "no param groups": lambda text: text.replace('"param_groups"', '"groups"', 1),
    "numbers for text": lambda text: text.replace('["seed", 3]', '["seed", 3.5]', 1),
}


@pytest.mark.parametrize("case", STATES)
def test_a_state_that_makes_no_sense(case, path):
    source, world = trainer(), trainer(seed=9)
    source.fit(*data())
    source.save(path)
    before = everything(world)
    rewrite(path, STATES[case])
    with pytest.raises(ValueError, match=r"^\[Trainer.load\] .*run.safetensors "):
        world.load(path)
    assert_same(everything(world), before)


def test_files_of_models_and_trainers_are_told_apart(path):
    world = trainer()
    world.save(path)
    with pytest.raises(ValueError, match=r"was not written by lamella.save \(format 'lamella-trainer-1'\)"):
        lm.load(path)
    lm.save(world.model, path)
    with pytest.raises(ValueError, match=r"was not written by Trainer.save \(format 'lamella-model-1'\)"):
        world.load(path)
    with pytest.raises(FileNotFoundError, match=r"^\[Trainer.load\] there is no file .*gone"):
        world.load(path.parent / "gone")


def test_a_failure_while_writing_leaves_the_old_file(path, monkeypatch):
    world = trainer()
    world.save(path)
    before = path.read_bytes()
    world.fit(*data())

    def fail(*arguments):
        raise OSError("full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="full"):
            world.save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def changing():
    """A layer of each kind with settings that may change at any time."""
    layers = [nn.GaussianNoise(), nn.Linear(5, 4), nn.BatchNorm1d(4), nn.LayerNorm(4), nn.LeakyReLU(), nn.Dropout()]
    return nn.Sequential(*layers, nn.GaussianDropout(), nn.Sparsity(), nn.Normalize(), nn.Linear(4, 2), dtype="float64")


def test_settings_that_were_changed_come_back(path):
    source = trainer(model=changing())
    noise, _, norm, layernorm, relu, dropout, gaussian, sparsity, rows, _ = source.model
    noise.std, norm.momentum, layernorm.eps, relu.negative_slope = 0.2, None, 0.01, 0.3
    dropout.p, gaussian.p, sparsity.l1, rows.eps = 0.25, 0.3, 0.125, 0.5
    source.fit(*data())
    source.save(path)
    world = trainer(model=changing())
    world.load(path)
    assert repr(world.model) == repr(source.model)
    for each in (source, world):
        each.fit(*data())
    assert_same(everything(world), everything(source))
    noise.std, gaussian.p = 0.5, 0.75
    source.load_state_dict(world.state_dict())
    assert repr(world.model) == repr(source.model)
