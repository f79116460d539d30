"""Batch normalization, by the batch's statistics and by running ones ("frozen")."""

import numpy as np
import pytest

import reference
from gradcheck import check_gradient
from reference import assert_same_bits, assert_within, f64, sum_error

#: Around vectors and strips of vectors; rows from the fewest allowed.
SHAPES = [(2, 1), (2, 17), (3, 7), (5, 64), (17, 33), (32, 15), (64, 65), (129, 130)]
EPS = 1e-5


def hyper(momentum=0.1, batches=1.0):
    return np.array([EPS, momentum, batches])


def fresh_running(width, dtype):
    return [np.zeros(width, dtype), np.ones(width, dtype)]


def forward(kernel, x, gamma, beta, running, settings=None, threads=1):
    """(y, mean, inverse_std); the running statistics change in place."""
    n, width = x.shape
    y, mean, inverse_std = (np.full(shape, np.nan, x.dtype) for shape in ((n, width), width, width))
    operands = [y, mean, inverse_std, *running, x, gamma, beta]
    settings = hyper() if settings is None else settings
    kernel("batchnorm_forward", operands, n, [width], settings, dtype=x.dtype, threads=threads)
    return y, mean, inverse_std


def frozen_forward(kernel, x, running, gamma, beta, threads=1):
    y = np.full_like(x, np.nan)
    operands = [y, x, *running, gamma, beta]
    kernel("batchnorm_frozen_forward", operands, len(x), [x.shape[1]], hyper(), dtype=x.dtype, threads=threads)
    return y


def backward(kernel, dy, x, statistics, gamma, before=None, frozen=False, out=None, threads=1):
    """(dx, dgamma, dbeta), the sums added to ``before``; the statistics are those saved, or if frozen the running."""
    n, width = x.shape
    if out is None:
        out = [np.full_like(x, np.nan)] + [np.full(width, np.nan, x.dtype) for _ in range(2)]
        if before is not None:
            out[1:] = [b.copy() for b in before]
    name = "batchnorm_frozen_backward" if frozen else "batchnorm_backward"
    operands, sizes = [*out, dy, x, *statistics, gamma], [width, before is not None]
    kernel(name, operands, n, sizes, hyper() if frozen else None, dtype=x.dtype, threads=threads)
    return out


def draw(rng, dtype, n, width):
    """x of columns with different means and deviations; dy; gamma, beta; running mean and variance."""
    x = rng.normal(rng.normal(0, 3, width), rng.uniform(0.5, 2, width), (n, width))
    dy, gamma, beta = rng.normal(size=(n, width)), rng.normal(size=width), rng.normal(size=width)
    running = rng.normal(size=width), rng.uniform(0.5, 2, width)
    return [a.astype(dtype) for a in (x, dy, gamma, beta, *running)]


def saved_statistics(x):
    """What the forward saves: mean and inverse deviation."""
    return [f64(x).mean(axis=0).astype(x.dtype), (1 / np.sqrt(f64(x).var(axis=0) + EPS)).astype(x.dtype)]


def cancellation(x, mean, inverse_std):
    """Size of xhat before x - mean cancels: rounding is relative to this."""
    return 1 + (abs(f64(x)).max(axis=0) + abs(f64(mean))) * f64(inverse_std)


@pytest.mark.parametrize("affine", [True, False])
def test_forward(kernel, rng, dtype, affine):
    for n, width in SHAPES:
        x, _, gamma, beta, *running = draw(rng, dtype, n, width)
        before = f64(*running)
        gamma, beta = (gamma, beta) if affine else (None, None)
        y, mean, inverse_std = forward(kernel, x, gamma, beta, running)
        want, want_mean, want_var = reference.batchnorm_forward(x, gamma, beta, EPS)
        want_inverse = 1 / np.sqrt(want_var + EPS)
        mean_error = sum_error(n, dtype) * abs(f64(x)).mean(axis=0)
        assert_within(mean, want_mean, mean_error)
        # Relative errors of var + eps, and of what hangs on it: sums over n rows of terms with that rounding.
        relative = sum_error(n, dtype) * cancellation(x, mean, want_inverse)
        assert_within(inverse_std, want_inverse, relative * want_inverse)
        size = (abs(f64(gamma)) if affine else 1) * (1 + abs(f64(x) - want_mean) * want_inverse)
        assert_within(y, want, 2 * relative * (size + (abs(f64(beta)) if affine else 0)))
        moved = 2 * np.finfo(dtype).eps * abs(before[0])
        assert_within(running[0], 0.9 * before[0] + 0.1 * want_mean, mean_error + moved)
        want_running = 0.9 * before[1] + 0.1 * want_var * n / (n - 1)
        assert_within(running[1], want_running, 2 * relative * (want_running + EPS))


def test_normalises(kernel, rng, dtype):
    # Free of any reference: columns of y have mean 0 and, but for eps, variance 1; far means cost only their digits.
    x = rng.normal(1000, 1, (200, 19)).astype(dtype)
    y, _, _ = forward(kernel, x, None, None, fresh_running(19, dtype))
    tolerance = sum_error(200, dtype) * 1000
    assert_within(f64(y).mean(axis=0), 0, tolerance)
    assert_within(f64(y).var(axis=0), 1, 2 * (tolerance + EPS))


def test_constant_column(kernel, dtype):
    # No variance: eps alone keeps the division finite.
    x, beta = np.full((4, 3), 2.5, dtype), np.array([1, 2, 3], dtype)
    y, mean, inverse_std = forward(kernel, x, None, beta, fresh_running(3, dtype))
    np.testing.assert_array_equal(mean, 2.5)
    assert_within(inverse_std, 1 / np.sqrt(EPS), 4 * np.finfo(dtype).eps / np.sqrt(EPS))
    np.testing.assert_array_equal(y, np.tile(beta, (4, 1)))


def test_cumulative_average(kernel, rng, dtype):
    # Negative momentum: after any number of batches the running statistics are the averages over all of them.
    batches = [draw(rng, dtype, 8, 5)[0] for _ in range(4)]
    running = [np.full(5, 77, dtype), np.full(5, 77, dtype)]  # the first batch replaces what was there
    for number, x in enumerate(batches, 1):
        forward(kernel, x, None, None, running, hyper(momentum=-1.0, batches=number))
    tolerance = len(batches) * sum_error(8, dtype) * np.max(np.abs(batches)) ** 2
    assert_within(running[0], np.mean([f64(x).mean(axis=0) for x in batches], axis=0), tolerance)
    assert_within(running[1], np.mean([f64(x).var(axis=0, ddof=1) for x in batches], axis=0), tolerance)


@pytest.mark.parametrize("momentum", [0.0, 1.0])
def test_momentum_at_its_ends(kernel, rng, dtype, momentum):
    x, *_, mean, var = draw(rng, dtype, 9, 6)
    running = [mean.copy(), var.copy()]
    _, batch_mean, _ = forward(kernel, x, None, None, running, hyper(momentum))
    assert_same_bits(running[0], batch_mean if momentum else mean)
    assert np.array_equal(running[1], var) == (momentum == 0)


@pytest.mark.parametrize("affine", [True, False])
def test_frozen_forward(kernel, rng, dtype, affine):
    for n, width in [(1, 1), (1, 65), *SHAPES]:
        x, _, gamma, beta, *running = draw(rng, dtype, n, width)
        gamma, beta = (gamma, beta) if affine else (None, None)
        before = [r.copy() for r in running]
        y = frozen_forward(kernel, x, running, gamma, beta)
        # Seven roundings: of x - mean, var + eps, its root, the inverse, two products and a sum.
        xhat = abs(f64(x) - f64(running[0])) / np.sqrt(f64(running[1]) + EPS)
        size = xhat * (abs(f64(gamma)) if affine else 1) + (abs(f64(beta)) if affine else 0)
        assert_within(y, reference.normalise(x, *running, gamma, beta, EPS), 4 * np.finfo(dtype).eps * size)
        for now, then in zip(running, before, strict=True):
            assert_same_bits(now, then)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("accumulate", [True, False])
def test_backward(kernel, rng, dtype, frozen, affine, accumulate):
    for n, width in [*([(1, 1), (1, 65)] if frozen else []), *SHAPES]:
        x, dy, gamma, beta, *running = draw(rng, dtype, n, width)
        gamma = gamma if affine else None
        before = (beta, beta[::-1].copy()) if accumulate else None
        if frozen:
            statistics, inverse_std = running, 1 / np.sqrt(f64(running[1]) + EPS)
            want = reference.batchnorm_frozen_backward(dy, x, *running, gamma, EPS)
        else:
            statistics = saved_statistics(x)
            inverse_std = f64(statistics[1])
            want = reference.batchnorm_backward(dy, x, gamma, EPS)
        dx, dgamma, dbeta = backward(kernel, dy, x, statistics, gamma, before, frozen)

        xhat, old = cancellation(x, statistics[0], inverse_std), f64(*before) if accumulate else (0, 0)
        up, sums = abs(f64(dy)), sum_error(n, dtype)
        size = (up + (0 if frozen else xhat**2 * up.mean(axis=0))) * inverse_std * (abs(f64(gamma)) if affine else 1)
        assert_within(dx, want[0], 2 * sums * size)
        assert_within(dgamma, want[1] + old[0], sums * (2 * xhat * up.sum(axis=0) + abs(old[0])))
        assert_within(dbeta, want[2] + old[1], sums * (up.sum(axis=0) + abs(old[1])))


@pytest.mark.parametrize("frozen", [False, True])
def test_what_is_not_wanted_is_left_out(kernel, rng, dtype, frozen):
    x, dy, gamma, _, *running = draw(rng, dtype, 11, 21)
    statistics = running if frozen else saved_statistics(x)
    whole = backward(kernel, dy, x, statistics, gamma, frozen=frozen)
    for wanted in [(1, 0, 0), (0, 1, 1), (1, 1, 0), (1, 0, 1)]:
        out = [np.full_like(all_of, np.nan) if want else None for all_of, want in zip(whole, wanted, strict=True)]
        backward(kernel, dy, x, statistics, gamma, frozen=frozen, out=out)
        for part, all_of in zip(out, whole, strict=True):
            if part is not None:
                assert_same_bits(part, all_of)


@pytest.mark.parametrize("frozen", [False, True])
def test_dx_may_be_dy(kernel, rng, dtype, frozen):
    x, dy, gamma, _, *running = draw(rng, dtype, 11, 21)
    statistics = running if frozen else saved_statistics(x)
    dx, *sums = backward(kernel, dy, x, statistics, gamma, frozen=frozen)
    out = [dy, np.full_like(gamma, np.nan), np.full_like(gamma, np.nan)]
    backward(kernel, dy, x, statistics, gamma, frozen=frozen, out=out)
    for got, want in zip(out, [dx, *sums], strict=True):
        assert_same_bits(got, want)


def test_threads_give_the_same_bits(kernel, rng, dtype, threads):
    for n, width in [(2, 1), (7, 33), (40, 130), (9, 517)]:
        x, dy, gamma, beta, *running = draw(rng, dtype, n, width)
        results = []
        for team in (1, threads):
            averages = [r.copy() for r in running]
            y, *saved = forward(kernel, x, gamma, beta, averages, threads=team)
            gradients = backward(kernel, dy, x, saved, gamma, threads=team)
            frozen = frozen_forward(kernel, x, running, gamma, beta, team)
            frozen_gradients = backward(kernel, dy, x, running, gamma, frozen=True, threads=team)
            results.append([y, *saved, *averages, *gradients, frozen, *frozen_gradients])
        for one, many in zip(*results, strict=True):
            assert_same_bits(many, one)


@pytest.mark.parametrize("frozen", [False, True])
def test_gradient(kernel, rng, frozen):
    x, weight, gamma, beta, *running = draw(rng, np.float64, 6, 5)

    def output():
        if frozen:
            return [frozen_forward(kernel, x, running, gamma, beta), *running]
        return forward(kernel, x, gamma, beta, fresh_running(5, np.float64))

    gradients = backward(kernel, weight, x, output()[1:], gamma, frozen=frozen)
    for array, gradient in zip((x, gamma, beta), gradients, strict=True):
        check_gradient(lambda: float((output()[0] * weight).sum()), array, gradient)
