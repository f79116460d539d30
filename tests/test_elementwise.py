"""Sums and products of two matrices, element by element."""

import numpy as np
import pytest

from reference import assert_same_bits

OPERATIONS = {"add": np.add, "multiply": np.multiply}
SIZES = [(1, 1), (1, 7), (3, 5), (7, 17), (16, 16), (33, 31), (129, 65)]


def run(kernel, name, a, b, out=None, threads=1):
    out = np.full_like(a, np.nan) if out is None else out
    kernel(name, [out, a, b], a.shape[0], [a.shape[1]], dtype=a.dtype, threads=threads)
    return out


@pytest.mark.parametrize("name", OPERATIONS)
def test_is_numpys(kernel, rng, dtype, name):
    for shape in SIZES:
        a, b = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        assert_same_bits(run(kernel, name, a, b), OPERATIONS[name](a, b))


@pytest.mark.parametrize("name", OPERATIONS)
def test_in_place_and_of_itself(kernel, rng, dtype, name):
    a, b = (rng.standard_normal((9, 13)).astype(dtype) for _ in range(2))
    want = OPERATIONS[name](a, b)
    for place in (0, 1):
        pair = [a.copy(), b.copy()]
        assert_same_bits(run(kernel, name, *pair, out=pair[place]), want)
    assert_same_bits(run(kernel, name, a, a), OPERATIONS[name](a, a))


@pytest.mark.parametrize("name", OPERATIONS)
def test_special_values(kernel, dtype, name):
    values = np.array([0.0, -0.0, 1.0, -2.0, np.inf, -np.inf, np.nan], dtype)
    a, b = np.repeat(values, 7)[None], np.tile(values, 7)[None]
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(run(kernel, name, a, b), OPERATIONS[name](a, b))


@pytest.mark.parametrize("name", OPERATIONS)
def test_threads_give_the_same_bits(kernel, rng, dtype, threads, name):
    for shape in [(1, 3), (40, 101), (500, 33)]:
        a, b = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        assert_same_bits(run(kernel, name, a, b, threads=threads), run(kernel, name, a, b))
