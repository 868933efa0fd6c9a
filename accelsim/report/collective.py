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

MOST_RESTS = 4  # figures that are shown of a system


def collective_tables(
    title: str, rows: Sequence[Mapping[str, Any]]
) -> list[RenderableType]:
    """Return a row a system and size, and the figures that the intervals rest on."""
    made = table(
        "system", "bytes", "time", "low..high", "busbw", "algorithm", "bound by"
    )
    for row in rows:
        low, high = row["time_low_s"], row["time_high_s"]
        made.add_row(
            row["system"],
            show(row["size_bytes"], "B"),
            numbers.seconds(row["time_s"]),
            f"{numbers.seconds(low)}..{numbers.seconds(high)}" if high > low else "",
            show(row["busbw_bytes_per_s"], "B/s"),
            row["algorithm"],
            row["bound"],
        )
    return [heading(title), made, *_rests(rows)]


def _rests(rows: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Return what the interval of each system's largest message rests on."""
    wanted = rows[0]["wanted"]  # one algorithm is enough
    last = {row["system"]: row for row in rows if row["wanted"] == wanted}
    last = {name: row for name, row in last.items() if row["rests_on"]}
    if not last:
        return []
    made = table("system", "rests on", "kind", "time with it alone at its ends")
    for name, row in last.items():
        for rest in row["rests_on"][:MOST_RESTS]:
            ends = (rest["low_s"], rest["high_s"])
            shown = "..".join(numbers.seconds(end) for end in ends)
            made.add_row(name, rest["figure"], rest["kind"], shown)
    biggest = show(max(row["size_bytes"] for row in rows), "B")
    return [heading(f"what the interval rests on, at {biggest}"), made]


def draw(path: Path, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write bus bandwidth against size; the ending of the file's name says which kind.

    A line a system, or a system and algorithm; the band is its interval.

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
    several = len({row["wanted"] for row in rows}) > 1
    lines = dict.fromkeys((row["system"], row["wanted"]) for row in rows)
    for index, line in enumerate(lines):
        mine = [row for row in rows if (row["system"], row["wanted"]) == line]
        colour = COLOURS[index % len(COLOURS)]
        sizes = [row["size_bytes"] for row in mine]
        rates = [row["busbw_bytes_per_s"] / 1e9 for row in mine]
        axes.plot(
            sizes, rates, color=colour, marker=MARKS[index % len(MARKS)],
            markersize=4, linewidth=1.4, label=" ".join(line) if several else line[0],
        )  # fmt: skip
        if not several:
            low, high = (
                [
                    row["busbw_bytes_per_s"] * row["time_s"] / row[end] / 1e9
                    for row in mine
                ]
                for end in ("time_high_s", "time_low_s")
            )
            axes.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0.0)
    axes.set(xscale="log", yscale="log", xlabel="message [B]", ylabel="busbw [GB/s]")
    axes.set_title(title, fontsize=10, loc="left")
    axes.grid(visible=True, which="major", linewidth=0.4, alpha=0.5)
    axes.legend(fontsize=8, frameon=False)
    save(figure, path)
