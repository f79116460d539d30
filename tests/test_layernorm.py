"""Layer normalization, and without a mean RMS normalization."""

import numpy as np
import pytest

import reference
from gradcheck import check_gradient
from reference import assert_same_bits, assert_within, f64, sum_error

SHAPES = [(1, 1), (1, 17), (3, 2), (7, 5), (9, 33), (17, 64), (33, 15), (65, 130), (2, 1001)]
EPS = 1e-5

pytestmark = pytest.mark.parametrize("centred", [True, False], ids=["layer", "rms"])


def forward(kernel, x, gamma, beta, centred, eps=EPS, threads=1):
    """(y, mean or None, inverse_std)."""
    n, width = x.shape
    y, inverse_std = np.full_like(x, np.nan), np.full(n, np.nan, x.dtype)
    mean = np.full(n, np.nan, x.dtype) if centred else None
    operands = [y, mean, inverse_std, x, gamma, beta]
    kernel("layernorm_forward", operands, n, [width], np.array([eps]), dtype=x.dtype, threads=threads)
    return y, mean, inverse_std


def backward(kernel, dy, x, saved, gamma, before=None, out=None, threads=1):
    """(dx, dgamma, dbeta), the sums added to ``before``."""
    n, width = x.shape
    if out is None:
        sums = [np.full(width, np.nan, x.dtype) for _ in range(2)] if before is None else [b.copy() for b in before]
        out = [np.full_like(x, np.nan), *sums]
    operands, sizes = [*out, dy, x, *saved, gamma], [width, before is not None]
    kernel("layernorm_backward", operands, n, sizes, dtype=x.dtype, threads=threads)
    return out


def draw(rng, dtype, n, width):
    """x of rows with different means and deviations; dy; gamma, beta."""
    x = rng.normal(rng.normal(0, 3, (n, 1)), rng.uniform(0.5, 2, (n, 1)), (n, width))
    return [a.astype(dtype) for a in (x, rng.normal(size=(n, width)), rng.normal(size=width), rng.normal(size=width))]


def saved_statistics(x, centred):
    _, mean, inverse_std = reference.layernorm_forward(x, None, None, EPS, centred)
    return [mean.astype(x.dtype) if centred else None, inverse_std.astype(x.dtype)]


def cancellation(x, mean, inverse_std):
    """Size of xhat before x - mean cancels: rounding is relative to this."""
    return 1 + (abs(f64(x)).max(axis=1) + abs(mean)) * inverse_std


@pytest.mark.parametrize("affine", [True, False])
def test_forward(kernel, rng, dtype, affine, centred):
    for n, width in SHAPES:
        x, _, gamma, beta = draw(rng, dtype, n, width)
        gamma, beta = (gamma, beta) if affine else (None, None)
        y, mean, inverse_std = forward(kernel, x, gamma, beta, centred)
        want, want_mean, want_inverse = reference.layernorm_forward(x, gamma, beta, EPS, centred)
        if centred:
            assert_within(mean, want_mean, sum_error(width, dtype) * abs(f64(x)).mean(axis=1))
        relative = sum_error(width, dtype) * cancellation(x, want_mean, want_inverse)
        assert_within(inverse_std, want_inverse, relative * want_inverse)
        size = 1 + abs(f64(x) - want_mean[:, None]) * want_inverse[:, None]
        size = size * (abs(f64(gamma)) if affine else 1) + (abs(f64(beta)) if affine else 0)
        assert_within(y, want, 2 * relative[:, None] * size)


def test_normalises(kernel, rng, dtype, centred):
    # Free of any reference: rows of y have mean 0 and, but for eps, mean square 1; far means cost only their digits.
    x = rng.normal(1000 if centred else 0, 1, (19, 200)).astype(dtype)
    y, *_ = forward(kernel, x, None, None, centred)
    tolerance = sum_error(200, dtype) * (1000 if centred else 1)
    assert_within((f64(y) ** 2).mean(axis=1), 1, 2 * (tolerance + EPS))
    if centred:
        assert_within(f64(y).mean(axis=1), 0, tolerance)


def test_machine_epsilon(kernel, rng, dtype, centred):
    x = (1e-8 * rng.standard_normal((4, 9))).astype(dtype)
    want = reference.layernorm_forward(x, None, None, np.finfo(dtype).eps, centred)[2]
    inverse_std = forward(kernel, x, None, None, centred, eps=-1.0)[2]
    assert_within(inverse_std, want, sum_error(9, dtype) * want)


def test_constant_rows(kernel, dtype, centred):
    # No variance: eps alone keeps the division finite; of zeros, also without a mean.
    x, beta = np.full((4, 3), 2.5 if centred else 0, dtype), np.array([1, 2, 3], dtype)
    y, _, inverse_std = forward(kernel, x, None, beta, centred)
    assert_within(inverse_std, 1 / np.sqrt(EPS), 4 * np.finfo(dtype).eps / np.sqrt(EPS))
    np.testing.assert_array_equal(y, np.tile(beta, (4, 1)))


def test_what_is_not_finite_spoils_its_row_alone(kernel, rng, dtype, centred):
    x, dy, gamma, beta = draw(rng, dtype, 5, 11)
    clean, *_ = forward(kernel, x, gamma, beta, centred)
    x[1, 3], x[3, 10] = np.nan, np.inf
    y, *saved = forward(kernel, x, gamma, beta, centred)
    assert_same_bits(y[[0, 2, 4]], clean[[0, 2, 4]])
    assert np.isnan(y[1]).all()
    assert np.isnan(y[3, 10])
    dx, *_ = backward(kernel, dy, x, saved, gamma)
    assert np.isnan(dx[1]).all()
    assert np.isfinite(dx[[0, 2, 4]]).all()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("accumulate", [True, False])
def test_backward(kernel, rng, dtype, affine, accumulate, centred):
    for n, width in SHAPES:
        x, dy, gamma, beta = draw(rng, dtype, n, width)
        gamma = gamma if affine else None
        before = (beta, beta[::-1].copy()) if accumulate else None
        saved = saved_statistics(x, centred)
        want = reference.layernorm_backward(dy, x, gamma, EPS, centred)
        dx, dgamma, dbeta = backward(kernel, dy, x, saved, gamma, before)

        inverse_std = f64(saved[1])
        xhat = cancellation(x, f64(saved[0]) if centred else 0, inverse_std)[:, None]
        up = abs(f64(dy)) * (abs(f64(gamma)) if affine else 1)
        size = (up + (1 + xhat**2) * up.mean(axis=1, keepdims=True)) * inverse_std[:, None]
        assert_within(dx, want[0], 2 * sum_error(width, dtype) * size)
        old = f64(*before) if accumulate else (0, 0)
        assert_within(
            dgamma, want[1] + old[0], sum_error(n, dtype) * (2 * (xhat * abs(f64(dy))).sum(axis=0) + abs(old[0]))
        )
        assert_within(dbeta, want[2] + old[1], sum_error(n, dtype) * (abs(f64(dy)).sum(axis=0) + abs(old[1])))


def test_what_is_not_wanted_is_left_out(kernel, rng, dtype, centred):
    x, dy, gamma, _ = draw(rng, dtype, 11, 21)
    saved = saved_statistics(x, centred)
    whole = backward(kernel, dy, x, saved, gamma)
    for wanted in [(1, 0, 0), (0, 1, 1), (1, 1, 0), (0, 0, 1)]:
        out = [np.full_like(all_of, np.nan) if want else None for all_of, want in zip(whole, wanted, strict=True)]
        backward(kernel, dy, x, saved, gamma, out=out)
        for part, all_of in zip(out, whole, strict=True):
            if part is not None:
                assert_same_bits(part, all_of)


def test_threads_give_the_same_bits(kernel, rng, dtype, threads, centred):
    for n, width in [(1, 7), (7, 33), (40, 130), (9, 517)]:
        x, dy, gamma, beta = draw(rng, dtype, n, width)
        results = []
        for team in (1, threads):
            y, *saved = forward(kernel, x, gamma, beta, centred, threads=team)
            results.append([y, saved[1], *backward(kernel, dy, x, saved, gamma, threads=team)])
        for one, many in zip(*results, strict=True):
            assert_same_bits(many, one)


def test_gradient(kernel, rng, centred):
    x, weight, gamma, beta = draw(rng, np.float64, 4, 7)
    _, *saved = forward(kernel, x, gamma, beta, centred)
    gradients = backward(kernel, weight, x, saved, gamma)
    for array, gradient in zip((x, gamma, beta), gradients, strict=True):
        check_gradient(lambda: float((forward(kernel, x, gamma, beta, centred)[0] * weight).sum()), array, gradient)
