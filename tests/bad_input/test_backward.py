"""Wrong gradients, and a backward with no forward before it, are refused."""

import numpy as np
import pytest

from bad_input.world import N, World, sparse
from lamella import nn

GRADIENTS = {
    "too few rows": (
        lambda: np.ones((N - 1, 3)),
        ValueError,
        r"dy has shape \(19, 3\) but the last output was \(20, 3\)",
    ),
    "too wide": (lambda: np.ones((N, 4)), ValueError, r"dy has shape \(20, 4\) but the last output was \(20, 3\)"),
    "transposed": (lambda: np.ones((3, N)), ValueError, r"dy has shape \(3, 20\)"),
    "flat": (lambda: np.ones(3 * N), ValueError, r"dy has shape \(60,\)"),
    "a number": (lambda: 1.0, ValueError, r"dy has shape \(\)"),
    "text": (lambda: np.full((N, 3), "a"), TypeError, r"dy has dtype <U1 but numbers are expected"),
    "complex": (lambda: np.ones((N, 3), complex), TypeError, r"dy has dtype complex128"),
    "nothing": (lambda: None, (TypeError, ValueError), r"dy "),
    "masked": (lambda: np.ma.masked_less(np.ones((N, 3)), 2), TypeError, r"dy is a masked array"),
    "sparse": (sparse, TypeError, r"dy is a sparse matrix"),
}


@pytest.mark.parametrize("case", GRADIENTS)
def test_gradients(case, world):
    """The forward before it is still there to go back through."""
    make, kind, message = GRADIENTS[case]
    value, twin = make(), World()
    for each in (world, twin):
        each.model.zero_grad()
        each.model(each.x)
    with pytest.raises(kind, match=rf"^\[Sequential\] {message}"):
        world.model.backward(value)
    dy = np.ones((N, 3))
    np.testing.assert_array_equal(world.model.backward(dy), twin.model.backward(dy))
    for one, other in zip(world.model.parameters(), twin.model.parameters(), strict=True):
        np.testing.assert_array_equal(one.grad, other.grad)


def test_backward_without_forward():
    for model in (nn.Sequential(nn.Linear(6, 3)), nn.Linear(6, 3), nn.ReLU()):
        with pytest.raises(RuntimeError, match=r"^\[\w+\] backward\(\) without a forward before it: call the model"):
            model.backward(np.ones((N, 3)))


def test_backward_twice(world):
    world.model(world.x)
    world.model.backward(np.ones((N, 3)))
    gradients = [p.grad.copy() for p in world.model.parameters()]
    with pytest.raises(RuntimeError, match=r"backward\(\) without a forward"):
        world.model.backward(np.ones((N, 3)))
    for parameter, gradient in zip(world.model.parameters(), gradients, strict=True):
        np.testing.assert_array_equal(parameter.grad, gradient)


def test_backward_after_a_step_of_a_trainer_or_a_prediction(world):
    """Those keep nothing to go back through."""
    world.trainer.step(world.x, world.y)
    world.model.predict(world.x)
    with pytest.raises(RuntimeError, match=r"backward\(\) without a forward"):
        world.model.backward(np.ones((N, 3)))
