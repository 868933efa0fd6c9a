"""Several drawings on one sheet.

This file knows where marks stand, and nothing of what they show.
"""

from collections.abc import Sequence
from dataclasses import replace

from accelsim.report.picture.marks import (
    Area,
    Boxes,
    Drawing,
    Line,
    Mark,
    Text,
)

HEAD = 24.0  # room of a title
GAP = 24.0


def panels(
    name: str, title: str, about: str, drawings: Sequence[Drawing], columns: int = 2
) -> Drawing:
    """Return drawings in rows, each under its own title."""
    marks: list[Mark] = [Text(12.0, 20.0, title, size=14.0, bold=True)]
    top, width = 30.0, 0.0
    for start in range(0, len(drawings), columns):
        row, left = drawings[start : start + columns], 0.0
        for one in row:
            marks.append(Text(left + 12.0, top + 16.0, one.title, bold=True))
            marks += [moved(mark, left, top + HEAD) for mark in one.marks]
            left += one.width + GAP
        width = max(width, left - GAP)
        top += HEAD + max(one.height for one in row)
    return Drawing(name, title, about, width, top, tuple(marks))


def moved(mark: Mark, right: float, down: float) -> Mark:
    """Return a mark at another place."""
    if isinstance(mark, Line | Area):
        points = tuple((x + right, y + down) for x, y in mark.points)
        return replace(mark, points=points)
    if isinstance(mark, Boxes):
        boxes = tuple((x + right, y + down, w, h) for x, y, w, h in mark.boxes)
        return replace(mark, boxes=boxes)
    return replace(mark, x=mark.x + right, y=mark.y + down)
