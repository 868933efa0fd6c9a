"""Fair rates and flows: by hand, beside the slow version, and what must always hold."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.kernels.fair import Net, enter, fill, gather, leave
from accelsim.kernels.flows import CUT, LONG, OK, Clock, Work, run_flows
from accelsim.kernels.graph_tables import FLOW, HOP, ITEM, JOB, PHASE, ROAD
from tests.kernels.slow_rates import ends, fair_rates

Ways = Sequence[Sequence[int]]


def net_of(ways: Ways, capacity: Sequence[float], sizes: Sequence[float] = ()) -> Net:
    hops = np.zeros(sum(map(len, ways)), HOP).view(np.recarray)
    hops.edge = [edge for way in ways for edge in way]
    hops.flow = [f for f, way in enumerate(ways) for _ in way]
    flows = np.zeros(len(ways), FLOW).view(np.recarray)
    flows["last"] = np.cumsum([len(way) for way in ways])
    flows["first"] = flows["last"] - [len(way) for way in ways]
    if sizes:
        flows.payload = sizes
    for flow, way in zip(flows, ways, strict=True):
        flow.bound, flow.narrow = min((capacity[e], e) for e in way)
    roads = np.zeros(len(capacity), ROAD).view(np.recarray)
    roads.capacity, roads.head = capacity, -1
    most = max(len(ways), len(capacity))
    scratch = [np.zeros(most, np.int64) for _ in range(3)]
    return Net(flows, hops, roads, *scratch)


def rates_of(ways: Ways, capacity: Sequence[float]) -> Any:
    net = net_of(ways, capacity)
    soiled = 0
    for f in range(len(ways)):
        soiled = enter(net, f, soiled)
    fill(net, *gather(net, soiled, 1), 1)
    return net


def run(
    net: Net, phases: Any, jobs: Any, followers: Sequence[int] = (), again: int = 0,
    most: float = 1e9,
) -> tuple[int, float]:  # fmt: skip
    items = np.zeros(len(net.flows) + len(phases), ITEM).view(np.recarray)
    items.place = -1
    clock = Clock(items, np.zeros(len(items), np.int64), np.zeros(1, np.int64))
    work = Work(phases, jobs, np.array(followers, np.int64))
    return run_flows(net, clock, work, again, most)


def tables(groups: Sequence[Sequence[int]], net: Net, rounds: int = 1) -> Any:
    """Return phases of flows in order, each its own job, and the jobs."""
    phases = np.zeros(len(groups), PHASE).view(np.recarray)
    jobs = np.zeros(len(groups), JOB).view(np.recarray)
    for p, group in enumerate(groups):
        phases[p]["first"], phases[p]["last"] = group[0], group[-1] + 1
        net.flows["phase"][list(group)] = p
        jobs[p]["first"], jobs[p]["last"] = p, p + 1
    phases.job = np.arange(len(groups))
    phases.rounds = phases.steps = rounds
    return phases, jobs


def test_rates_by_hand() -> None:
    # Bertsekas and Gallager, Data Networks, fig. 6.13's kind: one long flow over two
    # edges that it shares, one edge with two more, one with one more
    ways = [(0, 1), (0,), (0,), (1,)]
    rates = rates_of(ways, [1.0, 1.0]).flows.rate
    assert rates == pytest.approx([1 / 3, 1 / 3, 1 / 3, 2 / 3])


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[tuple[int, ...]], list[float]]:
    edges = draw(st.integers(1, 8))
    capacity = draw(st.lists(st.integers(1, 9), min_size=edges, max_size=edges))
    way = st.sets(st.integers(0, edges - 1), min_size=1, max_size=4).map(tuple)
    return draw(st.lists(way, min_size=1, max_size=12)), [float(c) for c in capacity]


@given(networks())
def test_rates_are_those_of_the_slow_version(network: tuple[Ways, list[float]]) -> None:
    ways, capacity = network
    rates = rates_of(ways, capacity).flows.rate
    assert rates == pytest.approx(fair_rates(ways, capacity), rel=1e-9)


@given(networks())
def test_rates_are_max_min_fair(network: tuple[Ways, list[float]]) -> None:
    ways, capacity = network
    net = rates_of(ways, capacity)
    used = [
        sum(net.flows.rate[f] for f, way in enumerate(ways) if edge in way)
        for edge in range(len(capacity))
    ]
    assert all(u <= c * (1 + 1e-9) for u, c in zip(used, capacity, strict=True))
    for f, way in enumerate(ways):
        # its bottleneck is full, and nobody there is faster
        edge = int(net.flows.cause[f])
        assert edge in way
        assert used[edge] == pytest.approx(capacity[edge])
        others = [net.flows.rate[g] for g, w in enumerate(ways) if edge in w]
        assert net.flows.rate[f] >= max(others) * (1 - 1e-9)


@given(networks(), st.data())
def test_a_flow_that_leaves_leaves_no_trace(
    network: tuple[Ways, list[float]], data: st.DataObject
) -> None:
    ways, capacity = network
    gone = data.draw(st.integers(0, len(ways) - 1))
    net = rates_of(ways, capacity)
    fill(net, *gather(net, leave(net, gone, 0), 2), 2)
    stay = [f for f in range(len(ways)) if f != gone]
    if stay:
        want = fair_rates([ways[f] for f in stay], capacity)
        assert net.flows.rate[stay] == pytest.approx(want, rel=1e-9)


@settings(max_examples=60)
@given(networks(), st.data())
def test_ends_are_those_of_the_slow_version(
    network: tuple[Ways, list[float]], data: st.DataObject
) -> None:
    ways, capacity = network
    size = st.integers(1, 20).map(float)
    sizes = data.draw(st.lists(size, min_size=len(ways), max_size=len(ways)))
    net = net_of(ways, capacity, sizes)
    phases, jobs = tables([[f] for f in range(len(ways))], net)
    how, events = run(net, phases, jobs)
    assert (how, events) == (OK, 2 * len(ways))
    assert jobs.end == pytest.approx(ends(ways, capacity, sizes), rel=1e-6)


def test_a_round_waits_for_its_slowest_message_and_its_latency() -> None:
    net = net_of([(0,), (1,)], [1.0, 2.0], [4.0, 4.0])
    net.flows.latency = 0.5
    phases, jobs = tables([[0, 1]], net, rounds=3)
    run(net, phases, jobs)
    assert jobs.end[0] == pytest.approx(3 * (4.0 + 0.5))
    assert phases.edge[0] == 0


def test_rounds_in_one_part_take_as_long_alone() -> None:
    net = net_of([(0,), (0, 1)], [1.0, 0.3], [4.0, 4.0])
    net.flows.latency = [0.5, 0.1]
    phases, jobs = tables([[0, 1]], net, rounds=7)
    run(net, phases, jobs)
    each = jobs.end[0]
    jobs["ends"], phases["steps"], phases["took"] = 0, 1, 0.0
    run(net, phases, jobs)
    assert jobs.end[0] == pytest.approx(each, rel=1e-12)


def test_phases_follow_each_other() -> None:
    net = net_of([(0,), (0,)], [1.0], [2.0, 3.0])
    phases, _ = tables([[0], [1]], net)
    jobs = np.zeros(1, JOB).view(np.recarray)
    jobs[0]["last"] = 2
    phases.job = 0
    phases[0]["next"], phases[0]["next_end"] = 0, 1
    phases[1]["next"] = phases[1]["next_end"] = 1
    phases[1]["waits"] = 1
    run(net, phases, jobs, followers=[1])
    assert jobs.end[0] == pytest.approx(5.0)
    assert list(phases.took) == pytest.approx([2.0, 3.0])


def test_jobs_begin_anew_beside_a_longer_one() -> None:
    net = net_of([(0,), (0,)], [1.0], [1.0, 10.0])
    phases, jobs = tables([[0], [1]], net)
    run(net, phases, jobs, again=1)
    # the short one is always there: the long one has half of the edge to its end
    assert list(jobs.end) == pytest.approx([2.0, 20.0])
    assert jobs.ends[0] in (9, 10)


def test_no_way_and_no_patience() -> None:
    net = net_of([(0,)], [1.0], [1.0])
    net.flows.bound = 0.0
    phases, jobs = tables([[0]], net)
    assert run(net, phases, jobs)[0] == CUT
    net = net_of([(0,)], [1.0], [1.0])
    phases, jobs = tables([[0]], net, rounds=9)
    assert run(net, phases, jobs, most=5.0)[0] == LONG


def test_a_ring_in_lockstep_is_as_fast_as_one_that_waits_for_data_alone() -> None:
    # a rank hands a part on when it has it: with steady rates the slowest edge sets
    # the pace either way, and rounds that wait for each other cost nothing
    capacity, rounds = [3.0, 1.0, 2.0, 5.0, 4.0], 8
    net = net_of([(e,) for e in range(5)], capacity, [6.0] * 5)
    phases, jobs = tables([list(range(5))], net, rounds=rounds)
    run(net, phases, jobs)
    times = [6.0 / c for c in capacity]
    sent = [0.0] * 5  # when each rank has sent its last part
    for _ in range(rounds):
        ready = [max(sent[i], sent[i - 1]) for i in range(5)]
        sent = [r + t for r, t in zip(ready, times, strict=True)]
    assert jobs.end[0] == pytest.approx(max(sent))
    assert all(a <= b for a, b in pairwise(sorted(sent)))
