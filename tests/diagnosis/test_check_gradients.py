"""The check of gradients: right backward passes pass, wrong ones are found, and the layer to blame is named."""

import threading

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from loss_cases import CASES
from module.structures import OUTPUTS, STRUCTURES, batch, model
from trainer.world import assert_same, everything, labelled, trainer


class Cube:
    """y = x^3; ``factor`` is 3 where the backward is right."""

    def __init__(self, factor=3.0):
        self.factor = factor

    def forward(self, x):
        self.x = x.copy()
        return x**3

    def backward(self, dy):
        return self.factor * self.x**2 * dy


class Scale:
    """y = x * scale; ``share`` is 1 where the gradient of scale is right."""

    def __init__(self, width, share=1.0):
        self.scale = nn.Parameter((width,), lambda rng, shape: rng.uniform(0.5, 1.5, shape))
        self.share = share

    def forward(self, x):
        self.x = x.copy()
        return x * self.scale.data

    def backward(self, dy):
        self.scale.grad[...] += self.share * (dy * self.x).sum(axis=0)
        return dy * self.scale.data


class Masks:
    """Dropout by a generator of its own, or by NumPy's global one."""

    def __init__(self, own):
        self.rng = np.random.default_rng(0) if own else None

    def forward(self, x):
        draw = np.random.random if self.rng is None else self.rng.random
        self.mask = draw(x.shape) < 0.5
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


def around(*layers, width=7, dtype="float32", seed=0):
    return nn.Sequential(nn.Linear(5, width), *layers, nn.Linear(width, 3), seed=seed, dtype=dtype)


@pytest.fixture
def rows(rng):
    return rng.standard_normal((6, 5)), rng.integers(3, size=6)


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_passes(name, rng):
    x, y = batch(rng, name, 5), rng.integers(OUTPUTS, size=5)
    check = lm.check_gradients(model(name), x, y, nn.CrossEntropyLoss(), elements=12)
    assert check.passed, check
    assert check.error < 1.01e-7
    assert set(check.arrays) == {*(n for n, _ in model(name).named_parameters()), "x"}
    assert check.suspects == check.notes == ()
    assert sum(array.kinks for array in check.arrays.values()) == 0


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_every_loss_passes(name, weighted, rng):
    case, n, width = CASES[name], 7, 4
    _, y = case.draw(rng, n, width, np.float64)
    end = {"log-probabilities": [nn.LogSoftmax()], "positive": [nn.Softplus()]}.get(case.outputs, [])
    network = nn.Sequential(nn.Linear(5, case.outputs_width(width)), *end, seed=1)
    weight = rng.uniform(0.5, 2, n) if weighted else None
    check = lm.check_gradients(network, rng.standard_normal((n, 5)), y, case.make(width), weight, elements=12)
    assert check.passed, check


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_reductions(reduction, rows):
    loss = nn.CrossEntropyLoss(reduction=reduction)
    check = lm.check_gradients(around(nn.Tanh()), *rows, loss)
    assert check.passed
    assert loss.reduction == reduction
    by_mean = lm.check_gradients(around(nn.Tanh()), *rows, nn.CrossEntropyLoss())
    first, mean = (each.arrays["x"].elements[0].analytic for each in (check, by_mean))
    assert first == pytest.approx(6 * mean, rel=1e-12)


READINGS = [(3.0, "great"), (3.001, "look again"), (2.0, "wrong"), (-3.0, "wrong")]


@pytest.mark.parametrize(("factor", "reading"), READINGS)
def test_a_wrong_backward_is_found_and_its_layer_named(factor, reading, rows):
    network = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), Cube(factor), nn.Linear(7, 3), nn.Sigmoid(), nn.Linear(3, 3))
    check = lm.check_gradients(network, *rows, nn.CrossEntropyLoss())
    for before in ("0.weight", "0.bias", "x"):
        assert check.arrays[before].reading == reading
    for after in ("3.weight", "3.bias", "5.weight", "5.bias"):
        assert check.arrays[after].reading == "great"
    assert check.passed == (factor == 3)
    assert check.suspects == (() if factor == 3 else ("layer 2 (Cube)",))
    if factor == 2:
        assert check.error == pytest.approx(0.2, rel=0.5)  # |2 - 3| / (2 + 3), if all of the gradient passed it
        name, worst = check.worst[0]
        assert name in ("0.weight", "0.bias", "x")
        assert worst.analytic / worst.numeric == pytest.approx(2 / 3, rel=1e-5)
        assert "not passed" in repr(check)
        assert "layer 2 (Cube): its own backward does not fit its forward" in repr(check)
        assert f"{name}{list(worst.index)}: backward gives" in repr(check)


def test_a_wrong_gradient_of_a_parameter_alone(rows):
    check = lm.check_gradients(around(nn.Tanh(), Scale(7, share=1.5)), *rows, nn.CrossEntropyLoss())
    assert {name: array.reading for name, array in check.arrays.items()} == {
        "0.weight": "great",
        "0.bias": "great",
        "2.scale": "wrong",
        "3.weight": "great",
        "3.bias": "great",
        "x": "great",
    }
    assert check.arrays["2.scale"].error == pytest.approx(0.2, rel=1e-6)
    assert check.suspects == ("layer 2 (Scale)",)
    assert lm.check_gradients(around(Scale(7)), *rows, nn.CrossEntropyLoss()).passed


def test_a_forgotten_gradient_is_wrong(rows):
    class Forgets(Cube):
        def backward(self, dy):
            return np.zeros_like(dy)

    check = lm.check_gradients(around(Forgets()), *rows, nn.CrossEntropyLoss())
    assert check.arrays["x"].error == pytest.approx(1, abs=1e-6)
    assert check.suspects == ("layer 1 (Forgets)",)


def test_layers_inside_others_are_named_by_their_place(rows):
    network = nn.Sequential(nn.Linear(5, 3), nn.Concat(nn.Residual(nn.Tanh(), Cube(2.0)), nn.Tanh()), nn.Linear(6, 3))
    assert lm.check_gradients(network, *rows, nn.CrossEntropyLoss()).suspects == ("layer 1.0.1 (Cube)",)


def test_a_layer_by_itself():
    x = np.random.default_rng(0).standard_normal((4, 3))
    assert lm.check_gradients(nn.Linear(3, 2), x, x[:, :2], nn.MSELoss()).passed
    check = lm.check_gradients(nn.PythonLayer(Cube(2.0)), x, x, nn.MSELoss())
    assert list(check.arrays) == ["x"]
    assert check.suspects == ("Cube",)


def test_kinks_are_no_errors(rows):
    """A row of zeros and biases of zero: the ReLUs are at 0, where their derivative is a matter of taste."""
    x, y = rows
    x[0] = 0
    check = lm.check_gradients(around(nn.ReLU()), x, y, nn.CrossEntropyLoss())
    assert check.passed
    assert check.arrays["0.bias"].kinks == 7
    assert check.arrays["0.bias"].reading == "kinks"
    assert 0 < check.arrays["x"].kinks <= 5
    assert check.arrays["2.bias"].kinks == 0
    kinked = [element for element in check.arrays["0.bias"].elements if element.kink]
    assert all(element.error > 1e-3 for element in kinked)  # from both sides it looks wrong


def test_one_kink_hides_no_wrong_slope_elsewhere(rows):
    x, y = rows
    x[0] = 0

    class Steep(Cube):
        def forward(self, x):
            self.x = x.copy()
            return np.maximum(x, 0)

        def backward(self, dy):
            return 1.1 * dy * (self.x > 0)

    check = lm.check_gradients(around(Steep()), x, y, nn.CrossEntropyLoss())
    assert check.arrays["0.weight"].reading == check.arrays["x"].reading == "wrong"
    assert check.suspects == ("layer 1 (Steep)",)


def test_a_kink_near_an_element_asks_for_a_smaller_step():
    """It is at 3e-6, between w - h and w + h for h = 1e-5."""
    network = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), dtype="float64")
    network.parameters()
    network[0].weight.data[...], network[0].bias.data[...] = 1.0, 3e-6
    check = lm.check_gradients(network, [[0.0]], [[1.0]], nn.MSELoss())
    assert check.passed
    assert check.arrays["0.bias"].kinks == 0


def test_tiny_gradients_are_no_errors_but_zeros_in_their_place_are(rng):
    """Through ten sigmoids gradients are near what rounding makes of differences."""
    depth = [layer for _ in range(10) for layer in (nn.Linear(6, 6), nn.Sigmoid())]
    network = nn.Sequential(*depth, nn.Linear(6, 3), seed=0)
    x, y = rng.standard_normal((5, 6)), rng.integers(3, size=5)
    check = lm.check_gradients(network, x, y, nn.CrossEntropyLoss())
    assert check.passed, check
    largest = max(abs(element.analytic) for element in check.arrays["0.weight"].elements)
    assert 0 < largest < 1e-6

    class Lost(Cube):
        def forward(self, x):
            return 1e-6 * x

        def backward(self, dy):
            return 0 * dy

    lost = lm.check_gradients(nn.Sequential(nn.Linear(6, 6), Lost(), nn.Linear(6, 3)), x, y, nn.CrossEntropyLoss())
    assert lost.arrays["0.weight"].reading == "wrong"


def test_no_gradient_reads_zero(rows):
    """A bias before batch norm has none: what is there is rounding."""
    check = lm.check_gradients(around(nn.BatchNorm1d(7), nn.Tanh()), *rows, nn.CrossEntropyLoss())
    assert check.passed
    assert check.arrays["0.bias"].reading == "zero"
    assert check.arrays["0.weight"].reading == "great"


def test_large_numbers_cancel_and_that_is_no_error(rng):
    """Targets of a million: the loss is a small difference of large numbers."""
    x = rng.standard_normal((6, 5))
    network = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 1), seed=0)
    network.parameters()
    network[2].bias.data[...] = 1e6
    assert lm.check_gradients(network, x, 1e6 + x[:, :1], nn.MSELoss()).passed


@pytest.mark.parametrize("name", ["noise", "classic dropout", "embedding", "sparsity"])
@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_everything_is_as_before(name, mode, rng):
    """Bit for bit, a forward that waits for its backward among it; the next pass draws what it would have drawn."""
    x, y = batch(rng, name, 6), rng.integers(OUTPUTS, size=6)
    worlds = []
    for looked in (False, True):
        network = model(name, "float32").train(mode)
        loss = nn.CrossEntropyLoss()
        world = lm.Trainer(network, loss, optim.Adam(network.parameters()))
        world.fit(x, y, epochs=2)
        loss(network(x), y)
        if looked:
            lm.check_gradients(network, x, y, loss, elements=3)
        assert network.training == mode
        network.backward(loss.backward())
        worlds.append({**everything(world), "next": network(x)})
    assert_same(*worlds)


def test_an_unused_model_stays_unused(rows):
    """It takes its first values later, from the model that it becomes part of."""
    part = nn.Sequential(nn.Linear(5, 3))
    check = lm.check_gradients(part, *rows, nn.CrossEntropyLoss())
    assert check.passed
    whole, twin = (nn.Sequential(each, seed=9) for each in (part, nn.Sequential(nn.Linear(5, 3))))
    assert_same(whole.state_dict(), twin.state_dict())


def test_layers_in_python_stay_as_they_are(rows):
    body = Masks(own=True)
    network = around(body)
    state = body.rng.bit_generator.state
    assert lm.check_gradients(network, *rows, nn.CrossEntropyLoss()).passed
    assert body.rng.bit_generator.state == state
    assert not hasattr(body, "mask")


def test_random_numbers_that_cannot_be_held_are_told(rows):
    network = around(nn.Tanh(), Masks(own=False))
    with pytest.raises(ValueError, match=r"\[check_gradients\] layer 2 \(Masks\) gives other outputs for the same"):
        lm.check_gradients(network, *rows, nn.CrossEntropyLoss())


def test_the_mode_is_the_models(rows):
    """What is frozen is checked frozen; its running statistics are part of the function."""
    network = around(nn.BatchNorm1d(7), nn.Dropout(0.9, classic=False), nn.Tanh())
    network(rows[0])
    free = lm.check_gradients(network.eval(), *rows, nn.CrossEntropyLoss())
    assert free.passed
    assert free.arrays["0.bias"].reading == "great"  # it counts, where the statistics are not those of the batch


def test_a_layer_that_computes_in_float32_is_told(rows):
    class Coarse(Cube):
        def forward(self, x):
            return super().forward(x.astype(np.float32))

    check = lm.check_gradients(around(Coarse()), *rows, nn.CrossEntropyLoss())
    assert not check.passed
    assert "layer 1 (Coarse) gives float32 for a float64 input" in check.notes[0]
    assert check.notes[0] in repr(check)
    assert check.suspects == ()


def test_some_elements_are_drawn(rng):
    x, y = rng.standard_normal((4, 40)), rng.integers(3, size=4)
    network = nn.Sequential(nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 3), seed=0)
    checks = [lm.check_gradients(network, x, y, nn.CrossEntropyLoss(), elements=20, seed=seed) for seed in (0, 0, 1)]
    chosen = [[element.index for element in check.arrays["0.weight"].elements] for check in checks]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(chosen[0])) == checks[0].arrays["0.weight"].checked == 20
    assert "20 drawn" in repr(checks[0])
    every = lm.check_gradients(network, x, y, nn.CrossEntropyLoss(), elements=None)
    assert every.arrays["0.weight"].checked == 1200
    assert "1,200" in repr(every)


def test_drawn_elements_are_not_all_without_a_gradient(rng):
    """A large table of which 4 rows are used."""
    network = nn.Sequential(nn.Embedding(10_000, 8), nn.Linear(8, 3), seed=0)
    check = lm.check_gradients(network, rng.integers(4, size=(4, 1)), [0, 1, 2, 0], nn.CrossEntropyLoss(), elements=20)
    assert check.passed
    assert sum(element.analytic != 0 for element in check.arrays["0.weight"].elements) >= 10
    assert "x" not in check.arrays  # indices have no gradient


def test_bad_input(rows):
    x, y = rows
    network, loss = around(nn.Tanh()), nn.CrossEntropyLoss()
    for arguments, kind, message in [
        ((nn.Sequential, x, y, loss), TypeError, r"model is <class .* must be a Module \(an instance, not the class\)"),
        ((network, x, y, nn.MSELoss), TypeError, r"loss is .* must be a Loss \(an instance"),
        ((network, x[:, :4], y, loss), ValueError, "x has 4 features but the model expects 5"),
        ((network, x * np.nan, y, loss), ValueError, "x has NaN or infinite values"),
        ((network, x, y + 1, loss), ValueError, r"\[check_gradients\] .*3"),
    ]:
        with pytest.raises(kind, match=message):
            lm.check_gradients(*arguments)
    for options, kind, message in [
        ({"elements": 0}, ValueError, "elements is 0 but must be at least 1"),
        ({"step": 0.0}, ValueError, "step is 0.0 but must be above 0"),
        ({"seed": -1}, ValueError, "seed is -1"),
    ]:
        with pytest.raises(kind, match=rf"\[check_gradients\] {message}"):
            lm.check_gradients(network, x, y, loss, **options)
    with pytest.raises(RuntimeError, match="Hardmax"):
        lm.check_gradients(nn.Sequential(nn.Linear(5, 3), nn.Hardmax()), x, np.eye(3)[y], nn.MSELoss())
    with pytest.raises(ValueError, match=r"the loss is (inf|nan)"):
        lm.check_gradients(around(Cube()), 1e200 * x, y, loss)


def test_a_model_that_cannot_be_copied(rows):
    class Locked(Cube):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()

    with pytest.raises(TypeError, match=r"\[check_gradients\] the model cannot be copied: .*lock"):
        lm.check_gradients(around(Locked()), *rows, nn.CrossEntropyLoss())


def test_a_trained_model_of_every_kind_passes():
    world = trainer(loss=nn.CrossEntropyLoss, outputs=3, python=True, dtype="float32")
    x, y = labelled()
    world.fit(x, y, epochs=3)
    assert lm.check_gradients(world.model, x[:8], y[:8], world.loss).passed
