"""Time of a matrix product on a GPU: tiles, waves, caches, and the clock under power.

The output is cut into tiles, one thread block each; blocks run in waves over the
multiprocessors, and a sum over k may be cut into slices that other multiprocessors
take (split-K). A library picks the cut that it thinks fastest; here the fastest of a
short list wins (`gpu_product`). What one cut costs stands in `cut_seconds`:

  matrix    multiply-adds of every wave, padding included
  operands  what shared memory or the second-level cache takes longer than that
  fill      filling and draining each wave's pipelines, writing the last tiles out,
            joining the slices
  memory    what the device memory takes longer than all of these

The matrix units then slow down to the clock that the power cap leaves them.
Sources: NVIDIA, "Matrix Multiplication Background User's Guide" (tiles, waves);
CUTLASS documentation, "Efficient GEMM" (rasterisation, split-K). The constants of a
chip are fitted to measured products by `accelsim calibrate gemm`.
"""

import math

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import APART, BF16, FP32, Record

SIDE = 64.0  # rows of a matrix instruction, and step of a tile's longer side
LONGEST = 256.0  # side of a tile
CHOICES = 4  # of a tile's shorter side
SHALLOWEST = 128.0  # terms of a sum that one slice adds
SLICES = 32.0  # at most
SPLITS = 2  # splits that fill 1, 2, … waves are tried
# Of memory, that one multiprocessor draws in these kernels [B/s]: fits for A100, H100,
# B200, GB200 and GB300 lie between 42 and 48 GB/s. Bytes in flight over latency.
UNIT_BANDWIDTH = 45e9
PARTIAL_BYTES = 8.0  # a slice's fp32 sums are written and read again
# Lines of a cyclic sweep over `work` bytes that a cache of `capacity` still holds when
# the sweep comes round: all below the capacity, (capacity / work)^2.3 above it. Within
# 0.03 of the solution of h = exp(-(1 - h) work / capacity) for random replacement: a
# line survives the (1 - h) work misses of a sweep, each of which evicts any line alike.
SWEEP = 2.3
# Where computing and memory take the same, this share of one is not hidden by the
# other; fits for A100, H100, B200, GB200 and GB300 lie between 0.25 and 0.45.
EXPOSED = 0.3
# An fp32 multiply-add outside of the tensor cores takes three times the energy of a
# 16-bit one: 4.6 and 1.5 pJ in 45 nm (Horowitz, ISSCC 2014).
WIDE_ENERGY = 3.0
CUBE = 1.0 / 3.0  # power grows with the cube of the clock: f V^2, and V with f


@inlined
def held(capacity: float, work: float) -> float:
    """Return the share of a cyclic sweep's bytes that the cache still holds."""
    return 1.0 if work <= capacity else float((capacity / work) ** SWEEP)


@inlined
def narrow_side(
    chip: Record, longest: float, length: float, rows: float, choice: int
) -> float:
    """Return the shorter side of a tile, or 0 if this choice is none.

    length : of the output along that side; rows : of tiles along the other one. The
    choices are `longest` and the shortest sides that fill 1, 2, … waves, in multiples
    of the chip's step; powers of two down from `longest` where the chip has none.
    """
    if chip.tile_step == 0.0:
        side = longest / 2.0**choice
        return side if side >= SIDE else 0.0
    fewest = math.ceil(length / longest)
    cuts = fewest if choice == 0 else math.floor(choice * chip.units / rows)
    if cuts < fewest or (choice > 0 and cuts == fewest):
        return 0.0
    side = math.ceil(length / cuts)
    return float(chip.tile_step * math.ceil(side / chip.tile_step))


@inlined
def cut_seconds(
    chip: Record, pace: tuple[float, ...], product: tuple[float, ...], tile_m: float,
    tile_n: float, split: float, least: float,
) -> tuple[float, float, float, float, float]:  # fmt: skip
    """Return (time, matrix, operands, fill, memory) [s] of one cut at full clock.

    pace : s of a multiply-add in one unit, and of a byte from shared memory into one
    unit, from the cache, from memory, and from memory into one unit. product : m, n,
    k, batch, B of an element in and out, B of a (m x k), of b (k x n) and of the
    output, and the shares of these three that the cache holds beforehand. least : the
    best time so far; a cut that cannot beat it is not worked out.
    """
    m, n, k, batch, width, out_width, a, b, out, a_held, b_held, out_held = product
    multiply, operand, cached, streamed, drawn = pace
    rows, columns = math.ceil(m / tile_m), math.ceil(n / tile_n)
    blocks = batch * rows * columns * split
    active = min(blocks, chip.units)
    waves = math.ceil(blocks / chip.units)
    depth = waves * k / split
    area, side = tile_m * tile_n, (tile_m + tile_n) * width
    matrix = depth * area * multiply
    operands = max(0.0, depth * side * max(operand, active * cached) - matrix)
    # the last tiles leave when nothing is left to hide them
    drain = area * out_width * active * streamed
    fill = waves * chip.wave_fill + drain
    compute = matrix + operands + fill
    join = 0.0
    if split > 1.0:
        partial = split * batch * m * n * PARTIAL_BYTES
        join = chip.split_latency + partial * cached
    if compute + join >= least:  # memory only adds to it
        return compute + join, matrix, operands, fill + join, 0.0
    # A wave covers a block of tiles about as high as wide; each such block reads its
    # panels again, as far as the cache does not hold the operands.
    across = min(columns, max(1.0, math.sqrt(active / batch * tile_m / tile_n)))
    down = min(rows, max(1.0, active / batch / across))
    # of a batch, only the products that a wave works on
    near = min(1.0, max(1.0, active * batch / blocks) / batch)
    lost = 1.0 - min(1.0, chip.l2_capacity / (near * (a + b)))
    a_reads = 1.0 + (columns / across - 1.0) * lost
    b_reads = 1.0 + (rows / down - 1.0) * lost
    traffic = min(
        a * (a_reads - a_held) + b * (1.0 - b_held),
        a * (1.0 - a_held) + b * (b_reads - b_held),
    )
    traffic += out * (1.0 - out_held)
    stream = traffic * max(streamed, drawn / active) + chip.memory_ramp
    longer, shorter = max(compute, stream), min(compute, stream)
    memory = longer + EXPOSED * shorter * (shorter / longer) ** 2 - compute
    return compute + memory + join, matrix, operands, fill + join, memory


@inlined
def best_split(
    chip: Record, pace: tuple[float, ...], product: tuple[float, ...], tile_m: float,
    tile_n: float, blocks: float, best: tuple[float, float, float, float, float],
) -> tuple[float, float, float, float, float]:  # fmt: skip
    """Return the fastest of a tile's splits and the best cut so far; see `best_cut`.

    blocks : tiles of the whole output. Tried are no split, and as many slices as fill
    1, 2, … waves, if the tiles alone do not fill one.
    """
    deepest = min(SLICES, math.floor(product[2] / SHALLOWEST))
    last = 0.0
    for fills in range(SPLITS + 1):
        split = min(deepest, math.floor(fills * chip.units / blocks))
        split = float(split) if fills > 0 else 1.0
        if split <= last:
            continue
        cut = cut_seconds(chip, pace, product, tile_m, tile_n, split, best[0])
        if cut[0] < best[0]:
            best = cut
        if blocks >= chip.units:
            break
        last = split
    return best


@kernel
def best_cut(
    chip: Record, pace: tuple[float, ...], product: tuple[float, ...], whole: int
) -> tuple[float, float, float, float, float]:
    """Return (time, matrix, operands, fill, memory) [s] of the fastest cut.

    whole : 1 for a library that has nothing but the chip's largest tile.

    Tried are tiles with a side of 64, 128, … along m or n whose other side is the
    longest that the accumulators hold, or the shortest that fills 1, 2, … waves; and
    splits that fill one wave.
    """
    best = (1e300, 0.0, 0.0, 0.0, 0.0)
    if whole:
        return cut_seconds(chip, pace, product, chip.rows, chip.columns, 1.0, best[0])
    area = chip.rows * chip.columns
    for flipped in range(2):
        along, other = product[flipped], product[1 - flipped]
        side = 0.0
        while side < min(LONGEST, along):
            side = 2.0 * side if chip.tile_step == 0.0 and side > 0.0 else side + SIDE
            rows = product[3] * math.ceil(along / side)
            longest = min(LONGEST, area / side)
            tried = 0.0
            for choice in range(CHOICES):
                narrow = narrow_side(chip, longest, other, rows, choice)
                if narrow == 0.0 or narrow > longest or narrow == tried:
                    continue
                tried = narrow
                tile_m, tile_n = (narrow, side) if flipped else (side, narrow)
                blocks = rows * math.ceil(other / narrow)
                best = best_split(chip, pace, product, tile_m, tile_n, blocks, best)
                if choice == 0 and blocks > CHOICES * chip.units:
                    break
    return best


@kernel
def settled_clock(chip: Record, busy: float, seconds: float, op: Record) -> float:
    """Return the mean clock, as a share of the full one, over the runs of a GEMM row.

    busy : share of the time in which the matrix units work; fp32 on the vector units
    draws as much as its share of their FLOPs and energy. Power is what the chip
    draws standing still and a part that grows with activity and the cube of the clock;
    `busy_clock` is the clock that the cap leaves fully busy units. The clock falls to
    it within `settle`; an infinite number of runs gives the settled clock. A hot chip
    leaks more, which leaves `hot_clock` of that.
    """
    if busy <= 0.0:
        return 1.0
    if op.precision == FP32:
        busy *= min(1.0, WIDE_ENERGY * chip.peak_rate[FP32] / chip.peak_rate[BF16])
    settled = chip.busy_clock * (chip.hot_clock if op.hot else 1.0)
    settled = min(1.0, float(settled / busy**CUBE))
    load = op.repeats * seconds
    if settled == 1.0 or chip.settle == 0.0 or load == math.inf:
        return float(settled)
    periods = max(1e-9, load / chip.settle)
    return float(settled + (1.0 - settled) * (1.0 - math.exp(-periods)) / periods)


@kernel
def gpu_product(
    chip: Record, rate: float, op: Record
) -> tuple[float, float, float, float, float, float]:
    """Return (time, matrix, operands, fill, memory, clock) of a GEMM row.

    Times in s without the start of the kernel; the last is a share of the full clock.
    rate : FLOP/s at full clock. The first factor and the output were touched just
    before; of the second one, `weight_sets` are used in turn.

    Where the library gives each expert a kernel of its own (APART), each cuts its
    output for the whole chip. On several streams they could share it, as they do on
    Ampere; on Hopper and Blackwell they take as long as one after the other, starts
    included (`chip.apart`; see the sources in the chip files). So do the `pieces` of
    one product that others send or fetch; where they share the chip, they fill its
    waves as the whole does.
    """
    experts, rows, columns = 1.0, 1.0, 1.0
    if chip.apart > 0.0:
        experts = op.batch if op.grouped == APART else 1.0
        rows, columns = max(1.0, op.pieces[0]), max(1.0, op.pieces[1])
    kernels = experts * rows * columns
    a = op.batch * op.m * op.k * op.bytes_in
    b = op.batch * op.k * op.n * op.bytes_in
    out = op.batch * op.m * op.n * op.bytes_out
    warm = held(chip.l2_capacity, a + b + out)
    found = held(chip.l2_capacity, a + out + op.weight_sets * b)
    # what a piece has read whole is still there for the next, as far as one piece fits
    a, b, out = a / (experts * rows), b / (experts * columns), out / kernels
    kept = held(chip.l2_capacity, a + b + out)
    a_found = (warm + (columns - 1.0) * kept) / columns
    b_found = (found + (rows - 1.0) * kept) / rows
    m, n, batch = op.m / rows, op.n / columns, op.batch / experts
    sizes = (m, n, op.k, batch, op.bytes_in, op.bytes_out)
    product = (*sizes, a, b, out, a_found, b_found, warm)
    pace = (
        2.0 * chip.units / rate,
        1.0 / chip.operand_bandwidth,
        1.0 / chip.sram_bandwidth,
        1.0 / chip.memory_bandwidth,
        # the largest tile keeps enough in flight
        0.0 if op.whole else 1.0 / UNIT_BANDWIDTH,
    )
    time, matrix, operands, fill, memory = best_cut(chip, pace, product, op.whole)
    clock = settled_clock(chip, matrix / time, kernels * time, op)
    slower = kernels * matrix / clock
    operands, memory = kernels * operands, kernels * memory
    fill = kernels * fill + (kernels - 1.0) * chip.kernel_latency
    return slower + operands + fill + memory, slower, operands, fill, memory, clock
