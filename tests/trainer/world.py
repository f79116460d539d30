"""Data and trainers that these tests share."""

import numpy as np

import lamella as lm
from lamella import nn, optim

N = 67


class Identity:
    """A layer in Python: such models train step by step, by hand."""

    def forward(self, x):
        return x

    def backward(self, dy):
        return dy


def data(n=N, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 5))
    return x, np.stack([x @ rng.standard_normal(5), np.sin(x[:, 0])], axis=1)


def labelled(n=N):
    x, y = data(n)
    return x, (y[:, 0] > 0).astype(np.int64) + (y[:, 1] > 0.5)


def network(outputs=2, python=False, dtype="float64", seed=3, width=9):
    """Everything that has state: a norm, dropout; perhaps a layer in Python."""
    return nn.Sequential(
        nn.Linear(5, width),
        nn.BatchNorm1d(width),
        nn.Tanh(),
        nn.Dropout(0.2),
        *([Identity()] if python else []),
        nn.Linear(width, outputs),
        seed=seed,
        dtype=dtype,
    )


OPTIMIZERS = {
    "SGD": lambda model, lr=0.05: optim.SGD(model.parameters(), lr=lr, momentum=0.9),
    "Adam": lambda model, lr=0.01: optim.Adam(model.parameters(), lr=lr),
    "RMSprop": lambda model, lr=0.01: optim.RMSprop(model.parameters(), lr=lr, momentum=0.5),
}


def trainer(kind="Adam", loss=nn.MSELoss, model=None, **options):
    model = network(**options) if model is None else model
    return lm.Trainer(model, loss(), OPTIMIZERS[kind](model))


def everything(trainer):
    """All that a training changes, flat."""
    updates = trainer.optimizer.state_dict()
    slots = {f"{i} {k}": v for i, entry in updates["state"].items() for k, v in entry.items()}
    groups = {f"group {i} {k}": v for i, group in enumerate(updates["param_groups"]) for k, v in group.items()}
    fields = {
        f"{name} {field}": value
        for name, module in trainer.model.named_modules()
        if module.settings is not None
        for field, value in module.settings.detach().items()
    }
    gradients = {f"grad {name}": p.grad.copy() for name, p in trainer.model.named_parameters()}
    entries = {f"history {k}": v for k, v in trainer.history.items() if k != "seconds"}
    return {**trainer.model.state_dict(), **slots, **groups, **fields, **gradients, **entries}


def assert_same(first, second):
    """Bit for bit."""
    assert list(first) == list(second)
    for key, value in first.items():
        np.testing.assert_array_equal(value, second[key], err_msg=key)
