"""Attention over a prompt as a NeuronCore's engines see it.

This file knows the tiles of the NKI library's `attention_cte`: groups of 128 queries
against tiles of 512 keys, three groups in flight (QK and maximum of one, exponentials
and transposes of the one before, PV of the one before that), keys beyond 10,240 in
sections of 8,192. Source: aws-neuron/nki-library@d2ad3a5
src/nkilib_src/nkilib/core/attention/attention_cte.py.
"""

import numpy as np

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.neuron import (
    copy,
    gpsimd,
    multiply,
    note,
    products,
    reset,
    scalar,
    skip,
    transfer,
    vector,
)
from accelsim.kernels.neuron_tables import Neuron, State
from accelsim.kernels.tables import Record

ATTENTION = np.dtype(
    [
        (name, "f8")
        for name in (
            "batches",  # heads of this core
            "queries",
            "keys",
            "prior",  # keys of a prefix, all of which are looked at
            "head",  # size
            "causal",
            "window",  # 0: none
            "sink",
            "query_rows",  # 1: queries lie in rows and are transposed while loading
            "key_rows",
            "out_columns",  # 1: the result lies in columns
            "group",  # queries of a group, and keys of a PV product: the array's side
            "element",  # bytes of queries, keys and values in memory
            "whole",  # 1: run every head, also where they repeat
            "first",  # group of a head that is shared with the other core
            "groups",  # of it; 0: none is
        )
    ]
)

TILE, LARGE = 512.0, 2048.0
TILES = 4  # in a large tile
WHOLE = 10240.0  # keys up to here are one section
SECTION = 8192.0
NARROW = 128.0  # windows up to here are masked by one instruction
MAX_TILES = 20  # of a section


@inlined
def seen(a: Record, group: int, start: float, size: float) -> bool:
    """Return whether a group of queries looks at any of the keys from `start` on.

    start : of the keys that are no prefix; negative in the prefix.
    """
    if start < 0.0:
        return True
    if start >= a.keys:
        return False
    if a.causal > 0.0 and group * a.group + a.group - 1.0 < start:
        return False
    far = a.window > 0.0 and group * a.group >= start + size - 1.0 + a.window
    return not far


@kernel
def mask(
    c: Neuron, s: State, a: Record, group: int, start: float, size: float, ready: float
) -> float:
    """Scale or mask a tile of scores and find its row maxima; return when it is done.

    One instruction on VectorE reads PSUM; a tile on the diagonal is copied to SBUF and
    masked by GpSimd first, unless the mask is known at run time only.
    """
    dynamic = start < 0.0 or (0.0 < a.window <= NARROW)
    diagonal = a.causal > 0.0 and group * a.group < start + TILE
    if a.window > NARROW:
        diagonal = True
    if dynamic or not diagonal:
        return vector(c, s, ready, size + c.accumulate)
    copied = scalar(c, s, ready, size)
    chosen = gpsimd(c, s, copied, size)
    if a.window > 0.0:
        chosen = gpsimd(c, s, chosen, size)
    return vector(c, s, chosen, size + c.accumulate)


@kernel
def scores(
    c: Neuron, s: State, a: Record, w: Record, group: int, large: int, offset: float
) -> None:
    """QK and mask of one group and up to four tiles of keys.

    w : the work table of `head`; offset : of the section's first key.
    """
    q = w[6, group % 2]
    for tile in range(TILES):
        index = large * TILES + tile
        start = offset + index * TILE
        if index < MAX_TILES and w[4, index] >= 0.0 and seen(a, group, start, TILE):
            size = min(TILE, (0.0 if start < 0.0 else a.keys) - start)
            size = min(size, TILE)
            begin = max(q, w[4, index], w[3, tile])
            put = multiply(c, s, begin, products(c, size, 1.0))
            w[3, tile] = mask(c, s, a, group, start, size, put)
            w[2, group % 2] = w[3, tile]


@kernel
def values(
    c: Neuron, s: State, a: Record, w: Record, group: int, large: int, offset: float
) -> None:
    """PV of one group and up to 2048 keys, summed in PSUM, then added up in SBUF."""
    blocks = 0.0
    begin = w[group % 2, large]
    for tile in range(TILES):
        index = large * TILES + tile
        start = offset + index * TILE
        if index < MAX_TILES and w[5, index] >= 0.0 and seen(a, group, start, TILE):
            begin = max(begin, w[5, index])
            for part in range(int(TILE / a.group)):
                here = start + part * a.group
                if seen(a, group, here, a.group):
                    blocks += 1.0
    if blocks > 0.0:
        columns = a.group if a.out_columns > 0.0 else a.head
        put = multiply(c, s, begin, blocks * products(c, columns, 1.0))
        w[7, group % 2] = vector(c, s, put, columns)


@kernel
def exponentials(
    c: Neuron, s: State, a: Record, w: Record, group: int, offset: float, larges: int
) -> None:
    """Exponentials of one group, and their transposes by DMA from SBUF to SBUF."""
    ready = w[2, group % 2]
    rows = min(a.group, a.queries - group * a.group)
    for large in range(larges):
        for tile in range(TILES):
            index = large * TILES + tile
            start = offset + index * TILE
            if index < MAX_TILES and w[4, index] >= 0.0 and seen(a, group, start, TILE):
                done = scalar(c, s, ready, TILE + c.accumulate)
                w[group % 2, large] = transfer(
                    c, s, done, rows, 2.0 * TILE, 0.0, -c.transpose_sbuf
                )
    if a.sink > 0.0:
        scalar(c, s, ready, 1.0)


@kernel
def maximum(
    c: Neuron, s: State, a: Record, w: Record, group: int, section: int
) -> None:
    """Reduce the tiles' maxima of a group, and correct those of earlier sections."""
    done = w[2, group % 2]
    if a.sink > 0.0 and section == 0:
        done = vector(c, s, done, 1.0)
    done = vector(c, s, done, 16.0)
    if section > 0:
        done = scalar(c, s, done, 1.0)
        done = vector(c, s, done, 1.0)
        done = scalar(c, s, done, 1.0)
    else:
        done = vector(c, s, done, 1.0)
    w[2, group % 2] = done


@kernel
def finish(
    c: Neuron, s: State, a: Record, w: Record, group: int, section: int, last: int
) -> float:
    """Sum, correct and scale a group's output and store it; return when it is stored.

    last : 1 if no later section looks at keys for it.
    """
    done = vector(c, s, w[7, group % 2], 16.0)
    turned = a.out_columns > 0.0
    columns = a.group if turned else a.head
    pieces = a.head if turned else a.group
    size = columns * a.element
    if section > 0:
        done = vector(c, s, done, 1.0)
        done = vector(c, s, done, 1.0)
        before = copy(c, s, w[8, 0], pieces, size)
        done = max(done, before)
        if turned:
            put = multiply(c, s, done, products(c, a.group, 1.0))
            done = vector(c, s, put, a.group)
            done = vector(c, s, done, 2.0 * a.group)
        done = vector(c, s, done, 2.0 * columns)
    if last == 1:
        done = vector(c, s, done, 8.0)
        if turned:
            put = multiply(c, s, done, products(c, a.group, 1.0))
            done = vector(c, s, put, a.group)
            done = vector(c, s, done, 2.0 * a.group)
        else:
            done = scalar(c, s, done, columns)
    return copy(c, s, done, pieces, size)


@kernel
def load(c: Neuron, s: State, a: Record, w: Record, length: float) -> None:
    """Load the keys and values of a section, tile by tile, when its room is free."""
    free, row = w[8, 1], a.head * a.element
    for index in range(MAX_TILES):
        w[4, index] = w[5, index] = -1.0
    for index in range(int(np.ceil(length / TILE))):
        size = min(TILE, length - index * TILE)
        if a.key_rows > 0.0:
            w[4, index] = transfer(c, s, free, size, row, 0.0, c.transpose_memory)
        else:
            w[4, index] = copy(c, s, free, a.head, size * a.element)
    for index in range(int(np.ceil(length / TILE))):
        size = min(TILE, length - index * TILE)
        w[5, index] = copy(c, s, free, size, row)


@kernel
def queries(
    c: Neuron, s: State, a: Record, w: Record, group: int, together: int
) -> None:
    """Load the queries of a group, or of eight at a time where a head is not shared."""
    if group % together > 0:
        w[6, group % 2] = w[6, 2]
        return
    many = min(a.group * together, a.queries - group * a.group)
    free = 0.0
    if a.query_rows > 0.0:
        there = transfer(c, s, free, many, a.head * a.element, 0.0, c.transpose_memory)
    else:
        there = copy(c, s, free, a.head, many * a.element)
    w[6, 2] = w[6, group % 2] = there


@kernel
def start(
    c: Neuron, s: State, a: Record, w: Record, group: int, section: int,
    offset: float, larges: int, together: int,
) -> None:  # fmt: skip
    """Begin with one of the first two groups of a section."""
    queries(c, s, a, w, group, together)
    for large in range(larges):
        scores(c, s, a, w, group, large, offset)
    maximum(c, s, a, w, group, section)


@kernel
def run_section(
    c: Neuron, s: State, a: Record, w: Record, section: int, begin: int, end: int,
    offset: float, length: float, final: int, together: int,
) -> float:  # fmt: skip
    """Run groups `begin` to `end` against a section; return when the last is stored.

    offset, length : of the section's keys; final : 1 for the last section.
    """
    larges = int(np.ceil(length / LARGE))
    load(c, s, a, w, length)
    start(c, s, a, w, begin, section, offset, larges, together)
    exponentials(c, s, a, w, begin, offset, larges)
    if begin + 1 < end:
        start(c, s, a, w, begin + 1, section, offset, larges, together)
    stored = 0.0
    for group in range(begin, end):
        after = group + 2
        if after < end:
            queries(c, s, a, w, after, together)
        if group + 1 < end:
            exponentials(c, s, a, w, group + 1, offset, larges)
        for large in range(larges):
            values(c, s, a, w, group, large, offset)
            if after < end:
                scores(c, s, a, w, after, large, offset)
        blind = a.causal > 0.0 and (group + 1) * a.group - 1.0 < offset + length
        last = final if final == 1 or offset + length < 0.0 else int(blind)
        stored = finish(c, s, a, w, group, section, last)
        if after < end:
            maximum(c, s, a, w, after, section)
    w[8, 0] = stored
    w[8, 1] = w[7, (end - 1) % 2]
    return stored


@kernel
def head(
    c: Neuron, s: State, a: Record, w: Record, first: int, groups: int, together: int
) -> float:
    """Run one head, or some groups of it; return when its last output is stored.

    w : float64[WORK]: 0-1 transposed (of a group, by large tile), 2 maxima, 3 PSUM
    banks, 4-5 keys and values of the section (-1: none), 6 queries, 7 sums of a group,
    8 when a section's outputs were stored and its room is free.
    """
    prior = np.ceil(a.prior / TILE) * TILE
    total = prior + a.keys
    length = SECTION if total > WHOLE else total
    sections = int(np.ceil(total / length))
    stored = 0.0
    for section in range(sections):
        offset = section * length - prior
        here = min(length, total - section * length)
        begin, end = first, first + groups
        if a.causal > 0.0 and offset > 0.0:  # groups before look at nothing here
            begin = max(first, int(offset // a.group))
        if begin < end:
            final = int(section == sections - 1)
            stored = run_section(
                c, s, a, w, section, begin, end, offset, here, final, together
            )
    return stored


@kernel
def attention(c: Neuron, s: State, a: Record, w: Record) -> float:
    """Return the time of all heads of a core, without the launch [s].

    When three heads in a row took the same time (to 1e-9), the rest is added as so
    many of it.
    """
    reset(s)
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            w[i, j] = 0.0
    groups = int(np.ceil(a.queries / a.group))
    packed = 4 if a.element > 2.0 else 8
    last = step = 0.0
    same = 0
    count = int(a.batches)
    for i in range(count):
        note(s, w[9])
        stored = head(c, s, a, w, 0, groups, min(packed, groups))
        same = same + 1 if abs(stored - last - step) <= 1e-9 * step else 0
        step = stored - last
        last = stored
        if same >= 2 and a.whole == 0.0:
            last += skip(s, w[9], w, 9, step, count - 1 - i)
            break
    if a.groups > 0.0:
        last = head(c, s, a, w, int(a.first), int(a.groups), 1)
    return last
