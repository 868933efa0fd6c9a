"""Writes of a double-buffered scratchpad: when outputs drain, and when they wait.

This file knows how SCALE-Sim 3.0.0 collects outputs in lines as wide as the port to
memory and drains them by halves of the scratchpad. It does not know what else happens
in the same cycle (`scratchpad`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel
from accelsim.kernels.scratchpad_reads import STREAMS, before_diagonal

Ints = NDArray[np.int64]

# What a scratchpad of outputs remembers: words stored since the start; room that is
# left; the cycle at which the drain ends; words since the last line was closed; lines
# closed, lines drained, words that the last line lacks; ends of the ring of holes;
# words written to memory, and the last cycle at which that happened.
STORED, FREE, BUSY, OPEN, LINES, DRAINED, LACKS, HEAD, TAIL, WRITES, STOP = range(11)
N_STATE = 11


class Output(NamedTuple):
    """How outputs are written and drained."""

    streams: int  # STREAMS or STAYS: outputs that stay leave last row first
    length: int  # rows of outputs
    columns: int  # of outputs
    row_folds: int
    block: int  # rows of a fold's block of outputs that stay
    width: int  # columns of a fold's block
    prefix: int  # lines of a fold before the first output
    capacity: int  # words of the scratchpad,
    half: int  # that drain at once,
    port: int  # and go to memory in a cycle


@kernel
def outputs_before(y: Output, column: int, row: int) -> tuple[int, int, int, int]:
    """Return (outputs before a fold, lines before its first, its rows, its columns)."""
    width = min(y.width, y.columns - column * y.width)
    earlier = column * y.width * y.length
    if y.streams == STREAMS:
        return (
            earlier * y.row_folds + row * width * y.length,
            y.prefix,
            y.length,
            width,
        )
    rows = min(y.block, y.length - row * y.block)
    prefix = y.prefix + y.block - rows
    return earlier + row * y.block * width, prefix, rows, width


@kernel
def next_write_event(
    y: Output, state: Ints, column: int, row: int, line: int, clock: int
) -> int:
    """Return the first line of the fold, from `line` on, that drains or waits; or -1.

    state : as in `write_line`. clock : the cycle of the fold's first line.
    A drain can start once the last one ended and more than a half is stored; before
    its end, an output waits that finds the scratchpad full.
    """
    before, prefix, rows, width = outputs_before(y, column, row)
    end = prefix + rows + width - 1
    line = max(line, prefix)
    idle = max(line, state[BUSY] - clock)  # first line after the drain
    full = state[STORED] + max(1, state[FREE]) - before
    half = state[STORED] + max(1, state[FREE] - y.capacity + y.half + 1) - before
    for reach, first, limit in ((full, line, min(idle, end)), (half, idle, end)):
        if first >= limit:
            continue
        target = max(reach, before_diagonal(rows, width, first - prefix) + 1)
        if before_diagonal(rows, width, limit - prefix) < target:
            continue
        low, high = first, limit - 1  # the line whose outputs reach the target
        while low < high:
            middle = (low + high) // 2
            if before_diagonal(rows, width, middle + 1 - prefix) >= target:
                high = middle
            else:
                low = middle + 1
        return low
    return -1


@kernel
def flush(y: Output, state: Ints, holes: Ints) -> None:
    """Close the line of outputs that is being filled, and count the full ones.

    holes : int64[size, 2], a ring of (number of a closed line, words that it lacks),
    of those that end a half.
    """
    if state[OPEN] == 0:
        return
    state[LINES] += -(-state[OPEN] // y.port)
    state[LACKS] = -state[OPEN] % y.port
    state[OPEN] = 0
    if state[LACKS] > 0 and state[LINES] % -(-y.half // y.port) == 0:
        at = state[TAIL] % holes.shape[0]
        holes[at, 0], holes[at, 1] = state[LINES], state[LACKS]
        state[TAIL] += 1


@kernel
def drain_half(y: Output, state: Ints, holes: Ints) -> int:
    """Count the words that the next half sends to memory, and return them.

    SCALE-Sim 3.0.0 takes off the words that the last line of a half lacks and no
    others, so that short lines within it are counted as full.
    """
    state[DRAINED] += min(-(-y.half // y.port), state[LINES] - state[DRAINED])
    words = -(-y.half // y.port) * y.port
    at = state[HEAD] % holes.shape[0]
    if state[HEAD] < state[TAIL] and holes[at, 0] == state[DRAINED]:
        words -= holes[at, 1]
        state[HEAD] += 1
    state[WRITES] += words
    return words


@kernel
def write_line(
    y: Output, state: Ints, holes: Ints, before: int, after: int, cycle: int
) -> int:
    """Store what a line writes; return the cycles that it waits.

    before, after : outputs of all lines before this one, and with it. cycle : of it.
    """
    early = before - state[STORED]  # lines at which nothing happened
    state[FREE] -= early
    state[OPEN] += early
    state[STORED] = after
    left, now = after - before, cycle
    while True:
        waits = now < state[BUSY]
        limit = 0 if waits else y.capacity - y.half - 1
        words = max(1, state[FREE] - limit)
        if words > left:
            break
        left -= words
        state[FREE] -= words
        state[OPEN] += words
        if waits:
            now = state[BUSY]
            continue
        flush(y, state, holes)
        state[FREE] += drain_half(y, state, holes)
        state[BUSY] = now + -(-y.half // y.port) - 1
        state[STOP] = max(state[STOP], state[BUSY])
    state[FREE] -= left
    state[OPEN] += left
    return now - cycle


@kernel
def write_rest(y: Output, state: Ints, holes: Ints, outputs: int, cycle: int) -> None:
    """Drain what is still stored after the last line, which ended at `cycle`."""
    state[OPEN] += outputs - state[STORED]
    flush(y, state, holes)
    left = state[LINES] - state[DRAINED]
    if left == 0:
        return
    state[STOP] = max(state[STOP], cycle + left - 1)
    batch = -(-y.half // y.port)
    while state[LINES] - state[DRAINED] > batch:
        drain_half(y, state, holes)
    left = state[LINES] - state[DRAINED]
    state[WRITES] += left * y.port - state[LACKS]
    state[DRAINED] = state[LINES]


@kernel
def with_room(holes: Ints, state: Ints, room: int) -> Ints:
    """Return the ring of holes, or a larger one if it has no room for as many more."""
    size = holes.shape[0]
    if size - (state[TAIL] - state[HEAD]) >= room:
        return holes
    larger = np.empty((2 * size + room, 2), np.int64)
    for i in range(state[HEAD], state[TAIL]):
        at = i % larger.shape[0]
        larger[at, 0], larger[at, 1] = holes[i % size, 0], holes[i % size, 1]
    return larger
