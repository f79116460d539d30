"""Elementwise activations, forward and backward; test_math.py measures their accuracy."""

import numpy as np
import pytest

import reference
from gradcheck import check_gradient
from reference import assert_same_bits, assert_within, f64

NAMES = ["relu", "tanh", "sigmoid"]

#: A few units in the last place, as test_math.py finds them; a backward adds three roundings.
FORWARD_ULP, BACKWARD_ULP = 4, 4


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def forward(kernel, name, x, threads=1):
    y = np.full_like(x, np.nan)
    kernel(f"{name}_forward", [y, x], 1, [x.size], dtype=x.dtype, threads=threads)
    return y


def backward(kernel, name, dy, y, threads=1):
    dx = np.full_like(y, np.nan)
    kernel(f"{name}_backward", [dx, dy, y], 1, [y.size], dtype=y.dtype, threads=threads)
    return dx


def values(rng, count, dtype):
    return (3 * rng.standard_normal(count)).astype(dtype)


def test_forward(kernel, rng, name, dtype):
    x = values(rng, 10_001, dtype)
    want = getattr(reference, name)(x)
    assert_within(forward(kernel, name, x), want, FORWARD_ULP * np.finfo(dtype).eps * abs(want))


def test_backward(kernel, rng, name, dtype):
    y = getattr(reference, name)(values(rng, 10_001, dtype)).astype(dtype)
    dy = values(rng, y.size, dtype)
    want = f64(dy) * getattr(reference, f"{name}_slope")(y)
    # 1 - y^2 and 1 - y round relative to 1, not to the small difference.
    bound = BACKWARD_ULP * np.finfo(dtype).eps * abs(f64(dy)) * (0 if name == "relu" else 1)
    assert_within(backward(kernel, name, dy, y), want, bound)


def test_rows_and_width_are_one_length(kernel, rng, name, dtype):
    x = values(rng, 7 * 9, dtype).reshape(7, 9)
    y = np.full_like(x, np.nan)
    kernel(f"{name}_forward", [y, x], 7, [9], dtype=dtype)
    assert_same_bits(y, forward(kernel, name, x.ravel()).reshape(7, 9))


def test_gradient(kernel, rng, name):
    x = rng.uniform(0.1, 2, 13) * rng.choice([-1, 1], 13)  # away from the kink of relu
    weight = rng.standard_normal(13)
    dx = backward(kernel, name, weight, forward(kernel, name, x))
    check_gradient(lambda: float(forward(kernel, name, x) @ weight), x, dx)


def test_in_place(kernel, rng, name, dtype):
    x, dy = values(rng, 77, dtype), values(rng, 77, dtype)
    y = forward(kernel, name, x)
    dx = backward(kernel, name, dy, y)
    kernel(f"{name}_forward", [x, x], 1, [77], dtype=dtype)
    assert_same_bits(x, y)
    kernel(f"{name}_backward", [dy, dy, y], 1, [77], dtype=dtype)
    assert_same_bits(dy, dx)


def test_every_length_gives_the_same_bits(kernel, rng, name, dtype):
    # An element's result does not depend on whether it falls into a whole vector or into the rest.
    x, dy = values(rng, 70, dtype), values(rng, 70, dtype)
    y = forward(kernel, name, x)
    dx = backward(kernel, name, dy, y)
    for count in range(1, 70):
        assert_same_bits(forward(kernel, name, x[:count]), y[:count])
        assert_same_bits(backward(kernel, name, dy[:count], y[:count]), dx[:count])


def test_threads_give_the_same_bits(kernel, rng, name, dtype, threads):
    for count in (1, 1023, 1024, 1025, 5000, 10_007):
        x, dy = values(rng, count, dtype), values(rng, count, dtype)
        y = forward(kernel, name, x)
        assert_same_bits(forward(kernel, name, x, threads), y)
        assert_same_bits(backward(kernel, name, dy, y, threads), backward(kernel, name, dy, y))


def special(dtype):
    info = np.finfo(dtype)
    positive = [0, info.smallest_subnormal, info.tiny / 2, info.tiny, 1e-30, 1e30, info.max, np.inf]
    return np.array([*positive, *(-v for v in positive), np.nan], dtype)


@pytest.mark.parametrize("copies", [1, 16])
def test_special_values(kernel, name, dtype, copies):
    # One of each lands in the rest of a vector, too; sixteen of each fill whole ones.
    x = np.repeat(special(dtype), copies)
    want = {
        "relu": lambda: np.maximum(x, 0),
        "tanh": lambda: np.where(abs(x) < 1e-20, x, np.sign(x)),  # tanh x = x there, to the last place
        "sigmoid": lambda: np.where(abs(x) < 1e-20, 0.5, (np.sign(x) + 1) / 2),
    }[name]()
    if name != "relu":  # what is computed, and not only passed on, has no numbers below the smallest normal one
        want = np.where(abs(want) < np.finfo(dtype).tiny, 0, want)
    np.testing.assert_array_equal(forward(kernel, name, x), want)  # NaN equals NaN here


def test_backward_of_special_outputs(kernel, name, dtype):
    y = np.array([0, -0.0, 1, np.finfo(dtype).smallest_subnormal, np.nan], dtype)
    dy = np.full_like(y, 3)
    want = {"relu": [0, 0, 3, 3], "tanh": [3, 3, 0, 3], "sigmoid": [0, 0, 0, 0]}[name]
    dx = backward(kernel, name, dy, y)
    np.testing.assert_array_equal(dx[:4], np.array(want, dtype))
    assert name == "relu" or np.isnan(dx[4])


def test_relu_blocks_even_what_is_not_finite(kernel, dtype):
    y = np.array([0, 0, 0, 2, 2], dtype)
    dy = np.array([np.inf, -np.inf, np.nan, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(backward(kernel, "relu", dy, y), np.array([0, 0, 0, np.inf, np.nan], dtype))
