"""Schedules in fit: by epoch between native calls and by step within them, the same bits as by hand."""

import numpy as np
import pytest

import lamella as lm
from lamella import _core, nn, optim
from trainer.world import OPTIMIZERS, N, assert_same, data, everything, network, trainer

BATCH, EPOCHS = 8, 4
STEPS = 9  # of an epoch: 67 rows in batches of 8, the last of 3

BY_EPOCH = {
    "StepLR": lambda o: optim.StepLR(o, 2, gamma=0.5),
    "MultiStepLR": lambda o: optim.MultiStepLR(o, [1, 3]),
    "ExponentialLR": lambda o: optim.ExponentialLR(o, 0.9),
    "InverseTimeLR": lambda o: optim.InverseTimeLR(o, 0.5),
    "PiecewiseConstantLR": lambda o: optim.PiecewiseConstantLR(o, [1, 2], [0.1, 0.05, 0.01]),
    "CosineAnnealingLR": lambda o: optim.CosineAnnealingLR(o, EPOCHS),
    "LambdaLR": lambda o: optim.LambdaLR(o, lambda t: 1 / (1 + t)),
    "SequentialLR": lambda o: optim.SequentialLR(o, [optim.ConstantLR(o), optim.ExponentialLR(o, 0.5)], [2]),
    "ChainedScheduler": lambda o: optim.ChainedScheduler([optim.LinearLR(o), optim.StepLR(o, 2)]),
}
BY_STEP = {
    "OneCycleLR": lambda o: optim.OneCycleLR(o, 0.05, total_steps=EPOCHS * STEPS),
    "CyclicLR": lambda o: optim.CyclicLR(o, 0.001, 0.05, step_size_up=5),
    "Warmup": lambda o: optim.Warmup(optim.InverseSqrtLR(o), 11),
    "CosineAnnealingLR": lambda o: optim.CosineAnnealingLR(o, EPOCHS * STEPS),
}


def run_by_hand(make, kind, python=False):
    """The same training step by step, the schedule stepped as ``make`` says: after each batch or each epoch."""
    unit, schedule = make
    world = trainer(kind, python=python)
    schedule = schedule(world.optimizer)
    x, y = data()
    rates = []
    for epoch in range(EPOCHS):
        order = _core.permutation(N, 3, epoch)
        for begin in range(0, N, BATCH):
            rows = order[begin : begin + BATCH]
            rates.append(world.optimizer.lr)
            world.step(x[rows], y[rows])
            if unit == "step":
                schedule.step()
        if unit == "epoch":
            schedule.step()
    return world, schedule, rates


def run_in_fit(make, kind, python=False, **options):
    world = trainer(kind, python=python)
    schedule = make[1](world.optimizer)
    world.fit(*data(), epochs=EPOCHS, batch_size=BATCH, schedule=schedule, **options)
    return world, schedule


CASES = [*[("epoch", name) for name in BY_EPOCH], *[("step", name) for name in BY_STEP]]


@pytest.mark.parametrize("python", [False, True], ids=["native", "with a layer in Python"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize(("unit", "name"), CASES)
def test_fit_has_the_bits_of_a_loop(unit, name, kind, python):
    make = (unit, (BY_EPOCH if unit == "epoch" else BY_STEP)[name])
    by_hand, stepped, rates = run_by_hand(make, kind, python)
    in_fit, schedule = run_in_fit(make, kind, python, unit=unit)
    expected = {k: v for k, v in everything(by_hand).items() if not k.startswith("history")}
    assert_same({k: v for k, v in everything(in_fit).items() if not k.startswith("history")}, expected)
    assert schedule.get_last_lr() == stepped.get_last_lr()
    assert schedule.last_epoch == stepped.last_epoch
    assert in_fit.history["lr"] == rates[STEPS - 1 :: STEPS]
    assert len(set(in_fit.history["lr"])) > 1


@pytest.mark.parametrize("name", ["OneCycleLR", "CyclicLR", "Warmup"])
def test_what_counts_steps_does_so_by_default(name):
    assert BY_STEP[name](trainer("SGD").optimizer).unit == "step"
    default, _ = run_in_fit(("step", BY_STEP[name]), "SGD")
    if name == "Warmup":  # the schedule after it counts epochs
        return
    told, _ = run_in_fit(("step", BY_STEP[name]), "SGD", unit="step")
    assert_same(everything(default), everything(told))


def test_a_warm_up_counts_steps_before_a_schedule_that_counts_epochs():
    world = trainer("SGD")
    schedule = optim.Warmup(optim.StepLR(world.optimizer, 2, gamma=0.5), 11, start_factor=0.1)
    world.fit(*data(), epochs=5, batch_size=BATCH, schedule=schedule)
    assert world.history["lr"] == pytest.approx([0.05 * (0.1 + 0.9 * 8 / 11), 0.05, 0.025, 0.025, 0.0125], rel=1e-12)
    assert world.optimizer.lr == pytest.approx(0.0125)


def test_threads_make_no_difference(restore_threads, share_all_work):
    results = []
    for threads in (1, 2, 3):
        lm.set_num_threads(threads)
        world, _ = run_in_fit(("step", BY_STEP["OneCycleLR"]), "SGD")
        results.append(everything(world))
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])


def test_each_group_has_its_own_base():
    model = network()
    groups = [{"params": model.parameters()[:2]}, {"params": model.parameters()[2:], "lr": 0.001}]
    optimizer = optim.SGD(groups, lr=0.1)
    schedule = optim.Warmup(optim.ExponentialLR(optimizer, 0.5), 3)
    lm.Trainer(model, nn.MSELoss(), optimizer).fit(*data(), epochs=2, batch_size=BATCH, schedule=schedule)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1 * 0.25, 0.001 * 0.25]


def test_a_schedule_goes_on_over_calls():
    whole, _ = run_in_fit(("step", BY_STEP["OneCycleLR"]), "Adam")
    parts = trainer("Adam")
    schedule = BY_STEP["OneCycleLR"](parts.optimizer)
    for epochs in (1, 0, 3):
        parts.fit(*data(), epochs=epochs, batch_size=BATCH, schedule=schedule)
    assert_same(everything(whole), everything(parts))


def test_a_rate_set_by_hand_between_epochs():
    """The schedule goes on in proportion."""
    world = trainer("SGD")
    schedule = optim.ExponentialLR(world.optimizer, 0.5)

    def halve(epoch, record):
        if epoch == 1:
            world.optimizer.lr /= 2

    world.fit(*data(), epochs=4, schedule=schedule, on_epoch=halve)
    assert world.history["lr"] == pytest.approx([0.05, 0.025, 0.00625, 0.003125], rel=1e-12)


def test_without_a_schedule_the_rate_is_written_down():
    world = trainer("SGD")
    world.fit(*data(), epochs=1)
    world.optimizer.lr = 0.01
    world.fit(*data(), epochs=1)
    assert world.history["lr"] == [0.05, 0.01]


# What a schedule watches.


@pytest.mark.parametrize("monitor", ["val_loss", "loss", "mse", "val_mse"])
def test_reduce_on_plateau_watches(monitor):
    world, (x, y) = trainer("SGD"), data()
    schedule = optim.ReduceLROnPlateau(world.optimizer, factor=0.5, patience=0, threshold=0.01)
    world.fit(x, y, epochs=30, validation_data=(x[:20], y[:20]), schedule=schedule, monitor=monitor)
    twin = optim.ReduceLROnPlateau(trainer("SGD").optimizer, factor=0.5, patience=0, threshold=0.01)
    rates = []
    for value in world.history[monitor]:
        rates.append(twin.optimizer.lr)
        twin.step(value)
    assert world.history["lr"] == rates
    assert len(set(rates)) > 2


def test_reduce_on_plateau_after_a_warm_up():
    world, (x, y) = trainer("SGD"), data()
    plateau = optim.ReduceLROnPlateau(world.optimizer, factor=0.5, patience=0, threshold=0.99)  # nothing is better
    world.fit(x, y, epochs=4, batch_size=BATCH, schedule=optim.Warmup(plateau, 5), monitor="loss")
    assert world.history["lr"] == [0.05, 0.05, 0.025, 0.0125]


def test_reduce_on_plateau_rises_with_accuracy():
    world, (x, y) = trainer("SGD", nn.CrossEntropyLoss), (data()[0], np.zeros(N, int))
    schedule = optim.ReduceLROnPlateau(world.optimizer, mode="max", patience=0)
    world.fit(x, y, epochs=3, schedule=schedule, monitor="accuracy")
    with pytest.raises(ValueError, match=r"mode 'min' but accuracy is to rise"):
        world.fit(x, y, schedule=optim.ReduceLROnPlateau(world.optimizer), monitor="accuracy")
    with pytest.raises(ValueError, match=r"mode 'max' but loss is to fall"):
        world.fit(x, y, schedule=optim.ReduceLROnPlateau(world.optimizer, mode="max"), monitor="loss")


# What goes wrong.

WRONG = {
    "a class": (lambda w: {"schedule": optim.StepLR}, TypeError, r"schedule is .*an LRScheduler \(an instance"),
    "a number": (lambda w: {"schedule": 0.1}, TypeError, r"schedule is 0.1 but must be an LRScheduler"),
    "another optimizer's": (
        lambda w: {"schedule": optim.StepLR(trainer().optimizer, 3)},
        ValueError,
        r"schedule \(StepLR\(.*of another optimizer",
    ),
    "a wrong unit": (
        lambda w: {"schedule": optim.StepLR(w.optimizer, 3), "unit": "batch"},
        ValueError,
        r"unit is 'batch' but must be one of 'epoch', 'step'",
    ),
    "nothing to watch": (
        lambda w: {"schedule": optim.ReduceLROnPlateau(w.optimizer)},
        ValueError,
        r"monitor is 'val_loss' but an epoch's record has loss, mse, seconds, lr \(there is no validation_data\)",
    ),
    "watching what is not there": (
        lambda w: {"schedule": optim.ReduceLROnPlateau(w.optimizer), "monitor": "accuracy"},
        ValueError,
        r"monitor is 'accuracy'",
    ),
    "too short": (
        lambda w: {"schedule": optim.OneCycleLR(w.optimizer, 0.1, total_steps=5), "batch_size": 8},
        ValueError,
        r"schedule does not last for 1 epochs of 9 steps: \[OneCycleLR\] step 9 lies beyond total_steps, 5",
    ),
    "a negative rate": (
        lambda w: {"schedule": optim.LambdaLR(w.optimizer, lambda t: 1 - t), "epochs": 3},
        ValueError,
        r"\[LambdaLR\] lr is -0.02 after 3 epochs",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused_before_training(case):
    make, kind, message = WRONG[case]
    world = trainer()
    world.fit(*data(), epochs=1)
    options = make(world)
    before = everything(world)
    with pytest.raises(kind, match=r"^\[Trainer.fit\] .*" + message):
        world.fit(*data(), **options)
    assert_same(everything(world), before)


def test_an_interrupted_epoch_leaves_the_scalars_as_the_groups_show_them():
    world = trainer("SGD", python=True)
    schedule = optim.CyclicLR(world.optimizer, 0.01, 0.1, step_size_up=50)
    body = world.model.layers[4].body
    calls = []

    def fail(dy):
        calls.append(1)
        if len(calls) == 4:
            raise ZeroDivisionError
        return dy

    body.backward = fail
    with pytest.raises(ZeroDivisionError):
        world.fit(*data(), batch_size=BATCH, schedule=schedule)
    for group in world.optimizer.param_groups:
        assert all(block.settings["lr"] == group["lr"] for block in group.blocks)
    assert schedule.last_epoch == 0


def test_steps_per_epoch():
    world = trainer()
    assert world.steps_per_epoch(67, 8) == STEPS
    assert world.steps_per_epoch(67, 8, drop_last=True) == 8
    assert world.steps_per_epoch(65, 8) == 8  # one row alone joins the batch before: the norm needs two
    assert world.steps_per_epoch(64, 8) == 8
    assert world.steps_per_epoch(5, 8) == 1
    model = nn.Sequential(nn.Linear(5, 2))
    assert lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters())).steps_per_epoch(65, 8) == 9
    with pytest.raises(ValueError, match="rows is 0"):
        world.steps_per_epoch(0)
    with pytest.raises(TypeError, match=r"batch_size is 1\.5"):
        world.steps_per_epoch(10, 1.5)
