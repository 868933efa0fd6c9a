"""From a system's tiers and links to one worker's rows of the tier table."""

import itertools
import math
from collections.abc import Mapping

from accelsim.errors import NoAnswerError
from accelsim.fabric.nccl import FITTED, UNKNOWN_SHARE, Fitted, fill_nccl
from accelsim.kernels import tables
from accelsim.kernels.tables import Record, Rows
from accelsim.link.port import Port, carried_energy, port
from accelsim.specs.chip import ChipSpec
from accelsim.specs.link import LinkSpec
from accelsim.specs.system import SystemSpec, TierSpec

_TOPOLOGY = {
    "switch": tables.SWITCH,
    "fat-tree": tables.SWITCH,
    "mesh": tables.MESH,
    "torus": tables.TORUS,
}
# What moves inside a package costs about as much as a die-to-die link: UCIe advanced
# package, 0.25-0.5 pJ/b (UCIe 1.1 white paper).
_ON_PACKAGE_ENERGY = 0.4e-12 * 8


def fill_tiers(
    rows: Rows,
    system: SystemSpec,
    chip: ChipSpec,
    links: Mapping[str, LinkSpec],
    chips: int,
    fitted: Fitted = FITTED,
) -> None:
    """Fill the TIER rows of one case, inside out, in SI units a worker.

    Workers that share a package share its ports; they are the innermost tier and talk
    over the package's own interconnect. A job of `chips` packages spreads evenly over
    the domains that it needs: 512 chips take 64 of each of eight racks of 72.
    fitted : constants of NCCL, where the tiers are its.
    """
    share = 1.0 / chip.workers_per_chip
    index = 0
    neuron = next(iter(system.tiers.values())).library == "neuron"
    if chip.core_link is not None and chip.workers_per_chip > 1:
        row = rows[0]
        row.workers = chip.workers_per_chip
        row.bandwidth = float(chip.core_link.bandwidth) * share
        row.latency = float(chip.core_link.latency)
        row.energy = row.carried = _ON_PACKAGE_ENERGY
        row.neuron = 2.0 if neuron else 0.0
        index = 1
    inner = 1
    found = ports(system, links, chips)
    for name, tier in system.tiers.items():
        if name in found:
            row = rows[index]
            mine = filled(tier.chips, chips)
            row.workers = mine * chip.workers_per_chip
            _fill_tier(
                row, tier, found[name], links[tier.link], tier.chips // inner, share
            )
            if tier.cube:
                row.extent[: len(tier.dims)] = slice_of(tier, mine // inner)
            row.neuron = float(neuron)
            if tier.library is not None and not neuron:
                fill_nccl(row, tier.library, fitted, found[name].latency)
            index += 1
        inner = tier.chips
    rows[0].nccl.unknown_share = UNKNOWN_SHARE
    if chip.core_link is not None and chip.core_link.touches is not None:
        memory = float(chip.hbm.bandwidth) * share
        for row in rows[:index]:
            row.touches = float(chip.core_link.touches) * memory


def ports(
    system: SystemSpec, links: Mapping[str, LinkSpec], chips: int
) -> dict[str, Port]:
    """Return one port of each tier by its name, inside out.

    A tier whose link works at no rate is left out where the job ends inside of it.

    Raises
    ------
    InputError, NoAnswerError
        The path of a link is wrong, or works at no rate and the job needs the link.
    """
    found: dict[str, Port] = {}
    inner = 1
    for name, tier in system.tiers.items():
        try:
            found[name] = port(links[tier.link])
        except NoAnswerError:
            if inner < chips or not found:
                raise
        inner = tier.chips
    return found


def filled(domain: int, chips: int) -> int:
    """Return the chips of each domain that an evenly placed job uses."""
    domains = -(-chips // domain)
    return chips // domains if chips % domains == 0 else domain


def slice_of(tier: TierSpec, members: int) -> tuple[int, ...]:
    """Return the extents of the box of whole cubes that a job has to itself.

    Optical switches close each of its dimensions into a ring (Jouppi et al. 2023, sec.
    2). Of boxes of as many `members` the one nearest to a cube, its longest side first;
    that of the whole tier, which a part of a cube cannot close, if there is none.
    """
    sides = [
        [n for n in range(cube, extent + 1, cube) if members % n == 0]
        for cube, extent in zip(tier.cube, tier.dims, strict=True)
    ]
    boxes = (box for box in itertools.product(*sides) if math.prod(box) == members)
    nearest = min(boxes, key=lambda box: (sum(box), [-n for n in box]), default=None)
    return tier.dims if nearest is None else nearest


def _fill_tier(
    row: Record, tier: TierSpec, one: Port, link: LinkSpec, joined: int, share: float
) -> None:
    bandwidth = one.bandwidth * float(tier.efficiency) * share
    if tier.oversubscription is not None:
        bandwidth /= max(1.0, float(tier.oversubscription))
    row.topology = _TOPOLOGY[tier.topology]
    row.bandwidth = sum(tier.links_per_chip) * bandwidth
    row.latency = float(tier.latency) + one.latency
    if tier.in_network_reduction and tier.reduction_efficiency is not None:
        adding = float(tier.reduction_efficiency) / float(tier.efficiency)
        row.reduce_bandwidth = row.bandwidth * adding
    row.chunk = 0.0 if tier.chunk is None else float(tier.chunk) * share
    row.energy = one.energy
    # modules and retimers on a tree's wires draw the same with data and without
    row.carried = carried_energy(link) if tier.topology == "fat-tree" else one.energy
    row.loss, row.tail = one.loss, one.tail
    row.failures = sum(tier.links_per_chip) * one.failures * share
    row.nccl.simple_only = tier.protocols == "simple"
    row.wrap = float(tier.wrap)
    row.dims = len(tier.dims)
    row.extent[0] = joined
    for d, extent in enumerate(tier.dims):
        count = tier.links_per_chip[d] if len(tier.links_per_chip) > 1 else None
        ports = tier.links_per_chip[0] / len(tier.dims) if count is None else count
        row.extent[d] = extent
        row.port_bandwidth[d] = ports * bandwidth
