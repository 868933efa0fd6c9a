"""Time of a matrix multiplication on one worker, whatever its family.

A GPU cuts the output into tiles (see `gpu`); a systolic chip (NeuronCore, TPU) holds a
block of the stationary matrix in each array and streams the other one through it.
"""

from accelsim.kernels.gpu import gpu_product
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import APART, FP8, GPU, NVFP4, ONE_KERNEL, Record, Rows

# Of the traffic that accumulating into the output adds, this part stands behind the
# last multiply-add of a systolic array. Fit to the weight gradients of SimuMax's A100
# PCIe table (Apache-2.0), for want of a table of systolic chips.
EXPOSED_ACCUMULATION = 0.27
LANES = 128.0  # of a TPU's vector unit, which masks what is no multiple of it


@kernel
def systolic_seconds(
    chip: Record, rate: float, m: float, n: float, k: float, batch: float
) -> float:
    """Return compute time [s] on arrays of rows x columns.

    The stationary block is (k rows) x (n columns); m rows stream through it, and the
    next block loads behind them unless m is shorter than half of the array
    (AWS Neuron NKI guide, `nc_matmul`: max(64, moving) cycles on a 128 x 128 array).
    The arrays share the blocks evenly.
    """
    blocks = batch * -(-k // chip.rows) * -(-n // chip.columns)
    turns = -(-blocks // chip.units)
    stream = max(m, chip.rows / 2.0)
    flops = 2.0 * chip.rows * chip.columns * stream
    return float(turns * chip.units * flops / rate)


@kernel
def group_seconds(chip: Record, op: Record, matrix: float) -> float:
    """Return what the groups of a product of several experts add to `matrix` [s].

    Where one group's rows end the next one's weights are loaded, and a tile that both
    share is multiplied twice. Sides that are no multiple of the lanes are masked tile
    by tile (gmm of JAX's megablox). Measured, see the chip files.
    """
    if not op.grouped or op.tokens == 0.0:
        return 0.0
    longer = 1.0 + chip.group_rows / op.tokens
    odd = 0
    for side in (op.m, op.n, op.k):
        odd += int(side != op.tokens and side % LANES != 0.0)
    return float(matrix * (longer / (chip.group_masked if odd else 1.0) - 1.0))


@kernel
def systolic_product(
    chip: Record, rate: float, op: Record
) -> tuple[float, float, float, float, float, float]:
    """Return (time, matrix, operands, fill, memory, clock), as `gpu.gpu_product`."""
    traffic = (op.m * op.k + op.k * op.n) * op.bytes_in + op.m * op.n * op.bytes_out
    # what accumulating moves beyond writing 16 bits, or the width of the operands
    added = op.m * op.n * max(0.0, op.bytes_out - max(2.0, op.bytes_in))
    fill = EXPOSED_ACCUMULATION * op.batch * added / chip.memory_bandwidth
    matrix = systolic_seconds(chip, rate, op.m, op.n, op.k, op.batch)
    fill += group_seconds(chip, op, matrix)
    stream = op.batch * traffic / chip.memory_bandwidth
    memory = max(0.0, stream - matrix - fill)
    return matrix + fill + memory, matrix, 0.0, fill, memory, 1.0


@kernel
def product_parts(
    chip: Record, op: Record
) -> tuple[float, float, float, float, float, float]:
    """Return (time, matrix, operands, fill, memory, clock) of a GEMM row; see `gpu`.

    Times in s, without the start of the kernel.
    """
    if op.m * op.n * op.k * op.batch == 0.0:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 1.0
    one = op.grouped == ONE_KERNEL or (op.grouped == APART and chip.family != GPU)
    rate = chip.matrix_rate[op.precision] * (chip.grouped if one else 1.0)
    rate *= chip.block if op.block else 1.0
    rate *= chip.promoted if op.promoted and op.precision == FP8 else 1.0
    if chip.family == GPU:
        rate *= chip.tuned if op.precision == NVFP4 and not op.whole else 1.0
        return gpu_product(chip, rate, op)
    return systolic_product(chip, rate, op)


@kernel
def fill_products(chip: Record, products: Rows, kernels: Rows) -> None:
    """Fill one KERNEL row for each GEMM row on one chip."""
    for i in range(len(products)):
        op, row = products[i], kernels[i]
        time, matrix, operands, fill, memory, clock = product_parts(chip, op)
        row.matrix, row.operands, row.overhead, row.memory = (
            matrix,
            operands,
            fill,
            memory,
        )
        row.clock = clock
        row.vector = op.cast_bytes / chip.memory_bandwidth
        casts = op.casts * chip.cast_latency
        row.launch = casts + chip.kernel_latency if time > 0.0 else 0.0
        row.time = time + row.vector + row.launch
