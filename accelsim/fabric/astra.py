"""Collectives under ASTRA-sim's assumptions, to be compared with ASTRA-sim alone.

Its analytical network hands a message on whole: a switch is two hops, a distance of d
on a ring d hops, and the next hop starts when the last byte has come. Sizes are those
of its own convention: an all-gather is asked by what one rank puts in. The library's
own choices, protocols and pipelines are not here: see `kernels/nccl.py`.

Source: astra-sim/astra-sim@518bd51, astra-sim/system/collective; each formula was
checked against its runs (`accelsim validate astrasim`).
"""

import math
from dataclasses import dataclass

FULL, RING, SWITCH = "FullyConnected", "Ring", "Switch"
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
        return None if half is None else 2.0 * half
    known = {
        "ring": _ring,
        "halvingDoubling": _halving,
        "doubleBinaryTree": _tree,
        "direct": _direct,
    }
    return known[algorithm](net, kind, size) if algorithm in known else None


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
    if kind != "all_reduce" or net.topology == RING or levels != int(levels):
        return None
    time = 2.0 * levels * net.step(size, HOPS[net.topology])
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
