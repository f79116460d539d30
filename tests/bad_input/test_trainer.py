"""The other arguments of models and trainers, their batches of one row, and trainings that go wrong."""

import numpy as np
import pytest

import lamella as lm
from bad_input.world import World, assert_untouched, refuse, with_row_of
from lamella import nn, optim

# The rest of what models and trainers take.

CALLS = {
    "epochs negative": (lambda w: w.trainer.fit(w.x, w.y, epochs=-1), ValueError, r"epochs is -1 but .*at least 0"),
    "epochs a fraction": (lambda w: w.trainer.fit(w.x, w.y, epochs=1.5), TypeError, r"epochs is 1.5 .*an integer"),
    "epochs a bool": (lambda w: w.trainer.fit(w.x, w.y, epochs=True), TypeError, r"epochs is True .*an integer"),
    "epochs text": (lambda w: w.trainer.fit(w.x, w.y, epochs="3"), TypeError, r"epochs is '3' .*an integer"),
    "batch_size zero": (lambda w: w.trainer.fit(w.x, w.y, batch_size=0), ValueError, r"batch_size is 0 .*at least 1"),
    "batch_size -1": (lambda w: w.trainer.fit(w.x, w.y, batch_size=-1), ValueError, r"batch_size is -1 .*at least 1"),
    "batch_size 2.0": (lambda w: w.trainer.fit(w.x, w.y, batch_size=2.0), TypeError, r"batch_size is 2.0 .*an integer"),
    "predict's 0": (lambda w: w.model.predict(w.x, batch_size=0), ValueError, r"batch_size is 0 .*at least 1"),
    "predict's 1.5": (lambda w: w.model.predict(w.x, batch_size=1.5), TypeError, r"batch_size is 1.5 .*an integer"),
    "predict's None": (lambda w: w.model.predict(w.x, batch_size=None), TypeError, r"batch_size is None .*an integer"),
    "x and y of different length": (
        lambda w: w.trainer.fit(w.x[:-1], w.y),
        ValueError,
        r"y has shape \(20,\) but \(19,\)",
    ),
    "one row for a norm": (
        lambda w: w.model(w.x[:1]),
        ValueError,
        r"\[Sequential\] a training batch has 1 row but layer '?1'? \(BatchNorm1d\) needs at least 2",
    ),
    "one row in step": (
        lambda w: w.trainer.step(w.x[:1], w.y[:1]),
        ValueError,
        r"1 row but layer '?1'? \(BatchNorm1d\)",
    ),
    "one row in fit": (lambda w: w.trainer.fit(w.x[:1], w.y[:1]), ValueError, r"1 row but layer '?1'? \(BatchNorm1d\)"),
    "batches of one": (
        lambda w: w.trainer.fit(w.x, w.y, batch_size=1),
        ValueError,
        r"1 row but layer '?1'? \(BatchNorm1d\)",
    ),
    "on_epoch no function": (lambda w: w.trainer.fit(w.x, w.y, on_epoch=5), TypeError, r"on_epoch is 5"),
    "validation_data x alone": (
        lambda w: w.trainer.fit(w.x, w.y, validation_data=w.x),
        (TypeError, ValueError),
        r"validation_data.*\(x, y\)",
    ),
    "validation_data four": (
        lambda w: w.trainer.fit(w.x, w.y, validation_data=(w.x, w.y, w.y, w.y)),
        (TypeError, ValueError),
        r"validation_data.*\(x, y\)",
    ),
    "validation_data a flag": (
        lambda w: w.trainer.fit(w.x, w.y, validation_data=True),
        (TypeError, ValueError),
        r"validation_data.*\(x, y\)",
    ),
    "Trainer of a class": (
        lambda w: lm.Trainer(nn.Sequential, w.loss, w.optimizer),
        TypeError,
        r"model is .*not the class",
    ),
    "Trainer of a loss class": (
        lambda w: lm.Trainer(w.model, nn.MSELoss, w.optimizer),
        TypeError,
        r"loss is .*must be a Loss \(an instance, not the class\)",
    ),
    "Trainer of an optimizer class": (
        lambda w: lm.Trainer(w.model, w.loss, optim.SGD),
        TypeError,
        r"optimizer is .*must be a Optimizer \(an instance, not the class\)|must be an Optimizer",
    ),
    "Trainer out of order": (
        lambda w: lm.Trainer(w.model, w.optimizer, w.loss),
        TypeError,
        r"loss is .*must be a Loss",
    ),
    "Trainer of nothing": (lambda w: lm.Trainer(None, w.loss, w.optimizer), TypeError, r"model is None"),
    "another model's optimizer": (
        lambda w: lm.Trainer(w.model, w.loss, World().optimizer),
        ValueError,
        r"optimizer \(Adam\) holds parameters that are not this model's: 0.weight, .*model.parameters\(\)",
    ),
    "a larger model's optimizer": (
        lambda w: lm.Trainer(w.model[:2], w.loss, w.optimizer),
        ValueError,
        r"holds parameters that are not this model's: 4.weight, 4.bias",
    ),
    "loss.backward first": (lambda w: nn.MSELoss().backward(), RuntimeError, r"backward\(\) without a loss before it"),
    "a missing layer": (lambda w: w.model.load_state_dict({}), ValueError, r"missing 0.weight, 0.bias"),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls(case, world):
    refuse(world, *CALLS[case])


def test_a_norm_takes_one_row_in_evaluation(world):
    assert world.model.eval()(world.x[:1]).shape == (1, 3)
    world.model.train()
    assert world.model.predict(world.x[:1]).shape == (1, 3)
    assert_untouched(world)


def test_a_last_row_alone_joins_the_batch_before(world):
    """21 rows in batches of 10 would leave one, which a norm refuses."""
    x, y = np.vstack([world.x, world.x[:1]]), np.append(world.y, 0)
    twin = World()
    world.trainer.fit(x, y, batch_size=10, shuffle=False)
    twin.trainer.step(x[:10], y[:10])
    twin.trainer.step(x[10:], y[10:])
    for key, value in world.model.state_dict().items():
        np.testing.assert_array_equal(value, twin.model.state_dict()[key])


# Trainings that go wrong.


@pytest.mark.parametrize("python", [False, True], ids=["native", "with a layer in Python"])
def test_a_loss_that_is_not_finite_ends_fit(python):
    class Identity:
        def forward(self, x):
            return x

        def backward(self, dy):
            return dy

    model = nn.Sequential(nn.Linear(6, 8), *([Identity()] if python else []), nn.Linear(8, 1), seed=1)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=1e8))
    x = np.random.default_rng(0).standard_normal((40, 6))
    message = r"^\[Trainer.fit\] the loss became (nan|inf) at epoch \d, batch \d.*learning rate.*1e\+08"
    with pytest.raises(lm.DivergenceError, match=message):
        trainer.fit(x, np.ones(40), epochs=50, batch_size=8)
    assert trainer.history.epochs < 50
    assert np.isfinite(trainer.history.get("loss", [])).all()
    assert model.predict(x).shape == (40, 1)  # usable, if not useful
    assert issubclass(lm.DivergenceError, ArithmeticError)


def test_step_returns_a_loss_that_is_not_finite(world):
    """It is the caller's loop: nothing is raised."""
    assert np.isnan(world.trainer.step(with_row_of(np.nan), world.y))


def test_an_exception_in_on_epoch_comes_through(world):
    def fail(epoch, record):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        world.trainer.fit(world.x, world.y, epochs=5, on_epoch=fail)
    assert world.trainer.history.epochs == 3  # two before, and the one that ended
