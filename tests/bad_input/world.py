"""A trained model to try wrong inputs on, and the checks that they are refused and change nothing."""

import functools

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim

N = 20


class World:
    """A model that has been trained a little, and data that fits it."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.x, self.y = rng.standard_normal((N, 6)), rng.integers(3, size=N)
        self.model = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3), seed=1
        )
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)
        self.trainer = lm.Trainer(self.model, self.loss, self.optimizer)
        self.trainer.fit(self.x, self.y, epochs=2)

    def contents(self):
        """All that a failed call could have half changed, flat."""
        state = self.optimizer.state_dict()
        slots = {f"{i} {k}": v for i, entry in state["state"].items() for k, v in entry.items()}
        settings = {f"group {k}": v for group in state["param_groups"] for k, v in group.items()}
        gradients = {f"grad {k}": p.grad.copy() for k, p in self.model.named_parameters()}
        modes = {f"mode {k}": m.training for k, m in self.model.named_modules()}
        history = {"epochs": self.trainer.history.epochs}
        return {**self.model.state_dict(), **gradients, **slots, **settings, **modes, **history}


@functools.cache
def undisturbed():
    """Contents of such a world, its next loss and its weights after that."""
    world = World()
    contents = world.contents()
    return contents, world.trainer.step(world.x, world.y), world.model.state_dict()


def assert_untouched(world):
    """Its contents, and what it does next, are those of a world that saw no error."""
    contents, loss, after = undisturbed()
    for key, value in world.contents().items():
        np.testing.assert_array_equal(value, contents[key], err_msg=key)
    assert world.trainer.step(world.x, world.y) == loss  # the dropout's step, too
    for key, value in world.model.state_dict().items():
        np.testing.assert_array_equal(value, after[key], err_msg=key)


def refuse(world, call, kind, message):
    with pytest.raises(kind, match=message) as caught:
        call(world)
    text = str(caught.value.args[0])
    assert text.startswith("["), f"the message does not say where: {text}"
    assert len(text) < 1000
    assert_untouched(world)


def with_row_of(value):
    x = np.random.default_rng(0).standard_normal((N, 6))
    x[7, 2] = value
    return x


def sparse():
    return pytest.importorskip("scipy.sparse").csr_matrix(np.ones((N, 6)))


def parameters():
    return nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3)).parameters()
