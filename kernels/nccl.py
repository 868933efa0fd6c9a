"""Collectives as NCCL runs them: its algorithms, its protocols and what it chooses.

A ring of n ranks hands n - 1 parts of a message on (an all-reduce twice as many), each
part after its predecessor; a part that a rank only copies takes time like one that it
sends (`gather_slots`, `reduce_slots`). Protocols trade rate for latency: LL has a flag
with every 4 B, LL128 with every 120 B, Simple waits for whole chunks. A chunk that the
switch adds waits for the flag of each rank, so its cost grows with the ranks.

NCCL's tuner chooses by what it *believes* (NVIDIA/nccl@5067397 graph/tuning.cc), not
by what is fastest, so that measured curves have steps; so have ours. This file is one
domain, and pairs between domains; `kernels/nccl_across.py` has the other collectives
between domains.
"""

import math

from accelsim.kernels.fabric_tables import (
    ADDING,
    ALL_REDUCE,
    ALL_TO_ALL,
    AUTO,
    BROADCAST,
    DIRECT,
    LL,
    NVLS,
    PAIRWISE,
    RING,
    ROUND,
    TREES,
)
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import Record

# What the tuner believes [s]: start of a ring by protocol (baseLatencies), and the
# whole latency of an all-reduce in the switch (hwLatencies NVLINK, NVLS).
BELIEVED_START = (6.6e-6, 14.0e-6, 8.4e-6)
BELIEVED_ADD = 25.0e-6


@kernel
def ramped(seconds: float, chunk: float, most: float) -> float:
    """Return the time [s] of bytes that take `seconds`, cut into chunks in a pipeline.

    Each chunk costs `chunk` [s] more, and one fills the pipe: with k chunks
    (k + 1) (seconds / k + chunk), least if a chunk takes q = sqrt(seconds x chunk);
    q is at most `most` x chunk. The constant part is counted as latency.
    """
    q = min(math.sqrt(seconds * chunk), most * chunk)
    return seconds if q <= 0.0 else seconds + seconds * chunk / q + q


@kernel
def nccl_runs(want: int, kind: int, domains: float) -> bool:
    """Return whether NCCL has what is wanted in so many domains."""
    if want == AUTO:
        return bool(kind != BROADCAST)
    if kind == ALL_TO_ALL:
        return bool(want == PAIRWISE)
    if kind == BROADCAST:
        return False
    return (
        want == ROUND
        or (want == ADDING and kind == ALL_REDUCE)
        or (want == TREES and kind == ALL_REDUCE and domains > 1.0)
    )


@kernel
def nccl_inside(
    tier: Record, kind: int, size: float, ranks: float, want: int
) -> tuple[float, float, int]:
    """Return (seconds, latency [s], algorithm) of a collective in one domain.

    size : B of a rank's whole buffer. want : AUTO for the tuner's choice, or a ring or
    the switch's adding alone. A pair-wise all-to-all moves every part at once.
    """
    nccl, part = tier.nccl, size / ranks
    if kind == ALL_TO_ALL:
        data = part * (ranks - 1.0 + nccl.pair_slots) / tier.bandwidth
        data = ramped(data, nccl.pair_chunk, nccl.most_chunks)
        return nccl.pair_start + data, nccl.pair_start, DIRECT
    adding = kind == ALL_REDUCE
    steps = (2.0 if adding else 1.0) * (ranks - 1.0)
    chosen, least = LL, 1e300
    for p in range(3):
        believed = BELIEVED_START[p] + steps * nccl.believed_step[p]
        believed += part * steps / nccl.believed_rate[p]
        if believed < least:
            chosen, least = p, believed
    may_add = adding and tier.reduce_bandwidth > 0.0
    may_add = may_add and (want == ADDING or ranks >= nccl.add_ranks)
    belief = BELIEVED_ADD + part * steps / nccl.believed_add_rate
    if may_add and want != ROUND and (want == ADDING or belief < least):
        data = size / tier.reduce_bandwidth
        data = ramped(data, ranks * nccl.add_chunk, nccl.most_chunks)
        return nccl.add_start + data, nccl.add_start, NVLS
    if want == ADDING:
        return 1e300, 0.0, NVLS
    latency = nccl.start[chosen] + steps * nccl.step[chosen]
    slots = nccl.reduce_slots if adding else nccl.gather_slots
    data = part * (steps + slots) / nccl.rate[chosen]
    return latency + data, latency, RING + chosen


@kernel
def nccl_pairs(
    tier: Record, net: Record, size: float, ranks: float, inside: float
) -> tuple[float, float, int]:
    """Return (seconds, latency [s], algorithm) of an all-to-all between domains.

    Every pair exchanges size / ranks [B]; what stays in the domain overlaps with the
    network, and the slower counts.
    """
    nccl, part = tier.nccl, size / ranks
    least = ranks - (math.ceil(ranks / inside) - 1.0) * inside
    wire = part * (ranks - least)
    data = (wire + 2.0 * math.sqrt(wire * net.chunk)) / net.bandwidth
    within = part * (inside - 1.0 + nccl.pair_slots) / tier.bandwidth
    latency = nccl.pair_start + net.latency
    return latency + max(data, within), latency, DIRECT
