"""A matrix product as a NeuronCore's engines see it.

This file knows blocks: C = A B in blocks of `block_m` x `block_n`, whose sums grow in
SBUF while `block_k` rows of both operands at a time stream in, double-buffered; the
stationary operand is a tile of A transposed (K x M), B moves. The blocking is that of
aws-neuron-sdk v2.26.1 nki/tutorials/matrix_multiplication.rst, and its less blocked
variants are blocks of one tile.
"""

import numpy as np

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.neuron import (
    copy,
    multiply,
    note,
    products,
    reset,
    skip,
    vector,
)
from accelsim.kernels.neuron_tables import DMA, GEMM, Neuron, State
from accelsim.kernels.tables import Record

__all__ = ["GEMM", "gemm", "share"]

ALIKE = 1e-9  # relative: two steps of the same time


@kernel
def load(
    c: Neuron, s: State, g: Record, free: float, rows: float, columns: float,
    tile: float,
) -> float:  # fmt: skip
    """Load a block of an operand: `rows` of K, `columns` of M or N in each."""
    if g.tiles > 0.0:
        pieces = rows * np.ceil(columns / tile)
        return copy(c, s, free, pieces, min(columns, tile) * g.element)
    return copy(c, s, free, rows, columns * g.element)


@kernel
def compute(
    c: Neuron, s: State, ready: float, m: float, n: float, k: float, banks: Record
) -> float:
    """Multiply a block of A by one of B, a bank after the other, and add up in SBUF.

    VectorE takes the sum out of each bank and adds it to that in SBUF; one input is in
    PSUM. Returns when the last is there.
    """
    deep = np.ceil(k / c.rows)
    done = ready
    turn = 0
    for _ in range(int(np.ceil(m / c.columns))):
        for j in range(int(np.ceil(n / c.moving))):
            columns = min(c.moving, n - j * c.moving)
            slot = turn % int(c.psum_banks)
            turn += 1
            put = multiply(
                c, s, max(ready, banks[slot]), deep * products(c, columns, c.passes)
            )
            done = vector(c, s, put, columns)
            banks[slot] = done
    return done


@inlined
def alike(step: float, before: float, drift: float) -> bool:
    """Return whether a step took as long as the last, and left the queues as far on."""
    return max(abs(step - before), abs(drift)) <= ALIKE * before


@kernel
def block(
    c: Neuron, s: State, g: Record, m: float, n: float, fresh: int, work: Record
) -> float:
    """Run one block of C; return when it is stored.

    fresh : 1 if A's rows have to be loaded. work : float64[WORK]: 0 banks; 1 marks:
    0-1 when the two buffers of operands are free, 2 A's rows there, 3 sums stored;
    2-4 what the engines had done before a step, a block and a row of blocks.
    A step along K that takes as long as the two before stands for all but the last.
    """
    banks, marks = work[0], work[1]
    steps = int(np.ceil(g.k / g.block_k))
    done = last = step = behind = 0.0
    same = 0
    i = 0
    while i < steps:
        note(s, work[2])
        k = min(g.block_k, g.k - i * g.block_k)
        free = marks[i % 2]
        there = load(c, s, g, free, k, n, c.moving)
        if g.kept == 0.0 or fresh == 1:
            marks[2] = load(c, s, g, free, k, m, c.columns)
        ready = max(there, marks[2], marks[3] if i == 0 else 0.0)
        done = compute(c, s, ready, m, n, k, banks)
        marks[i % 2] = done
        lag = s.free[DMA] - done
        same = same + 1 if alike(done - last, step, lag - behind) else 0
        step, last, behind = done - last, done, lag
        if same >= 2 and i < steps - 3 and g.whole == 0.0:
            left = (steps - 2 - i) // 2 * 2  # the two buffers take turns
            done += skip(s, work[2], work, 2, step, left)
            last = done
            i += left
            same = 0
        i += 1
    marks[3] = done
    return copy(c, s, done, m, n * g.out)


@kernel
def row(c: Neuron, s: State, g: Record, m: float, stored: float, work: Record) -> float:
    """Run the blocks of C beside each other; return when all are stored.

    A block that takes as long as the two before stands for all but the last.
    """
    across = int(np.ceil(g.n / g.block_n))
    last = stored
    step = behind = 0.0
    same = 0
    j = 0
    while j < across:
        note(s, work[3])
        n = min(g.block_n, g.n - j * g.block_n)
        stored = block(c, s, g, m, n, int(j == 0), work)
        lag = s.free[DMA] - stored
        same = same + 1 if alike(stored - last, step, lag - behind) else 0
        step, last, behind = stored - last, stored, lag
        if same >= 2 and j < across - 2 and g.whole == 0.0:
            left = across - 2 - j
            stored += skip(s, work[3], work, 2, step, left)
            last = stored
            j += left
            same = 0
        j += 1
    return stored


@kernel
def moved(c: Neuron, pieces: float, size: float) -> float:
    """Return the time of transfers, as `transfer` has it."""
    each = max(c.descriptor, size / c.queue_rate) / c.queues
    return float(pieces * max(each, size / c.memory_rate))


@kernel
def choose_blocks(c: Neuron, g: Record) -> None:
    """Choose the blocks that SBUF has room for and that wait least for transfers.

    Both operands have two buffers of eight tiles of K, the sums are in fp32. Best are
    those with the least to move, first load and last store, which nothing hides,
    counted twice: what hides behind TensorE would still wait where queues fall behind.
    """
    g.block_k = min(8.0 * c.rows, np.ceil(g.k / c.rows) * c.rows)
    best = np.inf
    high = c.columns
    while high < 2.0 * max(g.m, c.columns) and high <= 64.0 * c.columns:
        wide = c.moving
        while wide < 2.0 * max(g.n, c.moving) and wide <= 16.0 * c.moving:
            room = 2.0 * (high + wide) * g.block_k * g.element + high * wide * 4.0
            if room <= c.sbuf or best == np.inf:
                m, n = min(high, g.m), min(wide, g.n)
                a = moved(c, g.k * np.ceil(g.m / high), m * g.element)
                b = moved(c, g.k * np.ceil(g.n / wide), n * g.element)
                out = moved(c, g.m * np.ceil(g.n / wide), n * g.out)
                all_a, all_b = a * np.ceil(g.n / wide), b * np.ceil(g.m / high)
                first = moved(c, g.block_k, m * g.element)
                first += moved(c, g.block_k, n * g.element)
                time = all_a + all_b + out + first + moved(c, m, n * g.out)
                if time < best:
                    best = time
                    g.block_m, g.block_n = high, wide
            wide *= 2.0
        high *= 2.0


@inlined
def tile_cycles(c: Neuron, m: float, n: float) -> float:
    """Return the cycles of a product's tiles on TensorE, K apart; m stays, n moves."""
    across = np.floor(n / c.moving)
    rest = n - across * c.moving
    each = across * (c.moving + c.issue)
    if rest > 0.0:
        each += max(rest, c.least_moving) + c.issue
    cycles: float = np.ceil(m / c.columns) * each
    return cycles


@kernel
def share(c: Neuron, g: Record, cores: float) -> None:
    """Write the part of a product that one of `cores` has into its m and n.

    A pair halves M or N; A is stationary, or B where that needs fewer cycles and no
    blocks are given.
    """
    m, n = g.m, g.n
    best = np.inf
    for way in range(4 if g.block_m == 0.0 else 2):
        high = np.ceil(m / cores) if way % 2 == 0 else m
        wide = n if way % 2 == 0 else np.ceil(n / cores)
        if way >= 2:
            high, wide = wide, high
        cycles = tile_cycles(c, high, wide)
        if cycles < best:
            best, g.m, g.n = cycles, high, wide


@kernel
def gemm(c: Neuron, s: State, g: Record, work: Record) -> float:
    """Return the time of a product, without the launch [s].

    Blocks of N go round inside blocks of M; `block_m` 0: the blocks are chosen here. A
    row of blocks that takes as long as the one before stands for all but the last.
    """
    reset(s)
    for i in range(work.shape[0]):
        for j in range(work.shape[1]):
            work[i, j] = 0.0
    if g.block_m == 0.0:
        choose_blocks(c, g)
    rows = int(np.ceil(g.m / g.block_m))
    stored = last = step = behind = 0.0
    i = 0
    while i < rows:
        note(s, work[4])
        stored = row(c, s, g, min(g.block_m, g.m - i * g.block_m), stored, work)
        lag = s.free[DMA] - stored
        same = alike(stored - last, step, lag - behind)
        step, last, behind = stored - last, stored, lag
        if same and i < rows - 2 and g.whole == 0.0:
            left = rows - 2 - i
            stored += skip(s, work[4], work, 2, step, left)
            last = stored
            i += left
        i += 1
    return stored
