"""Dropout: which elements are kept is a pure function of seed, step, layer and element."""

import numpy as np
import pytest

from gradcheck import check_gradient
from reference import assert_same_bits, dropout_half, dropout_kept, dropout_least, philox

SETTINGS = [("p", np.float64), ("seed", np.uint64), ("layer", np.uint64), ("step", np.float64)]


def hyper(p, seed=0, layer=0, step=0):
    return np.array([(p, seed, layer, step)], SETTINGS)


def forward(kernel, x, settings, threads=1):
    """(y, kept)."""
    y = np.full_like(x, np.nan)
    mask = np.zeros(-(-x.size // 64), np.uint64)
    kernel("dropout_mask", [mask], 1, [x.size], settings, dtype=x.dtype, threads=threads)
    kernel("dropout", [y, x, mask], 1, [x.size], settings, dtype=x.dtype, threads=threads)
    return y, np.unpackbits(mask.view(np.uint8), count=x.size, bitorder="little").astype(bool)


def backward(kernel, dy, kept, settings, threads=1):
    dx = np.full_like(dy, np.nan)
    bits = np.zeros(-(-kept.size // 64) * 64, bool)
    bits[: kept.size] = kept
    mask = np.packbits(bits, bitorder="little").view(np.uint64)
    kernel("dropout", [dx, dy, mask], 1, [dy.size], settings, dtype=dy.dtype, threads=threads)
    return dx


def keeps(kernel, count, settings, dtype=np.float32, threads=1):
    return forward(kernel, np.ones(count, dtype), settings, threads)[1]


# The published known answers of Random123: counter, key, result.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_philox_of_the_reference(counter, key, result):
    counter, key, result = ([int(word, 16) for word in text.split()] for text in (counter, key, result))
    assert philox(counter, key) == result


def test_philox_of_the_kernel(kernel):
    # Elements 0 and 1, 16 and 17, 32 and 33, 48 and 49 are decided by the halves of block 0's four words: a threshold
    # at the half keeps them, the next one does not.
    for word, text in enumerate(KNOWN[0][2].split()):
        for half in range(2):
            bits = int(text, 16) >> 16 * half & 0xFFFF
            assert keeps(kernel, 64, hyper(bits / 2**16))[16 * word + half]
            assert not keeps(kernel, 64, hyper((bits + 1) / 2**16))[16 * word + half]


def test_threshold_is_exact(kernel):
    # Kept where the half word is at least p 2^16; between two of them p rounds up or down.
    for element in (0, 5, 77):
        half = dropout_half(element, 9, 2, 3)
        kept = [keeps(kernel, 128, hyper((half + part) / 2**16, 9, 2, 3))[element] for part in (-0.5, 0, 1)]
        assert kept == [True, True, False]


def test_threshold_meets_p_on_average(kernel):
    # Between two thresholds: which one a step takes is random, up as often as p asks for, within five deviations.
    half, part, steps = dropout_half(0, 0, 0, 1), 0.25, 4000
    least = [dropout_least((half + part) / 2**16, 0, 0, step) for step in range(steps)]
    assert set(least) == {half, half + 1}
    ups = sum(value > half for value in least)
    assert abs(ups - part * steps) < 5 * np.sqrt(part * (1 - part) * steps)
    for step in range(20):
        settings = hyper((half + part) / 2**16, step=step)
        np.testing.assert_array_equal(keeps(kernel, 64, settings), dropout_kept(64, (half + part) / 2**16, 0, 0, step))


@pytest.mark.parametrize("count", [1, 63, 64, 65, 1000, 4161])
def test_mask_is_the_documented_one(kernel, dtype, count):
    for p, seed, layer, step in [(0.5, 0, 0, 1), (0.2, 2**64 - 1, 7, 2), (0.9, 0x0123456789ABCDEF, 2**32 - 1, 2**31)]:
        want = dropout_kept(count, p, seed, layer, step)
        np.testing.assert_array_equal(keeps(kernel, count, hyper(p, seed, layer, step), dtype), want)


def test_forward_and_backward(kernel, rng, dtype):
    for count in (1, 16, 63, 129, 3001):
        x, dy = (rng.standard_normal(count).astype(dtype) for _ in range(2))
        settings = hyper(0.3, seed=5, step=1)
        y, kept = forward(kernel, x, settings)
        # The scale is rounded once, the product once.
        np.testing.assert_allclose(y, np.where(kept, x / 0.7, 0), rtol=2 * np.finfo(dtype).eps, atol=0)
        dx = backward(kernel, dy, kept, settings)
        np.testing.assert_allclose(dx, np.where(kept, dy / 0.7, 0), rtol=2 * np.finfo(dtype).eps, atol=0)


def test_dropped_is_zero_whatever_it_was(kernel, dtype):
    settings = hyper(0.5)
    for value in (np.inf, -np.inf, np.nan):
        y, kept = forward(kernel, np.full(200, value, dtype), settings)
        assert 0 < kept.sum() < 200
        np.testing.assert_array_equal(y, np.where(kept, value, 0))
        np.testing.assert_array_equal(backward(kernel, np.full(200, value, dtype), kept, settings), y)


def test_none_dropped(kernel, rng, dtype):
    x = rng.standard_normal(500).astype(dtype)
    y, kept = forward(kernel, x, hyper(0.0))
    assert kept.all()
    assert_same_bits(y, x)
    assert_same_bits(backward(kernel, x, kept, hyper(0.0)), x)


def test_all_dropped(kernel, rng, dtype):
    x = rng.standard_normal(500).astype(dtype)
    y, kept = forward(kernel, x, hyper(1.0))
    assert not kept.any()
    np.testing.assert_array_equal(y, 0)
    np.testing.assert_array_equal(backward(kernel, x, kept, hyper(1.0)), 0)


def test_in_place(kernel, rng, dtype):
    x, dy = (rng.standard_normal(150).astype(dtype) for _ in range(2))
    settings = hyper(0.4, seed=3)
    y, kept = forward(kernel, x, settings)
    mask = np.zeros(3, np.uint64)
    kernel("dropout_mask", [mask], 10, [15], settings, dtype=dtype)
    kernel("dropout", [x, x, mask], 10, [15], settings, dtype=dtype)
    assert_same_bits(x, y)
    dx = backward(kernel, dy, kept, settings)
    kernel("dropout", [dy, dy, mask], 10, [15], settings, dtype=dtype)
    assert_same_bits(dy, dx)


def test_threads_give_the_same_bits(kernel, rng, dtype, threads):
    settings = hyper(0.35, seed=11, layer=1, step=4)
    for count in (1, 1024, 1025, 2111, 20_000):
        x, dy = (rng.standard_normal(count).astype(dtype) for _ in range(2))
        y, kept = forward(kernel, x, settings)
        many_y, many_kept = forward(kernel, x, settings, threads)
        assert_same_bits(many_y, y)
        assert_same_bits(many_kept, kept)
        assert_same_bits(backward(kernel, dy, kept, settings, threads), backward(kernel, dy, kept, settings))


def test_mask_is_the_same_in_both_types(kernel):
    for count in (7, 1000):
        settings = hyper(0.5, seed=1, step=2)
        narrow, wide = (keeps(kernel, count, settings, dtype) for dtype in (np.float32, np.float64))
        np.testing.assert_array_equal(narrow, wide)


@pytest.mark.parametrize("p", [0.01, 0.2, 0.5, 0.8, 0.99])
def test_rate(kernel, p):
    # The count is binomial: five deviations. So is that of neighbours both kept, which would show a pattern.
    count = 1_000_000
    kept = keeps(kernel, count, hyper(p, seed=42, step=1))
    for happened, chance in [
        (kept, 1 - p),
        (kept[0::2] & kept[1::2], (1 - p) ** 2),
        (kept[: count // 2] & kept[count // 2 :], (1 - p) ** 2),
    ]:
        deviation = np.sqrt(chance * (1 - chance) / len(happened))
        assert abs(happened.mean() - chance) < 5 * deviation


def test_seed_layer_and_step_give_other_masks(kernel):
    # Two independent fair masks agree in half of their elements, within five deviations.
    count = 100_000
    base = {"seed": 1, "layer": 1, "step": 1}
    masks = [keeps(kernel, count, hyper(0.5, **base))]
    masks += [keeps(kernel, count, hyper(0.5, **{**base, key: 2})) for key in base]
    masks += [keeps(kernel, count, hyper(0.5, seed=1 + 2**32, layer=1, step=1))]  # the seed's high half counts
    for i, one in enumerate(masks):
        for other in masks[:i]:
            assert abs((one == other).mean() - 0.5) < 5 * 0.5 / np.sqrt(count)


def test_gradient(kernel, rng):
    x, weight = rng.standard_normal(40), rng.standard_normal(40)
    settings = hyper(0.5, seed=8, step=1)
    _, kept = forward(kernel, x, settings)
    dx = backward(kernel, weight, kept, settings)
    check_gradient(lambda: float(forward(kernel, x, settings)[0] @ weight), x, dx)
