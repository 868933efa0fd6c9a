"""From a fused attention kernel's figures to the row that the kernels read.

A kernel is known by its parts (`pipeline`, `arrays`), or by the rates that it reaches
at length; of the latter, the parts follow from what such kernels have in common.
"""

from typing import Literal

import numpy as np

from accelsim.kernels.tables import Record
from accelsim.specs.attention import ArraysSpec, PipelineSpec
from accelsim.specs.chip import ChipSpec

Pass = Literal["forward", "backward"]

# Scores times values and queries times keys; backward five (FlashAttention-2, section
# 3.1): scores again and the gradients of queries and keys have the head size as a side,
# the gradients of scores and of values the size of the values.
PRODUCTS = {"forward": (1.0, 1.0), "backward": (3.0, 2.0)}
# With the gradients of queries in a kernel of their own: it needs the scores and the
# gradients of scores once more (_flash_attention_dq and _dkv of JAX's splash attention)
PRODUCTS_APART = (4.0, 3.0)
# Backward, one kernel sums outputs times their gradients, one turns the fp32 sums of
# the queries' gradients into 16 bits, and these are zeroed and added to.
KERNELS = {"forward": 1.0, "backward": 3.0}
ROW_BYTES = {"forward": 0.0, "backward": 14.0}
# Of twice the peak, what the backward pass of fp8 reaches beside one of 16 bits. NVIDIA
# measured a step of Llama 2 70B with adapters on H200 1.15 / 1.11 times as fast with
# attention in fp8 as in bf16 (blog, "Accelerating Transformers with NVIDIA cuDNN 9"),
# which the forward pass and a backward pass that gains nothing account for.
NARROW_BACKWARD = 0.5
SHARED_BYTES = 128.0  # a cycle of a multiprocessor: 32 banks of 4 (CUDA guide)
# Multiply-adds or like instructions of a score beside its exponential: scale and
# subtract, running maximum, sum, and half a conversion (two a instruction).
SOFTMAX_INSTRUCTIONS = 3.5
# TensorRT-LLM's kernel in front of attention: bytes a cycle of a multiprocessor, and
# what a byte of keys and values costs beside one of queries. Fit to the prefill tables
# of ai-dynamo/aiconfigurator@095f58a: 5.1, 5.4 and 5.1 B on A100, H100 and Blackwell.
APPEND_BYTES = 5.2
APPEND_KEYS = 0.25

# What kernels known by their rates have in common.
QUERY_BLOCK = 128.0  # rows of queries of one thread block (FlashAttention-2, sec. 3.3)
# Filling and draining a block of queries takes as long as this many keys. Fit to the
# FlashAttention-2, -3 and cuDNN benchmarks at 512 to 16k tokens (Dao-AILab/
# flash-attention assets; arXiv:2407.08608 fig. 5).
BLOCK_OVERHEAD = 160.0
LENGTH = 16384.0  # at which the rates in the chip files were measured, with a mask
HEAD = 128.0  # and the head size
# Exponentials take time that does not shrink with the head: a score costs
# head_dim + EXP_EQUIVALENT multiply-adds. 64 makes head size 64 reach 3/4 of the rate
# of 128, the middle of what FlashAttention-2/3 print (Dao 2023 fig. 5, Shah et al.
# 2024 fig. 5: 60-80 %).
EXP_EQUIVALENT = 64.0


def highest_clock(chip: ChipSpec) -> float:
    """Return the clock [Hz] of a chip that power does not limit."""
    return float(chip.clock if chip.clock_highest is None else chip.clock_highest)


def fill_pass(row: Record, chip: ChipSpec, kernel: str, which: Pass) -> None:
    """Fill a FUSED row: one pass of one of the chip's kernels."""
    row.key_products, row.value_products = PRODUCTS[which]
    row.kernels, row.row_bytes = KERNELS[which], ROW_BYTES[which]
    row.wide_head, row.operand_rows, row.tail, row.width = np.inf, np.inf, 1.0, 1.0
    spec = chip.attention[kernel]
    if spec.pipeline is not None:
        _fill_pipeline(row, chip, spec.pipeline, which)
    elif spec.arrays is not None:
        _fill_arrays(row, chip, spec.arrays, which)
    else:
        _fill_rate(row, chip, kernel, which)


def _fill_pipeline(
    row: Record, chip: ChipSpec, pipeline: PipelineSpec, which: Pass
) -> None:
    clock = highest_clock(chip)
    row.block, row.operand_rows = pipeline.block, pipeline.operand_rows
    row.matrix = float(pipeline.matrix)
    row.matrix_narrow = float(pipeline.matrix_narrow or pipeline.matrix)
    ramp = pipeline.ramp
    if which == "backward" and pipeline.matrix_backward and pipeline.ramp_backward:
        row.matrix = float(pipeline.matrix_backward)
        row.matrix_narrow = NARROW_BACKWARD * row.matrix
        ramp = pipeline.ramp_backward
    row.ramp = float(ramp) / clock
    row.exposed = float(pipeline.exposed)
    if chip.vector.exponentials is not None:
        row.softmax = float(pipeline.exponential) / float(chip.vector.exponentials)
        row.softmax /= clock
    instructions = float(chip.vector.peak) / 2.0 / chip.matrix.units
    row.softmax += SOFTMAX_INSTRUCTIONS / instructions
    if pipeline.wide is not None:
        row.wide_head, row.wide_block = pipeline.wide.head, pipeline.wide.block
        row.wide_softmax = float(pipeline.wide.softmax)
    if chip.power.fused_flop is not None:
        rate = float(chip.matrix.peak["bf16"]) * clock / float(chip.clock)
        row.full_power = float(chip.power.fused_flop) * rate / chip.workers_per_chip
    if pipeline.start is not None:
        row.append_start = float(pipeline.start)
        row.append_keys = APPEND_KEYS
        units = chip.matrix.units / chip.workers_per_chip
        row.append_bandwidth = APPEND_BYTES * units * clock


def _fill_arrays(row: Record, chip: ChipSpec, arrays: ArraysSpec, which: Pass) -> None:
    """Fill the row of a kernel on systolic arrays: nothing of the shorter shows."""
    forward = which == "forward"
    cores = 1.0 if forward else float(arrays.backward_cores)
    share = arrays.matrix if forward else arrays.matrix_backward
    row.block, row.width = arrays.block, chip.matrix.columns
    row.matrix = row.matrix_narrow = float(share) * cores
    operations = arrays.operations if forward else arrays.operations_backward
    repeats = 1.0
    if arrays.apart and not forward:
        row.key_products, row.value_products = PRODUCTS_APART
        repeats = 2.0  # scores become probabilities in both kernels
    rate = float(chip.vector.peak) / chip.matrix.units * cores
    row.softmax = repeats * float(operations) / rate
    ramp = arrays.ramp if forward else arrays.ramp_backward
    row.ramp = repeats * float(ramp) / float(chip.clock) / cores
    if arrays.wide is not None:
        row.wide_head, row.wide_block = arrays.wide.head, arrays.wide.block
        row.wide_softmax = float(arrays.wide.softmax)


def _fill_rate(row: Record, chip: ChipSpec, kernel: str, which: Pass) -> None:
    """Fill the row of a kernel that reaches a share of the peak at length.

    Of the time of a score at head size 128, EXP_EQUIVALENT over that and 128 are the
    exponentials; blocks fill and drain, and waste half a block on the diagonal.
    """
    spec = chip.attention[kernel]
    share = float((spec.forward if which == "forward" else spec.backward) or 0.0)
    waste = 1.0 + 2.0 * (BLOCK_OVERHEAD + 0.5 * QUERY_BLOCK) / LENGTH
    products = HEAD / (HEAD + EXP_EQUIVALENT)
    row.block, row.exposed = QUERY_BLOCK, 1.0
    row.matrix = share * waste / products * float(chip.clock) / highest_clock(chip)
    row.matrix_narrow = row.matrix
    peak = float(chip.matrix.peak["bf16"]) / chip.matrix.units
    score = 2.0 * sum(PRODUCTS[which]) * HEAD / (share * waste * peak)
    row.softmax = (1.0 - products) * score
    row.ramp = BLOCK_OVERHEAD * QUERY_BLOCK * score
