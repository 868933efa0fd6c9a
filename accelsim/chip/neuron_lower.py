"""From a chip's spec to the row of one of its NeuronCores.

This file knows which figure of the chip file is which field of the kernel's table.
"""

from typing import Any

import numpy as np

from accelsim.errors import InputError, nearest
from accelsim.kernels.neuron_tables import NEURON
from accelsim.kernels.tables import Rows
from accelsim.specs.chip import ChipSpec
from accelsim.specs.neuron import NeuronSpec

DTYPES = ("fp32", "tf32", "bf16", "fp16", "fp8", "mxfp8")


def depth(spec: ChipSpec, dtype: str) -> float:
    """Return the contraction depth of a product over the array's rows.

    Raises
    ------
    InputError
        The core has no such type.
    """
    tensor = engines(spec).tensor
    if dtype not in DTYPES:
        raise InputError(f"dtype: {dtype!r} is unknown; {nearest(str(dtype), DTYPES)}")
    if dtype == "mxfp8":
        if tensor.mx_rows is None:
            raise InputError(f"dtype: chip {spec.name} has no mxfp8")
        return float(tensor.mx_rows)
    return float(tensor.fp8_rows) if dtype == "fp8" else 1.0


def engines(spec: ChipSpec) -> NeuronSpec:
    """Return the `[neuron]` table of a chip.

    Raises
    ------
    InputError
        It has none.
    """
    if spec.neuron is None:
        raise InputError(f"chip {spec.name}: has no [neuron] table")
    return spec.neuron


def lower(
    spec: ChipSpec,
    dtype: str = "bf16",
    cores: int = 1,
    *,
    alone: bool = False,
    sparsity: float = 1.0,
) -> Rows:
    """Return the NEURON row of one of the `cores` that share a kernel.

    alone : whether the neighbouring core leaves the memory of the two to it.
    """
    mine = engines(spec)
    if not 1.0 <= sparsity <= float(mine.tensor.sparsity):
        most = f"1 to {float(mine.tensor.sparsity):g}"
        raise InputError(f"sparsity: {sparsity!r} is not allowed; give {most}")
    made = np.zeros(1, NEURON).view(np.recarray)
    row = made[0]
    row.partitions, row.columns = spec.matrix.rows, spec.matrix.columns
    row.rows = spec.matrix.rows * depth(spec, dtype) * sparsity
    row.passes = float(mine.tensor.fp32_passes) if dtype == "fp32" else 1.0
    clock = spec.clock if mine.tensor.clock is None else mine.tensor.clock
    row.tensor_clock = float(clock)
    for name in ("least_moving", "load_rate", "issue", "ramp_share", "ramp_time"):
        row[name] = float(getattr(mine.tensor, name))
    row.turns = mine.tensor.turns
    # a product's sums are fp32 and have to fit into one bank
    row.moving = min(float(mine.tensor.moving), float(mine.psum.bank) / 4.0)
    row.vector_clock = float(mine.vector.clock)
    for name in ("least", "overhead", "accumulate", "copy_mode", "psum_mode"):
        row[name] = float(getattr(mine.vector, name))
    row.pair_mode = float(mine.vector.pair_mode)
    row.scalar_clock = float(mine.scalar.clock)
    row.scalar_mode = float(mine.scalar.mode)
    row.gpsimd_clock = float(mine.gpsimd.clock)
    row.gpsimd_start = float(mine.gpsimd.start)
    row.shared_port = float(mine.gpsimd.shared_port)
    row.psum_banks = mine.psum.banks
    row.sbuf = float(spec.sram.capacity) / spec.matrix.units
    row.queues = mine.dma.queues
    for name in ("queue_rate", "descriptor", "prepared", "start"):
        row[name] = float(getattr(mine.dma, name))
    row.transpose_memory = float(mine.dma.transpose_memory)
    row.transpose_sbuf = float(mine.dma.transpose_sbuf)
    share = float(spec.hbm.bandwidth) * float(spec.hbm.efficiency) / spec.matrix.units
    streams = mine.dma.queues * float(mine.dma.queue_rate)
    row.memory_rate = min(streams, share * (2.0 if alone else 1.0))
    row.launch = float(mine.launch)
    if cores == 2:
        row.launch += float(mine.pair_launch)
    return made


def peak(row: Any, cores: int) -> float:
    """Return the rate of full arrays at TensorE's clock [FLOP/s]; row : of `lower`."""
    units = row.rows * row.columns
    return float(2.0 * units * row.tensor_clock * cores / row.passes)
