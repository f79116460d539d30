"""``lamella train`` on tables: tasks, options, what is stored, and what it shows."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import lamella as lm
from cli.tool import PNG, QUICK, colours, line, numbers_in, to_csv, write
from lamella import nn
from lamella.cli.arguments import make_parser
from lamella.cli.bundled import load_bundled
from lamella.cli.learning import learn
from lamella.cli.network import make_model
from lamella.cli.preparation import prepare
from lamella.cli.table import read_table
from lamella.data.splitting import split_rows

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


def test_classes_from_a_table(lamella):
    code, stdout, stderr = lamella("train", write("t.csv", colours()), "--target", "gut?")
    assert (code, stderr) == (0, "")
    assert "240 rows, 2 numeric columns and 1 categorical column (3 categories)" in stdout
    assert 'classification of "gut?", 2 classes' in stdout
    accuracy, commonest = numbers_in(r"test accuracy ([\d.]+) \(always the commonest class: ([\d.]+)\)", stdout)
    assert accuracy >= 0.85
    assert commonest < 0.7


def test_numbers_from_a_table(lamella):
    code, stdout, stderr = lamella("train", write("t.csv", line()), "--target", "price", "--dropout", 0)
    assert (code, stderr) == (0, "")
    assert 'regression of "price", mean ' in stdout
    r2, rmse = numbers_in(r"test R² ([\d.]+), RMSE ([\d.]+)", stdout)
    assert r2 > 0.95
    deviation = lm.load_metadata("lamella-out/model.safetensors")["target"]["scale"]
    assert 250 < deviation < 400
    assert rmse < deviation * 0.25


@pytest.mark.parametrize("options", [
    ("--activation", "tanh", "--optimizer", "rmsprop"),
    ("--activation", "sigmoid", "--lr", "0.01"),
    ("--optimizer", "sgd", "--no-batch-norm", "--dropout", "0"),
    ("--layers", "none", "--lr", "0.05", "--keep", "last"),
    ("--layers", "64", "--batch-size", "7", "--validation", "0"),
], ids=" ".join)  # fmt: skip
def test_options_of_network_and_training(lamella, options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    table = to_csv("abcy", [[*row, "pq"[int(row[0] + row[1] > 0)]] for row in x.tolist()])
    code, stdout, _ = lamella("train", write("t.csv", table), "--target", "y", "--epochs", 30, "--no-picture", *options)
    assert code == 0
    assert numbers_in(r"test accuracy ([\d.]+)", stdout)[0] >= 0.85
    stored = lm.load_metadata("lamella-out/model.safetensors")["options"]
    for option, value in zip(options[::2], options[1::2], strict=False):
        name = option.removeprefix("--").replace("-", "_")
        if name in stored and name != "layers":
            assert str(stored[name]) == value or stored[name] == float(value)


def test_the_network_is_the_one_asked_for(lamella):
    write("t.csv", colours())
    layers = ("--layers", "5,4", "--activation", "tanh", "--dropout", "0.25")
    assert lamella("train", "t.csv", "--target", "gut?", *layers, *QUICK)[0] == 0
    kinds = [type(layer).__name__ for layer in lm.load("lamella-out/model.safetensors")]
    assert kinds == ["Linear", "BatchNorm1d", "Tanh", "Dropout"] * 2 + ["Linear"]
    assert lamella("train", "t.csv", "--target", "gut?", *layers[:4], "--dropout", 0, "--no-batch-norm", *QUICK)[0] == 0
    model = lm.load("lamella-out/model.safetensors")
    assert [layer.output_width(None) for layer in model if isinstance(layer, nn.Linear)] == [5, 4, 2]
    assert len(model) == 5


def test_the_best_epoch_is_kept():
    args = make_parser().parse_args(["train", "iris", "--lr", "0.01", "--epochs", "25"])
    parts = prepare(load_bundled("iris"), args.validation, args.test, args.seed)
    model = make_model(args, parts.inputs, parts.target.outputs)
    learned = learn(args, model, parts)
    pairs = list(zip(learned.history["val_accuracy"], -np.array(learned.history["val_loss"]), strict=True))
    assert learned.kept == pairs.index(max(pairs)) < 24  # not the last, or this would show nothing
    outputs = model.predict(parts.validation.x)
    assert nn.CrossEntropyLoss()(outputs, parts.validation.y) == learned.history["val_loss"][learned.kept]


def test_standardisation_is_by_the_training_rows(lamella):
    assert lamella("train", write("t.csv", line()), "--target", "price", "--seed", 3, *QUICK)[0] == 0
    metadata = lm.load_metadata("lamella-out/model.safetensors")
    table = read_table("t.csv")
    rows = split_rows(200, 0.1, 0.15, 3).training
    assert metadata["rows"] == {"training": 150, "validation": 20, "test": 30}
    for entry in [*metadata["features"], metadata["target"]]:
        values = np.array(table.columns[entry["name"]], float)[rows]
        assert entry["mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert entry["scale"] == pytest.approx(values.std(), rel=1e-12)


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "iris", "diabetes"])
def test_bundled_sets(lamella, name):
    code, stdout, stderr = lamella("train", name, "--no-picture")
    assert (code, stderr) == (0, "")
    if name == "diabetes":
        assert numbers_in(r"test R² (-?[\d.]+)", stdout)[0] > 0.2
    else:
        assert numbers_in(r"test accuracy ([\d.]+)", stdout)[0] > 0.85


def test_task_of_whole_numbers(lamella):
    write("t.csv", to_csv("ay", [[i % 13, i % 4] for i in range(120)]))
    told = lamella("train", "t.csv", "--target", "y", *QUICK)[1]
    assert "the target has 4 different whole numbers: taken as classes (else: --task regression)" in told
    assert "classification of" in told
    assert "regression of" in lamella("train", "t.csv", "--target", "y", "--task", "regression", *QUICK)[1]
    write("many.csv", to_csv("ay", [[i % 13, i] for i in range(120)]))
    assert "regression of" in lamella("train", "many.csv", "--target", "y", *QUICK)[1]


@pytest.mark.parametrize("column", [["0.1"] * 60, ["7"] * 60, ["same"] * 60, ["0.1", "0.1000"] * 30])
def test_a_constant_column_divides_by_nothing(lamella, column):
    rows = [[constant, i, i % 2] for i, constant in enumerate(column)]
    code, stdout, stderr = lamella("train", write("t.csv", to_csv("cay", rows)), "--target", "y", *QUICK)
    assert (code, stderr) == (0, "")
    assert "(1 constant)" in stdout
    feature = lm.load_metadata("lamella-out/model.safetensors")["features"][0]
    assert feature.get("scale", 1.0) == 1.0
    assert all(np.isfinite(values).all() for values in lm.load("lamella-out/model.safetensors").state_dict().values())


def test_numbers_of_any_size_are_standardised(lamella):
    rows = [[10**40 + i * 10**38, 1e-320 * i, 1e200 * i, i % 2] for i in range(80)]
    code, _, stderr = lamella(
        "train", write("t.csv", to_csv(["huge", "tiny", "wide", "y"], rows)), "--target", "y", *QUICK
    )
    assert (code, stderr) == (0, "")
    for feature in lm.load_metadata("lamella-out/model.safetensors")["features"]:
        assert np.isfinite(feature["mean"])
        assert 0 < feature["scale"] < np.inf


def test_files_are_replaced_and_nothing_else_is_left(lamella):
    write("t.csv", colours())
    Path("out").mkdir()
    for name in ("model.safetensors", "learning-curve.png"):
        write(f"out/{name}", "old")
    assert lamella("train", "t.csv", "--target", "gut?", "--epochs", 2, "--output", "out")[0] == 0
    assert sorted(os.listdir("out")) == ["learning-curve.png", "model.safetensors"]
    assert Path("out/learning-curve.png").read_bytes()[:8] == PNG
    assert lm.load("out/model.safetensors").input_width() == 5
    assert Path("out/learning-curve.png").stat().st_mode == Path("t.csv").stat().st_mode


def test_a_bar_in_a_terminal(lamella, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    _, stdout, _ = lamella("train", write("t.csv", colours()), "--target", "gut?", "--epochs", 4, "--no-picture")
    assert "━" in stdout
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", stdout)
    assert re.search(r"4/4 ━+ 0:00:00 loss [\d.]+ val [\d.]+  accuracy [\d.]+ val [\d.]+", plain)
    assert "\nepoch" not in plain


@pytest.mark.parametrize(("package", "arguments"), [
    ("sklearn", ["train", "digits"]),
    ("matplotlib.figure", ["train", "t.csv", "--target", "gut?"]),
])  # fmt: skip
def test_a_missing_extra_is_named(lamella, monkeypatch, package, arguments):
    write("t.csv", colours())
    monkeypatch.setitem(sys.modules, package, None)
    code, _, stderr = lamella(*arguments)
    assert code == 2
    assert 'pip install "lamella[train]"' in stderr
    assert not Path("lamella-out").exists()


def test_without_rich_there_are_lines(lamella, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    code, stdout, _ = lamella("train", write("t.csv", colours()), "--target", "gut?", *QUICK)
    assert code == 0
    assert "epoch 2/2  loss " in stdout


def test_divergence_is_an_error_of_its_own(lamella):
    write("t.csv", line())
    code, _, stderr = lamella("train", "t.csv", "--target", "price", "--lr", "1e30", "--optimizer", "sgd",
                              "--no-batch-norm", "--epochs", "5")  # fmt: skip
    assert (code, stderr) == (1, "lamella: the training diverged: try a lower --lr than 1e+30\n")
