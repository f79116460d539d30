"""Data, small populations, and scikit-learn estimators that are the same models trained alone."""

import numpy as np

import lamella as lm
from lamella import nn, optim

N, EPOCHS, RATE = 91, 3, 0.02


def data(n=N, seed=0):
    """Features, labels of three classes, two numbers a row, answers to three questions."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 5))
    labels = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] * x[:, 2] > 0.3)
    numbers = np.stack([x[:, 0] - x[:, 3], np.sin(2 * x[:, 1])], axis=1) + 0.1 * rng.standard_normal((n, 2))
    answers = (x[:, :3] + 0.3 * rng.standard_normal((n, 3)) > 0).astype(np.float64)
    return x, labels, numbers, answers


def network(outputs=3, width=8, dtype="float32", seed=None):
    return nn.Sequential(nn.Linear(5, width), nn.Tanh(), nn.Linear(width, outputs), seed=seed, dtype=dtype)


def population(n=7, outputs=3, loss=None, dtype="float32", factory=None, **options):
    factory = (lambda: network(outputs, dtype=dtype)) if factory is None else factory
    loss = nn.CrossEntropyLoss() if loss is None else loss
    return lm.Population(factory, n, loss=loss, optimizer=optim.Adam, settings={"lr": RATE}, **options)


def trained(n=7, outputs=3, loss=None, y=1, samples="bootstrap", **options):
    """On what ``data()`` has in that place."""
    pop = population(n, outputs, loss, **options)
    given = data()
    pop.fit(given[0], given[y], epochs=EPOCHS, samples=samples)
    return pop


def softmax(z):
    e = np.exp(np.float64(z) - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-np.float64(z)))
