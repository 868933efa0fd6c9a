"""A timeline as a picture: a bar for each pass, a row for each stage.

This file knows matplotlib, which it loads only when a picture is asked for.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

from accelsim.report.figures import save
from accelsim.report.timeline import difference
from accelsim.training.timeline import Timeline

WORDS = {
    "F": "forward",
    "B": "backward",
    "W": "backward, weights",
    "traffic": "exposed tp, cp, ep",
    "p2p": "hand-over",
    "dp": "exposed dp",
    "optimizer": "optimizer",
    "host": "host",
}
COLOURS = {
    "F": "#0072b2",
    "B": "#009e73",
    "W": "#f0e442",
    "traffic": "#d55e00",
    "p2p": "#56b4e9",
    "dp": "#cc79a7",
    "optimizer": "#e69f00",
    "host": "#999999",
}
MOST_NUMBERED = 400  # passes that are told apart by the number of their micro-batch
WIRE = 0.16  # height of a hand-over, under its stage


def draw_timeline(path: str, found: Timeline, title: str) -> None:
    """Draw every pass, its traffic, the hand-overs and what follows the pipeline."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    height = min(2.2 + 0.45 * found.stages, 16.0)
    figure = Figure(figsize=(12.0, height), layout="constrained")
    axes: Any = figure.subplots()
    bars = _bars(found)
    for (stage, kind), parts in bars.items():
        place = (0.4 - WIRE, WIRE) if kind == "p2p" else (-0.4, 0.8 - WIRE)
        edge = COLOURS[kind] if kind == "p2p" else "white"
        axes.broken_barh(
            parts,
            (stage + place[0], place[1]),
            facecolors=COLOURS[kind],
            edgecolor=edge,
            linewidth=0.6 if kind == "p2p" else 0.2,
        )
    if len(found.passes) <= MOST_NUMBERED:
        _number(axes, found)
    axes.set(xlim=(0.0, found.end), ylim=(found.stages - 0.4, -0.6))
    axes.set(xlabel="time, s", ylabel="stage")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_title(title, fontsize="medium")
    kinds = [kind for kind in WORDS if any(kind == other for _, other in bars)]
    handles = [Patch(color=COLOURS[kind], label=WORDS[kind]) for kind in kinds]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    for line in difference(found):
        figure.text(0.01, 0.99, line, fontsize="x-small", va="top")
    save(figure, Path(path))


def _bars(found: Timeline) -> dict[tuple[int, str], list[tuple[float, float]]]:
    """Return (start, length) of the bars of each colour on each stage."""
    bars = defaultdict[tuple[int, str], list[tuple[float, float]]](list)
    for one in found.passes:
        traffic = sum(one.exposed.values())
        bars[one.stage, one.kind].append((one.start, one.end - one.start - traffic))
        if traffic > 0.0:
            bars[one.stage, "traffic"].append((one.end - traffic, traffic))
    for span in found.others:
        bars[span.stage, span.engine].append((span.start, span.end - span.start))
    return bars


def _number(axes: Any, found: Timeline) -> None:
    """Write the number of its micro-batch on every pass that is long enough."""
    least = 0.012 * found.end
    for one in found.passes:
        if one.end - one.start > least:
            axes.text(
                (one.start + one.end) / 2.0,
                one.stage - WIRE / 2.0,
                one.micro_batch,
                ha="center",
                va="center",
                fontsize="x-small",
                color="black" if one.kind == "W" else "white",
                clip_on=True,
            )
