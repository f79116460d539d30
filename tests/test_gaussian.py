"""Normal deviates: a pure function of seed, step, layer and element."""

import numpy as np
import pytest

from reference import assert_same_bits, gaussian

SETTINGS = [("mean", np.float64), ("deviation", np.float64), ("seed", np.uint64), ("layer", np.uint64)]
SETTINGS += [("step", np.float64)]


def draw(kernel, count, dtype=np.float32, mean=0.0, deviation=1.0, seed=0, layer=0, step=1, threads=1):
    out = np.full(count, np.nan, dtype)
    hyper = np.array([(mean, deviation, seed, layer, step)], SETTINGS)
    kernel("gaussian", [out], 1, [count], hyper, dtype=dtype, threads=threads)
    return out


@pytest.mark.parametrize("count", [1, 3, 15, 16, 17, 63, 64, 65, 1000, 4161])
def test_deviates_are_the_documented_ones(kernel, dtype, count):
    for seed, layer, step in [(0, 0, 1), (2**64 - 1, 7, 2), (0x0123456789ABCDEF, 2**32 - 1, 2**31)]:
        got = draw(kernel, count, dtype, seed=seed, layer=layer, step=step)
        want = gaussian(np.arange(count), seed, layer, step, dtype.type)
        np.testing.assert_allclose(got, want, rtol=8 * np.finfo(dtype).eps, atol=0)


def test_mean_and_deviation(kernel, dtype):
    plain = draw(kernel, 1000, dtype).astype(np.float64)
    eps = np.finfo(dtype).eps
    for mean, deviation in [(0.0, 0.25), (1.0, 0.5), (-3.0, 7.0)]:
        got = draw(kernel, 1000, dtype, mean, deviation)
        np.testing.assert_allclose(got, mean + deviation * plain, rtol=eps, atol=eps * (abs(mean) + deviation))
    np.testing.assert_array_equal(draw(kernel, 100, dtype, 1.0, 0.0), 1)


def test_both_types_draw_the_same(kernel):
    narrow, wide = (draw(kernel, 5000, dtype, seed=3) for dtype in (np.float32, np.float64))
    # But for u near 1, of which float32 has less: there a radius of nearly 0 has an error of sqrt(2^-24).
    np.testing.assert_allclose(narrow, wide, rtol=1e-6, atol=2**-12)
    assert (abs(narrow - wide) <= 1e-6 * abs(wide)).mean() > 0.9


def test_threads_give_the_same_bits(kernel, dtype, threads):
    for count in (1, 1024, 1025, 2111, 20_000):
        assert_same_bits(draw(kernel, count, dtype, threads=threads), draw(kernel, count, dtype))


def test_moments(kernel):
    # The k-th power of a normal deviate has mean (k - 1)!! (k even) or 0, and variance (2k - 1)!! - mean^2: within five
    # deviations of the mean of a million.
    z = draw(kernel, 1_000_000, np.float64, seed=42)
    double_factorial = {1: 1, 2: 1, 3: 3, 4: 3, 6: 15, 8: 105}
    for k in (1, 2, 3, 4):
        mean = double_factorial[k] if k % 2 == 0 else 0
        spread = {1: 1, 2: 2, 3: 15, 4: 96}[k]
        assert abs((z**k).mean() - mean) < 5 * np.sqrt(spread / len(z)), k


def test_distribution(kernel):
    # Kolmogorov & Smirnov: the largest distance of a million deviates' distribution from the normal one, beyond which
    # one in ten thousand samples lies.
    from math import erf

    z = np.sort(draw(kernel, 1_000_000, np.float32, seed=7)).astype(np.float64)
    points = np.linspace(-4.5, 4.5, 400)
    share = np.searchsorted(z, points, side="right") / len(z)
    normal = np.array([(1 + erf(point / 2**0.5)) / 2 for point in points])
    assert abs(share - normal).max() < 2.2 / np.sqrt(len(z))
    assert 4.4 < abs(z).max() < 6.7


def test_neighbours_and_pairs_are_independent(kernel):
    # Correlations of deviates, of magnitudes and of squares at distances within a block, a group and between groups.
    z = draw(kernel, 500_000, np.float64, seed=5)
    for values in (z, abs(z) - np.sqrt(2 / np.pi), z**2 - 1):
        deviation = (values**2).mean() / np.sqrt(len(values))
        for distance in (1, 2, 15, 16, 17, 32, 48, 64, 1024):
            assert abs((values[distance:] * values[:-distance]).mean()) < 5 * deviation, distance


def test_seed_layer_and_step_give_other_deviates(kernel):
    count = 100_000
    base = {"seed": 1, "layer": 1, "step": 1}
    samples = [draw(kernel, count, np.float64, **base)]
    samples += [draw(kernel, count, np.float64, **{**base, key: 2}) for key in base]
    samples += [draw(kernel, count, np.float64, **{**base, "seed": 1 + 2**32})]  # the seed's high half counts
    for i, one in enumerate(samples):
        for other in samples[:i]:
            assert abs((one * other).mean()) < 5 / np.sqrt(count)
