"""Points in two figures that both matter, and those that no other beats in both.

This file knows fronts (Pareto) and no quantity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from accelsim.report.picture.charts import Curve, labelled, lines, ranged
from accelsim.report.picture.marks import Drawing, Line, Mark
from accelsim.report.picture.plot import Axis

MOST_NAMED = 12  # points of a front that are told by name
MOST_DRAWN = 4000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point: less of `x` and more of `y` is better."""

    name: str
    x: float
    y: float


def front(points: Sequence[Candidate]) -> list[Candidate]:
    """Return the points that no other beats in both, by rising x."""
    best, kept = float("-inf"), list[Candidate]()
    for point in sorted(points, key=lambda one: (one.x, -one.y)):
        if point.y > best:
            kept.append(point)
            best = point.y
    return kept


def front_figure(
    title: str, points: Sequence[Candidate], x: tuple[str, str], y: tuple[str, str],
    name: str = "front",
) -> Drawing:  # fmt: skip
    """Return a cloud of points with its front; `x` and `y` are label and unit."""
    best = front(points)
    rest = [point for point in points if point not in best]
    rest = rest[:: -(-len(rest) // MOST_DRAWN) or 1]
    log_x, log_y = (
        max(values) > 20.0 * min(values) > 0.0
        for values in ([p.x for p in points], [p.y for p in points])
    )
    across = Axis(*ranged([p.x for p in points], log=log_x), 0.0, 1.0, *x, log=log_x)
    upward = Axis(*ranged([p.y for p in points], log=log_y), 0.0, 1.0, *y, log=log_y)
    curves = [_cloud("on the front", best)]
    curves += [_cloud("beaten in both", rest)] if rest else []

    def drawn(x: Axis, y: Axis) -> list[Mark]:
        places = [(x.at(point.x), y.at(point.y)) for point in best]
        steps = [corner for a, b in pairwise(places) for corner in (a, (b[0], a[1]))]
        told = best if len(best) <= MOST_NAMED else []
        told = told + (rest if len(points) <= MOST_NAMED else [])
        names = [((point.x, point.y), point.name) for point in told]
        line = Line((*steps, *places[-1:]), "c0", 1.4, 1)
        return [line, *labelled(names, x, y)]

    about = (
        f"{len(best)} of {len(points):,} are beaten by no other in both "
        f"{x[0]} (less is better) and {y[0]} (more is better)."
    )
    return lines(name, title, about, curves, across, upward, drawn)


def _cloud(label: str, points: Sequence[Candidate]) -> Curve:
    places = tuple((point.x, point.y) for point in points)
    tips = tuple(f"{p.name}: {p.x:.4g}, {p.y:.4g}" for p in points)
    return Curve(label, places, joined=False, tips=tips)
