"""The classic form of dropout: unscaled in training, scaled in evaluation; and what it cannot stand beside."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from reference import assert_same_bits, dropout_kept
from test_dropout import hyper


@pytest.mark.parametrize("count", [1, 3, 17, 64, 1000])
def test_kernels(kernel, rng, dtype, threads, count):
    x, settings = rng.standard_normal(count).astype(dtype), hyper(0.3, seed=5, step=1)
    kept = dropout_kept(count, 0.3, 5, 0, 1)
    mask = np.zeros(-(-count // 64), np.uint64)
    kernel("dropout_mask", [mask], 1, [count], settings, dtype=dtype)
    y, expected = np.full((2, count), np.nan, dtype)
    kernel("dropout_classic", [y, x, mask], 1, [count], settings, dtype=dtype, threads=threads)
    assert_same_bits(y, np.where(kept, x, dtype.type(0)))
    kernel("dropout_expected", [expected, x], 1, [count], settings, dtype=dtype, threads=threads)
    assert_same_bits(expected, x * dtype.type(1 - 0.3))


def test_training_keeps_values_and_evaluation_scales(rng):
    x, dy = rng.standard_normal((2, 50, 9))
    model = nn.Sequential(nn.Dropout(0.3, classic=True), dtype="float64", seed=4)
    y = model(x)
    kept = dropout_kept(450, 0.3, 4, 1, 1).reshape(x.shape)
    np.testing.assert_array_equal(y, np.where(kept, x, 0))
    np.testing.assert_array_equal(model.backward(dy), np.where(kept, dy, 0))
    model.eval()
    np.testing.assert_array_equal(model(x), x * 0.7)
    np.testing.assert_array_equal(model.backward(dy), dy * 0.7)
    np.testing.assert_array_equal(model.predict(x), x * 0.7)


def test_it_is_the_inverted_form_times_what_is_kept(rng):
    x = rng.standard_normal((20, 10))
    classic, inverted = (nn.Dropout(0.25, classic=way) for way in (True, False))
    for mode in (True, False):
        np.testing.assert_allclose(classic.train(mode)(x), 0.75 * inverted.train(mode)(x), rtol=1e-6)


def test_all_and_nothing(rng):
    x = rng.standard_normal((5, 5)).astype(np.float32)
    for p in (0, 1):
        layer = nn.Dropout(p, classic=True)
        for mode in (True, False):
            np.testing.assert_array_equal(layer.train(mode)(x), x * (1 - p))


def test_arguments_and_what_it_shows():
    assert repr(nn.Dropout(0.2, classic=True)) == "Dropout(p=0.2, classic=True)"
    assert repr(nn.Dropout(0.2)) == "Dropout(p=0.2)"
    with pytest.raises(TypeError, match=r"\[Dropout\] classic is 1 but must be True or False"):
        nn.Dropout(0.2, classic=1)


# Beside a batch norm that is frozen.


def network(classic=True):
    dropout = nn.Dropout(0.2, classic=classic)
    layers = [nn.Linear(5, 4), nn.Sequential(dropout, nn.BatchNorm1d(4)), nn.Linear(4, 2)]
    return nn.Sequential(*layers, seed=1)


MESSAGE = r"layer 1\.0 is a classic dropout in training while batch norm 1\.1 is frozen"


def test_a_frozen_norm_beside_it_is_refused(rng):
    x, y = rng.standard_normal((9, 5)), rng.standard_normal((9, 2))
    model = network()
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.step(x, y)
    model[1][1].eval()
    before = model.state_dict()
    steps = model[1][0].settings["step"]
    for use in (lambda: model(x), lambda: trainer.step(x, y), lambda: trainer.fit(x, y)):
        with pytest.raises(ValueError, match=MESSAGE):
            use()
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    assert model[1][0].settings["step"] == steps
    model.predict(x)
    model.eval()(x)
    model.train()
    trainer.step(x, y)


def test_what_is_allowed(rng):
    x, y = rng.standard_normal((9, 5)), rng.standard_normal((9, 2))
    model = network(classic=False)
    model[1][1].eval()
    model(x)
    model = network()
    model[1].eval()  # both are frozen
    model(x)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.step(x, y)
    model.eval()  # a trainer trains all layers of a model in evaluation mode
    trainer.step(x, y)


def test_a_model_with_python_is_refused_as_well(rng):
    class Same:
        def forward(self, x):
            return x

        def backward(self, dy):
            return dy

    model = nn.Sequential(nn.Linear(5, 4), Same(), nn.Dropout(0.5, classic=True), nn.BatchNorm1d(4))
    model[3].eval()
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match="classic dropout in training while batch norm 3 is frozen"):
        trainer.step(rng.standard_normal((9, 5)), np.ones((9, 4)))
