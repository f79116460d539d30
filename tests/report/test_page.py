"""The page: what is on it, that it needs nothing else, and that nothing is changed by it."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from report.world import Run, blobs, classifier, numbers_of, pictures, read

ALL = ["curves", "score", "bias", "rates", "units", "hidden", "timing", "network", "repeat"]


def write(run: Run, path: Path, **arguments):
    given = {"trainer": run.trainer, "recorder": run.recorder, **arguments}
    assert lm.report(run.history, run.model, run.data, path, **given) == path
    return read(path.read_text())


@pytest.fixture(scope="module")
def page(classified, tmp_path_factory):
    return write(classified, tmp_path_factory.mktemp("report") / "report.html", title="Blobs & <co>", target=0.99)


@pytest.fixture(scope="module")
def numbers_page(regressed, tmp_path_factory):
    return write(regressed, tmp_path_factory.mktemp("report") / "report.html")


def test_all_there_is_to_see_is_there(page, numbers_page):
    assert page.sections == ALL
    assert numbers_page.sections == ALL
    assert "Blobs & <co>" in page.text


def test_it_is_a_whole_page(page):
    assert page.source.startswith("<!DOCTYPE html>")
    assert page.all("html", lang="en")
    assert page.all("meta", charset="utf-8")
    assert page.all("meta", name="viewport", content="width=device-width, initial-scale=1")
    assert len(page.all("h1")) == len(page.all("title")) == 1


def test_it_needs_nothing_else(page, numbers_page):
    for each in (page, numbers_page):
        assert not [name for name, _ in each.tags if name in ("link", "script", "iframe", "object", "base", "form")]
        for _, attributes in each.tags:
            for name in ("src", "href", "srcset", "action", "data", "xlink:href", "poster"):
                target = attributes.get(name, "#")
                assert target.startswith(("#", "data:image/png;base64,")), target
            assert not [name for name in attributes if name.startswith("on")]
            assert "url(" not in attributes.get("style", "")
        style = re.search(r"<style>(.*?)</style>", each.source, flags=re.S).group(1)
        assert "@import" not in style
        assert "url(" not in style
        assert "http" not in each.source


def test_links_lead_to_sections_and_names_are_unique(page):
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    assert [own["href"][1:] for own in page.all("a")] == page.sections
    for own in page.all("section"):
        assert own["aria-labelledby"] in names


def test_headings_step_down_one_by_one(page):
    levels = [int(name[1]) for name, _ in page.tags if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert max(np.diff(levels)) == 1


def test_pictures_are_well_formed_and_say_what_they_show(page, numbers_page):
    for each in (page, numbers_page):
        found = pictures(each.source)
        assert len(found) >= 10
        for picture in found:
            assert picture.attrib["role"] == "img"
            assert len(picture.attrib["aria-label"]) > 3
            _, _, width, height = map(float, picture.attrib["viewBox"].split())
            numbers = numbers_of(picture)
            assert np.isfinite(numbers).all()
            assert min(numbers) >= -1
            assert max(numbers) <= max(width, height)


def test_tables_have_heads_and_scroll_by_themselves(page):
    assert len(page.all("th", scope="col")) > 20
    assert len(page.all("th", scope="row")) > 20
    assert page.source.count("<table") == len(
        re.findall(r'<div class="scroll" tabindex="0" role="region"[^>]*><table', page.source)
    )


def test_both_themes_and_paper(page):
    assert "prefers-color-scheme: dark" in page.source
    assert "@media print" in page.source
    assert page.source.count("--paper: ") == 2


def test_nothing_given_nothing_shown(classified, tmp_path):
    path = lm.report(None, classified.model, None, tmp_path / "r.html")
    assert read(path.read_text()).sections == ["network", "repeat"]
    path = lm.report({"loss": [2.0, 1.0]}, classified.model, None, path)
    assert read(path.read_text()).sections == ["curves", "network", "repeat"]
    path = lm.report(classified.history, classified.model, classified.data["test"], path, timing=False)
    assert read(path.read_text()).sections == ["curves", "score", "rates", "units", "hidden", "network", "repeat"]


def test_the_least_that_one_has_to_give(classified, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert lm.report(classified.history, classified.model, classified.data) == Path("report.html")
    page = read(Path("report.html").read_text())
    assert page.sections == ALL
    assert "CrossEntropyLoss(ignore_index=-100, label_smoothing=0.0, reduction='mean') (guessed" in page.text.replace(
        "&#x27;", "'"
    )


def state(run):
    trainer = run.trainer.state_dict()
    grads = {name: parameter.grad.copy() for name, parameter in run.model.named_parameters()}
    modes = [module.training for _, module in run.model.named_modules()]
    return trainer, grads, modes


def assert_same(one, other):
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other or (one != one and other != other)


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_changed(tmp_path, training):
    run, alone = classifier(epochs=3), classifier(epochs=3)
    for each in (run, alone):
        each.model.train(training)
        each.model[0].eval()
    before = state(run)
    write(run, tmp_path / "r.html")
    lm.report(run.history, run.model, run.data, tmp_path / "s.html", loss=run.trainer.loss)
    assert_same(before, state(run))
    for each in (run, alone):
        each.trainer.fit(*each.data["training"], epochs=2, batch_size=16)
    assert_same(run.model.state_dict(), alone.model.state_dict())


@pytest.mark.parametrize("make", [
    lambda parameters: optim.ScheduleFreeAdamW(parameters, lr=0.01),
    lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9, clip_norm=1.0),
])  # fmt: skip
def test_no_optimizer_is_changed(tmp_path, make):
    x, y = blobs()
    model = nn.Sequential(nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 3), seed=1)
    optimizer = make(model.parameters())
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optimizer, average=optim.WeightAverage(optimizer))
    history = trainer.fit(x, y, epochs=2)
    before = trainer.state_dict()
    lm.report(history, model, (x, y), tmp_path / "r.html", trainer=trainer)
    assert_same(before, trainer.state_dict())


def test_the_file_is_the_old_one_or_the_whole_new_one(classified, tmp_path):
    path = tmp_path / "r.html"
    path.write_text("old")
    with pytest.raises(ValueError, match="features"):
        lm.report(classified.history, classified.model, (np.zeros((4, 3)), np.zeros(4, int)), path)
    assert path.read_text() == "old"
    write(classified, path)
    assert path.read_text().endswith("</html>\n")
    assert [each.name for each in tmp_path.iterdir()] == ["r.html"]


def test_large_networks_and_data_make_pages_of_bounded_size(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60_000, 40)).astype(np.float32), rng.integers(150, size=60_000)
    layers = [layer for _ in range(70) for layer in (nn.Linear(40, 40), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(40, 150), seed=0)
    history = {"loss": rng.random(20_000).tolist(), "accuracy": rng.random(20_000).tolist(), "lr": [0.1] * 20_000}
    path = lm.report(history, model, (x, y), tmp_path / "r.html", timing=False, loss=nn.CrossEntropyLoss())
    page = read(path.read_text())
    assert path.stat().st_size < 1_500_000
    for said in (
        "50,000 of 60,000 rows",
        "6 of 70 layers are shown",
        "The 50 classes with the lowest F1 of 150",
        "21 layers",
    ):
        assert said in page.text


def test_names_of_the_users_are_no_markup(tmp_path):
    run = classifier(epochs=1)
    bad = '<img src=x onerror="alert(1)">'
    page = write(run, tmp_path / "r.html", classes=[bad, "b", "c"], settings={bad: bad}, title=bad)
    assert not page.all("img")
    assert bad in page.text


def test_a_layer_in_python(tmp_path):
    class Double:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    x, y = blobs()
    model = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), Double(), nn.Linear(8, 3), seed=1)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
    history = trainer.fit(x, y, epochs=1)
    page = read(lm.report(history, model, (x, y), tmp_path / "r.html", trainer=trainer).read_text())
    assert "timing" not in page.sections
    assert "hidden" in page.sections


@pytest.mark.parametrize("structure", [
    lambda: nn.Linear(16, 3),
    lambda: nn.Sequential(nn.Linear(16, 3)),
    lambda: nn.Sequential(nn.Sequential(nn.Linear(16, 8)), nn.Residual(nn.Linear(8, 8), nn.SiLU()), nn.Linear(8, 3)),
    lambda: nn.Sequential(nn.Concat(nn.Linear(16, 4), nn.Sequential()), nn.ReLU(), nn.Linear(20, 3)),
    lambda: nn.Sequential(nn.Linear(16, 8), nn.Maxout(8, 4, 2), nn.LayerNorm(4), nn.Linear(4, 3), nn.LogSoftmax()),
])  # fmt: skip
def test_networks_of_all_kinds(tmp_path, structure):
    x, y = blobs(60)
    model = structure()
    page = read(lm.report(None, model, (x, y), tmp_path / "r.html", loss=nn.NLLLoss()).read_text())
    assert {"score", "units", "timing", "network", "repeat"} <= set(page.sections)


def test_it_is_imported_when_it_is_first_used():
    script = (
        "import sys, lamella as lm; print('lamella.reporting' in sys.modules, callable(lm.report), 'report' in dir(lm))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "False True True\n"
