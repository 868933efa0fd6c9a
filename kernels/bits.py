"""Symbols one by one: what a slicer with feedback and a sequence detector say.

This file knows samples at the symbol rate: symbols through a sampled response,
decisions that are fed back so that one error can make the next, the Viterbi algorithm
over one tap, and counts of errors and of their runs. It draws no random number. [1] is
G. D. Forney, "The Viterbi algorithm", Proc. IEEE 61 (1973).
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel

CHUNK = 2048  # samples that stay in the first cache while all taps are added
DELAY = 30  # symbols that the sequence detector looks back before it decides
MASK = (1 << (2 * DELAY + 2)) - 1  # two bits a symbol of a path
# what is counted: symbols, wrong ones, wrong ones behind the decoder of 1/(1+D)
SYMBOLS, WRONG, DECODED = 0, 1, 2


@kernel
def add_filtered(
    source: NDArray[np.float64],
    offsets: NDArray[np.int64],
    taps: NDArray[np.float64],
    margin: int,
    out: NDArray[np.float64],
) -> None:
    """Add a sequence through a sparse response.

    Parameters
    ----------
    source : (2 margin + N,)
        Symbol n of `out` is at margin + n.
    offsets, taps : (K,)
        Intervals that each tap comes late; at most `margin`, either way.
    out : (N,)
    """
    for start in range(0, len(out), CHUNK):
        size = min(CHUNK, len(out) - start)
        part = out[start : start + size]
        for k in range(len(taps)):
            begin = margin + start - offsets[k]
            late, tap = source[begin : begin + size], taps[k]
            for i in range(size):
                part[i] += tap * late[i]


@kernel
def sliced(value: float, levels: int) -> int:
    """Return the level nearest to a value, of levels from -1 to 1."""
    index = int(np.floor((value + 1.0) * (levels - 1) / 2.0 + 0.5))
    return min(max(index, 0), levels - 1)


@kernel
def count_run(
    wrong: int, length: int, runs: NDArray[np.int64], counts: NDArray[np.int64]
) -> int:
    """Count a symbol; return how long the run of errors that it is in has become."""
    counts[SYMBOLS] += 1
    if wrong:
        counts[WRONG] += 1
        return length + 1
    if length:
        runs[min(length, len(runs)) - 1] += 1
    return 0


@kernel
def decide(
    received: NDArray[np.float64],
    sent: NDArray[np.int64],
    margin: int,
    levels: int,
    signal: float,
    offsets: NDArray[np.int64],
    taps: NDArray[np.float64],
    decided: NDArray[np.int64],
    state: NDArray[np.int64],
    runs: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Decide symbol after symbol, decisions fed back, and count what is wrong.

    Parameters
    ----------
    received : (N,)
        Samples [V].
    sent : (2 margin + N,)
        Levels sent, symbol n at margin + n.
    signal : float
        Outermost level [V].
    offsets, taps : (B,)
        Of the feedback: intervals late, at most `margin`; volts of the outermost level.
    decided : (margin + N,)
        Filled; the first `margin` are those before.
    state : (1,)
        Length of the run of errors so far.
    runs : (R,)
        Runs of errors by their length, the last all that are longer.
    counts : (3,)
    """
    step = 2.0 / (levels - 1.0)
    for n in range(len(received)):
        value, at = received[n], margin + n
        for k in range(len(taps)):
            value -= taps[k] * (step * decided[at - offsets[k]] - 1.0)
        found = sliced(value / signal, levels)
        decided[at] = found
        late = (found + decided[at - 1] - sent[at] - sent[at - 1]) % levels
        if late != 0:
            counts[DECODED] += 1
        state[0] = count_run(int(found != sent[at]), state[0], runs, counts)


@kernel
def advance(
    value: float,
    levels: int,
    signal: float,
    tap: float,
    metrics: NDArray[np.float64],
    paths: NDArray[np.int64],
    work: NDArray[np.float64],
    after: NDArray[np.int64],
) -> int:
    """Take one sample into the sequence detector; return the state that leads, [1].

    Parameters
    ----------
    value : float
        The sample [V].
    signal, tap : float
        The outermost level, and what of it is left one interval later [V].
    metrics, paths, work, after : (levels,)
        Squared distance and last symbols of the best path to each level.
    """
    step = 2.0 / (levels - 1.0)
    least, leader = np.inf, 0
    for new in range(levels):
        left = value - signal * (step * new - 1.0)
        best, origin = np.inf, 0
        for old in range(levels):
            off = left - tap * (step * old - 1.0)
            total = metrics[old] + off * off
            if total < best:
                best, origin = total, old
        work[new] = best
        after[new] = ((paths[origin] << 2) | new) & MASK
        if best < least:
            least, leader = best, new
    for new in range(levels):
        metrics[new] = work[new] - least
        paths[new] = after[new]
    return leader


@kernel
def detect(
    received: NDArray[np.float64],
    sent: NDArray[np.int64],
    margin: int,
    levels: int,
    signal: float,
    tap: float,
    metrics: NDArray[np.float64],
    paths: NDArray[np.int64],
    state: NDArray[np.int64],
    runs: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Detect the likeliest sequence and count what is wrong, `DELAY` symbols late.

    Parameters as in `decide` and `advance`; `state` also holds the last decision.
    """
    work, after = np.empty(levels), np.empty(levels, np.int64)
    for n in range(len(received)):
        leader = advance(received[n], levels, signal, tap, metrics, paths, work, after)
        at = margin + n - DELAY
        found = (paths[leader] >> (2 * DELAY)) & 3
        late = (found + state[1] - sent[at] - sent[at - 1]) % levels
        if late != 0:
            counts[DECODED] += 1
        state[1] = found
        state[0] = count_run(int(found != sent[at]), state[0], runs, counts)
