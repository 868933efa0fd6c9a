"""Operators that go once over rows: norms, softmax, elementwise, transpose, optimizer.

This file knows how many passes VectorE, ScalarE and GpSimd make over 128 rows at a
time, and what is loaded and stored. The passes of a quantising norm are those of the
NKI library's `rmsnorm_quant`, aws-neuron/nki-library@d2ad3a5
src/nkilib_src/nkilib/core/rmsnorm/rmsnorm_quant.py.
"""

import numpy as np

from accelsim.kernels.jit import kernel
from accelsim.kernels.neuron import (
    copy,
    gpsimd,
    multiply,
    note,
    products,
    reset,
    scalar,
    skip,
    vector,
)
from accelsim.kernels.neuron_tables import Neuron, State
from accelsim.kernels.tables import Record

ROWS = np.dtype(
    [
        (name, "f8")
        for name in (
            "rows",  # of this core
            "columns",
            "loads",  # tensors that are read, of `element` bytes
            "element",
            "stores",  # bytes stored for an element
            "scalar",  # passes of ScalarE
            "vector",  # of VectorE, an element a cycle and partition
            "vector_fast",  # of VectorE, 16 bit between SBUF and SBUF
            "gpsimd",
            "gain",  # 1: a row vector is spread over rows by TensorE and multiplied in
            "turned",  # 1: rows become columns, through PSUM
            "whole",  # 1: run every block, also where they repeat
            "serial",  # small instructions on the way, one after the other
        )
    ]
)

ALONG = 512.0  # columns of a bank


@kernel
def through_banks(
    c: Neuron, s: State, ready: float, columns: float, blocks: float, mode: float
) -> float:
    """Let TensorE fill bank after bank and VectorE read each; return when all is done.

    blocks : products that fill a bank; mode : elements a cycle that VectorE reads.
    """
    done = ready
    for i in range(int(np.ceil(columns / ALONG))):
        here = min(ALONG, columns - i * ALONG)
        put = multiply(c, s, ready, blocks * products(c, here / blocks, 1.0))
        done = vector(c, s, put, here / mode)
    return done


@kernel
def block(
    c: Neuron, s: State, r: Record, rows: float, columns: float, free: float
) -> float:
    """Run up to 128 rows; return when they are stored."""
    done = 0.0
    for _ in range(int(r.loads)):
        done = max(done, copy(c, s, free, rows, columns * r.element))
    for _ in range(int(r.scalar)):
        done = scalar(c, s, done, columns)
    for _ in range(int(r.serial)):
        done = vector(c, s, done, 1.0)
    if r.gain > 0.0:
        done = through_banks(c, s, done, columns, 1.0, 1.0)
    if r.turned > 0.0:
        blocks = ALONG / c.partitions
        done = through_banks(c, s, done, columns, blocks, c.psum_mode)
    for _ in range(int(r.vector)):
        done = vector(c, s, done, columns)
    for _ in range(int(r.vector_fast)):
        done = vector(c, s, done, columns / c.copy_mode)
    for _ in range(int(r.gpsimd)):
        done = gpsimd(c, s, done, columns)
    if r.turned > 0.0:
        return copy(c, s, done, columns, rows * r.stores)
    return copy(c, s, done, rows, columns * r.stores)


@kernel
def over_rows(c: Neuron, s: State, r: Record, work: Record) -> float:
    """Return the time of an operator over rows, without the launch [s].

    Rows too long for two blocks in SBUF go in pieces. When three blocks in a row took
    the same time (to 1e-9), the rest is added as so many of it. work : float64[WORK],
    scratch.
    """
    reset(s)
    room = r.element * (r.loads + 1.0) + 4.0
    pieces = np.ceil(r.columns * room * 2.0 / c.sbuf)
    columns = r.columns / pieces
    count = int(np.ceil(r.rows / c.partitions) * pieces)
    last = before = step = 0.0
    same = 0
    for i in range(count):
        note(s, work[0])
        rows = min(c.partitions, r.rows - np.floor(i / pieces) * c.partitions)
        stored = block(c, s, r, rows, columns, before)
        same = same + 1 if abs(stored - last - step) <= 1e-9 * step else 0
        step = stored - last
        before, last = last, stored
        if same >= 2 and i < count - 2 and r.whole == 0.0:
            return last + skip(s, work[0], work, 0, step, count - 1 - i)
    return last
