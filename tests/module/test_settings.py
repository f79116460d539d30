"""Settings that may change at any time, and layers that only predict."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim

SETTINGS = [
    (lambda: nn.LeakyReLU(), "negative_slope", 0.5),
    (lambda: nn.ELU(), "alpha", 0.3),
    (lambda: nn.CELU(), "alpha", 3.0),
    (lambda: nn.Softplus(), "beta", 2.0),
    (lambda: nn.Softplus(), "threshold", 0.5),
    (lambda: nn.Hardtanh(), "min_val", -0.1),
    (lambda: nn.Hardtanh(), "max_val", 0.1),
    (lambda: nn.LayerNorm(5), "eps", 2.0),
    (lambda: nn.RMSNorm(5), "eps", 2.0),
    (lambda: nn.Normalize(), "eps", 9.0),
]


@pytest.mark.parametrize(("make", "name", "value"), SETTINGS, ids=lambda item: str(item)[:20])
def test_a_setting_counts_from_the_next_pass_on(make, name, value):
    x = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)
    layer = make()
    model = nn.Sequential(nn.Linear(5, 5, init=nn.init.Orthogonal()), layer)
    before, first = model(x), model.backward(np.ones_like(x))
    setattr(layer, name, value)
    assert getattr(layer, name) == value
    assert layer.config()[name] == value
    told = nn.Sequential(nn.Linear(5, 5, init=nn.init.Orthogonal()), type(layer)(**layer.config()))
    after = model(x)
    np.testing.assert_array_equal(after, told(x))
    assert (after != before).any()
    gradient = model.backward(np.ones_like(x))
    np.testing.assert_array_equal(gradient, told.backward(np.ones_like(x)))
    assert (gradient != first).any()


def test_a_refused_setting_changes_nothing():
    layer = nn.Hardtanh()
    nn.Sequential(nn.Linear(3, 3), layer)(np.ones((2, 3)))
    for name, value in (("min_val", 1.0), ("max_val", float("nan")), ("min_val", "low")):
        with pytest.raises((ValueError, TypeError), match=name):
            setattr(layer, name, value)
    assert layer.config() == {"min_val": -1.0, "max_val": 1.0}


# Hardmax.


def test_hardmax_predicts():
    trained = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3), seed=1)
    x = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
    scores = trained.predict(x)
    model = nn.Sequential(trained, nn.Hardmax())
    for y in (model(x), model.predict(x)):
        np.testing.assert_array_equal(y, np.eye(3, dtype=np.float32)[scores.argmax(axis=1)])


@pytest.mark.parametrize("python", [False, True], ids=["native", "a layer in Python"])
def test_hardmax_cannot_be_trained(python):
    class Same:
        def forward(self, x):
            return x.copy()

        def backward(self, dy):
            return dy

    layers = [nn.Linear(5, 3), *([Same()] if python else []), nn.Hardmax()]
    model = nn.Sequential(*layers, seed=1)
    x, y = np.ones((4, 5), np.float32), np.zeros(4, int)
    before = model.state_dict()
    model(x)
    message = r"\[Hardmax\] has no gradient: train the model without it"
    with pytest.raises(RuntimeError, match=message):
        model.backward(np.ones((4, 3)))
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
    with pytest.raises(RuntimeError, match=message):
        trainer.step(x, y)
    with pytest.raises(RuntimeError, match=message):
        trainer.fit(x, y)
    assert not trainer.history
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    assert trainer.evaluate(x, y)["loss"] > 0  # which asks for no gradient
