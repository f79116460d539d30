"""The benchmarks run, each at its smallest, and say what they are to say; how fast anything is, is not tested."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lamella.bench import limits
from lamella.bench.memory import peak_growth
from lamella.bench.turns import WorkerError, measure

BENCH = Path(__file__).parent.parent / "bench"
TORCH = ",torch" if importlib.util.find_spec("torch") else ""
ONNX = ",onnxruntime" if importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime") else ""


@pytest.mark.parametrize(("command", "said"), [
    (f"step --workloads rl_policy --rounds 1 --systems lamella,numpy{TORCH}", "| rl_policy |"),
    ("roofline --workloads digits", "| sgd_update |"),
    ("gemm --rounds 1 --shapes forward_17_->_64,_batch_128", "below 0.95: "),
    ("scaling --sweeps batch,depth --systems lamella,numpy --rounds 1 --most 3e5", "## By depth"),
    ("feeding --workloads rl_policy --rounds 1", "| rl_policy | shuffled |"),
    (f"prediction --workloads digits --rounds 1 --rows 2000 --systems lamella,lamella_call{ONNX}", "| digits |"),
    ("footprint --modules lamella --rounds 1", "| lamella "),
    ("streaming --size 100000 --rounds 1", "| AdamW "),
    ("bf16 --workloads rl_policy --rounds 1 --seeds 2", "| float32 / bfloat16 |"),
], ids=["step", "roofline", "gemm", "scaling", "feeding", "prediction", "footprint", "streaming", "bf16"])  # fmt: skip
def test_script(command, said, tmp_path):
    name, *options = command.split()
    if name == "gemm" and not shutil.which(os.environ.get("CC", "cc")):
        pytest.skip("needs a C compiler")
    options = [option.replace("_", " ") if name == "gemm" else option for option in options]
    threads = ["--threads", "1"] if name != "footprint" else []
    done = subprocess.run(
        [sys.executable, BENCH / f"{name}.py", *options, *threads, "--output", "table.md"],
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=300,
        env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert said in text
    assert f"Command: `python bench/{name}.py" in text
    assert text in done.stdout


def test_a_worker_that_fails_says_why(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("raise RuntimeError('no luck')")
    with pytest.raises(WorkerError, match="ended with 1: RuntimeError: no luck"):
        measure({"broken": [str(script)]}, threads=1, rounds=1)


def test_a_worker_that_fails_in_a_block_says_why(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("print('{}', flush=True); input(); raise RuntimeError('no luck')")
    with pytest.raises(WorkerError, match="no luck"):
        measure({"broken": [str(script)]}, threads=1, rounds=1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system holds no process to some cores")
def test_workers_are_held_to_as_many_cores_as_threads(tmp_path):
    script = tmp_path / "cores.py"
    script.write_text("import json, os; print(json.dumps({'cores': len(os.sched_getaffinity(0))}))")
    before = os.sched_getaffinity(0)
    assert measure({"it": [str(script)]}, threads=1, rounds=0)["it"].about == {"cores": 1}
    assert os.sched_getaffinity(0) == before


def test_limits_are_measured_once():
    found = limits.measure(1)
    assert found.multiply_adds_per_second > 1e8
    assert found.copy_bytes_per_second > 1e8
    assert limits.measure(1) is found


def test_peak_growth_of_memory():
    array, grown = peak_growth(lambda: np.ones(10_000_000))
    if grown is not None:
        assert 0.9 * array.nbytes < grown < 2 * array.nbytes


def test_importing_lamella_loads_no_benchmark():
    script = "import sys, lamella; print([name for name in sys.modules if name.startswith('lamella.bench')])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"
