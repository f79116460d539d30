"""bench/population.py at its smallest, and what it asserts and says; how fast anything is, is not tested."""

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lamella.bench.turns import Measured, measure

BENCH = Path(__file__).parent.parent / "bench"
INSTALLED = {name for name in ("jax", "torch") if importlib.util.find_spec(name)}


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Modules of bench, as its scripts import them."""
    monkeypatch.syspath_prepend(str(BENCH))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("population", "populations", "script")]:
        del sys.modules[name]


def test_script(tmp_path):
    pytest.importorskip("matplotlib")
    systems = ["lamella", "fit", "step", *["jax_scan"] * ("jax" in INSTALLED), *["torch"] * ("torch" in INSTALLED)]
    done = subprocess.run(
        [sys.executable, BENCH / "population.py", "--networks", "rl_policy", "--models", "3", "--rows", "200",
         "--rounds", "1", "--threads", "1", "--systems", ",".join(systems), "--output", "table.md"],
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=300,
        env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert text in done.stdout
    assert "Command: `python bench/population.py --threads 1" in text
    assert len(re.findall(r"^\| 3 \|", text, flags=re.M)) == 1
    assert len(re.findall(r"^\| rl_policy \| 3 \|", text, flags=re.M)) == 2  # memory, and time before
    assert "](table.svg)" in text
    picture = (tmp_path / "table.svg").read_text(encoding="utf-8")
    assert picture.count('<g id="axes_') == 1


@pytest.mark.parametrize("network", ["digits", "rl_policy"])
@pytest.mark.parametrize("system", ["lamella", "fit", "step", "stacked", "torch"])
def test_systems_come_to_the_losses_of_float64(system, network):
    from population import check
    from populations import SYSTEMS
    from populations.networks import NETWORKS, Task

    known = SYSTEMS[system]
    pytest.importorskip(known.package)
    task = Task(NETWORKS[network], models=3, rows=130, threads=1)
    module = known.load()
    check(module.make(task.made_checkable(), system))
    losses = module.make(task, system).epochs(1, True)  # and run as they are timed
    assert losses.shape == ((3,) if system not in ("fit", "step") else (1,))
    assert np.isfinite(losses).all()


@pytest.mark.skipif("jax" not in INSTALLED, reason="needs JAX")
def test_jax_comes_to_the_losses_of_float64():  # in a process of its own, as threads of JAX's would mind later forks
    work = [str(BENCH / "population.py"), "work", "jax_step", "digits", "3", "130"]
    assert measure({"jax_step": work}, threads=1, rounds=0)["jax_step"].about["system"].startswith("JAX")


def test_wrong_losses_are_refused():
    from population import check
    from populations import Trained
    from populations.networks import NETWORKS, Task

    task = Task(NETWORKS["digits"], models=3, rows=70, threads=1).made_checkable()
    right = np.array([task.expected(number, 2) for number in range(3)])
    check(Trained("it", task, lambda count, shuffle: right))
    for number in (0, 1, 2):
        wrong = np.where(np.arange(3) == number, 1.001 * right, right)
        with pytest.raises(SystemExit, match=f"it: the loss of model {number} of 3 .digits. is .* but should be"):
            check(Trained("it", task, lambda count, shuffle, wrong=wrong: wrong))
    with pytest.raises(SystemExit, match="is nan"):
        check(Trained("it", task, lambda count, shuffle: np.full(3, np.nan)))


def test_tasks():
    from populations.networks import NETWORKS, Task

    task = Task(NETWORKS["digits"], models=1024, rows=1437, threads=1)
    assert task.steps == 44
    assert task.shortened().steps == 11
    assert replace(task, models=10**6).shortened().steps == 8
    assert replace(task, models=2).shortened().steps == 44
    order = task.order(0, True)
    assert order.shape == (44, 32)
    assert len(np.unique(order)) == order.size
    assert (task.order(1, True) != order).any()
    weights = [next(task.member(number).weights())[0] for number in (0, 1, 0)]
    assert (weights[0] == weights[2]).all()
    assert (weights[0] != weights[1]).any()
    assert task.network.kept_bytes == 16 * (64 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10)
    with pytest.raises(SystemExit, match="31 rows are less than a batch of digits: 32"):
        replace(task, rows=31)


def test_what_is_wanted():
    from populations.networks import NETWORKS
    from populations.report import Row

    times = {"lamella": [1.0, 2.0], "fit": [0.95, 1.9], "jax_scan": [6.0, 12.0], "jax_step": [4.0, 12.0]}
    measured = {name: Measured({}, [{"seconds": each} for each in own]) for name, own in times.items()}
    found = {models: Row(NETWORKS["digits"], models, measured).wanted_cells() for models in (4, 16, 64, 1024)}
    assert found[4] == []
    jax = ["digits", "16", "jax_scan or jax_step", "3.5", "5.00", "met"]
    assert found[16] == [jax, ["digits", "16", "fit", "0.9", "0.95", "met"]]
    assert found[64][0][3:] == ["5.0", "5.00", "met"]
    assert found[1024][0][3:] == ["9.0", "5.00", "missed"]
