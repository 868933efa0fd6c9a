"""A multi-layer perceptron over many tokens as a NeuronCore's engines see it.

This file knows the tiles of the NKI library's `mlp_cte`: blocks of up to 512 tokens,
for each of them the whole of the weights, and what each engine does with them. Source:
aws-neuron/nki-library@d2ad3a5 src/nkilib_src/nkilib/core/mlp/mlp_cte.
"""

import numpy as np

from accelsim.kernels.jit import kernel
from accelsim.kernels.neuron import (
    copy,
    multiply,
    note,
    products,
    reset,
    scalar,
    skip,
    transfer,
    vector,
)
from accelsim.kernels.neuron_tables import DMA, LAYER_NORM, RMS_NORM, Neuron, State
from accelsim.kernels.tables import Record

MLP = np.dtype(
    [
        (name, "f8")
        for name in (
            "tokens",  # of this core
            "hidden",
            "inner",  # of this core
            "gated",
            "scaled",  # vectors of the norm: weight, bias
            "fused_add",  # a residual is added while loading
            "store_add",  # and the sum is stored
            "gate_bias",
            "up_bias",
            "down_bias",
            "element",  # bytes of activations
            "weight",  # bytes of a weight
            "shard",  # tokens after which vectors are loaded again
            "whole",  # 1: run every block, also where they repeat
            "halved",  # each core of a pair has half of the inner dimension
        )
    ]
    + [("norm", "i8")]
)

ALONG = 512.0  # columns of a bank
HIDDEN_TILE = 1024.0  # of the hidden dimension, of a load of weights
UP_BUFFERS, DOWN_BUFFERS = 4, 8
ALIKE = 1e-9  # relative: two blocks of the same time


@kernel
def token_tile(c: Neuron, m: Record) -> float:
    """Return the tokens of a block: their sums have to fit into the PSUM banks."""
    banks = np.ceil(m.inner / ALONG)
    subtiles = min(max(np.floor(c.psum_banks / banks), 1.0), 4.0)
    return float(c.columns * subtiles)


@kernel
def normalise(c: Neuron, s: State, m: Record, ready: float) -> float:
    """Normalise the rows of one subtile in place; return when it is done."""
    if m.norm == RMS_NORM:
        done = scalar(c, s, ready, m.hidden + c.accumulate)
        done = scalar(c, s, done, 1.0)
        return scalar(c, s, done, m.hidden / c.scalar_mode)
    if m.norm == LAYER_NORM:
        tiles = np.ceil(m.hidden / ALONG)
        done = ready
        for _ in range(int(tiles)):
            done = vector(c, s, done, ALONG)
        done = vector(c, s, done, 13.0 * 2 * tiles / 3.0)
        done = scalar(c, s, done, 1.0)
        return vector(c, s, done, m.hidden / c.copy_mode)
    return ready


@kernel
def transpose(
    c: Neuron, s: State, banks: Record, ready: float, length: float, scaled: float
) -> float:
    """Transpose a subtile of `length` columns on TensorE and copy it back to SBUF.

    Four transposes fill a bank, which VectorE empties: in one copy, or in one
    instruction for each transpose if a vector is multiplied in on the way.
    """
    done = ready
    count = int(np.ceil(length / ALONG))
    for i in range(count):
        here = min(ALONG, length - i * ALONG)
        blocks = np.ceil(here / c.columns)
        slot = i % banks.size
        put = multiply(
            c, s, max(ready, banks[slot]), blocks * products(c, c.columns, 1.0)
        )
        if scaled > 0.0:
            for _ in range(int(blocks)):
                done = vector(c, s, put, c.columns / c.psum_mode)
        else:
            done = vector(c, s, put, blocks * c.columns / c.psum_mode)
        banks[slot] = done
    return done


@kernel
def project(
    c: Neuron, s: State, m: Record, buffers: Record, ready: Record, banks: Record,
    subs: int,
) -> float:  # fmt: skip
    """Multiply a block by an up or gate weight; return when the sums are complete.

    ready, banks : when each subtile is there, and its banks are free. Weights arrive
    1024 rows at a time into four buffers, a row of the matrix in a descriptor.
    """
    tiles = int(np.ceil(m.hidden / HIDDEN_TILE))
    full = np.floor(m.inner / ALONG)
    rest = m.inner - full * ALONG
    one = full * products(c, ALONG, c.passes)
    if rest > 0.0:
        one += products(c, rest, c.passes)
    done = 0.0
    for tile in range(tiles):
        rows = min(HIDDEN_TILE, m.hidden - tile * HIDDEN_TILE)
        slot = tile % UP_BUFFERS
        arrived = copy(c, s, buffers[slot], rows, m.inner * m.weight)
        for sub in range(subs):
            begin = max(arrived, ready[sub])
            if tile == 0:
                begin = max(begin, banks[sub])
            done = multiply(c, s, begin, np.ceil(rows / c.rows) * one)
        buffers[slot] = done
    return done


@kernel
def down(
    c: Neuron, s: State, m: Record, buffers: Record, ready: Record, banks: Record,
    subs: int, done: Record,
) -> None:  # fmt: skip
    """Multiply a block by the down weight; fill `done`, when each subtile is in SBUF.

    1024 columns at a time, 128 rows of the weight in a transfer, eight buffers. VectorE
    copies each bank out, and the next columns wait for it.
    """
    tiles = int(np.ceil(m.hidden / HIDDEN_TILE))
    inner = int(np.ceil(m.inner / c.rows))
    turn = 0
    for tile in range(tiles):
        columns = min(HIDDEN_TILE, m.hidden - tile * HIDDEN_TILE)
        halves = int(np.ceil(columns / ALONG))
        one = products(c, min(columns, ALONG), c.passes)
        put = 0.0
        for i in range(inner):
            slot = turn % DOWN_BUFFERS
            turn += 1
            rows = min(c.rows, m.inner - i * c.rows)
            arrived = copy(c, s, buffers[slot], rows, columns * m.weight)
            for sub in range(subs):
                begin = max(arrived, ready[sub])
                if i > 0:
                    put = multiply(c, s, begin, halves * one)
                else:
                    for half in range(halves):
                        bank = banks[(sub * halves + half) % banks.size]
                        put = multiply(c, s, max(begin, bank), one)
                if i == inner - 1:
                    for half in range(halves):
                        where = (sub * halves + half) % banks.size
                        cycles = ALONG
                        done[sub] = vector(c, s, put, cycles)
                        banks[where] = done[sub]
            buffers[slot] = put


@kernel
def activate(
    c: Neuron, s: State, m: Record, summed: float, other: float, last: float
) -> float:
    """Take the sums of one subtile out of PSUM: bias, activation, gate times up."""
    bias = m.up_bias if last > 0.0 else m.gate_bias
    done = max(summed, other)
    pieces = int(np.ceil(m.inner / ALONG))
    each = min(m.inner, ALONG)
    for _ in range(pieces):
        done = max(summed, other)
        if bias > 0.0:
            done = vector(c, s, done, each)
        if last > 0.0 and m.gated > 0.0:
            done = vector(c, s, done, each)
        else:
            done = scalar(c, s, done, each)
    return done


@kernel
def load(c: Neuron, s: State, m: Record, tokens: float, work: Record) -> float:
    """Load a block of activations, add the residual, store the sum; when it is there.

    The queues serve the subtiles in turn, so that they arrive together.
    """
    row = m.hidden * m.element
    size = 2.0 * row if m.fused_add > 0.0 else row
    there = 0.0
    subs = int(np.ceil(tokens / c.columns))
    for sub in range(subs):
        here = min(c.columns, tokens - sub * c.columns)
        there = max(there, copy(c, s, work[5, sub], here, size))
    if m.store_add > 0.0:
        begin = there
        for sub in range(subs):
            here = min(c.columns, tokens - sub * c.columns)
            there = max(there, copy(c, s, begin, here, row))
    return there


@kernel
def store(c: Neuron, s: State, m: Record, tokens: float, work: Record) -> float:
    """Store a block, in a pair with halved inner size after adding both; when it is."""
    row = m.hidden * m.element
    stored = 0.0
    for sub in range(int(np.ceil(tokens / c.columns))):
        here = min(c.columns, tokens - sub * c.columns)
        done = work[4, sub]
        if m.halved > 0.0:
            done = transfer(c, s, done, here, row / 2.0, 0.0, -1.0)
            done = vector(c, s, done, m.hidden / 2.0 / c.pair_mode)
        size = row / 2.0 if m.halved > 0.0 else row
        work[5, sub] = copy(c, s, done, here, size)
        stored = max(stored, work[5, sub])
    return stored


@kernel
def empty(banks: Record) -> None:
    """Note that all banks are free."""
    for i in range(banks.size):
        banks[i] = 0.0


@kernel
def block(c: Neuron, s: State, m: Record, tokens: float, work: Record) -> float:
    """Run one block of tokens; return when its result is stored.

    work : float64[WORK], when things are free or there: 0 up buffers, 1 down buffers,
    2 banks, 3 subtiles, 4 their ends, 5 their room, 6 the norm's weight; 7 what the
    engines had done before the block.
    """
    up, ready, ends = work[0], work[3], work[4]
    banks = work[2, : int(c.psum_banks)]
    subs = int(np.ceil(tokens / c.columns))
    there = load(c, s, m, tokens, work)
    for sub in range(subs):
        ready[sub] = normalise(c, s, m, there)
    if m.norm == RMS_NORM:  # the squares lie where the weights go
        for i in range(UP_BUFFERS):
            up[i] = max(up[i], ready[subs - 1])
    for sub in range(subs):
        begin = max(ready[sub], work[6, 0])
        ready[sub] = transpose(c, s, banks, begin, m.hidden, m.scaled)
    empty(banks)
    if m.gated > 0.0:
        summed = project(c, s, m, up, ready, banks, subs)
        for sub in range(subs):
            ends[sub] = banks[sub] = activate(c, s, m, summed, 0.0, 0.0)
    summed = project(c, s, m, up, ready, banks, subs)
    for sub in range(subs):
        ends[sub] = activate(c, s, m, summed, ends[sub] * m.gated, 1.0)
    empty(banks)
    for sub in range(subs):
        ready[sub] = transpose(c, s, banks, ends[sub], m.inner, 0.0)
    empty(banks)
    down(c, s, m, work[1], ready, banks, subs, ends)
    return store(c, s, m, tokens, work)


@kernel
def mlp(c: Neuron, s: State, m: Record, work: Record) -> float:
    """Return the time of all blocks, without the launch [s].

    A block's time repeats once the queues are full: when three in a row took the same
    time and left the queues as far behind, the rest is added as so many of it.
    """
    reset(s)
    for i in range(work.shape[0]):
        for j in range(work.shape[1]):
            work[i, j] = 0.0
    size = min(token_tile(c, m), np.ceil(m.tokens / c.columns) * c.columns)
    count = int(np.ceil(m.tokens / size))
    last = step = behind = 0.0
    same = 0
    # vectors that are loaded now and then hide behind some blocks only
    even = m.whole == 0.0 and (m.scaled == 0.0 or not size < m.shard < m.tokens)
    i = 0
    while i < count:
        note(s, work[7])
        tokens = min(size, m.tokens - i * size)
        if m.scaled > 0.0 and i * size % m.shard == 0.0:
            work[6, 0] = copy(c, s, last, m.scaled * m.hidden, 4.0)
        stored = block(c, s, m, tokens, work)
        lag = s.free[DMA] - stored
        alike = max(abs(stored - last - step), abs(lag - behind)) <= ALIKE * step
        same = same + 1 if alike else 0
        step, behind, last = stored - last, lag, stored
        if same >= 2 and i < count - 2 and even:
            left = count - 2 - i
            last += skip(s, work[7], work, 7, step, left)
            i += left
        i += 1
    return last
