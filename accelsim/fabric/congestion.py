"""Concurrent collectives on one fabric: alone, together, and what is in the way.

    on = accelsim.system("trn2-ultraserver")
    on.congestion([{"tp": 16, "dp": 16}], down=["chip0-chip1"])

This file knows which collectives run at the same time and how their answers compare.
Rates and routes are `replay.py`'s; the uncontended closed form is that of
`kernels/collectives.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import InputError
from accelsim.fabric.collective import CODES, NEVER, System, system
from accelsim.fabric.graph import Graph, fabric_of
from accelsim.fabric.jobs import Axis, Job
from accelsim.fabric.replay import Floats, Replay, replay
from accelsim.fabric.steps import Steps, steps_of
from accelsim.overrides import Overrides

GRAIN = 8  # parts of a phase that take turns, see `replay`
RINGS = ("all_reduce", "all_gather", "reduce_scatter")
CLOSED = {  # names of `accelsim collective`
    "auto": "hierarchy",
    "hierarchy": "hierarchy",
    "torus": "bucket",
    "ring": "ring",
    "rings": "bidirectional",
}
JobLike = Job | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GroupResult:
    """The groups of one axis of one job.

    Attributes
    ----------
    job : int
        From zero.
    axis : str
    groups, ranks, stride : int
        How many groups, members of each, and how far apart these are.
    kind : str
    size : float
        Bytes as nccl-tests count them.
    closed_form : float
        Time of one group on a fabric of its own, see `closed_form`; the start of the
        library is included [s].
    alone : float
        Time of all groups of this axis with nothing else on the whole fabric [s].
    together : float
        The same with all other axes and jobs, and with the faults [s].
    bottleneck : str
        The edge that holds up the slowest group then.
    """

    job: int
    axis: str
    groups: int
    ranks: int
    stride: int
    kind: str
    size: float
    closed_form: float
    alone: float
    together: float
    bottleneck: str

    @property
    def slowdown(self) -> float:
        """Return time together over time alone; 1 for a group of one rank."""
        return self.together / self.alone if self.alone > 0.0 else 1.0

    @property
    def share(self) -> float:
        """Return the share of its own rate that a group keeps."""
        return 1.0 / self.slowdown


@dataclass(frozen=True, slots=True, eq=False)
class Congestion:
    """What concurrent collectives do to each other.

    Attributes
    ----------
    groups : list of GroupResult
    graph : Graph
        With the faults.
    utilisation : array of float
        Share of what each edge can carry that it carried, until all had ended.
    events : float
        Flow events that were followed.
    """

    groups: list[GroupResult]
    graph: Graph
    utilisation: Floats
    events: float

    def busiest(self, count: int = 10) -> list[tuple[str, float]]:
        """Return the edges that carried most of what they can, by name."""
        order = np.argsort(-self.utilisation, kind="stable")[:count]
        return [
            (self.graph.edge_name(int(e)), float(self.utilisation[e]))
            for e in order
            if self.utilisation[e] > 0.0
        ]


def congestion(
    name: str | Path | System,
    jobs: Sequence[JobLike],
    *,
    chips: int | None = None,
    down: Sequence[str] = (),
    degrade: Mapping[str, float] | None = None,
    once: bool = False,
    grain: int | None = GRAIN,
    overrides: Overrides = (),
) -> Congestion:
    """Return times alone and together of every axis of every job.

    Parameters
    ----------
    name : str, path or System
    jobs : list of Job, or of mappings of axes to ranks or `Axis`
        A job without a place begins after the one before it.
    chips : int, optional
        Of the fabric; as many whole domains as the jobs need if left out.
    down, degrade
        Edges that carry nothing, and those that carry a share: `chip0-chip1` both
        ways, `chip0>chip1` one way. Traffic goes around what is down.
    once : bool
        Collectives run once. Otherwise each begins anew until all have ended, so that
        the time together is beside the others all the time.
    grain : int, optional
        Parts in which a phase of a collective is followed; None follows each step.

    Raises
    ------
    InputError
        A job, place, edge or number that cannot be.
    NoAnswerError
        Ranks that nothing joins any more.
    """
    on = name if isinstance(name, System) else system(name, overrides)
    placed = _placed(on, [_job(job) for job in jobs])
    if grain is not None and grain < 1:
        raise InputError(f"grain: 1 or more, not {grain}")
    healthy = fabric_of(on, _needed(on, placed, chips))
    graph = healthy.with_faults(down, degrade)
    axes = [(number, job, a) for number, job in enumerate(placed) for a in job.axes]
    steps = [[_steps(healthy, job, a, g) for g in job.groups(a)] for _, job, a in axes]
    alone = [replay(healthy, mine, grain=grain) for mine in steps]
    every = [one for mine in steps for one in mine]
    together = replay(graph, every, again=not once, grain=grain)
    ends = np.cumsum([0, *map(len, steps)])
    groups = [
        _group(on, graph, axis, by_itself, together, slice(ends[i], ends[i + 1]))
        for i, (axis, by_itself) in enumerate(zip(axes, alone, strict=True))
    ]
    could = np.maximum(graph.edges.rate, 1e-300) * max(together.until, 1e-300)
    used = np.where(graph.edges.rate > 0.0, together.carried / could, 0.0)
    events = together.events + sum(one.events for one in alone)
    return Congestion(groups, graph, used, events)


def _job(job: JobLike) -> Job:
    if isinstance(job, Job):
        return job
    if not isinstance(job, Mapping):
        raise InputError(f"job: axes and their ranks, such as {{'tp': 8}}, not {job!r}")
    place = {key: job[key] for key in ("at", "every") if key in job}
    axes = {
        key: axis if isinstance(axis, Axis) else Axis(int(axis))
        for key, axis in job.items()
        if key not in place
    }
    return Job(axes, **place)


def _needed(on: System, jobs: Sequence[Job], chips: int | None) -> int:
    """Return the chips of the fabric: those asked for, or what the jobs need."""
    top = max((int(job.groups(a).max()) for job in jobs for a in job.axes), default=0)
    needed = top // on.chip.workers_per_chip + 1
    if chips is not None and chips < needed:
        raise InputError(f"chips: the jobs need {needed}, not {chips}")
    return chips or needed


def _placed(on: System, jobs: Iterable[Job]) -> list[Job]:
    """Return jobs that know where they begin, inside the system."""
    found: list[Job] = []
    free = 0
    for number, job in enumerate(jobs):
        here = job if job.at is not None else replace(job, at=free)
        last = (here.at or 0) + (here.ranks - 1) * here.every
        if last >= on.workers:
            raise InputError(
                f"job {number}: its last rank would be {last}; {on.spec.name} has "
                f"{on.workers} ranks"
            )
        found.append(here)
        free = max(free, last + 1)
    return found


def _steps(graph: Graph, job: Job, axis: str, members: Any) -> Steps:
    kind, size, algorithm = job.axes[axis].asked(axis)
    return steps_of(graph, kind, members, size, algorithm)


def _group(
    on: System, graph: Graph, which: tuple[int, Job, str], alone: Replay,
    together: Replay, mine: slice,
) -> GroupResult:  # fmt: skip
    number, job, axis = which
    kind, size, algorithm = job.axes[axis].asked(axis)
    slowest = mine.start + int(np.argmax(together.time[mine]))
    edge = int(together.bottleneck[slowest])
    groups, ranks = job.groups(axis).shape
    stride = job.stride(axis) * job.every
    return GroupResult(
        job=number,
        axis=axis,
        groups=groups,
        ranks=ranks,
        stride=stride,
        kind=kind,
        size=size,
        closed_form=closed_form(on, kind, size, ranks, stride, algorithm),
        alone=float(alone.time.max()),
        together=float(together.time[mine].max()),
        bottleneck="" if edge < 0 else graph.edge_name(edge),
    )


def closed_form(
    on: System, kind: str, size: float, ranks: int, stride: int, algorithm: str
) -> float:
    """Return the time of one group at a stride with nothing beside it [s].

    By the same algorithm, tier by tier, as far as the closed forms have it; else by the
    library's choice.
    """
    from accelsim.kernels import collectives, fabric_tables

    if ranks < 2:
        return 0.0
    rows = on.tiers(ranks * stride)
    if kind == "send_recv":
        return float(collectives.send(rows, size, float(stride), float(ranks)))
    wants = (CLOSED.get(algorithm, "auto") if kind in RINGS else "auto", "auto")
    for word in wants:
        found = collectives.collective_by(
            rows, fabric_tables.want(word), CODES[kind], size, float(ranks),
            float(stride), on.software_row,
        )  # fmt: skip
        if found[0] < NEVER:
            break
    return float(found[0])


def plan_shares(
    on: System,
    ranks: Mapping[str, int],
    sizes: Mapping[str, float],
    chips: int | None = None,
) -> dict[str, GroupResult]:
    """Return what each axis of a training plan keeps beside the others, by axis.

    ranks : of each axis (tp, cp, ep, dp, pp), as the training room lays them out;
    axes of one rank are left out. sizes : bytes of each axis' usual collective. A
    `share` is that of the bandwidth which the axis has alone; `alone` and `closed_form`
    say what its own groups take from each other.
    """
    axes = {
        name: Axis(count, size=sizes.get(name, 0.0))
        for name, count in ranks.items()
        if count > 1
    }
    if not axes:
        return {}
    found = congestion(on, [Job(axes)], chips=chips)
    return {group.axis: group for group in found.groups}
