"""A timeline as a picture: a bar for each pass, a row for each stage.

This file knows how a reader tells passes apart, and no schedule.
"""

from collections import defaultdict

from accelsim import numbers
from accelsim.report.picture.charts import WIDTH
from accelsim.report.picture.marks import (
    Boxes,
    Drawing,
    Line,
    Mark,
    Text,
    colour_of,
    width_of,
)
from accelsim.report.picture.plot import SMALL, Axis, Key, legend, rows_of_legend
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
SERIES = {
    "F": 0,
    "B": 2,
    "W": 5,
    "traffic": 1,
    "p2p": 4,
    "dp": 3,
    "optimizer": 7,
    "host": 6,
}
MOST_STAGES = 24  # that are drawn
SPARSE = 60  # bars of a row that are wide enough for a hatch
WIRE = 0.16  # height of a hand-over, under its stage
LEFT, RIGHT = 76.0, WIDTH - 16.0


def timeline_figure(found: Timeline, title: str) -> Drawing:
    """Return every pass, its traffic, the hand-overs and what follows the pipeline."""
    shown = min(found.stages, MOST_STAGES)
    bars = _bars(found, shown)
    kinds = [kind for kind in WORDS if any(kind == other for _, other in bars)]
    keys = [Key(WORDS[kind], SERIES[kind]) for kind in kinds]
    top = 24.0 + 19.0 * rows_of_legend(keys, LEFT, RIGHT)
    row = 30.0 if shown <= 8 else 22.0
    bottom = top + row * shown
    x = Axis(0.0, found.end, LEFT, RIGHT, "time", "s")
    marks: list[Mark] = [*legend(keys, LEFT, RIGHT, 16.0)]
    for value, words in x.ticks(7):
        at = x.at(value)
        marks.append(Line(((at, top - 2.0), (at, bottom)), "grid", 1.0))
        marks.append(Text(at, bottom + 16.0, words, "middle", SMALL, "muted"))
    marks.append(
        Text((LEFT + RIGHT) / 2, bottom + 36.0, x.title, "middle", 12.0, "muted")
    )
    for stage in range(shown):
        middle = top + row * (stage + 0.5) + 4.0
        marks.append(Text(LEFT - 8.0, middle, f"stage {stage}", "end", SMALL, "muted"))
    for (stage, kind), parts in bars.items():
        marks.append(_boxes(kind, parts, top + row * stage, row, x))
    marks += _numbers(found, shown, x, top, row)
    height = bottom + 46.0
    return Drawing("timeline", title, _about(found, shown), WIDTH, height, tuple(marks))


def _about(found: Timeline, shown: int) -> str:
    words = [
        f"Schedule {found.schedule}: {len(found.passes):,} passes on {found.stages} "
        f"stages end after {numbers.seconds(found.end)}."
    ]
    if shown < found.stages:
        words.append(f"The first {shown} stages are drawn.")
    return " ".join([*words, *difference(found)])


def _bars(
    found: Timeline, shown: int
) -> dict[tuple[int, str], list[tuple[float, float]]]:
    """Return (start, end) of the bars of each kind on each stage."""
    bars = defaultdict[tuple[int, str], list[tuple[float, float]]](list)
    for one in found.passes:
        if one.stage < shown:
            traffic = sum(one.exposed.values())
            bars[one.stage, one.kind].append((one.start, one.end - traffic))
            if traffic > 0.0:
                bars[one.stage, "traffic"].append((one.end - traffic, one.end))
    for span in found.others:
        if span.stage < shown:
            bars[span.stage, span.engine].append((span.start, span.end))
    return bars


def _boxes(
    kind: str, parts: list[tuple[float, float]], y: float, row: float, x: Axis
) -> Boxes:
    wire = WIRE * row
    low, height = (
        (y + row - wire - 2.0, wire) if kind == "p2p" else (y + 2.0, row - wire - 5.0)
    )
    sparse = len(parts) < SPARSE
    gap = 0.6 if sparse else 0.0
    boxes = tuple(
        (x.at(start), low, max(x.at(end) - x.at(start) - gap, 0.3), height)
        for start, end in parts
    )
    hatch = SERIES[kind] if sparse else 0
    return Boxes(boxes, colour_of(SERIES[kind]), hatch, WORDS[kind])


def _numbers(
    found: Timeline, shown: int, x: Axis, top: float, row: float
) -> list[Mark]:
    """Return the number of its micro-batch on every pass that is long enough."""
    marks: list[Mark] = []
    for one in found.passes:
        words = str(one.micro_batch)
        room = x.at(one.end - sum(one.exposed.values())) - x.at(one.start)
        if one.stage < shown and room > width_of(words, 10.0) + 5.0:
            middle = x.at(one.start) + room / 2.0
            y = top + row * (one.stage + 0.5) + 0.5
            marks.append(Text(middle, y, words, "middle", 10.0, "paper", bold=True))
    return marks
