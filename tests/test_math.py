"""Accuracy of exp, expm1, log, log1p, tanh, the logistic function, sine and cosine and the normal distribution, in
units in the last place (ulp).

The functions are reached through the kernels that are made of them. References have at least eleven more bits than
the result, so their own rounding does not show.
"""

import numpy as np
import pytest

from reference import gaussian

#: Measured, with fused multiply-adds and without:
#:                 float32   float64
#: expm1, x <= 0     0.84      1.13
#: x Phi(x)          5.06      5.60    the normal distribution function, in both tails
#: log of logistic   1.87      1.90
#: tanh              2.50      2.48    float32: every number from 2^-16 to 10, of either sign
#: logistic          2.48      2.21    float32: every number from 2^-16 to 88.8, of either sign
#: exp               1.03      1.13
#: softmax of two    2.72      2.65
#: log               0.56      0.60
#: log(1 + e^-x)     1.94      1.89
#: softplus          1.80      1.84
#: normal deviate    3.46      2.72    sqrt(-2 log u) cos t: a log, a root, a sine or cosine, a product
#: Bounds: room for what other compilers make of the same source.
TANH, LOGISTIC, EXP, SOFTMAX, LOG, LOG1P_EXP, SOFTPLUS = 3, 3, 1.5, 3, 1, 2.5, 2.5
EXPM1, NORMAL, LOG_LOGISTIC = 2, 7, 2.5
DEVIATE = 4

BLOCK = 1 << 20

extended = np.longdouble
needs_extended = pytest.mark.skipif(np.finfo(extended).nmant < 60, reason="no type wider than float64 to compare with")


@pytest.fixture(params=["float32", pytest.param("float64", marks=needs_extended)])
def dtype(request):
    return np.dtype(request.param)


def wider(x):
    return x.astype(np.float64 if x.dtype == np.float32 else extended)


def assert_ulp(got, want, most):
    """|got - want| <= most ulp of the result; of a result below the smallest normal number, less than that number."""
    info = np.finfo(got.dtype)
    rounded = want.astype(got.dtype)
    ulp = np.maximum(np.spacing(abs(rounded)), info.smallest_subnormal).astype(want.dtype)
    error = abs(got.astype(want.dtype) - want)
    bound = np.where(abs(want) < info.tiny, info.tiny, most * ulp)
    excess = ~(error <= bound)
    if excess.any():
        at = np.argmax(np.where(excess, error / ulp, 0))
        raise AssertionError(f"{float((error / ulp)[at]):.2f} ulp off at result {want[at]}, at most {most} are allowed")


def logistic(x):
    e = np.exp(-abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


FUNCTIONS = {"tanh_forward": (np.tanh, TANH), "sigmoid_forward": (logistic, LOGISTIC)}


def activation(kernel, name, x, hyper=None):
    y = np.full_like(x, np.nan)
    kernel(name, [y, x], 1, [x.size], hyper, dtype=x.dtype, threads=2)
    return y


def two_classes(kernel, x):
    """(softmax of x among the logits 0 and x, the loss of class 0): e^x / (1 + e^x), log(1 + e^x)."""
    z = np.stack([np.zeros_like(x), x], axis=1)
    dz, result, partial = np.full_like(z, np.nan), np.zeros(4), np.full_like(z, np.nan)
    operands = [dz, result, None, partial, z, np.zeros(len(x), np.int32), None, None]
    kernel("cross_entropy", operands, len(x), [2], np.zeros(2), dtype=x.dtype, threads=2)
    return dz[:, 1], partial[:, 0]


def binary(kernel, z, target=0.0):
    """Losses of single cells."""
    z = z[:, None]
    result, partial = np.zeros(4), np.full((len(z), 2), np.nan, z.dtype)
    operands = [None, result, None, partial, z, np.full_like(z, target), None, None]
    kernel("binary_cross_entropy", operands, len(z), [1], np.zeros(1), dtype=z.dtype, threads=2)
    return partial[:, 0]


def exponents(rng, dtype):
    """Arguments down to where e^x is the smallest normal number, and many near 0."""
    lowest = np.log(np.finfo(dtype).tiny)
    x = np.concatenate([rng.uniform(lowest, 0, 200_000), -rng.exponential(1, 200_000), -np.geomspace(1e-12, 80, 9999)])
    return x.astype(dtype)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_everywhere(kernel, name):
    # Every 257th bit pattern: 257 is odd, so all low bits of the mantissa turn up under every exponent.
    function, most = FUNCTIONS[name]
    patterns = np.arange(0, 2**32, 257, np.uint64).astype(np.uint32).view(np.float32)
    patterns = patterns[np.isfinite(patterns)]
    for begin in range(0, len(patterns), BLOCK):
        x = patterns[begin : begin + BLOCK]
        assert_ulp(activation(kernel, name, x), function(x.astype(np.float64)), most)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_densely(kernel, name):
    # Where nothing is saturated: every octave from 2^-12 to 2^6 evenly, so every piece of the reduction.
    function, most = FUNCTIONS[name]
    for exponent in range(-12, 7):
        x = (np.float32(2.0**exponent) * (1 + np.arange(0, 2**23, 79) * 2.0**-23)).astype(np.float32)
        for signed in (x, -x):
            assert_ulp(activation(kernel, name, signed), function(signed.astype(np.float64)), most)


@needs_extended
@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64(kernel, rng, name):
    function, most = FUNCTIONS[name]
    ranges = [1e-3, 1, 25, 740]
    tiny = 10.0 ** rng.uniform(-300, 3, 100_000) * rng.choice([-1, 1], 100_000)
    x = np.concatenate([*(rng.uniform(-limit, limit, 100_000) for limit in ranges), tiny])
    assert_ulp(activation(kernel, name, x), function(x.astype(extended)), most)


def test_exp(kernel, rng, dtype):
    # Below -40, 1 + e^x rounds to 1 and the softmax is e^x itself.
    x = exponents(rng, dtype)
    softmax, _ = two_classes(kernel, x)
    assert_ulp(softmax, logistic(wider(x)), SOFTMAX)
    low = x < -40
    assert low.sum() > 50_000
    assert_ulp(softmax[low], np.exp(wider(x[low])), EXP)


def test_exp_of_far_negative_is_zero(kernel, dtype):
    lowest = np.log(np.finfo(dtype).tiny)
    x = np.array([lowest * 1.01, lowest * 2, -1e30, np.finfo(dtype).min, -np.inf], dtype)
    softmax, loss = two_classes(kernel, x)
    np.testing.assert_array_equal(softmax, 0)
    np.testing.assert_array_equal(loss, 0)


def test_log(kernel, dtype):
    # Row i has i + 1 equal logits and others that vanish: its loss is log(i + 1), of an exact argument.
    count = 1024
    z = np.where(np.arange(count) <= np.arange(count)[:, None], 0, -1e4).astype(dtype)
    result, partial = np.zeros(4), np.full((count, 2), np.nan, dtype)
    operands = [None, result, None, partial, z, np.zeros(count, np.int32), None, None]
    kernel("cross_entropy", operands, count, [count], np.zeros(2), dtype=dtype, threads=2)
    assert_ulp(partial[:, 0], np.log(wider(np.arange(1, count + 1, dtype=dtype))), LOG)


def test_log_sum_exp(kernel, rng, dtype):
    # log of 1 + e^x, which rounds near 1: the error is absolute there, no larger than one rounding of 1.
    x = exponents(rng, dtype)
    _, loss = two_classes(kernel, x)
    want = np.log1p(np.exp(wider(x)))
    assert (abs(loss - want) <= np.finfo(dtype).eps).all()


def test_log1p(kernel, rng, dtype):
    # log(1 + e^x) by log1p keeps its relative accuracy down to the smallest.
    x = exponents(rng, dtype)
    want = np.log1p(np.exp(wider(x)))
    assert_ulp(binary(kernel, x), want, LOG1P_EXP)
    assert_ulp(binary(kernel, -x, target=1.0), want, LOG1P_EXP)


def test_softplus(kernel, rng, dtype):
    x = -exponents(rng, dtype)
    assert_ulp(binary(kernel, x), wider(x) + np.log1p(np.exp(-wider(x))), SOFTPLUS)


def test_expm1(kernel, rng, dtype):
    # Down to where e^x - 1 rounds to -1, and near 0, where e^x - 1 as it stands would lose everything.
    x = np.concatenate([exponents(rng, dtype), -(10.0 ** rng.uniform(-30, 2, 100_000)).astype(dtype)])
    assert_ulp(activation(kernel, "elu_forward", x, np.ones(1)), np.expm1(wider(x)), EXPM1)


def test_log_logistic(kernel, rng, dtype):
    x = exponents(rng, dtype)
    assert_ulp(activation(kernel, "log_sigmoid_forward", x), wider(x) - np.log1p(np.exp(wider(x))), LOG_LOGISTIC)
    assert_ulp(activation(kernel, "log_sigmoid_forward", -x), -np.log1p(np.exp(wider(x))), LOG_LOGISTIC)


def normal_below(x):
    """The normal distribution function to twenty digits, by erfc's continued fraction and erf's series."""
    z = abs(wider(x)) / np.sqrt(extended(2))
    series, term = z.copy(), z.copy()  # erf z = 2 / sqrt(pi) e^(-z^2) sum 2^k z^(2k+1) / (2k+1)!!: all terms positive
    for k in range(1, 60):
        term = term * 2 * z * z / (2 * k + 1)
        series += term
    fraction = np.zeros_like(z)  # erfc z = e^(-z^2) / sqrt(pi) / (z + (1/2) / (z + 1 / (z + (3/2) / ...
    for k in range(200, 0, -1):
        fraction = extended(k) / 2 / (z + fraction)
    pi = extended("3.14159265358979323846264338327950288")
    density = np.exp(-z * z) / np.sqrt(pi)
    with np.errstate(divide="ignore"):
        tail = np.where(z < 2, (1 - 2 * density * series) / 2, density / (z + fraction) / 2)
    return np.where(wider(x) < 0, tail, 1 - tail)


@needs_extended
def test_normal(kernel, rng):
    for dtype, lowest in ((np.float32, -12.9), (np.float64, -37.3)):
        x = np.concatenate([rng.uniform(lowest, 0, 40_000), rng.normal(size=40_000), rng.uniform(0, 10, 10_000)])
        x = x.astype(dtype)
        got = activation(kernel, "gelu_forward", x)
        assert_ulp(
            got, (x.astype(extended) * normal_below(x)).astype(extended if dtype == np.float64 else np.float64), NORMAL
        )


def test_log_sine_and_cosine(kernel, dtype):
    # Normal deviates: r cos t and r sin t of every angle, near the zeros of either, too, and radii of every size.
    for seed in range(4):
        z = np.full(20_000, np.nan, dtype)
        settings = np.array([0.0, 1.0, 0.0, 0.0, 1.0])
        settings[2:3] = np.array([seed], np.uint64).view(np.float64)
        kernel("gaussian", [z], 1, [z.size], settings, dtype=dtype, threads=2)
        want = gaussian(np.arange(z.size), seed, 0, 1, dtype.type, np.float64 if dtype == np.float32 else extended)
        assert_ulp(z, want, DEVIATE)


def entropies(kernel, t):
    """t log t of single cells, by the divergence from outputs of 0."""
    t = t[:, None]
    losses, result, partial = np.full_like(t, np.nan), np.zeros(4), np.full((len(t), 2), np.nan, t.dtype)
    operands = [None, result, losses, partial, np.zeros_like(t), t, None, None]
    kernel("kl_divergence", operands, len(t), [1], np.zeros(2), dtype=t.dtype, threads=2)
    return losses[:, 0]


def test_log_of_any_size(kernel, rng, dtype):
    limits = np.log2([np.finfo(dtype).tiny * 1e3, np.finfo(dtype).max / 1e3])
    t = np.concatenate([2 ** rng.uniform(*limits, 100_000), rng.uniform(0.4, 2.5, 100_000)]).astype(dtype)
    t = t[abs(t - 1) > 0.05]  # the product's rounding is relative to t log t, as is the logarithm's
    assert_ulp(entropies(kernel, t), wider(t) * np.log(wider(t)), LOG + 1)


def test_log_of_what_is_no_positive_number(kernel, dtype):
    # log(z + eps) of a rate z, by Poisson's loss for a count of 1: z - log z.
    z = np.array([[0], [np.inf], [np.nan], [-1], [np.finfo(dtype).tiny], [-np.inf]], dtype)
    losses, result, partial = np.full_like(z, 7), np.zeros(4), np.full((len(z), 2), np.nan, dtype)
    operands = [None, result, losses, partial, z, np.ones_like(z), None, None]
    kernel("poisson_nll", operands, len(z), [1], np.zeros(4), dtype=dtype)
    assert losses[0, 0] == np.inf
    assert np.isnan(losses[[1, 2, 3, 5], 0]).all()
    np.testing.assert_allclose(losses[4, 0], -np.log(wider(z[4, 0])), rtol=1e-6)
