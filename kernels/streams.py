"""Operators that only move memory: what they move, and how long that takes.

The figures say how often an operator passes over its data, forward and backward; a
pass reads or writes every element once. The training step (`operators`) and the chip's
own operators (`accelsim.chip.memory_bound`) read the same ones.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import (
    ELEMENT_BYTES,
    FUSED_ATTENTION,
    MATMUL,
    Record,
    Rows,
)

# Passes over the input of an operator, forward and backward. A norm reads and writes
# it; backward it reads the input and a gradient, and writes one.
NORM = (2.0, 3.0)
# Reads two and writes one. Backward it adds the gradient that went around the block,
# in the kernel of the norm, which holds the other one.
RESIDUAL = (3.0, 2.0)
ROTARY = (2.0, 2.0)
SOFTMAX = (2.0, 3.0)
MASK = 0.5  # a byte each element of 16 bits
DROPOUT = (2.0 + MASK, 2.0 + MASK)
# Tokens that are sent to experts: gathered and, behind these, scattered.
PERMUTATION = (4.0, 4.0)
# The row of each token is read and written; backward it is added into the table.
EMBEDDING = (2.0, 3.0)

# An activation function, in passes over its output: each input (two with a gate) is
# read, and backward its gradient written; the output is written, its gradient read.
ACTIVATION_INPUT, ACTIVATION_OUTPUT = (1.0, 2.0), (1.0, 1.0)

# Bytes of a logit that the loss moves: fused, read once in 16 bits and written in
# place; or a chain of kernels in fp32, six passes and three.
FUSED_LOSS = (4.0, 4.0)
CHAINED_LOSS = (24.0, 12.0)

# Elements that the engines of a NeuronCore pass over for one of an operator's own,
# forward and backward: instructions of VectorE with one tensor as input, with two
# (twice the cycles on Trainium1), and of ScalarE, which sums up on the way. Counted
# from the formulas as instructions of aws-neuron-sdk v2.26.1 nki/api/nki/isa; biases
# and casts come with the copy out of PSUM, sums over tokens with TensorE.
# norm: scale by the row's statistics and by the gain; square on ScalarE. Backward the
# gain, a sum of products, three terms of the input's gradient, products for the gain's.
NORM_PASSES = ((2.0, 0.0, 1.0), (2.0, 3.0, 2.0))
SUM_PASSES = ((0.0, 1.0, 0.0), (0.0, 1.0, 0.0))
# random numbers, comparison, and the product with the mask
DROPOUT_PASSES = ((2.0, 1.0, 0.0), (0.0, 1.0, 0.0))
ROTARY_PASSES = ((0.0, 3.0, 0.0), (0.0, 3.0, 0.0))
# maximum, mask, exponential with its sum, scaling; backward a sum of products and
# (gradient - sum) x probability
SOFTMAX_PASSES = ((2.0, 1.0, 1.0), (0.0, 2.0, 0.0))
# with a gate: s(g) u; backward s(g), s'(g), and the products of both gradients
GATED_PASSES = ((0.0, 1.0, 1.0), (0.0, 3.0, 2.0))
PLAIN_PASSES = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0))
# widened, maximum, exponential with its sum, the label's; backward softmax - label
LOSS_PASSES = ((2.0, 1.0, 1.0), (1.0, 1.0, 1.0))

# Of Adam: the gradient is read for its norm and for the update, and zeroed; master
# weights and moments are read and written; the weight is written.
GRADIENT_PASSES, STATE_PASSES, WEIGHT_PASSES = 3.0, 2.0, 1.0


@kernel
def stream_seconds(chip: Record, size: float, kernels: float) -> float:
    """Return the time [s] of kernels that only move `size` bytes of memory.

    Each starts, and reaches the memory's rate after its ramp.
    """
    start = chip.kernel_latency + chip.memory_ramp
    return float(size / chip.memory_bandwidth + kernels * start)


@kernel
def moved_seconds(chip: Record, op: Record) -> float:
    """Return how long the memory needs at its full rate for an operator's passes [s].

    Products have three passes of three operands; attention reads four tensors or eight
    and writes the rest of twelve.
    """
    if op.kind == MATMUL:
        terms = op.m * op.k + op.k * op.n + op.m * op.n
        moved = (2.0 if op.frozen else 3.0) * ELEMENT_BYTES[op.precision] * terms
        moved *= op.batch
    elif op.kind == FUSED_ATTENTION:
        rows = op.batch * op.m + op.kv_batch * op.n
        moved = 3.0 * ELEMENT_BYTES[op.precision] * rows * (op.k + op.v)
    else:
        moved = op.forward_bytes + op.backward_bytes
    return float(moved / chip.memory_bandwidth)


@kernel
def fill_streams(chip: Record, streams: Rows, kernels: Rows) -> None:
    """Fill one KERNEL row for each STREAM_SIZE row on one chip."""
    for i in range(len(streams)):
        op, row = streams[i], kernels[i]
        row.time = stream_seconds(chip, op.moved, op.kernels)
        row.launch = op.kernels * chip.kernel_latency
        row.memory = row.time - row.launch
        row.clock = 1.0
