"""The README and the docs: their Python blocks run, in order, and their command lines are real."""

import importlib.util
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from lamella.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

#: Pages that train for more than a few seconds, or import PyTorch.
SLOW = ("embedding.md", "from-pytorch.md")


def blocks(page: Path, language: str) -> list[tuple[str, dict[str, str]]]:
    """Code and marks of the blocks in that language: ```` ```python tab="PyTorch" needs="torch" ````."""
    found = re.findall(rf"^```{language}\b([^\n]*)\n(.*?)^```", page.read_text(), flags=re.M | re.S)
    return [(code, dict(re.findall(r'(\w+)="([^"]*)"', marks))) for marks, code in found]


def _param(page: Path) -> object:
    return pytest.param(page, id=page.name, marks=[pytest.mark.slow] if page.name in SLOW else [])


@pytest.mark.parametrize("page", [*map(_param, PAGES)])
def test_python_blocks_run(page, tmp_path, monkeypatch):
    """Each tab has names of its own; what is in none goes on in lamella's. What a block needs may be missing."""
    monkeypatch.chdir(tmp_path)
    namespaces: dict[str, dict[str, object]] = {}
    for number, (block, marks) in enumerate(blocks(page, "python")):
        if "needs" not in marks or importlib.util.find_spec(marks["needs"]):
            namespace = namespaces.setdefault(marks.get("tab", "lamella"), {})
            exec(compile(block, f"{page.name} block {number}", "exec"), namespace)


def test_readme_example_learns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    exec(blocks(ROOT / "README.md", "python")[0][0], namespace)
    classes, expected = namespace["classes"], namespace["y_test"]
    assert np.mean(classes == expected) > 0.85


def test_readme_commands_run_as_written(tmp_path, monkeypatch, capsys):
    """The set-up line trains digits; its `lamella` part runs here, pip's in CI."""
    monkeypatch.chdir(tmp_path)
    lines = [line for block, _ in blocks(ROOT / "README.md", "console") for line in block.splitlines()]
    commands = [part.strip() for line in lines for part in line.split("&&")]
    assert commands == ['pip install ".[train]"', "lamella train digits", 'pip install ".[test]"', "pytest"]
    assert main(shlex.split(commands[1])[1:]) == 0
    assert (tmp_path / "lamella-out" / "model.safetensors").is_file()
    accuracy = float(re.search(r"test accuracy\D*([01]\.\d+)", capsys.readouterr().out).group(1))
    assert accuracy >= 0.97


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
