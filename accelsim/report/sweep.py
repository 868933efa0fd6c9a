"""Sweeps for people: progress, tables of rows, and a picture of one figure.

This file knows rich and matplotlib, which is loaded when a picture is asked for.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from accelsim.errors import InputError, nearest
from accelsim.explore.sweep.look import Difference
from accelsim.report.figures import save
from accelsim.report.numbers import DASH
from accelsim.report.roofline import COLOURS, MARKS
from accelsim.report.tables import flowing, heading, table

if TYPE_CHECKING:
    import pyarrow as pa


def rows_tables(title: str, rows: "pa.Table", most: int) -> list[RenderableType]:
    """Return a table of the first `most` rows."""
    made = table(*short_names(rows.column_names), left=0)
    for column, values in zip(made.columns, rows.columns, strict=True):
        column.justify = "left" if _is_text(values) else "right"
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


def _is_text(column: Any) -> bool:
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


def draw(
    path: Path, title: str, rows: "pa.Table", x: str, y: str, by: str | None
) -> None:
    """Write a picture of column `y` against `x`, a line for each value of `by`.

    Raises
    ------
    InputError
        No such column, or one that is no number.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for name in (x, y, *([by] if by else [])):
        if name not in rows.column_names:
            hint = nearest(name, rows.column_names)
            raise InputError(f"--figure: no column {name!r}; {hint}".rstrip("; "))
    if _is_text(rows[y]):
        raise InputError(f"--figure: {y} holds no numbers")
    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _lines(axes, rows, x, y, by)
    axes.set(xlabel=x, ylabel=y)
    axes.set_title(title, fontsize=10, loc="left", wrap=True)
    axes.grid(visible=True, linewidth=0.4, alpha=0.5)
    if by is not None:
        axes.legend(fontsize=8, frameon=False, title=by, title_fontsize=8)
    save(figure, path)


def _lines(axes: Any, rows: "pa.Table", x: str, y: str, by: str | None) -> None:
    plain = rows.select([x, y, *([by] if by else [])]).to_pylist()
    groups = dict.fromkeys(row[by] for row in plain) if by else {None: None}
    for index, group in enumerate(groups):
        mine = [row for row in plain if by is None or row[by] == group]
        axes.plot(
            [row[x] for row in mine], [row[y] for row in mine],
            color=COLOURS[index % len(COLOURS)], marker=MARKS[index % len(MARKS)],
            markersize=4, linewidth=1.4, label=str(group),
        )  # fmt: skip


def axes_of_picture(
    axes: Sequence[str], x: str | None, y: str | None, by: str | None
) -> tuple[str, str, str | None]:
    """Return what a picture shows if it is not said: the last axis, throughput."""
    across = x or axes[-1]
    others = [name for name in axes if name != across]
    return across, y or "tokens_per_s", by or (others[-1] if others else None)
