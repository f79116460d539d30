"""Errors name the argument, and no file is written."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim

X, Y = np.zeros((6, 4)), np.array([0, 1, 2, 0, 1, 2])


def other_trainer():
    model = nn.Sequential(nn.Linear(4, 3))
    return lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"model": nn.Linear}, TypeError, r"\[report\] model is .*must be a Module \(an instance, not the class\)"),
    ({"history": [1, 2]}, TypeError, r"\[report\] history is \[1, 2\] but must be what fit returned"),
    ({"data": X}, TypeError, r"\[report\] data is a ndarray but must be \(x, y\)"),
    ({"data": {"train": X}}, TypeError, r"\[report\] data\['train'\] is a ndarray"),
    ({"data": {"val": (X, Y), "validation": (X, Y)}}, ValueError, "two parts called 'validation'"),
    ({"data": {"val": (X, Y + 9)}}, ValueError, r"\[report validation\].*9"),
    ({"data": (X[:, :2], Y)}, ValueError, r"\[report\] x has 2 features but the model expects 4"),
    ({"data": (X * np.nan, Y)}, ValueError, r"\[report\] x has NaN or infinite values"),
    ({"trainer": 3}, TypeError, r"\[report\] trainer is 3 but must be a Trainer"),
    ({"trainer": other_trainer()}, ValueError, "trainer is that of another model"),
    ({"loss": nn.MSELoss}, TypeError, r"\[report\] loss is .* but must be a Loss"),
    ({"loss": nn.CrossEntropyLoss(reduction="none")}, ValueError, 'reduction "none"'),
    ({"recorder": [1]}, TypeError, r"\[report\] recorder is \[1\] but must be a Recorder"),
    ({"target": -1}, ValueError, r"\[report\] target is -1 but must be at least 0"),
    ({"classes": "abc"}, TypeError, r"\[report\] classes is 'abc' but must be a sequence of names"),
    ({"image_shape": 4}, TypeError, r"\[report\] image_shape is 4 but must be \(height, width\)"),
    ({"image_shape": (2, 0)}, ValueError, r"\[report\] image_shape\[1\] is 0"),
    ({"image_shape": (2, 1, 2)}, ValueError, "1 channel or 3"),
    ({"decode": 3}, TypeError, r"\[report\] decode is 3 but must be a function"),
    ({"settings": [1]}, TypeError, r"\[report\] settings is \[1\] but must be a mapping"),
    ({"timing": 1}, TypeError, r"\[report\] timing is 1 but must be True or False"),
    ({"title": 1}, TypeError, r"\[report\] title is 1 but must be a text"),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")  # fmt: skip
def test_wrong_arguments(tmp_path, change, error, message):
    given = {"history": {}, "model": nn.Sequential(nn.Linear(4, 3)), "data": (X, Y), "path": tmp_path / "r.html"}
    with pytest.raises(error, match=message):
        lm.report(**{**given, **change})
    assert not list(tmp_path.iterdir())


def test_decode_must_keep_the_shape(tmp_path):
    model = nn.Sequential(nn.Linear(4, 2))
    with pytest.raises(ValueError, match=r"\[report\] decode gives shape \(6,\) for \(6, 2\)"):
        lm.report(
            None, model, (X, np.zeros((6, 2))), tmp_path / "r.html", decode=lambda values: values[:, 0], timing=False
        )


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        lm.report({}, nn.Sequential(nn.Linear(4, 3)), None, tmp_path / "no" / "r.html")
