"""NCCL between domains: rings and trees over the network, and what its tuner believes.

A ring crosses each border once for every network port of the emptiest domain. A double
binary tree takes each byte up and down once (Sanders, Speck, Traeff 2009). What runs
inside and between domains overlaps: the slower counts. Each candidate has the time that
the tuner believes (NVIDIA/nccl@5067397 src/graph/tuning.cc) beside the time that it
takes. The tuner goes by the former; where the network carries Simple alone a plug-in
of the cloud chooses, from measurements, and so the fastest is taken.
"""

import math

from accelsim.kernels.fabric_tables import (
    ADDING,
    ALL_REDUCE,
    AUTO,
    LL,
    NVLS_TREE,
    RING,
    ROUND,
    SHARP,
    SIMPLE,
    TREE,
    TREES,
)
from accelsim.kernels.jit import kernel
from accelsim.kernels.nccl import BELIEVED_ADD, BELIEVED_START, ramped
from accelsim.kernels.tables import Record

# Bytes of flags and data over bytes of data, by protocol: 8 for 4, 128 for 120.
ON_THE_WIRE = (2.0, 128.0 / 120.0, 1.0)
# What the tuner believes, by protocol [s]: a step of a ring over the network and of a
# tree over it (hwLatencies NET), a step of a tree inside (hwLatencies NVLINK), what a
# proxy adds to a step inside (netOverhead), the start of a tree (baseLatencies).
RING_NET = (2.7e-6, 4.0e-6, 14.0e-6)
TREE_NET = (5.0e-6, 8.5e-6, 14.0e-6)
TREE_STEP = (0.6e-6, 1.25e-6, 4.0e-6)
OVERHEAD = (1.0e-6, 1.0e-6, 3.0e-6)
TREE_START = (6.8e-6, 14.0e-6, 8.4e-6)
ADD_NET = 20.9e-6  # of a tree between switches that add
SHARP_NET = 18.0e-6  # of switches that add on both sides
PLATEAU = 1.4  # on the latency of Simple's ring
# Rates that it believes: LL on two nodes and on more [B/s] (llMaxBws, Intel hosts),
# shares of the rate of a tree by protocol; of large messages, so that its correction of
# trees below 128 MiB is left out.
LL_MOST = (39e9, 20.4e9)
TREE_SHARE = (1.0 / 3.8, 0.92 * 120.0 / 128.0, 0.92)
IN_FLIGHT = 2.0  # chunks that a buffer holds (NCCL_STEPS over CHUNKSTEPS)
# Share of its rate that a tree keeps beyond two domains, where an inner node of a
# channel takes in two children beside its own data: 8 x H100 nodes all-reduce 1 GiB at
# 427 GB/s over 2 nodes, 172-203 over 4 to 64 (188 in the middle; nanotron's sweep).
DEEP_TREE = 0.44
# The same of two domains: from one to two the message rate falls by 13 % on those
# nodes, and by 5 % on racks of GB200 (8 GiB, coreweave/nccl-tests).
PAIR_TREE = 0.91


@kernel
def ring_across(
    tier: Record, net: Record, kind: int, part: float, ranks: float, domains: float,
    ports: float, p: int,
) -> tuple[float, float, float]:  # fmt: skip
    """Return (believed [s], latency [s], seconds) of a ring with protocol p.

    part : B that each rank hands on a step; ports : B/s through a border. Every part
    but one crosses each border, and with Simple no more than `IN_FLIGHT` are on their
    way at once: they wait for each other, where the hops of one path take less.
    """
    nccl = tier.nccl
    times = 2.0 if kind == ALL_REDUCE else 1.0
    hops, steps = times * (domains - 1.0), times * (ranks - 1.0)
    step = net.latency * RING_NET[p] / RING_NET[SIMPLE]
    latency = (steps - hops) * nccl.step[p] + hops * step
    if p == SIMPLE:
        latency = max(latency, steps * step / IN_FLIGHT)
    latency += nccl.start[p]
    wire = part * steps * ON_THE_WIRE[p]
    data = (wire + 2.0 * math.sqrt(wire * net.chunk)) / ports
    if ranks > domains:
        slots = nccl.reduce_slots if kind == ALL_REDUCE else nccl.gather_slots
        data = max(data, part * (steps + slots) / nccl.rate[p])
    rate = min(nccl.believed_rate[p], ports / ON_THE_WIRE[p])
    if p == LL:
        rate = min(rate, LL_MOST[0 if domains <= 2.0 else 1])
    believed = (steps - hops) * max(nccl.believed_step[p], OVERHEAD[p])
    believed += BELIEVED_START[p] + hops * RING_NET[p]
    if p == SIMPLE and kind == ALL_REDUCE:
        believed *= PLATEAU
    return believed + part * steps / rate, latency, latency + data


@kernel
def tree_across(
    tier: Record, net: Record, size: float, inside: float, domains: float,
    ports: float, p: int,
) -> tuple[float, float, float]:  # fmt: skip
    """Return (believed [s], latency [s], seconds) of a double binary tree.

    size : B of the all-reduce. Inside a domain the tree is a chain.
    """
    nccl = tier.nccl
    levels = math.ceil(math.log2(domains))
    step = net.latency * RING_NET[p] / RING_NET[SIMPLE]
    latency = nccl.start[p] + 2.0 * (inside - 1.0) * nccl.step[p] + 2.0 * levels * step
    crossings = 1.0 if domains <= 2.0 else 2.0  # of a border, each way
    wire = crossings * size * ON_THE_WIRE[p]
    data = (wire + 2.0 * math.sqrt(wire * net.chunk)) / ports
    if inside > 1.0:
        data = max(data, 2.0 * size / nccl.rate[p] / deep_tree(domains))
    rate = TREE_SHARE[p] * min(nccl.believed_rate[SIMPLE], 2.0 / crossings * ports)
    if p == LL:
        rate = min(rate, LL_MOST[0 if domains <= 2.0 else 1])
    believed = TREE_START[p] + 2.0 * (inside - 1.0) * TREE_STEP[p]
    believed += 2.0 * levels * TREE_NET[p]
    return believed + 2.0 * size / rate, latency, latency + data


@kernel
def deep_tree(domains: float) -> float:
    """Return the share of its rate that a tree keeps."""
    return PAIR_TREE if domains <= 2.0 else DEEP_TREE


@kernel
def adding_across(
    tier: Record, net: Record, size: float, inside: float, domains: float,
    ports: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Return (believed [s], latency [s], seconds) if the switches of domains add.

    Between domains a tree goes on, or the network's switches add too: then every byte
    crosses a port once each way.
    """
    nccl = tier.nccl
    within = size / tier.reduce_bandwidth
    within = ramped(within, inside * nccl.add_chunk, nccl.most_chunks)
    bus = 2.0 * size
    rate = min(nccl.believed_add_rate, nccl.believed_tree_rate * inside)
    if net.reduce_bandwidth > 0.0:
        wire, levels, step = size, 1.0, SHARP_NET
        rate = min(nccl.believed_add_rate, 2.0 * ports)
    else:
        wire = size if domains <= 2.0 else 2.0 * size
        levels, step = 2.0 * math.ceil(math.log2(domains)), ADD_NET
        within /= deep_tree(domains)
        rate = min(rate, ports * (2.0 if domains <= 2.0 else 1.0))
    latency = nccl.add_start + levels * net.latency
    data = (wire + 2.0 * math.sqrt(wire * net.chunk)) / ports
    believed = BELIEVED_ADD + levels * step + bus / rate
    return believed, latency, latency + max(data, within)


@kernel
def nccl_across(
    tier: Record, net: Record, kind: int, size: float, ranks: float, inside: float,
    want: int,
) -> tuple[float, float, int]:  # fmt: skip
    """Return (seconds, latency [s], algorithm) of a collective between domains.

    tier, net : the domain and the network between domains; inside : members in a full
    domain. size : B of a rank's whole buffer. want : AUTO for the tuner's choice, or
    rings, trees or adding switches alone.
    """
    domains = math.ceil(ranks / inside)
    ports = net.bandwidth * (ranks - (domains - 1.0) * inside)
    measured = net.nccl.simple_only > 0.0
    best, latency, time, algorithm = 1e300, 0.0, 1e300, RING
    for p in range(SIMPLE if measured else LL, SIMPLE + 1):
        belief, start, taken = ring_across(
            tier, net, kind, size / ranks, ranks, domains, ports, p
        )
        judged = taken if measured else belief
        if judged < best and (want in (AUTO, ROUND)):
            best, latency, time, algorithm = judged, start, taken, RING + p
        if kind == ALL_REDUCE and (want in (AUTO, TREES)):
            belief, start, taken = tree_across(
                tier, net, size, inside, domains, ports, p
            )
            judged = taken if measured else belief
            if judged < best:
                best, latency, time, algorithm = judged, start, taken, TREE + p
    adds = tier.reduce_bandwidth > 0.0 and inside >= tier.nccl.add_ranks
    adds = adds and (want in (AUTO, ADDING))
    if kind == ALL_REDUCE and adds:
        belief, start, taken = adding_across(tier, net, size, inside, domains, ports)
        judged = taken if measured else belief
        if judged < best:
            latency, time = start, taken
            algorithm = SHARP if net.reduce_bandwidth > 0.0 else NVLS_TREE
    return time, latency, algorithm
