"""Reads of a double-buffered scratchpad: which lines of a fold wait for a prefetch.

This file knows the order in which SCALE-Sim 3.0.0 fetches an operand and that in which
a systolic array asks for it. It does not know what else happens in the same cycle
(`scratchpad`).

A *line* is what the array asks for in one cycle. A *slab* is the part of an operand
that a fold uses; slabs lie one after the other in the prefetch order:

* what streams: a slab is `length` x `width` words, and the whole stack of slabs is
  fetched by diagonals, so that the end of a slab mixes with the start of the next. A
  line is the part of one diagonal that belongs to the fold;
* what stays (weights or inputs): a line is a row of `width` words; a fold takes `block`
  rows of its slab, the last one first.

Words are fetched in *sets* of a hundredth of the scratchpad. The array sees a window
of sets, which moves round and round; a line that asks for a set outside of it makes
the window move until it is inside, and every move waits for a prefetch.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import codes

Ints = NDArray[np.int64]

SETS_OF_BUFFER = 100  # SCALE-Sim's grain: a set is a hundredth of the scratchpad
STAYS, STREAMS = codes(2)
BY_ROW, BY_COLUMN = codes(2)
HIT = 1  # cycles of a read that is a hit, and of the port to the memory
# What is remembered of an operand's window: its first set, the cycle at which the last
# prefetch ends, its moves so far, and the line of the fold that moves it next.
START, ENDS, MOVES, NEXT = range(4)
N_WINDOW = 4


class Operand(NamedTuple):
    """How one operand is asked for and prefetched."""

    streams: int  # STREAMS or STAYS
    follows: int  # BY_ROW or BY_COLUMN: which of a fold's places tells its slab
    slabs: int
    length: int  # rows of a slab
    width: int  # words of a row,
    last_width: int  # and of a row of the last slab
    prefix: int  # lines of a fold before the first that streams
    block: int  # rows of a slab that a fold takes, if it stays
    set_words: int
    sets: int  # of the whole operand,
    window: int  # that the array sees,
    step: int  # by which the window moves
    wait: int  # cycles between the ends of two prefetches
    start_lines: int  # that are fetched before the start


@kernel
def triangle(x: int) -> int:
    """Return 1 + 2 + … + x, 0 below 1."""
    return x * (x + 1) // 2 if x > 0 else 0


@kernel
def before_diagonal(length: int, width: int, diagonal: int) -> int:
    """Return how many words of a length x width matrix have row + column < diagonal."""
    inside = triangle(diagonal) - triangle(diagonal - length)
    return inside - triangle(diagonal - width) + triangle(diagonal - length - width)


@kernel
def streamed_words(x: Operand, slab: int, line: int) -> tuple[int, int]:
    """Return the first and last place in the prefetch order that a line asks for.

    Diagonal `line` of a slab is diagonal slab x length + line of the stack. Before its
    part of it come all earlier diagonals and, on the same one, later slabs.
    """
    last_width = x.last_width if slab == x.slabs - 1 else x.width
    low = max(0, line - x.length + 1)
    high = min(line, last_width - 1)
    full = (x.slabs - 1) * x.length  # rows of the stack before the last slab
    diagonal = slab * x.length + line
    place = before_diagonal(full, x.width, diagonal)
    place += before_diagonal(x.length, x.last_width, diagonal - full)
    place += max(0, low - max(0, diagonal - full + 1))
    last_low = max(0, diagonal - full - x.length + 1)
    place += max(0, min(low, diagonal - full + 1, x.last_width) - last_low)
    return place, place + high - low


@kernel
def line_words(x: Operand, column: int, row: int, line: int) -> tuple[int, int]:
    """Return the first and last place in the prefetch order that a line asks for.

    column, row : the fold. line : counted from the first that asks for anything.
    """
    slab = column if x.follows == BY_COLUMN else row
    if x.streams == STREAMS:
        return streamed_words(x, slab, line)
    width = x.last_width if slab == x.slabs - 1 else x.width
    top = min((row + 1) * x.block, x.length)
    first = slab * x.length * x.width + (top - 1 - line) * width
    return first, first + width - 1


@kernel
def asking_lines(x: Operand, column: int, row: int) -> tuple[int, int]:
    """Return (first line of a fold that asks for anything, how many do)."""
    if x.streams == STAYS:
        taken = min(x.block, x.length - row * x.block)
        return x.block - taken, taken
    slab = column if x.follows == BY_COLUMN else row
    width = x.last_width if slab == x.slabs - 1 else x.width
    return x.prefix, x.length + width - 1


@kernel
def run_of_sets(x: Operand, start: int, place: int) -> tuple[int, int]:
    """Return the places [first, end) around `place` that are in the window.

    start : first set of the window, which is circular. Empty if `place` is outside.
    """
    at, end = place // x.set_words, start + x.window
    if start <= at < end:
        return start * x.set_words, min(end, x.sets) * x.set_words
    if at < end - x.sets:
        return 0, (end - x.sets) * x.set_words
    return 0, 0


@kernel
def is_missing(x: Operand, start: int, first: int, last: int) -> bool:
    """Return whether the window lacks one of the places first to last."""
    while first <= last:
        _, first_after = run_of_sets(x, start, first)
        if first_after == 0:
            return True
        first = first_after
    return False


@kernel
def next_miss(x: Operand, start: int, column: int, row: int, line: int) -> int:
    """Return the first line of the fold, from `line` on, that misses the window; or -1.

    Lines of what streams ask for ever later places, and those of what stays for ever
    earlier ones: after a line that is in a run of the window, the next that can miss
    is the first that leaves the run. It is searched for by halving.
    """
    if x.sets <= x.window:
        return -1
    prefix, lines = asking_lines(x, column, row)
    streams, at = x.streams == STREAMS, max(0, line - prefix)
    while at < lines:
        first, last = line_words(x, column, row, at)
        if is_missing(x, start, first, last):
            return prefix + at
        begin, end = run_of_sets(x, start, last if streams else first)
        low, high = at, lines
        while high - low > 1:
            middle = (low + high) // 2
            first, last = line_words(x, column, row, middle)
            if (streams and last < end) or (not streams and first >= begin):
                low = middle
            else:
                high = middle
        at = high
    return -1


@kernel
def read_line(
    x: Operand, window: Ints, column: int, row: int, line: int, cycle: int
) -> int:
    """Move the window over what a line asks for; return the cycles that it waits.

    window : int64[4], by the names above.
    cycle : at which the line asks. A prefetch that ends P cycles later than it is
    asked for adds 2 P cycles, one that ended earlier takes P off for the rest of the
    line: so counts SCALE-Sim 3.0.0.
    """
    prefix, _ = asking_lines(x, column, row)
    place, last = line_words(x, column, row, line - prefix)
    offset = HIT
    while place <= last:
        _, end = run_of_sets(x, window[START], place)
        while end == 0:
            window[START] = (window[START] + x.step) % x.sets
            window[ENDS] += x.wait
            window[MOVES] += 1
            late = window[ENDS] - (cycle + offset)
            offset += 2 * late if late > 0 else late
            _, end = run_of_sets(x, window[START], place)
        place = end
    return offset - HIT
