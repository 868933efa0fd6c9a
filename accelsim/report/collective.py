"""Collectives on several systems: a table, and bus bandwidth by size as a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from accelsim import numbers
from accelsim.report.picture.charts import Curve, lines, ranged
from accelsim.report.picture.marks import Drawing
from accelsim.report.picture.plot import Axis
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


def busbw_figure(title: str, rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """Return bus bandwidth against size.

    A line a system, or a system and algorithm; the band is its interval.
    """
    several = len({row["wanted"] for row in rows}) > 1
    names = dict.fromkeys((row["system"], row["wanted"]) for row in rows)
    curves = [_curve(name, rows, several=several) for name in names]
    sizes = [row["size_bytes"] for row in rows]
    rates = [row["busbw_bytes_per_s"] for row in rows if row["busbw_bytes_per_s"] > 0]
    x = Axis(*ranged(sizes, log=True), 0.0, 1.0, "message", "B", log=True)
    y = Axis(*ranged(rates or [1.0], log=True), 0.0, 1.0, "busbw", "B/s", log=True)
    best = max(rows, key=lambda row: float(row["busbw_bytes_per_s"]))
    about = (
        f"Bus bandwidth by size as nccl-tests count it. The most is "
        f"{show(best['busbw_bytes_per_s'], 'B/s')}, of {best['system']} at "
        f"{show(best['size_bytes'], 'B')}."
    )
    return lines("busbw", title, about, curves, x, y)


def _curve(
    name: tuple[str, str], rows: Sequence[Mapping[str, Any]], *, several: bool
) -> Curve:
    mine = [row for row in rows if (row["system"], row["wanted"]) == name]
    rates = [float(row["busbw_bytes_per_s"]) for row in mine]
    ends = (
        tuple(
            rate * row["time_s"] / row[end]
            for row, rate in zip(mine, rates, strict=True)
        )
        for end in ("time_high_s", "time_low_s")
    )
    low, high = ((), ()) if several else ends
    return Curve(
        label=" ".join(name) if several else name[0],
        points=tuple(
            (row["size_bytes"], r) for row, r in zip(mine, rates, strict=True)
        ),
        tips=tuple(
            f"{name[0]}, {show(row['size_bytes'], 'B')}: {show(rate, 'B/s')}, "
            f"{numbers.seconds(row['time_s'])}, {row['algorithm']}"
            for row, rate in zip(mine, rates, strict=True)
        ),
        low=low,
        high=high,
    )
