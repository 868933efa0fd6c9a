"""From a chip's spec to one worker's row of the chip table.

Knows which fused attention kernel a software stack brings and how a package is shared
between its workers.
"""

import numpy as np

from accelsim import catalog
from accelsim.kernels import tables
from accelsim.kernels.tables import Record
from accelsim.specs.chip import ChipSpec

_FAMILY = {"gpu": tables.GPU, "neuron": tables.SYSTOLIC, "tpu": tables.SYSTOLIC}


LIBRARY = ("cudnn", "flash2")  # what a GPU's library or framework falls back to


def sustained(chip: ChipSpec, precision: str) -> float:
    """Return the share of the peak that a large product reaches at a precision."""
    table = chip.matrix.sustained
    figure = table.get(precision, table["bf16"])  # type: ignore[call-overload]
    return float(figure)


def attention_kernel(chip: ChipSpec, name: str) -> str | None:
    """Return the chip's fused kernel that serves a stack asking for `name`.

    A stack that asks for a kernel that the chip has no figure for gets what the
    chip's own library brings; `unfused`, or a chip without any, gives None.
    """
    if name == "unfused" or not chip.attention:
        return None
    known = [kernel for kernel in (name, *LIBRARY) if kernel in chip.attention]
    return (known or list(chip.attention))[0]


def memory_efficiency(chip: ChipSpec) -> float:
    """Return the share of the memory's peak that streaming operators reach.

    The measured share, and in proportion to the channel model where the memory is
    another than the one that was measured.
    """
    made, measured = chip.hbm.memory, float(chip.hbm.efficiency)
    if made is None or chip.hbm.efficiency_with is None:
        return measured
    built = catalog.load("hbm", chip.hbm.efficiency_with)
    if made == built:
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
            row.matrix_rate[index] = row.peak_rate[index] * sustained(chip, precision)
    row.grouped = float(chip.matrix.grouped)
    row.vector_rate = float(chip.vector.peak) * share
    row.memory_bandwidth = float(chip.hbm.bandwidth) * memory_efficiency(chip) * share
    row.memory_capacity = float(chip.hbm.capacity) * share
    sram = chip.sram.bandwidth
    row.sram_bandwidth = np.inf if sram is None else float(sram) * share
    kernel = attention_kernel(chip, attention)
    if kernel is not None:
        peak_bf16 = float(chip.matrix.peak["bf16"]) * share
        row.attention_forward = peak_bf16 * float(chip.attention[kernel].forward)
        row.attention_backward = peak_bf16 * float(chip.attention[kernel].backward)
    row.kernel_latency = float(chip.kernel_latency)
    row.busy_power = float(chip.power.tdp) * share
    row.idle_power = float(chip.power.idle) * share
