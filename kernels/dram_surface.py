"""Ticks of a memory channel between the points where its kernel was run.

This file knows how to interpolate. It knows no memory: the tables hold what runs of the
channel kernel measured (`accelsim.chip.surface`).

A turn of t transactions costs c(t) ticks: where activates limit, c does not depend on
t, where the bus does, it is proportional to t. Both are straight lines in t, and so is
the mean cost over the share of turns that read.
"""

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import Rows


@inlined
def segment(axis: Rows, x: float) -> int:
    """Return the interval of a growing axis that x lies in, or the nearest one."""
    i = 0
    while i < len(axis) - 2 and x >= axis[i + 1]:
        i += 1
    return i


@inlined
def weight(axis: Rows, i: int, x: float) -> float:
    """Return how far x lies in interval i, from 0 to 1; 1 beyond the last node."""
    w = (x - axis[i]) / (axis[i + 1] - axis[i])
    return float(min(max(w, 0.0), 1.0))


@inlined
def saturated(
    turns: Rows, shares: Rows, streams: Rows, cost: Rows, turn: float, share: float,
    count: float,
) -> float:  # fmt: skip
    """Return the ticks per transaction of turns, trilinear in the cost of a turn.

    cost : [turn, share, stream] ticks of a turn; beyond the longest turn, its rate.
    """
    i, j, k = segment(turns, turn), segment(shares, share), segment(streams, count)
    u, v = weight(turns, i, turn), weight(shares, j, share)
    w = weight(streams, k, count)
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                part = (u if a else 1.0 - u) * (v if b else 1.0 - v)
                part *= w if c else 1.0 - w
                total += part * cost[i + a, j + b, k + c]
    return float(total / min(max(turn, turns[0]), turns[len(turns) - 1]))


@kernel
def fill_rates(
    turns: Rows, shares: Rows, streams: Rows, cost: Rows, turn: Rows, share: Rows,
    count: Rows, out: Rows,
) -> None:  # fmt: skip
    """Fill the ticks per transaction of many questions: arrays of one length."""
    for q in range(len(out)):
        out[q] = saturated(turns, shares, streams, cost, turn[q], share[q], count[q])


@kernel
def fill_latencies(
    turns: Rows, shares: Rows, loads: Rows, latency: Rows, turn: Rows, share: Rows,
    load: Rows, out: Rows,
) -> None:  # fmt: skip
    """Fill the read latency [ticks] at loads, as shares of what saturates.

    latency : [turn, share, load] ticks. Linear in the logarithm's place of the turn:
    its nodes double, and the latency of a read does not grow with the turn's length.
    """
    for q in range(len(out)):
        i, j = segment(turns, turn[q]), segment(shares, share[q])
        k = segment(loads, load[q])
        u, v = weight(turns, i, turn[q]), weight(shares, j, share[q])
        w = weight(loads, k, load[q])
        total = 0.0
        for a in range(2):
            for b in range(2):
                part = (u if a else 1.0 - u) * (v if b else 1.0 - v)
                near, far = latency[i + a, j + b, k], latency[i + a, j + b, k + 1]
                total += part * (near + w * (far - near))
        out[q] = total
