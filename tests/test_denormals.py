"""Numbers below the smallest normal one, with which processors are slow: training makes none."""

import threading

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim

pytestmark = pytest.mark.usefixtures("share_all_work", "restore_threads")


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "slot"), [("SGD", "momentum_buffer"), ("Adam", "exp_avg"), ("RMSprop", "square_avg")])
def test_averages_of_a_dead_unit_reach_zero(name, slot, dtype, threads):
    """Three quarters of the smallest number round to that number: without flushing, averages would stay there."""
    lm.set_num_threads(threads)
    make = {
        "SGD": lambda p: optim.SGD(p, lr=0.0, momentum=0.75),
        "Adam": lambda p: optim.Adam(p, lr=0.0, betas=(0.75, 0.75)),
        "RMSprop": lambda p: optim.RMSprop(p, lr=0.0, alpha=0.75),
    }[name]
    model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10), dtype=dtype, seed=0)
    optimizer = make(model.parameters())
    trainer = lm.Trainer(model, nn.MSELoss(), optimizer)
    x, y = np.ones((64, 20)), np.zeros((64, 10))
    trainer.step(x, y)
    assert optimizer.state_dict()["state"][0][slot].any()
    for _ in range(3000 if dtype == "float64" else 500):  # 2^-1074 and 2^-149 are the smallest numbers
        trainer.step(np.zeros_like(x), y)
    for entry in (optimizer.state_dict()["state"][i][slot] for i in range(4)):
        small = abs(entry[entry != 0])
        assert not (small < np.finfo(dtype).tiny).any()
    assert not optimizer.state_dict()["state"][0][slot].any()


def test_other_code_keeps_its_own_mode():
    lm.set_num_threads(2)
    model = nn.Sequential(nn.Linear(300, 300), nn.Linear(300, 300), seed=0)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.step(np.ones((128, 300)), np.ones((128, 300)))
    halves = []

    def halve():
        halves.append(np.full(100, np.finfo(np.float32).tiny) / np.float32(2))

    halve()
    other = threading.Thread(target=halve)
    other.start()
    other.join()
    for half in halves:
        assert half.all()
