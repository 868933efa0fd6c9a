"""Projections of a few tokens: all of the weights pass once, hardly anything else does.

This file knows the tiles of the NKI library's `mlp_tkg`, `qkv_tkg` and `rmsnorm_tkg`:
hidden rows lie across the partitions, a pair of cores halves the hidden dimension and
exchanges sums. Source: aws-neuron/nki-library@d2ad3a5 src/nkilib_src/nkilib/core/mlp/
mlp_tkg, core/qkv/qkv_tkg.py, core/subkernels.
"""

import numpy as np

from accelsim.kernels.jit import kernel
from accelsim.kernels.neuron import (
    multiply,
    products,
    reset,
    scalar,
    stream,
    transfer,
    vector,
)
from accelsim.kernels.neuron_tables import (
    NO_NORM,
    RMS_NORM,
    SCALAR,
    VECTOR,
    Neuron,
    State,
)
from accelsim.kernels.tables import Record

DECODE = np.dtype(
    [
        (name, "f8")
        for name in (
            "tokens",
            "hidden",
            "inner",  # of the MLP, or all queries, keys and values together
            "cores",
            "gated",
            "mlp",  # 1: an MLP, 0: one projection
            "element",  # bytes of activations
            "weight",  # bytes of a weight
            "scales",  # quantised weights have a scale a column
            "quantised",
            "fused_add",  # tensors added before
            "bias",
            "up_columns",  # 1: tokens stay in the array and weights stream; 0: reverse
            "down_columns",
            "down_layout",  # 1: the reverse reads the weight with unit stride
        )
    ]
    + [("norm", "i8")]
)

ALONG = 512.0  # columns of a bank
UP_ROWS = 2048.0  # hidden rows of a load, twice as many if quantised
DOWN_COLUMNS = 4096.0
ROOM = 200.0 * 1024.0  # bytes of a partition that weights may take
SHARDED = 18.0  # tokens beyond which the cores of a pair share the norm


@kernel
def spread(m: Record) -> float:
    """Return how many products of few tokens run side by side in the columns."""
    if m.tokens <= 32.0:
        return 4.0
    return 2.0 if m.tokens <= 64.0 else 1.0


@kernel
def read_tokens(c: Neuron, s: State, m: Record) -> float:
    """Add residuals, load the tokens and normalise them; return when they are there."""
    shared = m.cores > 1.0 and m.norm != NO_NORM and m.tokens > SHARDED
    tokens = m.tokens / m.cores if shared else m.tokens
    part = 1.0 if m.norm != NO_NORM else 1.0 / m.cores
    row = m.hidden * part * m.element
    done = 0.0
    if m.fused_add > 0.0:
        loads = tokens * (m.fused_add + 1.0)
        done = stream(c, s, done, loads * c.partitions, row / c.partitions)
        done = stream(c, s, done, tokens * c.partitions, row / c.partitions)
    done = stream(c, s, done, tokens * c.partitions, row / c.partitions)
    if m.norm == NO_NORM:
        return done
    each = tokens * m.hidden / c.partitions
    stream(c, s, 0.0, c.partitions, m.hidden / c.partitions * m.element)
    squared = scalar(c, s, done, each)
    if m.norm != RMS_NORM:
        squared = vector(c, s, squared, 2.0 * each)
        squared = vector(c, s, squared, 2.0 * each)
    vector(c, s, done, 2.0 * each)
    done = vector(c, s, squared, each)
    done = multiply(c, s, done, products(c, tokens, 4.0))
    done = scalar(c, s, done, tokens)
    done = vector(c, s, done, 2.0 * each)
    if shared:
        done = transfer(c, s, done, c.partitions, each * m.element, 0.0, -1.0)
    if m.cores > 1.0:
        mine = m.tokens * m.hidden / c.partitions / m.cores
        done = vector(c, s, done, mine / c.copy_mode)
    return done


@kernel
def stream_up(c: Neuron, s: State, m: Record, ready: float, loads: Record) -> float:
    """Multiply the tokens by a weight as it streams in; return when it is done.

    loads : when the loads that were under way finish their products, by buffer.
    """
    rows = m.hidden / m.cores
    tile = UP_ROWS * (1.0 + m.quantised)
    room = tile / c.partitions * m.inner * m.weight
    buffers = int(max(1.0, min(ROOM // room, float(loads.size - 1))))
    done = 0.0
    for i in range(int(np.ceil(rows / tile))):
        here = min(tile, rows - i * tile)
        slot = 1 + int(loads[0]) % buffers
        loads[0] += 1.0
        size = here / c.partitions * m.inner * m.weight
        arrived = stream(c, s, loads[slot], c.partitions, size)
        if m.up_columns > 0.0:
            one = np.ceil(m.inner / ALONG) * products(c, min(ALONG, m.inner), 1.0)
            cycles = np.ceil(here / c.partitions / spread(m)) * one
        else:
            across = np.ceil(m.inner / c.partitions)
            cycles = here / c.partitions * across * products(c, m.tokens, 1.0)
        done = multiply(c, s, max(arrived, ready), cycles)
        loads[slot] = done
    return done


@kernel
def sum_up(c: Neuron, s: State, m: Record, summed: float) -> float:
    """Take the sums of one up or gate projection out of PSUM."""
    done = summed
    if m.up_columns > 0.0:
        for _ in range(int(np.ceil(m.inner / ALONG))):
            done = scalar(c, s, done, min(ALONG, m.inner))
            for _ in range(int(spread(m)) - 1):
                done = vector(c, s, done, min(ALONG, m.inner))
        if m.quantised > 0.0:
            done = vector(c, s, done, m.inner * (1.0 + m.scales))
        if m.bias > 0.0:
            done = vector(c, s, done, 2.0 * m.inner)
    else:
        for i in range(int(np.ceil(m.inner / c.partitions))):
            if i % 2 == 0:
                done = vector(c, s, summed, m.tokens)
            else:
                done = scalar(c, s, summed, m.tokens)
            if m.bias > 0.0:
                done = vector(c, s, done, 2.0 * m.tokens)
    return done


@kernel
def stream_down(c: Neuron, s: State, m: Record, ready: float, columns: float) -> float:
    """Multiply by some columns of the down weight as they stream in, from the start.

    Returns when the products are done.
    """
    done = 0.0
    for j in range(int(np.ceil(m.inner / c.partitions))):
        rows = min(c.partitions, m.inner - j * c.partitions)
        arrived = stream(c, s, 0.0, rows, columns * m.weight)
        if m.down_columns > 0.0:
            pieces = np.ceil(np.ceil(columns / ALONG) / spread(m))
            cycles = pieces * products(c, ALONG, 1.0)
        else:
            one = products(c, m.tokens, 1.0)
            if m.down_layout == 0.0:  # strided: columns load one by one
                one = max(one, c.columns)
            cycles = columns / c.partitions * one
        done = multiply(c, s, max(arrived, ready), cycles)
    return done


@kernel
def project_down(c: Neuron, s: State, m: Record, ready: float) -> float:
    """Multiply by the down weight; return when the sums are in SBUF."""
    columns = m.hidden / m.cores
    tile = columns
    if m.down_columns > 0.0:
        tile = min(columns, DOWN_COLUMNS * (1.0 + m.quantised))
        while tile / ALONG / spread(m) > c.psum_banks:
            tile = np.ceil(tile / 2.0)
    done = 0.0
    for i in range(int(np.ceil(columns / tile))):
        here = min(tile, columns - i * tile)
        put = stream_down(c, s, m, ready, here)
        if m.down_columns > 0.0:
            for piece in range(int(np.ceil(here / ALONG))):
                if piece % 2 == 0:
                    vector(c, s, put, ALONG)
                else:
                    scalar(c, s, put, ALONG)
        else:
            vector(c, s, put, here / c.partitions * m.tokens)
        done = max(s.free[VECTOR], s.free[SCALAR])
    if m.bias > 0.0:
        done = vector(c, s, done, 2.0 * columns)
    return done


@kernel
def turn(c: Neuron, s: State, done: float, times: float, columns: float) -> float:
    """Transpose on TensorE, `times` times, and copy each to SBUF."""
    ended = done
    for _ in range(int(times)):
        put = multiply(c, s, done, products(c, c.partitions, 1.0))
        ended = vector(c, s, put, columns)
    return ended


@kernel
def decode(c: Neuron, s: State, m: Record, work: Record) -> float:
    """Return the time of an MLP or a projection of few tokens, without the launch [s].

    work : float64[WORK]; the first row holds the number of loads, then
    when each buffer is free.
    """
    reset(s)
    loads = work[0]
    for i in range(loads.size):
        loads[i] = 0.0
    ready = read_tokens(c, s, m)
    weights = 2 if m.gated > 0.0 else 1
    done = 0.0
    for _ in range(weights):
        done = sum_up(c, s, m, stream_up(c, s, m, ready, loads))
    each = m.inner
    if m.mlp > 0.0 and m.up_columns == 0.0:
        each = np.ceil(m.inner / c.partitions) * m.tokens
    if m.cores > 1.0:
        size = m.inner * 4.0 * weights
        done = transfer(c, s, done, m.tokens, size, 0.0, -1.0)
        done = vector(c, s, done, 2.0 * each * weights)
    if m.mlp == 0.0:
        return stream(c, s, done, m.tokens, m.inner * m.element)
    done = scalar(c, s, done, each)
    if m.gated > 0.0:
        done = vector(c, s, done, 2.0 * each)
    if m.up_columns > 0.0:
        done = turn(c, s, done, np.ceil(m.inner / c.partitions), m.tokens)
    done = project_down(c, s, m, done)
    if m.down_columns == 0.0:
        pieces = m.hidden / m.cores / c.partitions
        done = turn(c, s, done, np.ceil(pieces), c.partitions)
    return stream(c, s, done, m.tokens, m.hidden / m.cores * m.element)
