"""A system that one can rent or build: chips in nodes, domains and a fabric."""

from typing import Literal

from pydantic import Field, model_validator

from accelsim.specs.figure import (
    MAX_SIZE,
    Bandwidth,
    Bytes,
    CarbonIntensity,
    NamedSpec,
    Overhead,
    PositiveCount,
    Power,
    Share,
    Spec,
    Time,
)

Topology = Literal["switch", "mesh", "torus", "fat-tree"]
Library = Literal["nccl-ampere", "nccl-hopper", "nccl-blackwell", "nccl-pcie", "neuron"]
Routing = Literal["spread", "hash", "rail"]


class TierSpec(Spec):
    """One level of the network, from the inside out.

    Attributes
    ----------
    chips : int
        Packages inside one domain of this tier, all inner tiers included.
    topology : str
        `switch` and `fat-tree`: any pair at full rate. `mesh`: one direct link to
        each other member. `torus`: rings along `dims`, two links a dimension.
    dims : tuple of int
        Torus only: extent by dimension, the first filled first; the product is the
        number of inner domains (or chips) that the tier joins.
    link : str
        Name of the link spec.
    links_per_chip : tuple of float
        Ports of each chip into this tier: one number, or one a dimension of a torus
        (both directions of a ring are two ports). A fraction is a shared port.
    efficiency : Share
        Share of the ports' payload rate that a large collective reaches.
    latency : Time
        One step of a collective, software included, beside the hop over the link
        itself, whose latency is the link's.
    chunk : Bytes, optional
        What a collective keeps in flight before it reaches its rate: a fit to measured
        collectives, absent where there are none.
    in_network_reduction : bool
        The switch adds (NVLS, SHARP): an all-reduce crosses each port once.
    reduction_efficiency : Share, optional
        Share of the ports' payload rate that an all-reduce reaches so (message over
        time over rate); `efficiency` if left out. Other collectives do not use it.
    library : str, optional
        Innermost tiers only: collectives run as NCCL does on a generation of GPUs, its
        own figures for starts, steps and the switch's adding in the place of
        `latency`, `chunk` and `reduction_efficiency`. One flat ring joins the members
        of all such tiers, at the rate of the outermost that it spans.
        `neuron`: the fastest of mesh, halving-doubling and KangaRing, by the links.
    protocols : str
        `simple` where the network does not keep the order that NCCL's LL and LL128
        need; `all` else.
    oversubscription : Overhead
        Fat tree only: bandwidth into the tier over bandwidth across it.
    switch : str, optional
        Name of the switch spec that joins the tier; in a torus, the optical one that
        joins its cubes. Without one the tier is joined by something of no known radix,
        power and price.
    switches : int, optional
        `switch` tiers: side by side, each with a part of every chip's ports; as few as
        the radix allows if left out.
    rails : int
        Fat tree only: chips that have the same place in a node, counted in so many
        rails, share a leaf; 1 fills leaf by leaf.
    routing : str
        Fat tree only: packets `spread` over all ways up; a `hash` picks one way a flow;
        `rail` spreads, and goes inside the node to the rail of its target first.
    cube : tuple of int
        Torus only: extents of the blocks that are wired for good; the links between
        blocks, and those that close the rings, go through the optical switch. A job of
        whole blocks has a torus of its own, the box of them that is nearest to a cube.
    """

    chips: int = Field(gt=0, le=MAX_SIZE)
    topology: Topology
    dims: tuple[int, ...] = ()
    wrap: bool = True
    link: str
    links_per_chip: tuple[float, ...]
    efficiency: Share
    latency: Time
    chunk: Bytes | None = None
    in_network_reduction: bool = False
    reduction_efficiency: Share | None = None
    library: Library | None = None
    protocols: Literal["all", "simple"] = "all"
    oversubscription: Overhead | None = None
    switch: str | None = None
    switches: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    rails: int = Field(default=1, gt=0, le=MAX_SIZE)
    routing: Routing = "spread"
    cube: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _dims_match(self) -> "TierSpec":
        if (self.topology == "torus") != bool(self.dims):
            raise ValueError("dims belong to a torus, and a torus needs them")
        if any(count <= 0 for count in self.links_per_chip):
            raise ValueError("links_per_chip must be more than zero")
        if len(self.links_per_chip) not in (1, len(self.dims)):
            raise ValueError("links_per_chip takes one number, or one per dimension")
        return self

    @model_validator(mode="after")
    def _switched_as_its_topology_allows(self) -> "TierSpec":
        kind, tree = self.topology, self.topology == "fat-tree"
        if self.switches is not None and (kind != "switch" or self.switch is None):
            raise ValueError("switches counts the named switches of a switch tier")
        if (self.rails > 1 or self.routing != "spread") and not tree:
            raise ValueError("rails and routing belong to a fat tree")
        if kind == "mesh" and self.switch is not None:
            raise ValueError("switch: a mesh has none")
        if kind == "torus" and self.switch is not None and not self.cube:
            raise ValueError("an optical switch needs a cube, whose links it closes")
        if self.cube and (
            len(self.cube) != len(self.dims)
            or any(n < 1 or d % n for d, n in zip(self.dims, self.cube, strict=True))
        ):
            raise ValueError(f"cube {list(self.cube)} must divide dims, one by one")
        return self


class NodeSpec(Spec):
    """What is priced and powered as a whole: a server, a tray, a sled.

    Attributes
    ----------
    chips : int
        Packages in a node.
    overhead_power : Power
        Host, NICs, fans and supplies of a node, beside its chips.
    host_bandwidth : Bandwidth, optional
        Between a package and the host's memory, one way.
    """

    chips: int = Field(gt=0, le=MAX_SIZE)
    overhead_power: Power
    host_bandwidth: Bandwidth | None = None


class SystemSpec(NamedSpec):
    """Chips, how they are joined, and what a user pays for them.

    Attributes
    ----------
    tiers : dict of str to TierSpec
        Ordered from the inside out; each holds whole domains of the one before.
    rent_unit : int
        Packages that are rented together (a node, or a rack of 72).
    software : str
        The stack that a plan on this system assumes if the run names none.
    price : str
        Name of the price spec.
    pue : Overhead
        Power usage effectiveness of the hall that it stands in.
    carbon : CarbonIntensity or None
        CO2 of the grid by energy.
    rack : PositiveCount or None
        Packages of a rack, where the product or the usual hall says so.
    """

    status: Literal["shipping", "announced", "projected"]
    chip: str
    node: NodeSpec
    tiers: dict[str, TierSpec]
    rent_unit: int = Field(gt=0, le=MAX_SIZE)
    software: str
    price: str
    pue: Overhead
    carbon: CarbonIntensity | None = None
    rack: PositiveCount | None = None

    @property
    def max_chips(self) -> int:
        """Return the chips of the outermost tier."""
        return max(tier.chips for tier in self.tiers.values())

    @model_validator(mode="after")
    def _tiers_nest(self) -> "SystemSpec":
        inner, library = 1, True
        for name, tier in self.tiers.items():
            if tier.library is not None and not library:
                raise ValueError(f"tiers.{name}.library: of the innermost tiers only")
            library = tier.library is not None
            if tier.chips % inner or (tier.chips == inner and inner > 1):
                raise ValueError(
                    f"tiers.{name}.chips {tier.chips} must be a multiple of the "
                    f"inner tier's {inner}"
                )
            joined = tier.chips // inner
            volume = 1
            for extent in tier.dims:
                volume *= extent
            if tier.dims and volume != joined:
                raise ValueError(
                    f"tiers.{name}.dims multiply to {volume}, but the tier joins "
                    f"{joined}"
                )
            inner = tier.chips
        if not self.tiers:
            raise ValueError("a system needs at least one tier")
        if self.rent_unit % self.node.chips:
            raise ValueError("rent_unit must be whole nodes")
        return self
