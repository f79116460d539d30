"""ReLU with a learned slope: one for all columns, or one a column."""

import numpy as np
import pytest

import reference
from gradcheck import check_gradient
from reference import assert_same_bits, assert_within, f64, sum_error

SHAPES = [(1, 1), (1, 17), (3, 2), (9, 33), (17, 64), (40, 7), (33, 130)]

pytestmark = pytest.mark.parametrize("shared", [True, False], ids=["one", "columns"])


def forward(kernel, x, w, threads=1):
    y = np.full_like(x, np.nan)
    kernel("prelu_forward", [y, x, w], len(x), [x.shape[1], len(w) == 1], dtype=x.dtype, threads=threads)
    return y


def backward(kernel, dy, x, w, shared, before=None, dx=True, threads=1):
    """(dx or None, dw)."""
    out = np.full_like(x, np.nan) if dx is True else dx
    dw = np.full_like(w, np.nan) if before is None else before.copy()
    partial = np.full(x.shape[1], np.nan, x.dtype) if shared else None
    sizes = [x.shape[1], shared, before is not None]
    kernel("prelu_backward", [out, dw, partial, dy, x, w], len(x), sizes, dtype=x.dtype, threads=threads)
    return out, dw


def draw(rng, dtype, shape, shared):
    w = rng.uniform(-0.5, 1.5, 1 if shared else shape[1])
    return [a.astype(dtype) for a in (rng.standard_normal(shape), rng.standard_normal(shape), w)]


def test_forward(kernel, rng, dtype, shared):
    for shape in SHAPES:
        x, _, w = draw(rng, dtype, shape, shared)
        want = reference.prelu_forward(x, w)
        assert_within(forward(kernel, x, w), want, np.finfo(dtype).eps * abs(want))


@pytest.mark.parametrize("accumulate", [True, False])
def test_backward(kernel, rng, dtype, shared, accumulate):
    for shape in SHAPES:
        x, dy, w = draw(rng, dtype, shape, shared)
        before = w[::-1].copy() if accumulate else None
        dx, dw = backward(kernel, dy, x, w, shared, before)
        want_dx, want_dw = reference.prelu_backward(dy, x, w)
        assert_within(dx, want_dx, np.finfo(dtype).eps * abs(want_dx))
        size, terms = abs(f64(x) * f64(dy)).sum(axis=0), shape[0]
        if shared:
            want_dw, size, terms = want_dw.sum(keepdims=True), size.sum(), shape[0] + shape[1]
        old = f64(before) if accumulate else 0
        assert_within(dw, want_dw + old, sum_error(terms, dtype) * (size + abs(old)))


def test_gradient(kernel, rng, shared):
    x, weight, w = draw(rng, np.float64, (5, 6), shared)
    x += np.sign(x) * 0.01  # away from the kink
    dx, dw = backward(kernel, weight, x, w, shared)
    for array, gradient in ((x, dx), (w, dw)):
        check_gradient(lambda: float((forward(kernel, x, w) * weight).sum()), array, gradient)


def test_dx_may_be_dy_or_be_left_out(kernel, rng, dtype, shared):
    x, dy, w = draw(rng, dtype, (11, 21), shared)
    dx, dw = backward(kernel, dy, x, w, shared)
    _, alone = backward(kernel, dy, x, w, shared, dx=None)
    assert_same_bits(alone, dw)
    same, again = backward(kernel, dy, x, w, shared, dx=dy)
    assert_same_bits(same, dx)
    assert_same_bits(again, dw)


def test_special_values(kernel, dtype, shared):
    # As in PyTorch: NaN is not above 0, so it takes the slope, and stays NaN.
    x = np.array([[np.nan, np.inf, -np.inf, 0, -0.0, -2, 3]], dtype)
    w = np.full(1 if shared else 7, 0.5, dtype)
    np.testing.assert_array_equal(forward(kernel, x, w), [[np.nan, np.inf, -np.inf, 0, 0, -1, 3]])
    dx, _ = backward(kernel, np.ones_like(x), x, w, shared)
    np.testing.assert_array_equal(dx, [[0.5, 1, 0.5, 0.5, 0.5, 0.5, 1]])


def test_threads_give_the_same_bits(kernel, rng, dtype, threads, shared):
    for shape in [(1, 5), (40, 33), (9, 517), (129, 130)]:
        x, dy, w = draw(rng, dtype, shape, shared)
        assert_same_bits(forward(kernel, x, w, threads), forward(kernel, x, w))
        many, one = (backward(kernel, dy, x, w, shared, threads=team) for team in (threads, 1))
        for got, want in zip(many, one, strict=True):
            assert_same_bits(got, want)
