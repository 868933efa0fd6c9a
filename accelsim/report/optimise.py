"""Designs for people: the best beside the base run, and a picture of all trials."""

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from accelsim.explore.design import OBJECTIVE, VIOLATION
from accelsim.explore.figures import FIGURES
from accelsim.report.picture.charts import Curve, lines, ranged
from accelsim.report.picture.marks import Drawing, Point
from accelsim.report.picture.plot import Axis
from accelsim.report.sweep import cell, short_names
from accelsim.report.tables import flowing, heading, notes, table

if TYPE_CHECKING:
    from accelsim.explore.optimise import Designs

MOST = 4  # designs of a front beside each other; all are in the JSON


def design_tables(found: "Designs") -> list[RenderableType]:
    """Return the best designs: what was chosen, what is sought, usual figures."""
    spec, best = found.design.spec, _spread(found.best)
    first = found.best[0]
    made = table("", *("base" for _ in [found.base] if found.base), *_names(best))
    sought = {f"{OBJECTIVE}{k + 1}": one.text for k, one in enumerate(spec.objectives)}
    usual = [n for n in FIGURES if n in (*spec.show, "tokens_per_s", "step_time_s")]
    choices = list(first)[1 : list(first).index("status")]
    names = [*choices, *sought, *spec.columns, *usual, "plan"]
    for name, title in zip(names, short_names(names), strict=True):
        base = [] if found.base is None else [_of_base(found, name)]
        words = sought.get(name, title)
        made.add_row(words, *base, *(cell(row[name]) for row in best))
    counts = (
        f"{found.table.num_rows:,} trials, {found.feasible:,} hold every constraint; "
        f"{len(found.best):,} on the front"
    )
    return [
        heading(spec.name),
        *([flowing(spec.question)] if spec.question else []),
        made,
        flowing(counts),
        *notes(spec.constraints, "Constraints"),
    ]


def _spread(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return some rows of a front, its ends among them."""
    if len(rows) <= MOST:
        return rows
    return [rows[round(i * (len(rows) - 1) / (MOST - 1))] for i in range(MOST)]


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return [f"trial {row['point']}" for row in rows]


def _of_base(found: "Designs", name: str) -> str:
    if found.base is None:
        return ""
    if name == "plan":
        return found.base.plan.text()
    return cell(FIGURES[name](found.base)) if name in FIGURES else ""


def design_figure(found: "Designs") -> Drawing:
    """Return a picture: the front of two objectives, or the best so far by trial."""
    spec = found.design.spec
    held = [row for row in found.table.to_pylist() if row[VIOLATION] <= 0.0]
    texts, first = [one.text for one in spec.objectives], f"{OBJECTIVE}1"
    trials = f"{len(held):,} of {found.table.num_rows:,} trials, which hold all"
    if len(texts) > 1:
        second = f"{OBJECTIVE}2"
        curves = (
            Curve(trials, _points(held, first, second), joined=False),
            Curve("no other is better in all", _points(found.best, first, second)),
        )
        labels = (texts[0], texts[1])
        about = f"{texts[1]} against {texts[0]}: all trials, and those on the front."
    else:
        points = _points(held, "point", first)
        pick = max if spec.objectives[0].maximise else min
        best = list(accumulate((value for _, value in points), pick))
        so_far = tuple((x, b) for (x, _), b in zip(points, best, strict=True))
        curves = (
            Curve(trials, points, joined=False),
            Curve("best so far", so_far, dots=False),
        )
        labels = ("trial", texts[0])
        about = f"{texts[0]} of each trial, and the best so far."
    every = [point for curve in curves for point in curve.points]
    x = Axis(*ranged([a for a, _ in every], log=False), 0.0, 1.0, labels[0])
    y = Axis(*ranged([b for _, b in every], log=False), 0.0, 1.0, labels[1])
    return lines("design", spec.question or spec.name, about, curves, x, y)


def _points(rows: list[dict[str, Any]], x: str, y: str) -> tuple[Point, ...]:
    return tuple((float(row[x]), float(row[y])) for row in rows)
