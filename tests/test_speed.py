"""Kernels and layers as pytest-benchmark times them, each checked against NumPy; no time is asserted.

In the suite each runs once. To time them: pytest tests/test_speed.py --benchmark-enable
"""

from functools import partial

import numpy as np
import pytest

import lamella as lm
import reference
import updates
from lamella import _core, nn
from reference import assert_within, f64, sum_error

#: (batch, inputs, outputs) of layers.
LAYERS = [(64, 17, 64), (32, 64, 128), (128, 784, 256)]
ROWS, WIDTH = 256, 512
COUNT = 100_000
LOOSE = 1e-5


def kernel(name, operands, n=0, sizes=(), hyper=None):
    """The call, to be made again and again."""
    arguments = [name, operands, n, list(sizes), hyper, _core.DType.float32, lm.get_num_threads()]
    return partial(_core.call_kernel, *arguments)


def draw(rng, *shapes):
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    return arrays if len(arrays) > 1 else arrays[0]


@pytest.fixture(params=LAYERS, ids="{0[1]}-{0[2]} batch {0[0]}".format)
def layer(request, rng):
    """Input, weights, bias and gradient of the output."""
    n, inputs, outputs = request.param
    return draw(rng, (n, inputs), (inputs, outputs), outputs, (n, outputs))


def test_forward_product(benchmark, layer):
    x, w, b, dy = layer
    y = np.empty_like(dy)
    benchmark(kernel("linear_forward", [y, x, w, b], len(x), w.shape))
    bound = sum_error(len(w) + 1, np.float32) * reference.linear_forward(abs(x), abs(w), abs(b))
    assert_within(y, reference.linear_forward(x, w, b), bound)


def test_product_of_the_input_gradient(benchmark, layer):
    x, w, _, dy = layer
    dx = np.empty_like(x)
    benchmark(kernel("linear_backward_input", [dx, dy, w], len(x), w.shape))
    bound = sum_error(dy.shape[1], np.float32) * reference.linear_backward_input(abs(dy), abs(w))
    assert_within(dx, reference.linear_backward_input(dy, w), bound)


def test_product_of_the_weight_gradient(benchmark, layer):
    x, w, b, dy = layer
    dw, db = np.empty_like(w), np.empty_like(b)
    benchmark(kernel("linear_backward_weight", [dw, db, dy, x], len(x), [*w.shape, False]))
    wanted, bounds = reference.linear_backward_weight(dy, x), reference.linear_backward_weight(abs(dy), abs(x))
    for got, want, bound in zip((dw, db), wanted, bounds, strict=True):
        assert_within(got, want, sum_error(len(x), np.float32) * bound)


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_activation_forward(benchmark, rng, name):
    x = draw(rng, (ROWS, WIDTH))
    y = np.empty_like(x)
    benchmark(kernel(f"{name}_forward", [y, x], 1, [x.size]))
    assert_within(y, getattr(reference, name)(x), LOOSE)


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_activation_backward(benchmark, rng, name):
    x, dy = draw(rng, (ROWS, WIDTH), (ROWS, WIDTH))
    y = getattr(reference, name)(x).astype(np.float32)
    dx = np.empty_like(x)
    benchmark(kernel(f"{name}_backward", [dx, dy, y], 1, [x.size]))
    assert_within(dx, dy * getattr(reference, f"{name}_slope")(y), LOOSE)


def test_dropout(benchmark, rng):
    model = nn.Sequential(nn.Dropout(0.25), seed=0)
    x = draw(rng, (ROWS, WIDTH))
    y = benchmark(model, x)
    assert_within(y, np.where(y == 0, 0, f64(x) / 0.75), LOOSE)
    assert 0.24 < np.mean(y == 0) < 0.26


def test_batch_norm_forward(benchmark, rng):
    model = nn.Sequential(nn.BatchNorm1d(WIDTH), seed=0)
    x = draw(rng, (ROWS, WIDTH))
    want, _, _ = reference.batchnorm_forward(x, None, None, 1e-5)
    assert_within(benchmark(model, x), want, LOOSE)


def test_batch_norm_backward(benchmark, rng):
    model = nn.Sequential(nn.BatchNorm1d(WIDTH), seed=0)
    x, dy = draw(rng, (ROWS, WIDTH), (ROWS, WIDTH))

    def forward():
        model(x)  # each backward takes one
        return (dy,), {}

    want, _, _ = reference.batchnorm_backward(dy, x, None, 1e-5)
    assert_within(benchmark.pedantic(model.backward, setup=forward, rounds=50), want, LOOSE)


def test_cross_entropy(benchmark, rng):
    z, target = draw(rng, (ROWS, 10)), rng.integers(0, 10, ROWS)
    values, gradient = reference.cross_entropy(z, target)
    check_loss(benchmark, nn.CrossEntropyLoss(), z, target, values.mean(), gradient / ROWS)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "squared_error"])
def test_loss_of_cells(benchmark, rng, name):
    z, target = draw(rng, (ROWS, 64)), rng.random((ROWS, 64)).astype(np.float32)
    values, gradient = getattr(reference, name)(z, target)
    loss = {"binary_cross_entropy": nn.BCEWithLogitsLoss, "squared_error": nn.MSELoss}[name]()
    check_loss(benchmark, loss, z, target, values.mean(), gradient / z.size)


def check_loss(benchmark, loss, z, target, value, gradient):
    assert benchmark(loss, z, target) == pytest.approx(value, rel=LOOSE)
    assert_within(loss.backward(), gradient, LOOSE * abs(gradient).max())


@pytest.mark.parametrize(("name", "slots", "settings"), [
    ("sgd", 1, {"momentum": 0.9, "dampening": 0.0, "nesterov": 0.0}),
    ("rmsprop", 1, {"alpha": 0.99, "eps": 1e-8, "momentum": 0.0}),
    ("adam", 2, {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "bias_correction": 1.0}),
])  # fmt: skip
def test_update(benchmark, rng, name, slots, settings):
    value, grad = draw(rng, COUNT, COUNT)
    arrays = [value, *(np.zeros_like(value) for _ in range(slots))]
    none = [None] * ({"sgd": 2, "rmsprop": 4, "adam": 4}[name] - len(arrays))
    want, common = f64(*arrays), {**updates.COMMON, "lr": 0.01, "weight_decay": 0.01}
    hyper = np.array([1.0, *common.values(), *settings.values()])
    update = kernel(f"{name}_update", [*arrays, *none, grad, None], 0, [COUNT], hyper)
    update()
    getattr(updates, name)(*want, *none, updates.before(want[0], f64(grad), **common), step=1, lr=0.01, **settings)
    for got, expected in zip(arrays, want, strict=True):
        assert_within(got, expected, LOOSE)
    benchmark(update)  # goes on from there
