"""Collectives on several systems: a table, and bus bandwidth against size as a picture.

This file knows matplotlib, which is loaded when a picture is asked for.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from accelsim.report import numbers
from accelsim.report.figures import save
from accelsim.report.roofline import COLOURS, MARKS
from accelsim.report.tables import heading, table
from accelsim.units import show


def collective_tables(
    title: str, rows: Sequence[Mapping[str, Any]]
) -> list[RenderableType]:
    """Return one table: a row a system and size."""
    made = table("system", "bytes", "time", "busbw", "algorithm", "bound by")
    for row in rows:
        made.add_row(
            row["system"],
            show(row["size_bytes"], "B"),
            numbers.seconds(row["time_s"]),
            show(row["busbw_bytes_per_s"], "B/s"),
            row["algorithm"],
            row["bound"],
        )
    return [heading(title), made]


def draw(path: Path, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write bus bandwidth against size; the ending of the file's name says which kind.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for index, name in enumerate(dict.fromkeys(row["system"] for row in rows)):
        mine = [row for row in rows if row["system"] == name]
        axes.plot(
            [row["size_bytes"] for row in mine],
            [row["busbw_bytes_per_s"] / 1e9 for row in mine],
            color=COLOURS[index % len(COLOURS)], marker=MARKS[index % len(MARKS)],
            markersize=4, linewidth=1.4, label=name,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="message [B]", ylabel="busbw [GB/s]")
    axes.set_title(title, fontsize=10, loc="left")
    axes.grid(visible=True, which="major", linewidth=0.4, alpha=0.5)
    axes.legend(fontsize=8, frameon=False)
    save(figure, path)
