"""Fixtures that the tests of the command-line tool share."""

import pytest

import lamella as lm
from cli.tool import QUICK, colours, write
from lamella.cli import main


@pytest.fixture(autouse=True)
def one_thread():
    """These networks are small, and other work on the machine must not make these tests slow."""
    before = lm.get_num_threads()
    lm.set_num_threads(1)
    yield
    lm.set_num_threads(before)


@pytest.fixture
def lamella(tmp_path, monkeypatch, capsys):
    """``lamella(*arguments)`` runs the tool in this process and in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def model(lamella):
    assert lamella("train", write("t.csv", colours()), "--target", "gut?", *QUICK)[0] == 0
    return "lamella-out/model.safetensors"
