"""Where the time of a step went, and what would help.

The waterfall leads from the model's FLOPs at the peak to the step time, in parts that
the estimate itself carries. Elasticities are differences: the same plan asked again
with one figure a little up and down, through the same kernels. This file knows
questions and answers; it knows no physics.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from accelsim.errors import InputError
from accelsim.explore.estimate import answer, estimate, time_parts
from accelsim.explore.held import asked_again, held, moved, named_figures
from accelsim.explore.result import Estimate, TimeParts
from accelsim.explore.sensitivity import FELT, sways
from accelsim.overrides import Overrides
from accelsim.question import Question
from accelsim.specs.figure import Figure
from accelsim.specs.run import RunSpec
from accelsim.training.engines import Engines, engines_of
from accelsim.workload.lower import flops_parts

ROOM = 0.1  # more of the memory: what fits changes in jumps
CAPACITY = "chip.hbm.capacity"
# Figures of the hardware and of the host that a step's time may rest on.
READ = (
    *("chip.clock", "chip.matrix.sustained.*", "chip.gemm.issue.*", "chip.vector.*"),
    *("chip.sram.*", "chip.hbm.bandwidth", "chip.power.tdp", "chip.kernel_latency"),
    *("chip.neuron.*.clock", "chip.neuron.dma.queue_rate", "chip.neuron.dma.start"),
    *("chip.neuron.dma.descriptor", "chip.neuron.tensor.ramp_time"),
    *("chip.core_link.*", "system.node.host_bandwidth", "system.tiers.*.latency"),
    *("link.*.bandwidth", "link.*.latency", "link.*.controller"),
    *("software.launch", "software.collective_start", "software.step_overhead"),
)
WIDE = ("fp32", "tf32", "bf16", "fp16")  # products of these narrow nothing


@dataclass(frozen=True, slots=True)
class Elasticity:
    """What one percent more of a figure does to the throughput.

    Attributes
    ----------
    path, text : str
        The figure, as an override names it and as it stands.
    gain : float
        Percent of throughput gained for each percent more; negative for what delays.
    plan : str
        The plan that is fastest then, where it was searched for again and is another.
    """

    path: str
    text: str
    gain: float
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A step taken apart, and what each figure of the hardware is worth.

    Attributes
    ----------
    bars : dict of str to float
        From the ideal to the step time, whose sum it is [s]. What the busiest stage
        has less of than the mean worker, on which the ideal is counted, is negative.
    elasticities : tuple of Elasticity
        The largest effect first; figures without any are left out.
    engines : (Engines, Engines) or None
        One layer's forward and backward pass through a worker's NeuronCores.
    """

    estimate: Estimate
    bars: dict[str, float]
    elasticities: tuple[Elasticity, ...]
    engines: tuple[Engines, Engines] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as plain data."""
        return {
            "waterfall_s": dict(self.bars),
            "elasticities": [
                {
                    "path": one.path,
                    "value": one.text,
                    "percent_per_percent": one.gain,
                    "plan": one.plan or None,
                }
                for one in self.elasticities
            ],
            "layer_engines_s": self.engines
            and {
                way: {**one.busy, "attention": one.attention, "time": one.time}
                for way, one in zip(("forward", "backward"), self.engines, strict=True)
            },
        }


def explain(
    run: Estimate | RunSpec | Mapping[str, Any] | str | Path, overrides: Overrides = ()
) -> Explanation:
    """Return where the time of a step went, and what would help.

    Parameters
    ----------
    run : Estimate, or what `estimate` takes
    overrides : as for `estimate`; an `Estimate` takes none

    Raises
    ------
    InputError, NoAnswerError
        As `estimate` does.
    """
    if not isinstance(run, Estimate):
        run = estimate(run, overrides)
    elif overrides:
        raise InputError("explain: an Estimate takes no overrides; give the run")
    rows, done = asked_again(run)
    engines = engines_of(rows, done.plans[0])
    return Explanation(run, waterfall(run), elasticities(run), engines)


def waterfall(found: Estimate) -> dict[str, float]:
    """Return the bars from the ideal to the step time [s], all parts of the estimate.

    The ideal is the model's FLOPs, a decoder's masked scores left out, at the peak of
    all chips. `lagging` is what the slowest chip of the job adds to a median one.
    """
    q, parts = found.question, alike(found)
    each = found.tokens / found.peak
    layers, scores, head = (
        each * flops for flops in flops_parts(q.model, q.seq_len, causal=True)
    )
    return {
        "ideal": layers + scores + head,
        "matmul": parts.matmul - found.matmul_memory_bound - layers,
        "memory": found.matmul_memory_bound,
        "attention": parts.attention - scores,
        "elementwise": parts.elementwise,
        "head": parts.head - head,
        "recompute": parts.recompute,
        "lagging": found.step_time - parts.total,
        "launch": parts.launch,
        "host": parts.host,
        **{kind: getattr(parts, kind) for kind in ("tp", "cp", "ep", "pp", "dp")},
        "contention": parts.contention,
        "jitter": parts.jitter,
        "imbalance": parts.imbalance,
        "bubble": parts.bubble,
        "optimizer": parts.optimizer,
    }


def alike(found: Estimate) -> TimeParts:
    """Return the parts of the step if every chip were as fast as the median one."""
    _, done = asked_again(found, alike=True)
    return time_parts(done.results[0])


def elasticities(found: Estimate) -> tuple[Elasticity, ...]:
    """Return what each figure is worth, all asked at once; the largest effect first.

    The plan is held, but for the capacity of the memory, with which it is searched
    for again.
    """
    q = held(found)
    made = [
        Elasticity(row.path, row.text, row.slope["tokens_per_s"])
        for row in sways(found, hardware(q), ends=False)
    ]
    more = named_figures(q)[CAPACITY]
    asked = moved(found.question, CAPACITY, more.scaled(1.0 + ROOM, f"{ROOM:+.0%}"))
    roomy = answer([asked], must_fit=False)[0]
    plan = roomy.plan.text() if isinstance(roomy, Estimate) else ""
    other = plan if plan != found.plan.text() else ""
    gain = 0.0
    if other and isinstance(roomy, Estimate):
        gain = math.log(found.step_time / roomy.step_time) / math.log1p(ROOM)
    made.append(Elasticity(CAPACITY, more.text, gain, other))
    felt = [one for one in made if abs(one.gain) >= FELT]
    return tuple(sorted(felt, key=lambda one: -abs(one.gain)))


def hardware(q: Question) -> dict[str, Figure]:
    """Return the figures whose elasticity is asked for, by path.

    Peaks are those of the run's precision and, for what is never narrowed, of bf16.
    A link without a stated bandwidth is as fast as its lanes.
    """
    every = named_figures(q)
    kinds = {q.precision, q.precision if q.precision in WIDE else "bf16"}
    peaks = [f"chip.matrix.peak.{kind}" for kind in kinds]
    lanes = [
        f"link.{name}.lane_rate" for name, one in q.links.items() if not one.bandwidth
    ]
    return {
        path: figure
        for path, figure in every.items()
        if figure.value > 0.0
        and any(fnmatchcase(path, pattern) for pattern in (*READ, *peaks, *lanes))
    }
