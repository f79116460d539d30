"""Embeddings: lookups, gradients, and indices that are none, in every way of use."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from module.networks import assert_same_state
from module.structures import Doubler


def mixed(dtype="float64", **options):
    """Columns 1 and 3 of four are indices, of 5 and 3 values."""
    first = nn.Embedding([5, 3], [2, 4], columns=[1, 3], in_features=4)
    return nn.Sequential(first, nn.Linear(8, 2), dtype=dtype, **options)


def table(rng, n=12, dtype="float64"):
    x = rng.standard_normal((n, 4)).astype(dtype)
    x[:, 1], x[:, 3] = rng.integers(5, size=n), rng.integers(3, size=n)
    return x


def test_a_single_column_is_torchs_embedding(rng):
    layer = nn.Embedding(7, 3)
    x = rng.integers(7, size=(20, 1))
    y = layer(x)
    assert y.shape == (20, 3)
    assert list(layer.state_dict()) == ["weight"]
    np.testing.assert_array_equal(y, layer.weight.data[x[:, 0]])
    dy = rng.standard_normal((20, 3)).astype(np.float32)
    np.testing.assert_array_equal(layer.backward(dy), np.zeros((20, 1)))
    want = np.zeros((7, 3))
    np.add.at(want, x[:, 0], dy.astype(np.float64))
    np.testing.assert_allclose(layer.weight.grad, want, rtol=1e-5, atol=1e-6)
    assert repr(layer) == "Embedding(num_embeddings=7, embedding_dim=3)"


def test_numbers_come_first_then_vectors_in_order(rng):
    layer = nn.Embedding([5, 3], [2, 4], columns=[3, 1], in_features=5)
    x = rng.standard_normal((9, 5)).astype(np.float32)
    x[:, 3], x[:, 1] = rng.integers(5, size=9), rng.integers(3, size=9)
    y = layer(x)
    assert layer.output_width(None) == 9
    np.testing.assert_array_equal(y[:, :3], x[:, [0, 2, 4]])
    np.testing.assert_array_equal(y[:, 3:5], layer.weight_3.data[x[:, 3].astype(int)])
    np.testing.assert_array_equal(y[:, 5:], layer.weight_1.data[x[:, 1].astype(int)])
    assert list(layer.state_dict()) == ["weight_3", "weight_1"]
    dy = rng.standard_normal((9, 9)).astype(np.float32)
    dx = layer.backward(dy)
    np.testing.assert_array_equal(dx[:, [0, 2, 4]], dy[:, :3])
    np.testing.assert_array_equal(dx[:, [1, 3]], 0)


def test_first_values_are_standard_normal():
    weight = nn.Embedding(500, 400).parameters()[0].data
    assert abs(weight.mean()) < 5 / np.sqrt(weight.size)
    assert abs(weight.std() - 1) < 5 / np.sqrt(2 * weight.size)


def test_tables_are_weights_that_decay():
    model = mixed()
    optimizer = optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)
    before = model[0].weight_1.data.copy()
    model.zero_grad()
    optimizer.step()
    np.testing.assert_allclose(model[0].weight_1.data, 0.95 * before, rtol=1e-12)


def test_any_numeric_dtype_holds_indices(rng):
    layer = nn.Embedding(7, 3)
    x = rng.integers(7, size=(20, 1))
    for dtype in ("int8", "uint8", "int64", "float16", "float32", "float64"):
        np.testing.assert_array_equal(layer(x.astype(dtype)), layer.weight.data[x[:, 0]])
    np.testing.assert_array_equal(layer(np.asfortranarray(np.c_[x, x])[:, :1]), layer.weight.data[x[:, 0]])
    np.testing.assert_array_equal(layer(-0.0 * x), layer.weight.data[0 * x[:, 0]])


def test_the_largest_table_of_float32():
    nn.Embedding(2**24, 1)
    with pytest.raises(ValueError, match=r"\[Embedding\] num_embeddings is 16777217 but must be"):
        nn.Embedding(2**24 + 1, 1)


BAD = {"negative": -1, "too large": 5, "a fraction": 1.5, "NaN": np.nan, "infinite": np.inf, "far": 1e30}


class World:
    """A model with all ways to use it, trained a little."""

    def __init__(self, rng, python=False):
        layers = [nn.Embedding([5, 3], [2, 4], columns=[1, 3], in_features=4), nn.Dropout(0.1)]
        layers += [Doubler()] * python
        self.model = nn.Sequential(*layers, nn.Linear(8, 2), seed=1)
        self.trainer = lm.Trainer(self.model, nn.MSELoss(), optim.Adam(self.model.parameters()))
        self.x, self.y = table(rng, 12, "float32"), rng.standard_normal((12, 2)).astype("float32")
        self.trainer.fit(self.x, self.y, epochs=1)
        self.trainer.step(self.x, self.y)

    def contents(self):
        modules = [m.settings.detach() for _, m in self.model.named_modules() if m.settings is not None]
        slots = self.trainer.optimizer.state_dict()["state"]
        gradients = {name: p.grad.copy() for name, p in self.model.named_parameters()}
        return self.model.state_dict(), gradients, slots, modules, self.trainer.history.epochs


WAYS = {
    "call": lambda w, x: w.model(x),
    "call in eval": lambda w, x: w.model.eval()(x),
    "predict": lambda w, x: w.model.predict(x),
    "predict in blocks": lambda w, x: w.model.predict(x, 5),
    "step": lambda w, x: w.trainer.step(x, w.y),
    "step of float64": lambda w, x: w.trainer.step(x.astype("float64"), w.y),
    "fit": lambda w, x: w.trainer.fit(x, w.y, epochs=2, batch_size=4),
    "validation": lambda w, x: w.trainer.fit(w.x, w.y, epochs=2, validation_data=(x, w.y)),
    "evaluate": lambda w, x: w.trainer.evaluate(x, w.y),
    "a part": lambda w, x: w.model[:1](x),
}


@pytest.mark.parametrize("python", [False, True], ids=["native", "python"])
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_index_is_refused_and_changes_nothing(rng, way, bad, python):
    world = World(rng, python)
    before = world.contents()
    x = world.x.copy()
    x[7, 1] = BAD[bad]
    expected = r"x\[7, 1\] is .* must be a whole number in \[0, 5\)"
    if way in ("fit", "validation") and not np.isfinite(BAD[bad]):
        expected = "NaN or infinite values in column 1 .*row 7"
    with pytest.raises(ValueError, match=expected):
        WAYS[way](world, x)
    after = world.contents()
    for one, other in zip(before[:2], after[:2], strict=True):
        assert_same_state(one, other)
    for slots, others in zip(before[2].values(), after[2].values(), strict=True):
        assert_same_state(slots, others)
    assert before[3:] == after[3:]


def test_a_refused_call_keeps_the_pending_backward(rng):
    model, x = mixed(), table(rng)
    model(x)
    with pytest.raises(ValueError, match="whole number"):
        model(x + 0.5)
    assert model.backward(np.ones((12, 2))).shape == x.shape


def test_the_quick_step_checks_as_well(rng):
    model, x, y = mixed("float32"), table(rng, 12, "float32"), np.ones((12, 2), np.float32)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))
    trainer.step(x, y)
    assert trainer._step.quick(x, y) is not None
    for column, value in [(1, 5), (1, 0.5), (3, -1), (3, np.nan)]:
        wrong = x.copy()
        wrong[11, column] = value
        assert trainer._step.quick(wrong, y) is None


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: nn.Embedding(0, 3), ValueError, "num_embeddings is 0 but must be at least 1"),
        (lambda: nn.Embedding(3, 0), ValueError, "embedding_dim is 0 but must be at least 1"),
        (lambda: nn.Embedding(3.5, 2), TypeError, "num_embeddings is 3.5 but must be an integer"),
        (lambda: nn.Embedding("7", 2), TypeError, "num_embeddings is '7'"),
        (lambda: nn.Embedding([3, 4], 2), ValueError, "num_embeddings has 2 entries for 1 columns"),
        (lambda: nn.Embedding(3, 2, columns=[0]), ValueError, "in_features is needed with columns"),
        (lambda: nn.Embedding(3, 2, in_features=4), ValueError, "in_features is 4 but columns"),
        (lambda: nn.Embedding(3, 2, columns=[4], in_features=4), ValueError, "column 4 is not among"),
        (lambda: nn.Embedding(3, 2, columns=[-5], in_features=4), ValueError, "column -5 is not among"),
        (lambda: nn.Embedding(3, 2, columns=[1, -3], in_features=4), ValueError, "each once"),
        (lambda: nn.Embedding(3, 2, columns=[], in_features=4), ValueError, "must name one or more"),
        (lambda: nn.Embedding(3, 2, columns=1, in_features=4), TypeError, "columns is 1 but must be a sequence"),
        (lambda: nn.Embedding(3, 2, columns=[1.0], in_features=4), TypeError, "a column is 1.0"),
        (lambda: nn.Embedding(3, [2, 3], columns=[1], in_features=4), ValueError, "embedding_dim has 2 entries"),
    ],
)
def test_bad_arguments(make, kind, message):
    with pytest.raises(kind, match=r"\[Embedding\] .*" + message):
        make()


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Linear(3, 4), lambda: nn.Embedding(3, 2, [1], 4)],
        [nn.ReLU(), lambda: nn.Embedding(3, 2, [1], 4)],
        [nn.GaussianNoise(), lambda: nn.Embedding(3, 2, [1], 4)],
        [nn.Embedding(3, 2, [1], 4), lambda: nn.Embedding(3, 2, [1], 5)],
    ],
)
def test_elsewhere_than_at_the_input_is_refused(layers, rng):
    model = nn.Sequential(layers[0], layers[1]())
    x = abs(rng.integers(3, size=(4, model.input_width() or 4)))
    y = np.ones((4, model.output_width(x.shape[1])))
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))
    for use in (lambda: model(x), lambda: trainer.step(x, y)):
        with pytest.raises(ValueError, match=r"\[Embedding\] it is not at the model's input"):
            use()


def test_widths_are_checked():
    with pytest.raises(ValueError, match=r"expects 4 features but layer 0 \(Embedding\) gives 5"):
        nn.Sequential(nn.Embedding(3, 2, [1], 4), nn.Linear(4, 1))
    with pytest.raises(ValueError, match="x has 3 features but the model expects 4"):
        mixed()(np.ones((2, 3)))


def test_it_learns_a_category(rng):
    """A category's effect, which no linear function of its number has."""
    effect = np.array([1.0, -1.0, 2.0, 0.0, -2.0])
    x = np.c_[rng.standard_normal((400, 1)), rng.integers(5, size=400)]
    y = x[:, :1] + effect[x[:, 1].astype(int)][:, None]
    model = nn.Sequential(nn.Embedding(5, 2, [1], 2), nn.Linear(3, 1))
    trainer = lm.Trainer(model, nn.MSELoss(), optim.Adam(model.parameters(), lr=0.02))
    history = trainer.fit(x, y, epochs=40, validation_data=(x, y))
    assert history["val_mse"][-1] < 1e-3
