"""Features of a wrong kind, shape or value are refused, wherever they are passed."""

import numpy as np
import pytest

import lamella as lm
from bad_input.world import N, refuse, sparse, with_row_of
from lamella import nn, optim


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


def test_sparse_outputs_of_a_loss(world):
    refuse(world, lambda w: w.loss(sparse(), w.y), TypeError, r"outputs is a sparse matrix; pass outputs.toarray\(\)")


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
