"""A wire under a training run as a picture: flat, then a cliff.

This file knows matplotlib, which it loads only when a picture is asked for.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelsim.report.figures import save

COLOURS = {
    "inside": "#3aa17e",
    "marginal": "#d9a441",
    "over": "#b5533c",
}
PANELS = (
    ("tokens_per_s", 1e-3, "thousand tokens/s"),
    ("j_per_token", 1.0, "J/token"),
    ("margin_db", 1.0, "margin, dB"),
)


def draw_chain(path: str, plain: Mapping[str, Any]) -> None:
    """Draw throughput, energy and margin by what is varied, coloured by regime."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    points = plain["points"]
    figure = Figure(figsize=(8.0, 7.5), layout="constrained")
    axes: Any = figure.subplots(len(PANELS), 1, sharex=True)
    for axis, (key, scale, label) in zip(axes, PANELS, strict=True):
        _panel(axis, points, key, scale)
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
    axes[2].axhline(0.0, color="black", linewidth=0.8)
    axes[0].set_ylim(bottom=0.0)
    axes[-1].set_xticks(range(len(points)), [point["value"] for point in points])
    axes[-1].tick_params(axis="x", labelrotation=45)
    axes[-1].set_xlabel(plain["vary"])
    handles = [
        Line2D([], [], color=colour, marker="o", linestyle="none", label=regime)
        for regime, colour in COLOURS.items()
        if any(p["regime"] == regime and p["margin_db"] is not None for p in points)
    ]
    handles.append(Line2D([], [], color="#1b6ca8", linestyle="--", label="remedied"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    job = f"{plain['model']}, {plain['chips']} chips of {plain['system']}"
    axes[0].set_title(f"{plain['link']}: {job}")
    save(figure, Path(path))


def _panel(
    axis: Any, points: Sequence[Mapping[str, Any]], key: str, scale: float
) -> None:
    there = [n for n, point in enumerate(points) if point[key] is not None]
    values = [points[n][key] * scale for n in there]
    axis.plot(there, values, color="lightgrey", zorder=1, drawstyle="steps-mid")
    colours = [COLOURS[points[n]["regime"]] for n in there]
    axis.scatter(there, values, c=colours, zorder=3)
    if key == "margin_db":
        return
    fixed = [(n, p["remedy"][key]) for n, p in enumerate(points) if p["remedy"]]
    if fixed:
        places, lines = zip(*fixed, strict=True)
        heights = [line * scale for line in lines]
        axis.plot(places, heights, color="#1b6ca8", linestyle="--", marker=".")
