"""The largest of some pieces, and the layer that makes the pieces."""

import numpy as np
import pytest

import reference
from gradcheck import check_gradient
from lamella import nn
from reference import assert_same_bits

SHAPES = [(1, 2, 1), (3, 2, 7), (9, 3, 8), (17, 5, 33), (40, 2, 64), (2, 17, 3)]  # n, pieces, out


def forward(kernel, z, threads=1):
    n, pieces, out = z.shape
    y = np.full((n, out), np.nan, z.dtype)
    kernel("maxout_forward", [y, z], n, [out, pieces], dtype=z.dtype, threads=threads)
    return y


def backward(kernel, dy, z, threads=1):
    n, pieces, out = z.shape
    dz = np.full_like(z, np.nan)
    kernel("maxout_backward", [dz, dy, z], n, [out, pieces], dtype=z.dtype, threads=threads)
    return dz


@pytest.mark.parametrize("ties", [False, True])
def test_both_ways(kernel, rng, dtype, ties):
    for n, pieces, out in SHAPES:
        z = rng.standard_normal((n, pieces, out)).astype(dtype)
        z = np.floor(z) if ties else z  # the first of equal pieces counts
        dy = rng.standard_normal((n, out)).astype(dtype)
        np.testing.assert_array_equal(forward(kernel, z), reference.maxout_forward(z)[0])
        np.testing.assert_array_equal(backward(kernel, dy, z), reference.maxout_backward(dy, z))


def test_special_values(kernel, rng, dtype):
    z = rng.choice(np.array([np.nan, np.inf, -np.inf, 0, 1], dtype), (50, 4, 17), p=[0.1, 0.2, 0.5, 0.1, 0.1])
    dy = np.ones((50, 17), dtype)
    np.testing.assert_array_equal(forward(kernel, z), reference.maxout_forward(z)[0])
    np.testing.assert_array_equal(backward(kernel, dy, z), reference.maxout_backward(dy, z))


def test_threads_give_the_same_bits(kernel, rng, dtype, threads):
    z, dy = rng.standard_normal((129, 3, 33)).astype(dtype), rng.standard_normal((129, 33)).astype(dtype)
    assert_same_bits(forward(kernel, z, threads), forward(kernel, z))
    assert_same_bits(backward(kernel, dy, z, threads), backward(kernel, dy, z))


def test_gradient(kernel, rng):
    z, weight = rng.standard_normal((3, 4, 5)), rng.standard_normal((3, 5))
    check_gradient(lambda: float((forward(kernel, z) * weight).sum()), z, backward(kernel, weight, z))


@pytest.mark.parametrize("pieces", [2, 3, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_layer(rng, dtype, pieces, bias):
    layer = nn.Maxout(7, 6, pieces, bias=bias)
    model = nn.Sequential(layer, seed=1, dtype=dtype.name)
    model.parameters()
    if bias:
        layer.bias.data[...] = rng.standard_normal(layer.bias.shape)
    x = rng.standard_normal((9, 7)).astype(dtype)
    z = reference.linear_forward(x, layer.weight.data.T, layer.bias.data if bias else None).reshape(9, pieces, 6)
    np.testing.assert_allclose(model(x), z.max(axis=1), rtol=0, atol=40 * np.finfo(dtype).eps)
    assert layer.weight.shape == (pieces * 6, 7)
    assert list(model.state_dict()) == (["0.weight", "0.bias"] if bias else ["0.weight"])


def test_two_pieces_can_be_relu(rng):
    model = nn.Sequential(nn.Maxout(4, 3), dtype="float64")
    relu = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), dtype="float64")
    for a, b in zip(model.parameters(), relu.parameters(), strict=True):
        b.data[...] = rng.standard_normal(b.shape)
        a.data[...] = 0
        a.data[:3] = b.data
    x, dy = rng.standard_normal((8, 4)), rng.standard_normal((8, 3))
    np.testing.assert_array_equal(model(x), relu(x))
    np.testing.assert_allclose(model.backward(dy), relu.backward(dy), atol=1e-15)


@pytest.mark.parametrize("pieces", [2, 3, 8])
def test_first_weights_hold_the_second_moment(rng, pieces):
    model = nn.Sequential(*[nn.Maxout(300, 300, pieces) for _ in range(4)], seed=pieces)
    x = rng.standard_normal((300, 300)).astype(np.float32)
    assert 0.7 < (model(x) ** 2).mean() < 1.4


def test_each_piece_is_drawn_by_itself():
    layer = nn.Maxout(9, 5, pieces=3, init="orthogonal")
    layer.parameters()
    pieces = np.float64(layer.weight.data).reshape(3, 5, 9)
    for piece in pieces:
        np.testing.assert_allclose(piece @ piece.T, np.eye(5), atol=1e-6)
    assert (pieces[0] != pieces[1]).all()
