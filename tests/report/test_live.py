"""Pictures in a notebook while a training goes on."""

import sys
import threading

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from report.world import blobs


class Handle:
    def __init__(self, contents):
        self.contents = contents

    def update(self, content):
        self.contents.append(content._repr_html_())


@pytest.fixture
def screen(monkeypatch):
    """What a notebook would show, picture by picture."""
    display = pytest.importorskip("IPython.display")
    contents = []

    def show(content, display_id):
        assert display_id is True
        contents.append(content._repr_html_())
        return Handle(contents)

    monkeypatch.setattr(display, "display", show)
    return contents


def trainer():
    model = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3), seed=0)
    return lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))


def test_each_epoch_is_drawn_and_the_end(screen):
    x, y = blobs()
    trainer().fit(x, y, epochs=4, callbacks=lm.callbacks.Live(interval=0))
    titles = [f"epoch {n} of 4" for n in (0, 1, 2, 3, 4, 4)]
    assert [title in content for title, content in zip(titles, screen, strict=True)] == [True] * 6
    assert " left; " in screen[1]
    assert " left; " not in screen[-1]


def test_pictures_are_no_more_often_than_asked_for(screen):
    x, y = blobs()
    trainer().fit(x, y, epochs=300, callbacks=lm.callbacks.Live(interval=60))
    assert len(screen) == 2
    assert "epoch 0 of 300" in screen[0]
    assert "epoch 300 of 300" in screen[1]


def test_short_epochs_run_on_natively(screen):
    seen = []

    class Watching(lm.callbacks.Live):
        def on_epoch_end(self, run, epoch, record):
            super().on_epoch_end(run, epoch, record)
            seen.append(epoch)

    x, y = blobs(32)
    trainer().fit(x, y, epochs=2000, callbacks=Watching(interval=100))
    assert len(seen) < 40
    assert seen[-1] == 1999


def test_the_bits_are_the_same(screen):
    x, y = blobs()
    one, other = trainer(), trainer()
    one.fit(x, y, epochs=20, callbacks=lm.callbacks.Live())
    other.fit(x, y, epochs=20)
    for name, values in one.model.state_dict().items():
        np.testing.assert_array_equal(values, other.model.state_dict()[name])


def test_an_end_by_error_is_drawn_and_it_can_be_used_again(screen):
    x, y = blobs()
    live = lm.callbacks.Live(interval=0)

    def fail(epoch, record):
        if epoch == 1:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trainer().fit(x, y, epochs=9, callbacks=[live, fail])
    assert "epoch 2 of 9" in screen[-1]
    assert " left; " not in screen[-1]
    trainer().fit(x, y, epochs=2, callbacks=live)
    assert "epoch 2 of 2" in screen[-1]


def test_populations_are_drawn_while_they_train(screen):
    x, y = blobs()
    live = lm.callbacks.LivePopulation(interval=0)
    population = lm.Population(
        lambda: nn.Sequential(nn.Linear(16, 3)), n=4, loss=nn.CrossEntropyLoss(), optimizer=optim.Adam
    )
    population.fit(x, y, epochs=3, on_epoch=live)
    assert len(screen) == 12
    assert "PopulationHistory of 4 models, 3 epochs" in screen[-1]
    population.fit(x, y, epochs=2, on_epoch=live)
    live.draw()
    assert "4 models, 2 epochs" in screen[-1]


def test_the_last_picture_of_a_population_comes_by_itself(screen):
    x, y = blobs()
    live = lm.callbacks.LivePopulation(interval=0.05)
    drawn = threading.Event()
    draw = live.draw

    def note():
        draw()
        drawn.set()

    live.draw = note
    population = lm.Population(
        lambda: nn.Sequential(nn.Linear(16, 3)), n=4, loss=nn.CrossEntropyLoss(), optimizer=optim.Adam
    )
    population.fit(x, y, epochs=3, on_epoch=live)
    assert drawn.wait(30)
    while "4 models, 3 epochs" not in screen[-1]:
        drawn.clear()
        assert drawn.wait(30)


def test_without_ipython_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    x, y = blobs()
    with pytest.raises(ImportError, match=r"\[Live\] pictures in notebooks need IPython.*pip install ipython"):
        trainer().fit(x, y, callbacks=lm.callbacks.Live())


@pytest.mark.parametrize("kind", ["Live", "LivePopulation"])
def test_bad_intervals(kind):
    with pytest.raises(ValueError, match=rf"\[{kind}\] interval is -1 but must be at least 0"):
        getattr(lm.callbacks, kind)(interval=-1)


CELLS = [
    """
import numpy as np
import lamella as lm
from lamella import nn, optim
rng = np.random.default_rng(0)
x, y = rng.normal(size=(90, 5)), rng.integers(3, size=90)
def make():
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
model = make()
trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
""",
    "history = trainer.fit(x, y, epochs=5, callbacks=lm.callbacks.Live(interval=0))",
    "model",
    "history",
    """
population = lm.Population(make, n=3, loss=nn.CrossEntropyLoss(), optimizer=optim.Adam)
_ = population.fit(x, y, epochs=2, on_epoch=lm.callbacks.LivePopulation(interval=0))
""",
    "population",
]


def test_in_a_real_notebook(tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    pages = [[output["data"]["text/html"] for output in cell["outputs"]] for cell in notebook.cells]
    assert [len(found) for found in pages] == [0, 1, 1, 1, 1, 1]  # pictures under a cell are replaced, not added
    said = ["", "epoch 5 of 5", "Sequential: 39 parameters", "History of 5 epochs", "3 models, 2 epochs", "3 active"]
    for found, words in zip(pages[1:], said[1:], strict=True):
        assert words in found[0]
    assert pages[1][0].count("<svg") == 2
