"""The plain product, which every layer's products share."""

import itertools

import numpy as np
import pytest

from reference import assert_same_bits, assert_within, gemm, sum_error

#: Around every tile height and width: one, part of a vector, one short of a vector or tile, whole, one over.
SIZES = [1, 3, 7, 15, 16, 17, 33]
TRANSPOSES = list(itertools.product([False, True], repeat=2))

#: Past the edges of all blocks: rows, columns and depth each take more than one block and leave a rest.
LARGE = (2201, 357, 521)


def draw(rng, m, n, k, transpose_a, transpose_b, dtype, whole=False):
    """Factors; ``whole`` numbers have products that are exact in either type, whatever the order of the sums."""
    shapes = (k, m) if transpose_a else (m, k), (n, k) if transpose_b else (k, n)
    if whole:
        return [rng.integers(-8, 9, shape).astype(dtype) for shape in shapes]
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def run(kernel, a, b, transpose_a=False, transpose_b=False, threads=1):
    m, k = a.shape[::-1] if transpose_a else a.shape
    n = b.shape[0 if transpose_b else 1]
    c = np.full((m, n), np.nan, a.dtype)
    kernel("gemm", [c, a, b], m, [n, k, transpose_a, transpose_b], dtype=a.dtype, threads=threads)
    return c


@pytest.mark.parametrize(("transpose_a", "transpose_b"), TRANSPOSES)
def test_small(kernel, rng, dtype, transpose_a, transpose_b):
    for m, n, k in itertools.product(SIZES, repeat=3):
        a, b = draw(rng, m, n, k, transpose_a, transpose_b, dtype)
        want = gemm(a, b, transpose_a, transpose_b)
        bound = sum_error(k, dtype) * gemm(abs(a), abs(b), transpose_a, transpose_b)
        assert_within(run(kernel, a, b, transpose_a, transpose_b), want, bound)


@pytest.mark.parametrize(("transpose_a", "transpose_b"), TRANSPOSES)
def test_large(kernel, rng, dtype, transpose_a, transpose_b):
    m, n, k = LARGE
    a, b = draw(rng, m, n, k, transpose_a, transpose_b, dtype)
    want = gemm(a, b, transpose_a, transpose_b)
    bound = sum_error(k, dtype) * gemm(abs(a), abs(b), transpose_a, transpose_b)
    assert_within(run(kernel, a, b, transpose_a, transpose_b), want, bound)


@pytest.mark.parametrize(("transpose_a", "transpose_b"), TRANSPOSES)
def test_whole_numbers_are_exact(kernel, rng, dtype, transpose_a, transpose_b):
    # A term that is missed, doubled or misplaced shows here, whatever the tolerance of the tests above lets through.
    # 1024 and 1025 terms: such rows of A may all fall into one set of a cache, and are read in another way then.
    for m, n, k in [
        (61, 62, 63),
        (257, 5, 129),
        (5, 1025, 67),
        (2, 3, 2500),
        (501, 1, 257),
        (3, 1, 99),
        (33, 70, 1024),
        (19, 7, 1025),
        LARGE,
    ]:
        a, b = draw(rng, m, n, k, transpose_a, transpose_b, dtype, whole=True)
        np.testing.assert_array_equal(run(kernel, a, b, transpose_a, transpose_b), gemm(a, b, transpose_a, transpose_b))


@pytest.mark.parametrize(("transpose_a", "transpose_b"), TRANSPOSES)
def test_threads_give_the_same_bits(kernel, rng, dtype, threads, transpose_a, transpose_b):
    for m, n, k in [(1, 1, 1), (1, 500, 33), (500, 1, 33), (501, 1, 133), (33, 65, 1), (57, 97, 129), (130, 70, 801)]:
        a, b = draw(rng, m, n, k, transpose_a, transpose_b, dtype)
        one = run(kernel, a, b, transpose_a, transpose_b)
        assert_same_bits(run(kernel, a, b, transpose_a, transpose_b, threads), one)


def test_threads_give_the_same_bits_large(kernel, rng, dtype, threads):
    a, b = draw(rng, *LARGE, False, False, dtype)
    assert_same_bits(run(kernel, a, b, threads=threads), run(kernel, a, b))


@pytest.mark.parametrize("transpose_b", [False, True])
def test_rows_do_not_depend_on_the_batch(kernel, rng, dtype, transpose_b):
    for n, k in [(1, 9), (1, 133), (17, 40), (70, 130), (9, 900), (500, 31)]:
        a, b = draw(rng, 130, n, k, False, transpose_b, dtype)
        all_rows = run(kernel, a, b, transpose_b=transpose_b)
        for first, last in [(0, 1), (129, 130), (0, 2), (5, 12), (0, 14), (1, 16), (3, 58), (0, 129)]:
            some = run(kernel, a[first:last], b, transpose_b=transpose_b)
            assert_same_bits(some, all_rows[first:last])


def test_columns_do_not_depend_on_the_width(kernel, rng, dtype):
    # What lets the team cut a product into columns, too. (A product of one column has an order of its own.)
    a, b = draw(rng, 30, 130, 70, False, False, dtype)
    all_columns = run(kernel, a, b)
    for first, last in [(0, 2), (128, 130), (5, 12), (0, 32), (1, 34), (3, 128)]:
        assert_same_bits(run(kernel, a, np.ascontiguousarray(b[:, first:last])), all_columns[:, first:last])


def test_a_sum_of_no_terms_is_zero(kernel, dtype):
    c = run(kernel, np.ones((5, 0), dtype), np.ones((0, 7), dtype))
    np.testing.assert_array_equal(c, np.zeros((5, 7)))


@pytest.mark.parametrize("shape", [(0, 4, 3), (4, 0, 3)])
def test_an_empty_product_writes_nothing(kernel, dtype, shape):
    m, n, k = shape
    assert run(kernel, np.ones((m, k), dtype), np.ones((k, n), dtype)).shape == (m, n)


def test_infinities_and_nan_stay_in_their_row_and_column(kernel, rng, dtype):
    # Padding of packed panels must not meet them: 0 * inf is NaN.
    for m, n, k in [(1, 1, 1), (15, 17, 33), (70, 70, 70)]:
        for value in (np.inf, np.nan):
            a, b = draw(rng, m, n, k, False, False, dtype)
            a[m // 2, k // 2] = value
            c = run(kernel, a, b)
            assert not np.isfinite(c[m // 2]).any()
            assert np.isfinite(np.delete(c, m // 2, axis=0)).all()
            a, b = draw(rng, m, n, k, False, False, dtype)
            b[k // 2, n // 2] = value
            c = run(kernel, a, b)
            assert not np.isfinite(c[:, n // 2]).any()
            assert np.isfinite(np.delete(c, n // 2, axis=1)).all()
