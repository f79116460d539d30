"""The command-line tool, used as a user would."""

import csv
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lamella as lm
from lamella import nn
from lamella.cli import main
from lamella.cli.arguments import make_parser
from lamella.cli.bundled import load_bundled
from lamella.cli.columns import numbers
from lamella.cli.errors import CliError
from lamella.cli.learning import learn
from lamella.cli.network import make_model
from lamella.cli.picture import learning_curve
from lamella.cli.preparation import prepare
from lamella.cli.split import split_rows
from lamella.cli.table import Table, read_table
from lamella.cli.target import ClassTarget, NumberTarget

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"
PNG = b"\x89PNG\r\n\x1a\n"
QUICK = ("--epochs", "2", "--no-picture")


@pytest.fixture(autouse=True)
def one_thread():
    """These networks are small, and other work on the machine must not make these tests slow."""
    before = lm.get_num_threads()
    lm.set_num_threads(1)
    yield
    lm.set_num_threads(before)


def start(*arguments, cwd):
    """``lamella`` in a process of its own, as a user starts it."""
    environment = {**os.environ, "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "lamella.cli", *map(str, arguments)],
        cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


@pytest.fixture
def lamella(tmp_path, monkeypatch, capsys):
    """``lamella(*arguments)`` runs the tool in this process and in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return run


def write(name, text):
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def to_csv(header, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def colours(n=240, seed=0):
    """A table whose class follows from a number and a category; names and cells that need care."""
    rng = np.random.default_rng(seed)
    size, noise = rng.normal(5, 3, n), rng.normal(1e6, 1, n)
    colour = rng.choice(["rot, hell", 'blau "tief"', "grün"], n)
    answer = np.where((size > 5) ^ (colour == "grün"), "ja", "nein")
    rows = [[f"{a:.6f}", b, f"{c:.3f}", d] for a, b, c, d in zip(size, colour, noise, answer, strict=True)]
    return to_csv(["Größe in cm", "Farbe", "noise", "gut?"], rows)


def line(n=200, seed=1):
    """A table whose target is a sum, far from zero and from one."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 1, (2, n))
    rows = [[f"{x:.5f}", f"{y:.5f}", f"{5000 + 300 * x - 100 * y:.4f}"] for x, y in zip(a, b, strict=True)]
    return to_csv(["a", "b", "price"], rows)


def numbers_in(pattern, text):
    found = re.search(pattern, text)
    assert found, f"{pattern!r} is not in:\n{text}"
    return [float(group.replace(",", "")) for group in found.groups()]


# Digits, from the shell.


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    return start("train", "digits", cwd=folder), folder / "lamella-out"


def test_digits_reach_97_percent_and_say_so(digits):
    done, folder = digits
    assert (done.returncode, done.stderr) == (0, "")
    (accuracy,) = numbers_in(r"(?m)^test accuracy ([\d.]+)", done.stdout)
    assert accuracy >= 0.97
    stored = lm.load_metadata(folder / "model.safetensors")["test_scores"]["accuracy"]
    assert stored == pytest.approx(accuracy, abs=5e-5)


def test_digits_speed_is_rows_times_epochs_over_training_time(digits):
    stdout = digits[0].stdout
    speed, rows, epochs, seconds = numbers_in(
        r"(?m)^speed: ([\d,]+) samples per second \((\d+) rows x (\d+) epochs in ([\d.e-]+) s of training\)", stdout
    )
    assert (rows, epochs) == (1347, 60)
    assert speed == pytest.approx(rows * epochs / seconds, rel=0.01)
    assert re.search(rf"; {lm._core.isa()}, (1 thread|up to \d+ threads)$", stdout, re.MULTILINE)


def test_digits_files(digits):
    folder = digits[1]
    assert sorted(os.listdir(folder)) == ["learning-curve.png", "model.safetensors"]
    assert (folder / "learning-curve.png").read_bytes()[:8] == PNG
    assert lm.load(folder / "model.safetensors").input_width() == 64


def test_lines_where_there_is_no_terminal(digits):
    lines = [text for text in digits[0].stdout.split("\n") if text.startswith("epoch")]
    assert [int(text.split()[1].split("/")[0]) for text in lines] == [1, *range(6, 61, 6)]
    for text in lines:
        assert re.fullmatch(r"epoch +\d+/60  loss [\d.]+ val [\d.]+  accuracy [\d.]+ val [\d.]+", text)
    assert "\x1b" not in digits[0].stdout


def test_digits_over_seeds():
    accuracies = []
    data = load_bundled("digits")
    for seed in range(1, 5):
        args = make_parser().parse_args(["train", "digits", "--seed", str(seed), "--lr", "0.001"])
        parts = prepare(data, args.validation, args.test, seed)
        model = make_model(args, parts.inputs, parts.target.outputs)
        learn(args, model, parts)
        accuracies.append(parts.target.scores(model.predict(parts.test.x), parts.test.truth)["accuracy"])
    assert np.mean(accuracies) >= 0.97
    assert min(accuracies) >= 0.96  # other instruction sets round differently: a row or two more or less


def test_the_same_seed_and_data_give_the_same_bits(tmp_path):
    write(tmp_path / "t.csv", colours())
    files = []
    for folder, threads in (("a", 1), ("b", 2)):
        options = ["--target", "gut?", "--epochs", 3, "--threads", threads, "-o", folder]
        done = start("train", "t.csv", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        files.append([(tmp_path / folder / name).read_bytes() for name in ("model.safetensors", "learning-curve.png")])
    assert files[0] == files[1]


def test_another_seed_gives_another_model(lamella):
    write("t.csv", colours())
    weights = []
    for seed in (0, 1, 0):
        assert lamella("train", "t.csv", "--target", "gut?", "--seed", seed, *QUICK)[0] == 0
        weights.append(lm.load("lamella-out/model.safetensors").state_dict()["0.weight"])
    assert not np.array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[0], weights[2])


def test_ctrl_c_ends_cleanly(tmp_path):
    write(tmp_path / "t.csv", colours())
    command = [sys.executable, "-m", "lamella.cli", "train", "t.csv", "--target", "gut?", "--epochs", "100000000"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        while not process.stdout.readline().startswith("epoch"):
            assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, stderr) == (130, "lamella: interrupted\n")
    assert os.listdir(tmp_path / "lamella-out") == []


def test_output_may_be_closed_early(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "lamella.cli", "info"], stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_import_lamella_brings_neither_the_tool_nor_its_packages():
    heavy = ("lamella.cli", "argparse", "sklearn", "rich", "matplotlib")
    code = f"import sys, lamella; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Training on tables.


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


# Reading tables.


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "mark"])
def test_delimiters_and_line_ends_are_found_out(tmp_path, delimiter, ends, mark):
    lines = (
        ['"größe, in; cm"', " b ", "c"],
        ["1.5", '"x, ""y""; z|\t"', " "],
        ["", "2", '"two\nlines"'],
        ["3", "4", "é"],
    )
    text = ends.join(delimiter.join(fields) for fields in lines) + ends + ends
    path = tmp_path / "t.csv"
    path.write_bytes(mark + text.encode())
    table = read_table(str(path))
    assert table.columns == {
        "größe, in; cm": ["1.5", "", "3"], "b": ['x, "y"; z|', "2", "4"], "c": ["", "two\nlines", "é"]
    }  # fmt: skip
    assert table.lines == [2, 3, 5]
    assert read_table(str(path), delimiter) == table


def test_decimal_commas(lamella):
    write("t.csv", line().replace(",", ";").replace(".", ","))
    code, _, stderr = lamella("train", "t.csv", "--target", "price")
    assert code == 2
    assert '--decimal ","' in stderr
    code, stdout, _ = lamella("train", "t.csv", "--target", "price", "--decimal", ",", *QUICK)
    assert code == 0
    assert "2 numeric columns; regression" in stdout
    assert lamella("predict", "lamella-out/model.safetensors", "t.csv")[0] == 0  # as it was trained


GOOD = "".join(f"{i},{i % 7},{i % 2}\n" for i in range(40))


@pytest.mark.parametrize(("table", "options", "message"), [
    ("", (), "t.csv is empty; a header row and rows of data are expected"),
    ("\n \n\n", (), "t.csv is empty"),
    ("a,b,y\n", (), "t.csv has no rows below its header"),
    ("1,2,3\n" + GOOD, (), "t.csv, line 1: a header row with the columns' names is required"),
    ("a,a,y\n" + GOOD, (), 'names must differ, but these come more than once: "a"'),
    (",b,y\n" + GOOD, (), "t.csv, line 1: column 1 of 3 has no name (an index written by pandas?"),
    ("a,,y\n" + GOOD, (), "t.csv, line 1: column 2 of 3 has no name"),
    ("a,b,y\n1,2,3\n4,5\n" + GOOD, (), "t.csv, line 3: 2 fields but the header has 3 (line 1)"),
    ('a,b,y\n1,"2,3\n' + GOOD, (), "in the record that begins at line 2: unexpected end of data"),
    ('a,b,y\n1,"2"x,3\n' + GOOD, (), "in the record that begins at line 2"),
    ("a,b,y\n1,\0,3\n", (), "t.csv is not a text file (it has a zero byte)"),
    ("größe,b,y\n".encode("latin-1") + GOOD.encode(), (), "t.csv, line 1: byte 0xf6 is not UTF-8"),
    (("a,b,y\n" + GOOD).encode("utf-16"), (), "t.csv is UTF-16 text; save it as UTF-8"),
    (b"PK\x03\x04...", (), "t.csv is a spreadsheet or an archive"),
    ("y\n" + "0\n1\n" * 20, (), 'there is no column to learn from beside the target "y"'),
    ("a,b,y\n" + GOOD, ("--ignore", "a", "--ignore", "b"), "there is no column to learn from"),
    ("a,b,y\n" + GOOD, ("--target", "z"), '--target names a column "z" that t.csv does not have; it has "a", "b", "y"'),
    ("alpha,b,y\n" + GOOD, ("--ignore", "alhpa"), 'does not have; did you mean "alpha"?'),
    ("a,b,y\n" + GOOD, ("--ignore", "y"), '--ignore names the target "y"'),
    ("a,b,y\n" + GOOD, ("--ignore", "a", "--categorical", "a"), '--ignore and --categorical both name "a"'),
    ("a,b,y\n1,2,0\n3,4,1\n5,6,0\n", (), "3 usable rows are too few; at least 10 are needed"),
    ("a,b,y\n" + "1,2,yes\n" * 20, (), 'the target "y" has only one class, "yes"; there is nothing to learn'),
    ("a,b,y\n" + "1,2,0.5\n" * 20, (), 'the target "y" has only one value, "0.5"'),
    ("a,b,y\n" + "".join(f"1,2,t{i}\n" for i in range(20)), (), "20 classes in 20 rows, too many to learn"),
    ("a,b,y\n" + GOOD + "1,2,?\n", (), 'missing values in "y" (1 row: line 42)'),
    ("a,b,y\n" + "1,2,\n" * 20, (), 'the target "y" has no values'),
    ("a,b,y\n" + ",2,0\n,3,1\n" * 10, (), 'column "a" has no values at all; leave it out: --ignore a'),
    ("a,b,y\n" + GOOD + "1,abc,0\n", (), 't.csv, line 42, column "b": "abc" is not a number, but 40 of the 41 values'),
    ("a,b,y\n" + GOOD + "1,inf,0\n", (), 't.csv, line 42, column "b": "inf" is not a number'),
    ("a,b,y\n" + GOOD + "1,1_000,0\n", (), 'column "b": "1_000" is not a number'),
    ("a,b,y\n" + GOOD + "1,1e999,0\n", (), 't.csv, line 42, column "b": "1e999" is too large for a number'),
    ("a,b,y\n" + GOOD + "1,2,many\n", (), "or take all as text: --task classification"),
    ("a,b,y\n" + GOOD + "1,2,many\n", ("--task", "regression"), '"many" is not a number, as regression needs'),
    ("a,b,y\n" + "".join(f"n{i},{i},{i % 2}\n" for i in range(300)), (), 'column "a" is text with 300 different'),
    ("a,b,y\n" + "1e308,2,0\n-1e308,3,1\n" * 10, (), 'column "a" reaches from -1e+308 to 1e+308'),
    ("a,b,y\n" + GOOD, ("--batch-size", "1"), "batch normalization needs a --batch-size of at least 2"),
    ("a,b,y\n" + GOOD, ("--validation", "0.5", "--test", "0.5"), "leave no rows to train on"),
    ("a,b,y\n" + GOOD, ("--output", "t.csv"), "--output t.csv: cannot write there"),
])  # fmt: skip
def test_what_is_wrong_with_a_table_is_said_in_one_line(lamella, table, options, message):
    target = () if "--target" in options else ("--target", "y")
    code, stdout, stderr = lamella("train", write("t.csv", table), *target, *options)
    assert code == 2
    assert message in stderr
    assert stderr.startswith("lamella: ")
    assert stderr.count("\n") == 1
    assert stdout == ""
    assert not Path("lamella-out").exists()


@pytest.mark.parametrize(("arguments", "message"), [
    (("train",), "the following arguments are required: DATA"),
    (("train", "t.csv"), 'say which column to predict: --target COLUMN; t.csv has "a", "b", "y"'),
    (("train", "no.csv", "--target", "y"), "no.csv cannot be read: No such file"),
    (("train", "digit"), "no bundled data set of this name: digits, "),
    (("train", "digits", "--target", "x"), "--target is not for"),
    (("train", "digits", "--layers", "64,x"), "'64,x' is not a list of widths such as 128,64 (or none)"),
    (("train", "digits", "--layers", "0"), "'0' is not a list of widths"),
    (("train", "digits", "--activation", "gelu"), "invalid choice: 'gelu'"),
    (("train", "digits", "--dropout", "1"), "'1' is not a number in [0, 1)"),
    (("train", "digits", "--lr", "nan"), "'nan' is not a number above 0"),
    (("train", "digits", "--epochs", "0"), "'0' is not a whole number of at least 1"),
    (("train", "digits", "--seed", "-1"), "'-1' is not a whole number in [0, 18446744073709551615]"),
    (("train", "t.csv", "--delimiter", "ab"), "'ab' is not one character"),
    (("fit",), "invalid choice: 'fit'"),
    (("predict", "t.csv"), "the following arguments are required: TABLE"),
    (("predict", "no", "t.csv"), "there is no file no"),
    (("predict", "t.csv", "t.csv"), "t.csv is damaged or no safetensors file"),
    (("info", "t.csv"), "t.csv is damaged or no safetensors file"),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")  # fmt: skip
def test_wrong_arguments_are_said_in_one_line(lamella, arguments, message):
    write("t.csv", "a,b,y\n" + GOOD)
    code, stdout, stderr = lamella(*arguments)
    assert (code, stdout) == (2, "")
    assert message in stderr
    assert stderr.count("\n") == 1


def test_errors_from_the_shell_show_no_traceback(tmp_path):
    write(tmp_path / "t.csv", "a,b,y\n" + GOOD + "1,abc,0\n")
    done = start("train", "t.csv", "--target", "y", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert 'line 42, column "b": "abc" is not a number' in done.stderr


# Missing values.

GAPS = "a,c,y\n" + "".join(
    f"{'' if i % 10 == 3 else i},{'NA' if i == 5 else 'uv'[i % 2]},{'' if i == 8 else 'pq'[i % 2]}\n" for i in range(60)
)


def test_missing_values_are_reported(lamella):
    code, _, stderr = lamella("train", write("t.csv", GAPS), "--target", "y")
    assert code == 2
    for part in ('"y" (1 row: line 10)', '"a" (6 rows: lines 5, 15, 25, ...)', '"c" (1 row: line 7)', "--missing drop"):
        assert part in stderr


@pytest.mark.parametrize(("policy", "rows", "done"), [
    ("drop", 52, "left out 8 rows"), ("mean", 59, "left out 1 row, filled in the rest")
])  # fmt: skip
def test_missing_values_dropped_or_filled(lamella, policy, rows, done):
    code, stdout, _ = lamella("train", write("t.csv", GAPS), "--target", "y", "--missing", policy, *QUICK)
    assert code == 0
    assert f"t.csv: {rows} rows" in stdout
    assert done in stdout
    assert sum(lm.load_metadata("lamella-out/model.safetensors")["rows"].values()) == rows


def test_a_filled_value_counts_as_the_mean(lamella):
    write("t.csv", GAPS)
    assert lamella("train", "t.csv", "--target", "y", "--missing", "mean", *QUICK)[0] == 0
    mean = lm.load_metadata("lamella-out/model.safetensors")["features"][0]["mean"]
    write("p.csv", f"a,c\n,u\n{mean!r},u\n7,u\n")
    code, stdout, stderr = lamella("predict", "lamella-out/model.safetensors", "p.csv")
    first, second, third = stdout.split("\n")[1:4]
    assert code == 0
    assert first == second != third
    assert 'missing values in "a" (1 row: line 2): filled in' in stderr


def test_predict_refuses_missing_values_unless_told(lamella):
    assert lamella("train", write("t.csv", colours()), "--target", "gut?", *QUICK)[0] == 0
    write("p.csv", "Größe in cm,Farbe,noise\n5,grün,\n")
    code, stdout, stderr = lamella("predict", "lamella-out/model.safetensors", "p.csv")
    assert (code, stdout) == (2, "")
    assert 'missing values in "noise" (1 row: line 2)' in stderr
    assert lamella("predict", "lamella-out/model.safetensors", "p.csv", "--missing", "mean")[0] == 0


# Prediction.


def test_predicted_classes_are_the_models(lamella):
    write("t.csv", colours())
    assert lamella("train", "t.csv", "--target", "gut?", "--epochs", 8, "--no-picture")[0] == 0
    code, stdout, stderr = lamella("predict", "lamella-out/model.safetensors", "t.csv")
    assert code == 0

    metadata = lm.load_metadata("lamella-out/model.safetensors")
    columns = read_table("t.csv").columns
    encoded = []
    for feature in metadata["features"]:
        cells = columns[feature["name"]]
        if feature["kind"] == "numeric":
            encoded.append((np.array(cells, float) - feature["mean"]) / feature["scale"])
        else:
            encoded.extend(np.array(cells) == category for category in feature["categories"])
    logits = lm.load("lamella-out/model.safetensors").predict(np.stack(encoded, axis=1).astype(np.float32))
    rows = list(csv.reader(io.StringIO(stdout)))
    assert rows[0] == ["prediction", "probability_ja", "probability_nein"]
    classes = np.array(metadata["target"]["classes"])
    np.testing.assert_array_equal([row[0] for row in rows[1:]], classes[logits.argmax(axis=1)])
    np.testing.assert_array_equal(
        np.array([row[1:] for row in rows[1:]]).astype(np.float32), nn.CrossEntropyLoss().probabilities(logits)
    )
    accuracy = np.mean(classes[logits.argmax(axis=1)] == np.array(columns["gut?"]))
    assert numbers_in(r'^240 rows with "gut\?": accuracy ([\d.]+)', stderr) == [pytest.approx(accuracy, abs=5e-5)]


def test_predicted_numbers_are_the_models(lamella):
    write("t.csv", line())
    assert lamella("train", "t.csv", "--target", "price", "--epochs", 8, "--no-picture")[0] == 0
    code, stdout, stderr = lamella("predict", "lamella-out/model.safetensors", "t.csv", "-o", "p.csv")
    assert (code, stdout) == (0, "")

    metadata = lm.load_metadata("lamella-out/model.safetensors")
    columns = {name: np.array(cells, float) for name, cells in read_table("t.csv").columns.items()}
    x = np.stack([(columns[f["name"]] - f["mean"]) / f["scale"] for f in metadata["features"]], axis=1)
    outputs = lm.load("lamella-out/model.safetensors").predict(x.astype(np.float32))[:, 0].astype(float)
    expected = outputs * metadata["target"]["scale"] + metadata["target"]["mean"]
    predicted = np.array(read_table("p.csv").columns["prediction"], float)
    np.testing.assert_array_equal(predicted, expected)
    errors = predicted - columns["price"]
    r2 = 1 - (errors**2).sum() / ((columns["price"] - columns["price"].mean()) ** 2).sum()
    rmse = np.sqrt((errors**2).mean())
    assert numbers_in(r"R² (-?[\d.]+), RMSE ([\d.]+)", stderr) == [
        pytest.approx(r2, abs=5e-5), pytest.approx(rmse, rel=1e-5)
    ]  # fmt: skip


@pytest.fixture
def model(lamella):
    assert lamella("train", write("t.csv", colours()), "--target", "gut?", *QUICK)[0] == 0
    return "lamella-out/model.safetensors"


def test_columns_may_be_more_and_in_another_order(lamella, model):
    write("p.csv", 'noise;extra;Farbe;Größe in cm\n"1000000";"";grün;4.5\n')
    write("q.csv", "Größe in cm,Farbe,noise\n4.50,grün,1e6\n")
    first, second = lamella("predict", model, "p.csv"), lamella("predict", model, "q.csv")
    assert first == second
    assert first[0] == 0
    assert first[2] == ""


def test_a_category_not_seen_in_training_is_none_of_the_known_ones(lamella, model):
    write("p.csv", "Größe in cm,Farbe,noise\n5,lila,1e6\n5,grün,1e6\n5,gold,1e6\n")
    code, stdout, stderr = lamella("predict", model, "p.csv")
    assert code == 0
    rows = stdout.split("\n")[1:4]
    assert rows[0] == rows[2] != rows[1]
    assert 'column "Farbe": 2 rows have a category not seen in training ("gold", "lila")' in stderr


def test_predict_checks_columns_and_cells(lamella, model):
    write("p.csv", "Größe in cm,x\n1,2\n")
    code, _, stderr = lamella("predict", model, "p.csv")
    assert (code, stderr) == (2, 'lamella: p.csv lacks columns that the model needs: "Farbe", "noise"\n')
    write("p.csv", "Größe in cm,Farbe,noise\n1,grün,2\nabc,grün,2\n")
    code, _, stderr = lamella("predict", model, "p.csv")
    assert (code, stderr) == (2, 'lamella: p.csv, line 3, column "Größe in cm": "abc" is not a number\n')


def test_a_score_needs_known_classes(lamella, model):
    write("p.csv", "Größe in cm,Farbe,noise,gut?\n5,grün,1e6,vielleicht\n5,grün,1e6,\n")
    code, _, stderr = lamella("predict", model, "p.csv")
    assert code == 0
    assert '1 row with "gut?": accuracy 0.0000' in stderr
    assert 'classes not seen in training, which count as wrong: "vielleicht"' in stderr


def test_predict_does_not_overwrite_what_it_reads(lamella, model):
    before = Path("t.csv").read_bytes(), Path(model).read_bytes()
    assert lamella("predict", model, "t.csv", "-o", "t.csv")[::2] == (
        2,
        "lamella: --output t.csv is the table itself\n",
    )
    assert lamella("predict", model, "t.csv", "-o", model)[0] == 2
    assert lamella("predict", model, "t.csv", "-o", "no/p.csv")[0] == 2
    assert before == (Path("t.csv").read_bytes(), Path(model).read_bytes())


def test_predict_from_the_shell(tmp_path):
    write(tmp_path / "t.csv", line())
    assert start("train", "t.csv", "--target", "price", *QUICK, cwd=tmp_path).returncode == 0
    done = start("predict", "lamella-out/model.safetensors", "t.csv", cwd=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.split()) == 201
    assert done.stderr.startswith('200 rows with "price": R² ')


def test_other_model_files_are_refused(lamella):
    lm.save(nn.Sequential(nn.Linear(2, 1)), "other.safetensors", metadata={"made by": "hand"})
    write("t.csv", "a,b\n1,2\n")
    code, _, stderr = lamella("predict", "other.safetensors", "t.csv")
    assert code == 2
    assert "it was not written by lamella train" in stderr
    code, stdout, _ = lamella("info", "other.safetensors")
    assert code == 0
    assert '"made by": "hand"' in stdout


# Information.


def test_info_shows_the_installation(lamella):
    assert lamella("info") == (0, lm.show_config() + "\n", "")


def test_info_shows_a_model(lamella, model):
    code, stdout, stderr = lamella("info", model)
    assert (code, stderr) == (0, "")
    assert lm.load(model).summary() in stdout
    for part in (
        '"gut?", classification, 2 classes: "ja", "nein"',
        "180 training, 24 validation, 36 test",
        '"Farbe"        3 categories: "blau \\"tief\\"", "grün", "rot, hell"',
        '"noise"        number, mean 1e+06',
        "optimizer adam, lr 0.001",
    ):
        assert part in stdout


def test_without_a_command_there_is_help(lamella):
    code, stdout, stderr = lamella()
    assert (code, stdout) == (2, "")
    assert "train a network on a table" in stderr
    with pytest.raises(SystemExit) as ended:
        lamella("--version")
    assert ended.value.code == 0


def test_every_option_is_in_the_documentation():
    text = PAGE.read_text(encoding="utf-8")
    commands = next(action for action in make_parser()._actions if action.dest not in ("help", "version"))
    options = {name for command in commands.choices.values() for action in command._actions
               for name in action.option_strings} - {"-h", "--help"}  # fmt: skip
    assert len(options) > 20
    assert [name for name in sorted(options) if f"`{name}" not in text] == []


def test_the_documentation_shows_what_the_tool_does(lamella):
    def shape(text):
        text = re.sub(r"; \w+, (1 thread|up to \d+ threads)$", "; ISA", text)
        return re.sub(r"-?\d[\d,.]*(e[-+]\d+)?", "#", text)

    text = PAGE.read_text(encoding="utf-8")
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], {})
    examples = re.findall(r"\$ lamella (.*)\n((?:[^$`].*\n)*)", text)
    assert len(examples) == 4
    for command, shown in examples:
        code, stdout, stderr = lamella(*command.split())
        assert code == 0, stderr
        said = [shape(line) for line in (stdout + stderr).split("\n")]
        shown = [shape(line) for line in shown.splitlines() if not line.startswith("kept the")]
        assert [line for line in shown if line not in said] == []


# Parts.


@pytest.mark.parametrize("others", [["3"] * 3, ["3", "", "N/A"]], ids=["plain", "gaps"])
@pytest.mark.parametrize(("text", "number"), [
    ("1", 1), ("+1.5", 1.5), ("-.5", -0.5), ("5.", 5), ("1e5", 1e5), ("1E-5", 1e-5), ("007", 7),
    ("1_0", None), ("inf", None), ("0x1", None), ("--1", None), ("1e", None), (".", None), ("1,5", None), ("٣", None),
    ("1 2", None), ("1e999", None),
])  # fmt: skip
def test_what_a_number_is(text, number, others):
    lines = [2, 3, 4, 5]
    table = Table("t.csv", {"a": [*others, text]}, lines)
    if number is None:
        with pytest.raises(CliError, match=r'^t\.csv, line 5, column "a": "') as caught:
            numbers(table, "a")
        assert f'"{text}" is ' in str(caught.value)
        return
    assert numbers(table, "a").values[3] == number
    assert numbers(Table("t.csv", {"a": [*others, text.replace(".", ",")]}, lines), "a", ",").values[3] == number
    if "." in text:
        with pytest.raises(CliError, match="is not a number"):
            numbers(table, "a", ",")


@pytest.mark.parametrize("seed", range(5))
def test_split_is_stratified(seed):
    labels = np.repeat([0, 1, 2, 3], [600, 300, 90, 10])
    split = split_rows(1000, 0.1, 0.2, seed, np.random.default_rng(seed).permutation(labels))
    parts = (split.training, split.validation, split.test)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1000))
    assert [len(part) for part in parts] == [700, 100, 200]
    shuffled = np.random.default_rng(seed).permutation(labels)
    for part, share in zip(parts, (0.7, 0.1, 0.2), strict=True):
        counts = np.bincount(shuffled[part], minlength=4)
        assert np.abs(counts - share * np.array([600, 300, 90, 10])).max() <= 2


def test_split_differs_by_seed_and_keeps_each_class_in_training():
    labels = np.array([0] * 20 + [1] * 20 + [2])
    splits = [split_rows(41, 0.2, 0.2, seed, labels) for seed in range(20)]
    assert all(40 in split.training for split in splits)
    assert len({tuple(split.test) for split in splits}) > 10
    np.testing.assert_array_equal(splits[3].test, split_rows(41, 0.2, 0.2, 3, labels).test)


@pytest.mark.parametrize(
    ("target", "validation"), [(ClassTarget("y", ("a", "b")), True), (NumberTarget("y", 10.0, 2.0), False)]
)
def test_learning_curve_is_a_picture_of_the_history(target, validation):
    keys = ["loss", target.score_key] + (["val_loss", f"val_{target.score_key}"] if validation else [])
    history = {key: [0.9, 0.5, 0.4] for key in keys}
    picture = learning_curve(history, target, 1)
    assert picture[:8] == PNG
    assert picture != learning_curve({**history, "loss": [0.9, 0.5, 0.3]}, target, 1)
