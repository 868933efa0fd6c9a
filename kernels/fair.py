"""Max-min fair rates of flows that share edges, and which flows a change concerns.

This file knows rates at one instant. Every flow has a bound, the narrowest edge of its
way. An edge whose flows' bounds add up to no more than it carries never limits anyone,
so it ties no flow to another: a change is worked out for the flows that are joined to
it through overfull edges, and for no other. Source: Bertsekas and Gallager, Data
Networks, sec. 6.5.2 (progressive filling).
"""

from typing import NamedTuple

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import Record, Rows

EQUAL = 1e-12  # relative difference of times and rates that are the same
OVER = 1.0 + 1e-9  # of an edge's rate, by which rounding alone goes over it


class Net(NamedTuple):
    """Flows on their ways.

    Attributes
    ----------
    flows, hops, roads : rows of FLOW, HOP and ROAD
        A road for each edge of the graph.
    touched, tight : (flows), (edges)
        What a run concerns: flows, and edges that are overfull.
    dirty : (edges)
        Edges whose flows are to be worked out anew.
    """

    flows: Rows
    hops: Rows
    roads: Rows
    touched: Rows
    tight: Rows
    dirty: Rows


@inlined
def overfull(road: Record) -> bool:
    """Return whether the bounds of an edge's flows add up to more than it carries."""
    return bool(road.load > road.capacity * OVER)


@inlined
def soil(net: Net, edge: int, soiled: int) -> int:
    """Put an edge among the dirty ones and return their number."""
    road = net.roads[edge]
    if road.dirty == 0:
        road.dirty = 1
        net.dirty[soiled] = edge
        soiled += 1
    return soiled


@kernel
def enter(net: Net, number: int, soiled: int) -> int:
    """Put a flow on its edges at its bound; return the number of dirty edges."""
    flow = net.flows[number]
    flow.rate, flow.cause = flow.bound, flow.narrow
    for place in range(flow.first, flow.last):
        hop = net.hops[place]
        road = net.roads[hop.edge]
        hop.after, hop.before = road.head, -1
        if road.head >= 0:
            net.hops[road.head].before = place
        road.head = place
        road.count += 1
        road.load += flow.bound
        if overfull(road):
            soiled = soil(net, hop.edge, soiled)
    return soiled


@kernel
def leave(net: Net, number: int, soiled: int) -> int:
    """Take a flow off its edges; return the number of dirty edges."""
    flow = net.flows[number]
    for place in range(flow.first, flow.last):
        hop = net.hops[place]
        road = net.roads[hop.edge]
        if hop.before >= 0:
            net.hops[hop.before].after = hop.after
        else:
            road.head = hop.after
        if hop.after >= 0:
            net.hops[hop.after].before = hop.before
        if overfull(road):
            soiled = soil(net, hop.edge, soiled)
        road.count -= 1
        road.load -= flow.bound
        if road.count == 0:
            road.load = 0.0  # rounding does not add up
    return soiled


@inlined
def touch(net: Net, edge: int, run: int, flows: int) -> int:
    """Collect the flows of an edge that this run has not seen; return their number."""
    place = net.roads[edge].head
    while place >= 0:
        hop = net.hops[place]
        if net.flows[hop.flow].seen != run:
            net.flows[hop.flow].seen = run
            net.touched[flows] = hop.flow
            flows += 1
        place = hop.after
    return flows


@kernel
def gather(net: Net, soiled: int, run: int) -> tuple[int, int]:
    """Collect the flows that the dirty edges concern, and their overfull edges.

    run : a number above zero that no run had before. Return how many of each; nothing
    is dirty afterwards.
    """
    flows, edges = 0, 0
    for i in range(soiled):
        net.roads[net.dirty[i]].dirty = 0
        flows = touch(net, net.dirty[i], run, flows)
    done = 0
    while done < flows:
        flow = net.flows[net.touched[done]]
        done += 1
        for place in range(flow.first, flow.last):
            edge = net.hops[place].edge
            road = net.roads[edge]
            if road.mark != run and overfull(road):
                road.mark = run
                net.tight[edges] = edge
                edges += 1
                flows = touch(net, edge, run, flows)
    return flows, edges


@inlined
def freeze(net: Net, flow: Record, run: int, rate: float) -> None:
    """Give a flow its rate and take that off its overfull edges."""
    flow.rate = rate
    for place in range(flow.first, flow.last):
        road = net.roads[net.hops[place].edge]
        if road.mark == run:
            road.left -= rate
            road.share -= 1.0


@inlined
def lowest_level(net: Net, edges: int) -> tuple[float, int]:
    """Return the least rate that an edge leaves each of its flows; drop idle edges."""
    level, kept = 1e300, 0
    for i in range(edges):
        edge = net.tight[i]
        road = net.roads[edge]
        if road.share > 0.5:
            net.tight[kept] = edge
            kept += 1
            level = min(level, max(0.0, road.left) / road.share)
    return level, kept


@inlined
def full_edge(net: Net, flow: Record, run: int, level: float) -> int:
    """Return an edge of a flow that leaves no more than `level`, -1 if none does."""
    found = -1
    for place in range(flow.first, flow.last):
        edge = net.hops[place].edge
        road = net.roads[edge]
        if road.mark == run and road.left <= level * road.share:
            found = edge
    return found


@kernel
def fill(net: Net, flows: int, edges: int, run: int) -> None:
    """Set the max-min fair rates of what `gather` collected.

    All rates rise together. A flow stops at its bound, or when an edge of its is full;
    the rest goes on. `touched` keeps its members, in another order.
    """
    for i in range(edges):
        road = net.roads[net.tight[i]]
        road.left, road.share = road.capacity, float(road.count)
    begin = 0  # flows before this have their rates
    while begin < flows:
        level, edges = lowest_level(net, edges)
        limit = level * (1.0 + EQUAL)
        low = 1e300
        for i in range(begin, flows):
            low = min(low, net.flows[net.touched[i]].bound)
        stop = begin
        for i in range(begin, flows):
            number = net.touched[i]
            flow = net.flows[number]
            if low <= limit:
                stops, cause = flow.bound <= limit, flow.narrow
            else:
                cause = full_edge(net, flow, run, limit)
                stops = cause >= 0
            if stops:
                flow.cause = cause
                net.touched[i] = net.touched[stop]
                net.touched[stop] = number
                stop += 1
        for i in range(begin, stop):
            flow = net.flows[net.touched[i]]
            freeze(net, flow, run, flow.bound if low <= limit else level)
        begin = stop
