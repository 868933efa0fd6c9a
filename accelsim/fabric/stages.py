"""Stages of switches: how many of what the radix allows, and what it does not.

This file knows ports. It knows no node and no edge (`wiring.py`).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.link.port import Port
from accelsim.specs.switch import SwitchSpec
from accelsim.specs.system import SystemSpec, TierSpec

Ints = NDArray[np.int64]
MOST_LEVELS = 3  # of a fat tree


@dataclass(frozen=True, slots=True)
class Tree:
    """A fat tree: how many of what.

    Attributes
    ----------
    nics : int
        Endpoints; chips that share a NIC are `share`.
    share : int
    planes : float
        Trees side by side, over which each NIC spreads its ports.
    leaves, pods, levels : int
    down : int
        NICs of a leaf.
    ways, core_ways : int
        Edges from a leaf up, and from each spine of a pod up: one where packets
        spread over all of them.
    up, core_up : float
        Links in such an edge.
    pod_leaves : int
    """

    nics: int
    share: int
    planes: float
    leaves: int
    pods: int
    levels: int
    down: int
    ways: int
    core_ways: int
    up: float
    core_up: float
    pod_leaves: int


def leaf_of(nics: Ints, rails: int, down: int) -> Ints:
    """Return the leaf of each NIC: leaf by leaf, or a leaf a rail of so many nodes."""
    return nics // rails // down * rails + nics % rails


def planes(name: str, tier: TierSpec, switch: SwitchSpec | None, one: Port) -> int:
    """Return the switches that one stage needs: every chip has ports on each."""
    if switch is None:
        return 0
    ports, radix = tier.links_per_chip[0], switch.ports(one.bandwidth)
    if tier.chips > radix:
        raise InputError(
            f"tiers.{name}: {switch.name} has {radix} ports, so one stage joins "
            f"{radix} chips at most, not {tier.chips}"
        )
    each = radix // tier.chips  # ports of a chip that a switch has room for
    fewest = math.ceil(ports / each)
    if tier.switches is not None and tier.switches < fewest:
        raise InputError(
            f"tiers.{name}: {tier.chips} chips of {ports:g} ports need {fewest} "
            f"{switch.name} of {radix} ports, not {tier.switches}"
        )
    return tier.switches or fewest


def circuits(name: str, tier: TierSpec, inner: int, switch: SwitchSpec | None) -> int:
    """Return the optical switches: one for each link that leaves a cube one way.

    It joins that link of every cube, coming and going (Jouppi et al. 2023, sec. 2).
    """
    if switch is None:
        return 0
    cubes = math.prod(d // c for d, c in zip(tier.dims, tier.cube, strict=True))
    if 2 * cubes > switch.radix:
        raise InputError(
            f"tiers.{name}: {cubes} cubes need optical switches of {2 * cubes} ports; "
            f"{switch.name} has {switch.radix}"
        )
    return circuit_count(tier, inner)


def circuit_count(tier: TierSpec, inner: int) -> int:
    """Return the links that leave a cube of a torus one way."""
    volume = math.prod(tier.cube)
    return inner * sum(volume // c for c in tier.cube)


def plan_tree(
    system: SystemSpec, name: str, switch: SwitchSpec | None, one: Port, chips: int
) -> Tree:
    """Return the fat tree that joins so many chips, as few levels as it takes."""
    tier = system.tiers[name]
    links = tier.links_per_chip[0]
    share = max(1, round(1.0 / links)) if links < 1.0 else 1
    wide = max(1.0, links * share)
    nics = -(-chips // share)
    narrow = 1.0 if tier.oversubscription is None else float(tier.oversubscription)
    if switch is None:  # something that joins all of them
        down = nics if narrow == 1.0 else -(-system.node.chips // share)
        leaves = -(-nics // tier.rails // down) * tier.rails
        levels = 1 if leaves == 1 else 2
        up = down / narrow
        return Tree(nics, share, wide, leaves, 1, levels, down, 1, 1, up, 0.0, leaves)
    return _levels(name, tier, switch, one, (nics, share, wide, narrow))


def _levels(
    name: str, tier: TierSpec, switch: SwitchSpec, one: Port,
    asked: tuple[int, int, float, float],
) -> Tree:  # fmt: skip
    nics, share, wide, narrow = asked
    k = switch.ports(one.bandwidth)
    if k < 2:
        raise InputError(f"tiers.{name}: {switch.name} has no two ports of {tier.link}")
    hashed = tier.routing == "hash"
    if nics <= k and tier.rails == 1:
        return Tree(nics, share, wide, 1, 1, 1, k, 1, 1, 0.0, 0.0, 1)
    down = min(k - 1, int(k * narrow / (1.0 + narrow)))
    up = max(1, min(k - down, round(down / narrow)))
    units = math.ceil(math.ceil(nics / tier.rails) / down)
    leaves = units * tier.rails
    if leaves <= k:
        ways = up if hashed else 1
        return Tree(
            nics, share, wide, leaves, 1, 2, down, ways, 1, up / ways, 0.0, leaves
        )
    half = k // 2
    pods = -(-leaves // half)
    most = down * half * k
    if pods > k:
        raise InputError(
            f"tiers.{name}: {MOST_LEVELS} levels of {switch.name}, {k} ports of "
            f"{tier.link} each, join {most:,} NICs at most, not {nics:,}"
        )
    ways, core_ways = (up, half) if hashed else (1, 1)
    core_up = up * half / (ways * core_ways)
    return Tree(
        nics, share, wide, leaves, pods, 3, down, ways, core_ways, up / ways, core_up,
        half,
    )  # fmt: skip
