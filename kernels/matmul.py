"""Time of a matrix multiplication on one worker: tiles, waves and a memory roof.

Two families. A GPU cuts the output into thread-block tiles that run in waves over its
multiprocessors. A systolic chip (NeuronCore, TPU) holds a block of the stationary
matrix in each array and streams the other one through it. Both are limited from
above by the sustained rate of the chip and by its memory.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import GPU, Record

# Thread-block tiles are the chip's own and its halves (CUTLASS default tile lists);
# a sum over k may be cut into slices that other multiprocessors take (split-K).
TILE_CUTS = ((1.0, 1.0), (1.0, 2.0), (1.0, 4.0), (2.0, 4.0))
SPLITS = (1.0, 2.0, 4.0, 8.0)
# Of the traffic that accumulating into the output adds, this part stands behind the
# last multiply-add. Fit to the weight gradients of SimuMax's A100 PCIe and B200 tables
# (Apache-2.0): 5 and 4 % slower than the forward product of the same shape, where all
# of it would be 17 and 15 %.
EXPOSED_ACCUMULATION = 0.27
PARTIAL_BYTES = 8.0  # a slice's fp32 sums are written and read again


@kernel
def gpu_seconds(
    chip: Record, rate: float, m: float, n: float, k: float, batch: float,
    bytes_in: float, traffic: float, exposed: float,
) -> tuple[float, float]:  # fmt: skip
    """Return (time, part of it in which memory is the limit) [s] of the best tile.

    m, n, k : output rows, columns and sum length; `batch` equal products.
    rate : sustained FLOP/s of the chip at this precision. bytes_in : of an element.
    traffic : B that the product moves; slices of the sum move more. exposed : s that
    accumulating into the output adds to the computation.
    Waves = ceil(tiles / multiprocessors); a tile takes the longer of its FLOPs at
    rate/units and its operands at sram_bandwidth/units (NVIDIA, "Matrix
    Multiplication Background User's Guide", tile and wave quantization).
    """
    best, bound = 1e300, 0.0
    for rows_cut, columns_cut in TILE_CUTS:
        tile_m, tile_n = chip.rows / rows_cut, chip.columns / columns_cut
        tiles = batch * -(-m // tile_m) * -(-n // tile_n)
        for split in SPLITS:
            depth = k / split
            if split > 1.0 and (depth < 512.0 or tiles >= chip.units):
                break
            flops = 2.0 * tile_m * tile_n * depth / rate
            operands = (tile_m + tile_n) * depth * bytes_in / chip.sram_bandwidth
            waves = -(-tiles * split // chip.units)
            compute = waves * chip.units * max(flops, operands) + exposed
            partial = (split > 1.0) * split * batch * m * n * PARTIAL_BYTES
            memory = (traffic + partial) / chip.memory_bandwidth
            if max(compute, memory) < best:
                best = max(compute, memory)
                bound = memory if memory > compute else 0.0
    return best, bound


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
def matmul_seconds(
    chip: Record, precision: int, m: float, n: float, k: float, batch: float,
    bytes_in: float, bytes_out: float, grouped: int,
) -> tuple[float, float]:  # fmt: skip
    """Return (time, part of it in which memory is the limit) [s] of one kernel.

    m, n, k, batch : as in `gpu_seconds`. bytes_in, bytes_out : of an element; a
    read-modify-write output counts both ways. grouped : 1 if the products belong to
    different experts. Time = max(compute, traffic over
    memory bandwidth) + kernel latency.
    """
    if m * n * k * batch == 0.0:
        return 0.0, 0.0
    rate = chip.matrix_rate[precision] * (chip.grouped if grouped else 1.0)
    traffic = batch * ((m * k + k * n) * bytes_in + m * n * bytes_out)
    # what accumulating moves beyond writing 16 bits, or the width of the operands
    added = batch * m * n * max(0.0, bytes_out - max(2.0, bytes_in))
    exposed = EXPOSED_ACCUMULATION * added / chip.memory_bandwidth
    if chip.family == GPU:
        time, bound = gpu_seconds(
            chip, rate, m, n, k, batch, bytes_in, traffic, exposed
        )
        return time + chip.kernel_latency, bound
    compute = systolic_seconds(chip, rate, m, n, k, batch) + exposed
    memory = traffic / chip.memory_bandwidth
    bound = memory if memory > compute else 0.0
    return max(compute, memory) + chip.kernel_latency, bound
