"""Time and bytes of collectives on the tiers of a system, from one worker's view.

Members of a group sit at a stride in the rank order: tensor parallelism is innermost
(stride 1), data parallelism outside. A tier of D workers holds up to D // stride
members. Every worker has its own share of the ports, so groups that run at the same
time do not disturb each other unless the fabric is oversubscribed.

Bandwidth terms: reduce-scatter or all-gather of S bytes over n ranks moves
S (n-1)/n through each port in n-1 steps (Thakur, Rabenseifner, Gropp 2005, sec. 4);
a hierarchy does it level by level, each outer level on what the inner has not got.
"""

import math

from accelsim.kernels.fabric_tables import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_TO_ALL,
    HIERARCHY,
    NONE,
    SEND,
    SENDING,
)
from accelsim.kernels.jit import kernel
from accelsim.kernels.nccl import nccl_inside, nccl_pairs
from accelsim.kernels.nccl_across import nccl_across
from accelsim.kernels.tables import MAX_TIERS, MESH, TORUS, Record, Rows

# An all-reduce inside NVSwitch starts about as slowly as a ring of eight: fit to the
# 64 KiB to 16 MiB all-reduces of 8 x H100 and 8 x B200 (nccl-tests).
SWITCH_STEPS = 14.0


@kernel
def torus_bandwidth(
    tier: Record, kind: int, offset: float, members: float
) -> tuple[float, float]:
    """Return (bandwidth [B/s], steps) of one worker for a group on a torus.

    offset : domains that the stride skips; members : extent of the group. Each whole
    dimension gives both ports of its ring, a part of one a line, that is one port
    each way; groups that interleave in a ring share its links. A ring collective
    walks each dimension once. In an all-to-all a byte travels a quarter of a ring, or
    a third of a line, in each dimension on average, and the slowest dimension counts.
    """
    bandwidth, slowest, steps = 0.0, 1e300, 0.0
    for d in range(tier.dims):
        extent = tier.extent[d]
        if offset >= extent:
            offset = offset / extent
            continue
        inside = min(members, max(1.0, extent // offset))
        if inside > 1.0:
            whole = inside >= extent and extent > 2.0 and tier.wrap > 0.0
            ports = tier.port_bandwidth[d] * (1.0 if whole else 0.5) / offset
            hops = max(1.0, inside * (0.25 if whole else 1.0 / 3.0))
            slowest = min(slowest, ports / hops)
            bandwidth += ports
            steps += inside - 1.0
        offset = 1.0
        members = -(-members // inside)
    return (slowest if kind == ALL_TO_ALL else bandwidth), steps


@kernel
def tier_rate(
    tier: Record, kind: int, offset: float, members: float
) -> tuple[float, float]:
    """Return (bandwidth [B/s], steps) of one worker for a collective at one tier.

    On a switch a ring takes members - 1 steps, an all-reduce twice that; where the
    switch adds, its start-up counts at most `SWITCH_STEPS`. In a mesh everyone is one
    hop away, but only the ports that lead to a member of the group carry anything.
    """
    times = 2.0 if kind == ALL_REDUCE else 1.0
    if tier.topology == TORUS:
        bandwidth, steps = torus_bandwidth(tier, kind, offset, members)
        return bandwidth, times * (1.0 if kind == ALL_TO_ALL else steps)
    if tier.topology == MESH:
        share = min(1.0, (members - 1.0) / (tier.extent[0] - 1.0))
        return float(tier.bandwidth * share), times
    if kind == ALL_TO_ALL:
        return float(tier.bandwidth), 1.0
    steps = times * (members - 1.0)
    if kind == ALL_REDUCE and tier.reduce_bandwidth > 0.0:
        steps = min(steps, SWITCH_STEPS)
    return float(tier.bandwidth), steps


@kernel
def tier_traffic(
    kind: int, size: float, inside: float, reach: float, ranks: float
) -> float:
    """Return the bytes that one worker sends at one tier, as if nothing adds.

    size : bytes of the whole buffer [B] (each rank's own for an all-to-all). inside,
    reach : members of the group inside a domain of the tiers below and of this one.
    The workers of the emptiest inner domain carry most: `least` of them fetch for
    all.
    """
    members = -(-reach // inside)
    least = reach - (members - 1.0) * inside
    if kind == ALL_TO_ALL:
        return size * (reach - least) / ranks
    once = size * (reach - least) / (reach * least)
    return 2.0 * once if kind == ALL_REDUCE else once


@kernel
def tier_seconds(
    tier: Record, kind: int, traffic: float, bandwidth: float, share: float
) -> float:
    """Return the time [s] of the bytes at one tier, latency apart.

    A pipelined collective cuts its bytes into chunks; with the best cut it takes
    (sqrt(bytes) + sqrt(chunk))^2 / bandwidth, of which the constant part is counted as
    latency. share : bytes [B] that this worker puts into an all-reduce. A switch that
    adds lets it cross each port once, at its own rate; the library takes the faster.
    """
    seconds = (traffic + 2.0 * math.sqrt(traffic * tier.chunk)) / bandwidth
    if kind == ALL_REDUCE and tier.reduce_bandwidth > 0.0:
        ramp = 2.0 * math.sqrt(share * tier.chunk)
        seconds = min(seconds, (share + ramp) / tier.reduce_bandwidth)
    return float(seconds)


@kernel
def members_inside(workers: float, ranks: float, stride: float) -> float:
    """Return how many members of a group one domain of `workers` holds.

    A domain that is no multiple of the group's span cuts some group in two; the job
    waits for that one.
    """
    span = ranks * stride
    if span > workers:
        return max(1.0, workers // stride)
    if workers % span == 0.0:
        return ranks
    a, b = workers, span
    while b > 0.0:
        a, b = b, a % b
    return max(1.0, a // stride)


@kernel
def collective(
    tiers: Rows, kind: int, size: float, ranks: float, stride: float, software: Record
) -> tuple[float, float, float, int]:
    """Return (seconds, bytes sent, latency [s], algorithm) of one worker's collective.

    tiers : row of TIER of one case, inside out. kind : ALL_GATHER (also
    reduce-scatter), ALL_REDUCE, ALL_TO_ALL. size : B, see `tier_traffic`. ranks,
    stride : the group. software : SOFTWARE row; `pipelined` phases of a hierarchy
    overlap, so that the slowest alone counts, else they add up. The latency is what
    infinite bandwidth would leave, the algorithm an index of ALGORITHMS.
    """
    total, slowest, latency, sent = 0.0, 0.0, 0.0, 0.0
    inside, below, first, own = 1.0, 1.0, 1.0, 0
    if size <= 0.0 or ranks <= 1.0:
        return 0.0, 0.0, 0.0, NONE
    library = tiers[0].nccl.on > 0.0
    for t in range(MAX_TIERS):
        tier = tiers[t]
        if tier.workers == 0.0 or inside >= ranks:
            break
        last = t + 1 == MAX_TIERS or tiers[t + 1].workers == 0.0
        reach = ranks if last else members_inside(tier.workers, ranks, stride)
        reach = max(inside, reach)
        if reach > inside:
            traffic = tier_traffic(kind, size, inside, reach, ranks)
            sent += traffic
            if not library:
                members = -(-reach // inside)
                offset = max(1.0, stride / below)
                bandwidth, steps = tier_rate(tier, kind, offset, members)
                seconds = tier_seconds(tier, kind, traffic, bandwidth, size / inside)
                total += seconds
                slowest = max(slowest, seconds)
                latency += steps * tier.latency
            inside = reach
        if tier.nccl.on > 0.0:
            own, first = t, inside
        below = tier.workers
    if library:
        if first >= ranks:
            time, latency, algorithm = nccl_inside(tiers[own], kind, size, ranks)
        elif kind == ALL_TO_ALL:
            time, latency, algorithm = nccl_pairs(
                tiers[own], tiers[own + 1], size, ranks, first
            )
        else:
            time, latency, algorithm = nccl_across(
                tiers[own], tiers[own + 1], kind, size, ranks, first
            )
        return time, sent, latency, algorithm
    latency += software.collective_start
    time = latency + (slowest if software.pipelined > 0.0 else total)
    return time, sent, latency, HIERARCHY


@kernel
def send(tiers: Rows, size: float, stride: float, ranks: float) -> float:
    """Return the seconds of `size` bytes [B] to the rank `stride` further.

    ranks : length of the chain; it waits for its slowest hop, which crosses the first
    tier that holds the whole chain.
    """
    if size <= 0.0:
        return 0.0
    for t in range(MAX_TIERS):
        tier = tiers[t]
        last = t + 1 == MAX_TIERS or tiers[t + 1].workers == 0.0
        if last or tier.workers >= stride * ranks:
            bandwidth, _ = tier_rate(tier, ALL_GATHER, 1.0, 2.0)
            return float(tier.latency + size / bandwidth)
    return 0.0


@kernel
def fill_collectives(
    tiers: Rows, which: Rows, kind: int, sizes: Rows, ranks: Rows, software: Record,
    found: Rows,
) -> None:  # fmt: skip
    """Fill COLLECTIVE rows: one collective of `sizes` [B] among `ranks` a row.

    tiers : (jobs, MAX_TIERS) rows of TIER; which : the job of each row. Groups are the
    whole job, at stride 1.
    """
    for i in range(len(sizes)):
        job, row = tiers[which[i]], found[i]
        size, n = sizes[i], ranks[i]
        row.size = size
        if kind == SEND:
            row.time = send(job, size, 1.0, n) if n > 1.0 else 0.0
            row.latency = min(row.time, send(job, 1e-30, 1.0, n))
            row.sent = size if n > 1.0 else 0.0
            row.algorithm = SENDING if row.time > 0.0 else NONE
        else:
            row.time, row.sent, row.latency, row.algorithm = collective(
                job, kind, size, n, 1.0, software
            )
