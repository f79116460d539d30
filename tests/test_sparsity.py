"""The penalty on activations: its value, its gradient, and where it is reported."""

import numpy as np
import pytest

import lamella as lm
from gradcheck import check_gradient
from lamella import nn, optim
from module.structures import Doubler
from reference import assert_same_bits, sparsity

SIZES = [(1, 1), (2, 3), (5, 7), (9, 16), (17, 17), (65, 33)]
SETTINGS = [(0.1, 0.0, 0.05), (0.0, 2.0, 0.05), (0.3, 0.7, 0.4)]


def forward(kernel, x, settings, threads=1, total=0.0):
    """(value and total, slope)."""
    result, (slope, partial) = np.array([np.nan, total]), np.full((2, x.shape[1]), np.nan, x.dtype)
    operands = [result, slope, partial, x]
    kernel("sparsity_forward", operands, len(x), [x.shape[1]], np.array(settings), dtype=x.dtype, threads=threads)
    return result, slope


def backward(kernel, dy, x, slope, settings, threads=1):
    dx = np.full_like(x, np.nan)
    operands = [dx, dy, x, slope]
    kernel("sparsity_backward", operands, len(x), [x.shape[1]], np.array(settings), dtype=x.dtype, threads=threads)
    return dx


@pytest.mark.parametrize("settings", SETTINGS)
def test_kernels(kernel, rng, dtype, threads, settings):
    for shape in SIZES:
        x, dy = rng.uniform(0.01, 0.9, shape).astype(dtype), rng.standard_normal(shape).astype(dtype)
        x *= 1 if settings[1] else rng.choice([-1, 1], shape)
        (value, total), slope = forward(kernel, x, settings, total=3.0)
        want, gradient = sparsity(x, *settings)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(value, want, rtol=50 * eps, atol=10 * eps)
        assert total == 3.0 + value
        dx = backward(kernel, dy, x, slope, settings)
        np.testing.assert_allclose(dx, dy + gradient, rtol=50 * eps, atol=50 * eps)
        many, many_slope = forward(kernel, x, settings, threads)
        assert many[0] == value
        assert_same_bits(many_slope, slope)
        assert_same_bits(backward(kernel, dy, x, slope, settings, threads), dx)


def test_units_that_are_never_or_always_active(kernel, dtype):
    """A finite penalty, and a slope that leads away from there."""
    x = np.array([[0.0, 1.0, 0.05], [0.0, 1.0, 0.05]], dtype)
    settings = (0.0, 1.0, 0.05)
    (value, _), slope = forward(kernel, x, settings)
    np.testing.assert_allclose(value, sparsity(x, *settings)[0], rtol=1e-2 if dtype == "float32" else 1e-9)
    assert np.isfinite(value)
    assert slope[0] < -1e4
    assert slope[1] > 1e4
    assert abs(slope[2]) < 1e-5


def test_zeros_are_pushed_nowhere_and_nan_shows(kernel, dtype):
    x = np.array([[0.0, -0.0, 2.0, -2.0]], dtype)
    _, slope = forward(kernel, x, (0.5, 0.0, 0.05))
    np.testing.assert_array_equal(backward(kernel, np.zeros_like(x), x, slope, (0.5, 0.0, 0.05)), [[0, 0, 0.5, -0.5]])
    x[0, 0] = np.nan
    assert np.isnan(forward(kernel, x, (0.5, 0.1, 0.05))[0][0])


def network(**options):
    layers = [nn.Linear(5, 7), nn.Sigmoid(), nn.Sparsity(**options), nn.Linear(7, 2)]
    return nn.Sequential(*layers, seed=2, dtype="float64")


def test_values_pass_and_the_penalty_is_the_formulas(rng):
    x, model = rng.standard_normal((9, 5)), network(l1=0.2, kl=0.3, target=0.1)
    layer = model[2]
    assert layer.penalty == 0
    y = model(x)
    hidden = model[:2](x)
    np.testing.assert_array_equal(y, model[3](hidden))
    np.testing.assert_allclose(layer.penalty, sparsity(hidden, 0.2, 0.3, 0.1)[0], rtol=1e-12)
    before = layer.penalty
    model.eval()(2 * x)
    model.predict(3 * x)
    assert layer.penalty == before == model.penalty_total()


def test_gradient_of_loss_and_penalty(rng):
    x, dy, model = rng.standard_normal((9, 5)), rng.standard_normal((9, 2)), network(l1=0.2, kl=0.3, target=0.1)
    model(x)
    model.zero_grad()
    dx = model.backward(dy)
    gradients = [p.grad.copy() for p in model.parameters()]

    def value():
        return float((model(x) * dy).sum()) + model[2].penalty

    check_gradient(value, x, dx)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        check_gradient(value, parameter.data, gradient)


@pytest.mark.parametrize("python", [False, True], ids=["native", "python"])
def test_fit_reports_the_mean_over_batches(rng, python):
    x, y = rng.standard_normal((50, 5)), rng.standard_normal((50, 2))
    layers = [nn.Linear(5, 7), *[Doubler()] * python, nn.Sparsity(l1=0.2), nn.Sequential(nn.Sparsity(l1=0.1))]
    model = nn.Sequential(*layers, nn.Linear(7, 2), dtype="float64")
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.0))
    trainer.step(x, y)
    history = trainer.fit(x, y, epochs=2, batch_size=20, shuffle=False)
    hidden = model[: 1 + python](x)
    batches = [0.3 * abs(hidden[begin : begin + 20]).sum(axis=1).mean() for begin in (0, 20, 40)]
    np.testing.assert_allclose(history["penalty"], [np.mean(batches)] * 2, rtol=1e-9)
    plain = nn.Sequential(nn.Linear(5, 2))
    other = lm.Trainer(plain, nn.MSELoss(), optim.SGD(plain.parameters(), lr=0.0))
    assert "penalty" not in other.fit(x, y)


def test_it_makes_units_rarely_active(rng):
    x = rng.standard_normal((300, 5))
    means = []
    for kl in (0.0, 1.0):
        model = network(kl=kl, target=0.05)
        trainer = lm.Trainer(model, nn.MSELoss(), optim.Adam(model.parameters(), lr=0.02))
        trainer.fit(x, x[:, :2], epochs=60)
        means.append(model[:2](x).mean())
    assert means[1] < 0.1 < means[0]


def test_factors_may_change_any_time(rng):
    x, layer = rng.uniform(size=(5, 3)), nn.Sparsity()
    layer(x)
    assert layer.penalty == 0
    layer.l1, layer.kl, layer.target = 0.5, 0.25, 0.3
    layer(x)
    np.testing.assert_allclose(layer.penalty, sparsity(x.astype("f4"), 0.5, 0.25, 0.3)[0], rtol=1e-5)
    assert repr(layer) == "Sparsity(l1=0.5, kl=0.25, target=0.3)"


@pytest.mark.parametrize("options", [{"l1": -1}, {"kl": np.inf}, {"target": 0}, {"target": 1}, {"target": 1.5}])
def test_bad_factors(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=rf"\[Sparsity\] {name} is {value}"):
        nn.Sparsity(**options)
    layer = nn.Sparsity(0.1, 0.2, 0.3)
    with pytest.raises(ValueError, match=rf"\[Sparsity\] {name}"):
        setattr(layer, name, value)
    assert (layer.l1, layer.kl, layer.target) == (0.1, 0.2, 0.3)


@pytest.mark.parametrize("huge", [1e30, np.nan])
def test_what_diverged_once_is_not_in_later_penalties(rng, huge):
    x, model = rng.standard_normal((9, 5)), network(l1=0.2)
    good = model.state_dict()
    model.load_state_dict({**good, "0.bias": np.full(7, huge)})
    model[:1](x)
    nn.Sequential(model[0], model[2])(x)
    assert not model.penalty_total() < 1e20
    model.load_state_dict(good)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.0))
    penalty = trainer.fit(x, x[:, :2])["penalty"][0]
    np.testing.assert_allclose(penalty, sparsity(model[:2](x), 0.2, 0.0, 0.05)[0], rtol=1e-12)
