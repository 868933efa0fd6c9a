"""Time and bytes of collectives on the tiers of a system, from one worker's view.

Members of a group sit at a stride in the rank order: tensor parallelism is innermost
(stride 1), data parallelism outside. A tier of D workers holds up to D // stride
members. Every worker has its own share of the ports, so groups that run at the same
time do not disturb each other unless the fabric is oversubscribed. A hierarchy goes
tier by tier, each outer one on what the inner has not got.

Which algorithm runs is what the library would choose, or what is wanted.
"""

import math

from accelsim.kernels.algorithms import phase, tier_rate, tier_traffic
from accelsim.kernels.fabric_tables import (
    ALL_GATHER,
    ALL_TO_ALL,
    AUTO,
    BROADCAST,
    HALVING,
    HAMILTONIAN,
    HIERARCHY,
    NONE,
    PAIRWISE,
    SEND,
    SENDING,
    WANTED,
)
from accelsim.kernels.jit import kernel
from accelsim.kernels.nccl import nccl_inside, nccl_pairs, nccl_runs
from accelsim.kernels.nccl_across import nccl_across
from accelsim.kernels.tables import MAX_TIERS, TORUS, Record, Rows

# Reads and writes of the memory for a byte that a worker sends along a ring or to a
# partner: 1 + 1 to copy, 2 + 1 to add. KangaRing copies by 1 + 2 and adds by 3 + 1 for
# two workers at once. Collectives do as much of one as of the other: a reduce-scatter
# for every all-gather. Source: aws-neuron-sdk@81ce03a
# neuron-runtime/explore/intranode-collective-comm.rst
COPIED, STEP_TOUCHES, KANGA_TOUCHES = 2.0, 2.5, 1.75


@kernel
def touched(kind: int, want: int, members: float) -> float:
    """Return how often memory is touched for a byte that one of `members` sends.

    Among members that reach each other directly (mesh, a package) one transfer adds up
    to three chunks or copies to up to two places, as in KangaRing: n chunks take
    ceil((n - 1) / 2) of them either way.
    """
    if kind in (SEND, ALL_TO_ALL):
        return COPIED
    if want == PAIRWISE:
        others = members - 1.0
        return 1.0 + 1.5 * math.ceil(others / 2.0) / others
    return KANGA_TOUCHES if want == HAMILTONIAN else STEP_TOUCHES


@kernel
def members_inside(workers: float, ranks: float, stride: float) -> float:
    """Return how many members of a group one domain of `workers` holds.

    A domain that is no multiple of the group's span cuts some group in two; the job
    waits for that one.
    """
    span = ranks * stride
    if span > workers:
        return max(1.0, math.floor(workers / stride))
    if span * math.floor(workers / span) == workers:
        return ranks
    a, b = workers, span
    while b > 0.0:
        a, b = b, a % b
    return max(1.0, math.floor(a / stride))


@kernel
def reach_of(tiers: Rows, t: int, ranks: float, stride: float) -> float:
    """Return how many members of a group one domain of tier t holds."""
    if t + 1 == MAX_TIERS or tiers[t + 1].workers == 0.0:
        return ranks
    return members_inside(tiers[t].workers, ranks, stride)


@kernel
def phases(
    tiers: Rows, want: int, kind: int, size: float, ranks: float, stride: float,
    overlapped: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Return (seconds, latency [s], bytes sent) tier by tier, by one algorithm.

    overlapped : more than zero if phases overlap, so that the slowest alone counts,
    else they add up. Neuron's two Hamiltonian rings (KangaRing) go through every other
    worker of a package and copy to its neighbour on the way: its package costs no
    phase of its own. Where memory is touched on the way, it may be slower than links.
    """
    inside, below, sent, latency, data = 1.0, 1.0, 0.0, 0.0, 0.0
    packed = 1.0
    for t in range(MAX_TIERS):
        tier = tiers[t]
        if tier.workers == 0.0 or inside >= ranks:
            break
        reach = max(inside, reach_of(tiers, t, ranks, stride))
        if reach > inside:
            offset = max(1.0, stride / below)
            # cores of a package are one hop apart, whatever joins the packages
            chosen = want in (HALVING, HAMILTONIAN) and tier.neuron > 1.0
            mine = PAIRWISE if chosen else want
            time, start, out = phase(
                tier, mine, kind, size, inside, reach, ranks, offset
            )
            kanga = want == HAMILTONIAN and packed > 1.0 and tier.topology == TORUS
            if kanga:  # (members - 1) steps become members x packed / 2 - 1
                members = math.ceil(reach / inside)
                more = (members * packed / 2.0 - 1.0) / (members - 1.0) - 1.0
                time, start = time + more * start, start + more * start
                latency, packed = 0.0, 1.0
            if tier.touches > 0.0:
                through = out + sent if kanga else out
                each = touched(kind, mine, math.ceil(reach / inside))
                # the ring that goes through a package does its work
                if not (want == HAMILTONIAN and mine == PAIRWISE and reach < ranks):
                    time = max(time, start + each * through / tier.touches)
            sent += out
            latency += start
            data = (
                max(data, time - start)
                if overlapped > 0.0 or kanga
                else (data + time - start)
            )
            if tier.neuron > 1.0:
                packed = reach
            inside = reach
        below = tier.workers
    return latency + data, latency, sent


@kernel
def neuron_choice(
    tiers: Rows, kind: int, size: float, ranks: float, stride: float, overlapped: float
) -> tuple[float, float, float, int]:
    """Return (seconds, latency [s], bytes sent, algorithm) as Neuron chooses.

    Mesh, recursive halving-doubling or KangaRing, whichever is fastest: crossovers
    follow from the links (aws-neuron-sdk, intranode-collective-comm.rst names them).
    """
    best, latency, sent, algorithm = 1e300, 0.0, 0.0, NONE
    for want in (PAIRWISE, HALVING, HAMILTONIAN):
        time, start, out = phases(tiers, want, kind, size, ranks, stride, overlapped)
        if time < best:
            best, latency, sent, algorithm = time, start, out, WANTED + want
    return best, latency, sent, algorithm


@kernel
def nccl_choice(
    tiers: Rows, want: int, kind: int, size: float, ranks: float, stride: float
) -> tuple[float, float, float, int]:
    """Return (seconds, bytes sent, latency [s], algorithm) as NCCL chooses.

    Its own tiers are the innermost; what leaves them crosses a network. Bytes are
    counted tier by tier, as if nothing added.
    """
    own, first, inside, sent = 0, 1.0, 1.0, 0.0
    for t in range(MAX_TIERS):
        if tiers[t].workers == 0.0 or inside >= ranks:
            break
        reach = max(inside, reach_of(tiers, t, ranks, stride))
        if reach > inside:
            sent += tier_traffic(kind, size, inside, reach, ranks)
        inside = reach
        if tiers[t].nccl.on > 0.0:
            own, first = t, reach
    tier = tiers[own]
    if first >= ranks:
        time, latency, algorithm = nccl_inside(tier, kind, size, ranks, want)
    elif kind == ALL_TO_ALL:
        net = tiers[own + 1]
        time, latency, algorithm = nccl_pairs(tier, net, size, ranks, first)
    else:
        net = tiers[own + 1]
        time, latency, algorithm = nccl_across(
            tier, net, kind, size, ranks, first, want
        )
    return time, sent, latency, algorithm


@kernel
def collective_by(
    tiers: Rows, want: int, kind: int, size: float, ranks: float, stride: float,
    software: Record,
) -> tuple[float, float, float, int]:  # fmt: skip
    """Return (seconds, bytes sent, latency [s], algorithm) of one worker's collective.

    want : of `WANTS`, AUTO for the library's choice; the others as in `collective`. The
    time is 1e300 and more where the algorithm has no such collective.
    """
    if size <= 0.0 or ranks <= 1.0:
        return 0.0, 0.0, 0.0, NONE
    overlapped, start = software.pipelined, software.collective_start
    first = tiers[0]
    if first.neuron > 0.0 and want == AUTO and kind != BROADCAST:
        time, latency, sent, algorithm = neuron_choice(
            tiers, kind, size, ranks, stride, overlapped
        )
        return time + start, sent, latency + start, algorithm
    if first.nccl.on > 0.0:
        domains = ranks / reach_of(tiers, 0, ranks, stride)
        if nccl_runs(want, kind, domains):
            return nccl_choice(tiers, want, kind, size, ranks, stride)
    time, latency, sent = phases(tiers, want, kind, size, ranks, stride, overlapped)
    if want == AUTO:
        return time + start, sent, latency + start, HIERARCHY
    return time + start, sent, latency + start, WANTED + want


@kernel
def collective(
    tiers: Rows, kind: int, size: float, ranks: float, stride: float, software: Record
) -> tuple[float, float, float, int]:
    """Return (seconds, bytes sent, latency [s], algorithm) of one worker's collective.

    tiers : row of TIER of one case, inside out. kind : ALL_GATHER (also
    reduce-scatter), ALL_REDUCE, ALL_TO_ALL, BROADCAST. size : B, see `tier_traffic`.
    ranks, stride : the group. software : SOFTWARE row; `pipelined` phases of a
    hierarchy overlap. The latency is what infinite bandwidth would leave, the algorithm
    an index of ALGORITHMS.
    """
    return collective_by(tiers, AUTO, kind, size, ranks, stride, software)


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
            bandwidth, _ = tier_rate(tier, AUTO, ALL_GATHER, 1.0, 2.0)
            if tier.touches > 0.0:
                bandwidth = min(bandwidth, tier.touches / COPIED)
            return float(tier.latency + size / bandwidth)
    return 0.0


@kernel
def fill_collectives(
    tiers: Rows, which: Rows, want: int, kind: int, sizes: Rows, ranks: Rows,
    software: Record, found: Rows,
) -> None:  # fmt: skip
    """Fill COLLECTIVE rows: one collective of `sizes` [B] among `ranks` a row.

    tiers : (jobs, MAX_TIERS) rows of TIER; which : the job of each row. want : of
    `WANTS`. Groups are the whole job, at stride 1.
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
            row.time, row.sent, row.latency, row.algorithm = collective_by(
                job, want, kind, size, n, 1.0, software
            )
