"""Every wrong input is refused by an error that says where, what and what was expected; and nothing has changed."""

import functools
import operator
import re
import subprocess
import sys

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim

N = 20


class World:
    """A model that has been trained a little, and data that fits it."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.x, self.y = rng.standard_normal((N, 6)), rng.integers(3, size=N)
        self.model = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3), seed=1
        )
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)
        self.trainer = lm.Trainer(self.model, self.loss, self.optimizer)
        self.trainer.fit(self.x, self.y, epochs=2)

    def contents(self):
        """All that a failed call could have half changed, flat."""
        state = self.optimizer.state_dict()
        slots = {f"{i} {k}": v for i, entry in state["state"].items() for k, v in entry.items()}
        settings = {f"group {k}": v for group in state["param_groups"] for k, v in group.items()}
        gradients = {f"grad {k}": p.grad.copy() for k, p in self.model.named_parameters()}
        modes = {f"mode {k}": m.training for k, m in self.model.named_modules()}
        history = {"epochs": self.trainer.history.epochs}
        return {**self.model.state_dict(), **gradients, **slots, **settings, **modes, **history}


@pytest.fixture
def world():
    return World()


@functools.cache
def undisturbed():
    """Contents of such a world, its next loss and its weights after that."""
    world = World()
    contents = world.contents()
    return contents, world.trainer.step(world.x, world.y), world.model.state_dict()


def assert_untouched(world):
    """Its contents, and what it does next, are those of a world that saw no error."""
    contents, loss, after = undisturbed()
    for key, value in world.contents().items():
        np.testing.assert_array_equal(value, contents[key], err_msg=key)
    assert world.trainer.step(world.x, world.y) == loss  # the dropout's step, too
    for key, value in world.model.state_dict().items():
        np.testing.assert_array_equal(value, after[key], err_msg=key)


def refuse(world, call, kind, message):
    with pytest.raises(kind, match=message) as caught:
        call(world)
    text = str(caught.value.args[0])
    assert text.startswith("["), f"the message does not say where: {text}"
    assert len(text) < 1000
    assert_untouched(world)


def with_row_of(value):
    x = np.random.default_rng(0).standard_normal((N, 6))
    x[7, 2] = value
    return x


# Features.


def sparse():
    return pytest.importorskip("scipy.sparse").csr_matrix(np.ones((N, 6)))


def sparse_array():
    return pytest.importorskip("scipy.sparse").coo_array(np.ones((N, 6)))


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def tensor_with_gradient():
    return pytest.importorskip("torch").ones((N, 6), requires_grad=True)


FEATURES = {
    "too narrow": (lambda: np.ones((N, 5)), ValueError, r"has 5 features but the model expects 6"),
    "too wide": (lambda: np.ones((N, 7)), ValueError, r"has 7 features but the model expects 6"),
    "no columns": (lambda: np.ones((N, 0)), ValueError, r"has 0 features but the model expects 6"),
    "one row flat": (lambda: np.ones(6), ValueError, r"shape \(6,\) but \(n, 6\) is expected.*\[None, :\]"),
    "three dimensions": (lambda: np.ones((N, 6, 1)), ValueError, r"shape \(20, 6, 1\) but \(n, 6\) is expected"),
    "a number": (lambda: 3.5, ValueError, r"shape \(\) but \(n, 6\) is expected"),
    "no rows": (lambda: np.ones((0, 6)), ValueError, r"has no rows \(.*\(0, 6\)\)"),
    "an empty list": (list, ValueError, r"shape \(0,\) but \(n, 6\) is expected"),
    "nothing": (lambda: None, (TypeError, ValueError), r"\(n, 6\) is expected|None"),
    "text": (lambda: "abc", TypeError, r"dtype <U3 but numbers are expected"),
    "bytes": (lambda: b"abc", TypeError, r"dtype \|S3 but numbers are expected"),
    "an array of text": (lambda: np.full((N, 6), "1.5"), TypeError, r"dtype <U3 but numbers are expected"),
    "complex": (lambda: np.ones((N, 6), complex), TypeError, r"dtype complex128 but numbers are expected"),
    "dates": (lambda: np.zeros((N, 6), "M8[s]"), TypeError, r"dtype datetime64\[s\] but numbers are expected"),
    "records": (lambda: np.zeros(N, [("a", float)]), TypeError, r"dtype .* but numbers are expected"),
    "objects": (lambda: np.full((N, 6), {}, object), TypeError, r"dtype object but numbers are expected"),
    "text among objects": (lambda: np.full((N, 6), "1", object), TypeError, r"dtype object but numbers are expected"),
    "ragged": (lambda: [[1.0] * 6, [1.0] * 5], TypeError, r"cannot be read as an array"),
    "a set": (lambda: {1, 2}, TypeError, r"dtype object but numbers are expected"),
    "a generator": (lambda: (i for i in range(6)), TypeError, r"dtype object but numbers are expected"),
    "a class": (lambda: np.ndarray, TypeError, r"."),
    "masked": (lambda: np.ma.masked_less(np.ones((N, 6)), 2), TypeError, r"is a masked array; fill it first"),
    "sparse": (sparse, TypeError, r"is a sparse matrix; pass .*\.toarray\(\)"),
    "a sparse array": (sparse_array, TypeError, r"is a sparse matrix; pass .*\.toarray\(\)"),
    "a frame with text": (
        lambda: frame(a=[1.0, 2.0], town=["x", "y"], b=[1, 2]),
        TypeError,
        r"columns that are not numbers: town$",
    ),
    "a frame with categories": (
        lambda: frame(a=[1.0, 2.0], kind=pytest.importorskip("pandas").Categorical(["x", "y"])),
        TypeError,
        r"columns that are not numbers: kind$",
    ),
    "a frame with missing integers": (
        lambda: frame(a=[1.0, 2.0], age=pytest.importorskip("pandas").array([1, None], dtype="Int64")),
        (TypeError, ValueError),
        r"\bage\b",
    ),
    "a tensor with a gradient": (tensor_with_gradient, TypeError, r"cannot be read as an array: .*requires grad"),
}

USES = {
    "call": ("x", lambda w, x: w.model(x)),
    "predict": ("x", lambda w, x: w.model.predict(x)),
    "step": ("x", lambda w, x: w.trainer.step(x, w.y)),
    "fit": ("x", lambda w, x: w.trainer.fit(x, w.y)),
    "validation": ("x", lambda w, x: w.trainer.fit(w.x, w.y, validation_data=(x, w.y))),
    "evaluate": ("x", lambda w, x: w.trainer.evaluate(x, w.y)),
    "Trainer.predict": ("x", lambda w, x: w.trainer.predict(x)),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("case", FEATURES)
def test_features(case, use, world):
    make, kind, message = FEATURES[case]
    name, call = USES[use]
    value = make()
    refuse(world, lambda w: call(w, value), kind, rf"^\[.*\] {name} .*{message}")


@pytest.mark.parametrize("case", [case for case in FEATURES if case not in ("too narrow", "too wide", "no columns")])
def test_outputs_of_a_loss(case, world):
    make, kind, _ = FEATURES[case]
    value = make()
    refuse(world, lambda w: w.loss(value, w.y), kind, r"^\[CrossEntropyLoss\] outputs (has|is|cannot) ")


NOT_FINITE = {
    "NaN": (lambda: with_row_of(np.nan), r"NaN or infinite values in column 2 \(first at row 7\)$"),
    "infinity": (lambda: with_row_of(np.inf), r"column 2 \(first at row 7\)"),
    "minus infinity": (lambda: with_row_of(-np.inf), r"column 2 \(first at row 7\)"),
    "None among objects": (lambda: with_row_of(np.nan).astype(object), r"column 2 \(first at row 7\)"),
    "everywhere": (
        lambda: np.full((N, 6), np.nan),
        r"column 0 \(first at row 0\), column 1 .*column 4 \(first at row 0\) and 1 more column",
    ),
    "named": (
        lambda: frame(**dict(zip("abcdef", with_row_of(np.nan).T, strict=True))),
        r"column c \(first at row 7\)$",
    ),
    "too large for float32": (lambda: with_row_of(1e300), r"column 2 \(first at row 7\)"),
}


@pytest.mark.parametrize("case", NOT_FINITE)
def test_fit_refuses_what_is_not_finite(case, world):
    make, message = NOT_FINITE[case]
    value = make()
    refuse(world, lambda w: w.trainer.fit(value, w.y), ValueError, rf"^\[Trainer.fit\] x has .*{message}")


def test_fit_refuses_validation_data_that_is_not_finite(world):
    value = with_row_of(np.nan)
    refuse(
        world,
        lambda w: w.trainer.fit(w.x, w.y, validation_data=(value, w.y)),
        ValueError,
        r"^\[Trainer.fit validation_data\] x has .*column 2 \(first at row 7\)",
    )


def test_not_finite_far_down_a_long_table():
    """Looked for in blocks: the row is that of the whole table."""
    x = np.zeros((3_000_000, 3), np.float32)
    x[2_999_999, 1] = np.nan
    model = nn.Sequential(nn.Linear(3, 1))
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))
    with pytest.raises(ValueError, match=r"column 1 \(first at row 2999999\)"):
        trainer.fit(x, np.zeros(len(x)))


# Targets.


def label(value, dtype=None):
    labels = np.zeros(N, dtype or type(value))
    labels[4] = value
    return labels


LABELS = {
    "negative": (lambda: label(-1), ValueError, r"y\[4\] is -1 but there are 3 classes: labels must be in \[0, 3\)"),
    "too high": (lambda: label(3), ValueError, r"y\[4\] is 3 but there are 3 classes"),
    "huge": (lambda: label(2**40), ValueError, r"y\[4\] is 1099511627776 but there are 3 classes"),
    "lowest": (lambda: label(-(2**63)), ValueError, r"y\[4\] is -9223372036854775808 but"),
    "beyond int64": (lambda: label(2**63, np.uint64), ValueError, r"y .*(beyond 2\*\*63|9223372036854775808)"),
    "uint64's last": (lambda: label(2**64 - 1, np.uint64), ValueError, r"y .*(beyond 2\*\*63|18446744073709551615)"),
    "beyond int64 in a list": (lambda: [2**70] * N, (TypeError, ValueError), r"y "),
    "fractions": (lambda: label(0.5), TypeError, r"y has dtype float64 but class labels are integers"),
    "NaN": (lambda: label(np.nan), (TypeError, ValueError), r"y "),
    "infinity": (lambda: label(np.inf), (TypeError, ValueError), r"y"),
    "a huge float": (lambda: label(1e300), (TypeError, ValueError), r"y"),
    "text": (lambda: ["a"] * N, TypeError, r"y has dtype <U1 but numbers are expected"),
    "complex": (lambda: label(1j), TypeError, r"y has dtype complex128 but numbers"),
    "nothing": (lambda: None, (TypeError, ValueError), r"y "),
    "too few": (lambda: np.zeros(19, int), ValueError, r"y has shape \(19,\) but \(20,\) class labels"),
    "too many": (lambda: np.zeros(21, int), ValueError, r"y has shape \(21,\) but \(20,\) class labels"),
    "none": (list, ValueError, r"y has shape \(0,\) but \(20,\) class labels"),
    "one hot": (lambda: np.eye(3)[np.zeros(N, int)], ValueError, r"y has shape \(20, 3\) but \(20,\) class labels"),
    "a row": (lambda: np.zeros((1, N), int), ValueError, r"y has shape \(1, 20\)"),
    "a number": (lambda: 1, ValueError, r"y has shape \(\) but \(20,\) class labels"),
    "masked": (lambda: np.ma.masked_equal(np.zeros(N, int), 0), TypeError, r"y is a masked array"),
    "sparse": (sparse, TypeError, r"y is a sparse matrix"),
}

TARGET_USES = {
    "loss": lambda w, y: w.loss(np.ones((N, 3)), y),
    "step": lambda w, y: w.trainer.step(w.x, y),
    "fit": lambda w, y: w.trainer.fit(w.x, y),
    "validation": lambda w, y: w.trainer.fit(w.x, w.y, validation_data=(w.x, y)),
    "evaluate": lambda w, y: w.trainer.evaluate(w.x, y),
}


@pytest.mark.parametrize("use", TARGET_USES)
@pytest.mark.parametrize("case", LABELS)
def test_labels(case, use, world):
    make, kind, message = LABELS[case]
    value = make()
    refuse(world, lambda w: TARGET_USES[use](w, value), kind, rf"^\[.*\] {message}")


SHAPES = [  # of outputs and targets
    ((N, 1), (1, N)),
    ((N, 1), (N, 3)),
    ((N, 1), (N, 1, 1)),
    ((N, 1), ()),
    ((1, N), (N,)),
    ((N, N), (N,)),
    ((N, 3), (N,)),
    ((N, 3), (N, 1)),
    ((N, 3), (N - 1, 3)),
    ((N, 3), (1, 3)),
    ((N, 3), (3,)),
]


@pytest.mark.parametrize("loss", [nn.MSELoss, nn.BCEWithLogitsLoss])
@pytest.mark.parametrize(("outputs", "targets"), SHAPES, ids=str)
def test_shapes_of_targets_are_not_broadcast(loss, outputs, targets):
    message = (
        rf"^\[{loss.__name__}\] y has shape {re.escape(str(targets))} but the outputs are {re.escape(str(outputs))}"
    )
    with pytest.raises(ValueError, match=message):
        loss()(np.ones(outputs), np.ones(targets))


@pytest.mark.parametrize("value", [-0.01, 1.01, np.nan, np.inf, -np.inf, 2])
def test_binary_targets_outside_0_and_1(value):
    y = np.zeros((N, 1))
    y[5] = value
    with pytest.raises(ValueError, match=r"^\[BCEWithLogitsLoss\] y .*must be in \[0, 1\]"):
        nn.BCEWithLogitsLoss()(np.ones((N, 1)), y)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_fit_refuses_targets_that_are_not_finite(value):
    model = nn.Sequential(nn.Linear(6, 2))
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))
    y = np.zeros((N, 2))
    y[9, 1] = value
    before = model.state_dict()
    with pytest.raises(
        ValueError, match=r"^\[Trainer.fit\] y has NaN or infinite values in column 1 \(first at row 9\)"
    ):
        trainer.fit(np.ones((N, 6)), y)
    np.testing.assert_array_equal(before["0.weight"], model.state_dict()["0.weight"])


# The rest of what models and trainers take.

CALLS = {
    "epochs negative": (lambda w: w.trainer.fit(w.x, w.y, epochs=-1), ValueError, r"epochs is -1 but .*at least 0"),
    "epochs a fraction": (lambda w: w.trainer.fit(w.x, w.y, epochs=1.5), TypeError, r"epochs is 1.5 .*an integer"),
    "epochs a bool": (lambda w: w.trainer.fit(w.x, w.y, epochs=True), TypeError, r"epochs is True .*an integer"),
    "epochs text": (lambda w: w.trainer.fit(w.x, w.y, epochs="3"), TypeError, r"epochs is '3' .*an integer"),
    "batch_size zero": (lambda w: w.trainer.fit(w.x, w.y, batch_size=0), ValueError, r"batch_size is 0 .*at least 1"),
    "batch_size -1": (lambda w: w.trainer.fit(w.x, w.y, batch_size=-1), ValueError, r"batch_size is -1 .*at least 1"),
    "batch_size 2.0": (lambda w: w.trainer.fit(w.x, w.y, batch_size=2.0), TypeError, r"batch_size is 2.0 .*an integer"),
    "predict's 0": (lambda w: w.model.predict(w.x, batch_size=0), ValueError, r"batch_size is 0 .*at least 1"),
    "predict's 1.5": (lambda w: w.model.predict(w.x, batch_size=1.5), TypeError, r"batch_size is 1.5 .*an integer"),
    "predict's None": (lambda w: w.model.predict(w.x, batch_size=None), TypeError, r"batch_size is None .*an integer"),
    "x and y of different length": (
        lambda w: w.trainer.fit(w.x[:-1], w.y),
        ValueError,
        r"y has shape \(20,\) but \(19,\)",
    ),
    "one row for a norm": (
        lambda w: w.model(w.x[:1]),
        ValueError,
        r"\[Sequential\] a training batch has 1 row but layer '?1'? \(BatchNorm1d\) needs at least 2",
    ),
    "one row in step": (
        lambda w: w.trainer.step(w.x[:1], w.y[:1]),
        ValueError,
        r"1 row but layer '?1'? \(BatchNorm1d\)",
    ),
    "one row in fit": (lambda w: w.trainer.fit(w.x[:1], w.y[:1]), ValueError, r"1 row but layer '?1'? \(BatchNorm1d\)"),
    "batches of one": (
        lambda w: w.trainer.fit(w.x, w.y, batch_size=1),
        ValueError,
        r"1 row but layer '?1'? \(BatchNorm1d\)",
    ),
    "on_epoch no function": (lambda w: w.trainer.fit(w.x, w.y, on_epoch=5), TypeError, r"on_epoch is 5"),
    "validation_data x alone": (
        lambda w: w.trainer.fit(w.x, w.y, validation_data=w.x),
        (TypeError, ValueError),
        r"validation_data.*\(x, y\)",
    ),
    "validation_data three": (
        lambda w: w.trainer.fit(w.x, w.y, validation_data=(w.x, w.y, w.y)),
        (TypeError, ValueError),
        r"validation_data.*\(x, y\)",
    ),
    "validation_data a flag": (
        lambda w: w.trainer.fit(w.x, w.y, validation_data=True),
        (TypeError, ValueError),
        r"validation_data.*\(x, y\)",
    ),
    "Trainer of a class": (
        lambda w: lm.Trainer(nn.Sequential, w.loss, w.optimizer),
        TypeError,
        r"model is .*not the class",
    ),
    "Trainer of a loss class": (
        lambda w: lm.Trainer(w.model, nn.MSELoss, w.optimizer),
        TypeError,
        r"loss is .*must be a Loss \(an instance, not the class\)",
    ),
    "Trainer of an optimizer class": (
        lambda w: lm.Trainer(w.model, w.loss, optim.SGD),
        TypeError,
        r"optimizer is .*must be a Optimizer \(an instance, not the class\)|must be an Optimizer",
    ),
    "Trainer out of order": (
        lambda w: lm.Trainer(w.model, w.optimizer, w.loss),
        TypeError,
        r"loss is .*must be a Loss",
    ),
    "Trainer of nothing": (lambda w: lm.Trainer(None, w.loss, w.optimizer), TypeError, r"model is None"),
    "another model's optimizer": (
        lambda w: lm.Trainer(w.model, w.loss, World().optimizer),
        ValueError,
        r"optimizer \(Adam\) holds parameters that are not this model's: 0.weight, .*model.parameters\(\)",
    ),
    "a larger model's optimizer": (
        lambda w: lm.Trainer(w.model[:2], w.loss, w.optimizer),
        ValueError,
        r"holds parameters that are not this model's: 4.weight, 4.bias",
    ),
    "loss.backward first": (lambda w: nn.MSELoss().backward(), RuntimeError, r"backward\(\) without a loss before it"),
    "a missing layer": (lambda w: w.model.load_state_dict({}), ValueError, r"missing 0.weight, 0.bias"),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls(case, world):
    refuse(world, *CALLS[case])


def test_a_norm_takes_one_row_in_evaluation(world):
    assert world.model.eval()(world.x[:1]).shape == (1, 3)
    world.model.train()
    assert world.model.predict(world.x[:1]).shape == (1, 3)
    assert_untouched(world)


def test_a_last_row_alone_joins_the_batch_before(world):
    """21 rows in batches of 10 would leave one, which a norm refuses."""
    x, y = np.vstack([world.x, world.x[:1]]), np.append(world.y, 0)
    twin = World()
    world.trainer.fit(x, y, batch_size=10, shuffle=False)
    twin.trainer.step(x[:10], y[:10])
    twin.trainer.step(x[10:], y[10:])
    for key, value in world.model.state_dict().items():
        np.testing.assert_array_equal(value, twin.model.state_dict()[key])


# Backward.

GRADIENTS = {
    "too few rows": (
        lambda: np.ones((N - 1, 3)),
        ValueError,
        r"dy has shape \(19, 3\) but the last output was \(20, 3\)",
    ),
    "too wide": (lambda: np.ones((N, 4)), ValueError, r"dy has shape \(20, 4\) but the last output was \(20, 3\)"),
    "transposed": (lambda: np.ones((3, N)), ValueError, r"dy has shape \(3, 20\)"),
    "flat": (lambda: np.ones(3 * N), ValueError, r"dy has shape \(60,\)"),
    "a number": (lambda: 1.0, ValueError, r"dy has shape \(\)"),
    "text": (lambda: np.full((N, 3), "a"), TypeError, r"dy has dtype <U1 but numbers are expected"),
    "complex": (lambda: np.ones((N, 3), complex), TypeError, r"dy has dtype complex128"),
    "nothing": (lambda: None, (TypeError, ValueError), r"dy "),
    "masked": (lambda: np.ma.masked_less(np.ones((N, 3)), 2), TypeError, r"dy is a masked array"),
    "sparse": (sparse, TypeError, r"dy is a sparse matrix"),
}


@pytest.mark.parametrize("case", GRADIENTS)
def test_gradients(case, world):
    """The forward before it is still there to go back through."""
    make, kind, message = GRADIENTS[case]
    value, twin = make(), World()
    for each in (world, twin):
        each.model.zero_grad()
        each.model(each.x)
    with pytest.raises(kind, match=rf"^\[Sequential\] {message}"):
        world.model.backward(value)
    dy = np.ones((N, 3))
    np.testing.assert_array_equal(world.model.backward(dy), twin.model.backward(dy))
    for one, other in zip(world.model.parameters(), twin.model.parameters(), strict=True):
        np.testing.assert_array_equal(one.grad, other.grad)


def test_backward_without_forward():
    for model in (nn.Sequential(nn.Linear(6, 3)), nn.Linear(6, 3), nn.ReLU()):
        with pytest.raises(RuntimeError, match=r"^\[\w+\] backward\(\) without a forward before it: call the model"):
            model.backward(np.ones((N, 3)))


def test_backward_twice(world):
    world.model(world.x)
    world.model.backward(np.ones((N, 3)))
    gradients = [p.grad.copy() for p in world.model.parameters()]
    with pytest.raises(RuntimeError, match=r"backward\(\) without a forward"):
        world.model.backward(np.ones((N, 3)))
    for parameter, gradient in zip(world.model.parameters(), gradients, strict=True):
        np.testing.assert_array_equal(parameter.grad, gradient)


def test_backward_after_a_step_of_a_trainer_or_a_prediction(world):
    """Those keep nothing to go back through."""
    world.trainer.step(world.x, world.y)
    world.model.predict(world.x)
    with pytest.raises(RuntimeError, match=r"backward\(\) without a forward"):
        world.model.backward(np.ones((N, 3)))


# Construction.

CONSTRUCTIONS = {
    "widths": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(9, 3)),
        ValueError,
        r"\[Sequential\] layer 2 \(Linear\(in_features=9.* expects 9 features but layer 1 \(ReLU\) gives 8",
    ),
    "widths of a norm": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(7)),
        ValueError,
        r"layer 1 .* expects 7 features but layer 0 \(Linear\) gives 8",
    ),
    "widths across nesting": (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(6, 8)), nn.Sequential(nn.Tanh(), nn.Linear(9, 3))),
        ValueError,
        r"expects 9 features but layer 0 \(Sequential\) gives 8",
    ),
    "a class": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU),
        TypeError,
        r"layer 1 is the class ReLU; make an instance",
    ),
    "a function": (lambda: nn.Sequential(np.tanh), TypeError, r"layer 0 is <ufunc 'tanh'> but must be a layer"),
    "a name": (lambda: nn.Sequential("relu"), TypeError, r"layer 0 is 'relu' but must be a layer"),
    "nothing": (lambda: nn.Sequential(nn.Linear(6, 8), None), TypeError, r"layer 1 is None but must be a layer"),
    "a list": (
        lambda: nn.Sequential([nn.ReLU()]),
        TypeError,
        r"layers are arguments, not a list: Sequential\(\*layers\)",
    ),
    "a layer twice": (
        lambda: nn.Sequential(*[nn.Linear(6, 6)] * 2),
        ValueError,
        r"layer 1 is the same object as layer 0",
    ),
    "a dropout twice": (
        lambda: nn.Sequential(*[nn.Dropout()] * 2),
        ValueError,
        r"layer 1 is the same object as layer 0",
    ),
    "a layer twice, nested": (
        lambda: (lambda one: nn.Sequential(nn.Sequential(one), nn.ReLU(), nn.Sequential(one)))(nn.Linear(6, 6)),
        ValueError,
        r"layer 2.0 is the same object as layer 0.0",
    ),
    "seed negative": (lambda: nn.Sequential(seed=-1), ValueError, r"\[Sequential\] seed is -1 but must be at least 0"),
    "seed too large": (
        lambda: nn.Sequential(seed=2**64),
        ValueError,
        r"seed is 18446744073709551616 but must be below",
    ),
    "seed a fraction": (lambda: nn.Sequential(seed=1.5), TypeError, r"seed is 1.5 but must be an integer"),
    "seed a bool": (lambda: nn.Sequential(seed=True), TypeError, r"seed is True but must be an integer"),
    "dtype": (lambda: nn.Sequential(dtype="float16"), ValueError, r"dtype is 'float16' but must be \"float32\" or"),
    "dtype a type": (lambda: nn.Sequential(dtype=int), ValueError, r"dtype is <class 'int'> but must be"),
    "no inputs": (lambda: nn.Linear(0, 3), ValueError, r"\[Linear\] in_features is 0 but must be at least 1"),
    "no outputs": (lambda: nn.Linear(3, -2), ValueError, r"\[Linear\] out_features is -2 but must be at least 1"),
    "half an input": (lambda: nn.Linear(2.5, 3), TypeError, r"in_features is 2.5 but must be an integer"),
    "inputs as text": (lambda: nn.Linear("6", 3), TypeError, r"in_features is '6' but must be an integer"),
    "inputs a bool": (lambda: nn.Linear(True, 3), TypeError, r"in_features is True but must be an integer"),
    "inputs an array": (lambda: nn.Linear(np.array([6]), 3), TypeError, r"in_features is array\(\[6\]\) but must be"),
    "bias a number": (lambda: nn.Linear(3, 3, bias=1), TypeError, r"bias is 1 but must be True or False"),
    "init": (lambda: nn.Linear(3, 3, init="xavier"), ValueError, r"init is 'xavier' but must be one of he_normal, "),
    "init a function": (
        lambda: nn.Linear(3, 3, init=np.zeros),
        (TypeError, ValueError),
        r"init is .* but must be one of",
    ),
    "init a list": (lambda: nn.Linear(3, 3, init=["zeros"]), (TypeError, ValueError), r"init is .* but must be one of"),
    "a norm of nothing": (lambda: nn.BatchNorm1d(0), ValueError, r"\[BatchNorm1d\] num_features is 0 but must be at"),
    "eps": (lambda: nn.BatchNorm1d(3, eps=-1e-5), ValueError, r"eps is -1e-05 but must be at least 0"),
    "eps NaN": (lambda: nn.BatchNorm1d(3, eps=float("nan")), ValueError, r"eps is nan but must be at least 0"),
    "momentum": (lambda: nn.BatchNorm1d(3, momentum=1.5), ValueError, r"momentum is 1.5 but must be in \[0, 1\]"),
    "affine": (lambda: nn.BatchNorm1d(3, affine=None), TypeError, r"affine is None but must be True or False"),
    "p above one": (lambda: nn.Dropout(1.5), ValueError, r"\[Dropout\] p is 1.5 but must be in \[0, 1\]"),
    "p negative": (lambda: nn.Dropout(-0.1), ValueError, r"p is -0.1 but must be in \[0, 1\]"),
    "p NaN": (lambda: nn.Dropout(np.nan), ValueError, r"p is nan but must be in \[0, 1\]"),
    "p text": (lambda: nn.Dropout("half"), TypeError, r"p is 'half' but must be a number"),
    "p set later": (lambda: setattr(nn.Dropout(), "p", 2), ValueError, r"\[Dropout\] p is 2 but must be in \[0, 1\]"),
    "reduction": (lambda: nn.MSELoss("none"), ValueError, r"\[MSELoss\] reduction is 'none' but must be \"mean\" or"),
    "reduction None": (lambda: nn.CrossEntropyLoss(None), ValueError, r"reduction is None but must be"),
    "an inner dtype": (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(6, 3), dtype="float64"), dtype="float32").parameters(),
        ValueError,
        r"layer 0 has dtype float64 but the model's is float32",
    ),
    "a parameter of an unused model": (
        lambda: nn.Linear(6, 3).weight.data,
        RuntimeError,
        r"\[Parameter\] .*parameters\(\)",  # what gives it values
    ),
}


@pytest.mark.parametrize("case", CONSTRUCTIONS)
def test_constructions(case):
    make, kind, message = CONSTRUCTIONS[case]
    with pytest.raises(kind, match=message) as caught:
        make()
    assert str(caught.value).startswith("[")


# Optimizers.


def parameters():
    return nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3)).parameters()


OPTIMIZERS = {
    "lr negative": (lambda p: optim.SGD(p, lr=-0.1), ValueError, r"\[SGD\] lr is -0.1 but must be at least 0"),
    "lr NaN": (lambda p: optim.Adam(p, lr=np.nan), ValueError, r"\[Adam\] lr is nan but must be at least 0"),
    "lr infinite": (lambda p: optim.RMSprop(p, lr=np.inf), ValueError, r"\[RMSprop\] lr is inf but must be"),
    "lr text": (lambda p: optim.SGD(p, lr="0.1"), TypeError, r"lr is '0.1' but must be a number"),
    "lr None": (lambda p: optim.SGD(p, lr=None), TypeError, r"lr is None but must be a number"),
    "lr a bool": (lambda p: optim.SGD(p, lr=True), TypeError, r"lr is True but must be a number"),
    "lr complex": (lambda p: optim.SGD(p, lr=1j), TypeError, r"lr is 1j but must be a number"),
    "lr a list": (lambda p: optim.SGD(p, lr=[0.1]), TypeError, r"lr is \[0.1\] but must be a number"),
    "momentum": (lambda p: optim.SGD(p, momentum=-0.9), ValueError, r"momentum is -0.9 but must be at least 0"),
    "weight_decay": (lambda p: optim.SGD(p, weight_decay=-1), ValueError, r"weight_decay is -1 but must be at least 0"),
    "dampening NaN": (lambda p: optim.SGD(p, dampening=np.nan), ValueError, r"dampening is nan but must be finite"),
    "nesterov alone": (
        lambda p: optim.SGD(p, nesterov=True),
        ValueError,
        r"nesterov needs momentum > 0 and dampening 0",
    ),
    "nesterov, dampened": (
        lambda p: optim.SGD(p, nesterov=True, momentum=0.9, dampening=0.1),
        ValueError,
        r"nesterov needs momentum > 0 and dampening 0, not 0.9 and 0.1",
    ),
    "nesterov a number": (
        lambda p: optim.SGD(p, momentum=0.9, nesterov=1),
        TypeError,
        r"nesterov is 1 but must be True",
    ),
    "alpha": (lambda p: optim.RMSprop(p, alpha=1.1), ValueError, r"alpha is 1.1 but must be in \[0, 1\]"),
    "eps": (lambda p: optim.RMSprop(p, eps=-1), ValueError, r"eps is -1 but must be at least 0"),
    "centered": (lambda p: optim.RMSprop(p, centered="yes"), TypeError, r"centered is 'yes' but must be True or False"),
    "beta of one": (
        lambda p: optim.Adam(p, betas=(1.0, 0.9)),
        ValueError,
        r"betas\[0\] is 1.0 but must be in \[0, 1\)",
    ),
    "second beta": (
        lambda p: optim.Adam(p, betas=(0.9, -0.1)),
        ValueError,
        r"betas\[1\] is -0.1 but must be in \[0, 1\)",
    ),
    "one beta": (lambda p: optim.Adam(p, betas=0.9), TypeError, r"betas is 0.9 but must be a pair"),
    "three betas": (lambda p: optim.Adam(p, betas=(0.9, 0.9, 0.9)), TypeError, r"betas is .* but must be a pair"),
    "beta text": (lambda p: optim.Adam(p, betas=("a", 0.9)), TypeError, r"betas\[0\] is 'a' but must be a number"),
    "amsgrad": (lambda p: optim.Adam(p, amsgrad=0), TypeError, r"amsgrad is 0 but must be True or False"),
    "decay_bias": (lambda p: optim.Adam(p, decay_bias=0), TypeError, r"decay_bias is 0 but must be True or False"),
    "no parameters": (lambda p: optim.SGD([]), ValueError, r"\[SGD\] params is empty"),
    "of a model without any": (
        lambda p: optim.SGD(nn.Sequential(nn.ReLU()).parameters()),
        ValueError,
        r"params is empty",
    ),
    "a group without any": (lambda p: optim.SGD([{"params": []}]), ValueError, r"\[SGD\] .*empty"),
    "the model": (lambda p: optim.SGD(nn.Linear(6, 3)), TypeError, r"params is Linear.*model.parameters\(\)"),
    "a sequential": (lambda p: optim.SGD(nn.Sequential(nn.Linear(6, 3))), TypeError, r"Linear\(.*is no parameter"),
    "one parameter": (lambda p: optim.SGD(p[0]), TypeError, r"params is Parameter.*must be a list of parameters"),
    "arrays": (lambda p: optim.SGD([q.data for q in p]), TypeError, r"is no parameter of a lamella model"),
    "names and parameters": (lambda p: optim.SGD([("a", p[0])]), TypeError, r"is no parameter of a lamella model"),
    "nothing": (lambda p: optim.SGD(None), TypeError, r"params is None but must be a list"),
    "a group of what": (lambda p: optim.SGD([{"params": 5}]), TypeError, r"\[SGD\] .*5"),
    "twice": (lambda p: optim.SGD([p[0], p[0]]), ValueError, r"parameter 0.weight is given twice"),
    "in two groups": (lambda p: optim.SGD([{"params": p}, {"params": p[:1]}]), ValueError, r"0.weight is given twice"),
    "no key": (lambda p: optim.SGD([{"parameters": p}]), TypeError, r'a parameter group is a dict with "params"'),
    "unknown setting": (lambda p: optim.SGD([{"params": p, "beta": 1}]), ValueError, r"unknown settings: beta"),
    "a group's lr": (lambda p: optim.SGD([{"params": p, "lr": -1}]), ValueError, r"lr is -1 but must be at least 0"),
    "unused": (lambda p: optim.SGD([nn.Linear(6, 3).weight]), ValueError, r"has no values yet; .*model.parameters\(\)"),
}


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_optimizers(case):
    make, kind, message = OPTIMIZERS[case]
    with pytest.raises(kind, match=message) as caught:
        make(parameters())
    assert str(caught.value).startswith("[")


def set_group(key, value):
    def change(world):
        world.optimizer.param_groups[0][key] = value

    return change


SETTINGS = {
    "lr": (set_group("lr", -1), ValueError, r"\[Adam\] lr is -1 but must be at least 0"),
    "betas": (set_group("betas", (0.9, 1.0)), ValueError, r"betas\[1\] is 1.0 but must be in \[0, 1\)"),
    "unknown": (set_group("momentum", 0.9), KeyError, r"\[Adam\] there is no setting 'momentum'"),
    "params": (set_group("params", []), KeyError, r"\[Adam\] there is no setting 'params' to set"),
    "amsgrad": (set_group("amsgrad", True), ValueError, r"amsgrad changes what is stored; make a new optimizer"),
    "lr of all": (
        lambda w: setattr(w.optimizer, "lr", np.nan),
        ValueError,
        r"\[Adam\] lr is nan but must be at least 0",
    ),
    "lr text": (lambda w: setattr(w.optimizer, "lr", "0.1"), TypeError, r"\[Adam\] lr is '0.1' but must be a number"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_of_groups(case, world):
    refuse(world, *SETTINGS[case])


def test_a_bad_lr_changes_no_group():
    first, second, *others = parameters()
    optimizer = optim.SGD([{"params": [first]}, {"params": [second, *others], "lr": 0.5}], lr=0.25)
    with pytest.raises(ValueError, match="lr is -1"):
        optimizer.lr = -1
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.5]


CHANGES = {
    "item": lambda group: group.__setitem__("weight_decay", 0.5),
    "update": lambda group: group.update(weight_decay=0.5),
    "or": lambda group: operator.ior(group, {"weight_decay": 0.5}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_setting_takes_effect_however_it_is_set(change):
    """Or the way is refused: what a group shows is what the next step uses."""
    model = nn.Sequential(nn.Linear(6, 3))
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    try:
        CHANGES[change](optimizer.param_groups[0])
    except (TypeError, ValueError, KeyError):
        return
    before = model[0].weight.data.copy()
    optimizer.step()
    assert optimizer.param_groups[0]["weight_decay"] == 0.5
    np.testing.assert_allclose(model[0].weight.data, 0.5 * before, rtol=1e-6)


def test_decay_bias_takes_effect_when_set():
    """Or setting it is refused."""
    model = nn.Sequential(nn.Linear(6, 3))
    optimizer = optim.SGD(model.parameters(), lr=1.0, weight_decay=0.5)
    model[0].bias.data[...] = 1
    try:
        optimizer.param_groups[0]["decay_bias"] = True
    except ValueError:
        return
    optimizer.step()
    np.testing.assert_allclose(model[0].bias.data, 0.5)


def test_a_setting_cannot_be_removed(world):
    group = world.optimizer.param_groups[0]
    for remove in (lambda: group.pop("lr"), lambda: group.__delitem__("eps"), group.clear, group.popitem):
        with pytest.raises((TypeError, KeyError)):
            remove()
    assert_untouched(world)


# States.


def changed(key, value):
    return lambda w: w.model.load_state_dict({k: v + 1 for k, v in w.model.state_dict().items()} | {key: value})


def without(key):
    return lambda w: w.model.load_state_dict({k: v + 1 for k, v in w.model.state_dict().items() if k != key})


STATES = {
    "missing": (without("4.bias"), ValueError, r"another model's: missing 4.bias"),
    "missing statistics": (without("1.running_var"), ValueError, r"missing 1.running_var"),
    "missing count": (without("1.num_batches_tracked"), ValueError, r"missing 1.num_batches_tracked"),
    "unknown": (changed("5.weight", np.ones(3)), ValueError, r"unknown 5.weight"),
    "a number for a name": (changed(5, np.ones(3)), ValueError, r"unknown 5"),
    "shape": (
        changed("4.weight", np.ones((8, 3))),
        ValueError,
        r"4.weight has shape \(8, 3\) but the model's is \(3, 8\)",
    ),
    "one to broadcast": (
        changed("4.bias", np.ones(1)),
        ValueError,
        r"4.bias has shape \(1,\) but the model's is \(3,\)",
    ),
    "a number": (changed("4.bias", 0.0), ValueError, r"4.bias has shape \(\) but the model's is \(3,\)"),
    "statistics": (changed("1.running_mean", np.ones(9)), ValueError, r"1.running_mean has shape \(9,\)"),
    "text": (changed("4.bias", ["a", "b", "c"]), TypeError, r"4.bias has dtype <U1 but numbers"),
    "complex": (changed("4.bias", np.ones(3, complex)), TypeError, r"4.bias has dtype complex128"),
    "nothing": (changed("4.bias", None), (TypeError, ValueError), r"4.bias "),
    "count of two": (
        changed("1.num_batches_tracked", np.ones(2)),
        ValueError,
        r"1.num_batches_tracked has shape \(2,\)",
    ),
    "count text": (changed("1.num_batches_tracked", "many"), (TypeError, ValueError), r"1.num_batches_tracked"),
    "count None": (changed("1.num_batches_tracked", None), (TypeError, ValueError), r"1.num_batches_tracked"),
    "count NaN": (changed("1.num_batches_tracked", np.nan), (TypeError, ValueError), r"1.num_batches_tracked"),
    "count infinite": (changed("1.num_batches_tracked", np.inf), (TypeError, ValueError), r"1.num_batches_tracked"),
    "count negative": (changed("1.num_batches_tracked", -1), (TypeError, ValueError), r"1.num_batches_tracked"),
    "no mapping": (lambda w: w.model.load_state_dict(None), (TypeError, ValueError), r"state is None"),
    "a list": (lambda w: w.model.load_state_dict([1, 2]), (TypeError, ValueError), r"load_state_dict"),
    "the model itself": (lambda w: w.model.load_state_dict(w.model), (TypeError, ValueError), r"load_state_dict"),
}


@pytest.mark.parametrize("case", STATES)
def test_states_of_models(case, world):
    refuse(world, *STATES[case])


def optimizer_state(edit):
    """Load a state in which everything differs from the present one, and something is wrong."""

    def call(world):
        state = world.optimizer.state_dict()
        for entry in state["state"].values():
            entry["step"] += 5
            for name in ("exp_avg", "exp_avg_sq"):
                entry[name] = entry[name] + 1
        state["param_groups"][0]["lr"] = 0.5
        world.optimizer.load_state_dict(edit(state) or state)

    return call


def edited(*path, value):
    def edit(state):
        place = state
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return optimizer_state(edit)


def deleted(*path):
    def edit(state):
        place = state
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return optimizer_state(edit)


WRONG = (TypeError, ValueError)
OPTIMIZER_STATES = {
    "of SGD": (lambda w: w.optimizer.load_state_dict(optim.SGD(parameters()).state_dict()), WRONG, r"parameter groups"),
    "of SGD with as many parameters": (
        lambda w: w.optimizer.load_state_dict(optim.SGD(World().model.parameters(), momentum=0.9).state_dict()),
        WRONG,
        r"exp_avg of 0.weight is missing",
    ),
    "two groups": (
        lambda w: w.optimizer.load_state_dict(
            optim.Adam(
                [{"params": World().model.parameters()[:3]}, {"params": World().model.parameters()[3:]}]
            ).state_dict()
        ),
        WRONG,
        r"other parameter groups",
    ),
    "a slot missing": (deleted("state", 5, "exp_avg_sq"), WRONG, r"exp_avg_sq of 4.bias is missing"),
    "a slot's shape": (
        edited("state", 5, "exp_avg", value=np.ones(1)),
        WRONG,
        r"exp_avg of 4.bias has shape \(1,\), not",
    ),
    "a slot of text": (edited("state", 5, "exp_avg", value=np.full(3, "a")), WRONG, r"exp_avg of 4.bias"),
    "a complex slot": (edited("state", 5, "exp_avg", value=np.ones(3, complex)), WRONG, r"exp_avg of 4.bias"),
    "a parameter missing": (deleted("state", 5), WRONG, r"4.bias"),
    "a step missing": (deleted("state", 0, "step"), WRONG, r"step"),
    "a step of text": (edited("state", 0, "step", value="two"), WRONG, r"step"),
    "a step of None": (edited("state", 0, "step", value=None), WRONG, r"step"),
    "a negative step": (edited("state", 0, "step", value=-3), WRONG, r"step"),
    "a step that is NaN": (edited("state", 0, "step", value=np.nan), WRONG, r"step"),
    "lr": (edited("param_groups", 0, "lr", value=-1), WRONG, r"lr is -1 but must be at least 0"),
    "betas": (edited("param_groups", 0, "betas", value=0.9), WRONG, r"betas is 0.9"),
    "amsgrad": (edited("param_groups", 0, "amsgrad", value=True), WRONG, r"amsgrad|max_exp_avg_sq"),
    "no params": (deleted("param_groups", 0, "params"), WRONG, r"params"),
    "no groups": (deleted("param_groups"), WRONG, r"param_groups"),
    "no state": (deleted("state"), WRONG, r"state"),
    "nothing": (lambda w: w.optimizer.load_state_dict(None), WRONG, r"state"),
    "empty": (lambda w: w.optimizer.load_state_dict({}), WRONG, r"param_groups|state"),
    "a model's": (lambda w: w.optimizer.load_state_dict(w.model.state_dict()), WRONG, r"param_groups|state"),
}


@pytest.mark.parametrize("case", OPTIMIZER_STATES)
def test_states_of_optimizers(case, world):
    refuse(world, *OPTIMIZER_STATES[case])


def test_a_state_with_momentum_does_not_load_without_a_word():
    """An optimizer that stores no velocity cannot go on where one with momentum was."""
    model = nn.Sequential(nn.Linear(6, 3))
    with_momentum = optim.SGD(model.parameters(), momentum=0.9)
    with_momentum.step()
    without_momentum = optim.SGD(model.parameters())
    with pytest.raises(ValueError, match=r"^\[SGD.load_state_dict\] .*momentum"):
        without_momentum.load_state_dict(with_momentum.state_dict())
    assert without_momentum.param_groups[0]["momentum"] == 0


# Threads.


THREADS = {0: ValueError, -1: ValueError, 1.5: TypeError, 2.0: TypeError, "2": TypeError, None: TypeError}
THREADS |= {True: TypeError, 2**31: (TypeError, ValueError), 10**30: (TypeError, ValueError)}


@pytest.mark.parametrize("threads", THREADS, ids=repr)
def test_threads(threads):
    before = lm.get_num_threads()
    with pytest.raises(THREADS[threads], match=rf"^\[set_num_threads\] threads is {threads!r}"):
        lm.set_num_threads(threads)
    assert lm.get_num_threads() == before


# Trainings that go wrong.


@pytest.mark.parametrize("python", [False, True], ids=["native", "with a layer in Python"])
def test_a_loss_that_is_not_finite_ends_fit(python):
    class Identity:
        def forward(self, x):
            return x

        def backward(self, dy):
            return dy

    model = nn.Sequential(nn.Linear(6, 8), *([Identity()] if python else []), nn.Linear(8, 1), seed=1)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=1e8))
    x = np.random.default_rng(0).standard_normal((40, 6))
    message = r"^\[Trainer.fit\] the loss became (nan|inf) at epoch \d, batch \d.*learning rate.*1e\+08"
    with pytest.raises(lm.DivergenceError, match=message):
        trainer.fit(x, np.ones(40), epochs=50, batch_size=8)
    assert trainer.history.epochs < 50
    assert np.isfinite(trainer.history.get("loss", [])).all()
    assert model.predict(x).shape == (40, 1)  # usable, if not useful
    assert issubclass(lm.DivergenceError, ArithmeticError)


def test_step_returns_a_loss_that_is_not_finite(world):
    """It is the caller's loop: nothing is raised."""
    assert np.isnan(world.trainer.step(with_row_of(np.nan), world.y))


def test_an_exception_in_on_epoch_comes_through(world):
    def fail(epoch, record):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        world.trainer.fit(world.x, world.y, epochs=5, on_epoch=fail)
    assert world.trainer.history.epochs == 3  # two before, and the one that ended


# What would otherwise be a crash.

TOO_LARGE = """
import resource
import numpy as np
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from lamella import nn

def refused(call):
    try:
        call()
    except (MemoryError, ValueError, OverflowError, TypeError) as error:
        assert str(error) or isinstance(error, MemoryError)
        return
    raise SystemExit("not refused")

for width in (10**6, 2**31, 2**32, 2**40, 10**30):
    refused(lambda width=width: nn.Sequential(nn.Linear(width, width)).parameters())
refused(nn.Sequential(nn.Linear(10, 2**31), nn.Linear(2**31, 1)).parameters)
model = nn.Sequential(nn.Linear(1, 60000))
x = np.ones((60000, 1), np.float32)
for _ in range(2):
    refused(lambda: model(x))
assert model(x[:3]).shape == (3, 60000)  # goes on
print("alive")
"""


def test_what_does_not_fit_into_memory_is_an_error():
    """In a process of its own with 4 GiB of addresses, as what it guards against is a crash."""
    done = subprocess.run([sys.executable, "-c", TOO_LARGE], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr[-500:]
