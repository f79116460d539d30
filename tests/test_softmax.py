"""Softmax, log-softmax and hardmax of rows."""

import numpy as np
import pytest

import reference
from gradcheck import check_gradient
from reference import assert_same_bits, assert_within, f64, sum_error

SHAPES = [(1, 1), (2, 3), (3, 7), (9, 8), (5, 16), (17, 33), (8, 64), (33, 1000)]
PAIRS = ["softmax", "log_softmax"]


def run(kernel, name, *inputs, threads=1):
    out = np.full_like(inputs[-1], np.nan)
    n, width = out.shape
    kernel(name, [out, *inputs], n, [width], dtype=out.dtype, threads=threads)
    return out


def draw(rng, dtype, shape):
    return (3 * rng.standard_normal(shape)).astype(dtype)


def test_forward(kernel, rng, dtype):
    for shape in SHAPES:
        x = draw(rng, dtype, shape)
        # e^(x - peak) has the exponent's rounding beside its own; the sum adds one for each term.
        relative = sum_error(shape[1], dtype) + np.finfo(dtype).eps * (4 + np.ptp(f64(x), axis=1, keepdims=True))
        want = reference.softmax(x)
        assert_within(run(kernel, "softmax_forward", x), want, relative * want)
        want = reference.log_softmax(x)
        assert_within(run(kernel, "log_softmax_forward", x), want, relative * (1 + abs(want)))


@pytest.mark.parametrize("name", PAIRS)
def test_backward(kernel, rng, dtype, name):
    for shape in SHAPES:
        dy, y = draw(rng, dtype, shape), getattr(reference, name)(draw(rng, dtype, shape)).astype(dtype)
        want = getattr(reference, f"{name}_backward")(dy, y)
        share = f64(y) if name == "softmax" else np.exp(f64(y))
        total = abs(f64(dy)).sum(axis=1, keepdims=True) + np.finfo(dtype).tiny
        size = share * total if name == "softmax" else abs(f64(dy)) + share * total * (1 + abs(f64(y)))
        assert_within(run(kernel, f"{name}_backward", dy, y), want, 2 * sum_error(shape[1], dtype) * size)


@pytest.mark.parametrize("name", PAIRS)
def test_gradient(kernel, rng, name):
    for shape in [(2, 3), (3, 9), (1, 17)]:
        x, weight = rng.standard_normal(shape), rng.standard_normal(shape)
        dx = run(kernel, f"{name}_backward", weight, run(kernel, f"{name}_forward", x))
        check_gradient(lambda x=x, weight=weight: float((run(kernel, f"{name}_forward", x) * weight).sum()), x, dx)


def test_probabilities(kernel, rng, dtype):
    x = draw(rng, dtype, (50, 33))
    y = run(kernel, "softmax_forward", x)
    assert (y > 0).all()
    assert_within(f64(y).sum(axis=1), 1, sum_error(33, dtype))
    # Adding a number to a row changes nothing, huge numbers overflow nowhere.
    assert_same_bits(
        run(kernel, "softmax_forward", np.floor(x) + dtype.type(1024)), run(kernel, "softmax_forward", np.floor(x))
    )
    far = np.array([[0, 1e30, -1e30], [-1e30, -1e30, -1e30]], dtype)
    np.testing.assert_array_equal(run(kernel, "softmax_forward", far), np.array([[0, 1, 0], [1 / 3] * 3], dtype))
    want = np.array([[-1e30, 0, -2e30], [-np.log(3)] * 3], dtype)
    np.testing.assert_allclose(run(kernel, "log_softmax_forward", far), want, rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", PAIRS)
def test_special_values(kernel, dtype, name):
    # As in PyTorch: a NaN, an infinity, or nothing but minus infinity makes a row NaN; minus infinity alone is a 0.
    inf = np.inf
    x = np.array([[0, np.nan, 1], [inf, 0, 1], [-inf, -inf, -inf], [-inf, 2, -inf], [0, -inf, 0]], dtype)
    y = run(kernel, f"{name}_forward", x)
    assert np.isnan(y[:3]).all()
    want = np.array([[0, 1, 0], [0.5, 0, 0.5]], dtype)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(y[3:], want if name == "softmax" else np.log(want), rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", PAIRS)
def test_in_place(kernel, rng, dtype, name):
    x, dy = draw(rng, dtype, (9, 21)), draw(rng, dtype, (9, 21))
    y = run(kernel, f"{name}_forward", x)
    dx = run(kernel, f"{name}_backward", dy, y)
    kernel(f"{name}_forward", [x, x], 9, [21], dtype=dtype)
    assert_same_bits(x, y)
    kernel(f"{name}_backward", [dy, dy, y], 9, [21], dtype=dtype)
    assert_same_bits(dy, dx)


def test_threads_give_the_same_bits(kernel, rng, dtype, threads):
    for shape in [(1, 5), (40, 33), (129, 10)]:
        x, dy = draw(rng, dtype, shape), draw(rng, dtype, shape)
        for name in PAIRS:
            y = run(kernel, f"{name}_forward", x)
            assert_same_bits(run(kernel, f"{name}_forward", x, threads=threads), y)
            dx = run(kernel, f"{name}_backward", dy, y)
            assert_same_bits(run(kernel, f"{name}_backward", dy, y, threads=threads), dx)
        assert_same_bits(run(kernel, "hardmax_forward", x, threads=threads), run(kernel, "hardmax_forward", x))


def test_hardmax(kernel, rng, dtype):
    for shape in SHAPES:
        x = draw(rng, dtype, shape)
        np.testing.assert_array_equal(run(kernel, "hardmax_forward", x), reference.hardmax(x))
        ties = np.floor(x)  # few different values: most rows have several largest
        np.testing.assert_array_equal(run(kernel, "hardmax_forward", ties), reference.hardmax(ties))


def test_hardmax_of_special_values(kernel, rng, dtype):
    choices = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1, np.finfo(dtype).max], dtype)
    for width in (1, 2, 5, 17, 40):
        x = rng.choice(choices, (60, width), p=[0.04, 0.1, 0.5, 0.1, 0.1, 0.1, 0.06])
        np.testing.assert_array_equal(run(kernel, "hardmax_forward", x), reference.hardmax(x))
        lowest = np.full((3, width), -np.inf, dtype)
        np.testing.assert_array_equal(run(kernel, "hardmax_forward", lowest), reference.hardmax(lowest))
