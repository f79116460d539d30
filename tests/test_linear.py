"""The dense layer's three products."""

import itertools

import numpy as np
import pytest

from gradcheck import check_gradient
from reference import (
    assert_same_bits,
    assert_within,
    linear_backward_input,
    linear_backward_weight,
    linear_forward,
    sum_error,
)

SIZES = [1, 3, 7, 15, 16, 17, 33]


def forward(kernel, x, w, b, threads=1):
    y = np.full((len(x), w.shape[1]), np.nan, x.dtype)
    kernel("linear_forward", [y, x, w, b], len(x), w.shape, dtype=x.dtype, threads=threads)
    return y


def backward_input(kernel, dy, w, threads=1):
    dx = np.full((len(dy), w.shape[0]), np.nan, dy.dtype)
    kernel("linear_backward_input", [dx, dy, w], len(dy), w.shape, dtype=dy.dtype, threads=threads)
    return dx


def backward_weight(kernel, dy, x, dw=None, db=None, bias=True, threads=1):
    """(dw, db), added to those given, if any."""
    accumulate = dw is not None
    dw = dw.copy() if accumulate else np.full((x.shape[1], dy.shape[1]), np.nan, x.dtype)
    db = (db.copy() if accumulate else np.full(dy.shape[1], np.nan, x.dtype)) if bias else None
    kernel("linear_backward_weight", [dw, db, dy, x], len(x), [*dw.shape, accumulate], dtype=x.dtype, threads=threads)
    return dw, db


def draw(rng, dtype, *shapes):
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def draw_whole(rng, dtype, *shapes):
    """Whole numbers, whose products are exact whatever the order of the sums."""
    return [rng.integers(-8, 9, shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("bias", [True, False])
def test_forward(kernel, rng, dtype, bias):
    for n, inputs, outputs in itertools.product(SIZES, repeat=3):
        x, w, b = draw(rng, dtype, (n, inputs), (inputs, outputs), (outputs,))
        b = b if bias else None
        bound = sum_error(inputs + 1, dtype) * linear_forward(abs(x), abs(w), None if b is None else abs(b))
        assert_within(forward(kernel, x, w, b), linear_forward(x, w, b), bound)


def test_backward_input(kernel, rng, dtype):
    for n, inputs, outputs in itertools.product(SIZES, repeat=3):
        dy, w = draw(rng, dtype, (n, outputs), (inputs, outputs))
        bound = sum_error(outputs, dtype) * linear_backward_input(abs(dy), abs(w))
        assert_within(backward_input(kernel, dy, w), linear_backward_input(dy, w), bound)


@pytest.mark.parametrize("accumulate", [True, False])
def test_backward_weight(kernel, rng, dtype, accumulate):
    for n, inputs, outputs in itertools.product(SIZES, repeat=3):
        dy, x, dw, db = draw(rng, dtype, (n, outputs), (n, inputs), (inputs, outputs), (outputs,))
        before = (dw, db) if accumulate else (None, None)
        got = backward_weight(kernel, dy, x, *before)
        want = linear_backward_weight(dy, x)
        size = linear_backward_weight(abs(dy), abs(x))
        for g, w, s, old in zip(got, want, size, (dw, db), strict=True):
            old = old.astype(np.float64) if accumulate else 0
            assert_within(g, old + w, sum_error(n + 1, dtype) * (abs(old) + s))


@pytest.mark.parametrize("accumulate", [True, False])
def test_backward_weight_without_bias(kernel, rng, dtype, accumulate):
    dy, x, dw = draw_whole(rng, dtype, (21, 19), (21, 23), (23, 19))
    got, none = backward_weight(kernel, dy, x, dw if accumulate else None, bias=False)
    assert none is None
    np.testing.assert_array_equal(got, linear_backward_weight(dy, x)[0] + (dw if accumulate else 0))


@pytest.mark.parametrize("bias", [True, False])
def test_whole_numbers_are_exact(kernel, rng, dtype, bias):
    # The last three pass the depth and the width of a block; bias and what is accumulated count once, not once a block.
    for n, inputs, outputs in [(65, 66, 67), (37, 900, 35), (29, 31, 1000), (900, 30, 31)]:
        shapes = (n, inputs), (inputs, outputs), (n, outputs), (outputs,)
        x, w, dy, b = draw_whole(rng, dtype, *shapes)
        b = b if bias else None
        np.testing.assert_array_equal(forward(kernel, x, w, b), linear_forward(x, w, b))
        np.testing.assert_array_equal(backward_input(kernel, dy, w), linear_backward_input(dy, w))
        dw, db = linear_backward_weight(dy, x)
        got_dw, got_db = backward_weight(kernel, dy, x, w, b, bias)
        np.testing.assert_array_equal(got_dw, w + dw)
        if bias:
            np.testing.assert_array_equal(got_db, b + db)


def test_threads_give_the_same_bits(kernel, rng, dtype, threads):
    for n, inputs, outputs in [(1, 1, 1), (3, 40, 700), (700, 3, 40), (128, 130, 66), (33, 401, 97), (450, 33, 65)]:
        shapes = (n, inputs), (inputs, outputs), (n, outputs), (outputs,)
        x, w, dy, b = draw(rng, dtype, *shapes)
        assert_same_bits(forward(kernel, x, w, b, threads), forward(kernel, x, w, b))
        assert_same_bits(backward_input(kernel, dy, w, threads), backward_input(kernel, dy, w))
        for before in [(None, None), (w, b)]:
            many, one = (
                backward_weight(kernel, dy, x, *before, threads=threads),
                backward_weight(kernel, dy, x, *before),
            )
            assert_same_bits(many[0], one[0])
            assert_same_bits(many[1], one[1])


def test_rows_do_not_depend_on_the_batch(kernel, rng, dtype):
    # A prediction is the same alone as in a batch.
    x, w, dy, b = draw(rng, dtype, (90, 50), (50, 70), (90, 70), (70,))
    y, dx = forward(kernel, x, w, b), backward_input(kernel, dy, w)
    for first, last in [(0, 1), (89, 90), (4, 11), (0, 14), (1, 58), (0, 89)]:
        assert_same_bits(forward(kernel, x[first:last], w, b), y[first:last])
        assert_same_bits(backward_input(kernel, dy[first:last], w), dx[first:last])


def test_gradient(kernel, rng):
    x, w, b, weight = draw(rng, np.float64, (4, 7), (7, 5), (5,), (4, 5))

    def value():
        return float((forward(kernel, x, w, b) * weight).sum())

    dw, db = backward_weight(kernel, weight, x)
    for array, gradient in [(x, backward_input(kernel, weight, w)), (w, dw), (b, db)]:
        check_gradient(value, array, gradient)
