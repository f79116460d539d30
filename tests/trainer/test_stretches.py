"""Stretches: epochs that fit runs in one native call, against an epoch a call."""

import contextlib
import gc
import sys

import numpy as np
import pytest

import lamella as lm
from lamella import _core, nn, optim
from lamella.optim import schedule
from lamella.trainer import training
from lamella.trainer.training import Training
from population.world import megabytes, python
from test_concurrency import in_threads
from trainer.world import OPTIMIZERS, assert_same, everything, labelled, network

X, Y = labelled()
HELD_OUT = labelled(31, seed=1) if "seed" in labelled.__code__.co_varnames else (X[:31] + 0.1, Y[:31])
WEIGHTS = np.random.default_rng(1).uniform(0, 2, len(X))


def sparse():
    return nn.Sequential(nn.Linear(5, 9), nn.Sigmoid(), nn.Sparsity(0.01, 0.1), nn.Linear(9, 3), seed=3)


#: (model, optimizer's settings, average, options of fit).
CASES = {
    "plain": {},
    "validated": {"fit": {"validation_data": HELD_OUT}},
    "weighted": {"fit": {"validation_data": (*HELD_OUT, WEIGHTS[:31]), "sample_weight": WEIGHTS}},
    "penalties": {"optimizer": {"weight_decay": 0.01, "l1": 0.001}, "fit": {"validation_data": HELD_OUT}},
    "sparsity": {"model": sparse, "optimizer": {"l1": 0.001}},
    "average": {"average": True, "fit": {"validation_data": HELD_OUT}},
    "average, patience": {"average": True, "fit": {"validation_data": HELD_OUT, "patience": 2}, "lr": 0.1},
    "patience": {"fit": {"validation_data": HELD_OUT, "patience": 2}, "lr": 0.1},
    "patience on the accuracy": {"fit": {"monitor": "accuracy", "patience": 2, "min_delta": 0.05}, "lr": 0.1},
    "patience that lasts": {"fit": {"monitor": "loss", "patience": 50}, "lr": 0.1},
    "patience, last weights": {"fit": {"monitor": "loss", "patience": 1, "restore_best": False}, "lr": 0.3},
    "by epoch": {"schedule": lambda o: schedule.ExponentialLR(o, 0.8)},
    "by step": {"schedule": lambda o: schedule.OneCycleLR(o, 0.1, total_steps=60)},
    "by both": {"schedule": lambda o: schedule.Warmup(schedule.CosineAnnealingLR(o, 12), 7)},
    "epochs by step": {"schedule": lambda o: schedule.StepLR(o, 7, 0.5), "fit": {"unit": "step"}},
    "accumulate": {"accumulate": 2, "fit": {"drop_last": True}},
    "in order": {"fit": {"shuffle": False}},
    "float32": {"model": lambda: network(3, dtype="float32"), "fit": {"validation_data": HELD_OUT}},
    "clipping": {"optimizer": {"clip_norm": 0.1}, "fit": {"validation_data": HELD_OUT}},
}


class World:
    """A case's trainer and schedule."""

    def __init__(self, case):
        case = CASES[case] if isinstance(case, str) else case
        model = case.get("model", lambda: network(3))()
        optimizer = optim.Adam(model.parameters(), lr=case.get("lr", 0.01), **case.get("optimizer", {}))
        average = optim.WeightAverage(optimizer, 0.9) if case.get("average") else None
        accumulate = case.get("accumulate", 1)
        self.trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optimizer, accumulate=accumulate, average=average)
        self.options = {"batch_size": 16, **case.get("fit", {})}
        if "schedule" in case:
            self.options["schedule"] = case["schedule"](optimizer)

    def fit(self, epochs):
        return self.trainer.fit(X, Y, epochs=epochs, **self.options)

    def all(self):
        found = everything(self.trainer)
        if self.trainer.average is not None:
            found["average"] = repr(self.trainer.average.state_dict())
        if "schedule" in self.options:
            found["schedule"] = repr(self.options["schedule"].state_dict())
        return {**found, "best": self.trainer.history.best_epoch, "stopped": self.trainer.history.stopped}


@pytest.fixture
def stretches(monkeypatch):
    """How many epochs each native call was asked for."""
    asked = []
    begin = Training.begin

    def noted(self):
        stretch = begin(self)
        if stretch is not None:
            asked.append(self)
        return stretch

    monkeypatch.setattr(Training, "begin", noted)
    return asked


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_an_epoch_a_call(name, stretches, monkeypatch):
    native, single = World(name), World(name)
    history = native.fit(12)
    assert len(stretches) == 1
    monkeypatch.setattr(Training, "_measures_natively", lambda _: False)
    single.fit(12)
    assert len(stretches) == 1 + history.epochs
    assert_same(native.all(), single.all())


@pytest.mark.parametrize("name", [name for name in CASES if "patience" not in name])
def test_seven_epochs_are_seven_times_one(name):
    """The schedule goes on from call to call."""
    at_once, in_turn = World(name), World(name)
    at_once.fit(7)
    for _ in range(7):
        in_turn.fit(1)
    assert_same(at_once.all(), in_turn.all())


@pytest.mark.parametrize("name", ["by step", "by both", "by epoch"])
@pytest.mark.parametrize("rows", [1, 5, 6, 11, 4096])
def test_timetables_in_parts(rows, name, stretches, monkeypatch):
    """A table of rates has so many rows at most, and an epoch's at least."""
    monkeypatch.setattr(training, "_TABLE_ROWS", rows)
    parts, whole = World(name), World(name)
    parts.fit(12)
    epochs = min(12, max(1, rows // (1 if name == "by epoch" else 5)))
    assert len(stretches) == -(-12 // epochs)
    monkeypatch.undo()
    whole.fit(12)
    assert_same(parts.all(), whole.all())


def test_rates_by_step_are_those_of_the_schedule():
    """The last of each epoch is in the history."""
    world = World("by step")
    history = world.fit(12)
    plan = World("by step").options["schedule"]
    assert history["lr"] == [plan.rates(5 * epoch + 4)[0] for epoch in range(12)]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_on_epoch_changes_nothing_by_itself(kind):
    def fit(**options):
        model = network(3)
        own = lm.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS[kind](model))
        own.fit(X, Y, epochs=5, validation_data=HELD_OUT, **options)
        return everything(own)

    assert_same(fit(), fit(on_epoch=lambda epoch, record: None))


INTERRUPTED = """
x, y = labelled(400)
def fail(number, frame):
    raise TimeoutError("mine")
signal.signal(signal.SIGALRM, fail)
def trainer():
    model = small(seed=1)
    return lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
own, again = trainer(), trainer()
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    own.fit(x, y, epochs=10**7, batch_size={batch}, validation_data=(x, y){options})
except TimeoutError as error:
    print(error)
assert own.history.epochs > 1
again.fit(x, y, epochs=own.history.epochs, batch_size={batch}, validation_data=(x, y))
for key in ("loss", "accuracy", "val_loss", "val_accuracy", "lr"):
    assert own.history[key] == again.history[key], key
if {batch} == 400:  # no epoch was begun and not completed
    assert all((a == b).all() for a, b in zip(own.model.state_dict().values(), again.model.state_dict().values()))
assert own.fit(x, y, epochs=2).epochs == 2
"""


@pytest.mark.parametrize("options", ["", ", patience=10**6"])
@pytest.mark.parametrize("batch", [16, 400])
def test_an_interrupt_leaves_the_complete_epochs(batch, options):
    assert python(INTERRUPTED.format(batch=batch, options=options)) == "mine"


def test_an_interrupted_schedule_goes_on_from_the_complete_epochs():
    program = """
x, y = labelled(400)
def fail(number, frame):
    raise TimeoutError("mine")
signal.signal(signal.SIGALRM, fail)
model = small(seed=1)
optimizer = optim.SGD(model.parameters(), lr=0.1)
plan = optim.schedule.ExponentialLR(optimizer, 0.9999)
own = lm.Trainer(model, nn.CrossEntropyLoss(), optimizer)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    own.fit(x, y, epochs=100_000, batch_size=16, schedule=plan)
except TimeoutError as error:
    print(error)
n = own.history.epochs
assert n > 1
assert np.isclose(optimizer.param_groups[0]["lr"], 0.1 * 0.9999**n, rtol=1e-9)
assert np.isclose(own.fit(x, y, schedule=plan)["lr"][0], 0.1 * 0.9999**n, rtol=1e-9)
"""
    assert python(program) == "mine"


class Late:
    """Raises at that line within ``Training._note``, counted over all that it calls."""

    def __init__(self, line, monkeypatch):
        self.left = line
        note = training.Training._note

        def noting(*args):
            sys.settrace(self.trace)
            try:
                return note(*args)
            finally:
                sys.settrace(None)

        monkeypatch.setattr(training.Training, "_note", noting)

    def trace(self, frame, event, argument):
        if event == "line" and self.left > 0:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self.trace


@pytest.mark.parametrize("options", [{}, {"mixup": 0.2}])
def test_an_interrupt_while_epochs_are_noted(options, monkeypatch):
    """At whatever line it comes, history and schedule are of the same epochs: of all, if they were one stretch."""

    def make():
        model = network(3)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        return lm.Trainer(model, nn.CrossEntropyLoss(), optimizer), optim.StepLR(optimizer, step_size=2)

    epochs = 2 if options else 5
    reference, plan = make()
    reference.fit(X, Y, epochs=epochs, schedule=plan, **options)
    for line in range(1, 10_000, 2):
        own, plan = make()
        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            late = Late(line, patch)
            own.fit(X, Y, epochs=epochs, schedule=plan, **options)
        n = own.history.epochs
        assert n == plan.last_epoch, line
        assert n == epochs or options
        assert all(values == reference.history[key][:n] for key, values in own.history.items() if key != "seconds")
        assert own.optimizer.lr == pytest.approx(0.1 * 0.1 ** (n // 2)), line
        if late.left > 0:
            break
    assert line > 20


def test_divergence_in_the_middle_notes_the_epochs_before():
    model = nn.Sequential(nn.Linear(5, 3), seed=1)
    own = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.3))
    with pytest.raises(lm.DivergenceError, match=r"\[Trainer.fit\] the loss became (inf|nan) at epoch (\d+)") as caught:
        own.fit(100 * X, np.eye(3)[Y], epochs=1000)
    assert own.history.epochs > 0
    assert f"at epoch {own.history.epochs}," in str(caught.value)
    assert np.isfinite(own.history["loss"]).all()


def test_validation_that_is_not_finite_is_noted():
    """It ends nothing, and is no improvement."""
    model = nn.Sequential(nn.Linear(5, 3), seed=1)
    own = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=1e-3))
    far = np.full((3, 5), 3e38), np.zeros((3, 3))
    history = own.fit(X, np.eye(3)[Y], epochs=9, validation_data=far, patience=4)
    assert not np.isfinite(history["val_loss"]).any()
    assert (history.epochs, history.best_epoch, history.stopped) == (4, None, "patience")


def test_many_fits_hold_nothing():
    """Neither objects nor memory; arrays of a call are let go of."""
    model = network(3)
    own = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
    x, y = np.tile(X, (300, 1)), np.tile(Y, 300)  # 800 kB

    def once():
        own.fit(x.copy(), y, batch_size=4096, validation_data=(x[:99].copy(), y[:99]), patience=1)

    for _ in range(20):
        once()
    gc.collect()
    objects, before = len(gc.get_objects()), megabytes()
    for _ in range(100):
        once()
    gc.collect()
    assert len(gc.get_objects()) - objects < 50
    assert megabytes() - before < 8  # 100 copies would be 80 MB


def test_a_stretch_keeps_its_arrays():
    """They may go before it runs."""
    memory = network(3)
    own = lm.Trainer(memory, nn.CrossEntropyLoss(), optim.Adam(memory.parameters()))
    own.fit(X, Y)
    step, samples = own._step, own._training_samples(X, Y, None, "test")
    stretch = step.stretch(samples, samples.target.copy(), training.Taken(np.arange(5)), 3, 2, drop_last=False)
    places = np.array([step.rate_place])
    stretch.timetable(places, np.full((6, 1), 0.5), by_step=True)
    del samples, places
    gc.collect()
    stretch.run()
    assert stretch.records["lr"] == [0.5] * 3
    assert stretch.ending == _core.Ending.complete


def test_one_trainer_fitted_from_two_threads_stays_sound():
    """Whose steps come when is not promised; that all epochs are noted and nothing breaks is."""
    model = network(3)
    own = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))

    def fit():
        for _ in range(20):
            own.fit(X, Y, epochs=5, batch_size=16, validation_data=HELD_OUT)

    in_threads(fit, fit, lambda: [own.predict(X) for _ in range(50)])
    assert own.history.epochs == 200
    assert np.isfinite(own.predict(X)).all()
