"""What is monitored of a training by scikit-learn's rules: loss and penalty together; gains that end no waiting."""

import numpy as np
import pytest

from lamella import Trainer, _core, nn, optim
from trainer.world import data, trainer

#: Gains of 1 are enough; the best so far moves with smaller ones only if told.
VALUES = [10, 9.5, 9.0, 8.5, 8.0, 7.0 - 1e-9, 6.5, 6.0, 5.5]


def counted(values, small_gains, patience=3, rises=False):
    """Epochs until it stops, and the best one."""
    memory = nn.Linear(1, 1).store().memory
    stopping = _core.EarlyStopping(memory, [], patience, 1.0, rises, small_gains)
    epochs = 0
    for value in values:
        epochs += 1
        if stopping.stops(-value if rises else value):
            break
    return epochs, stopping.best_epoch


@pytest.mark.parametrize("rises", [False, True])
def test_small_gains(rises):
    assert counted(VALUES, False, rises=rises) == (9, 8)
    assert counted(VALUES, True, rises=rises) == (4, 3)
    assert counted([5, np.nan, 4.5, np.nan, 1, 2, 3, 4], True, rises=rises) == (4, 2)


def small_gain_epochs(losses, tol, patience):
    """scikit-learn's rule: epochs until more than ``patience`` in a row are no better than the best by tol."""
    best, waited = np.inf, 0
    for epoch, loss in enumerate(losses):
        waited = waited + 1 if loss > best - tol else 0
        best = min(best, loss)
        if waited > patience:
            return epoch + 1
    return len(losses)


@pytest.mark.parametrize("seed", range(5))
def test_small_gains_follow_the_rule(seed):
    losses = np.cumsum(np.random.default_rng(seed).normal(-0.4, 1, 200))
    assert counted(losses, True, patience=4)[0] == small_gain_epochs(losses, 1.0, 3)


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_objective_is_loss_and_penalty(weight_decay, by_hand):
    world = trainer("SGD")
    world.optimizer.param_groups[0]["weight_decay"] = weight_decay
    history = world.fit(
        *data(), epochs=4, monitor="objective", patience=9, on_epoch=(lambda *_: False) if by_hand else None
    )
    penalty = history.get("penalty", [0.0] * 4)
    assert history["objective"] == [a + b for a, b in zip(history["loss"], penalty, strict=True)]
    assert (np.array(penalty) > 0).all() == (weight_decay > 0)


def test_objective_of_steps_by_hand():
    class Double:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    model = nn.Sequential(nn.Linear(8, 3), nn.PythonLayer(Double()), seed=0)
    optimizer = optim.SGD(model.parameters(), lr=1e-3, weight_decay=0.1)
    rng = np.random.default_rng(0)
    history = Trainer(model, nn.MSELoss(), optimizer).fit(
        rng.standard_normal((20, 8)), rng.standard_normal((20, 3)), epochs=3, monitor="objective", patience=2
    )
    assert history["objective"] == [a + b for a, b in zip(history["loss"], history["penalty"], strict=True)]
