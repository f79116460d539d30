"""The page in a real browser: both themes, wide and phone-narrow."""

import pytest

import lamella as lm
from report.browser import Browser, find_browser
from report.world import classifier, regressor

PROGRAM = find_browser()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium here")

SIZES = [(1280, False), (1280, True), (768, False), (390, False), (390, True), (320, False)]

#: Elements that stick out of the window, but for those in something that scrolls by itself.
STICKING_OUT = """
[...document.querySelectorAll('body *')].filter(e =>
    !e.closest('.scroll, pre') && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map(e => e.outerHTML.slice(0, 90))
"""

#: Of each text on the page, the contrast with what it stands on, as WCAG 2 has it: the least, and where.
CONTRAST = """
(() => {
    const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const over = (above, below) => {
        const a = above.length > 3 ? above[3] : 1;
        return [0, 1, 2].map(i => a * above[i] + (1 - a) * below[i]);
    };
    const ground = element => {
        const layers = [];
        for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
        let found = parse(getComputedStyle(document.body).backgroundColor);
        for (const layer of layers.reverse()) found = over(layer, found);
        return found;
    };
    const light = c => c.map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    let least = [99, ''];
    for (const e of document.querySelectorAll('body *')) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        if (!own || e.classList.contains('none') || !e.checkVisibility()) continue;
        const style = getComputedStyle(e), paint = e instanceof SVGElement ? style.fill : style.color;
        const below = ground(e), colour = parse(paint);
        const seen = over([...colour.slice(0, 3), (colour[3] ?? 1) * Number(style.opacity)], below);
        const [a, b] = [light(seen), light(below)].sort((p, q) => q - p);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < least[0]) least = [contrast, e.outerHTML.slice(0, 120)];
    }
    return least;
})()
"""


@pytest.fixture(scope="module")
def browser():
    started = Browser(PROGRAM)
    yield started
    started.close()


@pytest.fixture(scope="module", params=["classes", "numbers"])
def path(request, tmp_path_factory):
    run = classifier(patience=4) if request.param == "classes" else regressor(outputs=2)
    file = tmp_path_factory.mktemp("browser") / "report.html"
    names = ["a class with quite a long name", "b", "c"] if request.param == "classes" else None
    settings = {"command": "lamella train " + "x" * 300}
    return lm.report(run.history, run.model, run.data, file, trainer=run.trainer, recorder=run.recorder, classes=names,
                     settings=settings)  # fmt: skip


@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_it_fits_and_complains_of_nothing(browser, path, width, dark):
    browser.open(path, width, dark)
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(STICKING_OUT) == []
    browser.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(STICKING_OUT) == []
    assert browser.complaints() == []
    assert browser.requests() == []


@pytest.mark.parametrize("dark", [False, True])
def test_each_theme_is_one_and_can_be_read(browser, path, dark):
    browser.open(path, 1280, dark)
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(paper) < 60) if dark else (min(paper) > 230)
    browser.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    contrast, where = browser.evaluate(CONTRAST)
    assert contrast >= 4.5, where


def test_words_in_pictures_can_be_read_on_a_phone(browser, path):
    browser.open(path, 390)
    sizes = browser.evaluate(
        "[...document.querySelectorAll('svg text:not([transform])')].filter(e => e.checkVisibility())"
        ".map(e => e.getBoundingClientRect().height)"
    )
    assert len(sizes) > 50
    assert min(sizes) >= 9


def test_words_in_pictures_stay_in_them(browser, path):
    browser.open(path, 1280)
    out = browser.evaluate("""
        [...document.querySelectorAll('svg text')].filter(e => e.checkVisibility()).filter(e => {
            const a = e.getBoundingClientRect(), b = e.closest('svg').getBoundingClientRect();
            return a.left < b.left - 2 || a.right > b.right + 2 || a.top < b.top - 3 || a.bottom > b.bottom + 3;
        }).map(e => e.textContent)
    """)
    assert out == []


def test_the_logarithmic_axis_can_be_chosen_by_keys(browser, tmp_path):
    history = {"loss": [10.0, 1.0, 0.1], "val_loss": [20.0, 2.0, 0.3]}
    browser.open(lm.report(history, classifier(epochs=1).model, None, tmp_path / "r.html"), 1280)
    visible = "[...document.querySelectorAll('.either > div')].map(e => e.checkVisibility())"
    assert browser.evaluate(visible) == [True, False]
    browser.evaluate("document.querySelector('.switch input').focus()")
    for kind in ("rawKeyDown", "char", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=" ", code="Space", text=" ", windowsVirtualKeyCode=32)
    assert browser.evaluate(visible) == [False, True]


def test_on_paper_it_is_light(browser, path):
    browser.open(path, 794, dark=True, media="print")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("document.documentElement.scrollWidth") <= 794
    contrast, where = browser.evaluate(CONTRAST)
    assert contrast >= 4.5, where
    assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert len(browser.call("Page.printToPDF")["data"]) > 10_000
