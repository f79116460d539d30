"""The native step on arrays that need no conversion: the numbers of the long way; all else is left alone."""

import threading

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from reference import assert_same_bits


def trainer(loss, outputs=3, dtype="float32"):
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, outputs), seed=0, dtype=dtype)
    return lm.Trainer(model, loss, optim.SGD(model.parameters(), lr=0.1))


CASES = {
    "labels": (nn.CrossEntropyLoss, 3, lambda rng: rng.integers(0, 3, 7)),
    "int32 labels": (nn.CrossEntropyLoss, 3, lambda rng: rng.integers(0, 3, 7).astype(np.int32)),
    "values": (nn.MSELoss, 3, lambda rng: rng.standard_normal((7, 3))),
    "one value": (nn.MSELoss, 1, lambda rng: rng.standard_normal(7)),
    "shares": (nn.BCEWithLogitsLoss, 3, lambda rng: rng.random((7, 3))),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_the_same_bits_as_the_long_way(rng, case, dtype):
    make, outputs, draw = CASES[case]
    x, y = rng.standard_normal((7, 4)).astype(dtype), draw(rng)
    if y.dtype.kind == "f":
        y = y.astype(dtype)
    quick, slow = trainer(make(), outputs, dtype), trainer(make(), outputs, dtype)
    for step in range(4):
        if step > 0:
            assert slow._step.quick(x.tolist(), y) is None
        assert quick.step(x, y) == slow.step(x.tolist() if dtype == "float64" else np.asfortranarray(x), y.tolist())
    for (name, value), other in zip(quick.model.state_dict().items(), slow.model.state_dict().values(), strict=True):
        assert_same_bits(value, other), name


def declined():
    """Arrays that the quick step must leave alone, whatever the long way makes of them."""
    x, y = np.zeros((5, 4), np.float32), np.zeros(5, np.int64)
    unaligned = np.frombuffer(bytearray(5 * 4 * 4 + 1), np.uint8)[1:].view(np.float32).reshape(5, 4)
    return {
        "list": ([[0.0] * 4] * 5, y),
        "other dtype": (x.astype(np.float64), y),
        "swapped bytes": (x.astype(">f4"), y),
        "columns first": (np.asfortranarray(x + np.arange(4, dtype=np.float32)), y),
        "every other row": (np.zeros((10, 4), np.float32)[::2], y),
        "unaligned": (unaligned, y),
        "masked": (np.ma.masked_equal(x, 1), y),
        "matrix": (x.view(np.matrix) if hasattr(np, "matrix") else x.tolist(), y),
        "one row": (x[0], y),
        "no rows": (x[:0], y[:0]),
        "another width": (np.zeros((5, 3), np.float32), y),
        "too few labels": (x, y[:4]),
        "labels as a column": (x, y[:, None]),
        "label too large": (x, y + 3),
        "label too small": (x, y - 1),
        "label beyond 32 bits": (x, y + 2**32),
        "labels as floats": (x, y.astype(np.float32)),
    }


@pytest.mark.parametrize("case", declined())
def test_nothing_is_done_with_what_needs_python(case):
    learner = trainer(nn.CrossEntropyLoss())
    learner.step(np.zeros((5, 4), np.float32), np.zeros(5, np.int64))
    before = {name: value.copy() for name, value in learner.model.state_dict().items()}
    assert learner._step.quick(*declined()[case]) is None
    for name, value in learner.model.state_dict().items():
        assert_same_bits(value, before[name])


def test_shares_outside_the_unit_interval():
    learner = trainer(nn.BCEWithLogitsLoss(), 1)
    x = np.zeros((3, 4), np.float32)
    learner.step(x, np.ones(3, np.float32))
    for wrong in (1.5, -0.1, np.nan):
        assert learner._step.quick(x, np.array([0, wrong, 1], np.float32)) is None


def test_a_change_of_modes_is_seen():
    model = nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.5), nn.Linear(64, 1), seed=0)
    learner = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.0))
    x, y = np.ones((6, 4), np.float32), np.ones(6, np.float32)
    assert learner.step(x, y) != learner.step(x, y)
    model[1].eval()
    assert learner.step(x, y) == learner.step(x, y)
    model[1].train()
    assert learner.step(x, y) != learner.step(x, y)


def test_threads_may_share_a_step(rng):
    learner = trainer(nn.CrossEntropyLoss())
    batches = [(rng.standard_normal((n, 4)).astype(np.float32), rng.integers(0, 3, n)) for n in (3, 2000)]
    learner.step(*batches[0])
    losses = []

    def work(x, y):
        losses.extend(learner.step(x, y) for _ in range(200))

    threads = [threading.Thread(target=work, args=batch) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(losses) == 400
    assert np.isfinite(losses).all()
