"""Matrix products: by hand, against an obvious loop, and never above a roof."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.matmul import (
    EXPOSED_ACCUMULATION,
    fill_products,
    product_parts,
    systolic_seconds,
)
from accelsim.kernels.tables import Record
from accelsim.training.lower import table
from tests.examples import chip, gemm, systolic

SIZE = st.integers(1, 20_000).map(float)
BATCH = st.integers(1, 64).map(float)
FACTOR = st.floats(1.0, 16.0)
BF16, FP8, NVFP4 = tables.BF16, tables.FP8, tables.NVFP4


def seconds(
    worker: Record, m: float, n: float, k: float, batch: float = 1.0, **changes: Any
) -> float:
    # the largest tile and no split, so that no choice of a library is in the laws
    op = gemm(m, n, k, batch, **{"whole": 1} | changes)
    return float(product_parts(worker, op)[0])


def test_fp8_gradients_are_promoted_on_the_way() -> None:
    # fast accumulation off: 0.8 of the rate, in fp8 alone
    worker, size = chip(promoted=0.8), (4096.0, 8192.0, 4096.0)
    for precision, slower in ((FP8, 1.25), (BF16, 1.0)):
        fast = seconds(worker, *size, precision=precision, bytes_in=1.0)
        full = seconds(worker, *size, precision=precision, bytes_in=1.0, promoted=1)
        assert full == pytest.approx(slower * fast, rel=0.02)


def test_library_has_its_own_pace_in_4_bits() -> None:
    # of the vendor's kernels alone, and of no other precision
    worker, size = chip(tuned=1.25), (4096.0, 8192.0, 4096.0)
    for precision, faster in ((NVFP4, 1.25), (BF16, 1.0)):
        other = seconds(worker, *size, precision=precision, bytes_in=1.0, whole=1)
        own = seconds(worker, *size, precision=precision, bytes_in=1.0, whole=0)
        plain = seconds(chip(), *size, precision=precision, bytes_in=1.0, whole=0)
        assert other == seconds(chip(), *size, precision=precision, bytes_in=1.0)
        assert plain == pytest.approx(faster * own, rel=0.02)


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


def test_parts_and_starts_add_up() -> None:
    worker = chip(kernel_latency=3e-6, cast_latency=2e-6)
    ops = table(tables.GEMM, 1)
    ops[0] = gemm(512.0, 512.0, 512.0, 8.0, casts=2.0, cast_bytes=4e6)
    found = table(tables.KERNEL, 1)
    fill_products(worker, ops, found)
    (row,) = found
    assert row.launch == pytest.approx(3e-6 + 2 * 2e-6)
    assert row.vector == pytest.approx(4e6 / 4e12)
    parts = sum(float(row[name]) for name in tables.KERNEL_PARTS)
    assert row.time == pytest.approx(parts, rel=1e-12)


def test_accumulation_is_seen_in_part() -> None:
    # 4 B read and written instead of 2 B written: 6 B more an element, of which
    # EXPOSED_ACCUMULATION waits for the last multiply-add of an array
    size = (4096.0, 4096.0, 8192.0)
    written, added = (seconds(systolic(), *size, bytes_out=out) for out in (2.0, 8.0))
    seen = EXPOSED_ACCUMULATION * 6 * 4096**2 / 4e12
    assert added == pytest.approx(written + seen)


def test_products_of_many_experts_reach_a_share_of_the_rate() -> None:
    worker = chip(grouped=0.5)
    alone, grouped = (
        seconds(worker, 4096.0, 4096.0, 4096.0, 8.0, grouped=several)
        for several in (0, 1)
    )
    # the last tiles leave at the memory's rate, whatever the share
    assert grouped == pytest.approx(2 * alone, rel=0.05)


def test_each_group_costs_rows_beyond_its_own() -> None:
    # gmm of megablox: 174 rows a group on TPU v5p, whichever pass it is
    worker = systolic(group_rows=128.0)
    for sizes in ((512.0, 2048.0, 1024.0), (2048.0, 1024.0, 512.0)):
        alone = seconds(worker, *sizes, 8.0, tokens=512.0)
        several = seconds(worker, *sizes, 8.0, grouped=1, tokens=512.0)
        assert several == pytest.approx(alone * (512 + 128) / 512)


def test_groups_of_odd_sides_are_masked() -> None:
    worker = systolic(group_masked=0.5)
    even, odd = (
        seconds(worker, 500.0, 2048.0, side, 8.0, grouped=1, tokens=500.0)
        for side in (2944.0, 2880.0)
    )
    assert odd == pytest.approx(2 * even)  # both fill 23 blocks of 128
    # the rows of a group are what they are
    full = seconds(worker, 512.0, 2048.0, 2944.0, 8.0, grouped=1, tokens=512.0)
    assert even == pytest.approx(full * 500 / 512)


@pytest.mark.parametrize("zero", ["m", "n", "k", "batch"])
def test_nothing_costs_nothing(zero: str) -> None:
    sizes = {"m": 64.0, "n": 64.0, "k": 64.0, "batch": 1.0} | {zero: 0.0}
    m, n, k, batch = sizes.values()
    ops, found = table(tables.GEMM, 1), table(tables.KERNEL, 1)
    ops[0] = gemm(m, n, k, batch)
    fill_products(chip(kernel_latency=3e-6), ops, found)
    assert found[0].time == 0.0


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
        # nothing of it is in a cache beforehand, as the row's l2_capacity is zero
        time = seconds(worker, m, n, k, batch)
        flops = 2 * m * n * k * batch
        traffic = 2 * batch * (m * k + k * n + m * n)
        assert time >= flops / worker.matrix_rate[BF16] * (1 - 1e-12)
        assert time >= traffic / worker.memory_bandwidth * (1 - 1e-12)

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
        wide = seconds(worker, size, size, size)
        narrow = seconds(worker, size, size, size, precision=FP8, bytes_in=1.0)
        assert narrow == pytest.approx(0.5 * wide, rel=0.02)
