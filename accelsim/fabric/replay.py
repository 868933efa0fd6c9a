"""Steps of collectives on a graph, replayed flow by flow.

    steps = steps_of(graph, "all_reduce", range(64), 2**30)
    replay(graph, [steps]).time

This file turns steps into the tables of `kernels/flows.py` and its answers back. With
`grain` a phase of many rounds is followed in so many equal parts: alone that is exact,
since a round of k times the bytes and the latency takes k times as long; beside other
traffic a part is the finest thing that takes turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import NoAnswerError
from accelsim.fabric.graph import Graph, Ways
from accelsim.fabric.stages import Ints
from accelsim.fabric.steps import DOWN, UP, Step, Steps
from accelsim.kernels.graph_tables import FLOW, HOP, ITEM, JOB, PHASE, ROAD
from accelsim.kernels.tables import Rows

MOST_EVENTS = 2e9
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """What happened.

    Attributes
    ----------
    time : array of float
        When each job ended for the first time [s].
    carried : array of float
        Bytes that each edge carried until the last job ended [B].
    until : float
        When that was [s].
    bottleneck : array of int
        The edge that held up each job's longest phase; -1 for a job without messages.
    events : float
        Beginnings and ends of flows that were followed.
    """

    time: Floats
    carried: Floats
    until: float
    bottleneck: Ints
    events: float


def replay(
    graph: Graph, jobs: Sequence[Steps], *, again: bool = False,
    grain: int | None = None, most: float = MOST_EVENTS, turn: int = 0,
) -> Replay:  # fmt: skip
    """Return when each job ends if all of them begin at once.

    again : jobs begin anew until all have ended once, so that each is beside all
    others all the time. grain : parts in which a phase is followed; every round if
    left out. most : flow events after which there is no answer.

    Raises
    ------
    NoAnswerError
        Ranks that nothing joins, or more events than `most`.
    """
    from accelsim.kernels.flows import CUT, LONG, run_flows

    flows, work, hops, moving = _tables(graph, jobs, grain, turn)
    net, clock = _state(graph, flows, hops, len(work.phases))
    how, events = run_flows(net, clock, work, int(again), float(most))
    if how == CUT:
        raise NoAnswerError("a link without bandwidth is in the way of a message")
    if how == LONG:
        raise NoAnswerError(
            f"more than {most:.0e} flow events; take a coarser grain or fewer ranks"
        )
    time = np.zeros(len(jobs))
    bottleneck = np.full(len(jobs), -1, np.int64)
    phases = work.phases
    time[moving] = work.jobs.end
    for place, job in zip(moving, work.jobs, strict=True):
        mine = phases[job.first : job.last]
        bottleneck[place] = mine.edge[np.argmax(mine.took)]
    sent = flows.payload * (phases.rounds / phases.steps * phases.done)[flows.phase]
    owner = np.repeat(np.arange(len(flows)), flows["last"] - flows["first"])
    carried = np.zeros(len(graph.edges))
    carried += np.bincount(hops, sent[owner], len(graph.edges))
    return Replay(time, carried, float(time.max(initial=0.0)), bottleneck, events)


def _tables(
    graph: Graph, jobs: Sequence[Steps], grain: int | None, turn: int
) -> tuple[Rows, Rows, Ints, list[int]]:
    """Return FLOW rows, Work, hops, and the jobs that say anything."""
    from accelsim.kernels.flows import Work

    moving = [j for j, steps in enumerate(jobs) if steps]
    every = [step for j in moving for step in jobs[j]]
    ways = _ways(graph, every, turn)
    counts = np.array([len(step.source) for step in every], np.int64)
    flows = np.zeros(int(counts.sum()), FLOW).view(np.recarray)
    flows.phase = np.repeat(np.arange(len(every)), counts)
    flows["first"], flows["last"] = ways.first[:-1], ways.first[1:]
    flows.payload = np.repeat([step.size for step in every], counts)
    flows.latency = ways.latency
    phases = np.zeros(len(every), PHASE).view(np.recarray)
    ends = np.cumsum(counts)
    phases["first"], phases["last"] = ends - counts, ends
    phases.rounds = [step.rounds for step in every]
    phases.steps = [min(step.rounds, grain or step.rounds) for step in every]
    phases.edge = -1
    rows = np.zeros(len(moving), JOB).view(np.recarray)
    sizes = np.array([len(jobs[j]) for j in moving], np.int64)
    rows["last"] = np.cumsum(sizes)
    rows["first"] = rows["last"] - sizes
    phases.job = np.repeat(np.arange(len(moving)), sizes)
    pairs = [(p + back, p) for p, step in enumerate(every) for back in step.after]
    before = np.array([a for a, _ in pairs], np.int64)
    after = np.array([b for _, b in pairs], np.int64)
    phases.waits = np.bincount(after, minlength=len(every))
    order = np.argsort(before, kind="stable")
    starts = np.searchsorted(before[order], np.arange(len(every) + 1))
    phases["next"], phases.next_end = starts[:-1], starts[1:]
    return flows, Work(phases, rows, after[order]), ways.edges, moving


def _ways(graph: Graph, every: Sequence[Step], turn: int) -> Ways:
    """Return the routes of all messages; of steps between the same ranks once."""
    place: dict[tuple[int, int], int] = {}
    once: list[Step] = []
    for step in every:
        key = (id(step.source), id(step.target))
        if key not in place:
            place[key] = len(once)
            once.append(step)
    found = _routed(graph, once, turn)
    if len(once) == len(every):
        return found
    ends = np.cumsum([0, *(len(step.source) for step in once)])
    of = [place[id(step.source), id(step.target)] for step in every]
    parts = [slice(ends[i], ends[i + 1]) for i in of]
    hops = np.diff(found.first)
    first = np.concatenate([[0], np.cumsum(np.concatenate([hops[p] for p in parts]))])
    spans = [slice(found.first[p.start], found.first[p.stop]) for p in parts]
    edges = np.concatenate([found.edges[s] for s in spans])
    return Ways(first, edges, np.concatenate([found.latency[p] for p in parts]))


def _routed(graph: Graph, steps: Sequence[Step], turn: int) -> Ways:
    """Return the routes of the messages of steps, those to and from switches too."""
    empty = np.zeros(0, np.int64)
    source = np.concatenate([empty, *(step.source for step in steps)])
    target = np.concatenate([empty, *(step.target for step in steps)])
    up, down = target == UP, source == DOWN
    source, target = np.where(down, target, source), np.where(up, source, target)
    ways = graph.ways(source, target, turn)
    if not np.any(up | down):
        return ways
    return graph.switched(ways, source, up, down)


def _state(graph: Graph, flows: Rows, edges: Ints, phases: int) -> tuple[Rows, Rows]:
    """Return the kernel's Net and Clock before anything has happened."""
    from accelsim.kernels.fair import Net
    from accelsim.kernels.flows import Clock

    hops = np.zeros(len(edges), HOP).view(np.recarray)
    hops.edge = edges
    hops.flow = np.repeat(np.arange(len(flows)), flows["last"] - flows["first"])
    roads = np.zeros(len(graph.edges), ROAD).view(np.recarray)
    roads.capacity, roads.head = graph.edges.rate, -1
    some = flows["first"] < flows["last"]
    if np.any(some):
        rates = np.asarray(graph.edges.rate)[edges]
        flows.bound[some] = np.minimum.reduceat(rates, flows["first"][some])
        tight = np.flatnonzero(rates <= flows.bound[hops.flow])[::-1]
        flows.narrow[hops.flow[tight]] = edges[tight]
    items = np.zeros(len(flows) + phases, ITEM).view(np.recarray)
    items.place = -1
    touched, tight, dirty = (
        np.zeros(n, np.int64) for n in (len(flows), len(roads), len(roads))
    )
    heap, size = np.zeros(len(items), np.int64), np.zeros(1, np.int64)
    return Net(flows, hops, roads, touched, tight, dirty), Clock(items, heap, size)
