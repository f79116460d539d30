"""Elements as text, and numbers as people read them."""

import math

import pytest

from lamella.reporting.markup import Markup, join, tag, text
from lamella.reporting.number import counted, duration, number, percent


def test_content_and_attributes_are_escaped():
    made = tag("p", "a < b & c", tag("b", "x"), title='"quoted" <i>', class_="note", data_n=3)
    assert made == '<p title="&quot;quoted&quot; &lt;i&gt;" class="note" data-n="3">a &lt; b &amp; c<b>x</b></p>'


def test_attributes_that_are_none_or_false_are_left_out():
    assert tag("input", type="checkbox", checked=True, disabled=False, name=None) == '<input type="checkbox" checked>'
    assert tag("meta", name="viewport") == '<meta name="viewport">'


def test_what_closes_itself():
    assert tag("rect", x=1.0, y=0.126) == '<rect x="1" y="0.13"/>'
    assert tag("div") == "<div></div>"


def test_markup_is_taken_as_it_is():
    assert text(Markup("<b>")) == "<b>"
    assert text("<b>") == "&lt;b&gt;"
    assert join("a&", None, [Markup("<i>"), ("b", 3)]) == "a&amp;<i>b3"


@pytest.mark.parametrize(("value", "shown"), [
    (0.0, "0"), (12345, "12,345"), (-3, "−3"), (0.123456, "0.1235"), (1.5e-7, "1.5e−7"), (1e12, "1e12"),
    (math.nan, "–"), (None, "–"), (math.inf, "∞"), (-math.inf, "−∞"),
])  # fmt: skip
def test_numbers(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(("share", "shown"), [
    (0, "0%"), (1, "100%"), (0.5, "50.0%"), (0.99961, "99.96%"), (0.0001, "0.01%"), (math.nan, "–"), (None, "–"),
])  # fmt: skip
def test_shares(share, shown):
    assert percent(share) == shown


@pytest.mark.parametrize(("seconds", "shown"), [
    (2.5e-8, "25 ns"), (1.5e-5, "15 µs"), (0.0125, "12.5 ms"), (3, "3 s"), (300, "5 min"), (36000, "10 h"),
])  # fmt: skip
def test_durations(seconds, shown):
    assert duration(seconds) == shown


def test_counts():
    assert counted(1, "row") == "1 row"
    assert counted(2000, "row") == "2,000 rows"
    assert counted(2, "category", "categories") == "2 categories"
