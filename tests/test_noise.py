"""Gaussian noise and Gaussian dropout as layers."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from reference import gaussian


def test_noise_is_the_documented_one():
    x = np.linspace(-1, 1, 200).reshape(20, 10)
    model = nn.Sequential(nn.GaussianNoise(0.3), nn.GaussianDropout(0.2), seed=5, dtype="float64")
    for step in (1, 2):
        added = 0.3 * gaussian(np.arange(200), 5, 1, step, np.float64).reshape(x.shape)
        factor = 1 + 0.5 * gaussian(np.arange(200), 5, 2, step, np.float64).reshape(x.shape)
        np.testing.assert_allclose(model(x), (x + added) * factor, rtol=1e-12)
        dy = np.random.default_rng(step).standard_normal(x.shape)
        np.testing.assert_allclose(model.backward(dy), dy * factor, rtol=1e-12)


@pytest.mark.parametrize("layer", [nn.GaussianNoise(0.5), nn.GaussianDropout(0.5)], ids=repr)
def test_evaluation_is_the_identity(layer, rng):
    x, dy = rng.standard_normal((2, 30, 7)).astype(np.float32)
    assert not np.array_equal(layer(x), x)
    layer.eval()
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer.backward(dy), dy)
    np.testing.assert_array_equal(layer.predict(x), x)


def test_moments_of_the_layers():
    """Mean and deviation as stated, within five deviations of theirs."""
    count = 400_000
    ones = np.ones((count // 10, 10))
    for layer, mean, deviation in [(nn.GaussianNoise(0.25), 1, 0.25), (nn.GaussianDropout(0.2), 1, 0.5)]:
        y = layer(ones).astype(np.float64)
        assert abs(y.mean() - mean) < 5 * deviation / np.sqrt(count)
        assert abs(y.std() - deviation) < 5 * deviation / np.sqrt(2 * count)


def test_rates_may_change_any_time(rng):
    x = rng.standard_normal((10, 10)).astype(np.float32)
    noise, dropout = nn.GaussianNoise(), nn.GaussianDropout()
    assert (noise.std, dropout.p) == (0.1, 0.5)
    for layer in (noise, dropout):
        assert not np.array_equal(layer(x), x)
    noise.std = dropout.p = 0
    for layer in (noise, dropout):
        np.testing.assert_array_equal(layer(x), x)
    assert (noise.std, dropout.p) == (0, 0)


def test_layers_seeds_and_steps_differ(rng):
    x = np.zeros((10, 10))

    def draws(seed):
        model = nn.Sequential(nn.GaussianNoise(1.0), nn.GaussianNoise(1.0), seed=seed, dtype="float64")
        return [model[:1](x), model(x), model[:1](x)]

    first, again, other = draws(1), draws(1), draws(2)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], first[2])
    assert not np.array_equal(first[1] - first[0], first[0])


def test_noise_is_drawn_first_and_fused():
    model = nn.Sequential(nn.Linear(5, 8), nn.GaussianNoise(), nn.Tanh(), nn.GaussianDropout(), nn.Linear(8, 2))
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.step(np.ones((4, 5), np.float32), np.ones((4, 2), np.float32))
    lines = [line.replace("|", " ").split("(")[0].strip() for line in str(trainer._step.program).splitlines()]
    assert lines[1:4] == ["gaussian", "gaussian", "linear_forward + add + tanh_forward + multiply"]
    assert "linear_backward_input + multiply + tanh_backward" in lines


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: nn.GaussianNoise(-0.1), ValueError, r"\[GaussianNoise\] std is -0.1 but must be at least 0"),
        (lambda: nn.GaussianNoise(np.nan), ValueError, r"\[GaussianNoise\] std is nan"),
        (lambda: nn.GaussianNoise("1"), TypeError, r"\[GaussianNoise\] std is '1' but must be a number"),
        (lambda: nn.GaussianDropout(1.0), ValueError, r"\[GaussianDropout\] p is 1.0 but must be in \[0, 1\)"),
        (lambda: nn.GaussianDropout(-1), ValueError, r"\[GaussianDropout\] p is -1"),
        (lambda: nn.GaussianDropout(None), TypeError, r"\[GaussianDropout\] p is None"),
    ],
)
def test_bad_rates(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_a_bad_rate_changes_nothing():
    noise, dropout = nn.GaussianNoise(0.3), nn.GaussianDropout(0.2)
    with pytest.raises(ValueError, match="std"):
        noise.std = -1
    with pytest.raises(ValueError, match="p is 1"):
        dropout.p = 1
    assert (noise.std, dropout.p, dropout.settings["deviation"]) == (0.3, 0.2, 0.5)
