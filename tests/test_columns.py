"""Copies of columns, and tables that a column looks up."""

import itertools

import numpy as np
import pytest

from reference import assert_same_bits, assert_within, sum_error

WIDTHS = [1, 3, 7, 16, 17, 33]


def lookup(kernel, x, column, table, y, at, threads=1):
    sizes = [table.shape[1], table.shape[0], y.shape[1], at, x.shape[1], column]
    kernel("embedding_forward", [y, x, table], len(x), sizes, dtype=x.dtype, threads=threads)
    return y


def scatter(kernel, x, column, dy, at, dtable, accumulate, threads=1):
    sizes = [dtable.shape[1], dtable.shape[0], dy.shape[1], at, x.shape[1], column, accumulate]
    kernel("embedding_backward", [dtable, dy, x], len(x), sizes, dtype=x.dtype, threads=threads)
    return dtable


@pytest.mark.parametrize("n", [1, 3, 17, 65])
def test_copy_columns(kernel, rng, dtype, threads, n):
    for width in WIDTHS:
        x, y = (rng.standard_normal((n, ld)).astype(dtype) for ld in (width + 5, width + 3))
        want = y.copy()
        want[:, 2 : 2 + width] = x[:, 4 : 4 + width]
        kernel("copy_columns", [y, x], n, [width, width + 3, 2, width + 5, 4], dtype=dtype, threads=threads)
        assert_same_bits(y, want)


def test_zero_columns(kernel, rng, dtype, threads):
    for n, width in itertools.product([1, 7, 33], WIDTHS):
        y = rng.standard_normal((n, width + 3)).astype(dtype)
        want = y.copy()
        want[:, 1 : 1 + width] = 0
        kernel("zero_columns", [y], n, [width, width + 3, 1], dtype=dtype, threads=threads)
        assert_same_bits(y, want)


@pytest.mark.parametrize("count", [1, 2, 9, 100])
def test_embedding_forward(kernel, rng, dtype, threads, count):
    for n, width in itertools.product([1, 5, 33], WIDTHS):
        x, table = rng.standard_normal((n, 3)).astype(dtype), rng.standard_normal((count, width)).astype(dtype)
        x[:, 1] = rng.integers(count, size=n)
        y = rng.standard_normal((n, width + 4)).astype(dtype)
        want = y.copy()
        want[:, 3 : 3 + width] = table[x[:, 1].astype(int)]
        assert_same_bits(lookup(kernel, x, 1, table, y, 3, threads), want)


@pytest.mark.parametrize("accumulate", [True, False])
@pytest.mark.parametrize("count", [1, 3, 50])
def test_embedding_backward(kernel, rng, dtype, count, accumulate):
    for n, width in itertools.product([1, 5, 65], WIDTHS):
        x, dy = rng.standard_normal((n, 2)).astype(dtype), rng.standard_normal((n, width + 2)).astype(dtype)
        x[:, 1] = rng.integers(count, size=n)
        before = rng.standard_normal((count, width)).astype(dtype)
        want = before.astype(np.float64) if accumulate else np.zeros((count, width))
        bound = abs(want)
        np.add.at(want, x[:, 1].astype(int), dy[:, 1 : 1 + width].astype(np.float64))
        np.add.at(bound, x[:, 1].astype(int), abs(dy[:, 1 : 1 + width].astype(np.float64)))
        got = scatter(kernel, x, 1, dy, 1, before, accumulate)
        assert_within(got, want, sum_error(n + 1, dtype) * bound)


def test_threads_give_the_same_bits(kernel, rng, dtype, threads):
    # Few values: many rows of the batch are added to each.
    for count, width in [(3, 5), (1, 17), (40, 9)]:
        x, dy = rng.integers(count, size=(200, 1)).astype(dtype), rng.standard_normal((200, width)).astype(dtype)
        one, many = (scatter(kernel, x, 0, dy, 0, np.zeros((count, width), dtype), True, t) for t in (1, threads))
        assert_same_bits(many, one)


def test_what_is_no_index_reads_no_memory_outside(kernel, dtype):
    # Callers refuse these; another thread may still change an array after it was checked.
    table = np.arange(12, dtype=dtype).reshape(4, 3)
    x = np.array([[-1], [4], [1e30], [-1e30], [np.nan], [np.inf], [-np.inf], [2.7]], dtype)
    y = lookup(kernel, x, 0, table, np.full((8, 3), np.nan, dtype), 0)
    np.testing.assert_array_equal(y, table[[0, 3, 3, 0, 0, 3, 0, 2]])
    dtable = scatter(kernel, x, 0, np.ones((8, 3), dtype), 0, np.full_like(table, np.nan), False)
    np.testing.assert_array_equal(dtable[:, 0], [4, 0, 1, 3])
