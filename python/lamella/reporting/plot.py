"""A plane with two axes, on which lines, points, bars and pictures are drawn."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.reporting.axis import Axis
from lamella.reporting.markup import Markup, coordinate, join, tag
from lamella.reporting.palette import INK

#: Of the whole picture, in units of a pixel where it is shown at its own size; a phone shows it at about nine tenths.
WIDTH, HEIGHT = 400, 250
#: Where the plane's edges are: room for ticks and names of axes.
LEFT, RIGHT, TOP, BOTTOM = 50, 390, 26, 206

#: Around text that stands over lines: nothing where there is no style sheet that says the paper's colour.
_EDGE = "paint-order:stroke;stroke:var(--paper,none);stroke-width:4px;stroke-linejoin:round"

_LETTER = 6.6  # width of one, about, at the size of a legend


class Plot:
    """Collects marks; :meth:`svg` is the picture, in colours of the surroundings.

    Parameters
    ----------
    x, y : Axis
    x_label, y_label : str
    says : str
        What is to be seen, for those who cannot.
    height : float
    """

    def __init__(
        self, x: Axis, y: Axis, x_label: str = "", y_label: str = "", says: str = "", height: float = HEIGHT
    ) -> None:
        self.x, self.y, self.x_label, self.y_label, self.says, self.height = x, y, x_label, y_label, says, height
        self._marks: list[Markup] = []
        self._labels: list[Markup] = []  # over all marks
        self._legend: list[tuple[str, str, bool]] = []

    def line(
        self,
        xs: Any,
        ys: Any,
        colour: str,
        label: str = "",
        dashed: bool = False,
        width: float = 2.0,
        opacity: float = 1.0,
    ) -> None:
        """A line through the points; broken where a value is not finite (or has no logarithm)."""
        xs, ys = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
        drawn = np.isfinite(ys) & ((ys > 0) | (not self.y.log))
        places = list(zip(self.x(xs), self.y(np.where(drawn, ys, 1.0)), strict=True))
        path, lone = [], []
        for index, (px, py) in enumerate(places):
            if drawn[index]:
                begins = index == 0 or not drawn[index - 1]
                path.append(f"{'M' if begins else 'L'}{coordinate(float(px))} {coordinate(float(py))}")
                if begins and (index + 1 == len(places) or not drawn[index + 1]):
                    lone.append((float(px), float(py)))
        style = {"stroke_dasharray": "5 4" if dashed else None, "opacity": opacity if opacity < 1 else None}
        if path:
            self._marks.append(
                tag(
                    "path",
                    d="".join(path),
                    fill="none",
                    stroke=colour,
                    stroke_width=width,
                    stroke_linejoin="round",
                    **style,
                )
            )
        self._marks += [tag("circle", cx=px, cy=py, r=width + 0.5, fill=colour) for px, py in lone]
        if label:
            self._legend.append((label, colour, dashed))

    def area(self, xs: Any, low: Any, high: Any, colour: str, opacity: float = 0.2) -> None:
        """What lies between two lines."""
        low, high = np.broadcast_to(low, np.shape(xs)), np.broadcast_to(high, np.shape(xs))
        there = [
            f"{coordinate(float(px))} {coordinate(float(py))}" for px, py in zip(self.x(xs), self.y(high), strict=True)
        ]
        back = [
            f"{coordinate(float(px))} {coordinate(float(py))}" for px, py in zip(self.x(xs), self.y(low), strict=True)
        ]
        self._marks.append(tag("path", d=f"M{'L'.join(there + back[::-1])}Z", fill=colour, fill_opacity=opacity))

    def dots(self, xs: Any, ys: Any, colour: str, label: str = "", size: float = 4.0, opacity: float = 0.55) -> None:
        """Points, all in one path: lines of no length with round ends."""
        xs, ys = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
        shown = np.isfinite(xs) & np.isfinite(ys)
        places = zip(self.x(xs[shown]), self.y(ys[shown]), strict=True)
        path = "".join(f"M{coordinate(round(float(px), 1))} {coordinate(round(float(py), 1))}h0" for px, py in places)
        if path:
            self._marks.append(
                tag("path", d=path, stroke=colour, stroke_width=size, stroke_linecap="round", stroke_opacity=opacity)
            )
        if label:
            self._legend.append((label, colour, False))

    def bars(self, edges: Any, heights: Any, colour: str, label: str = "", opacity: float = 0.75) -> None:
        """A bar between each two edges, up from the axis."""
        edges, heights = self.x(edges), np.asarray(heights, np.float64)
        base, path = coordinate(self.y.start), []
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            if height > 0:
                sides = [coordinate(float(side)) for side in (left, self.y(height), right)]
                path.append(f"M{sides[0]} {base}V{sides[1]}H{sides[2]}V{base}Z")
        if path:
            self._marks.append(tag("path", d="".join(path), fill=colour, fill_opacity=opacity))
        if label:
            self._legend.append((label, colour, False))

    def upright(self, value: float, label: str = "", colour: str = INK, low: bool = False) -> None:
        """A dotted line across, at that x; its label on top, or ``low``."""
        px = float(self.x(value))
        style = {"stroke": colour, "stroke_dasharray": "2 3", "opacity": 0.65}
        self._marks.append(tag("line", x1=px, x2=px, y1=TOP, y2=self._bottom, **style))
        if label:
            right = px > (LEFT + RIGHT) / 2
            at = self._bottom - 6 if low else TOP + 11
            self._labels.append(_words(label, px + (-4 if right else 4), at, "end" if right else "start", over=True))

    def level(self, value: float, label: str = "", colour: str = INK) -> None:
        """A dotted line along, at that y."""
        py = float(self.y(value))
        style = {"stroke": colour, "stroke_dasharray": "2 3", "opacity": 0.65}
        self._marks.append(tag("line", x1=LEFT, x2=RIGHT, y1=py, y2=py, **style))
        if label:
            self._labels.append(_words(label, RIGHT - 2, py - 4, "end", over=True))

    def picture(self, pixels: Array) -> None:
        """(rows, columns, 4) pixels over the whole plane, the first row on top."""
        self._marks.append(image(pixels, LEFT, TOP, RIGHT - LEFT, self._bottom - TOP))

    @property
    def _bottom(self) -> float:
        return self.height - (HEIGHT - BOTTOM)

    def svg(self) -> Markup:
        """The picture."""
        legend, more = self._written_legend()
        return tag(
            "svg",
            self._frame(),
            self._marks,
            self._labels,
            legend,
            viewBox=f"0 0 {WIDTH} {coordinate(self.height + more)}",
            role="img",
            aria_label=self.says or None,
            font_size=11.5,
            font_family="inherit",
            style=f"width:100%;max-width:{WIDTH * 1.4:.0f}px;height:auto",
        )

    def _frame(self) -> list[Markup]:
        marks: list[Markup] = []
        bottom = self._bottom
        for tick in self.y.ticks(4 if self.height <= HEIGHT else 6):
            py = float(self.y(tick))
            marks.append(tag("line", x1=LEFT, x2=RIGHT, y1=py, y2=py, stroke=INK, opacity=0.14))
            marks.append(_words(self.y.label(tick), LEFT - 6, py + 4, "end"))
        for tick in self.x.ticks(6):
            px = float(self.x(tick))
            marks.append(tag("line", x1=px, x2=px, y1=bottom, y2=bottom + 4, stroke=INK, opacity=0.5))
            marks.append(_words(self.x.label(tick), px, bottom + 16, "middle"))
        marks.append(tag("line", x1=LEFT, x2=RIGHT, y1=bottom, y2=bottom, stroke=INK, opacity=0.5))
        if self.x_label:
            marks.append(_words(self.x_label, RIGHT, bottom + 33, "end", opacity=0.75))
        if self.y_label:
            marks.append(_words(self.y_label, 4, 14, "start", opacity=0.75))
        return marks

    def _written_legend(self) -> tuple[list[Markup], float]:
        """On the right above the plane; in rows below all else where there is no room. And how much height that adds.

        A single line needs none: the axis has its name.
        """
        if len(self._legend) < 2:
            return [], 0.0
        rows: list[list[float]] = [[]]  # widths
        room = RIGHT - 14 - _LETTER * len(self.y_label)
        widths = [26 + _LETTER * len(label) for label, _, _ in self._legend]
        beside = sum(widths) <= room
        for width in widths:
            if not beside and sum(rows[-1]) + width > RIGHT - 8:
                rows.append([])
            rows[-1].append(width)
        marks, entries = [], iter(self._legend)
        for index, row in enumerate(rows):
            left, at = (RIGHT - sum(row), 10.0) if beside else (8.0, self.height + 4 + 17 * index)
            for width in row:
                label, colour, dashed = next(entries)
                style = {"stroke": colour, "stroke_width": 3, "stroke_dasharray": "5 3" if dashed else None}
                marks.append(tag("line", x1=left + 4, x2=left + 18, y1=at, y2=at, **style))
                marks.append(_words(label, left + 22, at + 4, "start"))
                left += width
        return marks, 0.0 if beside else 17.0 * len(rows) + 2


def _words(content: str, x: float, y: float, anchor: str, opacity: float | None = None, over: bool = False) -> Markup:
    """Text; what stands ``over`` marks has an edge in the paper's colour, where the page knows that."""
    style = {
        "text_anchor": None if anchor == "start" else anchor,
        "opacity": opacity,
        "style": _EDGE if over else None,
    }
    return tag("text", content, x=x, y=y, fill=INK, **style)


def image(pixels: Array, x: float, y: float, width: float, height: float) -> Markup:
    """(rows, columns, 4) bytes as an image in a picture, each pixel a sharp rectangle."""
    from lamella.reporting.png import png

    data = base64.b64encode(png(pixels)).decode()
    return tag(
        "image",
        x=x,
        y=y,
        width=width,
        height=height,
        preserveAspectRatio="none",
        style="image-rendering:pixelated",
        href=f"data:image/png;base64,{data}",
    )


def side_by_side(pictures: Sequence[Markup]) -> Markup:
    """As many in a row as the page has room for."""
    return tag("div", join(*pictures), class_="charts")
