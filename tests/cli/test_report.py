"""``lamella train --report``; all activations and optimizers by name."""

import html
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import lamella as lm
from cli.tool import QUICK, colours, line, write
from lamella import nn, optim
from lamella.cli.arguments import make_parser
from lamella.cli.network import ACTIVATIONS, OPTIMIZERS, learning_rate, make_model, make_optimizer

pytest.importorskip("sklearn")


def test_a_page_beside_the_model(lamella):
    write("t.csv", colours())
    code, stdout, stderr = lamella("train", "t.csv", "--target", "gut?", *QUICK, "--report")
    assert (code, stderr) == (0, "")
    assert stdout.endswith("wrote lamella-out/model.safetensors\nwrote lamella-out/report.html\n")
    page = html.unescape(Path("lamella-out/report.html").read_text(encoding="utf-8"))
    for said in (
        "<h1>t.csv: gut?</h1>",
        "Confusion matrix, test rows",
        'title="ja taken for nein',
        "lamella train t.csv",
    ):
        assert said in page
    sections = re.findall(r'<section id="(\w+)"', page)
    assert sections == ["curves", "score", "bias", "rates", "units", "hidden", "timing", "network", "repeat"]


def test_the_model_is_the_same_with_a_report_and_without(lamella):
    write("t.csv", colours())
    files = []
    for more in ((), ("--report",)):
        assert lamella("train", "t.csv", "--target", "gut?", "--epochs", 6, "--no-picture", *more)[0] == 0
        files.append(Path("lamella-out/model.safetensors").read_bytes())
    assert files[0] == files[1]


def test_the_command_on_the_page_makes_the_same_model(lamella):
    write("t.csv", colours())
    given = ("--target", "gut?", "--layers", "7", "--lr", "0.003", "--ignore", "noise", "--no-batch-norm", "--seed", 4)
    assert lamella("train", "t.csv", *given, *QUICK, "--report")[0] == 0
    page = html.unescape(Path("lamella-out/report.html").read_text(encoding="utf-8"))
    command = re.search(r'<span class="value">(lamella train .*?)</span>', page).group(1)
    assert lamella(*shlex.split(command)[1:], "--no-picture", "--output", "again")[0] == 0
    assert Path("again/model.safetensors").read_bytes() == Path("lamella-out/model.safetensors").read_bytes()


def test_numbers_are_in_their_own_units(lamella):
    write("t.csv", line())
    assert lamella("train", "t.csv", "--target", "price", "--epochs", 20, "--no-picture", "--report")[0] == 0
    page = Path("lamella-out/report.html").read_text(encoding="utf-8")
    row = re.search(r'<th scope="row">price</th>(.*?)</tr>', page).group(1)
    r2, rmse = [float(cell.replace(",", "")) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)[:2]]
    scores = lm.load_metadata("lamella-out/model.safetensors")["test_scores"]
    assert r2 == pytest.approx(scores["r2"], abs=1e-3)
    assert rmse == pytest.approx(scores["rmse"], rel=1e-3)


def test_digits_are_images(lamella):
    assert lamella("train", "digits", "--layers", "20", *QUICK, "--report")[0] == 0
    page = Path("lamella-out/report.html").read_text(encoding="utf-8")
    assert '<section id="weights"' in page
    assert "8 × 8 inputs" in page


def test_without_validation_and_test_rows(lamella):
    write("t.csv", colours())
    code = lamella("train", "t.csv", "--target", "gut?", *QUICK, "--report", "--validation", 0, "--test", 0)[0]
    assert code == 0
    assert 'id="bias"' not in Path("lamella-out/report.html").read_text(encoding="utf-8")


def test_no_report_no_page(lamella):
    write("t.csv", colours())
    assert lamella("train", "t.csv", "--target", "gut?", *QUICK)[0] == 0
    assert os.listdir("lamella-out") == ["model.safetensors"]


def test_every_activation_and_optimizer_has_its_name():
    assert set(ACTIVATIONS.values()) == {
        nn.CELU, nn.ELU, nn.GELU, nn.SELU, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid,
        nn.Mish, nn.PReLU, nn.ReLU, nn.ReLU6, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softsign, nn.Tanh,
    }  # fmt: skip
    optimizers = [getattr(optim, name) for name in optim.__all__ if isinstance(getattr(optim, name), type)]
    assert set(OPTIMIZERS.values()) == {each for each in optimizers if issubclass(each, optim.Optimizer)} - {
        optim.Optimizer
    }
    for names in (ACTIVATIONS, OPTIMIZERS):
        assert all(name == kind.__name__.lower() for name, kind in names.items())
        assert list(names) == sorted(names)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_learns(lamella, name):
    write("t.csv", colours(120))
    arguments = ["train", "t.csv", "--target", "gut?", "--optimizer", name, "--layers", "8", *QUICK]
    assert lamella(*arguments)[0] == 0
    stored = lm.load_metadata("lamella-out/model.safetensors")["options"]
    assert stored["optimizer"] == name
    assert stored["lr"] == learning_rate(name) > 0


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_activation_is_built(name):
    args = make_parser().parse_args(["train", "iris", "--activation", name, "--layers", "5,4"])
    model = make_model(args, 4, 3)
    assert [type(layer) for layer in model].count(ACTIVATIONS[name]) == 2
    assert np.isfinite(model.predict(np.ones((2, 4)))).all()


def test_rates_of_today_stay():
    assert [learning_rate(name) for name in ("adam", "sgd", "rmsprop")] == [1e-3, 1e-2, 1e-3]
    args = make_parser().parse_args(["train", "iris", "--optimizer", "sgd", "--lr", "0.5"])
    optimizer = make_optimizer(args, nn.Sequential(nn.Linear(2, 2)))
    assert (optimizer.lr, optimizer.param_groups[0]["momentum"]) == (0.5, 0.9)
