"""``lamella bench``."""

import re
import sys
from pathlib import Path

import pytest

from cli.tool import PNG
from lamella.bench import systems
from lamella.cli.figures import print_figures

SMALL = ("bench", "--workloads", "rl_policy", "--rounds", 1, "--threads", 1)


def test_table_and_picture(lamella):
    pytest.importorskip("matplotlib")
    code, stdout, stderr = lamella(*SMALL, "--systems", "lamella,numpy", "--output", "table.md")
    assert (code, stderr) == (0, "")
    assert re.search(r"1 thread, 1 round: lamella, numpy\n1/1 rl_policy: \d+ µs a step of lamella\n", stdout)
    assert re.search(r"\nworkload +lamella µs +GFLOP/s +threads +efficiency +numpy\nrl_policy +\d", stdout)
    assert "\nnumpy: time of a step over lamella's; more than 1: lamella is faster\n" in stdout
    assert re.search(r"\nefficiency: .*\(1 thread: \d+ GFLOP/s, [\d.]+ GB/s\)\n", stdout)
    assert stdout.endswith("wrote table.md\nwrote bench.png\n")
    assert Path("bench.png").read_bytes()[:8] == PNG
    text = Path("table.md").read_text(encoding="utf-8")
    assert "| workload | lamella µs | GFLOP/s | threads | efficiency | numpy / lamella |" in text
    assert "`lamella bench --workloads rl_policy --systems lamella,numpy --threads 1 --rounds 1`" in text


def test_a_table_in_a_terminal(monkeypatch, capsys):
    pytest.importorskip("rich")
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    names = ["workload", "lamella µs", "GFLOP/s", "threads", "efficiency", "torch", "compile", "jax", "numpy"]
    cells = ["tabular_bn", "278271", "292.2", "2", "0.29", "11.90", "14.25", "10.89", "11.62"]
    print_figures(names, [cells])
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", capsys.readouterr().out)
    assert plain.splitlines()[-2].split() == cells


def test_vector_picture(lamella):
    pytest.importorskip("matplotlib")
    code, stdout, _ = lamella(*SMALL, "--systems", "numpy", "--picture", "bars.svg")
    assert code == 0
    assert stdout.endswith("wrote bars.svg\n")
    assert "<svg" in Path("bars.svg").read_text(encoding="utf-8")


def test_without_matplotlib_there_is_the_table(lamella, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, stdout, stderr = lamella(*SMALL, "--systems", "numpy")
    assert (code, stderr) == (0, "")
    assert "efficiency  numpy\n" in stdout
    assert 'no picture: it needs matplotlib, which is not installed: pip install "lamella[train]"' in stdout
    assert not Path("bench.png").exists()


def test_peers_that_are_not_installed_are_left_out(lamella, monkeypatch):
    peers = {"torch": systems.System("PyTorch", "no_torch"), "compile": systems.System("compile", "no_torch")}
    kept = {name: systems.SYSTEMS[name] for name in ("lamella", "numpy")}
    monkeypatch.setattr(systems, "SYSTEMS", {**kept, **peers})
    code, stdout, _ = lamella(*SMALL, "--no-picture")
    assert code == 0
    assert "no_torch is not installed: torch and compile left out" in stdout
    assert "1 round: lamella, numpy\n" in stdout
    assert "wrote" not in stdout


def test_a_peer_that_was_asked_for_must_be_there(lamella, monkeypatch):
    monkeypatch.setattr(systems, "SYSTEMS", {**systems.SYSTEMS, "jax": systems.System("JAX", "no_jax")})
    message = "--systems names jax, which needs no_jax, which is not installed: pip install no_jax"
    assert lamella(*SMALL, "--systems", "jax") == (2, "", f"lamella: {message}\n")


def test_a_system_that_fails_is_named(lamella, monkeypatch):
    monkeypatch.setattr(
        "lamella.bench.step_worker.command", lambda system, workload: ["-c", "raise OSError('no luck')"]
    )
    code, _, stderr = lamella(*SMALL, "--systems", "numpy")
    assert code == 2
    assert "OSError: no luck (--systems leaves out what does not run here)" in stderr
    assert stderr.count("\n") == 1


@pytest.mark.parametrize(("options", "message"), [
    (("--workloads", "mnits"), "--workloads: 'mnits' is not a list, with commas, of workloads: rl_policy, "),
    (("--systems", "tensorflow"), "--systems: 'tensorflow' is not a list, with commas, of systems: lamella, torch, "),
    (("--rounds", "0"), "--rounds: '0' is not a whole number of at least 1"),
    (("--threads", "x"), "--threads: 'x' is not a whole number in [1, 1024]"),
    (("--picture", "bars.jpg"), "--picture: 'bars.jpg' is not the name of a file that ends in .png or .svg"),
    (("--output", "table.csv"), "--output: 'table.csv' is not the name of a file that ends in .md"),
    (("--output", "nowhere/table.md"), "--output nowhere/table.md: cannot write there: No such file or directory"),
    (("--picture", "folder.png"), "--picture folder.png: cannot write there: "),
])  # fmt: skip
def test_wrong_options_are_said_in_one_line(lamella, options, message):
    Path("folder.png").mkdir()
    code, stdout, stderr = lamella("bench", *options)
    assert (code, stdout) == (2, "")
    assert message in stderr
    assert stderr.count("\n") == 1
