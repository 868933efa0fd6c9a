"""From the tiers of a system to nodes and edges: what is joined to what, and how fast.

This file knows how each topology is wired and what the radix of a switch allows. It
numbers edges so that routes are arithmetic (`routes.py`), and knows no traffic.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.fabric.stages import Ints, Tree, circuits, leaf_of, plan_tree, planes
from accelsim.kernels.graph_tables import CHIP, EDGE, NIC, NODE, RANK, SWITCH
from accelsim.kernels.tables import Rows
from accelsim.link.port import Port, port
from accelsim.specs.chip import ChipSpec
from accelsim.specs.link import LinkSpec
from accelsim.specs.switch import SwitchSpec
from accelsim.specs.system import SystemSpec, TierSpec

# What moves inside a package costs about as much as a die-to-die link: UCIe advanced
# package, 0.25-0.5 pJ/b (UCIe 1.1 white paper).
ON_PACKAGE_ENERGY = 0.4e-12 * 8


@dataclass(frozen=True, slots=True)
class Wiring:
    """One tier in the graph.

    Attributes
    ----------
    name : str
    spec : TierSpec
    inner, chips : int
        Of a domain of the tier inside this one, and of one domain of this.
    step : float
        Time of a step beside the edges that it crosses [s].
    edges, nodes : int
        The first of its edges and nodes.
    tree : Tree or None
    switch : SwitchSpec or None
    count : int
        Switches (of each domain of a switch tier, or of the optical ones in a torus).
    """

    name: str
    spec: TierSpec
    inner: int
    chips: int
    step: float
    edges: int
    nodes: int
    tree: Tree | None
    switch: SwitchSpec | None
    count: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One port as an edge needs it: bandwidth [B/s], energy [J/B], loss ratio."""

    bandwidth: float
    energy: float
    loss: float = 0.0


@dataclass
class Builder:
    """Nodes and edges as they grow."""

    chips: int
    nodes: list[Rows]
    edges: list[Rows]
    n_nodes: int = 0
    n_edges: int = 0

    def add_nodes(self, kind: int, tier: int, count: int, level: int = 0) -> int:
        """Add nodes of a kind and return the first."""
        rows = np.zeros(count, NODE)
        rows["kind"], rows["tier"], rows["level"] = kind, tier, level
        rows["number"] = np.arange(count)
        self.nodes.append(rows)
        self.n_nodes += count
        return self.n_nodes - count

    def add_edges(
        self, source: Ints, target: Ints, tier: int, one: Lane | Port, share: float,
        ports: float | NDArray[np.float64], latency: float,
    ) -> int:  # fmt: skip
        """Add edges of `ports` links each and return the first; share : of the rate."""
        rows = np.zeros(len(source), EDGE)
        rows["source"], rows["target"], rows["tier"] = source, target, tier
        rows["ports"] = ports
        with np.errstate(over="ignore"):  # a system of 1e300 ports has infinite ones
            rows["bandwidth"] = rows["ports"] * one.bandwidth
        rows["rate"] = rows["bandwidth"] * share
        rows["latency"] = latency
        rows["energy"] = one.energy
        rows["loss"] = one.loss
        self.edges.append(rows)
        self.n_edges += len(rows)
        return self.n_edges - len(rows)


def whole_domains(system: SystemSpec, chips: int) -> int:
    """Return the chips of the whole domains inside the fat tree that hold so many."""
    inner = [t.chips for t in system.tiers.values() if t.topology != "fat-tree"]
    size = max(inner, default=1)
    return -(-chips // size) * size


def wire(
    system: SystemSpec,
    chip: ChipSpec,
    links: Mapping[str, LinkSpec],
    switches: Mapping[str, SwitchSpec],
    chips: int,
) -> tuple[Rows, Rows, list[Wiring]]:
    """Return (NODE rows, EDGE rows, tiers) of a fabric of whole domains.

    The package is a tier of its own where it holds several ranks.

    Raises
    ------
    InputError
        The radix of a switch cannot build a tier.
    """
    built = Builder(chips, [], [])
    built.add_nodes(CHIP, -1, chips)
    if chip.core_link is not None and chip.workers_per_chip > 1:
        _package(built, chip.workers_per_chip, float(chip.core_link.bandwidth))
    wirings: list[Wiring] = []
    inner = 1
    for index, (name, tier) in enumerate(system.tiers.items()):
        if inner < chips:
            switch = None if tier.switch is None else switches[tier.switch]
            at = (built.n_edges, built.n_nodes)
            one = port(links[tier.link])
            tree, count = None, 0
            if tier.topology == "fat-tree":
                tree = plan_tree(system, name, switch, one, chips)
                _tree(built, index, tier, tree, switch, one)
            elif tier.topology == "switch":
                count = planes(name, tier, switch, one)
                _switch(built, index, tier, one)
            elif tier.topology == "mesh":
                _mesh(built, index, tier, inner, one)
            else:
                count = circuits(name, tier, inner, switch)
                _torus(built, index, tier, inner, one)
            wirings.append(
                Wiring(
                    name, tier, inner, tier.chips, float(tier.latency), *at, tree,
                    switch, count,
                )
            )  # fmt: skip
        inner = tier.chips
    nodes, edges = np.concatenate(built.nodes), np.concatenate(built.edges)
    return nodes.view(np.recarray), edges.view(np.recarray), wirings


def _package(built: Builder, each: int, bandwidth: float) -> None:
    """Ranks around the package that they share, which passes traffic on."""
    first = built.add_nodes(RANK, -1, built.chips * each)
    ranks = first + np.arange(built.chips * each)
    home = np.arange(built.chips * each) // each
    one = Lane(bandwidth / each, ON_PACKAGE_ENERGY)
    built.add_edges(ranks, home, -1, one, 1.0, 1.0, 0.0)
    built.add_edges(home, ranks, -1, one, 1.0, 1.0, 0.0)


def _switch(built: Builder, index: int, tier: TierSpec, one: Port) -> None:
    """Each chip to the switches of its domain, which share every flow evenly."""
    chips = np.arange(built.chips)
    first = built.add_nodes(SWITCH, index, built.chips // tier.chips)
    hub = first + chips // tier.chips
    ports, share = tier.links_per_chip[0], float(tier.efficiency)
    built.add_edges(chips, hub, index, one, share, ports, one.latency / 2.0)
    built.add_edges(hub, chips, index, one, share, ports, one.latency / 2.0)


def _mesh(built: Builder, index: int, tier: TierSpec, inner: int, one: Port) -> None:
    """Each chip to the chip in its place in every other inner domain."""
    joined = tier.chips // inner
    chips = np.repeat(np.arange(built.chips), joined - 1)
    slot = np.tile(np.arange(joined - 1), built.chips)
    mine = chips % tier.chips // inner
    other = slot + (slot >= mine)
    target = chips + (other - mine) * inner
    ports = tier.links_per_chip[0] / (joined - 1)
    share = float(tier.efficiency)
    built.add_edges(chips, target, index, one, share, ports, one.latency)


def torus_ports(tier: TierSpec, d: int) -> float:
    """Return the links one way round a dimension of a torus, from each chip."""
    if len(tier.links_per_chip) > 1:
        return tier.links_per_chip[d] / 2.0
    return tier.links_per_chip[0] / len(tier.dims) / 2.0


def _torus(built: Builder, index: int, tier: TierSpec, inner: int, one: Port) -> None:
    """Rings: in each dimension an edge up for every chip, then an edge down."""
    chips = np.arange(built.chips)
    stride = inner
    for d, extent in enumerate(tier.dims):
        place = chips // stride % extent
        for way in (1, -1):
            target = chips + ((place + way) % extent - place) * stride
            # an extent of two is one link, not a ring; a line has no link at its end
            ends = extent == 1 or (extent == 2 and way < 0)
            built_here = np.full(built.chips, 0.0 if ends else torus_ports(tier, d))
            if not tier.wrap or extent == 2:
                last = extent - 1 if way > 0 else 0
                closing = (place == last) & (extent > 2)
                built_here = np.where(closing, 0.0, built_here)
            built.add_edges(
                chips, target, index, one, float(tier.efficiency), built_here,
                one.latency,
            )  # fmt: skip
        stride *= extent


def _tree(
    built: Builder, index: int, tier: TierSpec, tree: Tree, switch: SwitchSpec | None,
    one: Port,
) -> None:  # fmt: skip
    """Chips to NICs, NICs to leaves, leaves to the spines of their pod, those to cores.

    A link's own latency is that of NIC, wire and one switch; each further switch adds
    its own.
    """
    share = float(tier.efficiency)
    chips, nics = np.arange(built.chips), np.arange(tree.nics)
    first = built.add_nodes(NIC, index, tree.nics)
    inside = Lane(one.bandwidth, 0.0)
    home = first + chips // tree.share

    def pair(a: Ints, b: Ints, kind: Lane | Port, ports: float, latency: float) -> None:
        built.add_edges(a, b, index, kind, share, ports, latency)
        built.add_edges(b, a, index, kind, share, ports, latency)

    pair(chips, home, inside, tree.planes, 0.0)
    leaf = built.add_nodes(SWITCH, index, tree.leaves)
    at = leaf + leaf_of(nics, tier.rails, tree.down)
    pair(first + nics, at, one, tree.planes, one.latency / 2.0)
    further = 0.0 if switch is None else float(switch.latency)
    if tree.levels < 2:
        return
    spine = built.add_nodes(SWITCH, index, tree.pods * tree.ways, 1)
    leaves = np.repeat(np.arange(tree.leaves), tree.ways)
    way = np.tile(np.arange(tree.ways), tree.leaves)
    above = spine + leaves // tree.pod_leaves * tree.ways + way
    pair(leaf + leaves, above, one, tree.up * tree.planes, further)
    if tree.levels < 3:
        return
    core = built.add_nodes(SWITCH, index, tree.ways * tree.core_ways, 2)
    spines = np.repeat(np.arange(tree.pods * tree.ways), tree.core_ways)
    out = np.tile(np.arange(tree.core_ways), tree.pods * tree.ways)
    top = core + spines % tree.ways * tree.core_ways + out
    pair(spine + spines, top, one, tree.core_up * tree.planes, further)
