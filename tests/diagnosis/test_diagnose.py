"""Bias, variance and mismatch from errors, and the range test as a function."""

import numpy as np
import pytest

import lamella as lm
from diagnosis.world import classes, network, trainer
from lamella import nn, optim
from trainer.world import assert_same, everything


def kinds(found):
    return [finding.kind for finding in found.findings]


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ({"train": 0.15, "validation": 0.16, "target": 0.01}, ["bias"]),
        ({"train": 0.01, "validation": 0.11, "target": 0.005}, ["variance"]),
        ({"train": 0.15, "validation": 0.30, "target": 0.005}, ["variance", "bias"]),
        ({"train": 0.15, "validation": 0.16, "target": 0.14}, []),
        ({"train": 0.01, "train_dev": 0.015, "validation": 0.10, "target": 0.0}, ["mismatch"]),
        ({"train": 0.01, "train_dev": 0.095, "validation": 0.10, "target": 0.0}, ["variance"]),
        (
            {"train": 0.1, "validation": 0.1, "test": 0.2, "target": 0.1},
            ["overfitting to the validation data"],
        ),
        ({"train": 0.2, "validation": 0.1, "target": 0.2}, ["better on validation than on training data"]),
    ],
)
def test_the_largest_gap_comes_first(errors, expected):
    found = lm.diagnose(**errors)
    assert kinds(found) == expected
    assert found.advice == (found.findings[0].advice if expected else ())
    for kind in expected:
        assert kind in repr(found)


def test_gaps():
    found = lm.diagnose(0.1, 0.3, 0.45, 0.05, train_dev=0.25)
    assert found.bias == pytest.approx(0.05)
    assert found.variance == pytest.approx(0.15)
    assert found.mismatch == pytest.approx(0.05)
    assert found.overfit_to_validation == pytest.approx(0.15)
    assert found.tolerance == pytest.approx(0.045)
    assert not found.reached
    without = lm.diagnose(0.1, 0.3)
    assert without.variance == pytest.approx(0.2)
    assert without.mismatch is without.overfit_to_validation is without.test is without.train_dev is None
    assert without.target == 0


def test_accuracies():
    found = lm.diagnose(0.99, 0.9, target=0.98, accuracy=True)
    assert found.variance == pytest.approx(0.09)
    assert found.bias == pytest.approx(-0.01)
    assert kinds(found) == ["variance"]
    assert lm.diagnose(0.99, 0.985, target=0.98, accuracy=True).reached
    assert "the target is reached" in repr(lm.diagnose(0.99, 0.985, target=0.98, accuracy=True))


def test_what_evaluate_gives():
    world, (x, y) = trainer(), classes()
    world.fit(x[:200], y[:200], epochs=30)
    train, held = world.evaluate(x[:200], y[:200]), world.evaluate(x[200:], y[200:])
    found = lm.diagnose(train, held, target=0.95)
    assert found.train == pytest.approx(1 - train["accuracy"])
    assert found.validation == pytest.approx(1 - held["accuracy"])
    assert found.target == pytest.approx(0.05)
    squared = lm.diagnose({"loss": 3.0, "mse": 2.0}, {"loss": 6.0, "mse": 5.0})
    assert (squared.train, squared.validation) == (2, 5)
    coverage = lm.diagnose({"loss": 3.0, "coverage": 0.5}, {"loss": 6.0, "coverage": 0.5})
    assert (coverage.train, coverage.validation) == (3, 6)


def test_the_tolerance_can_be_set():
    assert kinds(lm.diagnose(0.1, 0.14, target=0.1)) == ["variance"]
    assert kinds(lm.diagnose(0.1, 0.14, target=0.1, tolerance=0.05)) == []


def test_bad_numbers():
    for arguments, options, kind, message in [
        ((0.1, -0.1), {}, ValueError, "validation is -0.1 but must be at least 0"),
        ((0.1, np.nan), {}, ValueError, "validation is nan"),
        ((0.9, 1.1), {"accuracy": True}, ValueError, r"validation is 1.1 but must be in \[0, 1\]"),
        ((0.9, "good"), {}, TypeError, "validation is 'good' but must be a number"),
        ((0.9, {"loss": 1.0}), {}, TypeError, r"some are numbers and some are records \(validation\)"),
        (({"accuracy": 0.9}, {"mse": 1.0}), {}, TypeError, "validation has no 'accuracy', which the others have"),
        ((0.1, 0.2), {"tolerance": -1}, ValueError, "tolerance is -1"),
        ((0.1, 0.2), {"accuracy": 1}, TypeError, "accuracy is 1 but must be True or False"),
    ]:
        with pytest.raises(kind, match=rf"\[diagnose\] {message}"):
            lm.diagnose(*arguments, **options)


def test_the_range_test_is_the_trainers():
    x, y = classes()
    world = trainer()
    before = everything(world)
    by_trainer = world.lr_range_test(x, y, low=1e-5, steps=40)
    for found in (
        lm.lr_range_test(world, x, y, low=1e-5, steps=40),
        lm.lr_range_test(world.model, x, y, world.loss, low=1e-5, steps=40),  # Adam
        lm.lr_range_test(world.model, x, y, world.loss, world.optimizer, low=1e-5, steps=40),
    ):
        np.testing.assert_array_equal(found.losses, by_trainer.losses)
    assert_same(before, everything(world))
    other = lm.lr_range_test(world.model, x, y, world.loss, optim.SGD(world.model.parameters()), low=1e-5, steps=40)
    assert not np.array_equal(other.losses, by_trainer.losses)


def test_the_range_test_takes_a_loss_or_a_trainer():
    x, y = classes()
    with pytest.raises(TypeError, match=r"\[lr_range_test\] the trainer has a loss and an optimizer of its own"):
        lm.lr_range_test(trainer(), x, y, nn.CrossEntropyLoss())
    with pytest.raises(TypeError, match=r"\[lr_range_test\] loss is None but must be a Loss"):
        lm.lr_range_test(network(), x, y)
    with pytest.raises(TypeError, match=r"\[lr_range_test\] model is None but must be a Module"):
        lm.lr_range_test(None, x, y, nn.CrossEntropyLoss())
