"""Rows of a sweep as standard pictures: scaling, days to tokens, break-even maps.

This file knows columns of rows and charts; what a column means is the sweep's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import InputError, nearest
from accelsim.explore.expression import parse
from accelsim.report.picture.charts import Curve, lines, ranged
from accelsim.report.picture.marks import Drawing, Line, Mark, Point, Rect, Text
from accelsim.report.picture.plot import SMALL, Axis, tick_words
from accelsim.report.sweep import cell

if TYPE_CHECKING:
    import pyarrow as pa

DAY = 86400.0
Row = Mapping[str, Any]


def figures_of(rows: "pa.Table", *names: str | None) -> list[Row]:
    """Return rows whose columns have all a figure.

    Raises
    ------
    InputError
        No such column, or no row with a figure.
    """
    asked = [name for name in names if name is not None]
    for name in asked:
        if name not in rows.column_names:
            hint = nearest(name, rows.column_names)
            raise InputError(f"--figure: no column {name!r}; {hint}".rstrip("; "))
    plain = rows.select(list(dict.fromkeys(asked))).to_pylist()
    told = [row for row in plain if all(_told(row[name]) for name in asked)]
    if not told:
        raise InputError(f"--figure: no row has a figure for {', '.join(asked)}")
    return told


def _told(value: Any) -> bool:
    return value is not None and not (
        isinstance(value, float) and not math.isfinite(value)
    )


def _numbers(rows: Sequence[Row], *names: str) -> None:
    for name in names:
        if isinstance(rows[0][name], str):
            raise InputError(f"--figure: {name} holds no numbers")


def _curves(
    rows: Sequence[Row], x: str, y: str, by: str | None, scale: float = 1.0
) -> list[Curve]:
    groups = dict.fromkeys(row[by] if by else "" for row in rows)
    return [
        Curve(
            str(group),
            tuple(
                sorted(
                    (float(row[x]), scale * float(row[y]))
                    for row in rows
                    if by is None or row[by] == group
                )
            ),
        )
        for group in groups
    ]


def _framed(curves: Sequence[Curve], x: str, y: str) -> tuple[Axis, Axis]:
    """Return logarithmic axes that show all points."""
    every = [point for curve in curves for point in curve.points]
    return (
        Axis(*ranged([a for a, _ in every], log=True), 0.0, 1.0, x, log=True),
        Axis(*ranged([b for _, b in every], log=True), 0.0, 1.0, y, log=True),
    )


def scaling_figure(
    title: str, rows: "pa.Table", x: str, y: str, by: str | None
) -> Drawing:
    """Return throughput against chips, beside what it would be if each did as much.

    The dashed line goes on from a curve's first point in proportion; at its end stands
    the share of it that is reached.
    """
    told = figures_of(rows, x, y, by)
    _numbers(told, x, y)
    curves = _curves(told, x, y, by)
    ends = [c.points[0][1] * c.points[-1][0] / c.points[0][0] for c in curves]
    far = [(c.points[-1][0], end) for c, end in zip(curves, ends, strict=True)]
    across, up = _framed([*curves, Curve("", tuple(far))], x, y)

    def ideal(across: Axis, up: Axis) -> list[Mark]:
        marks: list[Mark] = []
        for curve, should in zip(curves, ends, strict=True):
            last, reached = curve.points[-1]
            line = (curve.points[0], (last, should))
            places = tuple((across.at(a), up.at(b)) for a, b in line)
            marks.append(Line(places, "muted", 1.2, 1, f"ideal of {curve.label}"))
            words = f"{reached / should:.0%}"
            at = up.at(reached) + 16.0
            marks.append(Text(across.at(last), at, words, "end", SMALL, "muted"))
        return marks

    about = f"{y} against {x}, both logarithmic; dashed: in proportion to {x}."
    return lines("scaling", title, about, curves, across, up, ideal)


def days_figure(
    title: str, rows: "pa.Table", x: str, by: str | None,
    tokens: float, level: float | None,
) -> Drawing:  # fmt: skip
    """Return the days that so many tokens take, and a deadline where one is given."""
    told = [
        {**row, "days": tokens / row["tokens_per_s"] / DAY}
        for row in figures_of(rows, x, "tokens_per_s", by)
    ]
    _numbers(told, x)
    curves = _curves(told, x, "days", by)
    across, up = _framed(curves, x, f"days to {tick_words(tokens, '')} tokens")

    def deadline(across: Axis, up: Axis) -> list[Mark]:
        if level is None or not up.low <= level <= up.high:
            return []
        y = up.at(level)
        words = Text(across.end, y - 5.0, f"{level:g} days", "end", SMALL, "bad")
        return [Line(((across.start, y), (across.end, y)), "bad", 1.6, 1), words]

    about = f"Days to {tick_words(tokens, '')} tokens against {x}, both logarithmic."
    return lines("days", title, about, curves, across, up, deadline)


@dataclass(frozen=True, slots=True)
class Grid:
    """A column over two axes: `z[j, i]` at the i-th of `x` and the j-th of `y`."""

    x: list[Any]
    y: list[Any]
    z: np.ndarray


def grid_of(rows: "pa.Table", x: str, y: str, z: str, base: str | None) -> Grid:
    """Return a column over two others; over its value in the row of `base`, if given.

    Raises
    ------
    InputError
        Two rows at one place; not one row with a figure that `base` is true of.
    """
    _numbers(figures_of(rows, x, y, z), z)
    every = rows.select(list(dict.fromkeys([x, y, z]))).to_pylist()
    across, up = (list(dict.fromkeys(row[name] for row in every)) for name in (x, y))
    across, up = (v if isinstance(v[0], str) else sorted(v) for v in (across, up))
    found = np.full((len(up), len(across)), np.nan)
    for row in every:
        place = up.index(row[y]), across.index(row[x])
        if not np.isnan(found[place]):
            raise InputError(
                f"--figure: several rows at {x} {row[x]}, {y} {row[y]}: choose some "
                "with --sql"
            )
        found[place] = row[z] if _told(row[z]) else np.nan
    return Grid(across, up, found / (_base(rows, z, base) if base else 1.0))


def _base(rows: "pa.Table", z: str, text: str) -> float:
    """Return a column's value in the one row that an expression is true of."""
    columns = {
        name.partition(" (")[0]: np.asarray(column.to_pylist())
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    }
    true = parse(text, columns, "--base").over(columns).astype(bool)
    values = [v for v in columns[z.partition(" (")[0]][true] if _told(v)]
    if len(values) != 1:
        raise InputError(f"--base {text!r}: is true of {len(values)} rows, not of one")
    return float(values[0])


def map_figure(
    title: str, grid: Grid, names: tuple[str, str, str], level: float | None
) -> Drawing:
    """Return a map of a column over two axes, and the line where it is a level.

    names : of x, y and the column.
    """
    x, y, z = names
    words = [tuple(cell(v) for v in values) for values in (grid.x, grid.y)]
    below = x if level is None else f"{x}      (on the line: {z} = {level:g})"
    across, up = (
        Axis(-0.5, len(w) - 0.5, 0.0, 1.0, label, words=w)
        for w, label in zip(words, (below, y), strict=True)
    )
    middle = level if level is not None else float(np.nanmin(grid.z))
    far = float(np.nanmax(np.abs(grid.z - middle))) or 1.0

    def drawn(across: Axis, up: Axis) -> list[Mark]:
        marks: list[Mark] = []
        for (j, i), value in np.ndenumerate(grid.z):
            marks += _cell(across, up, i, j, float(value), middle, far)
        for one in contour(grid.z, level) if level is not None else ():
            places = tuple((across.at(a), up.at(b)) for a, b in one)
            marks.append(Line(places, "ink", 2.4, 0, f"{z} = {level:g}"))
        return marks

    told = "" if level is None else f"; the line: {level:g}"
    about = f"{z} over {x} and {y}{told}."
    height = max(240.0, 34.0 * len(grid.y))
    return lines("map", title, about, (), across, up, drawn, height)


def _cell(
    x: Axis, y: Axis, i: int, j: int, value: float, middle: float, far: float
) -> list[Mark]:
    left, right = x.at(i - 0.5), x.at(i + 0.5)
    bottom, top = y.at(j - 0.5), y.at(j + 0.5)
    words = cell(value)
    at = Text(x.at(i), y.at(j) + 4.0, words, "middle", SMALL)
    if math.isnan(value):
        return [at]
    share = min(1.0, abs(value - middle) / far)
    fill, opacity = ("c0" if value >= middle else "c1"), 0.08 + 0.6 * share
    box = (left, top, right - left, bottom - top)
    made: list[Mark] = [Rect(*box, fill, 0, words, opacity)]
    return [*made, at] if right - left > 36.0 else made


def contour(z: np.ndarray, level: float) -> list[tuple[Point, Point]]:
    """Return where a grid is a level, as pieces in units of its columns and rows.

    Marching squares (Lorensen and Cline 1987, in two dimensions), linear along edges.
    """
    pieces = []
    for (j0, j1), (i0, i1) in (
        (rows, columns)
        for rows in pairwise(range(z.shape[0]))
        for columns in pairwise(range(z.shape[1]))
    ):
        corners = ((i0, j0), (i1, j0), (i1, j1), (i0, j1), (i0, j0))
        crossed = []
        if any(math.isnan(z[b, a]) for a, b in corners):
            continue
        for (a, b), (c, d) in pairwise(corners):
            low, high = float(z[b, a]) - level, float(z[d, c]) - level
            if (low < 0.0) != (high < 0.0):
                t = low / (low - high)
                crossed.append((a + t * (c - a), b + t * (d - b)))
        pieces += list(zip(crossed[::2], crossed[1::2], strict=False))
    return pieces
