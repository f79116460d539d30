"""Population.fit(progress=True): what is shown, and that nothing else changes."""

import re

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.population import progress
from population.world import all_of, assert_same, labelled, population


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

    def display_for(epochs):
        made.epochs = epochs
        return made

    monkeypatch.setattr(progress, "display_for", display_for)
    return made


@pytest.mark.parametrize("options", [{}, {"patience": 2, "monitor": "loss", "min_delta": 0.05}, {"mixup": 0.2}])
def test_it_changes_no_bit(options, screen):
    shown, silent = population(7), population(7)
    for pop, own in ((shown, {"progress": True}), (silent, {})):
        pop.fit(*labelled(), epochs=[9, 3, 5, 1, 9, 2, 7], **options, **own)
    assert_same(all_of(shown), all_of(silent))
    done = [epochs for epochs, _ in screen.told]
    assert done == sorted(done)
    assert (screen.epochs, screen.closed) == (36, 1)
    assert screen.told[-1] == (36, "7 of 7 models")  # those that ended early count as done


@pytest.mark.parametrize("threads", [1, 2])
def test_it_moves_by_time(threads, screen):
    """Short epochs run natively between two looks."""
    before = lm.get_num_threads()
    lm.set_num_threads(threads)
    try:
        population(3).fit(*labelled(), epochs=2000, batch_size=67, progress=True)
    finally:
        lm.set_num_threads(before)
    assert screen.told[-1] == (6000, "3 of 3 models")
    assert len(screen.told) < 1000


def test_lines(capsys):
    population(4).fit(*labelled(), epochs=5, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert 2 <= len(lines) <= 12
    assert all(re.fullmatch(r"epoch +\d+/20  \d of 4 models", line) for line in lines)
    assert lines[-1] == "epoch 20/20  4 of 4 models"


def test_models_that_diverge_are_done(screen):
    pop = lm.Population(
        lambda: nn.Sequential(nn.Linear(5, 2)),
        n=3,
        loss=nn.MSELoss(),
        optimizer=optim.SGD,
        settings={"lr": [0.01, 1e8, 0.01]},
    )
    x = labelled()[0]
    with pytest.warns(UserWarning, match="1 of 3 models diverged"):
        pop.fit(x, np.ones((len(x), 2)), epochs=30, progress=True)
    assert screen.told[-1] == (90, "3 of 3 models")


def test_it_closes_whatever_happens(screen):
    def fail(model, epoch, record):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        population(3).fit(*labelled(), epochs=3, on_epoch=fail, progress=True)
    assert screen.closed == 1


def test_what_is_refused():
    with pytest.raises(TypeError, match=r"^\[Population.fit\] progress is 1 but must be True or False"):
        population(2).fit(*labelled(), progress=1)
