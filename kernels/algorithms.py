"""What one tier of a collective takes by each algorithm, from its links' constants.

A phase joins the `members` of a group that sit in different domains of the tiers below;
each has its own share of the ports. An algorithm is a number of steps, each of one
latency, and a rate: the ports that it uses over the times that a byte crosses them.

Reduce-scatter or all-gather of S bytes over n ranks moves S (n-1)/n through each port
in n-1 steps of a ring or log2 n of recursive halving or doubling; Bruck's all-to-all
takes log2 n steps of S/2 (Thakur, Rabenseifner, Gropp 2005, secs. 3 and 4). A double
binary tree takes each byte up and down once (Sanders, Speck, Traeff 2009).
"""

import math

from accelsim.kernels.fabric_tables import (
    ADDING,
    ALL_GATHER,
    ALL_REDUCE,
    ALL_TO_ALL,
    AUTO,
    BIDIRECTIONAL,
    BROADCAST,
    BRUCK,
    HALVING,
    HAMILTONIAN,
    HIERARCHICAL,
    PAIRWISE,
    RAIL,
    ROUND,
    TREES,
)
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import MESH, TORUS, Record

# An all-reduce inside a switch that adds starts about as slowly as a ring of eight: fit
# to the 64 KiB to 16 MiB all-reduces of 8 x H100 and 8 x B200 (nccl-tests).
SWITCH_STEPS = 14.0
# What a message more costs a network's sender [s]: NCCL's proxy, netOverhead of
# NVIDIA/nccl@5067397 src/graph/tuning.cc.
MESSAGE = 1e-6


@kernel
def pipelined(levels: float, step: float, seconds: float) -> float:
    """Return the time [s] of bytes that take `seconds` through a chain of `levels`.

    Cut into k chunks they take (levels - 1 + k) (step + seconds / k), which is least,
    (levels - 1) step + seconds + 2 sqrt((levels - 1) step seconds), with
    k = sqrt((levels - 1) seconds / step), but no less than one.
    """
    if levels <= 0.0:
        return 0.0
    k = math.sqrt((levels - 1.0) * seconds / step) if step > 0.0 else 1e300
    k = max(1.0, k)
    return (levels - 1.0 + k) * (step + seconds / k)


@kernel
def congestion(extent: float) -> float:
    """Return how often recursive halving crosses a ring's links, at best once.

    Partners lie 1, 2, 4, ... apart, with half as much to say each time. On a ring of
    four each is a neighbour (a torus of such rings is a hypercube); from eight on
    messages 2^k apart share each link 2^k / 2 times.
    """
    levels = math.log2(max(2.0, extent))
    if levels <= 2.0:
        return 1.0
    return (0.5 + 0.25 * (levels - 1.0)) / (1.0 - 1.0 / extent)


@kernel
def torus_rate(
    tier: Record, want: int, kind: int, offset: float, members: float
) -> tuple[float, float]:
    """Return (bandwidth [B/s], steps) of one worker for a group on a torus.

    offset : domains that the stride skips; members : extent of the group. Each whole
    dimension gives both ports of its ring, a part of one a line, that is one port
    each way; groups that interleave in a ring share its links. By default every
    dimension has a share of the bytes, so that all ports are busy, and a ring walks
    each once (bucket). One ring through all has one port, both directions of it two,
    and two edge-disjoint Hamiltonian rings all four of a torus of two dimensions. A
    byte that goes straight to its owner travels a quarter of a ring, or a third of a
    line, in each dimension on average (its own place counted), and the slowest
    dimension counts.
    """
    total, slowest, steps, levels = 0.0, 1e300, 0.0, 0.0
    dims, jam, left = 0.0, 1.0, members
    for d in range(tier.dims):
        extent = tier.extent[d]
        if offset >= extent:
            offset = offset / extent
            continue
        inside = min(left, max(1.0, math.floor(extent / offset)))
        if inside > 1.0:
            whole = inside >= extent and extent > 2.0 and tier.wrap > 0.0
            ports = tier.port_bandwidth[d] * (1.0 if whole else 0.5) / offset
            hops = inside * (0.25 if whole else 1.0 / 3.0) * members / (members - 1.0)
            hops = max(1.0, hops)
            slowest = min(slowest, ports / hops)
            total += ports
            dims += 1.0 if whole else 0.5
            steps += inside - 1.0
            levels += math.ceil(math.log2(inside))
            jam = max(jam, congestion(inside))
        offset = 1.0
        left = math.ceil(left / inside)
    if kind == ALL_TO_ALL or want in (PAIRWISE, RAIL):
        return slowest, 1.0
    if want in (HALVING, BRUCK):
        return total / jam, levels
    if want == ROUND or (want == BIDIRECTIONAL and dims < 1.0):
        return total / max(1.0, 2.0 * dims), members - 1.0
    if want == BIDIRECTIONAL or (want == HAMILTONIAN and dims != 2.0):
        return total / max(1.0, dims), members - 1.0
    if want == HAMILTONIAN:
        return total, members - 1.0
    return total, steps


@kernel
def tier_rate(
    tier: Record, want: int, kind: int, offset: float, members: float
) -> tuple[float, float]:
    """Return (bandwidth [B/s], steps one way) of one worker at one tier.

    In a mesh everyone is one hop away, but only the ports that lead to a member of the
    group carry anything; on a switch all ports lead to everyone.
    """
    if tier.topology == TORUS:
        return torus_rate(tier, want, kind, offset, members)
    bandwidth, steps = float(tier.bandwidth), members - 1.0
    if tier.topology == MESH:
        bandwidth *= min(1.0, (members - 1.0) / (tier.extent[0] - 1.0))
        if want in (AUTO, HIERARCHICAL):
            steps = 1.0
    if kind == ALL_TO_ALL or want in (PAIRWISE, RAIL):
        steps = 1.0
    elif want in (HALVING, BRUCK):
        steps = math.ceil(math.log2(members))
    elif want == BIDIRECTIONAL:
        steps = math.ceil((members - 1.0) / 2.0)
    return bandwidth, steps


@kernel
def tier_traffic(
    kind: int, size: float, inside: float, reach: float, ranks: float
) -> float:
    """Return the bytes that one worker sends at one tier, as if nothing adds.

    size : bytes of the whole buffer [B] (each rank's own for an all-to-all). inside,
    reach : members of the group inside a domain of the tiers below and of this one.
    The workers of the emptiest inner domain carry most: `least` of them fetch for
    all. A broadcast crosses a border once, through as many ports as members.
    """
    members = math.ceil(reach / inside)
    least = reach - (members - 1.0) * inside
    if kind == ALL_TO_ALL:
        return size * (reach - least) / ranks
    if kind == BROADCAST:
        return size / least
    once = size * (reach - least) / (reach * least)
    return 2.0 * once if kind == ALL_REDUCE else once


@kernel
def exchange(
    tier: Record, want: int, size: float, traffic: float, inside: float,
    reach: float, ranks: float, offset: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Return (seconds, latency [s], bytes sent) of an all-to-all at one tier.

    A ring takes every part past all between; Bruck sends half of everything log2 n
    times. Straight to the owner, a rank sends a message to every member outside; by
    rail (NCCL's PXN) it collects inside what goes to one rail, and sends one to each
    domain.
    """
    members = math.ceil(reach / inside)
    bandwidth, steps = tier_rate(tier, want, ALL_TO_ALL, offset, members)
    messages = 0.0 if inside == 1.0 else reach - inside - 1.0
    if want == RAIL:
        messages = 0.0 if inside == 1.0 else members - 2.0
        if inside == 1.0:
            traffic = size * (reach - 1.0) / reach
    elif want == BRUCK:
        steps = math.ceil(math.log2(members))
        traffic, messages = steps * size * reach / ranks / 2.0, 0.0
    elif want in (ROUND, BIDIRECTIONAL):
        ways = 2.0 if want == BIDIRECTIONAL else 1.0
        steps, messages = members - 1.0, 0.0
        traffic *= max(1.0, members / 2.0 / ways)
        bandwidth, _ = tier_rate(tier, want, ALL_GATHER, offset, members)
    latency = steps * tier.latency + messages * MESSAGE
    data = (traffic + 2.0 * math.sqrt(traffic * tier.chunk)) / bandwidth
    return latency + data, latency, traffic


@kernel
def chain(
    tier: Record, want: int, kind: int, traffic: float, size: float, offset: float,
    members: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Return (seconds, latency [s], bytes sent) of what is cut into chunks at one tier.

    A broadcast goes round a chain or down a tree; an all-reduce up and down one.
    size : B that cross a border for each worker, once.
    """
    levels = members - 1.0
    if want in (TREES, HALVING, BRUCK):
        levels = math.ceil(math.log2(members))
    if kind == ALL_REDUCE:
        levels *= 2.0
        traffic = size * (1.0 if members <= 2.0 else 2.0)
    bandwidth, _ = tier_rate(tier, ROUND, ALL_GATHER, offset, members)
    if tier.topology == TORUS:
        bandwidth, _ = tier_rate(tier, AUTO, ALL_GATHER, offset, members)
    data = (traffic + 2.0 * math.sqrt(traffic * tier.chunk)) / bandwidth
    latency = levels * tier.latency
    return pipelined(levels, tier.latency, data), latency, traffic


@kernel
def phase(
    tier: Record, want: int, kind: int, size: float, inside: float, reach: float,
    ranks: float, offset: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Return (seconds, latency [s], bytes sent) of one tier's part, infinite if none.

    size : B, see `tier_traffic`; inside, reach : members of the group inside a domain
    of the tiers below, and of this one. offset : domains that the stride skips.
    By default a ring (a bucket on a torus, straight in a mesh), or the switch's adding
    where that is faster. A pipelined collective cuts its bytes into chunks; with the
    best cut it takes (sqrt(bytes) + sqrt(chunk))^2 / bandwidth, of which the constant
    part is counted as latency. A switch that adds lets an all-reduce cross each port
    once, at its own rate.
    """
    members = math.ceil(reach / inside)
    traffic = tier_traffic(kind, size, inside, reach, ranks)
    if kind == ALL_TO_ALL:
        if want in (TREES, ADDING, HALVING):
            return 1e300, 0.0, 0.0
        return exchange(tier, want, size, traffic, inside, reach, ranks, offset)
    if kind == BROADCAST or (want == TREES and kind == ALL_REDUCE):
        if want == ADDING:
            return 1e300, 0.0, 0.0
        return chain(tier, want, kind, traffic, size / inside, offset, members)
    adds = kind == ALL_REDUCE and tier.reduce_bandwidth > 0.0
    if want in (TREES, RAIL) or (want == ADDING and not adds):
        return 1e300, 0.0, 0.0
    if want == BRUCK and kind == ALL_REDUCE:
        return 1e300, 0.0, 0.0
    bandwidth, steps = tier_rate(tier, want, kind, offset, members)
    steps *= 2.0 if kind == ALL_REDUCE else 1.0
    data = (traffic + 2.0 * math.sqrt(traffic * tier.chunk)) / bandwidth
    if adds and (want in (AUTO, HIERARCHICAL, ADDING)):
        steps = min(steps, SWITCH_STEPS)
        share = size / inside
        once = (share + 2.0 * math.sqrt(share * tier.chunk)) / tier.reduce_bandwidth
        data = once if want == ADDING else min(data, once)
    latency = steps * tier.latency
    return latency + data, latency, traffic
