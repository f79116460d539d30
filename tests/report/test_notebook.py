"""What models, histories and the like show of themselves in notebooks."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.reporting import notebook
from report.world import blobs, numbers_of, pictures, rows


def shown(thing):
    """Its HTML, which is well-formed, and needs no style sheet and no script."""
    source = thing if isinstance(thing, str) else thing._repr_html_()
    ElementTree.fromstring(source)
    assert not re.search(r'class=|<style|<script|<link|\bid="|http|#fff|black|white', source)
    for picture in pictures(source):
        assert np.isfinite(numbers_of(picture)).all()
    return source


def text(source):
    return re.sub(r"<[^>]+>", " ", source)


def test_models(classified):
    source = shown(classified.model)
    assert "Sequential: 795 parameters" in text(source)
    table = rows(source)[0]
    assert table[0] == ["layer", "", "output", "parameters"]
    assert table[1] == ["0", "Linear(in_features=16, out_features=24, bias=True)", "(n, 24)", "408"]
    assert len(table) == 8
    assert "Linear: 10 parameters" in text(shown(nn.Linear(4, 2)))


def test_large_models_are_cut():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(500)))
    assert len(shown(model)) < 20_000
    assert "460 more" in text(shown(model))


def test_histories(classified):
    source = shown(classified.history)
    assert "History of 6 epochs" in text(source)
    assert len(pictures(source)) == 2
    table = {row[0]: row[1:] for row in rows(source)[0][1:]}
    assert set(table) == {"loss", "accuracy", "lr", "val_loss", "val_accuracy"}
    assert float(table["val_loss"][0]) == pytest.approx(classified.history["val_loss"][-1], rel=1e-3)
    assert float(table["accuracy"][1]) == pytest.approx(max(classified.history["accuracy"]), rel=1e-3)


@pytest.mark.parametrize("history", [
    lm.History(), lm.History(loss=[1.0]), lm.History(loss=[float("nan")], accuracy=[]), lm.History(loss=[1.0] * 9999),
    lm.History(val_loss=[1.0, 2.0]),
], ids=["empty", "one", "nan", "long", "validation"])  # fmt: skip
def test_histories_of_any_length(history):
    assert len(shown(history)) < 30_000


def test_best_and_stopped_are_said():
    history = lm.History(loss=[3.0, 2.0, 1.0])
    history.best_epoch, history.stopped = 1, "patience"
    source = shown(history)
    assert "best: epoch 2; stopped by patience" in text(source)
    assert "kept: epoch 2" in text(source)


@pytest.mark.parametrize("n", [1, 3, 9])
def test_populations(n):
    x, y = blobs(60)
    population = lm.Population(
        lambda: nn.Sequential(nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 3)), n=n, loss=nn.CrossEntropyLoss(),
        optimizer=optim.Adam,
    )  # fmt: skip
    assert f"Population of {n} model" in text(shown(population))
    assert not pictures(shown(population))
    history = population.fit(x, y, epochs=3, validation_data=(x, y))
    source = shown(history)
    assert f"PopulationHistory of {n} model" in text(source)
    assert len(pictures(source)) == 4
    table = {row[0]: row[1:] for row in rows(source)[0][1:]}
    finals = history.final("val_loss")
    assert int(table["val_loss"][3]) == int(np.argmin(finals))
    assert float(table["val_loss"][1]) == pytest.approx(np.median(finals), rel=1e-3)
    if n > 2:
        population.drop([0])
    source = shown(population)
    assert f"{n - (n > 2)} active" in text(source)
    assert len(pictures(source)) == 4


def test_a_model_that_was_never_trained_is_no_trouble():
    histories = [lm.History(loss=[2.0, 1.0]) for _ in range(8)] + [lm.History(), lm.History(loss=[float("inf")])]
    shown(lm.PopulationHistory(histories))
    shown(lm.PopulationHistory([lm.History()]))


def test_searches():
    x, y = blobs(60)

    def make(width):
        return nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, 3))

    space = {"width": [4, 8], "lr": lm.space.LogUniform(1e-3, 0.1)}
    found = lm.search(
        make, space, x, y, 14, loss=nn.CrossEntropyLoss(), optimizer=optim.Adam, epochs=2, validation_data=(x, y)
    )
    source = shown(found)
    assert "SearchResult: 14 trials" in text(source)
    table = rows(source)[0]
    assert table[0][0] == "trial"
    assert [int(row[0]) for row in table[1:]] == [trial.number for trial in found.ranking[:10]]
    assert "4 more trials" in text(source)
    assert len(pictures(source)) == 1


def test_range_tests(classified):
    x, y = blobs()
    model = nn.Sequential(nn.Linear(16, 3), seed=0)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()))
    found = trainer.lr_range_test(x, y, steps=40)
    source = shown(found)
    assert "LRRangeTest of 40 steps" in text(source)
    assert f"suggestion: {found.suggestion:.2g}" in text(source)


def test_recorders_and_records(classified):
    source = shown(classified.recorder)
    assert "Recorder of 7 records" in text(source)
    assert len(pictures(source)) >= 3
    table = rows(shown(classified.recorder.last))[0]
    assert [row[0] for row in table[1:]] == [
        f"{name} {layer.kind}" for name, layer in classified.recorder.last.layers.items()
    ]
    assert "Layers after epoch 6" in text(source)
    assert "without records" in text(shown(lm.diagnosis.Recorder()))


def test_diagnoses():
    found = lm.diagnose(0.02, 0.2, 0.3, target=0.01)
    source = shown(found)
    table = {row[0]: row[1:] for row in rows(source)[0][1:]}
    assert table["validation"] == ["0.2", "0.18", "variance"]
    for finding in found.findings:
        assert finding.text in text(source)
    assert "The target is reached" in text(shown(lm.diagnose(0.0, 0.0)))


def test_a_training_under_way():
    source = shown(notebook.live(lm.History(loss=[2.0, 1.0], seconds=[0.5, 0.5]), 10))
    assert "epoch 2 of 10; about 4 s left; 500 ms an epoch" in text(source)
    assert "width:20.0%" in source
    done = shown(notebook.live(lm.History(loss=[2.0, 1.0], seconds=[0.5, 0.5]), 10, done=True))
    assert "left" not in text(done)
    shown(notebook.live(lm.History(), 10))


def test_names_are_no_markup():
    assert "<b>" not in shown(lm.History({"<b>": [1.0]}))
