"""Time and bytes of collectives on the tiers of a system, from one worker's view.

Members of a group sit at a stride in the rank order: tensor parallelism is innermost
(stride 1), data parallelism outside. A tier of D workers holds up to D // stride
members. Every worker has its own share of the ports, so groups that run at the same
time do not disturb each other unless the fabric is oversubscribed.

Bandwidth terms: reduce-scatter or all-gather of S bytes over n ranks moves
S (n-1)/n through each port in n-1 steps (Thakur, Rabenseifner, Gropp 2005, sec. 4);
a hierarchy does it level by level, each outer level on 1/n of the bytes.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import (
    MAX_TIERS,
    MESH,
    TORUS,
    Record,
    Rows,
    codes,
)

ALL_GATHER, ALL_REDUCE, ALL_TO_ALL = codes(3)


@kernel
def tier_bandwidth(tier: Record, offset: float, members: float) -> float:
    """Return one worker's bandwidth [B/s] for a group at one tier.

    offset : domains that the stride skips; members : extent of the group. In a mesh
    only the ports that lead to a member of the group carry anything. In a torus each
    whole dimension gives both ports of its ring, a part of one gives a line, that is
    one port each way.
    """
    if tier.topology == MESH:
        share = min(1.0, (members - 1.0) / (tier.extent[0] - 1.0))
        return float(tier.bandwidth * share)
    if tier.topology != TORUS:
        return float(tier.bandwidth)
    bandwidth = 0.0
    for d in range(tier.dims):
        extent = tier.extent[d]
        if offset >= extent:
            offset = offset / extent
            continue
        inside = min(members, max(1.0, extent // max(1.0, offset)))
        offset = 1.0
        if inside > 1.0:
            whole = inside >= extent and extent > 2.0 and tier.wrap > 0.0
            bandwidth += tier.port_bandwidth[d] * (1.0 if whole else 0.5)
        members = -(-members // inside)
    return bandwidth


@kernel
def tier_steps(tier: Record, kind: int, members: float) -> float:
    """Return the steps that follow each other at one tier.

    One hop to everyone over a mesh; else a ring of members - 1, and twice that for
    an all-reduce unless the switch adds.
    """
    if tier.topology == MESH:
        return 2.0 if kind == ALL_REDUCE else 1.0
    if kind == ALL_TO_ALL:
        return 1.0
    if kind == ALL_REDUCE:
        ring = 2.0 * (members - 1.0)
        return min(ring, 4.0) if tier.reduces > 0.0 else ring
    return members - 1.0


@kernel
def tier_traffic(
    tier: Record, kind: int, size: float, share: float, members: float, ranks: float
) -> float:
    """Return the bytes that one worker sends at one tier.

    size : bytes of the whole buffer [B] (each rank's own for an all-to-all). share :
    members inside the tiers below, which have cut the buffer. A switch that adds
    halves an all-reduce.
    """
    if kind == ALL_TO_ALL:
        return size * share * (members - 1.0) / ranks
    once = size / share * (members - 1.0) / members
    if kind == ALL_REDUCE:
        return size / share if tier.reduces > 0.0 else 2.0 * once
    return once


@kernel
def collective(
    tiers: Rows, kind: int, size: float, ranks: float, stride: float, pipelined: float
) -> tuple[float, float]:
    """Return (seconds, bytes sent) of one collective for one worker.

    tiers : row of TIER of one case, inside out. kind : ALL_GATHER (also
    reduce-scatter), ALL_REDUCE, ALL_TO_ALL. size : B, see `tier_traffic`. ranks,
    stride : the group. pipelined : 1 if the phases of the hierarchy overlap, so that
    the slowest alone counts, else they add up.
    """
    total, slowest, latency, sent = 0.0, 0.0, 0.0, 0.0
    inside, below = 1.0, 1.0
    if size <= 0.0 or ranks <= 1.0:
        return 0.0, 0.0
    for t in range(MAX_TIERS):
        tier = tiers[t]
        if tier.workers == 0.0 or inside >= ranks:
            break
        reach = min(ranks, max(inside, tier.workers // stride))
        members = -(-reach // inside)
        if members > 1.0:
            traffic = tier_traffic(tier, kind, size, inside, members, ranks)
            offset = max(1.0, stride / below)
            seconds = traffic / tier_bandwidth(tier, offset, members)
            total += seconds
            slowest = max(slowest, seconds)
            latency += tier_steps(tier, kind, members) * tier.latency
            sent += traffic
            inside = reach
        below = tier.workers
    return latency + (slowest if pipelined > 0.0 else total), sent


@kernel
def send(tiers: Rows, size: float, stride: float) -> float:
    """Return the seconds of `size` bytes [B] to the rank `stride` further."""
    if size <= 0.0:
        return 0.0
    below = 1.0
    for t in range(MAX_TIERS):
        tier = tiers[t]
        if tier.workers == 0.0:
            break
        if tier.workers > stride or t == MAX_TIERS - 1 or tiers[t + 1].workers == 0.0:
            offset = max(1.0, stride / below)
            bandwidth = tier_bandwidth(tier, offset, 2.0)
            return float(tier.latency + size / bandwidth)
        below = tier.workers
    return 0.0
