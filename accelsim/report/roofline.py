"""Operators under the roofs of their chips, as a picture.

The roofs are those of the datasheets: peak rate, and bandwidth of the memory.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from accelsim.report.picture.charts import Curve, lines
from accelsim.report.picture.marks import Drawing, Line, Mark, Text, colour_of
from accelsim.report.picture.plot import SMALL, Axis
from accelsim.units import show

ROOM = 3.0  # that the axes leave beyond the points


def roofline_figure(
    title: str, rows: Sequence[Mapping[str, Any]], roofs: Mapping[str, float]
) -> Drawing:
    """Return a roofline plot.

    Parameters
    ----------
    rows : sequence of dict
        `chip`, `flops_flop`, `size_bytes`, `flop_per_s`, `peak_flop_per_s`; `words`
        of the operator, where it has any.
    roofs : dict
        Bandwidth of each chip's memory [B/s].
    """
    peaks = {row["chip"]: float(row["peak_flop_per_s"]) for row in rows}
    ridges = {chip: peaks[chip] / bandwidth for chip, bandwidth in roofs.items()}
    across = [row["flops_flop"] / row["size_bytes"] for row in rows]
    low = min(*across, *ridges.values()) / ROOM
    high = max(*across, *ridges.values()) * ROOM
    curves = [
        _points(chip, rows, peaks[chip], bandwidth) for chip, bandwidth in roofs.items()
    ]
    least = min(float(row["flop_per_s"]) for row in rows)
    least = min(least, *(bandwidth * low for bandwidth in roofs.values()))
    x = Axis(low, high, 0.0, 1.0, "FLOP per byte of operands and results", log=True)
    y = Axis(least / 1.5, 2.0 * max(peaks.values()), 0.0, 1.0, "", "FLOP/s", log=True)

    def drawn(x: Axis, y: Axis) -> list[Mark]:
        marks: list[Mark] = []
        for series, (chip, bandwidth) in enumerate(roofs.items()):
            corners = (
                (low, low * bandwidth),
                (ridges[chip], peaks[chip]),
                (high, peaks[chip]),
            )
            places = tuple((x.at(a), y.at(b)) for a, b in corners)
            marks.append(Line(places, colour_of(series), 1.6, 0, f"roof of {chip}"))
            words = f"{show(peaks[chip], 'FLOP/s')} peak"
            at = places[2][1] - 5.0
            marks.append(Text(places[2][0] - 4.0, at, words, "end", SMALL, "muted"))
        return marks

    reached = [row["flop_per_s"] / min(row["peak_flop_per_s"], roofs[row["chip"]] * i)
               for row, i in zip(rows, across, strict=True)]  # fmt: skip
    about = (
        f"{len(rows)} operators under the roofs of peak and memory; they reach "
        f"{min(reached):.0%} to {max(reached):.0%} of what their roof allows."
    )
    return lines("roofline", title, about, curves, x, y, drawn)


def _points(
    chip: str, rows: Sequence[Mapping[str, Any]], peak: float, bandwidth: float
) -> Curve:
    mine = [row for row in rows if row["chip"] == chip]
    points = tuple(
        (row["flops_flop"] / row["size_bytes"], float(row["flop_per_s"]))
        for row in mine
    )
    tips = tuple(
        f"{row.get('words', chip)}: {show(row['flop_per_s'], 'FLOP/s')}, "
        f"{row['flop_per_s'] / peak:.1%} of the peak"
        for row in mine
    )
    label = f"{chip}: {show(peak, 'FLOP/s')}, {show(bandwidth, 'B/s')}"
    return Curve(label, points, joined=False, tips=tips)
