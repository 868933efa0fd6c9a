"""A sweep of links as a picture: how far each material goes, by rate and retimers.

This file knows matplotlib, which it loads only when a picture is asked for.
"""

from pathlib import Path
from typing import Any

from accelsim.link.sweep import Sweep
from accelsim.report.figures import save

COLOURS = ("#1b6ca8", "#3aa17e", "#d9a441", "#b5533c", "#7a4b8c")
LONGEST = 25.0  # m that the axis ends at


def draw_sweep(path: str, found: Sweep) -> None:
    """Draw, for each rate, the fewest retimers that each length of each material needs.

    Hatched: it works, but optics cost less.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    rates = list(dict.fromkeys(row.rate for row in found.rows))
    figure = Figure(figsize=(12.0, 1.6 + 2.2 * len(rates)), layout="constrained")
    axes: Any = figure.subplots(len(rates), 1, sharex=True, squeeze=False)
    for axis, rate in zip(axes[:, 0], rates, strict=True):
        _panel(axis, found, rate)
    axes[-1, 0].set_xlabel("length, m")
    most = max(row.retimers for row in found.rows)
    legend: list[Any] = [
        Patch(
            color=COLOURS[n % len(COLOURS)], label=f"{n} retimer{'s' if n != 1 else ''}"
        )
        for n in range(most + 1)
    ]
    legend.append(Patch(facecolor="white", edgecolor="grey", label="none reaches"))
    legend.append(
        Patch(
            facecolor="white", edgecolor="black", hatch="///", label="optics cost less"
        )
    )
    figure.legend(handles=legend, loc="outside upper center", ncols=len(legend))
    save(figure, Path(path))


def _panel(axis: Any, found: Sweep, rate: float) -> None:
    materials = list(dict.fromkeys(r.material for r in found.rows if r.rate == rate))
    for height, material in enumerate(materials):
        rows = found.of(rate, material)
        done = rows[0].length[0]
        axis.barh(
            height,
            rows[0].length[-1] - done,
            left=done,
            color="white",
            edgecolor="lightgrey",
            height=0.7,
        )
        for row in rows:
            if row.reach <= done:
                continue
            dear = row.price[-1] >= found.optics[rate][1]
            axis.barh(
                height,
                row.reach - done,
                left=done,
                color=COLOURS[row.retimers % len(COLOURS)],
                hatch="///" if dear else "",
                edgecolor="black" if dear else "none",
                height=0.7,
            )
            done = row.reach
    axis.set_yticks(range(len(materials)), materials)
    axis.set_xscale("log")
    axis.set_xlim(0.02, LONGEST)
    name, price = found.optics[rate]
    axis.set_title(f"{rate / 1e9:g} Gb/s a lane; instead: {name}, {price:,.0f} USD")
