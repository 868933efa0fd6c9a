"""Collectives as NCCL runs them: its algorithms, its protocols and what it chooses.

A ring of n ranks hands n - 1 parts of a message on (an all-reduce twice as many), each
part after its predecessor; a part that a rank only copies takes time like one that it
sends (`gather_slots`, `reduce_slots`). Protocols trade rate for latency: LL has a flag
with every 4 B, LL128 with every 120 B, Simple waits for whole chunks. A chunk that the
switch adds waits for the flag of each rank, so its cost grows with the ranks.

In one domain NCCL's tuner chooses by what it *believes* (NVIDIA/nccl@5067397
src/graph/tuning.cc), not by what is fastest, so that measured curves have steps; so
have ours. Between domains the fastest is taken.
"""

import math

from accelsim.kernels.fabric_tables import (
    ALL_REDUCE,
    ALL_TO_ALL,
    DIRECT,
    LL,
    NVLS,
    NVLS_TREE,
    RING,
    SIMPLE,
    TREE,
)
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import Record

# What the tuner believes [s]: start of a ring by protocol (baseLatencies), and the
# whole latency of an all-reduce in the switch (hwLatencies NVLINK, NVLS).
BELIEVED_START = (6.6e-6, 14.0e-6, 8.4e-6)
BELIEVED_ADD = 25.0e-6
# A step over the network, by protocol, beside one of Simple (hwLatencies NET, Ring).
NETWORK_STEP = (2.7 / 14.0, 4.0 / 14.0, 1.0)
# Bytes of flags and data over bytes of data, by protocol: 8 for 4, 128 for 120.
ON_THE_WIRE = (2.0, 128.0 / 120.0, 1.0)


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
def nccl_inside(
    tier: Record, kind: int, size: float, ranks: float
) -> tuple[float, float, int]:
    """Return (seconds, latency [s], algorithm) of a collective in one domain.

    size : B of a rank's whole buffer. A pair-wise all-to-all moves every part at once.
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
    may_add = adding and tier.reduce_bandwidth > 0.0 and ranks >= nccl.add_ranks
    if may_add and BELIEVED_ADD + part * steps / nccl.believed_add_rate < least:
        data = size / tier.reduce_bandwidth
        data = ramped(data, ranks * nccl.add_chunk, nccl.most_chunks)
        return nccl.add_start + data, nccl.add_start, NVLS
    latency = nccl.start[chosen] + steps * nccl.step[chosen]
    slots = nccl.reduce_slots if adding else nccl.gather_slots
    data = part * (steps + slots) / nccl.rate[chosen]
    return latency + data, latency, RING + chosen


@kernel
def nccl_across(
    tier: Record, net: Record, kind: int, size: float, ranks: float, inside: float
) -> tuple[float, float, int]:
    """Return (seconds, latency [s], algorithm) of a collective between domains.

    tier, net : the domain and the network between domains; inside : members in a full
    domain. A ring crosses each border once for every network port of the emptiest
    domain; a double binary tree takes each byte up and down once (Sanders, Speck,
    Traeff 2009), over the network too if there are more than two domains. What runs
    inside and between domains overlaps: the slower counts.
    """
    nccl, part = tier.nccl, size / ranks
    domains = -(-ranks // inside)
    ports = net.bandwidth * (ranks - (domains - 1.0) * inside)
    slot = nccl.reduce_slots if kind == ALL_REDUCE else nccl.gather_slots
    best, best_latency, algorithm = 1e300, 0.0, RING
    times = 2.0 if kind == ALL_REDUCE else 1.0
    hops = times * (domains - 1.0)
    steps = times * (ranks - 1.0)
    deep = 2.0 * math.ceil(math.log2(domains))
    twice = 1.0 if domains <= 2.0 else 2.0
    for p in range(SIMPLE if net.nccl.simple_only > 0.0 else LL, SIMPLE + 1):
        step = net.latency * NETWORK_STEP[p]
        wire = part * steps * ON_THE_WIRE[p]
        data = (wire + 2.0 * math.sqrt(wire * net.chunk)) / ports
        if inside > 1.0:
            data = max(data, part * (steps + slot) / nccl.rate[p])
        latency = nccl.start[p] + (steps - hops) * nccl.step[p] + hops * step
        if latency + data < best:
            best, best_latency, algorithm = latency + data, latency, RING + p
        if kind != ALL_REDUCE:
            continue
        wire = twice * size * ON_THE_WIRE[p]
        data = (wire + 2.0 * math.sqrt(wire * net.chunk)) / ports
        within = 2.0 * size / nccl.rate[p] if inside > 1.0 else 0.0
        latency = nccl.start[p] + 2.0 * (inside - 1.0) * nccl.step[p] + deep * step
        if latency + max(data, within) < best:
            best, best_latency = latency + max(data, within), latency
            algorithm = TREE + p
        if p == SIMPLE and tier.reduce_bandwidth > 0.0 and inside >= nccl.add_ranks:
            within = size / tier.reduce_bandwidth
            within = ramped(within, inside * nccl.add_chunk, nccl.most_chunks)
            latency = nccl.add_start + deep * step
            if latency + max(data, within) < best:
                best, best_latency = latency + max(data, within), latency
                algorithm = NVLS_TREE
    return best, best_latency, algorithm


@kernel
def nccl_pairs(
    tier: Record, net: Record, size: float, ranks: float, inside: float
) -> tuple[float, float, int]:
    """Return (seconds, latency [s], algorithm) of an all-to-all between domains.

    Every pair exchanges size / ranks [B]; what stays in the domain overlaps with the
    network, and the slower counts.
    """
    nccl, part = tier.nccl, size / ranks
    least = ranks - (-(-ranks // inside) - 1.0) * inside
    wire = part * (ranks - least)
    data = (wire + 2.0 * math.sqrt(wire * net.chunk)) / net.bandwidth
    within = part * (inside - 1.0 + nccl.pair_slots) / tier.bandwidth
    latency = nccl.pair_start + net.latency
    return latency + max(data, within), latency, DIRECT
