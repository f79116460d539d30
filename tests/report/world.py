"""Trained models for reports, and ways to read pages."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np

import lamella as lm
from lamella import nn, optim
from lamella.diagnosis import Recorder

VOID = {"br", "col", "hr", "input", "link", "meta"}


@dataclass
class Run:
    model: nn.Module
    trainer: lm.Trainer
    history: lm.History
    data: dict
    recorder: Recorder


def blobs(n=240, features=16, classes=3, seed=0):
    """Points around the centres of classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    x = rng.normal(size=(classes, features))[y] + rng.normal(size=(n, features))
    return x.astype(np.float32), y


def parts(x, y):
    """Six, two and two tenths."""
    first, second = len(x) * 6 // 10, len(x) * 8 // 10
    cuts = {"training": slice(0, first), "validation": slice(first, second), "test": slice(second, None)}
    return {name: (x[cut], y[cut]) for name, cut in cuts.items()}


def classifier(epochs=6, **fit):
    x, y = blobs()
    model = nn.Sequential(
        nn.Linear(16, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(24, 12), nn.Tanh(), nn.Linear(12, 3), seed=5,
    )  # fmt: skip
    return trained(model, nn.CrossEntropyLoss(), parts(x, y), epochs, **fit)


def regressor(epochs=5, outputs=1, **fit):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 6))
    y = x[:, :outputs] * 2 + np.sin(x[:, 1:2]) + 0.1 * rng.normal(size=(200, outputs))
    model = nn.Sequential(nn.Linear(6, 16), nn.Sigmoid(), nn.Linear(16, outputs), seed=2, dtype="float64")
    return trained(model, nn.MSELoss(), parts(x, y), epochs, **fit)


def trained(model, loss, data, epochs, **fit):
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    trainer = lm.Trainer(model, loss, optimizer)
    recorder = Recorder()
    history = trainer.fit(
        *data["training"], epochs=epochs, batch_size=16, validation_data=data["validation"], callbacks=recorder, **fit
    )
    return Run(model, trainer, history, data, recorder)


@dataclass
class Page:
    """What there is on a page."""

    source: str
    tags: list = field(default_factory=list)  # (name, attributes)
    text: str = ""

    def all(self, name, /, **attributes):
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [own for found, own in self.tags if found == name and wanted.items() <= own.items()]

    @property
    def sections(self):
        return [own["id"] for own in self.all("section")]

    def section(self, key):
        """The source of a section."""
        begin = self.source.index(f'<section id="{key}"')
        return self.source[begin : self.source.index("</section>", begin)]


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.page = [], None

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {attrs}"
        self.page.tags.append((tag, {name: "" if value is None else value for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> ends nothing"
        assert self.open.pop() == tag, f"</{tag}> is at the wrong place"

    def handle_data(self, data):
        if "style" not in self.open:
            self.page.text += data


def read(source):
    """The page, whose elements all end where they should."""
    reader = _Reader()
    reader.page = Page(source)
    reader.feed(source)
    reader.close()
    assert reader.open == []
    return reader.page


def pictures(source):
    """Its SVG elements, parsed as XML."""
    found = re.findall(r"<svg\b.*?</svg>", source, flags=re.S)
    return [ElementTree.fromstring(svg) for svg in found]


def numbers_of(picture):
    """All coordinates of a picture."""
    found = []
    for element in picture.iter():
        for name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height", "d"):
            if name in element.attrib:
                found += re.findall(r"-?[\d.]+|nan|inf", element.attrib[name])
    return [float(number) for number in found]


def rows(source):
    """Texts of the cells of each table, row by row."""
    plain = [
        re.findall(r"<tr>(.*?)</tr>", table, flags=re.S) for table in re.findall(r"<table.*?</table>", source, re.S)
    ]
    cell = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", flags=re.S)
    return [[[re.sub(r"<[^>]+>", "", text) for text in cell.findall(row)] for row in table] for table in plain]
