"""Matrix products: by hand, against an obvious loop, and never above a roof."""

from collections.abc import Callable
from itertools import product
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.matmul import (
    EXPOSED_ACCUMULATION,
    SPLITS,
    TILE_CUTS,
    matmul_seconds,
    systolic_seconds,
)
from accelsim.kernels.tables import Record
from tests.examples import chip, systolic

SIZE = st.integers(1, 20_000).map(float)
BATCH = st.integers(1, 64).map(float)
FACTOR = st.floats(1.0, 16.0)
BF16, FP8 = tables.BF16, tables.FP8


def seconds(
    worker: Record, m: float, n: float, k: float, batch: float = 1.0,
    precision: int = BF16,
) -> float:  # fmt: skip
    return matmul_seconds(worker, precision, m, n, k, batch, 2.0, 2.0, 0)[0]


@pytest.mark.parametrize(
    ("precision", "size"),
    # tf32 is read from fp32; NVFP4: 4 bits, and an 8-bit scale for 16 elements
    [
        ("fp32", 4.0),
        ("tf32", 4.0),
        ("bf16", 2.0),
        ("fp16", 2.0),
        ("fp8", 1.0),
        ("mxfp8", 1.0),
        ("int8", 1.0),
        ("nvfp4", 0.5 + 1 / 16),
    ],
)
def test_operand_size(precision: str, size: float) -> None:
    assert tables.ELEMENT_BYTES[tables.PRECISIONS.index(precision)] == size


def test_one_full_wave() -> None:
    # 100 units: 10 x 10 tiles of 128 x 256, each 2 x 128 x 256 x k at 10 TFLOP/s
    m, n, k = 1280.0, 2560.0, 8192.0
    worker = chip(memory_bandwidth=1e15)
    assert seconds(worker, m, n, k) == pytest.approx(2 * 128 * 256 * k / 1e13)
    assert seconds(worker, m, n, k) == pytest.approx(2 * m * n * k / 1e15)


def test_one_tile_more_is_a_second_wave() -> None:
    # 101 tiles of the full size take 2 waves of 100; cut in 2, 4, 8: 202, 404, 808
    # tiles in 3, 5, 9 waves of a half, a quarter, an eighth: 9/8 of one is the best
    worker = chip(memory_bandwidth=1e15)
    one = 2 * 128 * 256 * 8192.0 / 1e13
    found = seconds(worker, 128.0, 101 * 256.0, 8192.0)
    assert found == pytest.approx(9 / 8 * one)


def test_a_long_sum_is_split_where_tiles_are_few() -> None:
    # one tile of 64 x 64 (the smallest cut) and k = 65536 in 8 slices, on 8 of 100
    # units; 8 fp32 slices are written and read again: 8 x 8 B x 64 x 64
    worker = chip(memory_bandwidth=1e15)
    k = 65536.0
    compute = 2 * 64 * 64 * k / 8 / 1e13
    assert seconds(worker, 64.0, 64.0, k) == pytest.approx(compute)


def test_memory_roof() -> None:
    # y = W x: 4096 x 4096 weights once, 4 TB/s; compute needs a tenth of that
    m, n, k = 1.0, 4096.0, 4096.0
    time, bound = matmul_seconds(chip(), BF16, m, n, k, 1.0, 2.0, 2.0, 0)
    # the kernel splits the sum at most 8 times and pays for the slices
    traffic = 2 * (m * k + k * n + m * n)
    assert traffic / 4e12 <= time <= (traffic + 8 * 8 * m * n) / 4e12
    assert bound == time


def test_shared_memory_feeds_the_tiles() -> None:
    # a tile of 128 x 256 needs 384 k operands of 2 B; the units share 1 TB/s
    worker = chip(memory_bandwidth=1e15, sram_bandwidth=1e12)
    time = seconds(worker, 1280.0, 2560.0, 8192.0)
    assert time == pytest.approx(100 * 384 * 8192 * 2 / 1e12)


def test_systolic_by_hand() -> None:
    # 3 x 4 blocks of 128 x 128 on 4 arrays: 3 turns, 256 rows each: 2 x 1 us
    assert systolic_seconds(
        systolic(), systolic().matrix_rate[BF16], 256.0, 512.0, 384.0, 1.0
    ) == pytest.approx(3 * 2e-6)


def test_systolic_short_stream_waits_for_the_weights() -> None:
    # AWS Neuron NKI guide: max(64, moving) cycles on an array of 128 x 128
    rate = systolic().matrix_rate[BF16]
    one = systolic_seconds(systolic(), rate, 1.0, 128.0, 128.0, 1.0)
    assert one == pytest.approx(0.5e-6)
    assert systolic_seconds(systolic(), rate, 64.0, 128.0, 128.0, 1.0) == one
    assert systolic_seconds(systolic(), rate, 65.0, 128.0, 128.0, 1.0) > one


def test_start_of_a_kernel_is_paid_once() -> None:
    late = chip(kernel_latency=3e-6)
    assert seconds(late, 512.0, 512.0, 512.0, 8.0) == pytest.approx(
        seconds(chip(), 512.0, 512.0, 512.0, 8.0) + 3e-6
    )


def test_accumulation_is_seen_in_part() -> None:
    # 4 B read and written instead of 2 B written: 6 B more an element, of which
    # EXPOSED_ACCUMULATION waits for the last multiply-add
    size = (4096.0, 4096.0, 8192.0)
    written, added = (
        matmul_seconds(chip(), BF16, *size, 1.0, 2.0, out, 0)[0] for out in (2.0, 8.0)
    )
    seen = EXPOSED_ACCUMULATION * 6 * 4096**2 / 4e12
    assert added == pytest.approx(written + seen)


def test_products_of_many_experts_reach_a_share_of_the_rate() -> None:
    worker = chip(grouped=0.5)
    alone, grouped = (
        matmul_seconds(worker, BF16, 4096.0, 4096.0, 4096.0, 8.0, 2.0, 2.0, several)[0]
        for several in (0, 1)
    )
    assert grouped == pytest.approx(2 * alone)


@pytest.mark.parametrize("zero", ["m", "n", "k", "batch"])
def test_nothing_costs_nothing(zero: str) -> None:
    sizes = {"m": 64.0, "n": 64.0, "k": 64.0, "batch": 1.0} | {zero: 0.0}
    m, n, k, batch = sizes.values()
    worker = chip(kernel_latency=3e-6)
    assert matmul_seconds(worker, BF16, m, n, k, batch, 2.0, 2.0, 0) == (0.0, 0.0)


def slow_gpu_seconds(m: float, n: float, k: float, batch: float) -> set[float]:
    """Return the compute times of all tiles and splits that are allowed [s]."""
    found = set()
    for (cut_m, cut_n), split in product(TILE_CUTS, SPLITS):
        tile_m, tile_n = 128 / cut_m, 256 / cut_n
        tiles = batch * ceil(m / tile_m) * ceil(n / tile_n)
        if split > 1 and (k / split < 512 or tiles >= 100):
            continue
        waves = ceil(tiles * split / 100)
        found.add(waves * 2 * tile_m * tile_n * (k / split) / 1e13)
    return found


@given(SIZE, SIZE, SIZE, BATCH)
def test_tiles_and_waves_counted_one_by_one(
    m: float, n: float, k: float, batch: float
) -> None:
    worker = chip(memory_bandwidth=1e30)  # slices cost nothing: only compute is left
    best = min(slow_gpu_seconds(m, n, k, batch))
    assert seconds(worker, m, n, k, batch) == pytest.approx(best, rel=1e-12)


@given(SIZE, SIZE, SIZE, BATCH)
def test_blocks_of_an_array_counted_one_by_one(
    m: float, n: float, k: float, batch: float
) -> None:
    blocks = int(batch) * len(range(0, int(k), 128)) * len(range(0, int(n), 128))
    turns = len(range(0, blocks, 4))
    worker = systolic(memory_bandwidth=1e30)
    assert seconds(worker, m, n, k, batch) == pytest.approx(
        turns * max(m, 64.0) / 128 * 1e-6, rel=1e-12
    )


@pytest.mark.parametrize("make", [chip, systolic], ids=["gpu", "systolic"])
class TestLaws:
    """What holds on every chip."""

    @given(m=SIZE, n=SIZE, k=SIZE, batch=BATCH)
    def test_never_above_a_roof(
        self, make: Callable[..., Record], m: float, n: float, k: float, batch: float
    ) -> None:
        worker = make()
        time, bound = matmul_seconds(worker, BF16, m, n, k, batch, 2.0, 2.0, 0)
        flops = 2 * m * n * k * batch
        traffic = 2 * batch * (m * k + k * n + m * n)
        assert time >= flops / worker.matrix_rate[BF16] * (1 - 1e-12)
        assert time >= traffic / worker.memory_bandwidth * (1 - 1e-12)
        assert 0.0 <= bound <= time

    @given(m=SIZE, n=SIZE, k=SIZE, batch=BATCH, factor=FACTOR)
    def test_a_higher_clock_is_never_slower(
        self,
        make: Callable[..., Record],
        m: float,
        n: float,
        k: float,
        batch: float,
        factor: float,
    ) -> None:
        # a clock raises the rate and what feeds the units alike
        slow = make(sram_bandwidth=5e13)
        fast = make(sram_bandwidth=5e13 * factor, matrix_rate=slow.matrix_rate * factor)
        before = seconds(slow, m, n, k, batch)
        assert seconds(fast, m, n, k, batch) <= before * (1 + 1e-12)
        assert seconds(fast, m, n, k, batch) >= before / factor * (1 - 1e-12)

    @given(m=SIZE, n=SIZE, k=SIZE, batch=BATCH, factor=FACTOR)
    def test_faster_memory_is_never_slower(
        self,
        make: Callable[..., Record],
        m: float,
        n: float,
        k: float,
        batch: float,
        factor: float,
    ) -> None:
        fast = make(memory_bandwidth=4e12 * factor)
        assert seconds(fast, m, n, k, batch) <= seconds(make(), m, n, k, batch)

    @given(m=SIZE, n=SIZE, k=SIZE, batch=BATCH)
    def test_a_longer_product_is_never_faster(
        self, make: Callable[..., Record], m: float, n: float, k: float, batch: float
    ) -> None:
        # one row more: more tiles or a longer stream, and more bytes
        worker = make(memory_bandwidth=1e30)
        assert seconds(worker, m + 1, n, k, batch) >= seconds(worker, m, n, k, batch)

    def test_narrow_operands_halve_time_and_traffic(
        self, make: Callable[..., Record]
    ) -> None:
        rates = make().matrix_rate.copy()
        rates[FP8] = 2 * rates[BF16]
        worker = make(matrix_rate=rates)
        size = 8192.0
        wide = matmul_seconds(worker, BF16, size, size, size, 1.0, 2.0, 2.0, 0)
        narrow = matmul_seconds(worker, FP8, size, size, size, 1.0, 1.0, 2.0, 0)
        assert narrow[0] == pytest.approx(0.5 * wide[0])
