"""bench/estimators.py at its smallest, and what it says; how fast anything is, is not tested."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lamella.bench.turns import Measured

BENCH = Path(__file__).parent.parent / "bench"

pytest.importorskip("sklearn")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Modules of bench, as its scripts import them."""
    monkeypatch.syspath_prepend(str(BENCH))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("estimators", "beside_sklearn", "script")]:
        del sys.modules[name]


def test_script(tmp_path):
    done = subprocess.run(
        [sys.executable, BENCH / "estimators.py", "--quick", "--data", "wine", "--seeds", "2", "--threads", "1",
         "--output", "table.md"],
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=300,
        env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert text in done.stdout
    assert "Command: `python bench/estimators.py --threads 1 --data wine --seeds 2 --quick`" in text
    for solver in ("adam", "sgd"):
        assert len(re.findall(rf"^\| wine \| {solver} \| .* ± ", text, flags=re.M)) == 2  # scores: own, equal
        times = re.findall(rf"^\| wine \| 133 \| {solver} \| .* \| (\d+) \| (\d+) \| ", text, flags=re.M)
        assert times == [("3", "3")] * 2
        assert len(re.findall(rf"^\| wine \| {solver} \| 10 \| .* \| (met|missed) \|$", text, flags=re.M)) == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("system", ["lamella", "sklearn"])
@pytest.mark.parametrize("setting", ["own", "equal"])
def test_regressions(system, setting):
    from beside_sklearn import DATA
    from estimators import learn

    found = learn(system, DATA["diabetes"].quick(), setting, "adam", 1)
    assert found["epochs"] == 3
    assert found["rows"] == 225
    assert -10 < found["score"] < 0.5


def made(score, seconds, rows=400):
    return Measured(
        {"system": "it"},
        [{"score": s, "seconds": t, "epochs": 7, "rows": rows} for s, t in zip(score, seconds, strict=True)],
    )


def test_verdicts_and_wishes():
    from beside_sklearn import DATA
    from beside_sklearn.report import Row

    ours = made([0.90, 0.92, 0.94], [1.0, 2.0, 3.0])
    for theirs, said in (
        ([0.80, 0.83, 0.83], "better"),
        ([0.91, 0.92, 0.93], "same"),
        ([0.95, 0.98, 0.99], "worse"),
        ([0.90, 0.92, 0.94], "same"),
    ):
        row = Row(DATA["wine"], "equal", "adam", ours, made(theirs, [11.0, 20.0, 24.0]))
        assert row.score_cells()[-1] == row.verdict() == said
    assert row.wanted_cells() == ["wine", "adam", "10", "10.00", "met"]
    assert row.time_cells() == ["wine", "400", "adam", "20", "2", "7", "7", "10.00 (8.00-11.00), 11.00"]
    slow = made([0.9], [10.0])
    assert Row(DATA["wine"], "equal", "sgd", made([0.9], [2.0]), slow).wanted_cells()[-2:] == ["5.00", "missed"]
    assert Row(DATA["wine"], "own", "sgd", slow, slow).wanted_cells() is None
    large = made([0.9], [10.0], rows=9000)
    assert Row(DATA["hastie"], "equal", "sgd", large, large).wanted_cells() is None


def test_tables_are_split_by_seed_and_standardised():
    from beside_sklearn import DATA

    split, again, other = (DATA["diabetes"].split(seed) for seed in (0, 0, 1))
    assert split.x.shape == (331, 10)
    assert split.test_x.shape == (111, 10)
    assert (split.x == again.x).all()
    assert (split.y != other.y).any()
    for part in (split.x, split.y):
        assert abs(part.mean(axis=0)).max() < 1e-12
        assert part.std(axis=0) == pytest.approx(1)
    assert DATA["classification"].quick().split(0).x.shape == (225, 50)
