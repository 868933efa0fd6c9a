"""Memory of every pipeline stage as a table.

This file knows how the stages of an estimate are read; every figure is taken from it.
"""

from rich.console import RenderableType

from accelsim import numbers
from accelsim.explore.result import Estimate, Stage
from accelsim.report.tables import table

MOST = 8  # stages that are shown one by one


def stages(estimate: Estimate) -> list[RenderableType]:
    """Return the table, nothing of a run without a pipeline."""
    found = estimate.stages
    if len(found) < 2:
        return []
    made = table(
        "memory by stage, GiB",
        "layers",
        "in flight",
        "states",
        "kept",
        "other",
        "total",
    )
    fullest = max(range(len(found)), key=lambda s: found[s].memory.total)
    shown = set(range(len(found)))
    if len(found) > MOST:
        shown = {*range(MOST // 2), fullest, len(found) - 1}
    for number, stage in enumerate(found):
        if number in shown:
            style = "bold" if number == fullest else ""
            made.add_row(str(number), *_figures(stage), style=style)
    return ["", made]


def _figures(stage: Stage) -> list[str]:
    memory = stage.memory
    states = memory.weights + memory.gradients + memory.optimizer
    other = memory.total - states - memory.activations
    sizes = (states, memory.activations, other, memory.total)
    return [
        f"{stage.layers:g}",
        f"{stage.in_flight:g}",
        *(numbers.gib(size) for size in sizes),
    ]
