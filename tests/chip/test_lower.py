"""From a chip to one worker's share: by hand, then two built-in chips."""

from typing import Any

import numpy as np
import pytest

from accelsim import catalog
from accelsim.chip.lower import attention_kernel, fill_chip, reached
from accelsim.kernels import tables
from accelsim.kernels.tables import Record
from accelsim.specs.chip import ChipSpec
from accelsim.training.lower import table
from tests.examples import CHIP_SPEC, merged

CORES = {"workers_per_chip": 4, "core_link": {"bandwidth": "2 TB/s", "latency": "1 us"}}


def spec(**changes: Any) -> ChipSpec:
    return ChipSpec.model_validate(merged(CHIP_SPEC, changes))


def lowered(chip: ChipSpec, attention: str = "fast") -> Record:
    made = table(tables.CHIP, 1)[0]
    fill_chip(made, chip, attention)
    return made


def test_one_worker_has_the_whole_chip() -> None:
    row = lowered(spec())
    assert row.family == tables.GPU
    assert (row.units, row.rows, row.columns) == (100.0, 128.0, 256.0)
    assert row.peak_rate[tables.BF16] == 1e15
    assert row.matrix_rate[tables.BF16] == pytest.approx(0.8e15)
    assert row.memory_bandwidth == pytest.approx(4e12 * 0.9)
    assert row.memory_capacity == 80e9
    assert row.kernel_latency == 2e-6
    assert (row.busy_power, row.idle_power) == (500.0, 100.0)
    assert row.grouped == 0.75


def test_workers_share_the_chip_evenly() -> None:
    whole, part = lowered(spec()), lowered(spec(**CORES))
    for name in ("units", "memory_bandwidth", "memory_capacity", "vector_rate"):
        assert part[name] == whole[name] / 4
    for name in ("attention_forward", "attention_backward", "busy_power"):
        assert part[name] == whole[name] / 4
    assert np.array_equal(part.matrix_rate, whole.matrix_rate / 4)
    # what is no share: the tile, and how late a kernel starts
    for name in ("rows", "columns", "kernel_latency", "grouped"):
        assert part[name] == whole[name]


def test_a_precision_that_the_chip_lacks_has_no_rate() -> None:
    row = lowered(spec())
    have = {tables.PRECISIONS[i] for i in np.flatnonzero(row.matrix_rate)}
    assert have == {"bf16", "fp8"}


def test_bf16_stands_in_for_a_share_that_nobody_measured() -> None:
    assert reached(spec(), "fp8") == 0.8
    measured = spec(gemm={"issue": {"fp8": 0.6}})
    assert reached(measured, "fp8") == 0.6
    assert lowered(measured).matrix_rate[tables.FP8] == pytest.approx(0.6 * 2e15)


def test_unknown_sram_bandwidth_is_no_limit() -> None:
    array = {"sustained": {"bf16": 0.8}}
    unknown = spec(family="tpu", gemm=None, matrix=array, sram={"bandwidth": None})
    assert lowered(unknown).sram_bandwidth == np.inf
    assert lowered(spec()).sram_bandwidth == 20e12


def test_attention_kernel_of_a_stack() -> None:
    both = {"fast": {"forward": 0.5, "backward": 0.4}}
    both |= {"cudnn": {"forward": 0.7, "backward": 0.6}}
    chip = spec(attention=both)
    assert attention_kernel(chip, "fast") == "fast"
    # a stack asks for what another chip brings: what this one's library has
    assert attention_kernel(chip, "neuron") == "cudnn"
    assert attention_kernel(chip, "unfused") is None
    bare = ChipSpec.model_validate({**CHIP_SPEC, "attention": {}})
    assert attention_kernel(bare, "fast") is None


def test_attention_is_a_share_of_the_peak() -> None:
    row = lowered(spec())
    assert (row.attention_forward, row.attention_backward) == (0.5e15, 0.4e15)
    row = lowered(spec(), "unfused")
    assert (row.attention_forward, row.attention_backward) == (0.0, 0.0)


def test_h100() -> None:
    chip: ChipSpec = catalog.load("chips", "h100-sxm")
    row = lowered(chip, "flash3")
    assert row.family == tables.GPU
    # 989.4 TFLOP/s dense, 132 multiprocessors, 3.35 TB/s, 80 GB as nvidia-smi shows
    assert row.peak_rate[tables.BF16] == pytest.approx(989.4e12)
    assert row.peak_rate[tables.FP8] == pytest.approx(1979e12)
    assert row.units == 132.0
    assert row.memory_bandwidth == pytest.approx(3.35e12 * float(chip.hbm.efficiency))
    assert row.memory_capacity == pytest.approx(80 * 2**30, rel=0.01)
    forward = float(chip.attention["flash3"].forward)
    assert row.attention_forward == pytest.approx(989.4e12 * forward)


def test_trainium2() -> None:
    chip: ChipSpec = catalog.load("chips", "trainium2")
    row, workers = lowered(chip, "neuron"), chip.workers_per_chip
    assert row.family == tables.SYSTOLIC
    # 667 TFLOP/s, eight arrays of 128 x 128, 96 GiB at 2.9 TB/s: a logical core's part
    assert workers == 4
    assert row.peak_rate[tables.BF16] == pytest.approx(667e12 / workers)
    assert (row.units, row.rows, row.columns) == (8 / workers, 128.0, 128.0)
    assert row.memory_capacity == 96 * 2**30 / workers
    assert row.memory_bandwidth == pytest.approx(
        2.9e12 * float(chip.hbm.efficiency) / workers
    )
