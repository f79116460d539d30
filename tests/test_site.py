"""What the documentation site makes of the text of pages and docstrings."""

import importlib.util
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("docs_site_text", ROOT / "docs" / "site" / "text.py")
text = sys.modules[SPEC.name] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(text)


def test_marked_blocks_that_follow_each_other_become_tabs():
    page = 'A\n\n```python tab="One"\nx = 1\n\ny = 2\n```\n\n```python tab="Two" needs="torch"\nz = 3\n```\n\nB\n'
    expected = (
        'A\n\n=== "One"\n\n    ```python\n    x = 1\n\n    y = 2\n    ```\n\n'
        '=== "Two"\n\n    ```python\n    z = 3\n    ```\n\nB\n'
    )
    assert text.tabs(page) == expected
    plain = '```python\nx = 1\n```\n\n```python needs="torch"\ny = 2\n```\n'
    assert text.tabs(plain) == "```python\nx = 1\n```\n\n```python\ny = 2\n```\n"


def test_links_are_led_on_but_not_those_in_code():
    page = "See [a](docs/a.md#b), ![c](d.svg), [e](#f).\n\n```python\nx[0](docs/a.md)\n```\n[g](h.md)\n"
    found = []
    assert text.links(page, lambda target: found.append(target) or f"to/{target}") == (
        "See [a](to/docs/a.md#b), ![c](to/d.svg), [e](#f).\n\n```python\nx[0](docs/a.md)\n```\n[g](to/h.md)\n"
    )
    assert found == ["docs/a.md", "d.svg", "h.md"]


def test_names_in_code_lead_to_the_reference():
    names = {"nn.ReLU": "lamella.nn.ReLU", "trainer.fit": "lamella.Trainer.fit"}
    html = "<p><code>nn.ReLU</code> <code>trainer.fit(x, y)</code> <code>nn.Nothing</code></p>"
    linked = text.code_links(html, names)
    assert '<autoref identifier="lamella.nn.ReLU"><code>nn.ReLU</code></autoref>' in linked
    assert '<autoref identifier="lamella.Trainer.fit"><code>trainer.fit(x, y)</code></autoref>' in linked
    assert linked.count("<autoref") == 2
    for kept in (
        '<a href="x"><code>nn.ReLU</code></a>',
        "<pre><code>nn.ReLU</code></pre>",
        "<h2><code>nn.ReLU</code></h2>",
    ):
        assert text.code_links(kept, names) == kept


def test_docstrings_become_markdown():
    names = {"nn.Loss": "lamella.nn.Loss", "step": "lamella.Trainer.step"}.get

    def made(line):
        return text.docstring(line, lambda name: names(name.removeprefix("lamella.")))

    assert made("See :class:`lamella.nn.Loss`, :meth:`step`.") == (
        "See [`nn.Loss`][lamella.nn.Loss], [`step`][lamella.Trainer.step]."
    )
    assert made("``x * y``, :func:`elsewhere`") == "`x * y`, `elsewhere`"
    assert made("value -= lr * g, w *= 2, n < 3") == r"value -= lr \* g, w \*= 2, n \< 3"
    assert made("**common") == "**common"
    assert made("*args, **kwargs") == "*args, **kwargs"
    assert made(">>> x * y < 3") == ">>> x * y < 3"
    shape = made("x : array-like, (n, features)")
    assert "array-like" not in shape
    assert ", (" not in shape  # which would be a tuple
    assert made('mode : "min" or "max", default "min"') == 'mode : "min"\u00a0or "max", default "min"'
    assert made('>>> f("a", "b")\n    f(x, (1, 2))') == '>>> f("a", "b")\n    f(x, (1, 2))'


def test_every_page_is_in_the_navigation():
    """MkDocs says so, too, but only where it is installed."""
    navigation = re.sub("#.*", "", (ROOT / "mkdocs.yml").read_text())
    for page in (ROOT / "docs").rglob("*.md"):
        assert re.search(rf"[ :]{re.escape(page.relative_to(ROOT / 'docs').as_posix())}\b", navigation), page.name
