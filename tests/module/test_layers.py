"""Every layer works everywhere: by hand and in a trainer, in files, copies and tables, on any number of threads."""

import copy
import pickle

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from module.networks import assert_same_state

#: A training set for what stands behind 17 units.
UNITS = np.random.default_rng(6).normal(np.arange(17) / 10, 2, (40, 17))

#: Each between two linear layers of 17 units.
LAYERS = {
    "LeakyReLU": lambda: nn.LeakyReLU(0.2),
    "ELU": lambda: nn.ELU(0.5),
    "SELU": nn.SELU,
    "CELU": lambda: nn.CELU(2.0),
    "GELU": nn.GELU,
    "GELU tanh": lambda: nn.GELU("tanh"),
    "SiLU": nn.SiLU,
    "Softplus": lambda: nn.Softplus(2.0, 5.0),
    "Mish": nn.Mish,
    "Hardswish": nn.Hardswish,
    "Hardsigmoid": nn.Hardsigmoid,
    "Hardtanh": lambda: nn.Hardtanh(-2.0, 1.5),
    "ReLU6": nn.ReLU6,
    "LogSigmoid": nn.LogSigmoid,
    "Softsign": nn.Softsign,
    "Identity": nn.Identity,
    "PReLU": nn.PReLU,
    "PReLU of columns": lambda: nn.PReLU(17, init=0.1),
    "Softmax": nn.Softmax,
    "LogSoftmax": nn.LogSoftmax,
    "LayerNorm": lambda: nn.LayerNorm(17, eps=1e-3),
    "LayerNorm without a bias": lambda: nn.LayerNorm(17, bias=False),
    "LayerNorm, plain": lambda: nn.LayerNorm(17, elementwise_affine=False),
    "RMSNorm": lambda: nn.RMSNorm(17),
    "RMSNorm with eps": lambda: nn.RMSNorm(17, eps=0.1, elementwise_affine=False),
    "Normalize": nn.Normalize,
    "Normalize by l1": lambda: nn.Normalize("l1", eps=0.1),
    "Normalize by max": lambda: nn.Normalize("max"),
    "Standardize": lambda: nn.Standardize.of(UNITS),
    "MinMaxScale": lambda: nn.MinMaxScale.of(UNITS, low=0.0, high=2.0),
    "RobustScale": lambda: nn.RobustScale.of(UNITS),
    "Unscale": lambda: nn.MinMaxScale.of(UNITS).inverse(),
    "Projection": lambda: nn.Projection.zca(UNITS),
    "Maxout": lambda: nn.Maxout(17, 17, pieces=3),
    "Maxout without a bias": lambda: nn.Maxout(17, 17, bias=False, init=nn.init.Normal(std=0.1)),
}

pytestmark = pytest.mark.parametrize("name", LAYERS)


def network(name, dtype="float32", seed=4):
    return nn.Sequential(
        nn.Linear(9, 17), LAYERS[name](), nn.Dropout(0.2), nn.Linear(17, 3), seed=seed, dtype=str(dtype)
    )


def data(n=53):
    rng = np.random.default_rng(5)
    return rng.standard_normal((n, 9)).astype(np.float32), rng.integers(3, size=n)


def trained(name, dtype="float32"):
    model = network(name, dtype)
    lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.01)).fit(*data(), epochs=2)
    return model


def test_by_hand_as_by_a_trainer(name, dtype):
    x, y = data()
    model, twin = network(name, dtype), network(name, dtype)
    loss, optimizer = nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1)
    trainer = lm.Trainer(twin, nn.CrossEntropyLoss(), optim.SGD(twin.parameters(), lr=0.1))
    for rows in (slice(0, 20), slice(20, 53), slice(3, 4)):
        value = loss(model(x[rows]), y[rows])
        model.zero_grad()
        model.backward(loss.backward())
        optimizer.step()
        assert trainer.step(x[rows], y[rows]) == value
    assert_same_state(model, twin)
    np.testing.assert_array_equal(model.eval()(x), twin.predict(x))


@pytest.mark.usefixtures("share_all_work", "restore_threads")
def test_any_number_of_threads(name, dtype):
    states = []
    for threads in (1, 2, 3):
        lm.set_num_threads(threads)
        states.append(trained(name, dtype).state_dict())
    for state in states[1:]:
        assert_same_state(states[0], state)


def test_files_and_copies(name, dtype, tmp_path):
    model, x = trained(name, dtype), data()[0]
    lm.save(model, tmp_path / "model.safetensors")
    for again in (
        lm.load(tmp_path / "model.safetensors"),
        lm.load(tmp_path / "model.safetensors", into=network(name, dtype, seed=5)).eval(),
        copy.deepcopy(model).eval(),
        pickle.loads(pickle.dumps(model)).eval(),
    ):
        assert again[1].config() == model[1].config()
        assert repr(again[1]) == repr(model[1])
        assert_same_state(again, model)
        np.testing.assert_array_equal(again(x), model.predict(x))


def test_config_makes_the_same_layer(name):
    layer = LAYERS[name]()
    assert type(layer)(**layer.config()).config() == layer.config()


def test_in_tables(name):
    model = network(name)
    lines = model.summary().splitlines()
    assert f"{type(model[1]).__name__}(" in lines[3]
    assert "(n, 17)" in lines[3]
    count = sum(p.size for p in model[1].parameters())
    assert lines[3].split()[-1] == (f"{count:,}" if count else "-")
    assert repr(model[1]).startswith(f"{type(model[1]).__name__}(")


def test_one_row_and_any_width_by_itself(name):
    layer = LAYERS[name]()
    x = np.random.default_rng(0).standard_normal((1, 17)).astype(np.float32)
    assert layer(x).shape == (1, 17)
    assert layer.backward(x).shape == (1, 17)
    if layer.input_width() is None:
        assert LAYERS[name]()(x[:, :1]).shape == (1, 1)
    else:
        with pytest.raises(ValueError, match="17"):
            layer(x[:, :16])
