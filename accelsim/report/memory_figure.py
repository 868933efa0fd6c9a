"""Memory as a picture: a bar for each pipeline stage, or for each design.

This file knows how the parts of a worker's memory are sorted for a reader.
"""

from collections.abc import Sequence

from accelsim import numbers
from accelsim.explore.result import Estimate, MemoryParts
from accelsim.report.picture.charts import Bar, stacked
from accelsim.report.picture.marks import Drawing
from accelsim.report.picture.plot import Key

GIB = 2.0**30
MOST = 16  # stages that are drawn
GROUPS = (
    ("weights", ("weights",)),
    ("gradients", ("gradients",)),
    ("optimizer", ("optimizer",)),
    ("activations", ("activations",)),
    ("head", ("head",)),
    ("buffers, workspace", ("buffers", "workspace")),
    ("allocator, context", ("fragmentation", "context")),
)


def stages_figure(found: Estimate) -> Drawing:
    """Return the memory of a worker of every stage beside what there is."""
    stages = found.stages
    sizes = [stage.memory.total for stage in stages]
    fullest = sizes.index(max(sizes))
    shown = list(range(len(stages)))
    if len(stages) > MOST:
        shown = sorted({*range(MOST - 2), fullest, len(stages) - 1})
    bars = [
        _bar(f"stage {n}" if len(stages) > 1 else "every worker", stages[n].memory)
        for n in shown
    ]
    left = len(stages) - len(shown)
    share = numbers.percent(sizes[fullest] / found.memory_capacity)
    about = (
        f"Peak of a worker by what fills it; stage {fullest} is the fullest, "
        f"{share} of what there is."
        if len(stages) > 1
        else f"Peak of a worker by what fills it: {share} of what there is."
    )
    if left:
        about += f" {left} stages that need less are not drawn."
    return _drawn("memory", "Memory by stage", about, bars, found.memory_capacity)


def designs_figure(found: Sequence[tuple[str, Estimate]]) -> Drawing:
    """Return the memory of the fullest worker of several designs, as a share."""
    bars = []
    for label, one in found:
        bar = _bar(label, one.memory, 1.0 / one.memory_capacity)
        bars.append(bar)
    about = "Peak of the fullest worker, as a share of its own memory."
    keys = _keys(bars)
    limit = (1.0, "all of it")
    return stacked(
        "memory", "Memory of the fullest worker", about, bars, keys,
        ("of the memory", "%"), limit,
    )  # fmt: skip


def _bar(label: str, memory: MemoryParts, scale: float = 1.0 / GIB) -> Bar:
    sizes = [sum(getattr(memory, key) for key in keys) for _, keys in GROUPS]
    parts = tuple(
        (n, scale * size, f"{label}, {GROUPS[n][0]}: {numbers.gib(size)} GiB")
        for n, size in enumerate(sizes)
    )
    return Bar(label, parts, f"{numbers.gib(memory.total)} GiB")


def _keys(bars: Sequence[Bar]) -> list[Key]:
    return [
        Key(words, n)
        for n, (words, _) in enumerate(GROUPS)
        if any(bar.parts[n][1] > 0.0 for bar in bars)
    ]


def _drawn(
    name: str, title: str, about: str, bars: Sequence[Bar], capacity: float
) -> Drawing:
    limit = (capacity / GIB, f"{numbers.gib(capacity)} GiB there")
    return stacked(
        name, title, about, bars, _keys(bars), ("memory, GiB", ""), limit
    )  # fmt: skip
