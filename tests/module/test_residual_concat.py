"""Residual blocks and branches: what they compute, their names, what they refuse."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from module.structures import Doubler


class Widens:
    """A layer in Python that says nothing of its width before it runs."""

    def forward(self, x):
        return np.concatenate([x, x], axis=1)

    def backward(self, dy):
        return dy[:, : dy.shape[1] // 2] + dy[:, dy.shape[1] // 2 :]

    def output_width(self, width):
        return 2 * width


def ops(*layers, width=5, outputs=2):
    """Names of a step's ops, fused ones joined by +."""
    model = nn.Sequential(*layers, seed=0)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.step(np.ones((4, width), np.float32), np.ones((4, outputs), np.float32))
    lines = str(trainer._step.program).splitlines()
    return [line.replace("|", " ").split("(")[0].strip() for line in lines if not line.endswith(":")]


def test_a_residual_adds_its_input(rng):
    x = rng.standard_normal((7, 4))
    layers = [nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4)]
    block = nn.Residual(*layers, dtype="float64")
    y = block(x)
    f = block[:]
    assert type(f) is nn.Sequential
    np.testing.assert_array_equal(y, f(x) + x)
    np.testing.assert_array_equal(block.predict(x), y)


def test_what_adds_nothing_doubles(rng):
    x, dy = rng.standard_normal((2, 5, 3))
    for block in (nn.Residual(dtype="float64"), nn.Residual(nn.Dropout(0.5), dtype="float64").eval()):
        np.testing.assert_array_equal(block(x), 2 * x)
        np.testing.assert_array_equal(block.backward(dy), 2 * dy)
        np.testing.assert_array_equal(block.predict(x), 2 * x)


def test_a_concat_puts_branches_side_by_side(rng):
    x = rng.standard_normal((7, 4))
    model = nn.Concat(nn.Linear(4, 3), nn.Sequential(), nn.Sequential(nn.Linear(4, 1), nn.Tanh()), dtype="float64")
    y = model(x)
    assert y.shape == (7, 8)
    np.testing.assert_array_equal(y, np.concatenate([branch(x) for branch in model], axis=1))
    np.testing.assert_array_equal(model.predict(x), y)
    assert len(model) == 3
    assert model[1] is list(model)[1]


def test_names_are_numbers():
    model = nn.Sequential(
        nn.Residual(nn.Linear(4, 4), nn.ReLU()), nn.Concat(nn.Linear(4, 1), nn.Sequential(nn.Linear(4, 2)))
    )
    names = ["0.0.weight", "0.0.bias", "1.0.weight", "1.0.bias", "1.1.0.weight", "1.1.0.bias"]
    assert list(model.state_dict()) == names


def test_what_is_added_is_fused_onto_the_last_product_and_back():
    found = ops(nn.Linear(5, 8), nn.Residual(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)), nn.Linear(8, 2))
    assert found == [
        "linear_forward",
        "linear_forward + relu_forward",
        "linear_forward + add",
        "linear_forward",
        "squared_error",
        "linear_backward_weight",
        "linear_backward_input",
        "linear_backward_weight",
        "linear_backward_input + relu_backward",
        "linear_backward_weight",
        "linear_backward_input + add",
        "linear_backward_weight",
        *["sgd_update"] * 2,
    ]


def test_gradients_of_branches_are_fused_onto_the_first_ones():
    found = ops(nn.Linear(5, 8), nn.Tanh(), nn.Concat(*(nn.Linear(8, 1) for _ in range(3))), nn.Linear(3, 2))
    assert found.count("linear_backward_input + add + add + tanh_backward") == 1
    assert found.count("linear_backward_input") == 3  # of two branches, and of the last layer
    assert found.count("add") == 0


def test_nothing_is_done_for_an_input_that_wants_no_gradient():
    found = ops(nn.Residual(nn.Linear(5, 5)), nn.Concat(nn.Linear(5, 1), nn.Linear(5, 1)))
    assert "add" not in found[found.index("squared_error") :][-5:]
    first = ops(nn.Residual(nn.Linear(2, 2)), width=2)
    assert first == ["linear_forward + add", "squared_error", "linear_backward_weight", *["sgd_update"] * 2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Residual(nn.Linear(3, 4)), r"\[Residual\] the layers make 4 features of 3 but must keep"),
        (lambda: nn.Residual(nn.ReLU(), nn.Linear(3, 5), nn.Tanh()), r"\[Residual\] the layers make 5 features of 3"),
        (lambda: nn.Residual(nn.Linear(3, 4), nn.Linear(5, 3)), r"\[Residual\] layer 1 .* expects 5 features"),
        (lambda: nn.Sequential(nn.Residual(nn.Linear(3, 3)), nn.Linear(4, 3)), r"layer 1 .* expects 4 .* gives 3"),
        (lambda: nn.Concat(), r"\[Concat\] there are no branches"),
        (lambda: nn.Concat(nn.Linear(3, 1), nn.ReLU(), nn.Linear(4, 1)), r"\[Concat\] layer 2 expects 4 .* layer 0"),
        (lambda: nn.Sequential(nn.Concat(nn.Linear(3, 1), nn.Linear(3, 2)), nn.Linear(4, 1)), "expects 4 .* gives 3"),
        (lambda: nn.Residual(nn.ReLU(), seed=-1), r"\[Residual\] seed is -1"),
        (lambda: nn.Concat(nn.ReLU(), dtype="float16"), r"\[Concat\] dtype is 'float16'"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kind", [nn.Residual, nn.Concat])
def test_what_is_no_layer_is_refused(kind):
    name = kind.__name__
    for wrong, message in [([nn.ReLU()], "not a list"), (nn.ReLU, "is the class ReLU"), (3, "must be a layer")]:
        with pytest.raises(TypeError, match=rf"\[{name}\] .*{message}"):
            kind(wrong)
    layer = nn.Linear(3, 3)
    with pytest.raises(ValueError, match=rf"\[{name}\] layer 1 is the same object as layer 0"):
        kind(layer, layer)


def test_widths_that_only_a_run_shows(rng):
    x = rng.standard_normal((4, 3))
    with pytest.raises(ValueError, match=r"\[Residual\] the layers make 6 features of 3"):
        nn.Residual(Widens())(x)
    with pytest.raises(ValueError, match=r"\[Sequential\] layer 1 .* expects 5 features but gets 6"):
        nn.Sequential(Widens(), nn.Linear(5, 1))(x)
    model = nn.Sequential(nn.Concat(Widens(), Doubler()), nn.Linear(9, 2), dtype="float64")
    assert model.input_width() is None
    assert model(x).shape == (4, 2)


def test_first_weights_follow_the_activation_after_the_branches():
    """He before a ReLU, wherever that stands: not by the branch that happens to be written next."""
    model = nn.Sequential(
        nn.Concat(nn.Linear(400, 300), nn.Sequential(nn.Tanh(), nn.Linear(400, 300), nn.Tanh())),
        nn.ReLU(),
        nn.Residual(nn.Linear(600, 600)),
        nn.ReLU(),
    )
    model.parameters()
    assert abs(model[0][0].weight.data.std() / np.sqrt(2 / 400) - 1) < 0.02  # normal
    assert abs(model[0][1][1].weight.data).max() <= np.sqrt(6 / 700)  # uniform
    assert abs(model[2][0].weight.data.std() / np.sqrt(2 / 600) - 1) < 0.02


def test_a_model_of_its_own(rng):
    """Either may be the outermost module, with seed and dtype."""
    for make in (nn.Residual, nn.Concat):
        model, twin = (make(nn.Linear(4, 4), seed=5, dtype="float64") for _ in range(2))
        x, y = rng.standard_normal((9, 4)), rng.standard_normal((9, 4))
        np.testing.assert_array_equal(model(x), twin(x))
        trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
        assert trainer.step(x, y) > trainer.step(x, y)


def test_least_rows_of_a_norm_inside():
    model = nn.Concat(nn.Residual(nn.BatchNorm1d(3)), nn.Linear(3, 1))
    with pytest.raises(ValueError, match=r"1 row but layer '0\.0' \(BatchNorm1d\) needs at least 2"):
        model(np.ones((1, 3)))
