"""``lamella info``, the help, and that the documentation is true."""

import re
from pathlib import Path

import pytest

import lamella as lm
from lamella.cli.arguments import make_parser

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


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
