"""Data, models and searches that these tests share."""

import numpy as np

import lamella as lm
from lamella import nn, optim, space

N = 60


def data(n=N, seed=0):
    """XOR of two signs, with noise columns: nothing for a linear model."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4))
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int64)


def line(n=N, seed=0):
    """A linear problem: from the same first weights, the higher the rate (up to 0.03), the lower the loss."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4))
    return x, x @ np.array([1.0, -2.0, 0.5, 1.5])


def network(width, activation=nn.Tanh, norm=False, p=0.1):
    norms = [nn.BatchNorm1d(width)] if norm else []
    layers = [nn.Linear(4, width), *norms, activation(), nn.Dropout(p), nn.Linear(width, 2)]
    return nn.Sequential(*layers, dtype="float64")


def linear():
    return nn.Sequential(nn.Linear(4, 1), dtype="float64", seed=0)


SPACE = {
    "width": space.Integer(3, 20, log=True),
    "activation": [nn.Tanh, nn.ReLU],
    "lr": space.LogUniform(1e-3, 0.1),
    "dropout": space.Uniform(0, 0.4),
    "betas": (1 - space.LogUniform(0.02, 0.3), 0.99),
    "batch_size": [8, 16],
}


def search(settings=None, x=None, y=None, n=8, **arguments):
    """A small search of everything."""
    if x is None:
        x, y = data()
    given = {"loss": nn.CrossEntropyLoss(), "optimizer": optim.Adam, **arguments}
    if "budget" not in given:
        given.setdefault("epochs", 3)
    n = None if isinstance(settings, list) else n
    return lm.search(given.pop("factory", network), SPACE if settings is None else settings, x, y, n, **given)


def rates(count=9, seed=0):
    """Settings of a search on `line`, in random order: the best is the highest rate."""
    return [{"lr": float(lr)} for lr in np.random.default_rng(seed).permutation(np.geomspace(1e-4, 0.03, count))]


def rate_search(settings, **arguments):
    x, y = line()
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "factory": linear, "cv": 2, "batch_size": 30, **arguments}
    return search(settings, x, y, **given)


def assert_same_trials(first, second):
    """Bit for bit."""
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert (a.number, a.settings, a.state, a.rung, a.seed) == (b.number, b.settings, b.state, b.rung, b.seed)
        assert a.scores == b.scores
        for one, other in zip(a.histories, b.histories, strict=True):
            assert {k: v for k, v in one.items() if k != "seconds"} == {
                k: v for k, v in other.items() if k != "seconds"
            }
