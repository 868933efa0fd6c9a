"""An explanation as tables: the waterfall of a step, and what would help.

This file knows how an explanation is read; every figure is taken from it as it is.
"""

from itertools import accumulate

from rich.console import RenderableType
from rich.text import Text

from accelsim import numbers
from accelsim.explore.explanation import CAPACITY, Explanation
from accelsim.report.tables import BAR, table

MOST = 12
WORDS = {
    "ideal": "model FLOPs at the peak",
    "matmul": "products below the peak",
    "memory": "products bound by memory",
    "attention": "attention above the ideal",
    "elementwise": "norms, activations",
    "head": "embedding, head, loss above it",
    "recompute": "recomputation",
    "lagging": "the slowest chip of the job",
    "launch": "waiting for kernel launches",
    "host": "host",
    "tp": "exposed tp traffic",
    "cp": "exposed cp traffic",
    "ep": "exposed ep traffic",
    "pp": "exposed pp traffic",
    "dp": "exposed dp traffic",
    "contention": "slowed by traffic behind it",
    "jitter": "the slowest kernel of a group",
    "imbalance": "the fullest experts",
    "bubble": "pipeline bubble",
    "optimizer": "optimizer",
}
ENGINE_WORDS = {
    "tensor": "TensorE",
    "vector": "VectorE",
    "scalar": "ScalarE",
    "gpsimd": "GpSimd",
    "dma": "DMA queues",
}
SIDE_BY_SIDE = (
    "Of one micro-batch on one worker, without collectives. Engines work side by side "
    "inside an operator; operators follow each other."
)
BELOW = "below zero: the busiest stage has less of it than the mean worker"


def explanation_tables(found: Explanation) -> list[RenderableType]:
    """Return the waterfall, the engines of a layer, and the elasticities."""
    return [*_waterfall(found), "", *_engines(found), *_elasticities(found), ""]


def _engines(found: Explanation) -> list[RenderableType]:
    if found.engines is None:
        return []
    made = table("a layer's engines at work", "forward", "", "backward", "", left=1)
    both = found.engines
    rows = {name: [one.busy[name] for one in both] for name in both[0].busy}
    rows["fused attention"] = [one.attention for one in both]
    for name, times in rows.items():
        if any(times):
            cells: list[str] = []
            for time, one in zip(times, both, strict=True):
                cells += [numbers.seconds(time), numbers.percent(time / one.time)]
            made.add_row(ENGINE_WORDS.get(name, name), *cells)
    made.add_row(
        "layer",
        *(c for one in both for c in (numbers.seconds(one.time), "")),
        style="bold",
    )
    return [made, Text(SIDE_BY_SIDE, style="dim"), ""]


def _waterfall(found: Explanation) -> list[RenderableType]:
    total = found.estimate.step_time
    made = table("where the time went", "", "of the step", "so far", "", left=1)
    made.columns[4].justify = "left"
    so_far = list(accumulate(found.bars.values()))
    for (key, value), end in zip(found.bars.items(), so_far, strict=True):
        if value == 0.0:
            continue
        share = numbers.percent(value / total)
        sum_text = numbers.seconds(end)
        shown = _step(end - value, end, total)
        made.add_row(WORDS[key], numbers.seconds(value), share, sum_text, shown)
    made.add_row("step", numbers.seconds(total), "100.0%", style="bold")
    negative = any(value < 0.0 for value in found.bars.values())
    return [made, *([Text(BELOW, style="dim")] if negative else [])]


def _step(start: float, end: float, total: float) -> str:
    """Return a bar that begins where the one before ended."""
    low, high = sorted((start, end))
    first, last = (round(max(0.0, at) / total * 2 * BAR) for at in (low, high))
    return " " * min(first, 2 * BAR - 1) + ("█" * (last - first) or "▏")


def _elasticities(found: Explanation) -> list[RenderableType]:
    made = table("what would help: 1 % more of", "now", "tokens/s", left=1)
    for one in found.elasticities[:MOST]:
        made.add_row(one.path, one.text, f"{one.gain:+.3f} %")
    last = "The plan is held; 1 % less of a negative one gains as much."
    for one in found.elasticities:
        if one.path == CAPACITY:
            last += f" With 10 % more memory the plan would be {one.plan}."
    return [made, Text(last, style="dim")]
