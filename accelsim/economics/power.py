"""Watts that a job draws whatever it does: hosts, adapters, switches and optics.

What a server's box holds is `node.overhead_power`; its adapters and its own switches
are shown as parts of it. Switches of fat trees, optical switches and the modules on
their wires stand outside the box and come on top. This file knows counts of ports; it
knows no time.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from accelsim import catalog
from accelsim.fabric.lower import ports
from accelsim.fabric.stages import circuit_count
from accelsim.link.port import Port, steady_energy
from accelsim.question import Question
from accelsim.specs.link import LinkSpec
from accelsim.specs.switch import SwitchSpec
from accelsim.specs.system import SystemSpec, TierSpec
from accelsim.stamps import Kept

_STEADY = Kept(8192)


@dataclass(frozen=True, slots=True)
class Steady:
    """Power of a whole job's machines beside its chips [W].

    Attributes
    ----------
    host, nic, node_switch : float
        Of the boxes: together `node.overhead_power`.
    network_switch, optics : float
        Of the network outside, as far as this job's ports need it.
    """

    host: float
    nic: float
    node_switch: float
    network_switch: float
    optics: float

    @property
    def node(self) -> float:
        """Return what the boxes draw beside their chips [W]."""
        return self.host + self.nic + self.node_switch

    @property
    def network(self) -> float:
        """Return what the network outside the boxes draws [W]."""
        return self.network_switch + self.optics


def steady(q: Question) -> Steady:
    """Return what the machines of a job draw beside its chips."""
    system, links, chips = q.system, q.links, q.run.chips
    return _STEADY.of((system, links), chips, lambda: _steady(system, links, chips))


def _steady(system: SystemSpec, links: Mapping[str, LinkSpec], chips: int) -> Steady:
    node = system.node
    nodes = -(-chips // node.chips)
    boxed = nodes * node.chips  # a partly used box draws as a whole
    left = whole = nodes * float(node.overhead_power)
    nic = switches = network = optics = 0.0
    inner, found = 1, ports(system, links, chips)
    for name, tier in system.tiers.items():
        link, one = links[tier.link], found.get(name)
        if tier.topology == "fat-tree":
            nic += boxed * sum(tier.links_per_chip) * _adapter(link)
            if one is not None and inner < chips:
                trunks, switch_ports = _tree(tier, one, chips)
                optics += trunks * 2.0 * steady_energy(link) * link.raw_rate
                network += switch_ports * _per_port(tier, one)
        elif one is not None and tier.switch is not None:
            each = _of_a_chip(tier, one, inner)
            if tier.topology == "switch":
                switches += boxed * each
            else:
                network += chips * each
        inner = tier.chips
    nic = min(nic, left)
    switches = min(switches, left - nic)
    return Steady(whole - nic - switches, nic, switches, network, optics)


def _adapter(link: LinkSpec) -> float:
    return 0.0 if link.adapter is None else float(link.adapter)


def _switch(tier: TierSpec) -> SwitchSpec:
    found: SwitchSpec = catalog.load("switches", tier.switch or "")
    return found


def _tree(tier: TierSpec, one: Port, chips: int) -> tuple[float, float]:
    """Return the links of a job's part of a fat tree and the ports of its switches.

    As few levels as hold the job; every level above the first has as many links as
    ports below, over the oversubscription, and each link two ports.
    """
    nics = chips * sum(tier.links_per_chip)
    if tier.switch is None:
        return nics, 0.0
    narrow = 1.0 if tier.oversubscription is None else float(tier.oversubscription)
    radix = max(2, _switch(tier).ports(one.bandwidth))
    down = max(1.0, radix * narrow / (1.0 + narrow))
    levels = 1 if nics <= radix else 2 if nics <= down * radix else 3
    trunks = nics * (levels - 1) / narrow
    return nics + trunks, nics + 2.0 * trunks


def _per_port(tier: TierSpec, one: Port) -> float:
    if tier.switch is None:
        return 0.0
    switch = _switch(tier)
    return float(switch.power) / max(1, switch.ports(one.bandwidth))


def _of_a_chip(tier: TierSpec, one: Port, inner: int) -> float:
    """Return a chip's share of the switches of a switched tier or a torus [W]."""
    if tier.topology == "torus":
        count = float(circuit_count(tier, inner))
    elif tier.switches is not None:
        count = float(tier.switches)
    else:
        return sum(tier.links_per_chip) * _per_port(tier, one)
    return count * float(_switch(tier).power) / tier.chips


def rack(q: Question, chip_watts: float, still: Steady) -> Mapping[str, float] | None:
    """Return the power of a full rack by part [W], or None where none is told.

    chip_watts : of one chip. The network outside and the hall are not in it.
    """
    if q.system.rack is None:
        return None
    size = float(q.system.rack)
    boxes = -(-q.run.chips // q.system.node.chips) * q.system.node.chips
    share = math.ceil(size / q.system.node.chips) * q.system.node.chips / boxes
    parts = {"host": still.host, "nic": still.nic, "switch": still.node_switch}
    return {"chip": size * chip_watts} | {k: v * share for k, v in parts.items()}
