"""What stands beside the products with a weight: casts, an adapter, and the launches.

This file knows which engine times a product, whole or in pieces. It does not know which
products a layer has, or what a step makes of them.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.matmul import product_parts
from accelsim.kernels.neuron_step import engine_parts, stays, turned_elements
from accelsim.kernels.streams import stream_seconds
from accelsim.kernels.tables import APART, BF16, Record


@kernel
def timed(
    chip: Record, op: Record, turn: int
) -> tuple[float, float, float, float, float, float]:
    """Return the parts of an operator's product, engine by engine on a NeuronCore.

    turn : 0 forward, 1 and 2 the gradients of input and weight.
    """
    product, cores = op.product, chip.engines.cores
    if cores > 0.0 and product.m * product.n * product.k * product.batch > 0.0:
        core = chip.engines.core[product.precision]
        held = 1.0 if stays(chip, op) else 0.0
        op.engines.turned, op.engines.way = turned_elements(product, turn), min(turn, 1)
        return engine_parts(core, op.engines, product, cores, held)
    return product_parts(chip, product)


@kernel
def timed_in_pieces(
    chip: Record, op: Record, turn: int, rows: float, columns: float
) -> tuple[float, float, float, float, float, float]:
    """Return the parts of an operator's product in so many kernels; see `timed`.

    One kernel could go through the tiles of all pieces in their order, so that pieces
    are not faster, whatever tiles a short list offers either.
    """
    pieces = op.product.pieces
    pieces[0] = pieces[1] = 1.0
    whole = timed(chip, op, turn)
    if rows * columns == 1.0:
        return whole
    pieces[0], pieces[1] = rows, columns
    cut = timed(chip, op, turn)
    pieces[0] = pieces[1] = 1.0
    return cut if cut[0] > whole[0] else whole


@kernel
def adapter_seconds(
    row: Record, chip: Record, op: Record, wide: float
) -> tuple[float, float]:
    """Return (forward, backward) seconds of a low-rank adapter, and add its FLOPs.

    The input goes down to the rank and up again, onto the output of the frozen weight;
    backward each of the two has two gradients (Hu et al. 2021, arXiv:2106.09685,
    section 4.1). Four kernels of its own each way: dropout, scale, and the products.
    """
    rank, product = op.adapter, op.product
    flops = 2.0 * op.m * op.batch * rank * (op.k + op.n)
    product.precision, product.bytes_in, product.block = BF16, wide, 0
    seconds = 0.0
    for turn in range(2):
        product.m, product.bytes_out = op.m, wide + turn * wide
        product.n, product.k = (op.n, rank) if turn else (rank, op.k)
        seconds += timed(chip, op, 0)[0] + chip.kernel_latency
    # down and up have two gradients each, of as many multiply-adds
    row.forward_flops += flops
    row.backward_flops += 2.0 * flops
    size = op.batch * op.m * wide
    row.forward_elementwise += stream_seconds(chip, 2.5 * size * op.k, 2.0)
    row.backward_elementwise += stream_seconds(chip, 2.5 * size * op.k, 2.0)
    row.forward_kernels += 4.0
    row.backward_kernels += 6.0
    return seconds, 2.0 * seconds


@kernel
def add_casts(
    row: Record, chip: Record, software: Record, op: Record, wide: float, width: float
) -> None:
    """Add the kernels that narrow a product's operands from `wide` to `width` bytes."""
    cast = op.batch * op.m * (wide + 2.0 * width + software.casts[op.precision])
    weights = op.batch * op.n * op.k * software.cast_weight
    own = op.batch if op.grouped == APART else 1.0  # each expert has its own
    row.forward_elementwise += stream_seconds(chip, cast * op.k + weights, own)
    row.backward_elementwise += stream_seconds(chip, cast * op.n + weights, own)
    add_launches(row, op, 1.0, 1.0)


@kernel
def add_launches(row: Record, op: Record, forward: float, backward: float) -> None:
    """Add the launches of a product or its casts, each way; experts apart have more."""
    row.forward_kernels += forward
    row.backward_kernels += backward
    if op.grouped == APART:
        row.forward_products += op.batch * forward
        row.backward_products += op.batch * backward
