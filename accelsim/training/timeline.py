"""When every pass of a step runs on every pipeline stage, drawn by the event scheduler.

This file knows the stages' seconds as `kernels.step` finds them and the orders of
`kernels.schedule`. What follows the pipeline (exposed data-parallel traffic, the
update, the host) stands at the end, as the step counts it, even where some of it runs
between micro-batches.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.makespan import fill_seconds
from accelsim.kernels.orders import WEIGHT, slots_of
from accelsim.kernels.pipeline import schedule_of
from accelsim.kernels.recompute import repeated, repeated_traffic
from accelsim.kernels.schedule import NOWHERE, fill_orders, next_chunk, run_orders
from accelsim.kernels.stages import stage_kinds
from accelsim.kernels.step import add_layers, fill_pipeline
from accelsim.kernels.steps import fill_steps
from accelsim.kernels.tables import DENSE, EMBED, HEAD, MOE, Record, Rows
from accelsim.kernels.use_tables import MOMENT, MOMENTS
from accelsim.training.evaluate import Evaluated, step_scratch
from accelsim.training.lower import Cases, table

LETTERS = "FBW"  # forward, backward for the inputs or whole, for the weights
TRAFFIC = ("tp", "cp", "ep")  # what a pass exposes within itself
# What follows the pipeline: parts of the step by engine. Computing that replicas'
# traffic slows stands with it, the wait for the slowest replica with the host.
AFTER = {
    "dp": ("dp", "contention_dp"),
    "optimizer": ("optimizer",),
    "host": ("host", "jitter_end"),
}
ENGINES = ("compute", *TRAFFIC, "p2p", *AFTER)


@dataclass(frozen=True, slots=True)
class Span:
    """What one engine of a stage does between two times [s]."""

    stage: int
    engine: str
    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of a micro-batch through one of a stage's chunks of layers.

    kind : a letter of `LETTERS`. exposed : seconds of its traffic that nothing hides,
    by kind, which stand at its end. sent : bytes that a worker sends in it, by kind,
    hidden or not. to : the stage and chunk that take its result, if any.
    """

    stage: int
    kind: str
    chunk: int
    micro_batch: int
    start: float
    end: float
    exposed: Mapping[str, float]
    sent: Mapping[str, float]
    to: tuple[int, int] | None = None

    def spans(self, chunks: int) -> Iterator[Span]:
        """Yield what the stage's engines do, one after the other.

        chunks : of a stage; several are told apart in the name.
        """
        which = f".{self.chunk}" if chunks > 1 else ""
        name = f"{self.kind}{self.micro_batch}{which}"
        compute = self.end - self.start - sum(self.exposed.values())
        at = self.start
        for engine, seconds in (("compute", compute), *self.exposed.items()):
            if seconds > 0.0:
                yield Span(self.stage, engine, name, at, at + seconds)
                at += seconds


@dataclass(frozen=True, slots=True)
class Timeline:
    """A step, drawn.

    Attributes
    ----------
    passes : tuple of Pass
        By stage, in their order.
    others : tuple of Span
        Hand-overs between stages, and what follows the pipeline.
    step_time : float
        What the estimate says [s].
    hides : bool
        A hand-over runs beside the next pass.
    hop : float
        What a hand-over takes [s].
    hop_bytes, dp_bytes : float
        What a worker sends in it, and to keep its replicas equal [B].
    """

    schedule: str
    stages: int
    chunks: int
    passes: tuple[Pass, ...]
    others: tuple[Span, ...]
    step_time: float
    hides: bool = False
    hop: float = 0.0
    hop_bytes: float = 0.0
    dp_bytes: float = 0.0

    @property
    def end(self) -> float:
        """Return when the last span ends [s]."""
        last = max(one.end for one in self.passes)
        return max([last, *(span.end for span in self.others)])

    @property
    def difference(self) -> float:
        """Return how much longer the timeline is than the estimate, as a share."""
        return self.end / self.step_time - 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return how the timeline ends, and when each stage works, as plain data."""
        busy = [0.0] * self.stages
        for one in self.passes:
            busy[one.stage] += one.end - one.start
        return {
            "schedule": self.schedule,
            "stages": self.stages,
            "passes": len(self.passes),
            "end_s": self.end,
            "difference": self.difference,
            "busy_by_stage_s": busy,
        }

    def spans(self) -> Iterator[Span]:
        """Yield every span, pass by pass."""
        for one in self.passes:
            yield from one.spans(self.chunks)
        yield from self.others


def timeline_of(rows: Cases, done: Evaluated, i: int) -> Timeline:
    """Return the timeline of row `i` of evaluated plans."""
    plan, result = done.plans[i], done.results[i]
    schedule, pp, vp = schedule_of(plan), int(plan.pp), int(plan.vp)
    pipe, exposed, sent = _pipelines(rows, done, plan)
    passes, hops = _drawn(plan, schedule, pipe, exposed, sent)
    last = max(one.end for one in passes)
    others = [*hops]
    for engine, parts in AFTER.items():
        seconds = sum(float(result[part]) for part in parts)
        if seconds > 0.0:
            others += [Span(s, engine, engine, last, last + seconds) for s in range(pp)]
        last += seconds
    return Timeline(
        schedule=tables.SCHEDULES[schedule],
        stages=pp,
        chunks=slots_of(schedule, vp),
        passes=tuple(passes),
        others=tuple(others),
        step_time=float(result.step_time),
        hides=bool(pipe.hides),
        hop=float(pipe.hop),
        hop_bytes=float(result.pp_bytes) / (2.0 * plan.micro_batches * vp),
        dp_bytes=float(result.dp_bytes),
    )


def _pipelines(
    rows: Cases, done: Evaluated, plan: Record
) -> tuple[Record, dict[str, Record], dict[str, Record]]:
    """Return the PIPELINE of a plan, and that of each kind of traffic alone.

    Of the seconds that are exposed, and of the bytes that a worker sends.
    """
    case, layers = plan.case, done.layers[plan.shard]
    row, chip, model, software, _ = rows.of(case)
    one = table(tables.PLAN, 1)
    one[0] = plan
    scratch, result = step_scratch(one), table(tables.RESULT, 1)
    fill_steps(
        rows.cases, rows.chips, rows.models, rows.software, rows.tiers, one,
        done.layers, np.ones(1, dtype=bool), result, scratch,
    )  # fmt: skip
    pipe = scratch.pipe.view(np.recarray)[0]
    dense, mixture, full = table(tables.RESULT, 3)
    for part, count in ((dense, (1.0, 0.0)), (mixture, (0.0, 1.0))):
        add_layers(part, layers, chip, model, software, plan, _moments(), *count)
    if plan.pp == 1:
        count = (pipe.dense, pipe.mixtures)
        forward, backward, *_ = add_layers(
            full, layers, chip, model, software, plan, _moments(), *count
        )
        wait = float(result[0].launch) / plan.micro_batches
        fill_pipeline(pipe, layers, forward, backward, wait)
    share, stages = 1.0 / (3.0 + repeated(plan)), range(plan.pp)
    kinds = np.array([stage_kinds(row, model, software, plan, s) for s in stages])
    exposed = {
        kind: _traffic(kind, layers, kinds @ (dense[kind], mixture[kind]), share)
        for kind in TRAFFIC
    }
    sent = {kind: _sent(kind, layers, kinds, plan) for kind in TRAFFIC}
    return pipe, exposed, sent


def _moments() -> Rows:
    return table(MOMENT, MOMENTS)


def _fill_shares(pipe: Record, stages: np.ndarray) -> int:
    """Fill what stages have over the one that has most; return which that is."""
    most = int(np.argmax(stages))
    if stages[most] > 0.0:
        pipe.share[: len(stages)] = stages / stages[most]
    return most


def _sent(kind: str, layers: Rows, kinds: np.ndarray, plan: Record) -> Record:
    """Return a pipeline whose seconds are the bytes of one kind of traffic.

    kinds : dense layers and mixtures of each stage.
    """
    pipe, again = table(tables.PIPELINE, 1)[0], repeated(plan)
    forward, backward = np.zeros(2), np.zeros(2)
    for i, row in enumerate((layers[DENSE], layers[MOE])):
        there = float(row[f"forward_{kind}_bytes"])
        block, routed = repeated_traffic(row, plan)
        more = {"tp": block * float(row.block_tp_bytes), "ep": routed * there}
        forward[i] = there
        backward[i] = float(row[f"backward_{kind}_bytes"]) + again * there
        backward[i] += more.get(kind, 0.0)
    most = kinds[_fill_shares(pipe, kinds @ (forward + backward))]
    pipe.forward, pipe.backward = most @ forward, most @ backward
    for name, end in (("embed", layers[EMBED]), ("head", layers[HEAD])):
        for way in ("forward", "backward"):
            pipe[f"{name}_{way}"] = end[f"{way}_{kind}_bytes"]
    return pipe


def _traffic(kind: str, layers: Rows, seconds: np.ndarray, share: float) -> Record:
    """Return a pipeline that does nothing but expose one kind of traffic.

    seconds : of each stage on a micro-batch; share : of these in the forward pass.
    """
    pipe = table(tables.PIPELINE, 1)[0]
    most = float(seconds[_fill_shares(pipe, seconds)])
    pipe.forward, pipe.backward = share * most, (1.0 - share) * most
    for name, end in (("embed", layers[EMBED]), ("head", layers[HEAD])):
        for way in ("forward", "backward"):
            pipe[f"{name}_{way}"] = end[f"{way}_{kind}"] if kind == "tp" else 0.0
    return pipe


def _drawn(
    plan: Record,
    schedule: int,
    pipe: Record,
    exposed: Mapping[str, Record],
    sent: Mapping[str, Record],
) -> tuple[list[Pass], list[Span]]:
    """Return every pass and hand-over of a plan, by the event-driven scheduler."""
    pp, vp, count = int(plan.pp), int(plan.vp), int(plan.micro_batches)
    slots = slots_of(schedule, vp)
    orders = np.empty((pp, 3 * slots * count), np.int64)
    lengths, times = np.empty(pp, np.int64), np.empty((2, *orders.shape))
    seconds, ready = np.zeros((3, pp, slots)), np.empty((2, pp, slots, count))
    fill_orders(schedule, pp, vp, count, orders, lengths)
    fill_seconds(pipe, schedule, pp, vp, seconds)
    run_orders(
        schedule, pp, vp, seconds, pipe.hop, pipe.hides, orders, lengths, ready, times
    )
    open_times = _by_pass(exposed, schedule, pp, vp, seconds)
    volumes = _by_pass(sent, schedule, pp, vp, seconds)
    passes, hops = list[Pass](), list[Span]()
    for stage in range(pp):
        wire = 0.0
        for i in range(lengths[stage]):
            number = int(orders[stage, i])
            what, slot, micro_batch = (
                number % 3,
                number // 3 % slots,
                number // 3 // slots,
            )
            start, end = float(times[0, stage, i]), float(times[1, stage, i])
            seen = {k: float(t[what, stage, slot]) for k, t in open_times.items()}
            gone = {k: float(v[what, stage, slot]) for k, v in volumes.items()}
            step = 1 if what == 0 else -1
            to = next_chunk(schedule, stage, slot, pp, slots, step)
            if what == WEIGHT:
                to = NOWHERE
            takes = None if to == NOWHERE else (to // slots, to % slots)
            letter = LETTERS[what]
            passes.append(
                Pass(stage, letter, slot, micro_batch, start, end, seen, gone, takes)
            )
            if takes is not None and takes[0] != stage and pipe.hop:
                wire, start = max(end, wire) + float(pipe.hop), max(end, wire)
                name = f"{letter}{micro_batch} to {takes[0]}"
                hops.append(Span(stage, "p2p", name, start, wire))
    return passes, hops


def _by_pass(
    kinds: Mapping[str, Record], schedule: int, pp: int, vp: int, like: np.ndarray
) -> dict[str, np.ndarray]:
    """Return a figure of every pass on every chunk, kind by kind."""
    found = {kind: np.zeros_like(like) for kind in kinds}
    for kind, one in kinds.items():
        fill_seconds(one, schedule, pp, vp, found[kind])
    return found
