"""Sweeps for people: progress, tables of rows, and a picture of one figure.

This file knows Arrow tables, rich and marks.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from accelsim.errors import InputError, nearest
from accelsim.explore.sweep.look import Difference
from accelsim.numbers import DASH
from accelsim.report.picture.charts import Curve, lines, ranged
from accelsim.report.picture.marks import Drawing
from accelsim.report.picture.plot import Axis
from accelsim.report.tables import flowing, heading, table

if TYPE_CHECKING:
    import pyarrow as pa


def rows_tables(title: str, rows: "pa.Table", most: int) -> list[RenderableType]:
    """Return a table of the first `most` rows."""
    made = table(*short_names(rows.column_names), left=0)
    for column, values in zip(made.columns, rows.columns, strict=True):
        column.justify = "left" if is_text(values) else "right"
    for row in rows.slice(0, most).to_pylist():
        made.add_row(*(cell(value) for value in row.values()))
    parts: list[RenderableType] = [flowing(title)] if title else []
    parts.append(made)
    if rows.num_rows > most:
        parts.append(flowing(f"{rows.num_rows - most:,} more rows; --top shows more"))
    return parts


def short_names(names: list[str]) -> list[str]:
    """Return the last words of dotted names, or the whole where two would be alike."""
    ends = [name.partition(" (")[0].rpartition(".")[2] for name in names]
    units = [name.partition(" (")[1:] for name in names]
    return [
        name if ends.count(end) > 1 else end + "".join(unit)
        for name, end, unit in zip(names, ends, units, strict=True)
    ]


def is_text(column: Any) -> bool:
    """Return whether a column holds words."""
    return str(column.type) in ("string", "large_string")


def cell(value: Any) -> str:
    """Return a value of any column as a text for a table."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    large = abs(value) >= 1e6 or 0.0 < abs(value) < 1e-3
    return f"{value:.4g}" if large else f"{value:,.4g}"


def summary_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return how far a sweep is."""
    made = table("", "")
    for key, value in found.items():
        if key not in ("question", "damaged", "sweep"):
            made.add_row(key.replace("_", " "), cell(value))
    parts: list[RenderableType] = [heading(found["sweep"])]
    if found["question"]:
        parts.append(flowing(found["question"]))
    return [*parts, made, *(flowing(line) for line in found["damaged"])]


def difference_tables(found: Difference, most: int) -> list[RenderableType]:
    """Return where two sweeps differ."""
    line = (
        f"{found.both:,} points in both, {found.changed:,} of them differ; "
        f"{found.only_first:,} only in the first, {found.only_second:,} only in the "
        "second"
    )
    parts: list[RenderableType] = [flowing(line)]
    if found.changed:
        parts += rows_tables("", found.rows, most)
    return parts


def rows_figure(
    title: str, rows: "pa.Table", x: str, y: str, by: str | None, *, joined: bool = True
) -> Drawing:
    """Return column `y` against `x`, a line or a cloud for each value of `by`.

    Raises
    ------
    InputError
        No such column, or one that is no number.
    """
    for name in (x, y, *([by] if by else [])):
        if name not in rows.column_names:
            hint = nearest(name, rows.column_names)
            raise InputError(f"--figure: no column {name!r}; {hint}".rstrip("; "))
    if is_text(rows[y]):
        raise InputError(f"--figure: {y} holds no numbers")
    plain = rows.select([x, y, *([by] if by else [])]).to_pylist()
    told = [row for row in plain if row[y] is not None and math.isfinite(row[y])]
    words = (
        tuple(dict.fromkeys(str(row[x]) for row in told)) if is_text(rows[x]) else ()
    )
    place = {word: float(n) for n, word in enumerate(words)}
    groups = dict.fromkeys(row[by] for row in told) if by else {None: None}
    curves = []
    for group in groups:
        mine = [row for row in told if by is None or row[by] == group]
        points = [(place.get(str(row[x]), row[x]), float(row[y])) for row in mine]
        label = "" if by is None else f"{short_names([by])[0]} {cell(group)}"
        curves.append(Curve(label, tuple(sorted(points)), joined=joined))
    across = [a for curve in curves for a, _ in curve.points] or [0.0]
    up = [b for curve in curves for _, b in curve.points] or [0.0]
    about = f"{y} by {x}" + (f", a line for each {by}." if by else ".")
    axes = (
        Axis(*ranged(across, log=False), 0.0, 1.0, x, words=words),
        Axis(*ranged(up, log=False, zero=min(up) < 0.5 * max(up)), 0.0, 1.0, y),
    )
    return lines(f"sweep-{y}", title, about, curves, *axes)


def axes_of_picture(
    axes: Sequence[str], x: str | None, y: str | None, by: str | None
) -> tuple[str, str, str | None]:
    """Return what a picture shows if it is not said: the last axis, throughput."""
    across = x or axes[-1]
    others = [name for name in axes if name != across]
    return across, y or "tokens_per_s", by or (others[-1] if others else None)
