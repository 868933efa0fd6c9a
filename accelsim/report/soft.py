"""Which press reports and guesses a result rests on, the weightiest first.

This file knows which figures a result depends on, by their names, and how much they
tend to weigh. It computes no result.
"""

from fnmatch import fnmatchcase
from functools import lru_cache

from accelsim.chip.lower import attention_kernel
from accelsim.explore.result import Estimate
from accelsim.link.soft import soft_figures as all_soft_figures
from accelsim.specs.figure import SOFT_KINDS, Figure

# (path, what rests on it), the weightiest figures of a training run first.
_WEIGHT = (
    ("chip.matrix.peak.*", "time"),
    ("chip.hbm.bandwidth", "time"),
    ("chip.hbm.capacity", "memory"),
    ("chip.power.tdp", "power"),
    ("chip.matrix.sustained.*", "time"),
    ("chip.gemm.hot_clock", "time"),
    ("chip.gemm.flop_energy", "time"),
    ("chip.gemm.issue.*", "time"),
    ("link.*.bandwidth", "time"),
    ("system.tiers.*.efficiency", "time"),
    ("chip.hbm.efficiency", "time"),
    ("chip.attention.*", "time"),
    ("system.node.overhead_power", "power"),
    ("system.pue", "power"),
    ("software.communication_share", "time"),
    ("software.tp_units", "time"),
    ("software.ep_units", "time"),
    ("system.tiers.*.latency", "time"),
    ("chip.kernel_latency", "time"),
    ("software.reserved_memory", "memory"),
    ("software.fragmentation", "memory"),
    ("chip.power.idle", "power"),
    ("link.*.energy", "power"),
    ("software.launch", "time"),
    ("chip.gemm.*", "time"),
    ("software.step_overhead", "time"),
    ("*", "time"),
)
# Stated in the catalog, but nothing in an estimate is computed from them.
_UNUSED = (
    "chip.headline.*",
    "chip.die_area",
    "chip.die.*",
    "system.carbon",
    "link.*.lane_rate",
    "chip.hbm.memory.*",  # not its energy, and its times only where they are changed
    # of benchmarks and of inference: a training step has settled, and casts itself
    "chip.gemm.settle",
    "chip.gemm.cast_latency",
    "chip.gemm.block",
)


@lru_cache(maxsize=4096)
def _rank(path: str) -> int:
    return next(i for i, (p, _) in enumerate(_WEIGHT) if fnmatchcase(path, p))


def _is_used(path: str, estimate: Estimate) -> bool:
    if any(fnmatchcase(path, pattern) for pattern in _UNUSED):
        return False
    question = estimate.question
    word = path.rsplit(".", 1)[-1]
    if path.startswith("chip.matrix.peak."):
        return word == question.precision
    if path.startswith(("chip.matrix.sustained.", "chip.gemm.issue.")):
        gemm = question.chip.gemm
        known = question.chip.matrix.sustained if gemm is None else gemm.issue
        if gemm is not None and question.precision in gemm.library:
            return False
        return word == (question.precision if question.precision in known else "bf16")
    if path.startswith("chip.gemm.library."):
        return word == question.precision
    if path.startswith("chip.neuron."):  # one kernel at a time, no step rests on it
        return False
    if path.startswith("chip.attention."):
        kernel = attention_kernel(question.chip, question.software.attention)
        return path.split(".")[2] == kernel
    return True


def soft_figures(estimate: Estimate) -> dict[str, Figure]:
    """Return the soft figures that an estimate rests on, the weightiest first."""
    found = all_soft_figures(estimate.question)
    used = [path for path in found if _is_used(path, estimate)]
    return {path: found[path] for path in sorted(used, key=_rank)}


def rests_on(estimate: Estimate) -> set[str]:
    """Return what rests on soft figures: of time, memory, power and price."""
    families = {_WEIGHT[_rank(path)][1] for path in soft_figures(estimate)}
    if estimate.cost is not None and estimate.cost.kind in SOFT_KINDS:
        families.add("price")
    return families
