"""Sensitivities for people: a table and a tornado, and Sobol indices."""

import math

from rich.console import RenderableType

from accelsim.explore.sensitivity import Sensitivity, Sway
from accelsim.explore.sobol import LEVEL, Sobol
from accelsim.report.picture.charts import BAR, ROW, WIDTH
from accelsim.report.picture.marks import (
    Drawing,
    Line,
    Mark,
    Rect,
    Text,
    colour_of,
    shortened,
)
from accelsim.report.picture.plot import SMALL, Axis, Key, legend, room_for
from accelsim.report.sweep import cell
from accelsim.report.tables import flowing, heading, table

LABELS = 300.0  # most room of a path


def sensitivity_tables(found: Sensitivity, most: int) -> list[RenderableType]:
    """Return what each figure does to the output, the strongest first."""
    of = found.output
    made = table("", "now", "low", "high", "at low", "at high", "%/%", left=1)
    for row in found.rows[:most]:
        ends = (cell(end.get(of)) for end in (row.low, row.high))
        slope = row.slope.get(of)
        percent = "–" if slope is None else f"{slope:+.3f}"
        made.add_row(row.path, row.text, *_ends(row, found.share), *ends, percent)
    left = len(found.rows) - most
    words = f"{of} is {cell(found.base)}; the plan, {found.estimate.plan.text()}, is "
    words += "held. %/%: percent of it for a percent more of the figure."
    words += f" {left:,} more have an effect; --top shows more." if left > 0 else ""
    return [made, flowing(words), ""]


def _ends(row: Sway, share: float) -> tuple[str, str]:
    """Return the ends of a spread or a count; a share either way of what has none."""
    if row.spread or row.text.isdigit():
        return row.ends
    return f"−{share:.0%}", f"+{share:.0%}"


def sobol_tables(found: Sobol, most: int) -> list[RenderableType]:
    """Return the indices, the largest total first."""
    made = table("", "range", "first order", "", "total order", "", left=2)
    for row in found.indices[:most]:
        first, total = (
            (f"{value:.3f}", f"{low:.2f} to {high:.2f}")
            for value, (low, high) in (
                (row.first, row.first_interval), (row.total, row.total_interval)
            )
        )  # fmt: skip
        made.add_row(row.path, row.range, *first, *total)
    words = (
        f"{found.output}: {cell(found.mean)} ± {cell(found.deviation)} (standard "
        f"deviation) over {found.estimates:,} estimates, seed {found.seed}; intervals "
        f"hold {LEVEL:.0%} of the bootstrap. {found.left_out} uncertain figures do not "
        "move it."
    )
    return [heading("Sobol indices"), made, flowing(words), ""]


def tornado_figure(found: Sensitivity, most: int) -> Drawing:
    """Return bars from the output at the low end of each figure to that at the high."""
    of = found.output
    rows = [row for row in found.rows if of in row.low and of in row.high][:most]
    keys = [Key("at the low end", 1), Key("at the high end", 0)]
    left = 12.0 + room_for([row.path for row in rows], most=LABELS)
    values = [end[of] for row in rows for end in (row.low, row.high)] + [found.base]
    room = 0.03 * (max(values) - min(values)) or abs(found.base) or 1.0
    x = Axis(min(values) - room, max(values) + room, left + 10.0, WIDTH - 20.0, of)
    top, bottom = 30.0, 30.0 + ROW * len(rows)
    marks: list[Mark] = [*legend(keys, left + 10.0, WIDTH, 16.0)]
    for value, words in x.ticks(6):
        marks.append(Line(((x.at(value), top - 2), (x.at(value), bottom)), "grid", 1.0))
        marks.append(Text(x.at(value), bottom + 16, words, "middle", SMALL, "muted"))
    for number, row in enumerate(rows):
        marks += _bars(row, of, found.base, x, left, top + ROW * number)
    base = x.at(found.base)
    marks.append(Line(((base, top - 2), (base, bottom)), "ink", 1.2))
    middle = (x.start + x.end) / 2.0
    marks.append(Text(middle, bottom + 36, of, "middle", 12.0, "muted"))
    about = f"{of} at both ends of each figure; the strongest first."
    q = found.estimate.question
    run = f"{q.model.name} on {found.estimate.chips} x {q.chip.name}"
    title = f"What {of} of {run} rests on"
    return Drawing("tornado", title, about, WIDTH, bottom + 46.0, tuple(marks))


def _bars(
    row: Sway, of: str, base: float, x: Axis, left: float, y: float
) -> list[Mark]:
    """Return the two bars of a figure, from the base to either end."""
    marks: list[Mark] = [Text(left, y + 15.0, shortened(row.path, LABELS), "end")]
    for series, end, words in ((1, row.low, row.ends[0]), (0, row.high, row.ends[1])):
        at, zero = x.at(end[of]), x.at(base)
        size = max(abs(at - zero), 1.0 if math.isfinite(at) else 0.0)
        tip = f"{row.path} = {words}: {cell(end[of])}"
        fill = colour_of(series)
        marks.append(Rect(min(at, zero), y + 3.0, size, BAR, fill, series, tip))
    return marks
