"""What a fabric is made of: nodes, links, switches, bisection, diameter, W and USD.

This file knows counts and cuts. It knows no traffic.
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.fabric.graph import LEVELS, Graph
from accelsim.fabric.wiring import Wiring

MOST_SOURCES = 64  # nodes whose distances are searched
Sides = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TierListing:
    """One tier.

    Attributes
    ----------
    name, topology : str
    domains : int
    edges : int
        Directed.
    chip_bandwidth : float
        Of a chip into the tier, one way [B/s].
    switch : str
        Name of the switch spec, or nothing.
    switches : int
    levels : int
        Of a fat tree.
    power, price : float
        Of the switches [W, USD].
    """

    name: str
    topology: str
    domains: int
    edges: int
    chip_bandwidth: float
    switch: str
    switches: int
    levels: int
    power: float
    price: float


@dataclass(frozen=True, slots=True)
class Listing:
    """The whole fabric.

    Attributes
    ----------
    nodes : dict of str to int
        By name: chips, ranks, NICs, and switches as the graph has them.
    edges : int
        Directed, that are built.
    bisection : float
        Payload that crosses between halves of the chips, one way [B/s]: the least of
        the halves by tier and dimension.
    diameter : int
        Most edges between two ranks, on shortest ways.
    latency : float
        Edges and switches of the longest of these routes [s], steps apart.
    tiers : tuple of TierListing
    """

    system: str
    chips: int
    ranks: int
    nodes: dict[str, int]
    edges: int
    bisection: float
    diameter: int
    latency: float
    tiers: tuple[TierListing, ...]


def listing(graph: Graph) -> Listing:
    """Return what a graph is made of."""
    built = graph.edges.ports > 0
    diameter, latency = _extent(graph)
    words = Counter(_word(graph, n) for n in graph.nodes)
    return Listing(
        graph.system, graph.chips, graph.ranks, dict(words), int(built.sum()),
        bisection(graph), diameter, latency,
        tuple(_tier(graph, i, w) for i, w in enumerate(graph.wirings)),
    )  # fmt: skip


def _word(graph: Graph, row: np.void) -> str:
    name = graph.word(row)
    return name if name in ("chip", "rank", "nic", *LEVELS) else f"{name} switch"


def _tier(graph: Graph, index: int, wiring: Wiring) -> TierListing:
    edges = graph.edges
    mine = (edges.tier == index) & (edges.ports > 0)
    out = mine & (edges.source == 0)
    count, switch = devices(wiring, graph.chips), wiring.switch
    return TierListing(
        name=wiring.name,
        topology=wiring.spec.topology,
        domains=max(1, graph.chips // wiring.chips),
        edges=int(mine.sum()),
        chip_bandwidth=float(edges.bandwidth[out].sum()),
        switch="" if switch is None else switch.name,
        switches=count,
        levels=0 if wiring.tree is None else wiring.tree.levels,
        power=0.0 if switch is None else count * float(switch.power),
        price=0.0 if switch is None else count * float(switch.price),
    )


def devices(wiring: Wiring, chips: int) -> int:
    """Return how many switches a tier of so many chips takes, whole ones."""
    tree = wiring.tree
    if tree is None:
        return wiring.count * (chips // wiring.chips)
    if wiring.switch is None:
        return 0
    up, total = round(tree.up * tree.ways), tree.leaves
    if tree.levels == 2:
        total += -(-tree.leaves * up // (up + tree.down))
    elif tree.levels == 3:
        links = tree.pods * round(tree.core_up * tree.core_ways * tree.ways)
        total += tree.pods * up + -(-links // (2 * tree.pod_leaves))
    return math.ceil(total * tree.planes)


def bisection(graph: Graph) -> float:
    """Return the payload rate between halves of the chips, one way [B/s].

    Each tier and each dimension of a torus gives halves; a switch stands on the side
    that crosses least (maximum flow between the halves). 0 for one chip.
    """
    cuts = [_between(graph, half) for half in _halves(graph)]
    return min(cuts, default=0.0)


def _halves(graph: Graph) -> list[Sides]:
    chips = np.arange(graph.chips)
    found: list[Sides] = []
    for wiring in graph.wirings:
        stride = wiring.inner
        size = min(wiring.chips, graph.chips)
        dims = wiring.spec.dims or (size // stride,)
        for extent in dims:
            if extent > 1 and extent % 2 == 0:
                found.append(chips // stride % extent < extent // 2)
            stride *= extent
    if not found and graph.chips > 1:
        found.append(chips < graph.chips // 2)
    return found


def _between(graph: Graph, half: Sides) -> float:
    """Return the maximum flow from the chips of one half to the other's [B/s]."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    edges = graph.edges
    n = len(graph.nodes)
    inner = (edges.tier >= 0) & (edges.bandwidth > 0)
    total = edges.bandwidth[inner & (edges.source < graph.chips)].sum()
    unit = max(1.0, float(total) / 2**29)  # the solver counts in 32 bits
    rates = np.rint(edges.bandwidth[inner] / unit).astype(np.int64)
    chips = np.arange(graph.chips)
    one, other = chips[half], chips[~half]
    endless = np.full(graph.chips, 2**30)
    source = np.concatenate([edges.source[inner], np.full(len(one), n), other])
    target = np.concatenate([edges.target[inner], one, np.full(len(other), n + 1)])
    capacity = np.concatenate([rates, endless])
    matrix = csr_array((capacity, (source, target)), shape=(n + 2, n + 2))
    return float(maximum_flow(matrix.astype(np.int32), n, n + 1).flow_value) * unit


def _extent(graph: Graph) -> tuple[int, float]:
    """Return (diameter [edges], latency of the longest route [s])."""
    from accelsim.kernels.paths import farthest

    ends = graph.node_of(np.arange(graph.ranks))
    step = max(1, graph.ranks // MOST_SOURCES)
    start, order = graph.adjacency
    scratch = np.empty((3, len(graph.nodes)), np.int64)
    alive = np.ascontiguousarray(graph.edges.rate)
    target = np.ascontiguousarray(graph.edges.target)
    diameter = farthest(start, order, target, alive, ends[::step], ends, scratch)
    first = np.zeros(graph.ranks, np.int64)
    ways = graph.ways(first, np.arange(graph.ranks))
    crossed = np.concatenate([[0.0], np.cumsum(graph.edges.latency[ways.edges])])
    latency = np.diff(crossed[ways.first])
    return int(diameter), float(latency.max(initial=0.0))
