"""Operators under the roofs of their chips, as a picture.

This file knows matplotlib, which is loaded when a picture is asked for. The roofs are
those of the datasheets: peak rate, and bandwidth of the memory.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelsim.report.figures import save
from accelsim.units import show

# Colours that people with colour-blindness tell apart (Okabe and Ito, 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKS = "os^Dv<>P"
ROOM = 3.0  # that the axes leave beyond the points


def draw(
    path: Path,
    title: str,
    rows: Sequence[Mapping[str, Any]],
    roofs: Mapping[str, float],
) -> None:
    """Write a roofline plot; the ending of the file's name says which kind.

    Parameters
    ----------
    rows : sequence of dict
        `chip`, `flops_flop`, `size_bytes`, `flop_per_s`, `peak_flop_per_s`.
    roofs : dict
        Bandwidth of each chip's memory [B/s].

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
    intensity = [row["flops_flop"] / row["size_bytes"] for row in rows]
    peaks = {row["chip"]: row["peak_flop_per_s"] for row in rows}
    ridges = [peaks[chip] / bandwidth for chip, bandwidth in roofs.items()]
    low, high = min(*intensity, *ridges) / ROOM, max(*intensity, *ridges) * ROOM
    for index, (chip, bandwidth) in enumerate(roofs.items()):
        colour, mark = COLOURS[index % len(COLOURS)], MARKS[index % len(MARKS)]
        corners = [low, ridges[index], high]
        roof = [low * bandwidth, peaks[chip], peaks[chip]]
        axes.plot(corners, roof, color=colour, linewidth=1.2)
        label = f"{chip}: {show(peaks[chip], 'FLOP/s')}, {show(bandwidth, 'B/s')}"
        mine = [i for i, row in enumerate(rows) if row["chip"] == chip]
        axes.plot(
            [intensity[i] for i in mine], [rows[i]["flop_per_s"] for i in mine], mark,
            color=colour, markersize=6, alpha=0.8, markeredgewidth=0.0, label=label,
        )  # fmt: skip
    axes.set(
        xscale="log", yscale="log", xlim=(low, high), title=title,
        xlabel="FLOP per byte of operands and results", ylabel="FLOP/s",
    )  # fmt: skip
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="lower right", frameon=False)
    save(figure, path)
