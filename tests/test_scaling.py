"""Scaling of columns by numbers of their own, and of rows by their norms."""

import numpy as np
import pytest

import reference
from gradcheck import check_gradient
from reference import assert_same_bits, assert_within, f64, sum_error

#: Around vectors, strips of vectors and blocks of rows.
SHAPES = [(1, 1), (1, 17), (3, 7), (7, 64), (9, 33), (17, 129), (33, 15), (65, 65), (2, 1001)]
NORMS = ["l1", "l2", "max"]
EPS = 1e-12


def columns(kernel, name, x, center, scale, offset=0.0, out=None, threads=1):
    y = np.full_like(x, np.nan) if out is None else out
    operands, hyper = [y, x, center, scale], np.array([offset])
    kernel(f"{name}_columns_forward", operands, len(x), [x.shape[1]], hyper, dtype=x.dtype, threads=threads)
    return y


def columns_back(kernel, name, dy, scale, out=None, threads=1):
    dx = np.full_like(dy, np.nan) if out is None else out
    kernel(f"{name}_columns_backward", [dx, dy, scale], len(dy), [dy.shape[1]], dtype=dy.dtype, threads=threads)
    return dx


def rows(kernel, norm, x, eps=EPS, out=None, threads=1):
    """(y, divisor)."""
    y, divisor = np.full_like(x, np.nan) if out is None else out, np.full(len(x), np.nan, x.dtype)
    operands, hyper = [y, divisor, x], np.array([eps])
    kernel(f"normalize_{norm}_forward", operands, len(x), [x.shape[1]], hyper, dtype=x.dtype, threads=threads)
    return y, divisor


def rows_back(kernel, norm, dy, y, divisor, eps=EPS, out=None, threads=1):
    dx = np.full_like(dy, np.nan) if out is None else out
    operands, hyper = [dx, dy, y, divisor], np.array([eps])
    kernel(f"normalize_{norm}_backward", operands, len(dy), [dy.shape[1]], hyper, dtype=dy.dtype, threads=threads)
    return dx


def draw(rng, dtype, n, width):
    """x of columns with different means and deviations; centers and scales, some 0."""
    center, scale = rng.normal(0, 3, width), rng.uniform(0.1, 20, width)
    x = rng.normal(center, scale, (n, width))
    scale[::5] = 0
    return [a.astype(dtype) for a in (x, center, scale)]


# Columns.


def test_columns(kernel, rng, dtype):
    eps = np.finfo(dtype).eps
    for n, width in SHAPES:
        x, center, scale = draw(rng, dtype, n, width)
        for offset in (0.0, -1.0):
            y = columns(kernel, "scale", x, center, scale, offset)
            want = reference.scale_columns(x, center, scale, offset)
            assert_within(y, want, 2 * eps * (abs(want - offset) + abs(want)))
            assert (y[:, ::5] == offset).all()
            y = columns(kernel, "unscale", x, center, scale, offset)
            want = reference.unscale_columns(x, center, scale, offset)
            assert_within(y, want, 2 * eps * (abs(want - f64(center)) + abs(want)))
            assert (y[:, ::5] == center[::5]).all()


def test_without_a_scale_the_center_is_subtracted(kernel, rng, dtype):
    x, center, _ = draw(rng, dtype, 9, 33)
    np.testing.assert_array_equal(columns(kernel, "scale", x, center, None), x - center)


def test_gradients_of_columns(kernel, rng, dtype):
    for n, width in SHAPES:
        dy, _, scale = draw(rng, dtype, n, width)
        want = reference.scale_columns(dy, np.zeros(width), scale)
        dx = columns_back(kernel, "scale", dy, scale)
        assert_within(dx, want, 2 * np.finfo(dtype).eps * abs(want))
        assert (dx[:, ::5] == 0).all()
        np.testing.assert_array_equal(columns_back(kernel, "unscale", dy, scale), dy * scale)


@pytest.mark.parametrize("name", ["scale", "unscale"])
def test_columns_against_differences(kernel, rng, name):
    x, center, scale = draw(rng, np.float64, 4, 7)
    weight = rng.standard_normal(x.shape)
    dx = columns_back(kernel, name, weight, scale)
    check_gradient(lambda: float((columns(kernel, name, x, center, scale, 0.5) * weight).sum()), x, dx)


def test_far_centers_cost_no_digits(kernel, dtype):
    # (x - center) is exact where both are near each other; x / scale - center / scale would not be.
    center = np.array([1e6], dtype)
    x = center + np.array([[-1], [0], [1]], dtype)
    np.testing.assert_array_equal(columns(kernel, "scale", x, center, np.array([1], dtype)), [[-1], [0], [1]])


def test_what_is_not_finite_spoils_its_cell_alone(kernel, rng, dtype):
    x, center, scale = draw(rng, dtype, 6, 19)
    for name in ("scale", "unscale"):
        clean = columns(kernel, name, x, center, scale)
        spoilt = x.copy()
        spoilt[1, 3], spoilt[2, 5], spoilt[4, 18] = np.nan, np.nan, np.inf  # column 5 is of one value
        y = columns(kernel, name, spoilt, center, scale)
        assert np.isnan(y[1, 3])
        assert np.isnan(y[2, 5])
        assert y[4, 18] == np.inf
        y[1, 3], y[2, 5], y[4, 18] = clean[1, 3], clean[2, 5], clean[4, 18]
        assert_same_bits(y, clean)


# Rows.


@pytest.mark.parametrize("norm", NORMS)
def test_rows(kernel, rng, dtype, norm):
    for n, width in SHAPES:
        x = (rng.standard_normal((n, width)) * rng.uniform(1e-3, 1e3, (n, 1))).astype(dtype)
        y, divisor = rows(kernel, norm, x)
        want, want_divisor = reference.normalize_forward(x, norm, EPS)
        error = sum_error(width, dtype)
        assert_within(divisor, want_divisor, error * want_divisor)
        assert_within(y, want, 2 * error * abs(want))
        assert (abs(y) <= 1 + error).all()


@pytest.mark.parametrize("norm", NORMS)
def test_gradients_of_rows(kernel, rng, dtype, norm):
    for n, width in SHAPES:
        x, dy = (rng.standard_normal((n, width)).astype(dtype) for _ in range(2))
        x[0, : width // 2 : 2] = abs(x[0]).max()  # several largest
        y, divisor = rows(kernel, norm, x)
        want = reference.normalize_backward(dy, x, norm, EPS)
        size = abs(f64(dy)) + (abs(f64(dy)) * abs(f64(y))).sum(axis=1, keepdims=True)
        dx = rows_back(kernel, norm, dy, y, divisor)
        assert_within(dx, want, 4 * sum_error(width, dtype) * size / f64(divisor)[:, None])


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("eps", [EPS, 100.0])
def test_rows_against_differences(kernel, rng, norm, eps):
    x, weight = rng.standard_normal((4, 7)), rng.standard_normal((4, 7))
    dx = rows_back(kernel, norm, weight, *rows(kernel, norm, x, eps), eps)
    check_gradient(lambda: float((rows(kernel, norm, x, eps)[0] * weight).sum()), x, dx)


@pytest.mark.parametrize("norm", NORMS)
def test_small_rows(kernel, dtype, norm):
    x = np.zeros((3, 5), dtype)
    x[1, 2], x[2, 4] = 1e-3, -4
    y, divisor = rows(kernel, norm, x, eps=0.5)
    np.testing.assert_array_equal(divisor, np.array([0.5, 0.5, 4], dtype))
    np.testing.assert_array_equal(y, x / divisor[:, None])
    dx = rows_back(kernel, norm, np.ones_like(x), y, divisor, eps=0.5)
    np.testing.assert_array_equal(dx[:2], 2)
    np.testing.assert_array_equal(dx[2], [0.25, 0.25, 0.25, 0.25, 0])


@pytest.mark.parametrize("norm", NORMS)
def test_what_is_not_a_number_spoils_its_row_alone(kernel, rng, dtype, norm):
    x, dy = (rng.standard_normal((9, 37)).astype(dtype) for _ in range(2))
    clean = rows(kernel, norm, x)
    x[1, 3], x[3, 36], x[5, 0] = np.nan, np.inf, np.nan
    y, divisor = rows(kernel, norm, x)
    assert np.isnan(y[[1, 5]]).all()
    assert np.isnan(y[3, 36])
    assert divisor[3] == np.inf
    assert (y[3, :36] == 0).all()
    dx = rows_back(kernel, norm, dy, y, divisor)
    assert np.isnan(dx[[1, 5]]).all()
    for row in (0, 2, 4, 6, 7, 8):
        assert_same_bits(y[row], clean[0][row])
        assert np.isfinite(dx[row]).all()


# Both.


def test_in_place(kernel, rng, dtype):
    x, center, scale = draw(rng, dtype, 17, 67)
    for name in ("scale", "unscale"):
        own = x.copy()
        assert_same_bits(columns(kernel, name, own, center, scale, out=own), columns(kernel, name, x, center, scale))
        own = x.copy()
        assert_same_bits(columns_back(kernel, name, own, scale, out=own), columns_back(kernel, name, x, scale))
    for norm in NORMS:
        y, divisor = rows(kernel, norm, x)
        own = x.copy()
        assert_same_bits(rows(kernel, norm, own, out=own)[0], y)
        own = x.copy()
        assert_same_bits(rows_back(kernel, norm, own, y, divisor, out=own), rows_back(kernel, norm, x, y, divisor))


def test_threads_give_the_same_bits(kernel, rng, dtype, threads):
    for n, width in [(1, 7), (7, 33), (67, 130), (9, 517)]:
        x, center, scale = draw(rng, dtype, n, width)
        results = []
        for team in (1, threads):
            results.append([])
            for name in ("scale", "unscale"):
                results[-1] += [
                    columns(kernel, name, x, center, scale, 0.5, threads=team),
                    columns_back(kernel, name, x, scale, threads=team),
                ]
            for norm in NORMS:
                y, divisor = rows(kernel, norm, x, threads=team)
                results[-1] += [y, divisor, rows_back(kernel, norm, x, y, divisor, threads=team)]
        for one, many in zip(*results, strict=True):
            assert_same_bits(many, one)
