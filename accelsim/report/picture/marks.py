"""Marks on a sheet, in pixels from the top left, and the colours that they may have.

This file knows no file format and nothing of what is drawn. A colour is a name of
`LIGHT` and `DARK`; a mark's `tip` is what is told when one points at it.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

# Series colours that people with colour-blindness tell apart (Okabe and Ito, 2008),
# lifted on dark paper. Each series has a hatch, dash and shape of its own, too.
# e0 to e3 are contours on an eye, which is dark on any paper.
LIGHT = {
    "paper": "#ffffff", "ink": "#1c2430", "muted": "#5c6675", "grid": "#e3e7ec",
    "c0": "#0072b2", "c1": "#d55e00", "c2": "#009e73", "c3": "#b8558f", "c4": "#56b4e9",
    "c5": "#e69f00", "c6": "#6b7280", "c7": "#7a5195", "c8": "#a6761d",
    "e0": "#ffffff", "e1": "#7fe7ff", "e2": "#ffd166", "e3": "#8dff7a",
    "good": "#1a7f4b", "warn": "#915a00", "bad": "#b3261e",
}  # fmt: skip
DARK = {
    "paper": "#14181f", "ink": "#e8ecf1", "muted": "#9aa5b4", "grid": "#2a313c",
    "c0": "#4aa8e0", "c1": "#f2853d", "c2": "#35c79a", "c3": "#dd8fbb", "c4": "#8fd0f7",
    "c5": "#f2bb45", "c6": "#98a2b3", "c7": "#b494d8", "c8": "#d0a65a",
    "e0": "#ffffff", "e1": "#7fe7ff", "e2": "#ffd166", "e3": "#8dff7a",
    "good": "#4cc38a", "warn": "#e5a83b", "bad": "#f2776e",
}  # fmt: skip
SERIES = 9
HATCHES = ("", "/", "\\", "x", "-", "|", ".", "+", "//")
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "12 4", "1 4", "6 2 2 2", "3 6")
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "plus")

Point: TypeAlias = tuple[float, float]


def colour_of(series: int) -> str:
    """Return the name of a series' colour; they repeat."""
    return f"c{series % SERIES}"


@dataclass(frozen=True, slots=True)
class Rect:
    """A box; `hatch` is an index of `HATCHES`, drawn over it in the paper's colour."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    hatch: int = 0
    tip: str = ""
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Boxes:
    """Many boxes that look alike, (x, y, width, height) each."""

    boxes: tuple[tuple[float, float, float, float], ...]
    fill: str
    hatch: int = 0
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Points that are joined; `dash` is an index of `DASHES`."""

    points: tuple[Point, ...]
    stroke: str = "ink"
    width: float = 1.5
    dash: int = 0
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """A closed polygon, filled."""

    points: tuple[Point, ...]
    fill: str
    opacity: float = 0.2
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of data; `shape` is an index of `SHAPES`."""

    x: float
    y: float
    fill: str
    shape: int = 0
    radius: float = 4.0
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A line of words, on its baseline; `turned` reads upwards."""

    x: float
    y: float
    words: str
    anchor: str = "start"  # start, middle, end
    size: float = 12.0
    fill: str = "ink"
    bold: bool = False
    turned: bool = False


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A PNG that is stretched over a box."""

    x: float
    y: float
    width: float
    height: float
    png: bytes


Mark: TypeAlias = Rect | Boxes | Line | Area | Dot | Text | Bitmap


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure.

    Attributes
    ----------
    name : str
        Of its file, without an ending.
    title, about : str
        What it shows, and in a sentence what can be seen: read to those who do not see.
    width, height : float
        Of the sheet.
    """

    name: str
    title: str
    about: str
    width: float
    height: float
    marks: tuple[Mark, ...]

    def _repr_svg_(self) -> str:
        """Return the figure for a notebook."""
        from accelsim.report.picture.svg import whole  # it reads marks

        return whole(self)


NARROW, WIDE = re.compile(r"[ijlI.,:;'!|()\[\] ]"), re.compile(r"[mwMW%@–×]")


def width_of(words: str, size: float = 12.0) -> float:
    """Return about how wide words are in a sans-serif face, rather more than less."""
    narrow, wide = len(NARROW.findall(words)), len(WIDE.findall(words))
    capital = sum(c.isupper() for c in words)
    plain = len(words) - narrow - wide
    return size * (0.33 * narrow + 0.92 * wide + 0.57 * plain + 0.1 * capital)


def shortened(words: str, room: float, size: float = 12.0) -> str:
    """Return words cut to a room, an ellipsis in the place of what is missing."""
    if width_of(words, size) <= room:
        return words
    while words and width_of(words + "…", size) > room:
        words = words[:-1]
    return words.rstrip() + "…"
