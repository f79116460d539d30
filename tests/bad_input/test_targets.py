"""Targets of a wrong kind, shape or value are refused, wherever they are passed."""

import re

import numpy as np
import pytest

import lamella as lm
from bad_input.world import N, refuse, sparse
from lamella import nn, optim


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
    "one hot": (lambda: np.eye(3, dtype=int)[np.zeros(N, int)], ValueError, r"y has shape \(20, 3\) but .*argmax"),
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
    with pytest.raises(ValueError, match=r"^\[BCEWithLogitsLoss\] y has .* in row 5 but must be in \[0, 1\]"):
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
