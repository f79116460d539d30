"""The thread that reads ahead: what it raises is raised in fit, and it ends however fit is left."""

import os
import threading
import time
import traceback

import numpy as np
import pytest

import lamella as lm
from lamella import data, nn, optim
from lamella.trainer.prefetch import Prefetch
from programs import output_of

X, Y = np.random.default_rng(0).standard_normal((100, 3)), np.zeros(100)


def trainer():
    model = nn.Sequential(nn.Linear(3, 1), seed=0)
    return lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "lamella-prefetch"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert readers() == []


def test_in_order_and_only_so_far_ahead():
    made = []

    def items():
        for number in range(20):
            made.append(number)
            yield number

    with Prefetch(lambda _: items(), ahead=2) as ready:
        for number in ready:
            deadline = time.monotonic() + 5
            while len(made) < min(number + 3, 20) and time.monotonic() < deadline:
                time.sleep(0.001)
            assert number + 1 <= len(made) <= number + 4
    assert made == list(range(20))


def test_what_is_no_generator():
    with Prefetch(lambda _: iter([1, 2, 3])) as ready:
        assert list(ready) == [1, 2, 3]
    with Prefetch(lambda _: iter([])) as ready:
        assert list(ready) == []


def test_errors_come_after_what_was_made_before_them():
    def items():
        yield 1
        yield 2
        raise OSError("disk on fire")

    found = []
    with pytest.raises(OSError, match="disk on fire"), Prefetch(lambda _: items()) as ready:
        found.extend(ready)
    assert found == [1, 2]


def test_a_generator_is_closed_on_its_thread():
    closed = []

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.current_thread().name)

    with Prefetch(lambda _: items()) as ready:
        next(ready)
    assert closed == ["lamella-prefetch"]


def test_one_that_takes_long_is_told():
    def slow(closed):
        while not closed():
            time.sleep(0.001)
        yield 0

    with Prefetch(slow):
        assert len(readers()) == 1


def test_a_sources_error_has_its_traceback():
    own = trainer()

    def broken_reader():
        yield X, Y
        raise KeyError("no such shard")

    with pytest.raises(KeyError, match="no such shard") as caught:
        own.fit(broken_reader, epochs=3, batch_size=10)
    assert "broken_reader" in "".join(traceback.format_exception(caught.value))
    assert own.history.epochs == 0
    own.fit(X, Y)  # and it goes on


def test_the_first_batch_and_the_functions_of_batches_raise_too():
    def at_once():
        raise OSError("nothing here")
        yield

    def augment(x, rng):
        raise RuntimeError("too dark")

    with pytest.raises(OSError, match="nothing here"):
        trainer().fit(at_once)
    with pytest.raises(RuntimeError, match="too dark"):
        trainer().fit(X, Y, augment=augment)
    with pytest.raises(RuntimeError, match="StopIteration"):
        trainer().fit(lambda: (next(iter([])) for _ in range(3)))


def test_a_fit_that_fails_ends_the_thread():
    def forever():
        while True:
            yield X, Y

    def stop(epoch, record):
        raise InterruptedError

    def diverges():
        yield X, Y
        while True:
            yield X * 1e30, Y

    with pytest.raises(InterruptedError):
        trainer().fit(data.batches(forever, rows=1000), epochs=5, on_epoch=stop)
    with pytest.raises(lm.DivergenceError, match=r"epoch 0, batch \d+"):
        trainer().fit(diverges, shuffle=False, batch_size=10)


PROGRAM = """
import os, signal, threading, time
import numpy as np
import lamella as lm
from lamella import nn, optim

model = nn.Sequential(nn.Linear(3, 1), seed=0)
trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.001))
x, y = np.ones((1000, 3)), np.zeros(1000)
SLOW = {slow}

def forever():
    for number in range(10**9):
        if number == {at}:
            os.kill(os.getpid(), signal.SIGINT)
        if SLOW and number > {at}:
            time.sleep(0.2)
        yield x, y

try:
    trainer.fit(forever, epochs=3, batch_size=10)
except KeyboardInterrupt:
    left = [thread for thread in threading.enumerate() if thread.name == "lamella-prefetch"]
    print("interrupted", len(left), trainer.history.epochs)
"""


@pytest.mark.parametrize(
    ("at", "slow"), [(1, False), (50, True), (500, False)], ids=["while it starts", "while it waits", "while it trains"]
)
def test_control_c(at, slow):
    assert output_of(PROGRAM.format(at=at, slow=slow), 60, dict(os.environ)) == "interrupted 0 0"


def test_a_program_ends_though_a_source_hangs():
    """A daemon: nobody waits for a read that does not come back."""
    program = """
import threading, time
import numpy as np
from lamella.trainer import prefetch
prefetch._PATIENCE = 0.1

def hangs():
    yield 1
    time.sleep(1000)

with prefetch.Prefetch(lambda _: hangs()) as ready:
    next(ready)
print("over")
"""
    assert output_of(program, 30, dict(os.environ)) == "over"
