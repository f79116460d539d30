"""Losses: value, gradient and score in one pass."""

import numpy as np
import pytest

import reference
from gradcheck import check_gradient
from reference import assert_same_bits, assert_within, f64

#: Rows around the threads' grain, widths around vectors.
SHAPES = [(1, 1), (1, 10), (2, 3), (7, 17), (8, 16), (33, 15), (9, 100), (65, 2), (5, 1000)]
NAMES = ["cross_entropy", "binary_cross_entropy", "squared_error"]
CELLWISE = NAMES[1:]


def run(kernel, name, z, target, mean=True, gradient=True, threads=1):
    """(value, score, dz, loss and score of each row)."""
    dz = np.full_like(z, np.nan) if gradient else None
    result, partial = np.full(4, np.nan), np.full((len(z), 2), np.nan, z.dtype)
    operands = [dz, result, None, partial, z, target, None, None]
    hyper = {"cross_entropy": [0.0], "squared_error": [1.0]}.get(name, [])
    kernel(name, operands, len(z), [z.shape[1]], np.array([float(mean), *hyper]), dtype=z.dtype, threads=threads)
    return float(result[0]), float(result[1]), dz, partial


def draw(rng, name, n, width, dtype, spread=3):
    """Logits and targets."""
    z = (spread * rng.standard_normal((n, width))).astype(dtype)
    if name == "cross_entropy":
        return z, rng.integers(0, width, n).astype(np.int32)
    target = rng.uniform(0, 1, (n, width)) if name == "binary_cross_entropy" else rng.standard_normal((n, width))
    return z, target.astype(dtype)


def score_of(name, z, target, loss):
    if name == "cross_entropy":
        return (z.argmax(axis=1) == target).mean()
    return ((z > 0) == (target > 0.5)).mean() if name == "binary_cross_entropy" else loss.mean()


def loss_bound(name, z, target, loss):
    """Size of what is added up, for each loss."""
    z = f64(z)
    if name == "cross_entropy":
        return 1 + np.ptp(z, axis=1) + np.log(z.shape[1])
    return 1 + abs(z) if name == "binary_cross_entropy" else (abs(z) + abs(f64(target))) ** 2


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_value_gradient_and_score(kernel, rng, name, dtype, mean):
    for n, width in SHAPES:
        z, target = draw(rng, name, n, width, dtype)
        value, score, dz, _ = run(kernel, name, z, target, mean)
        loss, want_dz = getattr(reference, name)(z, target)
        scale = 1 / loss.size if mean else 1
        # Each term has a few roundings of its own; a row's sum has `width` more.
        relative = (width + 8) * np.finfo(dtype).eps
        size = loss_bound(name, z, target, loss)
        assert_within(value, loss.sum() * scale, relative * size.sum() * scale)
        slope = 1 + abs(f64(z)) if name != "squared_error" else 2 * (abs(f64(z)) + abs(f64(target)))
        assert_within(dz, want_dz * scale, relative * slope * scale)
        want_score = score_of(name, z, target, loss)
        assert_within(score, want_score, relative * size.mean() if name == "squared_error" else 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_rows_add_up(kernel, rng, name, dtype):
    z, target = draw(rng, name, 37, 11, dtype)
    value, score, _, partial = run(kernel, name, z, target, mean=False)
    # In float64, whatever the type: 37 additions.
    np.testing.assert_allclose(f64(partial)[:, 0].sum(), value, rtol=37 * np.finfo(np.float64).eps)
    cells = 37 if name == "cross_entropy" else 37 * 11
    np.testing.assert_allclose(f64(partial)[:, 1].sum() / cells, score, rtol=37 * np.finfo(np.float64).eps)


@pytest.mark.parametrize("name", NAMES)
def test_without_gradient(kernel, rng, name, dtype):
    for n, width in SHAPES:
        z, target = draw(rng, name, n, width, dtype)
        value, score, _, partial = run(kernel, name, z, target)
        other_value, other_score, none, other_partial = run(kernel, name, z, target, gradient=False)
        assert none is None
        assert (value, score) == (other_value, other_score)
        assert_same_bits(partial, other_partial)


@pytest.mark.parametrize("name", NAMES)
def test_threads_give_the_same_bits(kernel, rng, name, dtype, threads):
    for n, width in [*SHAPES, (203, 31)]:
        z, target = draw(rng, name, n, width, dtype)
        one, many = run(kernel, name, z, target), run(kernel, name, z, target, threads=threads)
        assert one[:2] == many[:2]
        assert_same_bits(one[2], many[2])
        assert_same_bits(one[3], many[3])


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_gradient(kernel, rng, name, mean):
    for n, width in [(4, 5), (3, 1), (2, 19)]:
        if name == "cross_entropy" and width == 1:
            continue  # its loss is always 0
        z, target = draw(rng, name, n, width, np.dtype(np.float64), spread=1)
        _, _, dz, _ = run(kernel, name, z, target, mean)
        check_gradient(lambda z=z, target=target: run(kernel, name, z, target, mean)[0], z, dz)


def test_one_class_is_never_wrong(kernel, rng, dtype):
    z = (1000 * rng.standard_normal((9, 1))).astype(dtype)
    value, score, dz, _ = run(kernel, "cross_entropy", z, np.zeros(9, np.int32))
    assert (value, score) == (0, 1)
    np.testing.assert_array_equal(dz, 0)


@pytest.mark.parametrize("width", [1, 2, 3, 16, 19, 64])
@pytest.mark.parametrize("level", [-1e4, -100, 0, 100, 1e4])
def test_cross_entropy_of_equal_logits(kernel, dtype, width, level):
    # A constant shift changes nothing, whether or not the width is a whole number of vectors.
    z, target = np.full((3, width), level, dtype), np.array([0, width - 1, width // 2], np.int32)
    value, _, dz, _ = run(kernel, "cross_entropy", z, target, mean=False)
    tolerance = (width + 8) * np.finfo(dtype).eps
    assert_within(value, 3 * np.log(width), 3 * tolerance * (1 + np.log(width)))
    assert_within(dz, 1 / width - np.eye(width)[target], tolerance)


@pytest.mark.parametrize("width", [2, 5, 16, 23])
def test_cross_entropy_of_huge_logits(kernel, rng, dtype, width):
    z = np.where(rng.random((20, width)) < 0.5, -1e4, 1e4).astype(dtype)
    z += rng.integers(-3, 4, z.shape).astype(dtype)  # still whole numbers: differences are exact
    target = rng.integers(0, width, 20).astype(np.int32)
    value, _, dz, partial = run(kernel, "cross_entropy", z, target)
    loss, want = reference.cross_entropy(z, target)
    tolerance = (width + 8) * np.finfo(dtype).eps
    assert_within(partial[:, 0], loss, tolerance * (1 + loss))
    assert_within(value, loss.mean(), tolerance * (1 + loss.mean()))
    assert_within(dz, want / 20, tolerance / 20)


def test_cross_entropy_of_masked_classes(kernel, dtype):
    # -inf says that a class is out of the question: no NaN, and an infinite loss only where it is the answer.
    z = np.array([[0, -np.inf, 0], [-np.inf, 5, -np.inf], [-np.inf, 0, 0]], dtype)
    value, _, dz, partial = run(kernel, "cross_entropy", z, np.array([0, 1, 0], np.int32), mean=False)
    assert value == np.inf
    assert_within(partial[:, 0], [np.log(2), 0, np.inf], 4 * np.finfo(dtype).eps)
    assert_within(dz, [[-0.5, 0, 0.5], [0, 0, 0], [-1, 0.5, 0.5]], 4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("width", [2, 3, 16, 17])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_cross_entropy_does_not_hide_what_is_not_finite(kernel, dtype, value, width):
    # A diverged network must show in the loss, wherever the bad logit stands.
    for column in range(width):
        for label in range(width):
            z = np.zeros((1, width), dtype)
            z[0, column] = value
            loss, *_ = run(kernel, "cross_entropy", z, np.array([label], np.int32))
            assert not np.isfinite(loss), f"loss {loss} with {value} in column {column} and label {label}"


@pytest.mark.parametrize("name", CELLWISE)
@pytest.mark.parametrize("width", [1, 3, 16, 17])
def test_cell_losses_do_not_hide_nan(kernel, name, dtype, width):
    for column in range(width):
        z, target = np.zeros((1, width), dtype), np.zeros((1, width), dtype)
        z[0, column] = np.nan
        assert np.isnan(run(kernel, name, z, target)[0])
        assert np.isnan(run(kernel, name, np.zeros_like(z), z)[0])


def test_ties_go_to_the_first_class(kernel, dtype):
    # As argmax: of equal logits the first one is the prediction.
    z = np.zeros((4, 20), dtype)
    z[1:3, 5] = z[1:3, 18] = 2
    for row, (label, right) in enumerate([(0, 1), (5, 1), (18, 0), (1, 0)]):
        assert run(kernel, "cross_entropy", z[row : row + 1], np.array([label], np.int32))[1] == right


def test_binary_cross_entropy_of_huge_logits(kernel, dtype):
    # Right answers cost nothing, wrong ones the logit, and doubt half of it.
    z = np.array([[1e4, -1e4, 1e4, -1e4, 1e4, -1e4, 0.0]], dtype)
    target = np.array([[1, 0, 0, 1, 0.5, 0.5, 0.5]], dtype)
    value, _, dz, _ = run(kernel, "binary_cross_entropy", z, target, mean=False)
    assert_within(value, 3e4 + np.log(2), 8 * np.finfo(dtype).eps * 3e4)
    np.testing.assert_array_equal(dz, np.array([[0, 0, 1, -1, 0.5, -0.5, 0]], dtype))


def test_binary_score_is_above_one_half(kernel, dtype):
    z = np.array([[1, 1, -1, -1, 0, 0, 1, -1]], dtype)
    target = np.array([[1, 0, 1, 0, 0, 1, 0.6, 0.5]], dtype)
    assert run(kernel, "binary_cross_entropy", z, target)[1] == 5 / 8


def test_squared_error_of_whole_numbers_is_exact(kernel, rng, dtype):
    z, target = (rng.integers(-9, 10, (6, 7)).astype(dtype) for _ in range(2))
    value, score, dz, _ = run(kernel, "squared_error", z, target, mean=False)
    assert value == ((f64(z) - f64(target)) ** 2).sum()
    assert_within(score, value / 42, 2 * np.finfo(np.float64).eps * score)
    np.testing.assert_array_equal(dz, 2 * (z - target))
