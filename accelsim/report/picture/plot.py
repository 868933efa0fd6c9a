"""A frame with two axes: where a value stands on the sheet, ticks, labels, a legend.

This file knows numbers and marks, and no quantity: an axis is handed its unit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.report.picture.marks import (
    Dot,
    Line,
    Mark,
    Point,
    Rect,
    Text,
    colour_of,
    width_of,
)

SMALL = 11.0
PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M",
            9: "G", 12: "T", 15: "P", 18: "E"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values, and the range of pixels that it lies on.

    Attributes
    ----------
    low, high : float
        Of the values; both more than zero on a logarithmic axis.
    start, end : float
        Where these stand [px]; the vertical axis grows upwards, so start > end.
    unit : str
        SI unit of the values, with a decimal prefix where it is printed.
    words : tuple of str
        Of values that are no numbers: the axis counts them from 0.
    """

    low: float
    high: float
    start: float
    end: float
    label: str = ""
    unit: str = ""
    log: bool = False
    words: tuple[str, ...] = ()

    def at(self, value: float) -> float:
        """Return where a value stands [px]."""
        if self.log:
            floor = max(value, 1e-300)
            share = math.log(floor / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def prefix(self) -> int:
        """Return the power of ten, a multiple of three, that the ticks are told in."""
        largest = max(abs(self.low), abs(self.high))
        if self.unit in ("%", "$") or (not self.unit and 1e-3 <= largest < 1e4):
            return 0
        return power_of(largest)

    @property
    def title(self) -> str:
        """Return the label with the unit."""
        unit = PREFIXES[self.prefix] + self.unit if self.unit and not self.log else ""
        unit = unit or self.unit
        return f"{self.label}, {unit}" if unit and self.label else self.label or unit

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Return where ticks stand, as values, with their words."""
        if self.words:
            room = abs(self.end - self.start) / max(len(self.words), 1)
            every = max(
                1, math.ceil(room_for(self.words, SMALL) / max(room - 6.0, 1.0))
            )
            return [(float(n), each) for n, each in enumerate(self.words)][::every]
        if self.log:
            return _log_ticks(self, most)
        step = nice_step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        count = math.floor(self.high / step + 1e-9) - first + 1
        scale = 10.0**-self.prefix * (100.0 if self.unit == "%" else 1.0)
        shown, after = step * scale, ""
        if not self.unit and self.prefix:  # no title that tells the prefix
            after = f" {PREFIXES[self.prefix]}"
        places = next(
            n for n in range(16) if abs(round(shown, n) - shown) < 1e-6 * shown
        )
        return [
            (
                n * step,
                f"{n * step * scale:,.{places}f}{after if n else ''}".replace("-", "−"),
            )
            for n in range(first, first + count)
        ]


def power_of(value: float) -> int:
    """Return the multiple of three that a decimal prefix stands for."""
    if value <= 0.0 or not math.isfinite(value):
        return 0
    return min(max(3 * math.floor(math.log10(value) / 3.0 + 1e-12), -15), 18)


def nice_step(least: float) -> float:
    """Return the least of 1, 2, 2.5 and 5 times a power of ten that is not less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= least)


def _log_ticks(axis: Axis, most: int) -> list[tuple[float, str]]:
    low, high = axis.low, axis.high
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 2:
        found = [m * 10.0**p for p in range(first - 1, last + 1) for m in (1, 2, 5)]
        values = [value for value in found if low <= value <= high]
    else:
        step = max(1, math.ceil((last - first + 1) / most))
        values = [10.0**p for p in range(first, last + 1, step)]
    return [(value, tick_words(value, axis.unit)) for value in values]


def tick_words(value: float, unit: str) -> str:
    """Return a value with its decimal prefix: `10 k`; far out as a power of ten."""
    power = power_of(value)
    if not 1e-15 <= value < 1e21 or (value < 0.1 and not unit):
        return f"{value:.0e}".replace("e-0", "e-").replace("-", "−")
    return f"{value / 10.0**power:.3g} {PREFIXES[power]}".strip()


def room_for(words: Sequence[str], size: float = 12.0, most: float = 220.0) -> float:
    """Return the width that labels need, up to a most."""
    return min(max((width_of(each, size) for each in words), default=0.0), most)


def frame(x: Axis, y: Axis, *, grid: str = "both") -> list[Mark]:
    """Return grid, ticks, labels and the two axes' lines."""
    marks: list[Mark] = []
    left, right = sorted((x.start, x.end))
    top, bottom = sorted((y.start, y.end))
    room = abs(x.end - x.start)
    for value, words in x.ticks(max(3, int(room // 90))):
        at = x.at(value)
        if grid in ("both", "x"):
            marks.append(Line(((at, top), (at, bottom)), "grid", 1.0))
        marks.append(Text(at, bottom + 17, words, "middle", SMALL, "muted"))
    for value, words in rising(y):
        at = y.at(value)
        if grid in ("both", "y"):
            marks.append(Line(((left, at), (right, at)), "grid", 1.0))
        marks.append(Text(left - 7, at + 4, words, "end", SMALL, "muted"))
    marks.append(Line(((left, top), (left, bottom), (right, bottom)), "muted", 1.0))
    middle = (left + right) / 2.0
    marks.append(Text(middle, bottom + 36, x.title, "middle", 12.0, "muted"))
    height = (top + bottom) / 2.0
    aside = left - 18.0 - room_of_ticks(y)
    marks.append(Text(aside, height, y.title, "middle", 12.0, "muted", turned=True))
    return marks


def rising(y: Axis) -> list[tuple[float, str]]:
    """Return the ticks of a vertical axis."""
    return y.ticks(max(3, int(abs(y.start - y.end) // 45)))


def room_of_ticks(y: Axis) -> float:
    """Return the width that the words of a vertical axis take."""
    return max(30.0, room_for([words for _, words in rising(y)], SMALL))


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: words, and how the series looks."""

    words: str
    series: int
    look: str = "box"  # box, line, dot, or both of the last
    colour: str = ""


def legend(keys: Sequence[Key], left: float, right: float, y: float) -> list[Mark]:
    """Return a legend in rows between two edges; its first baseline is at y."""
    marks: list[Mark] = []
    at = left
    for key in keys:
        room = 24.0 + width_of(key.words) + 16.0
        if at > left and at + room - 16.0 > right:
            at, y = left, y + 19.0
        fill = key.colour or colour_of(key.series)
        if key.look == "box":
            marks.append(Rect(at, y - 10.0, 16.0, 11.0, fill, key.series % 9))
        if key.look in ("line", "both"):
            marks.append(
                Line(((at, y - 4), (at + 18, y - 4)), fill, 2.0, key.series % 9)
            )
        if key.look in ("dot", "both"):
            marks.append(Dot(at + 9.0, y - 4.0, fill, key.series % 6))
        marks.append(Text(at + 24.0, y, key.words))
        at += room
    return marks


def rows_of_legend(keys: Sequence[Key], left: float, right: float) -> int:
    """Return the rows that a legend takes."""
    marks = legend(keys, left, right, 0.0)
    lines = {mark.y for mark in marks if isinstance(mark, Text)}
    return max(1, len(lines))


def clipped(points: Sequence[Point], x: Axis, y: Axis) -> tuple[Point, ...]:
    """Return points of data on the sheet, those beyond the axes moved to them."""
    left, right = sorted((x.start, x.end))
    top, bottom = sorted((y.start, y.end))
    return tuple(
        (min(max(x.at(a), left), right), min(max(y.at(b), top), bottom))
        for a, b in points
    )
