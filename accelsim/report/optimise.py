"""Designs for people: the best beside the base run, and a picture of all trials.

This file knows rich, and matplotlib, which is loaded when a picture is asked for.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from accelsim.explore.design import OBJECTIVE, VIOLATION
from accelsim.explore.figures import FIGURES
from accelsim.report.figures import save
from accelsim.report.roofline import COLOURS
from accelsim.report.sweep import cell, short_names
from accelsim.report.tables import flowing, heading, notes, table

if TYPE_CHECKING:
    from accelsim.explore.optimise import Designs

MOST = 5  # designs of a front beside each other; all are in the JSON


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


def draw(path: Path, found: "Designs") -> None:
    """Write a picture: a front of two objectives, or the best so far by trial."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    spec = found.design.spec
    held = [row for row in found.table.to_pylist() if row[VIOLATION] <= 0.0]
    texts = [one.text for one in spec.objectives]
    if len(texts) > 1:
        keys = (f"{OBJECTIVE}1", f"{OBJECTIVE}2")
        every, front = _columns(held, *keys), _columns(found.best, *keys)
        axes.scatter(every[0], every[1], s=12, color="#bbbbbb", label="trials")
        axes.plot(
            *front, "o-", color=COLOURS[0], markersize=5,
            linewidth=1.2, label="no other is better in all",
        )  # fmt: skip
        axes.set(xlabel=texts[0], ylabel=texts[1])
    else:
        trials, values = _columns(held, "point", f"{OBJECTIVE}1")
        axes.scatter(trials, values, s=12, color="#bbbbbb", label="trials")
        pick = max if spec.objectives[0].maximise else min
        so_far = [pick(values[: i + 1]) for i in range(len(values))]
        axes.step(trials, so_far, where="post", color=COLOURS[0], label="best so far")
        axes.set(xlabel="trial", ylabel=texts[0])
    axes.set_title(spec.question or spec.name, fontsize=10, loc="left", wrap=True)
    axes.grid(visible=True, linewidth=0.4, alpha=0.5)
    axes.legend(fontsize=8, frameon=False)
    save(figure, path)


def _columns(rows: list[dict[str, Any]], *names: str) -> list[list[float]]:
    return [[row[name] for row in rows] for name in names]
