"""Elementwise activations, forward and backward; test_math.py measures their accuracy."""

import platform

import numpy as np
import pytest

from activations import FORMULAS
from gradcheck import check_gradient
from reference import assert_same_bits, assert_within, f64


@pytest.fixture(params=FORMULAS)
def name(request):
    return request.param


def hyper(name):
    settings = FORMULAS[name].settings
    return np.array(settings) if settings else None


def forward(kernel, name, x, threads=1):
    y = np.full_like(x, np.nan)
    kernel(f"{name}_forward", [y, x], 1, [x.size], hyper(name), dtype=x.dtype, threads=threads)
    return y


def backward(kernel, name, dy, saved, threads=1):
    dx = np.full_like(saved, np.nan)
    kernel(f"{name}_backward", [dx, dy, saved], 1, [saved.size], hyper(name), dtype=saved.dtype, threads=threads)
    return dx


def both(kernel, name, x, dy, threads=1):
    y = forward(kernel, name, x, threads)
    return y, backward(kernel, name, dy, x if FORMULAS[name].saves_input else y, threads)


def values(rng, count, dtype):
    return (3 * rng.standard_normal(count)).astype(dtype)


def test_forward(kernel, rng, name, dtype):
    formula = FORMULAS[name]
    x = values(rng, 10_001, dtype)
    want = formula.f(x, *formula.settings)
    # Roundings of the result, and of arguments: what a last place of x does to y, far out a multiple of y itself.
    slope = formula.slope(x if formula.saves_input else want, *formula.settings)
    size = abs(want) + (abs(f64(x) * slope) if formula.saves_input or name in ("elu", "celu", "selu") else 0)
    info = np.finfo(dtype)
    assert_within(forward(kernel, name, x), want, formula.ulp * info.eps * size + (0 if name == "relu" else info.tiny))


def test_backward(kernel, rng, name, dtype):
    formula = FORMULAS[name]
    x, dy = values(rng, 10_001, dtype), values(rng, 10_001, dtype)
    saved = x if formula.saves_input else formula.f(x, *formula.settings).astype(dtype)
    want = f64(dy) * formula.slope(saved, *formula.settings)
    # Differences such as 1 - y^2 and y + alpha round relative to what they are taken of, here at most 3; slopes that
    # are picked do not round at all.
    picked = name in ("relu", "hardtanh")
    bound = formula.ulp * np.finfo(dtype).eps * abs(f64(dy)) * (0 if picked else 3 if formula.settings else 2)
    assert_within(backward(kernel, name, dy, saved), want, bound)


def test_rows_and_width_are_one_length(kernel, rng, name, dtype):
    x = values(rng, 7 * 9, dtype).reshape(7, 9)
    y = np.full_like(x, np.nan)
    kernel(f"{name}_forward", [y, x], 7, [9], hyper(name), dtype=dtype)
    assert_same_bits(y, forward(kernel, name, x.ravel()).reshape(7, 9))


def test_gradient(kernel, rng, name):
    x = values(rng, 400, np.float64)
    for kink in FORMULAS[name].kinks:
        x = x[abs(x - kink) > 0.01]
    x = x[:23].copy()
    weight = rng.standard_normal(23)
    _, dx = both(kernel, name, x, weight)
    check_gradient(lambda: float(forward(kernel, name, x) @ weight), x, dx)


def test_in_place(kernel, rng, name, dtype):
    x, dy = values(rng, 77, dtype), values(rng, 77, dtype)
    y, dx = both(kernel, name, x, dy)
    saved = x.copy() if FORMULAS[name].saves_input else y
    kernel(f"{name}_forward", [x, x], 1, [77], hyper(name), dtype=dtype)
    assert_same_bits(x, y)
    kernel(f"{name}_backward", [dy, dy, saved], 1, [77], hyper(name), dtype=dtype)
    assert_same_bits(dy, dx)


def test_every_length_gives_the_same_bits(kernel, rng, name, dtype):
    # An element's result does not depend on whether it falls into a whole vector or into the rest.
    x, dy = values(rng, 70, dtype), values(rng, 70, dtype)
    y, dx = both(kernel, name, x, dy)
    for count in range(1, 70):
        for got, want in zip(both(kernel, name, x[:count], dy[:count]), (y, dx), strict=True):
            assert_same_bits(got, want[:count])


def test_threads_give_the_same_bits(kernel, rng, name, dtype, threads):
    for count in (1, 1023, 1024, 1025, 10_007):
        x, dy = values(rng, count, dtype), values(rng, count, dtype)
        for got, want in zip(both(kernel, name, x, dy, threads), both(kernel, name, x, dy), strict=True):
            assert_same_bits(got, want)


#: While kernels run, ARM takes numbers below the smallest normal one for zero; x86 only makes none.
FLUSHES_OPERANDS = platform.machine() in ("aarch64", "arm64")


def special(dtype):
    info = np.finfo(dtype)
    positive = [0, info.smallest_subnormal, info.tiny / 2, info.tiny, 1e-30, 1e30, info.max, np.inf]
    return np.array([*positive, *(-v for v in positive), np.nan], dtype)


def far(x, near, below, above):
    """What an activation does to ``special`` values: near 0, far below and far above."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(abs(x) < 1e-20, near, np.where(x < 0, below, np.where(x > 0, above, np.nan)))


#: Infinity times zero: where x gets a factor that vanishes, minus infinity gives NaN (so it does in PyTorch).
def gated(x):
    return np.where(np.isneginf(x), np.nan, 0)


SPECIAL = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x < 0, x * x.dtype.type(0.01), x),
    "elu": lambda x: far(x, np.where(x < 0, x * x.dtype.type(0.7), x), x.dtype.type(-0.7), x),
    "celu": lambda x: far(x, x, -2.5, x),
    "selu": lambda x: far(
        x,
        x * np.where(x < 0, x.dtype.type(SELU[0] * SELU[1]), x.dtype.type(SELU[0])),
        -x.dtype.type(SELU[0] * SELU[1]),
        x * x.dtype.type(SELU[0]),
    ),
    "softplus": lambda x: far(x, x.dtype.type(np.log(2)) / x.dtype.type(1.5), 0, x),
    "gelu": lambda x: far(x, x * x.dtype.type(0.5), gated(x), x),
    "gelu_tanh": lambda x: far(x, x * x.dtype.type(0.5), gated(x), x),
    "silu": lambda x: far(x, x * x.dtype.type(0.5), gated(x), x),
    "mish": lambda x: far(x, x * x.dtype.type(0.6), gated(x), x),
    "hardswish": lambda x: far(x, x * x.dtype.type(0.5), gated(x), np.where(x > 1e37, np.inf, x)),
    "tanh": lambda x: far(x, x, -1, 1),  # tanh x = x near 0, to the last place
    "sigmoid": lambda x: far(x, 0.5, 0, 1),
    "log_sigmoid": lambda x: far(x, -np.log(2), x, 0),
    "softsign": lambda x: far(x, x, np.where(np.isinf(x), np.nan, -1), np.where(np.isinf(x), np.nan, 1)),
    "hardtanh": lambda x: np.clip(x, -0.5, 2),
    "hardsigmoid": lambda x: far(x, 0.5, 0, 1),
}
SELU = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@pytest.mark.parametrize("copies", [1, 16])
def test_special_values(kernel, name, dtype, copies):
    # One of each lands in the rest of a vector, too; sixteen of each fill whole ones.
    x = np.repeat(special(dtype), copies)
    with np.errstate(over="ignore"):
        want = SPECIAL[name](x).astype(dtype)
    got = forward(kernel, name, x)
    tiny = np.finfo(dtype).tiny
    if name in ("relu", "hardtanh"):  # these only pass numbers on
        if FLUSHES_OPERANDS:
            got, want = (np.where(np.abs(a) < tiny, 0, a) for a in (got, want))
        np.testing.assert_array_equal(got, want)  # NaN equals NaN here
        return
    # What is computed has no numbers below the smallest normal one.
    finite = np.isfinite(want)
    np.testing.assert_array_equal(np.where(finite, 0, got), np.where(finite, 0, want))
    np.testing.assert_allclose(got[finite], want[finite], rtol=4 * np.finfo(dtype).eps, atol=2 * tiny)


def test_gradients_far_out(kernel, name, dtype):
    # At huge arguments the derivative is that of the asymptote, or 0: nothing overflows on the way.
    x = np.array([-1e30, -1e5, -700, 700, 1e5, 1e30], dtype)
    _, dx = both(kernel, name, x, np.full_like(x, 2))
    low, high = {
        "leaky_relu": (0.01, 1),
        "selu": (0, SELU[0]),
        "log_sigmoid": (1, 0),
        "tanh": (0, 0),
        "sigmoid": (0, 0),
        "hardtanh": (0, 0),
        "hardsigmoid": (0, 0),
        "softsign": (0, 0),
    }.get(name, (0, 1))
    tolerance = 1e-5 if name == "softsign" else 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(dx, [2 * low] * 3 + [2 * high] * 3, rtol=1e-6, atol=tolerance)


def test_backward_of_special_outputs(kernel, dtype):
    y = np.array([0, -0.0, 1, np.finfo(dtype).smallest_subnormal, np.nan], dtype)
    subnormal = 0 if FLUSHES_OPERANDS else 3
    for name, want in {"relu": [0, 0, 3, subnormal], "tanh": [3, 3, 0, 3], "sigmoid": [0, 0, 0, 0]}.items():
        dx = backward(kernel, name, np.full_like(y, 3), y)
        np.testing.assert_array_equal(dx[:4], np.array(want, dtype))
        assert name == "relu" or np.isnan(dx[4])


@pytest.mark.parametrize("name", ["relu", "hardtanh"])
def test_what_is_blocked_is_zero_even_if_not_finite(kernel, dtype, name):
    blocked, passed = {"relu": (0, 2), "hardtanh": (-0.5, 1)}[name]
    y = np.array([blocked] * 3 + [passed] * 2, dtype)
    dy = np.array([np.inf, -np.inf, np.nan, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(backward(kernel, name, dy, y), np.array([0, 0, 0, np.inf, np.nan], dtype))
