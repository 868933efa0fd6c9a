"""A wire under a training run as pictures: flat, then a cliff.

This file knows the plain data of a chain, and which of its figures are drawn.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from accelsim.report.picture.charts import Curve, lines, ranged
from accelsim.report.picture.marks import Dot, Drawing, Line, Mark
from accelsim.report.picture.panels import panels
from accelsim.report.picture.plot import Axis, Key, legend

LOOKS = {"inside": ("good", 0), "marginal": ("warn", 1), "over": ("bad", 4)}
PANELS = (
    ("tokens_per_s", "Throughput", "tokens a second", True),
    ("j_per_token", "Energy", "energy of a token, J", False),
    ("margin_db", "Margin", "margin, dB", False),
)
HEIGHT = 190.0


def chain_figure(plain: Mapping[str, Any]) -> Drawing:
    """Return throughput, energy and margin by what is varied, by regime."""
    job = f"{plain['model']}, {plain['chips']} chips of {plain['system']}"
    title = f"{plain['link']}: {job}"
    counts = [point["regime"] for point in plain["points"]]
    told = ", ".join(
        f"{counts.count(regime)} {regime}" for regime in LOOKS if regime in counts
    )
    about = f"By {plain['vary'] or 'the link as it is'}: {told or 'no rate works'}."
    drawn = [_panel(plain, *panel) for panel in PANELS]
    return panels("chain", title, about, drawn, columns=1)


def _panel(
    plain: Mapping[str, Any],
    key: str,
    title: str,
    label: str,
    zero: bool,  # noqa: FBT001
) -> Drawing:
    points: Sequence[Mapping[str, Any]] = plain["points"]
    there = [(float(n), p[key]) for n, p in enumerate(points) if p[key] is not None]
    fixed = [
        (float(n), p["remedy"][key])
        for n, p in enumerate(points)
        if p["remedy"] and key != "margin_db" and p["remedy"][key] is not None
    ]
    curves = [Curve("", tuple(there), dots=False)]
    curves += [Curve("remedied", tuple(fixed))] if fixed else []
    values = [value for _, value in (*there, *fixed)] or [0.0]
    if key == "margin_db":
        values.append(0.0)
    words = tuple(str(point["value"]) or "as it is" for point in points)
    x = Axis(-0.5, len(points) - 0.5, 0.0, 1.0, plain["vary"], words=words)
    y = Axis(*ranged(values, log=False, zero=zero), 0.0, 1.0, label)

    def more(x: Axis, y: Axis) -> list[Mark]:
        marks: list[Mark] = []
        if key == "margin_db":
            zero = y.at(0.0)
            marks.append(Line(((x.start, zero), (x.end, zero)), "ink", 1.2))
        for n, value in there:
            regime = points[int(n)]["regime"]
            colour, shape = LOOKS[regime]
            tip = f"{words[int(n)]}: {value:,.6g}, {regime}"
            marks.append(Dot(x.at(n), y.at(value), colour, shape, 4.6, tip))
        return marks

    drawn = lines(key.replace("_", "-"), title, label, curves, x, y, more, HEIGHT)
    if key != PANELS[0][0]:
        return drawn
    keys = [
        Key(regime, LOOKS[regime][1], "dot", LOOKS[regime][0])
        for regime in LOOKS
        if any(point["regime"] == regime for point in points)
    ]
    marks = (*drawn.marks, *legend(keys, 300.0, drawn.width, 18.0))
    return Drawing(drawn.name, title, label, drawn.width, drawn.height, marks)
