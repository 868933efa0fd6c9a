"""Charts of any quantity: stacked bars, steps, a tornado, lines, points with a front.

This file knows how numbers are laid out on a sheet; what they mean is told by words,
units and series that the caller hands over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from accelsim.report.picture.marks import (
    Area,
    Dot,
    Drawing,
    Line,
    Mark,
    Point,
    Rect,
    Text,
    colour_of,
    shortened,
    width_of,
)
from accelsim.report.picture.plot import (
    SMALL,
    Axis,
    Key,
    clipped,
    frame,
    legend,
    room_for,
    room_of_ticks,
    rows_of_legend,
)

WIDTH = 760.0
ROW = 26.0
BAR = 16.0
LABELS = 230.0  # most room of the words before a bar
PLOT = 300.0  # height of a frame


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of stacked parts: (series, value, tip); words before and after it."""

    label: str
    parts: tuple[tuple[int, float, str], ...]
    after: str = ""
    bold: bool = False


def stacked(
    name: str, title: str, about: str, bars: Sequence[Bar], keys: Sequence[Key],
    axis: tuple[str, str], limit: tuple[float, str] | None = None,
) -> Drawing:  # fmt: skip
    """Return horizontal bars, each stacked of its parts.

    axis : label and unit of the values. limit : a value that is marked, and its words.
    """
    left = 12.0 + room_for([bar.label for bar in bars], most=LABELS)
    right = WIDTH - 16.0 - room_for([bar.after for bar in bars], SMALL)
    totals = [sum(value for _, value, _ in bar.parts) for bar in bars]
    most = max(*totals, limit[0] if limit else 0.0, 1e-30) * 1.02
    top = 24.0 + 19.0 * rows_of_legend(keys, left, WIDTH) + (16.0 if limit else 0.0)
    bottom = top + ROW * len(bars)
    x = Axis(0.0, most, left + 8.0, right, *axis)
    marks: list[Mark] = [*legend(keys, left + 8.0, WIDTH, 16.0)]
    marks += _values(x, top, bottom)
    wall = x.at(limit[0]) if limit else None
    for row, bar in enumerate(bars):
        marks += _bar(bar, x, top + ROW * row, left, wall)
    if limit:
        marks += _limit(limit, x, top, bottom)
    return Drawing(name, title, about, WIDTH, bottom + 46.0, tuple(marks))


def _values(x: Axis, top: float, bottom: float) -> list[Mark]:
    """Return an axis of values under rows, with lines through them."""
    marks: list[Mark] = []
    for value, words in x.ticks(max(3, int((x.end - x.start) // 70))):
        at = x.at(value)
        marks.append(Line(((at, top - 2), (at, bottom)), "grid", 1.0))
        marks.append(Text(at, bottom + 16, words, "middle", SMALL, "muted"))
    middle = (x.start + x.end) / 2.0
    marks.append(Text(middle, bottom + 36, x.title, "middle", 12.0, "muted"))
    return marks


def _label(words: str, y: float, right: float, *, bold: bool = False) -> Text:
    return Text(right, y + 15.0, shortened(words, LABELS), "end", bold=bold)


def _bar(bar: Bar, x: Axis, y: float, left: float, wall: float | None) -> list[Mark]:
    """Return a bar with its words, which do not stand across a wall."""
    marks: list[Mark] = [_label(bar.label, y, left, bold=bar.bold)]
    at = x.start
    for series, value, tip in bar.parts:
        width = x.at(value) - x.start
        fill = colour_of(series)
        marks.append(Rect(at, y + 3.0, width, BAR, fill, series % 9, tip))
        at += width
    if wall is not None and at < wall < at + 14.0 + width_of(bar.after, SMALL):
        at = wall
    marks.append(Text(at + 6.0, y + 15.0, bar.after, size=SMALL, fill="muted"))
    return marks


def _limit(limit: tuple[float, str], x: Axis, top: float, bottom: float) -> list[Mark]:
    at = x.at(limit[0])
    anchor = "end" if at > (x.start + x.end) / 2.0 else "start"
    return [
        Line(((at, top - 6.0), (at, bottom)), "bad", 1.6, 1),
        Text(at, top - 10.0, limit[1], anchor, SMALL, "bad", bold=True),
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """A bar of a waterfall, which begins where the one before ended."""

    label: str
    value: float
    after: str
    series: int = 0


def steps(
    name: str, title: str, about: str, rows: Sequence[Step], total: Step,
    keys: Sequence[Key], axis: tuple[str, str],
) -> Drawing:  # fmt: skip
    """Return a waterfall from zero to the total, a row a step."""
    labels = [row.label for row in (*rows, total)]
    left = 12.0 + room_for(labels, most=LABELS)
    right = WIDTH - 20.0 - room_for([row.after for row in (*rows, total)], SMALL)
    ends = list(accumulate(row.value for row in rows))
    x = Axis(0.0, max(*ends, total.value) * 1.01, left + 8.0, right, *axis)
    top = 24.0 + 19.0 * rows_of_legend(keys, left, WIDTH)
    bottom = top + ROW * len(labels)
    marks: list[Mark] = [*legend(keys, left + 8.0, WIDTH, 16.0)]
    marks += _values(x, top, bottom)
    for number, (row, end) in enumerate(zip(rows, ends, strict=True)):
        y, low = top + ROW * number, min(end, end - row.value)
        size = max(x.at(abs(row.value)) - x.start, 1.5)
        fill = colour_of(row.series)
        tip = f"{row.label}: {row.after}"
        marks.append(_label(row.label, y, left))
        marks.append(Rect(x.at(low), y + 3.0, size, BAR, fill, row.series % 9, tip))
        marks.append(
            Line(((x.at(end), y + 3.0), (x.at(end), y + ROW + 3.0)), "muted", 1.0)
        )
        edge = x.at(max(end, end - row.value)) + 6.0
        marks.append(Text(edge, y + 15.0, row.after, size=SMALL, fill="muted"))
    y = top + ROW * len(rows)
    marks.append(_label(total.label, y, left, bold=True))
    size = x.at(total.value) - x.start
    marks.append(Rect(x.start, y + 3.0, size, BAR, "ink", 0, total.after))
    after = Text(x.start + size + 6.0, y + 15.0, total.after, size=SMALL, bold=True)
    return Drawing(name, title, about, WIDTH, bottom + 46.0, (*marks, after))


@dataclass(frozen=True, slots=True)
class Lever:
    """A row of a tornado: what is moved, and what it does either way."""

    label: str
    value: float
    after: str


def tornado(
    name: str, title: str, about: str, rows: Sequence[Lever], axis: tuple[str, str]
) -> Drawing:
    """Return bars to both sides of zero, in the order given."""
    left = 12.0 + room_for([row.label for row in rows], most=300.0)
    after = room_for([row.after for row in rows], SMALL) + 12.0
    low = min(0.0, *(row.value for row in rows))
    high = max(0.0, *(row.value for row in rows))
    start = left + 10.0 + (after if low < 0.0 else 0.0)
    end = WIDTH - 8.0 - (after if high > 0.0 else 0.0)
    x = Axis(low, high if high > low else low + 1.0, start, end, *axis)
    top, bottom = 10.0, 10.0 + ROW * len(rows)
    marks: list[Mark] = [*_values(x, top, bottom)]
    zero = x.at(0.0)
    for number, row in enumerate(rows):
        y, at = top + ROW * number, x.at(row.value)
        helps = row.value > 0.0
        words = shortened(row.label, 300.0)
        marks.append(Text(left, y + 15.0, words, "end"))
        box = (min(zero, at), y + 3.0, max(abs(at - zero), 1.5), BAR)
        tip = f"{row.label}: {row.after}"
        marks.append(Rect(*box, "c0" if helps else "c1", 0 if helps else 1, tip))
        place, anchor = (at + 6.0, "start") if helps else (at - 6.0, "end")
        marks.append(Text(place, y + 15.0, row.after, anchor, SMALL, "muted"))
    marks.append(Line(((zero, top - 2.0), (zero, bottom)), "ink", 1.2))
    return Drawing(name, title, about, WIDTH, bottom + 46.0, tuple(marks))


@dataclass(frozen=True, slots=True)
class Curve:
    """A series of points, joined or not, with the band that it lies in.

    Attributes
    ----------
    tips : tuple of str
        Of the points, or empty.
    low, high : tuple of float
        Ends of the band at each point, or empty.
    """

    label: str
    points: tuple[Point, ...]
    joined: bool = True
    dots: bool = True
    tips: tuple[str, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


def lines(
    name: str, title: str, about: str, curves: Sequence[Curve], x: Axis, y: Axis,
    more: Callable[[Axis, Axis], Sequence[Mark]] | None = None,
    height: float = PLOT,
) -> Drawing:  # fmt: skip
    """Return curves in a frame; of `x` and `y` the values, labels and kind are taken.

    more : marks of the caller's own, handed the axes with their place.
    """
    keys = [
        Key(c.label, k, ("both" if c.dots else "line") if c.joined else "dot")
        for k, c in enumerate(curves)
        if c.label
    ]
    beside = room_of_ticks(_placed(y, height, 0.0))
    left, right = 36.0 + beside, WIDTH - 20.0
    top = 10.0 + (19.0 * rows_of_legend(keys, left, right) + 4.0 if keys else 0.0)
    across = _placed(x, left, right)
    upward = _placed(y, top + height, top)
    marks: list[Mark] = [*legend(keys, left, right, 18.0), *frame(across, upward)]
    for series, curve in enumerate(curves):
        marks += _curve(curve, series, across, upward)
    if more is not None:
        marks += more(across, upward)
    return Drawing(name, title, about, WIDTH, top + height + 46.0, tuple(marks))


def _placed(axis: Axis, start: float, end: float) -> Axis:
    return replace(axis, start=start, end=end)


def _curve(curve: Curve, series: int, x: Axis, y: Axis) -> list[Mark]:
    fill = colour_of(series)
    marks: list[Mark] = []
    if curve.low:
        across = [point[0] for point in curve.points]
        up = list(zip(across, curve.high, strict=True))
        down = list(zip(across, curve.low, strict=True))[::-1]
        marks.append(Area(clipped([*up, *down], x, y), fill, 0.15))
    places = clipped(curve.points, x, y)
    if curve.joined:
        marks.append(Line(places, fill, 2.0, series % 9, curve.label))
    if curve.dots:
        tips = curve.tips or ("",) * len(places)
        marks += [
            Dot(*at, fill, series % 6, 3.6, tip)
            for at, tip in zip(places, tips, strict=True)
        ]
    return marks


def ranged(
    values: Sequence[float], *, log: bool, zero: bool = False
) -> tuple[float, float]:
    """Return the ends of an axis that shows all values, with some room beyond them."""
    low, high = min(values), max(values)
    if log:
        low = max(low, 1e-300)
        return (
            (low / 1.5, high * 1.5) if high < 1.2 * low else (low / 1.25, high * 1.25)
        )
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return (0.0 if zero and low >= 0.0 else low - room), high + room


def labelled(points: Sequence[tuple[Point, str]], x: Axis, y: Axis) -> list[Mark]:
    """Return names beside points, each on the side where there is room."""
    marks: list[Mark] = []
    taken: list[tuple[float, float, float]] = []
    for point, words in points:
        (across, down), room = clipped([point], x, y)[0], width_of(words, SMALL)
        left = across + room + 10.0 > max(x.start, x.end)
        start = across - 8.0 - room if left else across + 8.0
        for shift in (-6.0, 14.0, -20.0, 28.0, -34.0):
            at = down + shift
            free = all(
                abs(at - other) > 12.0 or start > end or start + room < begin
                for begin, end, other in taken
            )
            if free:
                break
        taken.append((start, start + room, at))
        marks.append(Text(start, at, words, size=SMALL))
    return marks
