"""Collectives under ASTRA-sim's assumptions, to be compared with ASTRA-sim alone.

Its analytical network hands a message on whole: a switch is two hops, a distance of d
on a ring d hops, and the next hop starts when the last byte has come. Sizes are those
of its own convention: an all-gather is asked by what one rank puts in. The library's
own choices, protocols and pipelines are not here: see `kernels/nccl.py`.

Source: astra-sim/astra-sim@518bd51, astra-sim/system/collective; each formula was
checked against its runs (`accelsim validate astrasim`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FULL, RING, SWITCH = "FullyConnected", "Ring", "Switch"
REDUCE = 3.0 / 100e12  # s a byte that is added: three touches of its local memory
HOPS = {FULL: 1.0, RING: 1.0, SWITCH: 2.0}


@dataclass(frozen=True, slots=True)
class Flat:
    """One dimension of ASTRA-sim's network.

    Attributes
    ----------
    ranks : int
    latency, endpoint : float
        One hop, and what a message waits at its end [s].
    bandwidth : float
        One link, one way [B/s].
    aware : bool
        Whether messages on one link wait for each other.
    """

    topology: str
    ranks: int
    latency: float
    endpoint: float
    bandwidth: float
    aware: bool

    def step(self, size: float, hops: float = 1.0) -> float:
        """Return the time [s] of one message of `size` [B] over so many hops.

        Where links are counted each hop takes the bytes anew, else once.
        """
        copies = hops if self.aware else 1.0
        return hops * self.latency + self.endpoint + copies * size / self.bandwidth


def seconds(net: Flat, kind: str, algorithm: str, size: float) -> float | None:
    """Return the time [s] of a collective, None for what is not modelled.

    kind : all_reduce, all_gather, reduce_scatter or all_to_all; algorithm : ring,
    halvingDoubling, doubleBinaryTree or direct; size : B, in ASTRA-sim's convention.
    """
    if kind == "all_reduce" and algorithm != "doubleBinaryTree":
        half = seconds(net, "reduce_scatter", algorithm, size)
        if half is None:
            return None
        return 2.0 * half - _added(net, algorithm, size)
    known = {
        "ring": _ring,
        "halvingDoubling": _halving,
        "doubleBinaryTree": _tree,
        "direct": _direct,
    }
    time = known[algorithm](net, kind, size) if algorithm in known else None
    if time is None or kind != "reduce_scatter":
        return time
    return time + _added(net, algorithm, size)


def _added(net: Flat, algorithm: str, size: float) -> float:
    """Return the time [s] of the sums of a reduce-scatter."""
    parts = {"ring": net.ranks - 1.0, "halvingDoubling": net.ranks / 2.0 - 1.0}
    return parts.get(algorithm, 1.0) * size / net.ranks * REDUCE


def chunked(
    nets: Sequence[Flat], kind: str, algorithms: Sequence[str], size: float,
    splits: int, active: int,
) -> float | None:  # fmt: skip
    """Return the time [s] of a collective in chunks over one or more dimensions.

    A reduce-scatter goes from the first dimension to the last on ever fewer bytes, an
    all-gather back, an all-reduce both ways; one chunk at a time in each dimension.
    Equal chunks in line take the sum of a chunk's phases and, for each more of them,
    its longest; an all-reduce passes each dimension twice. On one dimension `active`
    chunks share the links: they start one message after the other.
    """
    chunk = size // splits
    if chunk < 1.0:
        return None
    count = math.ceil(size / chunk)
    if len(nets) == 1:
        return _side_by_side(nets[0], kind, algorithms[0], chunk, count, active)
    if active != 1:
        return None
    phases, part = [], chunk
    order = list(zip(nets, algorithms, strict=True))
    once = "reduce_scatter" if kind == "all_reduce" else kind
    for net, algorithm in reversed(order) if kind == "all_gather" else order:
        phase = seconds(net, once, algorithm, part)
        if phase is None:
            return None
        phases.append(phase)
        if kind == "all_gather":
            part *= net.ranks
        elif kind != "all_to_all":
            part /= net.ranks
    if kind == "all_reduce":
        return max(
            2.0 * (count * phase + sum(phases[:before]))
            for before, phase in enumerate(phases)
        )
    return sum(phases) + (count - 1) * max(phases)


def _side_by_side(
    net: Flat, kind: str, algorithm: str, chunk: float, count: int, active: int
) -> float | None:
    one = seconds(net, kind, algorithm, chunk)
    if one is None or (active > 1 and not net.aware) or algorithm != "ring":
        return one if one is None or count == 1 else None
    rounds = math.ceil(count / active)
    part = chunk if kind == "all_gather" else chunk / net.ranks
    return rounds * one + (min(active, count) - 1) * part / net.bandwidth


def _ring(net: Flat, kind: str, size: float) -> float | None:
    n, hops = net.ranks, HOPS[net.topology]
    if kind == "all_to_all":  # each part goes round to its owner, one after the other
        return n * (n - 1) / 2.0 * net.step(size / n, hops)
    part = size if kind == "all_gather" else size / n
    return (n - 1) * net.step(part, hops)


def _halving(net: Flat, kind: str, size: float) -> float | None:
    total, levels = 0.0, math.log2(net.ranks)
    if kind == "all_to_all" or levels != int(levels):
        return None
    for level in range(int(levels)):
        # partners lie at twice the distance each time, and have half as much to say
        hops = 2.0**level if net.topology == RING else HOPS[net.topology]
        part = size / 2.0 ** (level + 1)
        total += net.step(net.ranks * part if kind == "all_gather" else part, hops)
    return total


def _tree(net: Flat, kind: str, size: float) -> float | None:
    levels = math.log2(net.ranks)
    if kind != "all_reduce" or levels != int(levels):
        return None
    time = (2.0 * levels - 1.0) * size * REDUCE
    if net.topology == RING:  # children sit at twice the distance each level
        return time + 2.0 * sum(net.step(size, 2.0**k) for k in range(int(levels)))
    time += 2.0 * levels * net.step(size, HOPS[net.topology])
    if net.topology == SWITCH and net.aware:  # both children use one port
        time += (2.0 * levels - 2.0) * size / net.bandwidth
    return time


def _direct(net: Flat, kind: str, size: float) -> float | None:
    n, part = net.ranks, size / net.ranks
    if not net.aware:
        return None
    if kind == "all_gather":
        part = size
    if net.topology == FULL:
        return net.endpoint + net.step(part)  # it waits to send, too
    if net.topology == SWITCH:  # n - 1 messages leave a port, the last crosses another
        return 2.0 * net.latency + net.endpoint + n * part / net.bandwidth
    # the links of a ring carry n^2 / 8 + n / 4 parts each way, or the farthest message,
    # n / 2 hops away, leaves its port after the others
    queue = 2.0 * net.latency + (n * n / 8.0 + n / 4.0) * part / net.bandwidth
    farthest = n / 2.0 * net.latency + (n - 1) * part / net.bandwidth
    return net.endpoint + max(queue, farthest)
