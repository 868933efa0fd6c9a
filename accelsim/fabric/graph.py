"""A system's fabric as a graph: nodes, edges, faults, and the ways between ranks.

    graph = fabric_of(accelsim.system("trn2-ultraserver"), chips=64)
    ways = graph.ways(source, target)

This file knows names of nodes and edges, what a fault does to a route, and what a step
costs beside its edges. It does not know collectives (`replay.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError, nearest
from accelsim.fabric.collective import System
from accelsim.fabric.routes import routes
from accelsim.fabric.stages import Ints
from accelsim.fabric.wiring import Wiring, whole_domains, wire
from accelsim.kernels.fabric_tables import SIMPLE
from accelsim.kernels.graph_tables import CHIP, NIC, RANK
from accelsim.kernels.tables import Rows
from accelsim.specs.switch import SwitchSpec

LARGEST = 1_000_000  # chips
LEVELS = ("leaf", "spine", "core")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ways:
    """Routes of messages, as a compressed table.

    Attributes
    ----------
    first : array of int
        Of each message's edges in `edges`, and one more: their end.
    edges : array of int
    latency : array of float
        Of a step: software, edges and switches [s].
    """

    first: Ints
    edges: Ints
    latency: Floats


@dataclass(frozen=True)
class Graph:
    """Nodes and directed edges of whole domains, and how ranks find their way.

    Attributes
    ----------
    system : str
    chips, per_chip : int
        Packages, and ranks of each.
    nodes, edges : rows of NODE and EDGE
    wirings : list of Wiring
        Tiers, inside out.
    package_step : float
        Time of a step inside a package [s].
    """

    system: str
    chips: int
    per_chip: int
    nodes: Rows
    edges: Rows
    wirings: list[Wiring]
    package_step: float

    @property
    def ranks(self) -> int:
        """Return how many ranks the graph has."""
        return self.chips * self.per_chip

    @property
    def whole(self) -> bool:
        """Return whether nothing that is built is down."""
        return not bool(np.any((self.edges.ports > 0) & (self.edges.rate <= 0.0)))

    @cached_property
    def names(self) -> list[str]:
        """Return the name of every node: `chip3`, `node0`, `leaf2`."""
        return [f"{self.word(row)}{row.number}" for row in self.nodes]

    def word(self, row: Rows) -> str:
        """Return what a node is called beside its number."""
        if row.kind in (CHIP, RANK, NIC):
            return {int(CHIP): "chip", int(RANK): "rank", int(NIC): "nic"}[row.kind]
        tier = self.wirings[row.tier]
        return tier.name if tier.tree is None else LEVELS[row.level]

    def edge_name(self, edge: int) -> str:
        """Return the name of a direction of a link: `chip0>node0`."""
        row = self.edges[edge]
        return f"{self.names[row.source]}>{self.names[row.target]}"

    def find(self, text: str) -> Ints:
        """Return the edges that a name means: `a>b` one way, `a-b` both.

        Raises
        ------
        InputError
            No such node, or none that are joined.
        """
        both = ">" not in text
        ends = [end.strip() for end in text.split("-" if both else ">")]
        if len(ends) != 2:
            raise InputError(f"edge {text!r}: write A-B, or A>B for one direction")
        places = [self._node(end, text) for end in ends]
        one, other = self.edges.source, self.edges.target
        hit = (one == places[0]) & (other == places[1])
        if both:
            hit |= (one == places[1]) & (other == places[0])
        found = np.flatnonzero(hit & (self.edges.ports > 0))
        if not len(found):
            joined = self._neighbours(places[0])
            raise InputError(
                f"edge {text!r}: {ends[0]} and {ends[1]} are not joined; {ends[0]} "
                f"leads to {joined}"
            )
        return found

    def _node(self, name: str, text: str) -> int:
        if name not in self._numbers:
            words = sorted({n.rstrip("0123456789") for n in self.names})
            hint = nearest(name, self.names) or f"nodes: {', '.join(words)}"
            raise InputError(f"edge {text!r}: no node {name!r}; {hint}")
        return self._numbers[name]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def _neighbours(self, node: int) -> str:
        out = (self.edges.source == node) & (self.edges.ports > 0)
        names = [self.names[n] for n in np.unique(self.edges.target[out])]
        return ", ".join(names[:6]) + (", …" if len(names) > 6 else "")

    def with_faults(
        self, down: Sequence[str] = (), degraded: Mapping[str, float] | None = None
    ) -> "Graph":
        """Return the graph with links down, or left with a share of their bandwidth.

        Raises
        ------
        InputError
            An edge that is not there, or a share outside 0 to 1.
        """
        edges = self.edges.copy()
        for text, share in [*((d, 0.0) for d in down), *(degraded or {}).items()]:
            if not 0.0 <= share <= 1.0:
                raise InputError(f"edge {text!r}: a share from 0 to 1, not {share:g}")
            hit = self.find(text)
            edges.rate[hit] *= share
            edges.bandwidth[hit] *= share
        return replace(self, edges=edges)

    def node_of(self, ranks: Ints) -> Ints:
        """Return the node of each rank."""
        return ranks if self.per_chip == 1 else self.chips + ranks

    def ways(self, source: Ints, target: Ints, turn: int = 0) -> Ways:
        """Return the routes between ranks, around what is down.

        turn : another number for the hash of every pair.

        Raises
        ------
        NoAnswerError
            Two ranks that nothing joins.
        """
        source, target = np.asarray(source, np.int64), np.asarray(target, np.int64)
        a, b = source // self.per_chip, target // self.per_chip
        hops, tier = routes(self.wirings, self.chips, a, b, turn)
        if self.per_chip > 1:
            differ = source != target
            hops = [
                np.where(differ, source, -1),
                *hops,
                np.where(differ, self.ranks + target, -1),
            ]
        table = np.stack(hops, axis=1) if hops else np.empty((len(source), 0), np.int64)
        if not self.whole:
            table = self._around(table, source, target)
        there = table >= 0
        first = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        edges = table[there]
        steps = np.array([w.step for w in self.wirings] + [self.package_step])
        latency = steps[tier] * (source != target)
        owner = np.repeat(np.arange(len(source)), there.sum(axis=1))
        crossed = np.bincount(owner, self.edges.latency[edges], len(source))
        return Ways(first, edges, latency + crossed)

    def switched(self, ways: Ways, ranks: Ints, up: Ints, down: Ints) -> Ways:
        """Return the ways with those of `up` and `down` put in: rank to switch, back.

        Raises
        ------
        InputError
            The innermost tier has no switch.
        """
        first = self.wirings[0]
        if first.spec.topology != "switch" or self.per_chip > 1:
            raise InputError(f"nvls: the tier {first.name} has no switch of its ranks")
        own = up | down
        edges = np.where(up, first.edges + ranks, first.edges + self.chips + ranks)
        hops = np.diff(ways.first)
        owner = np.repeat(np.arange(len(ranks)), hops)
        count = np.where(own, 1, hops)
        found = np.empty(int(count.sum()), np.int64)
        place = np.repeat(own, count)
        found[place], found[~place] = edges[own], ways.edges[~own[owner]]
        step = first.step + self.edges.latency[edges]
        starts = np.concatenate([[0], np.cumsum(count)])
        return Ways(starts, found, np.where(own, step, ways.latency))

    @cached_property
    def adjacency(self) -> tuple[Ints, Ints]:
        """Return (start, order): the edges of each node, see `kernels/paths.py`."""
        order = np.argsort(self.edges.source, kind="stable")
        ordered = self.edges.source[order]
        start = np.searchsorted(ordered, np.arange(len(self.nodes) + 1))
        return start.astype(np.int64), order.astype(np.int64)

    def _around(self, table: Ints, source: Ints, target: Ints) -> Ints:
        """Send what would cross an edge that is down a shortest way around it."""
        from accelsim.kernels.paths import detours

        dead = np.zeros(len(self.edges) + 1, bool)  # the last stands for edge -1
        dead[:-1] = self.edges.rate <= 0.0
        cut = np.flatnonzero(dead[table].any(axis=1))
        if not len(cut):
            return table
        one, other = self.node_of(source[cut]), self.node_of(target[cut])
        start, order = self.adjacency
        scratch = np.empty((3, len(self.nodes)), np.int64)
        found = np.full((len(cut), 64 + table.shape[1]), -1, np.int64)
        detours(
            start, order, np.ascontiguousarray(self.edges.source),
            np.ascontiguousarray(self.edges.target),
            np.ascontiguousarray(self.edges.rate), one, other, scratch, found,
        )  # fmt: skip
        lost = np.flatnonzero(found[:, 0] < 0)
        if len(lost):
            i = cut[lost[0]]
            raise NoAnswerError(
                f"nothing joins rank {source[i]} and rank {target[i]} any more: every "
                "way between them is down"
            )
        wide = np.full((len(table), found.shape[1]), -1, np.int64)
        wide[:, : table.shape[1]] = table
        wide[cut] = found
        return wide[:, (wide >= 0).any(axis=0)]


def switches_of(on: System) -> dict[str, SwitchSpec]:
    """Return the switch specs that a system's tiers name."""
    names = {t.switch for t in on.spec.tiers.values() if t.switch is not None}
    return {name: catalog.load("switches", name) for name in names}


def fabric_of(on: System, chips: int | None = None) -> Graph:
    """Return the graph of whole domains that hold so many chips.

    chips : the largest domain inside the fat tree if left out.

    Raises
    ------
    InputError
        More chips than the system has, or a domain that a switch's radix cannot build.
    """
    spec = on.spec
    if chips is None:
        chips = 1
    most = min(spec.max_chips, LARGEST)
    if not 1 <= chips <= most:
        raise InputError(f"chips: {spec.name} has 1 to {most}, not {chips}")
    chips = min(whole_domains(spec, chips), spec.max_chips)
    switches = switches_of(on)
    nodes, edges, wirings = wire(spec, on.chip, on.links, switches, chips)
    wirings = _library_steps(on, chips, edges, wirings)
    link = on.chip.core_link
    inside = 0.0 if link is None else float(link.latency)
    per_chip = on.chip.workers_per_chip
    return Graph(spec.name, chips, per_chip, nodes, edges, wirings, inside)


def _library_steps(
    on: System, chips: int, edges: Rows, wirings: list[Wiring]
) -> list[Wiring]:
    """Give the tiers that a library runs its own step, for whole chunks (Simple)."""
    rows = on.tiers(chips * on.chip.workers_per_chip)
    found = []
    for index, one in enumerate(wirings):
        row = rows[index]
        if one.spec.library is not None and row.nccl.on > 0.0:
            there = 2.0 * float(edges.latency[one.edges])  # to the switch, and back
            step = max(0.0, float(row.nccl.step[SIMPLE]) - there)
            found.append(replace(one, step=step))
        else:
            found.append(one)
    return found
