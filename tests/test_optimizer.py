"""The updates against PyTorch's algebra in float64, over several steps."""

import numpy as np
import pytest

import reference
from reference import assert_same_bits, f64

#: Around vectors and the threads' grain.
COUNTS = [1, 3, 7, 16, 17, 33, 1023, 1025]
STEPS = 6

#: Settings in the order of the kernels' fields, after the step. An epsilon of 0.1 shows where it is added.
SGD = {"lr": 0.1, "momentum": 0.0, "dampening": 0.0, "nesterov": 0.0, "weight_decay": 0.0}
RMSPROP = {"lr": 0.05, "alpha": 0.9, "eps": 0.1, "weight_decay": 0.0, "momentum": 0.0}
ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 0.1, "weight_decay": 0.0}

#: (optimizer, which of the slots there are, settings).
CASES = {
    "sgd": ("sgd", [False], SGD),
    "sgd_decay": ("sgd", [False], {**SGD, "weight_decay": 0.3}),
    "sgd_momentum": ("sgd", [True], {**SGD, "momentum": 0.9, "weight_decay": 0.3}),
    "sgd_dampening": ("sgd", [True], {**SGD, "momentum": 0.8, "dampening": 0.6}),
    "sgd_nesterov": ("sgd", [True], {**SGD, "momentum": 0.9, "nesterov": 1.0, "weight_decay": 0.3}),
    "rmsprop": ("rmsprop", [True, False, False], RMSPROP),
    "rmsprop_decay": ("rmsprop", [True, False, False], {**RMSPROP, "weight_decay": 0.3}),
    "rmsprop_centered": ("rmsprop", [True, True, False], RMSPROP),
    "rmsprop_momentum": ("rmsprop", [True, False, True], {**RMSPROP, "momentum": 0.7}),
    "rmsprop_all": ("rmsprop", [True, True, True], {**RMSPROP, "momentum": 0.7, "weight_decay": 0.3}),
    "adam": ("adam", [True, True, False], ADAM),
    "adam_decay": ("adam", [True, True, False], {**ADAM, "weight_decay": 0.3}),
    "adam_largest": ("adam", [True, True, True], ADAM),
    "adam_all": ("adam", [True, True, True], {**ADAM, "weight_decay": 0.3}),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def update(kernel, name, arrays, grad, settings, step, threads=1):
    hyper = np.array([step, *settings.values()], np.float64)
    kernel(f"{name}_update", [*arrays, grad], 0, [grad.size], hyper, dtype=grad.dtype, threads=threads)


def start(rng, slots, count, dtype):
    """The value and its slots (None where there is none)."""
    value = rng.standard_normal(count).astype(dtype)
    return [value, *(np.zeros(count, dtype) if present else None for present in slots)]


def gradients(rng, count, dtype):
    """One gradient a step; smaller later, so that the largest second moment is not always the last."""
    return [(rng.standard_normal(count) * 0.6**step).astype(dtype) for step in range(STEPS)]


def train(kernel, name, arrays, grads, settings, threads=1):
    arrays = [None if a is None else a.copy() for a in arrays]
    for step, grad in enumerate(grads, 1):
        update(kernel, name, arrays, grad, settings, step, threads)
    return arrays


def test_steps(kernel, rng, dtype, case):
    name, slots, settings = case
    for count in COUNTS:
        arrays, grads = start(rng, slots, count, dtype), gradients(rng, count, dtype)
        want = f64(*arrays)
        got = train(kernel, name, arrays, grads, settings)
        for step, grad in enumerate(f64(*grads), 1):
            getattr(reference, name)(*want, grad, step, **settings)
        # All arrays and terms are below about 4, and no step has more than 20 roundings, each of half an eps of that.
        # Dividing by a deviation enlarges errors of it at most 1 / eps = 10 times, times lr.
        tolerance = STEPS * 20 * 4 * np.finfo(dtype).eps / 2
        for g, w in zip(got, want, strict=True):
            assert (g is None) == (w is None)
            if g is not None:
                assert abs(w).max() < 8
                np.testing.assert_allclose(g, w, rtol=0, atol=tolerance)


def test_gradient_is_left_alone(kernel, rng, dtype, case):
    name, slots, settings = case
    arrays, (grad, *_) = start(rng, slots, 33, dtype), gradients(rng, 33, dtype)
    before = grad.copy()
    update(kernel, name, arrays, grad, settings, 1)
    assert_same_bits(grad, before)


def test_threads_give_the_same_bits(kernel, rng, dtype, case, threads):
    name, slots, settings = case
    for count in (1, 1025, 5001):
        arrays, grads = start(rng, slots, count, dtype), gradients(rng, count, dtype)[:2]
        many, one = (train(kernel, name, arrays, grads, settings, team) for team in (threads, 1))
        for m, o in zip(many, one, strict=True):
            if m is not None:
                assert_same_bits(m, o)


def test_any_cut_gives_the_same_bits(kernel, rng, dtype, case):
    # An element's update does not depend on how many others an op updates with it.
    name, slots, settings = case
    arrays, grads = start(rng, slots, 40, dtype), gradients(rng, 40, dtype)
    whole = train(kernel, name, arrays, grads, settings)
    for first, last in [(0, 1), (0, 7), (0, 15), (0, 17), (0, 39), (3, 36), (39, 40)]:
        some = [None if a is None else a[first:last] for a in arrays]
        part = train(kernel, name, some, [g[first:last] for g in grads], settings)
        for p, w in zip(part, whole, strict=True):
            if p is not None:
                assert_same_bits(p, w[first:last])


def test_first_momentum_is_the_gradient(kernel, dtype):
    # Without dampening, and whatever the slot held.
    value, velocity, grad = np.zeros(5, dtype), np.full(5, 9, dtype), np.arange(5, dtype=dtype)
    settings = {**SGD, "lr": 1.0, "momentum": 0.5, "dampening": 0.5}
    update(kernel, "sgd", [value, velocity], grad, settings, 1)
    np.testing.assert_array_equal(velocity, grad)
    np.testing.assert_array_equal(value, -grad)
    update(kernel, "sgd", [value, velocity], grad, settings, 2)
    np.testing.assert_array_equal(velocity, grad)  # 0.5 g + 0.5 g
    np.testing.assert_array_equal(value, -2 * grad)


def test_first_step_of_adam_is_the_learning_rate(kernel, rng, dtype):
    # Bias correction makes it lr * sign(g), whatever the size of g.
    grad = (rng.choice([-1, 1], 50) * 10.0 ** rng.uniform(-3, 3, 50)).astype(dtype)
    arrays = [np.zeros(50, dtype), np.zeros(50, dtype), np.zeros(50, dtype), None]
    update(kernel, "adam", arrays, grad, {**ADAM, "lr": 0.01, "eps": 0.0}, 1)
    np.testing.assert_allclose(arrays[0], -0.01 * np.sign(grad), rtol=16 * np.finfo(dtype).eps)


def test_bias_correction_vanishes(kernel, dtype):
    # After very many steps the powers of beta are 0 and nothing is NaN.
    arrays = [np.zeros(3, dtype), np.zeros(3, dtype), np.ones(3, dtype), None]
    update(kernel, "adam", arrays, np.ones(3, dtype), {**ADAM, "lr": 1.0, "eps": 0.0}, 1e9)
    np.testing.assert_allclose(arrays[0], -0.1, rtol=16 * np.finfo(dtype).eps)


def test_no_gradient_no_change(kernel, rng, dtype, case):
    name, slots, settings = case
    if settings["weight_decay"]:
        settings = {**settings, "weight_decay": 0.0}
    arrays = start(rng, slots, 20, dtype)
    after = train(kernel, name, arrays, [np.zeros(20, dtype)] * STEPS, settings)
    assert_same_bits(after[0], arrays[0])


def test_centered_rmsprop_survives_a_constant_gradient(kernel, rng, dtype):
    # s - a^2 is a variance: never negative, though its rounded terms cancel.
    grad = rng.standard_normal(3000).astype(dtype)
    value, square, average = (np.zeros_like(grad) for _ in range(3))
    for step in range(1, 101):
        operands = [value, square, average, None]
        update(kernel, "rmsprop", operands, grad, {**RMSPROP, "alpha": 0.5, "eps": 1e-8}, step)
        assert np.isfinite(value).all(), f"not finite after {step} steps"
