"""HTML and SVG as text: elements, their attributes, and what has to be escaped."""

import html
from typing import Any

#: Elements that have no end tag in HTML, and those of SVG that close themselves.
_VOID = frozenset(("br", "col", "hr", "input", "link", "meta"))
_LEAVES = frozenset(("circle", "image", "line", "path", "rect"))


class Markup(str):
    """Text that is HTML already: taken over as it is."""

    __slots__ = ()


def text(content: Any) -> Markup:
    """What a page shows for ``content``: markup as it is, anything else escaped."""
    return content if isinstance(content, Markup) else Markup(html.escape(str(content)))


def join(*parts: Any) -> Markup:
    """One after the other; None and lists of parts, too."""
    found = []
    for part in parts:
        if isinstance(part, (list, tuple)):
            found.append(join(*part))
        elif part is not None:
            found.append(text(part))
    return Markup("".join(found))


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """An element.

    ``class_`` is "class", ``stroke_width`` is "stroke-width"; an attribute that is None or False is left out, True
    stands by itself.
    """
    written = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        written.append(key if value is True else f'{key}="{html.escape(coordinate(value))}"')
    head = " ".join(written)
    if name in _VOID:
        return Markup(f"<{head}>")
    if name in _LEAVES and not children:
        return Markup(f"<{head}/>")
    return Markup(f"<{head}>{join(*children)}</{name}>")


def coordinate(value: Any) -> str:
    """Numbers to a hundredth, which is finer than a screen; anything else as it is."""
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
