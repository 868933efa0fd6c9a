"""From a chip to one worker's share: by hand, then two built-in chips."""

from typing import Any

import numpy as np
import pytest

from accelsim import catalog
from accelsim.chip.fused import fill_pass
from accelsim.chip.lower import attention_kernel, fill_chip, reached
from accelsim.kernels import tables
from accelsim.kernels.attention import fused_seconds, score_seconds
from accelsim.kernels.attention_tables import FUSED
from accelsim.kernels.tables import Record
from accelsim.specs.chip import ChipSpec
from accelsim.training.lower import table
from tests.examples import CHIP_SPEC, merged
from tests.examples import row as row_of

PARTS: dict[str, Any] = {
    "vector": {"exponentials": 16},
    "power": {"fused_flop": "2 pJ/FLOP"},
    "attention": {
        "parts": {
            "pipeline": {
                "block": 128,
                "operand_rows": 64,
                "matrix": 0.9,
                "matrix_narrow": 0.7,
                "exponential": 0.8,
                "exposed": 0.5,
                "ramp": 1000,
                "wide": {"head": 256, "block": 64, "softmax": 1.5},
                "start": "10 us",
            }
        }
    },
}
ON_ARRAYS: dict[str, Any] = {
    "block": 2048,
    "matrix": 0.9,
    "matrix_backward": 0.8,
    "operations": 10,
    "operations_backward": 20,
    "ramp": 1000,
    "ramp_backward": 3000,
    "backward_cores": 0.5,
}
TPU: dict[str, Any] = {"family": "tpu", "matrix": {"sustained": {"bf16": 0.8}}}
CORES = {"workers_per_chip": 4, "core_link": {"bandwidth": "2 TB/s", "latency": "1 us"}}


def spec(**changes: Any) -> ChipSpec:
    return ChipSpec.model_validate(merged(CHIP_SPEC, changes))


def lowered(chip: ChipSpec, attention: str = "fast") -> Record:
    made = table(tables.CHIP, 1)[0]
    fill_chip(made, chip, attention)
    return made


def operator(**changes: float) -> Record:
    values = {"m": 4096.0, "n": 4096.0, "k": 128.0, "v": 128.0, "causal": 1.0}
    values |= {"batch": 100.0, "kv_batch": 100.0, "precision": tables.BF16}
    return row_of(tables.OPERATOR, **values | changes)[0]


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
    for name in ("busy_power", "shared_bandwidth"):
        assert part[name] == whole[name] / 4
    for name in ("attention_forward", "attention_backward"):
        assert part[name] == whole[name]  # a unit's times, and shares
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


def test_a_kernel_that_cannot_train_serves_no_stack() -> None:
    chip = spec(**PARTS)
    assert attention_kernel(chip, "parts") == "fast"
    able = {"matrix_backward": 0.5, "ramp_backward": 2000}
    trains = merged(PARTS, {"attention": {"parts": {"pipeline": able}}})
    assert attention_kernel(spec(**trains), "parts") == "parts"


def test_no_fused_kernel_has_no_blocks() -> None:
    row = lowered(spec(), "unfused")
    assert (row.attention_forward.block, row.attention_backward.block) == (0.0, 0.0)


@pytest.mark.parametrize(("which", "share"), [("forward", 0.5), ("backward", 0.4)])
def test_a_share_of_the_peak_is_reached_at_length(which: str, share: float) -> None:
    # causal, 16k tokens of many heads of 128; of 16k blocks none is left over
    row = lowered(spec())
    op = operator(m=16384.0, n=16384.0, batch=10_000.0)
    products = {"forward": 2.0, "backward": 5.0}[which]
    flops = 2.0 * products * 128 * 10_000 * 0.5 * 16384**2
    seconds = fused_seconds(row, row[f"attention_{which}"], op)
    assert flops / seconds / 1e15 == pytest.approx(share, rel=0.005)


def test_short_heads_reach_three_quarters() -> None:
    row = lowered(spec())
    long, short = (
        score_seconds(row, row.attention_forward, operator(k=k, v=k))[3]
        for k in (128.0, 64.0)
    )
    assert short / long == pytest.approx((64 / 128) / 0.75)


def test_parts_of_a_kernel_by_hand() -> None:
    row = lowered(spec(**merged(PARTS, {"clock_highest": "1.25 GHz"})))
    made = table(FUSED, 1)[0]
    fill_pass(
        made, spec(**merged(PARTS, {"clock_highest": "1.25 GHz"})), "parts", "forward"
    )
    assert row.boost == 1.25
    assert row.shared_bandwidth == 100 * 128 * 1.25e9
    assert made.ramp == pytest.approx(1000 / 1.25e9)
    # 0.8 of an exponential at 16 a cycle, 3.5 instructions at 100 TFLOP/s of 100 units
    assert made.softmax == pytest.approx(0.8 / 16 / 1.25e9 + 3.5 / 0.5e12)
    assert (made.block, made.matrix, made.matrix_narrow) == (128.0, 0.9, 0.7)
    assert (made.wide_head, made.wide_block, made.wide_softmax) == (256.0, 64.0, 1.5)
    assert made.full_power == pytest.approx(1e15 * 1.25 * 2e-12)
    assert (made.append_start, made.append_bandwidth) == (1e-5, 5.2 * 100 * 1.25e9)


def test_parts_of_a_kernel_on_arrays_by_hand() -> None:
    # 1 PFLOP/s of products, 100 TFLOP/s of vectors, 100 arrays 256 wide at 1 GHz
    made = {}
    for apart in (False, True):
        attention = {"arrays": ON_ARRAYS | {"apart": apart}}
        one = spec(**merged(TPU, {"attention": {"splash": attention}}))
        for which in ("forward", "backward"):
            made[which, apart] = table(FUSED, 1)[0]
            fill_pass(made[which, apart], one, "splash", which)
    ahead, back, twice = (
        made[key]
        for key in (("forward", False), ("backward", False), ("backward", True))
    )
    assert (ahead.width, ahead.block, ahead.exposed) == (256.0, 2048.0, 0.0)
    assert (ahead.matrix, back.matrix) == (0.9, 0.4)  # half of the cores
    assert ahead.softmax == pytest.approx(10 / 1e12)
    assert back.softmax == pytest.approx(20 / 0.5e12)
    assert ahead.ramp == pytest.approx(1000 / 1e9)
    assert back.ramp == pytest.approx(3000 / 0.5e9)
    # the second kernel takes scores and their gradients once more
    assert (back.key_products, back.value_products) == (3.0, 2.0)
    assert (twice.key_products, twice.value_products) == (4.0, 3.0)
    assert (twice.softmax, twice.ramp) == (2 * back.softmax, 2 * back.ramp)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vector": {"exponentials": None}}, "needs vector.exponentials"),
        ({"power": {"fused_flop": None}}, "needs power.fused_flop"),
        (
            {"family": "tpu", "matrix": {"sustained": {"bf16": 0.8}}},
            "only on a gpu",
        ),
        ({"attention": {"parts": {"forward": 0.5, "backward": 0.4}}}, "or pipeline"),
        ({"attention": {"fast": {"backward": None}}}, "give forward and backward"),
        (
            {"attention": {"parts": {"pipeline": None, "arrays": ON_ARRAYS}}},
            "only on systolic arrays",
        ),
        (
            {"attention": {"parts": {"pipeline": {"matrix_backward": 0.5}}}},
            "give matrix_backward and ramp_backward",
        ),
    ],
)
def test_half_a_kernel_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spec(**merged(PARTS, change))


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
    assert row.boost == pytest.approx(1.98 / 1.83)
    # 16 exponentials a cycle, and 128 lanes for 3.5 instructions a score
    cycles = row.attention_forward.softmax * 1.98e9
    assert cycles == pytest.approx(1 / 16 + 3.5 / 128, rel=0.01)


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
