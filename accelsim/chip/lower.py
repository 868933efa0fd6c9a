"""From a chip's spec to one worker's row of the chip table.

Knows which fused attention kernel a software stack brings and how a package is shared
between its workers.
"""

import math

import numpy as np

from accelsim import catalog
from accelsim.chip import neuron_lower
from accelsim.chip.fused import SHARED_BYTES, fill_pass, highest_clock
from accelsim.kernels import tables
from accelsim.kernels.tables import Record
from accelsim.specs.chip import ChipSpec, GemmSpec

_FAMILY = {"gpu": tables.GPU, "neuron": tables.SYSTOLIC, "tpu": tables.SYSTOLIC}


LIBRARY = ("cudnn", "flash2")  # what a GPU's library or framework falls back to


def reached(chip: ChipSpec, precision: str) -> float:
    """Return the share of the peak at which products run at a precision.

    That of a GPU holds at full clock.
    """
    table = chip.gemm.issue if chip.gemm is not None else chip.matrix.sustained
    figure = table.get(precision, table["bf16"])  # type: ignore[call-overload]
    return float(figure)


def attention_kernel(chip: ChipSpec, name: str) -> str | None:
    """Return the chip's fused kernel that serves a stack asking for `name`.

    A stack that asks for a kernel that the chip has no figure for gets what the
    chip's own library brings; `unfused`, or a chip without any, gives None. Kernels
    without a backward pass serve no stack.
    """
    if name == "unfused" or not chip.attention:
        return None
    able = [kernel for kernel, spec in chip.attention.items() if spec.has_backward]
    known = [kernel for kernel in (name, *LIBRARY) if kernel in able]
    return next(iter(known or able), None)


def busy_clock(chip: ChipSpec, gemm: GemmSpec) -> float:
    """Return the share of the full clock that the power cap leaves busy matrix units.

    Power above idle goes with the cube of the clock: f V^2, and V with f. More than
    one where the cap is above what they draw.
    """
    busy = float(gemm.flop_energy) * float(chip.matrix.peak["bf16"])
    spare = float(chip.power.tdp) - float(chip.power.idle)
    return math.inf if busy == 0.0 else float(np.cbrt(max(0.0, spare) / busy))


def fill_gpu(row: Record, chip: ChipSpec, gemm: GemmSpec, share: float) -> None:
    """Fill what only the rows of GPUs have, see `kernels.gpu`."""
    row.busy_clock = busy_clock(chip, gemm)
    row.block = 1.0 if gemm.block is None else float(gemm.block)
    own = gemm.library.get("nvfp4")
    row.tuned = 1.0 if own is None else float(own) / float(gemm.issue["nvfp4"])
    row.apart = float(gemm.apart)
    row.tile_step, row.wave_fill = gemm.tile_step, float(gemm.fill)
    row.operand_bandwidth = float(gemm.operand_bytes) * float(chip.clock)
    row.l2_capacity = float(chip.sram.capacity) * float(gemm.cache_share) * share
    for name in (
        "settle",
        "hot_clock",
        "cast_latency",
        "split_latency",
        "memory_ramp",
    ):
        row[name] = float(getattr(gemm, name))


def memory_efficiency(chip: ChipSpec) -> float:
    """Return the share of the memory's peak that streaming operators reach.

    The measured share, and in proportion to the channel model where the memory is
    another than the one that was measured.
    """
    made, measured = chip.hbm.memory, float(chip.hbm.efficiency)
    if made is None or chip.hbm.efficiency_with is None:
        return measured
    built = catalog.load("hbm", chip.hbm.efficiency_with)
    if made.model_copy(update={"prices": built.prices}) == built:
        return measured
    from accelsim.chip.stack import operator_efficiency

    pins = chip.hbm.derived_pin_rate
    now, then = (operator_efficiency(one, pins) for one in (made, built))
    return min(measured * now / then, 1.0)


def fill_chip(row: Record, chip: ChipSpec, attention: str) -> None:
    """Fill a CHIP row: one worker's share of the package, in SI units.

    attention : the kernel that the software brings, see `attention_kernel`.
    """
    share = 1.0 / chip.workers_per_chip
    row.family = _FAMILY[chip.family]
    row.units = chip.matrix.units * share
    row.rows, row.columns = chip.matrix.rows, chip.matrix.columns
    for index, precision in enumerate(tables.PRECISIONS):
        peak = chip.matrix.peak.get(precision)  # type: ignore[call-overload]
        if peak is not None:
            row.peak_rate[index] = float(peak) * share
            row.matrix_rate[index] = row.peak_rate[index] * reached(chip, precision)
    row.grouped = float(chip.matrix.grouped)
    row.group_rows = float(chip.matrix.group_rows or 0.0)
    row.group_masked = float(chip.matrix.group_masked or 1.0)
    promoted = chip.matrix.promoted
    row.promoted = 1.0 if promoted is None else float(promoted)
    row.vector_rate = float(chip.vector.peak) * share
    row.memory_bandwidth = float(chip.hbm.bandwidth) * memory_efficiency(chip) * share
    row.memory_capacity = float(chip.hbm.capacity) * share
    sram = chip.sram.bandwidth
    row.sram_bandwidth = np.inf if sram is None else float(sram) * share
    if chip.gemm is not None:
        fill_gpu(row, chip, chip.gemm, share)
    if chip.neuron is not None:
        fill_engines(row, chip)
    row.boost = highest_clock(chip) / float(chip.clock)
    row.shared_bandwidth = SHARED_BYTES * row.units * highest_clock(chip)
    kernel = attention_kernel(chip, attention)
    if kernel is not None:
        fill_kernel(row, chip, kernel)
    row.kernel_latency = float(chip.kernel_latency)
    row.jitter = 0.0 if chip.jitter is None else float(chip.jitter)
    row.busy_power = float(chip.power.tdp) * share
    row.idle_power = float(chip.power.idle) * share


def fill_engines(row: Record, chip: ChipSpec) -> None:
    """Fill the NeuronCores of a worker, see `kernels.neuron_step`.

    Where a chip prints one rate for both, fp8 is its MX format (`trainium3.rst`).
    """
    engines = row.engines
    engines.cores = min(2, chip.matrix.units // chip.workers_per_chip)
    for index, precision in enumerate(tables.PRECISIONS):
        if precision in neuron_lower.DTYPES and row.peak_rate[index] > 0.0:
            same = row.peak_rate[index] == row.peak_rate[tables.MXFP8]
            kind = "mxfp8" if precision == "fp8" and same else precision
            core = neuron_lower.lower(chip, kind, int(engines.cores))
            engines.core[index] = core[0]
    core = engines.core[tables.BF16]
    lanes = engines.cores * core.partitions
    engines.pass_rate[0] = lanes * core.vector_clock
    engines.pass_rate[1] = lanes * core.vector_clock * core.pair_mode / 2.0
    engines.pass_rate[2] = lanes * core.scalar_clock


def fill_kernel(row: Record, chip: ChipSpec, kernel: str) -> None:
    """Fill the two passes of one of the chip's fused attention kernels."""
    fill_pass(row.attention_forward, chip, kernel, "forward")
    if chip.attention[kernel].has_backward:
        fill_pass(row.attention_backward, chip, kernel, "backward")
