"""The promise: the same bits for any number of threads, and whenever the same code runs again."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim

DTYPES = ("float32", "float64")
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.002, momentum=0.5, centered=True),
    "Adam": lambda p: optim.Adam(p, lr=0.002, amsgrad=True, weight_decay=1e-3),
}


pytestmark = pytest.mark.usefixtures("share_all_work", "restore_threads")


def network(dtype="float32", widths=(61, 257, 130, 10)):
    """Odd widths, so that threads' shares are uneven."""
    first, second, third, outputs = widths
    return nn.Sequential(
        nn.Linear(first, second),
        nn.BatchNorm1d(second),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(second, third, bias=False),
        nn.Tanh(),
        nn.Dropout(0.5),
        nn.Linear(third, third),
        nn.Sigmoid(),
        nn.Linear(third, outputs),
        dtype=dtype,
        seed=11,
    )


def data(n=350, width=61, classes=10):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, width)), rng.integers(classes, size=n)


def digest(*arrays):
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def everything(model, trainer, x):
    """All numbers that a training leaves behind."""
    slots = [v for entry in trainer.optimizer.state_dict()["state"].values() for v in entry.values()]
    history = [np.array(v) for key, v in trainer.history.items() if key != "seconds"]
    gradients = [p.grad for p in model.parameters()]
    return digest(*model.state_dict().values(), *slots, *history, *gradients, model.predict(x))


def train(name="Adam", dtype="float32", epochs=3, model=None, **options):
    model = network(dtype) if model is None else model
    x, y = data()
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS[name](model.parameters()))
    trainer.fit(x, y, epochs=epochs, **{"batch_size": 111, "validation_data": (x, y), **options})
    return everything(model, trainer, x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_has_the_same_bits_for_any_number_of_threads(name, dtype):
    results = []
    for threads in (1, 2, 3, 5):
        lm.set_num_threads(threads)
        results.append(train(name, dtype))
    assert len(set(results)) == 1


LOSSES = {
    "cross-entropy": (nn.CrossEntropyLoss, lambda y: y),
    "binary": (nn.BCEWithLogitsLoss, lambda y: np.eye(10)[y]),
    "squares": (nn.MSELoss, lambda y: np.eye(10)[y]),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_calls_by_hand_have_the_same_bits_for_any_number_of_threads(loss):
    make, encode = LOSSES[loss]
    x, y = data()
    results = []
    for threads in (1, 2, 3):
        lm.set_num_threads(threads)
        model, criterion = network(), make()
        optimizer = OPTIMIZERS["Adam"](model.parameters())
        seen = []
        for _ in range(3):
            outputs = model(x)
            seen += [outputs, np.array(criterion(outputs, encode(y))), criterion.backward()]
            seen.append(model.backward(seen[-1]))
            optimizer.step()
        results.append(digest(*seen, *model.state_dict().values(), model.eval()(x), model.backward(seen[2])))
    assert len(set(results)) == 1


def test_large_products_have_the_same_bits_for_any_number_of_threads():
    """Sizes beyond one block of the products in each direction: rows, columns and the sum between them."""
    x, y = data(1100, 1000)
    results = []
    for threads in (1, 2, 3):
        lm.set_num_threads(threads)
        model = network(widths=(1000, 999, 530, 10))
        trainer = lm.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["SGD"](model.parameters()))
        trainer.step(x, y)
        trainer.step(x, y)
        results.append(everything(model, trainer, x))
    assert len(set(results)) == 1


def test_threads_may_change_in_the_middle():
    def change(epoch, record):
        lm.set_num_threads((2, 1, 3)[epoch % 3])

    assert train(epochs=4, on_epoch=change) == train(epochs=4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_running_again_gives_the_same_bits(name, dtype):
    assert train(name, dtype) == train(name, dtype)


def test_different_things_have_different_digests():
    """That the comparisons here can fail at all."""
    assert len({train(epochs=1), train(epochs=2), train("SGD"), train(), train(dtype="float64")}) == 5


PROGRAM = """
import os, sys
sys.path.insert(0, sys.argv[1])
import numpy
import lamella
import test_determinism as here
tasks = len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else None
before = here.train(epochs=2)
if tasks is not None and lamella.get_num_threads() > 1:
    assert len(os.listdir("/proc/self/task")) == tasks + lamella.get_num_threads() - 1, "threads were not used"
print(lamella.get_num_threads(), before)
"""


def in_a_process(**environment):
    """(threads, digest) of the training in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, os.path.dirname(__file__)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    threads, result = done.stdout.split()
    return int(threads), result


def test_another_process_gives_the_same_bits():
    """Whatever its threads and its order of hashes; the program also checks that threads were started at all."""
    expected = train(epochs=2)
    one = in_a_process(OMP_NUM_THREADS="1", PYTHONHASHSEED="1")
    assert one == (1, expected)
    _, result = in_a_process(OMP_NUM_THREADS="64", PYTHONHASHSEED="2")
    assert result == expected


# Epochs.


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_epochs_are_one_and_one(name, shuffle):
    x, y = data()
    results = []
    for calls in ([4], [1, 3], [2, 2], [1, 0, 1, 1, 1]):
        model = network()
        trainer = lm.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS[name](model.parameters()))
        histories = [trainer.fit(x, y, epochs=n, batch_size=111, shuffle=shuffle) for n in calls]
        assert [history.epochs for history in histories] == calls
        losses = [loss for history in histories for loss in history.get("loss", [])]
        assert trainer.history["loss"] == losses
        results.append(everything(model, trainer, x))
    assert len(set(results)) == 1


def test_stopping_early_is_training_for_fewer_epochs():
    assert train(epochs=10, on_epoch=lambda epoch, record: epoch == 2) == train(epochs=3)


def test_validation_changes_nothing():
    models = [network(), network()]
    train(model=models[0])
    train(model=models[1], validation_data=None)
    assert digest(*models[0].state_dict().values()) == digest(*models[1].state_dict().values())


def fit_and_steps(n, batch_size, drop_last, batches):
    """The same rows through fit, in order, and through step by the given slices."""
    x, y = data(n)
    models = [network(), network()]
    trainers = [lm.Trainer(m, nn.CrossEntropyLoss(), OPTIMIZERS["Adam"](m.parameters())) for m in models]
    history = trainers[0].fit(x, y, 2, batch_size=batch_size, shuffle=False, drop_last=drop_last)
    losses = [[trainers[1].step(x[a:b], y[a:b]) for a, b in batches] for _ in range(2)]
    rows = [b - a for a, b in batches]
    np.testing.assert_allclose(history["loss"], [np.average(epoch, weights=rows) for epoch in losses], rtol=1e-12)
    assert digest(*models[0].state_dict().values()) == digest(*models[1].state_dict().values())


BATCHES = {
    "whole batches": (90, 30, False, [(0, 30), (30, 60), (60, 90)]),
    "a last, smaller batch": (100, 30, False, [(0, 30), (30, 60), (60, 90), (90, 100)]),
    "dropped": (100, 30, True, [(0, 30), (30, 60), (60, 90)]),
    "nothing to drop": (90, 30, True, [(0, 30), (30, 60), (60, 90)]),
    "a last row joins, for the norm": (91, 30, False, [(0, 30), (30, 60), (60, 91)]),
    "two last rows are a batch": (92, 30, False, [(0, 30), (30, 60), (60, 90), (90, 92)]),
    "a last row dropped": (91, 30, True, [(0, 30), (30, 60), (60, 90)]),
    "fewer rows than a batch": (20, 30, False, [(0, 20)]),
    "fewer rows, dropping": (20, 30, True, [(0, 20)]),  # the batch is then of 20
    "one row more than a batch": (31, 30, False, [(0, 31)]),
}


@pytest.mark.parametrize("case", BATCHES)
def test_how_fit_cuts_the_data(case):
    fit_and_steps(*BATCHES[case])


def test_a_shuffled_epoch_that_drops_leaves_out_other_rows_each_time():
    class Rows:
        def __init__(self):
            self.seen = []

        def forward(self, x):
            self.seen.append(x[:, 0].copy())
            return x

        def backward(self, dy):
            return dy

    body = Rows()
    model = nn.Sequential(body, nn.Linear(1, 1))
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))
    trainer.fit(np.arange(100.0)[:, None], np.zeros(100), epochs=5, batch_size=30, drop_last=True)
    assert [len(rows) for rows in body.seen] == [30] * 15
    epochs = [np.concatenate(body.seen[3 * e : 3 * e + 3]) for e in range(5)]
    assert all(len(set(rows)) == 90 for rows in epochs)
    assert len({tuple(sorted(set(range(100)) - set(rows))) for rows in epochs}) == 5
