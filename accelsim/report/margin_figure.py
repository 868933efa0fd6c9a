"""Margins of links as a picture: what the wire leaves, and what is asked of it.

This file knows budgets of links and no channel.
"""

from collections.abc import Mapping

from accelsim.link.answer import LinkBudget
from accelsim.report.picture.charts import WIDTH
from accelsim.report.picture.marks import Drawing, Line, Mark, Rect, Text, shortened
from accelsim.report.picture.plot import SMALL, Axis, room_for

ROW = 26.0
COLOURS = {"inside": "good", "marginal": "warn", "over": "bad"}
HATCH = {"inside": 0, "marginal": 1, "over": 3}


def margins_figure(found: Mapping[str, LinkBudget]) -> Drawing:
    """Return the margin of every span of every link, the regime in words."""
    rows = [
        (
            name if len(one.spans) == 1 else f"{name}, span {n + 1}",
            span.margin_db,
            one.regime,
        )
        for name, one in found.items()
        for n, span in enumerate(one.spans)
    ]
    labels = [shortened(label, 260.0) for label, _, _ in rows]
    values = [min(max(value, -12.0), 24.0) for _, value, _ in rows]
    left = 12.0 + room_for(labels, most=260.0)
    room = 130.0
    start = left + 10.0 + (room if min(values) < 0.0 else 0.0)
    low, high = min(0.0, *values), max(3.0, *values)
    x = Axis(low, high, start, WIDTH - room, "COM above what its sheet asks, dB")
    top, bottom = 12.0, 12.0 + ROW * len(rows)
    marks: list[Mark] = []
    for value, words in x.ticks(7):
        at = x.at(value)
        marks.append(Line(((at, top - 2.0), (at, bottom)), "grid", 1.0))
        marks.append(Text(at, bottom + 16.0, words, "middle", SMALL, "muted"))
    marks.append(
        Text((x.start + x.end) / 2, bottom + 36.0, x.label, "middle", 12.0, "muted")
    )
    for n, ((_, true, regime), value) in enumerate(zip(rows, values, strict=True)):
        y, zero, at = top + ROW * n, x.at(0.0), x.at(value)
        marks.append(Text(left, y + 15.0, labels[n], "end"))
        box = (min(zero, at), y + 3.0, max(abs(at - zero), 1.5), 16.0)
        marks.append(
            Rect(*box, COLOURS[regime], HATCH[regime], f"{labels[n]}: {true:.2f} dB")
        )
        words = f"{true:+.2f} dB, {regime}".replace("-", "−")
        place, anchor = (at + 6.0, "start") if value >= 0.0 else (at - 6.0, "end")
        marks.append(Text(place, y + 15.0, words, anchor, SMALL, "muted"))
    marks.append(Line(((x.at(0.0), top - 2.0), (x.at(0.0), bottom)), "ink", 1.2))
    worst = min(rows, key=lambda row: row[1])
    about = f"Margin of each span of wire; the least has {worst[0]}: {worst[1]:.2f} dB."
    return Drawing(
        "margins", "Margin of the links", about, WIDTH, bottom + 46.0, tuple(marks)
    )
