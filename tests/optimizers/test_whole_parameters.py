"""Updates that look at a parameter as a whole, and schedule-free ones, against float64 NumPy."""

import numpy as np
import pytest

import updates
from lamella import nn, optim

STEPS = 5
#: (inputs, outputs): both sides of square, single rows and columns, a matrix of several chunks.
SHAPES = [(1, 1), (1, 5), (5, 1), (3, 3), (7, 17), (17, 7), (33, 40), (90, 70)]
DECAY = 0.3


def linear(shape, dtype):
    layer = nn.Linear(*shape)
    model = nn.Sequential(layer, seed=1, dtype=dtype)
    model.parameters()
    layer.bias.data[...] = np.linspace(0.5, 1.5, shape[1])
    return model, layer


def train(model, optimizer, dtype, refer):
    """Steps by random gradients, beside a reference that takes (name, value, gradient, step)."""
    rng = np.random.default_rng(5)
    want = {p.name: p.data.astype(np.float64) for p in model.parameters()}
    for step in range(1, STEPS + 1):
        for p in model.parameters():
            p.grad[...] = rng.standard_normal(p.shape) * 0.7**step
            refer(p.name, want[p.name], p.grad.astype(np.float64), step)
        optimizer.step()
    for p in model.parameters():
        # Values of up to about three. Some fifty roundings a step, those of sums over a parameter among them; divisions
        # by deviations enlarge them by up to 10.
        np.testing.assert_allclose(p.data, want[p.name], rtol=0, atol=STEPS * 500 * np.finfo(dtype).eps)


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_lamb(shape, corrected, dtype):
    model, _ = linear(shape, dtype)
    settings = {"lr": 0.1, "eps": 0.1, "bias_correction": corrected}
    optimizer = optim.LAMB(model.parameters(), betas=(0.8, 0.9), weight_decay=DECAY, **settings)
    slots = {p.name: (np.zeros(p.shape), np.zeros(p.shape)) for p in model.parameters()}

    def refer(name, value, grad, step):
        decay = DECAY if value.ndim == 2 else 0.0
        updates.lamb(value, *slots[name], grad, step, beta1=0.8, beta2=0.9, decay=decay, **settings)

    train(model, optimizer, dtype, refer)


def test_lamb_takes_plain_steps_from_zero():
    model, layer = linear((4, 3), "float64")
    layer.bias.data[...] = 0
    layer.bias.grad[...] = [1.0, -2.0, 3.0]
    optimizer = optim.LAMB(model.parameters(), lr=0.1, eps=0.0)
    layer.weight.grad[...] = 1
    optimizer.step()
    np.testing.assert_allclose(layer.bias.data, [-0.1, 0.1, -0.1])


@pytest.mark.parametrize("d", [1.0, 3.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_adafactor(shape, d, dtype):
    model, _ = linear(shape, dtype)
    optimizer = optim.Adafactor(
        model.parameters(), lr=0.3, beta2_decay=-0.6, eps=(0.1, 0.01), d=d, weight_decay=DECAY, maximize=True
    )
    state = {}
    for p in model.parameters():
        shapes = {"variance": p.shape}
        if len(p.shape) == 2:
            shapes = {"row_var": (p.shape[0], 1), "col_var": (1, p.shape[1])}
        state[p.name] = {key: np.zeros(each) for key, each in shapes.items()}

    def refer(name, value, grad, step):
        change = updates.adafactor(value, state[name], -grad, step, 0.3, -0.6, 0.1, 0.01, d)
        value *= 1 - 0.3 * (DECAY if value.ndim == 2 else 0)
        value -= change

    train(model, optimizer, dtype, refer)
    found = optimizer.state_dict()["state"]
    for number, p in enumerate(model.parameters()):
        for key, want in state[p.name].items():
            assert found[number][key].shape == want.shape
            np.testing.assert_allclose(found[number][key], want, rtol=100 * np.finfo(dtype).eps)


def test_adafactor_keeps_little():
    model, _ = linear((90, 70), "float32")
    state = optim.Adafactor(model.parameters()).state_dict()["state"]
    assert sum(np.size(value) for entry in state.values() for value in entry.values()) == 90 + 70 + 70 + 2


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_muon(shape, nesterov, dtype):
    model, _ = linear(shape, dtype)
    match = "match_rms_adamw" if nesterov else None
    coefficients = (3.0, -3.2, 1.2)
    optimizer = optim.Muon(
        model.parameters(), 0.1, DECAY, 0.8, nesterov, coefficients, ns_steps=3, adjust_lr_fn=match, adamw_eps=0.1
    )
    buffers = {p.name: [np.zeros(p.shape) for _ in range(2)] for p in model.parameters()}

    def refer(name, value, grad, step):
        if value.ndim == 1:
            updates.adam(value, *buffers[name], None, grad, step, 0.1, 0.9, 0.999, 0.1, True)
            return
        change = updates.muon(value, buffers[name][0], grad, 0.1, 0.8, nesterov, coefficients, 1e-7, 3, match)
        value *= 1 - 0.1 * DECAY
        value -= change

    train(model, optimizer, dtype, refer)


def test_muon_makes_orthogonal_steps():
    """After enough exact iterations (3 X - X^3) / 2, all singular values of the step are the rate."""
    model, layer = linear((17, 9), "float64")
    before = layer.weight.data.copy()
    layer.weight.grad[...] = np.random.default_rng(0).standard_normal((9, 17))
    layer.bias.grad[...] = 0
    optim.Muon(model.parameters(), lr=0.1, weight_decay=0, ns_coefficients=(1.5, -0.5, 0.0), ns_steps=60).step()
    np.testing.assert_allclose(np.linalg.svd(layer.weight.data - before)[1], 0.1, rtol=1e-9)


@pytest.mark.parametrize("kind", [optim.LAMB, optim.Adafactor, optim.Muon])
def test_a_gradient_of_zero_is_no_trouble(kind, dtype):
    model, layer = linear((5, 4), dtype)
    optimizer = kind(model.parameters(), weight_decay=0.0)
    before = layer.weight.data.copy()
    optimizer.step()
    np.testing.assert_array_equal(layer.weight.data, before)


def test_schedule_free_goes_between_two_points(dtype):
    model, layer = linear((7, 5), dtype)
    optimizer = optim.ScheduleFreeAdamW(model.parameters(), lr=0.05, betas=(0.7, 0.9), eps=0.1)
    rng, start = np.random.default_rng(0), layer.weight.data.copy()
    optimizer.eval()
    np.testing.assert_array_equal(layer.weight.data, start)  # before the first step all three points are one
    optimizer.train()
    points, weights = [], []
    for _ in range(6):
        for p in model.parameters():
            p.grad[...] = rng.standard_normal(p.shape)
        optimizer.step()
        points.append(optimizer.state_dict()["state"][0]["z"].astype(np.float64))
        weights.append(0.05**2)
    y = layer.weight.data.copy()
    optimizer.eval()
    # Both ends of the exchange divide rounding errors by b1.
    tolerance = 100 * np.finfo(dtype).eps
    # c is w / (sum of weights): at the first step the average is where it began, then the mean of all that z was.
    x = points[0]
    x = start.astype(np.float64)
    z = [start.astype(np.float64), *points]
    for k in range(1, 7):
        x = x + (z[k] - x) / k
    np.testing.assert_allclose(layer.weight.data, x, rtol=0, atol=tolerance)
    np.testing.assert_allclose(y, 0.3 * z[-1] + 0.7 * x, rtol=0, atol=tolerance)
    with pytest.raises(RuntimeError, match=r"\[ScheduleFreeAdamW\] .*optimizer.train\(\)"):
        optimizer.step()
    again = optim.ScheduleFreeAdamW(model.parameters())
    again.load_state_dict(optimizer.state_dict())
    assert not again.training
    optimizer.train()
    np.testing.assert_allclose(layer.weight.data, y, rtol=0, atol=tolerance)
