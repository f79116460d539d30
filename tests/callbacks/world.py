"""Trainers that these tests share."""

import lamella as lm
from lamella import nn, optim
from trainer.world import labelled, network

X, Y = labelled()  # 67 rows: 5 steps of 16, the last with 3
HELD_OUT = X[:31] + 0.1, Y[:31]


def learner(lr=0.1, seed=3, python=False):
    """With a norm, dropout and momentum: a state that cannot be guessed from the weights."""
    model = network(3, python=python, seed=seed)
    return lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=lr))


def fit(trainer, epochs=6, **options):
    return trainer.fit(X, Y, epochs=epochs, **{"batch_size": 16, "validation_data": HELD_OUT, **options})
