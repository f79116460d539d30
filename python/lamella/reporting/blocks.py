"""What sections are made of: tables, figures with captions, cards, notes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lamella.reporting.markup import Markup, join, tag


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading.

    Attributes
    ----------
    key : str
        Its place, for links.
    title : str
    content : Markup
    """

    key: str
    title: str
    content: Markup


@dataclass
class Head:
    """A column of a table: its name, and whether it holds numbers (which stand on the right)."""

    name: str
    numeric: bool = True
    title: str | None = None


@dataclass
class Cell:
    """A cell with more than its content: attributes of its element."""

    content: Any
    attributes: dict[str, Any] = field(default_factory=dict)


def table(heads: Sequence[str | Head], rows: Iterable[Sequence[Any]], caption: Any = None, class_: str = "") -> Markup:
    """A table whose first column names the rows. It scrolls by itself where the screen is too narrow."""
    columns = [Head(head, numeric=index > 0) if isinstance(head, str) else head for index, head in enumerate(heads)]
    top = [
        tag("th", column.name, scope="col", class_="n" if column.numeric else None, title=column.title)
        for column in columns
    ]
    body = [
        tag("tr", [_cell(*pair, first=not index) for index, pair in enumerate(zip(columns, row, strict=True))])
        for row in rows
    ]
    made = tag(
        "table",
        tag("caption", caption) if caption is not None else None,
        tag("thead", tag("tr", top)),
        tag("tbody", body),
        class_=class_ or None,
    )
    return scrolling(made, str(caption or columns[0].name or "table"))


def _cell(column: Head, content: Any, first: bool) -> Markup:
    attributes: dict[str, Any] = {"class_": "n" if column.numeric else None}
    if isinstance(content, Cell):
        content, attributes = content.content, {**attributes, **content.attributes}
    return tag("th", content, scope="row", **attributes) if first else tag("td", content, **attributes)


def scrolling(content: Markup, says: str) -> Markup:
    """Something wide, that scrolls by itself (by keys, too) so that the page need not."""
    return tag("div", content, class_="scroll", tabindex=0, role="region", aria_label=says)


def figure(content: Markup, caption: Any = None, class_: str | None = None) -> Markup:
    """A picture with what it shows."""
    return tag("figure", content, tag("figcaption", caption) if caption is not None else None, class_=class_)


def charts(*figures: Markup) -> Markup:
    """Figures, as many in a row as there is room for."""
    return tag("div", join(*figures), class_="charts")


def note(*content: Any) -> Markup:
    """A line that explains."""
    return tag("p", *content, class_="note")


def paragraph(*content: Any) -> Markup:
    """Text."""
    return tag("p", *content)


def details(summary: str, *content: Any) -> Markup:
    """What is shown on demand."""
    return tag("details", tag("summary", summary), *content)


def program(code: str, says: str) -> Markup:
    """Lines of a program or the like, as they are."""
    return tag("pre", tag("code", code), tabindex=0, role="region", aria_label=says)


def cards(entries: Iterable[tuple[str, str, str]]) -> Markup:
    """Figures at a glance: name, value, and what else to know."""
    return tag(
        "dl",
        [
            tag("div", tag("dt", name), tag("dd", value), tag("dd", more, class_="more") if more else None)
            for name, value, more in entries
        ],
        class_="cards",
    )
