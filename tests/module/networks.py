"""Networks, optimizers and data for the tests of modules, and the comparison of states."""

import numpy as np

from lamella import nn, optim

DTYPES = ("float32", "float64")
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "Adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=1e-3),
}


def network(dtype="float32", seed=0):
    """Every layer there is, nested, with odd widths."""
    return nn.Sequential(
        nn.Linear(11, 33),
        nn.BatchNorm1d(33),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Sequential(nn.Linear(33, 17, bias=False), nn.Tanh(), nn.Dropout(0.1)),
        nn.Sigmoid(),
        nn.Linear(17, 4),
        seed=seed,
        dtype=dtype,
    )


def plain(seed=0):
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3), seed=seed)


def data(n=100, width=11, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, width)).astype(np.float32), rng.integers(classes, size=n)


def assert_same_state(a, b):
    """Two models (or state dicts) have the same bits."""
    first, second = (m if isinstance(m, dict) else m.state_dict() for m in (a, b))
    assert list(first) == list(second)
    for key, value in first.items():
        np.testing.assert_array_equal(value, second[key], err_msg=key, strict=True)
