"""Rows of the table of operators: a product with a weight, a stream, passes of engines.

Each function appends rows of OPERATOR (see `tables`) from row `at` on and returns the
row after the last. Nothing here knows what a transformer is.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.neuron_tables import PASSES
from accelsim.kernels.plan_tables import NO_MODULE
from accelsim.kernels.tables import (
    MATMUL,
    PART_ELEMENTWISE,
    PART_MATMUL,
    STREAM,
    Record,
    Rows,
)


@kernel
def add_weight(
    ops: Rows, at: int, precision: int, m: float, n: float, k: float, batch: float,
    gradient_bytes: float,
) -> int:  # fmt: skip
    """Append the products with a weight: m x k times k x n, `batch` times."""
    op = ops[at]
    op.kind = MATMUL
    op.part = PART_MATMUL
    op.precision = precision
    op.module, op.repeats = NO_MODULE, 1.0
    op.grouped = 0
    op.routed = 0.0
    op.m, op.n, op.k = m, n, k
    op.batch = batch
    op.gradient_bytes = gradient_bytes
    op.frozen = 0
    op.adapter = 0.0
    op.gathered = op.last = 0.0
    op.pieces[0] = op.pieces[1] = 1.0
    op.share = 1.0
    op.engines.held = 0.0
    return at + 1


@kernel
def add_stream(
    ops: Rows, at: int, forward: float, backward: float, kernels: float
) -> int:
    """Append an operator that only streams memory: bytes [B] by pass."""
    op = ops[at]
    op.kind = STREAM
    op.part = PART_ELEMENTWISE
    op.module, op.repeats = NO_MODULE, 1.0
    op.routed = 0.0
    op.forward_bytes, op.backward_bytes = forward, backward
    op.kernels = kernels
    op.share = 1.0
    op.engines.held = 0.0
    for i in range(PASSES):
        op.engines.forward[i] = op.engines.backward[i] = 0.0
    return at + 1


@kernel
def add_passes(
    op: Record,
    elements: float,
    passes: tuple[tuple[float, float, float], tuple[float, float, float]],
) -> None:
    """Add what engines pass over: `passes` for each of the elements."""
    for i in range(PASSES):
        op.engines.forward[i] += elements * passes[0][i]
        op.engines.backward[i] += elements * passes[1][i]
