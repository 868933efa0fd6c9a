"""What an operator takes on several chips, as tables: one shape in full, or many.

This file knows the plain data of the commands `gemm` and `attention`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from accelsim import numbers
from accelsim.chip.kernel_time import PARTS
from accelsim.report.tables import heading, notes, table

MOST_SHAPES = 40  # printed
BESIDE = 3  # chips in a table of many shapes
WORDS = {
    "matrix": "multiply-adds",
    "operands": "waiting for operands",
    "vector": "element by element",
    "memory": "waiting for memory",
    "overhead": "filling and draining",
    "launch": "kernels start",
}

Row = Mapping[str, Any]


def operator_tables(
    found: Mapping[str, Any], sizes: Sequence[str]
) -> list[RenderableType]:
    """Return the whole answer, from top to bottom.

    sizes : the names of a shape's sizes.
    """
    chips = list(dict.fromkeys(row["chip"] for row in found["rows"]))
    shapes = [list(part) for part in _in_groups(found["rows"], len(chips))]
    how = ", ".join(
        f"{name} {_plain(value)}"
        for name, value in found["options"].items()
        if value not in (None, False, "none", float("inf"))
    )
    if len(shapes) == 1:
        sizes = [name for name in sizes if shapes[0][0][name]]
        shape = ", ".join(f"{name} {shapes[0][0][name]:,}" for name in sizes)
        title = heading(f"{found['operator']}: {shape}")
        return [title, how, "", _in_full(shapes[0])]
    title = heading(f"{found['operator']}: {len(shapes):,} shapes")
    made: list[RenderableType] = [title, how, ""]
    shown = shapes[:MOST_SHAPES]
    for start in range(0, len(chips), BESIDE):
        made += [_beside([rows[start : start + BESIDE] for rows in shown], sizes), ""]
    left = len(shapes) - len(shown)
    more = [f"{left:,} more shapes: --out FILE.csv or --json"] if left else []
    return [*made, *notes(more)]


def _in_groups(rows: Sequence[Row], size: int) -> list[Sequence[Row]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _plain(value: Any) -> str:
    return (
        "yes" if value is True else f"{value:g}" if isinstance(value, float) else value
    )


def _in_full(rows: Sequence[Row]) -> RenderableType:
    """Return one shape: chips as columns, figures as rows."""
    made = table("", *(row["chip"] for row in rows))
    first = rows[0]["time_s"]
    lines = {
        "time": [numbers.seconds(row["time_s"]) for row in rows],
        "speed": [numbers.ratio(first / row["time_s"]) for row in rows],
        "rate": [numbers.scaled(row["flop_per_s"], "FLOP/s") for row in rows],
        "of the peak": [numbers.percent(row["utilisation"]) for row in rows],
        "operands and results": [
            numbers.scaled(row["bytes_per_s"], "B/s") for row in rows
        ],
        "clock": [numbers.percent(row["clock"]) for row in rows],
        "bound by": [row["bound"] for row in rows],
    }
    for label, cells in lines.items():
        made.add_row(label, *cells)
    made.add_section()
    for part in PARTS:
        made.add_row(f"{part}: {WORDS[part]}", *(_part(row, part) for row in rows))
    return made


def _part(row: Row, part: str) -> str:
    seconds = row[f"{part}_s"]
    if seconds == 0.0:
        return numbers.DASH
    return f"{numbers.seconds(seconds)} {seconds / row['time_s']:>4.0%}"


def _beside(shapes: Sequence[Sequence[Row]], sizes: Sequence[str]) -> RenderableType:
    """Return many shapes: a row each, and time, utilisation and bound by chip."""
    varied = [name for name in sizes if len({rows[0][name] for rows in shapes}) > 1]
    names = [row["chip"] for row in shapes[0]]
    columns = [part for name in names for part in (name, "peak", "bound")]
    made = table(*varied, *columns, left=0)
    for rows in shapes:
        made.add_row(
            *(f"{rows[0][name]:,}" for name in varied),
            *(
                cell
                for row in rows
                for cell in (
                    numbers.seconds(row["time_s"]),
                    numbers.percent(row["utilisation"]),
                    row["bound"],
                )
            ),
        )
    return made
