"""ProgressBar: lines, a bar in a terminal, a bar in a notebook."""

import io
import os
import pty
import re
import sys

import pytest

from callbacks.world import fit, learner
from lamella.callbacks import Callback, ProgressBar, display, progress
from trainer.world import assert_same, everything


def shown(capsys, epochs, **options):
    fit(learner(lr=0.01), epochs=epochs, callbacks=ProgressBar(**options))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("epochs", "told"),
    [(1, [1]), (4, [1, 2, 3, 4]), (20, [1, *range(2, 21, 2)]), (25, [1, *range(3, 25, 3), 25]), (0, [])],
)
def test_lines(epochs, told, capsys):
    """The first, about ten others and the last."""
    lines = shown(capsys, epochs)
    assert [int(re.match(r"epoch +(\d+)/", line).group(1)) for line in lines] == told
    number = r"[\d.e-]+"
    for line in lines:
        text = rf"epoch +\d+/{epochs}  loss {number} val {number}  accuracy {number} val {number}"
        assert re.fullmatch(text, line), line


def test_a_text_of_ones_own(capsys):
    assert shown(capsys, 1, describe=lambda record: f"<{len(record)}>") == ["epoch 1/1  <6>"]


def test_a_training_that_ends_early_says_so_far_it_came(capsys):
    fit(learner(), epochs=30, callbacks=[ProgressBar(), lambda epoch, record: epoch == 4])
    assert [line[:11] for line in capsys.readouterr().out.splitlines()] == ["epoch  1/30", "epoch  3/30", "epoch  5/30"]


class Screen:
    """A display that writes down what it is told."""

    live, every = True, 1

    def __init__(self):
        self.told, self.closed = [], 0

    def show(self, done, text):
        self.told.append((done, text))

    def close(self):
        self.closed += 1


@pytest.fixture
def screen(monkeypatch):
    made = Screen()
    monkeypatch.setattr(progress, "display_for", lambda epochs: made)
    return made


def test_a_bar_moves_by_time(screen):
    """Epochs that are short run natively in between; the first and the last are shown."""
    begun = []

    class Count(Callback):
        def on_fit_begin(self, run):
            begin = type(run.trainer).prepare
            run.trainer.prepare = lambda *a: begun.append(1) or begin(run.trainer, *a)

    fit(learner(lr=0.01), epochs=2000, batch_size=67, callbacks=[ProgressBar(), Count()])
    done = [epochs for epochs, _ in screen.told]
    assert done == sorted(done)
    assert (done[0], done[-1], screen.closed) == (1, 2000, 1)
    assert len(begun) == len(done) < 2000


def test_a_bar_that_moves_within_epochs(screen, monkeypatch):
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    fit(learner(), epochs=2, callbacks=ProgressBar(steps=True))
    assert [done for done, _ in screen.told] == [0.2, 0.4, 0.6, 0.8, 1.0, 1, 1.2, 1.4, 1.6, 1.8, 2.0, 2]
    assert re.fullmatch(r"loss [\d.]+", screen.told[0][1])
    assert screen.told[6][1] == screen.told[5][1]


def test_it_closes_whatever_happens(screen):
    def fail(epoch, record):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(learner(), callbacks=[ProgressBar(), fail])
    assert screen.closed == 1


@pytest.mark.parametrize("steps", [False, True])
def test_it_changes_no_bit(steps, screen):
    own, twin = learner(), learner()
    fit(own, callbacks=ProgressBar(steps=steps))
    fit(twin)
    assert_same(everything(own), everything(twin))


def test_one_may_be_used_again(screen):
    bar, trainer = ProgressBar(), learner()
    for _ in range(2):
        fit(trainer, epochs=2, callbacks=bar)
    assert [done for done, _ in screen.told] == [1, 2, 1, 2]


def test_in_a_terminal():
    """A real one: the bar ends full, with the last epoch's text."""
    pytest.importorskip("rich")
    program = f"""
import sys
sys.path.insert(0, {os.path.dirname(os.path.dirname(__file__))!r})
from callbacks.world import fit, learner
from lamella.callbacks import ProgressBar
fit(learner(), epochs=3, callbacks=ProgressBar(lambda record: "[red]loss[/] %.3f" % record["loss"]))
"""
    process, terminal = pty.fork()
    if process == 0:  # pragma: no cover - another process
        os.execve(sys.executable, [sys.executable, "-c", program], {**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    output = b""
    try:
        while part := os.read(terminal, 4096):
            output += part
    except OSError:  # the process is at its end
        pass
    os.close(terminal)
    assert os.waitpid(process, 0)[1] == 0, output
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", output.decode()).split("\r")
    last = [line for line in text if "3/3" in line][-1]
    assert "━" * 20 in last
    assert re.search(r"\[red\]loss\[/\] \d\.\d\d\d", last)


@pytest.mark.parametrize(("terminal", "kind"), [(True, display.Bar), (False, display.Lines)])
def test_terminals_and_files(terminal, kind, monkeypatch):
    pytest.importorskip("rich")

    class File(io.StringIO):
        def isatty(self):
            return terminal

    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdout", File())
    made = display.display_for(3)
    made.close()
    assert type(made) is kind


def test_without_rich_there_are_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert type(display.display_for(3)) is display.Lines


def test_in_a_notebook():
    """One output that changes, in a real kernel."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    source = f"""
import sys
sys.path.insert(0, {os.path.dirname(os.path.dirname(__file__))!r})
from callbacks.world import fit, learner
from lamella.callbacks import ProgressBar
fit(learner(), epochs=3, callbacks=ProgressBar(lambda record: "a < b"));
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    page = output["data"]["text/html"]
    assert '<progress value="3" max="3"' in page
    assert "3/3 &nbsp; a &lt; b" in page


def test_what_is_refused():
    with pytest.raises(TypeError, match=r"^\[ProgressBar\] describe is 3 but must be a function"):
        ProgressBar(3)
    with pytest.raises(TypeError, match=r"^\[ProgressBar\] steps is 1 but must be True or False"):
        ProgressBar(steps=1)
