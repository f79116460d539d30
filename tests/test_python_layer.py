"""Layers that users write in Python, with NumPy, anywhere in a model."""

import copy
import subprocess
import sys

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim


class Square:
    """y = x^2, as anybody would write it: the input is kept for the backward."""

    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, dy):
        return 2 * self.x * dy


class Pairs:
    """Adjacent features are added: half as many outputs."""

    def output_width(self, width):
        return width // 2

    def forward(self, x):
        return x[:, ::2] + x[:, 1::2]

    def backward(self, dy):
        return np.repeat(dy, 2, axis=1)


class Scale:
    """y = x * scale, with a trained scale a feature."""

    def __init__(self, width=4):
        self.scale = nn.Parameter((width,), lambda rng, shape: rng.uniform(0.5, 1.5, shape))

    def forward(self, x):
        self.x = x
        return x * self.scale.data

    def backward(self, dy):
        self.scale.grad[...] += (dy * self.x).sum(axis=0)
        return dy * self.scale.data


class Noise:
    """Adds a constant in training: shows which behaviour is asked for."""

    training = True

    def forward(self, x):
        return x + 1 if self.training else x

    def backward(self, dy):
        return dy


class Rows:
    """The identity; writes down the first feature of each row it sees in training."""

    training = True

    def __init__(self):
        self.seen = []

    def forward(self, x):
        if self.training:
            self.seen.append(x[:, 0].copy())
        return x

    def backward(self, dy):
        return dy


MODELS = {
    "first": lambda **k: nn.Sequential(Square(), nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4), **k),
    "middle": lambda **k: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), Square(), nn.Linear(8, 4), **k),
    "last": lambda **k: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4), Square(), **k),
    "between norm and dropout": lambda **k: nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), Square(), nn.Dropout(0.2), nn.Linear(8, 4), **k
    ),
    "twice in a row": lambda **k: nn.Sequential(nn.Linear(6, 4), nn.Sigmoid(), Square(), Scale(4), **k),
    "alone": lambda **k: nn.Sequential(Scale(6), Pairs(), Scale(3), **k),
    "narrower": lambda **k: nn.Sequential(nn.Linear(6, 16), nn.Tanh(), Pairs(), nn.Linear(8, 4), **k),
    "narrower first": lambda **k: nn.Sequential(Pairs(), nn.Linear(3, 4), **k),
    "nested": lambda **k: nn.Sequential(nn.Sequential(nn.Linear(6, 4), Scale(4)), nn.Sequential(Square()), **k),
}


def batch(n=50, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 6))


def assert_same_state(a, b):
    first, second = a.state_dict(), b.state_dict()
    assert list(first) == list(second)
    for key, value in first.items():
        np.testing.assert_array_equal(value, second[key], err_msg=key, strict=True)


@pytest.mark.parametrize("place", MODELS)
def test_gradients_are_the_slopes(place):
    """Central differences in float64: each step loses (2e-16 / 1e-6) to rounding and 1e-12 to curvature."""
    model = MODELS[place](dtype="float64", seed=1).eval()
    x = batch(5)
    y = model(x)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    model.zero_grad()
    dx = model.backward(dy)
    gradients = [p.grad.copy() for p in model.parameters()]

    def slopes(array):
        found = np.empty(array.shape)
        for cell in np.ndindex(array.shape):
            value = array[cell]
            array[cell] = value + 1e-6
            above = (model(x) * dy).sum()
            array[cell] = value - 1e-6
            found[cell] = (above - (model(x) * dy).sum()) / 2e-6
            array[cell] = value
        return found

    np.testing.assert_allclose(dx, slopes(x), rtol=1e-6, atol=1e-7)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        np.testing.assert_allclose(gradient, slopes(parameter.data), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("place", MODELS)
def test_by_hand_by_step_and_by_fit_agree(place, dtype):
    models = [MODELS[place](dtype=dtype) for _ in range(3)]
    x = batch()
    y = np.zeros((50, models[0](x).shape[1]))
    models[0] = MODELS[place](dtype=dtype)  # that call counted as a step of the dropout
    loss, optimizers = nn.MSELoss(), [optim.Adam(m.parameters(), lr=0.01) for m in models]
    for _ in range(2):
        for begin in range(0, 50, 16):
            rows = slice(begin, begin + 16)
            loss(models[0](x[rows]), y[rows])
            models[0].zero_grad()
            models[0].backward(loss.backward())
            optimizers[0].step()
    trainer = lm.Trainer(models[1], loss, optimizers[1])
    values = [trainer.step(x[b : b + 16], y[b : b + 16]) for _ in range(2) for b in range(0, 50, 16)]
    history = lm.Trainer(models[2], loss, optimizers[2]).fit(x, y, epochs=2, batch_size=16, shuffle=False)
    assert_same_state(models[0], models[1])
    assert_same_state(models[0], models[2])
    means = [np.average(values[4 * e : 4 * e + 4], weights=[16, 16, 16, 2]) for e in range(2)]
    np.testing.assert_allclose(history["loss"], means, rtol=1e-12)
    assert history["loss"][1] < history["loss"][0]


def test_the_native_layer_and_its_twin_in_python_train_alike():
    """A dense layer and a ReLU written in Python beside lamella's own."""

    class Dense:
        def __init__(self):
            self.weight = nn.Parameter((8, 6), lambda rng, shape: np.zeros(shape))
            self.bias = nn.Parameter((8,), lambda rng, shape: np.zeros(shape))

        def output_width(self, width):
            return 8

        def forward(self, x):
            self.x = x
            self.y = np.maximum(x @ self.weight.data.T + self.bias.data, 0)
            return self.y

        def backward(self, dy):
            dz = dy * (self.y > 0)
            self.weight.grad[...] += dz.T @ self.x
            self.bias.grad[...] += dz.sum(axis=0)
            return dz @ self.weight.data

    native = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4), dtype="float64")
    python = nn.Sequential(Dense(), nn.Linear(8, 4), dtype="float64")
    python.load_state_dict(dict(zip(python.state_dict(), native.state_dict().values(), strict=True)))
    x, y = batch(), np.arange(50) % 4
    for model in (native, python):
        trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), weight_decay=0.1))
        trainer.fit(x, y, epochs=3, batch_size=16)
    for one, other in zip(native.state_dict().values(), python.state_dict().values(), strict=True):
        # NumPy's products round otherwise; twelve steps of 0.001 each.
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-11)


def test_parameters_are_the_models():
    body = Scale(6)
    model = nn.Sequential(nn.Linear(6, 6), body, seed=3)
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.scale"]
    assert model.parameters()[2] is body.scale
    np.testing.assert_array_equal(model.state_dict()["1.scale"], body.scale.data)
    before = body.scale.data.copy()
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.step(batch(), batch(seed=1))
    assert (body.scale.data != before).all()
    np.testing.assert_allclose(body.scale.data, before - 0.1 * body.scale.grad, rtol=1e-6)


def test_the_same_seed_gives_the_same_first_values():
    states = [nn.Sequential(Scale(6), seed=seed).state_dict()["0.scale"] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(states[0], states[1])
    assert not np.isclose(states[0], states[2]).any()


def test_training_says_which_behaviour_is_asked_for():
    model = nn.Sequential(Noise())
    x = np.ones((2, 3))
    np.testing.assert_array_equal(model(x), x + 1)
    np.testing.assert_array_equal(model.eval()(x), x)
    model.train()
    np.testing.assert_array_equal(model.predict(x), x)
    np.testing.assert_array_equal(model(x), x + 1)


@pytest.mark.parametrize("mode", [True, False])
def test_a_trainer_asks_for_training_and_leaves_the_mode(mode):
    body = Rows()
    model = nn.Sequential(body, nn.Linear(6, 2)).train(mode)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()))
    y = np.zeros(50, int)
    trainer.step(batch(), y)
    trainer.fit(batch(), y, validation_data=(batch(), y))
    trainer.evaluate(batch(), y)
    assert sum(map(len, body.seen)) == 100  # validation and evaluation were none
    assert all(module.training is mode for _, module in model.named_modules())


def test_fit_takes_each_row_once_an_epoch_in_a_new_order():
    def orders(seed, epochs=3):
        body = Rows()
        model = nn.Sequential(body, nn.Linear(1, 1), seed=seed)
        trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))
        trainer.fit(np.arange(100.0)[:, None], np.zeros(100), epochs=epochs, batch_size=32)
        assert [len(rows) for rows in body.seen] == [32, 32, 32, 4] * epochs
        return np.concatenate(body.seen).reshape(epochs, 100)

    seen = orders(0)
    for order in seen:
        np.testing.assert_array_equal(np.sort(order), np.arange(100))
    np.testing.assert_array_equal(seen, orders(0))
    different = [*seen, orders(1)[0], np.arange(100)]
    for i, one in enumerate(different):
        # Of two random orders one row in a hundred agrees; ten or more do so once in ten million.
        assert all((one == other).sum() < 10 for other in different[:i])


def test_the_native_fit_takes_the_rows_in_the_same_order():
    x, y = batch(), np.arange(50) % 4
    body = Rows()
    watched = nn.Sequential(body, nn.Linear(6, 4), seed=5)
    native = nn.Sequential(nn.Linear(6, 4), seed=5)
    native.load_state_dict(dict(zip(native.state_dict(), watched.state_dict().values(), strict=True)))
    for model in (watched, native):
        lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1)).fit(x, y, 3, batch_size=16)
    for one, other in zip(watched.state_dict().values(), native.state_dict().values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_predict_in_blocks():
    model = MODELS["middle"]()
    x = batch(101)
    np.testing.assert_array_equal(model.predict(x, batch_size=7), model.eval()(x))


def test_repr_and_summary_name_the_users_class():
    model = nn.Sequential(nn.Linear(6, 4), Square(), Scale(4))
    assert "(1): PythonLayer(Square)" in repr(model)
    assert "4 parameters" in repr(nn.Sequential(Scale(4)))
    assert "PythonLayer(Scale)" in model.summary()


def test_widths_are_checked_through_the_layer():
    with pytest.raises(ValueError, match=r"layer 2 .* expects 9 features but layer 1 .* gives 8"):
        nn.Sequential(nn.Linear(6, 16), Pairs(), nn.Linear(9, 4))


# One maker a class: two Scales of different widths go into a model that is there already, see below.
@pytest.mark.parametrize("place", [place for place in MODELS if place != "alone"])
def test_save_and_load(place, tmp_path):
    model = MODELS[place](seed=2)
    outputs = model.predict(batch()).shape[1]
    lm.Trainer(model, nn.MSELoss(), optim.Adam(model.parameters())).fit(batch(), np.zeros((50, outputs)))
    path = tmp_path / "model.safetensors"
    lm.save(model, path)
    loaded = lm.load(path, layers={"Square": Square, "Pairs": Pairs, "Scale": Scale})
    np.testing.assert_array_equal(loaded.predict(batch()), model.predict(batch()))
    assert_same_state(loaded, model)


def test_load_into_needs_no_makers(tmp_path):
    model, other = MODELS["alone"](seed=1), MODELS["alone"](seed=1)
    model.parameters()[0].data[...] = 5
    lm.save(model, tmp_path / "m")
    assert lm.load(tmp_path / "m", into=other) is other
    assert_same_state(model, other)


def test_load_without_a_maker_says_which_layer_is_missing(tmp_path):
    lm.save(MODELS["middle"](), tmp_path / "m")
    with pytest.raises(ValueError, match=r"Square.*layers="):
        lm.load(tmp_path / "m")


def test_a_copy_has_its_own_body():
    model = MODELS["nested"]()
    model(batch())
    twin = copy.deepcopy(model)
    np.testing.assert_array_equal(twin(batch()), model(batch()))
    twin.parameters()[2].data[...] = 0
    assert not twin(batch()).any()
    assert model(batch()).any()


# What goes wrong inside.


class Wrong:
    """Returns what it is told to."""

    def __init__(self, forward=None, backward=None):
        self._forward, self._backward = forward, backward

    def forward(self, x):
        return x if self._forward is None else self._forward(x)

    def backward(self, dy):
        return dy if self._backward is None else self._backward(dy)


RESULTS = {
    "too wide": (lambda a: np.ones((len(a), 9)), ValueError, r"Wrong\.{}.*shape \(50, 9\) but \(50, 4\) is expected"),
    "too few rows": (lambda a: a[1:], ValueError, r"Wrong\.{}.*shape \(49, 4\) but \(50, 4\)"),
    "flat": (lambda a: a[:, 0], ValueError, r"Wrong\.{}.*shape \(50,\)"),
    "a number": (lambda a: 0.0, ValueError, r"Wrong\.{}.*shape \(\)"),
    "nothing": (lambda a: None, (TypeError, ValueError), r"Wrong\.{}"),
    "text": (lambda a: np.full(a.shape, "a"), (TypeError, ValueError), r"Wrong\.{}"),
    "complex": (lambda a: a + 1j, (TypeError, ValueError), r"Wrong\.{}"),
}


@pytest.mark.parametrize("method", ["forward", "backward"])
@pytest.mark.parametrize("case", RESULTS)
def test_a_wrong_result_is_an_error_that_names_the_method(case, method):
    give, kind, message = RESULTS[case]
    model = nn.Sequential(nn.Linear(6, 4), Wrong(**{method: give}), nn.Linear(4, 4))
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))
    before = model.state_dict()
    with pytest.raises(kind, match=message.format(method)):
        trainer.step(batch(), np.zeros((50, 4)))
    for key, value in before.items():
        np.testing.assert_array_equal(value, model.state_dict()[key])


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_an_exception_comes_through_and_the_model_stays_usable(method):
    failing = [True]

    def fail(array):
        if failing:
            raise ZeroDivisionError("mine")
        return array

    model = nn.Sequential(nn.Linear(6, 4), Wrong(**{method: fail}), nn.Linear(4, 4))
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))
    for call in (trainer.step, trainer.fit):
        with pytest.raises(ZeroDivisionError, match="mine"):
            call(batch(), np.zeros((50, 4)))
    with pytest.raises(RuntimeError, match="without a forward"):
        model.backward(np.ones((50, 4)))
    failing.clear()
    clean = nn.Sequential(nn.Linear(6, 4), Wrong(), nn.Linear(4, 4))
    assert trainer.step(batch(), np.zeros((50, 4))) == lm.Trainer(
        clean, nn.MSELoss(), optim.SGD(clean.parameters())
    ).step(batch(), np.zeros((50, 4)))
    assert_same_state(model, clean)


@pytest.mark.parametrize("missing", ["forward", "backward"])
def test_an_object_without_both_methods_is_no_layer(missing):
    body = type("Half", (), {{"forward": "backward", "backward": "forward"}[missing]: lambda self, x: x})()
    with pytest.raises(TypeError, match=r"layer 0 .*must be a layer of lamella.nn, or have forward and backward"):
        nn.Sequential(body)
    with pytest.raises(TypeError, match=f"Half has no method {missing}"):
        nn.PythonLayer(body)


@pytest.mark.parametrize("width", [0, -3])
def test_a_width_below_one_is_refused(width):
    class Strange(Square):
        def output_width(self, _):
            return width

    with pytest.raises(ValueError, match=r"Strange|PythonLayer"):
        nn.Sequential(nn.Linear(6, 4), Strange())(batch())


HOARDER = """
import numpy as np
from lamella import nn

class Hoarder:
    def __init__(self):
        self.seen = []
    def forward(self, x):
        self.seen.append(x)
        return x
    def backward(self, dy):
        self.seen.append(dy)
        return dy

body = Hoarder()
model = nn.Sequential(body, nn.Linear(64, 1))
for n in (10, 1000, 10000, 20, 50000):
    model(np.ones((n, 64)))
    model.backward(np.ones((n, 1)))
for kept in body.seen:
    kept.sum()
print("alive")
"""


def test_arrays_kept_past_the_call_do_no_harm():
    """A layer that keeps every array it got: their values are not promised, but memory must stay sound.

    In a process of its own, as what it guards against is a crash.
    """
    done = subprocess.run([sys.executable, "-c", HOARDER], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr[-300:]
