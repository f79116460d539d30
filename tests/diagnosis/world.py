"""Networks and data that these tests share."""

import numpy as np

import lamella as lm
from lamella import nn, optim


def classes(n=300, width=20, seed=0):
    """Which of the first four features is the largest."""
    x = np.random.default_rng(seed).standard_normal((n, width))
    return x, x[:, :4].argmax(axis=1)


def network(*end, activation=nn.ReLU, init=None, width=20, hidden=64, outputs=4, seed=1, dtype="float32"):
    return nn.Sequential(
        nn.Linear(width, hidden, init=init),
        activation(),
        nn.Dropout(0.5),
        nn.Linear(hidden, hidden, init=init),
        nn.BatchNorm1d(hidden),
        activation(),
        nn.Linear(hidden, outputs),
        *end,
        seed=seed,
        dtype=dtype,
    )


def plain(*layers, seed=0, dtype="float64"):
    return nn.Sequential(*layers, seed=seed, dtype=dtype)


def trainer(model=None, loss=None, lr=1e-3, kind=optim.Adam, **options):
    model = network() if model is None else model
    return lm.Trainer(
        model, nn.CrossEntropyLoss() if loss is None else loss, kind(model.parameters(), lr=lr), **options
    )
