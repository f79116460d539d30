"""The experiments of docs/techniques run, at small size, and show what their pages say."""

import importlib
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

FOLDER = Path(__file__).parent.parent / "docs" / "techniques"
NAMES = ["batchnorm", "diagnosis", "imbalance", "initialisation", "optimizers", "regularisation", "search"]


@pytest.fixture
def experiment(monkeypatch):
    """``experiment(name)``: an experiment's rows at small size, by their first cell; the last table's header last."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def run(name):
        tables, figure = importlib.import_module(name).experiment(small=True)
        assert figure.axes
        import matplotlib.pyplot as plt

        plt.close("all")
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in tables.splitlines() if line]
        return {row[0]: row[1:] for row in rows if not row[0].startswith("---")}

    yield run
    for name in [*NAMES, "common"]:
        sys.modules.pop(name, None)


def mean(cell):
    return float(re.match(r"[\d.e+-]+", cell)[0])


def test_there_is_a_page_and_a_picture_of_each():
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == sorted([*NAMES, "common"])
    for name in NAMES:
        text = (FOLDER / f"{name}.md").read_text()
        assert "±" in text
        assert f"]({name}.svg)" in text
        assert f"]({name}.md)" in (FOLDER / "README.md").read_text()


def test_initialisation(experiment):
    rows = experiment("initialisation")
    for name in ("zeros, ReLU", "constant 0.02, ReLU", "normal 0.01, ReLU", "normal 1, tanh"):
        assert mean(rows[name][-1]) < 0.2  # as good as a guess
    assert mean(rows["normal 0.01, ReLU"][1]) < 1e-9
    assert mean(rows["normal 1, tanh"][2]) > 50
    for name in ("He normal, ReLU", "Glorot uniform, tanh", "orthogonal, tanh"):
        assert mean(rows[name][0]) / mean(rows[name][1]) < 3
        assert mean(rows[name][-1]) > 0.5


def test_diagnosis(experiment):
    """Each fault is told of, and the network with which nothing is wrong is left in peace."""
    rows = experiment("diagnosis")
    said = {name: cells[-1] for name, cells in rows.items()}
    assert said["nothing"] == "nothing"
    for name, kind in {
        "rate 20 times too large": "large updates",
        "rate 10,000 times too small": "small updates",
        "first weights normal 1, tanh": "saturated units",
        "first weights zero": "no gradient",
        "eight layers of sigmoids": "vanishing gradients",
        "a softmax before the loss": "probabilities for logits",
    }.items():
        assert kind in said[name]
    assert mean(rows["nothing"][0]) > 0.9
    assert rows["nothing"][-2] == rows["rate 20 times too large"][-2] == "1 of 1"
    assert rows["first weights zero"][-2] == rows["a softmax before the loss"][-2] == "0 of 1"


def test_batchnorm(experiment):
    rows = experiment("batchnorm")
    running, exact = mean(rows["1"][0]), mean(rows["1"][1])
    assert exact < 0.7 * running  # after one epoch the averages lag behind


def test_regularisation(experiment):
    rows = experiment("regularisation")
    assert len(rows) == 10
    assert mean(rows["L1 0.001"][-1]) > 2 * mean(rows["nothing"][-1])  # per cent of weights near zero


def test_optimizers(experiment):
    rows = experiment("optimizers")
    assert len(rows) == 20
    assert all(mean(row[1]) < 0.8 for name, row in rows.items() if name != "optimizer, schedule")


def test_imbalance(experiment):
    rows = experiment("imbalance")
    for how in ("class weights", "balanced sampling"):
        assert mean(rows[how][0]) > mean(rows["nothing"][0]) + 0.2  # recall of the rare class
        assert mean(rows[how][3]) < mean(rows["nothing"][3])  # at the price of accuracy


def test_search(experiment):
    rows = experiment("search")
    assert set(rows) == {"search", "lm.search", "lm.search, halving", "RandomizedSearchCV"}
    for name in ("lm.search", "lm.search, halving", "RandomizedSearchCV"):
        seconds, _, median, best, test = rows[name]
        assert mean(seconds) > 0
        assert mean(best) > 0.8
        assert mean(test) > 0.8
        assert median == "-" or mean(median) <= mean(best)
    assert mean(rows["lm.search"][1]) == 1
