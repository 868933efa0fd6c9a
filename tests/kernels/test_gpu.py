"""Products on a GPU: one cut by hand, and laws where they hold.

Laws about one cut are stated at a fixed tile (a library that has the largest one only):
with more units, or another size, a library picks another tile, and its fastest choice
may use the memory less well.
"""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.gpu import best_cut, held, settled_clock
from accelsim.kernels.matmul import fill_products, product_parts
from accelsim.kernels.tables import Record
from accelsim.training.lower import table
from tests.examples import chip, gemm, row

SIZES = st.integers(1, 20000).map(float)
DEEP = st.integers(1, 8192).map(float)
MORE = st.floats(1.0, 4.0)
CAPPED = {"busy_clock": 0.7, "hot_clock": 0.8, "settle": 0.02}


def a_gpu(**changes: Any) -> Record:
    """Return a GPU in which everything takes some time."""
    given: dict[str, Any] = {
        "sram_bandwidth": 2e13, "operand_bandwidth": 1.5e11, "wave_fill": 1e-6,
        "split_latency": 3e-6, "l2_capacity": 2e7, "memory_ramp": 5e-7,
        "kernel_latency": 2e-6, "cast_latency": 3e-6,
    }  # fmt: skip
    return chip(**(given | changes))


def seconds(worker: Record, op: Record) -> float:
    return float(product_parts(worker, op)[0])


def test_one_cut_by_hand() -> None:
    # 4096^3 in bf16 by tiles of 128 x 256 on 100 units of 10 TFLOP/s and 4 TB/s
    worker = chip(wave_fill=1e-6)
    size = 4096.0**2 * 2
    product = (4096.0, 4096.0, 4096.0, 1.0, 2.0, 2.0, size, size, size, 0.0, 0.0, 0.0)
    pace = (2e-13, 0.0, 0.0, 1 / 4e12, 0.0)
    time, matrix, operands, fill, memory = best_cut(worker, pace, product, 1)
    # 32 x 16 tiles take six waves of 100; each multiply-add 0.2 ps
    assert matrix == pytest.approx(6 * 4096 * 128 * 256 * 2e-13)
    assert operands == 0.0
    # six fills, and 100 tiles of 64 KiB that leave at 4 TB/s
    assert fill == pytest.approx(6e-6 + 100 * 128 * 256 * 2 / 4e12)
    # a wave is sqrt(100 x 128 / 256) = 7.07 tiles wide and 14.1 high: one operand is
    # read 16 / 7.07 = 2.26 times, the other once, the output written once
    stream = size * (16 / math.sqrt(50) + 1 + 1) / 4e12
    compute = matrix + fill
    assert memory == pytest.approx(0.3 * stream * (stream / compute) ** 2)
    assert time == pytest.approx(compute + memory)


def test_a_split_sum_by_hand() -> None:
    # 64 x 64 by tiles of 64 x 16, 4096 deep, all in the cache: 4 tiles leave room for
    # 25 slices each on 100 units
    worker = chip(memory_bandwidth=1e30, l2_capacity=1e9, split_latency=1e-9)
    found = product_parts(worker, gemm(64, 64, 4096, weight_sets=1))
    assert found[1] == pytest.approx(4096 / 25 * 64 * 16 * 2e-13)
    assert found[0] == pytest.approx(found[1] + 1e-9)


def test_a_batch_needs_the_cache_one_wave_at_a_time() -> None:
    # 64 products of 128 tiles: operands of 2 MB each, 128 MB in all, in 10 MB of cache
    worker = chip(matrix_rate=np.full(tables.N_PRECISIONS, 1e20), l2_capacity=1e7)
    size = 2 * 2048 * 256 * 2.0 + 2048 * 2048 * 2.0
    assert seconds(worker, gemm(2048, 2048, 256, 64, whole=1)) == pytest.approx(
        64 * size / 4e12, rel=0.05
    )


def test_a_cache_holds_what_fits() -> None:
    assert held(1e6, 1e6) == 1.0
    assert held(1e6, 2e6) == pytest.approx(0.5**2.3)
    # random replacement: h = exp(-(1 - h) work / capacity), Denning & Schwartz 1972
    for work in (1.2, 1.5, 2.0, 3.0):
        share = held(1.0, work)
        assert share == pytest.approx(math.exp(-(1 - share) * work), abs=0.06)


def test_the_clock_by_hand() -> None:
    # half busy: 0.7 / 0.5^(1/3) of the full clock, once it has settled
    worker, endless = a_gpu(**CAPPED), gemm(1, 1, 1, hot=0)
    settled = 0.7 / 0.5 ** (1 / 3)
    assert settled_clock(worker, 0.5, 1e-3, endless) == pytest.approx(settled)
    # over one settling time: the mean of an exponential from 1 down to it
    once = gemm(1, 1, 1, hot=0, repeats=20)
    mean = settled + (1 - settled) * (1 - math.exp(-1.0))
    assert settled_clock(worker, 0.5, 1e-3, once) == pytest.approx(mean)
    assert settled_clock(worker, 0.0, 1e-3, endless) == 1.0
    assert settled_clock(worker, 0.1, 1e-3, endless) == 1.0  # 0.7 / 0.46 > 1


@given(SIZES, SIZES, DEEP, st.sampled_from([1.0, 7.0]))
def test_parts_add_up(m: float, n: float, k: float, batch: float) -> None:
    found = product_parts(a_gpu(**CAPPED), gemm(m, n, k, batch))
    assert sum(found[1:5]) == pytest.approx(found[0], rel=1e-9)
    assert min(found[1:5]) >= 0.0
    assert 0.0 < found[5] <= 1.0


@given(SIZES, SIZES, DEEP, st.integers(2, 64).map(float))
def test_experts_apart_are_one_product_after_the_other(
    m: float, n: float, k: float, experts: float
) -> None:
    # the cache aside, which the others' operands pass through in between
    worker = a_gpu(l2_capacity=0.0, **CAPPED)
    alone = product_parts(worker, gemm(m, n, k))
    many = product_parts(worker, gemm(m, n, k, experts, grouped=tables.APART))
    assert many[1:3] == pytest.approx([experts * part for part in alone[1:3]])
    assert many[0] == pytest.approx(experts * alone[0] + (experts - 1) * 2e-6)
    # where kernels of several streams share the chip, they are as one kernel
    shared = a_gpu(apart=0.0)
    one, several = (
        product_parts(shared, gemm(m, n, k, experts, grouped=how))
        for how in (tables.ONE_KERNEL, tables.APART)
    )
    assert several == one


@given(SIZES, SIZES, DEEP, st.integers(2, 64).map(float), st.integers(0, 1))
def test_pieces_are_one_product_after_the_other(
    m: float, n: float, k: float, count: float, by_rows: int
) -> None:
    # nothing is found in the cache, or everything
    pieces = (count, 1.0) if by_rows else (1.0, count)
    rows, columns = (count * m, n) if by_rows else (m, count * n)
    for l2_capacity, weight_sets in ((0.0, math.inf), (1e15, 1.0)):
        worker = a_gpu(l2_capacity=l2_capacity, **CAPPED)
        alone = product_parts(worker, gemm(m, n, k, weight_sets=weight_sets))
        cut = gemm(rows, columns, k, weight_sets=weight_sets, pieces=pieces)
        many = product_parts(worker, cut)
        assert many[1] == pytest.approx(count * alone[1])
        assert many[0] == pytest.approx(count * alone[0] + (count - 1) * 2e-6)
    # where kernels of several streams share the chip, they are as the whole
    shared, whole = a_gpu(apart=0.0), gemm(rows, columns, k)
    cut = gemm(rows, columns, k, pieces=pieces)
    assert product_parts(shared, cut) == product_parts(shared, whole)
    one = gemm(rows, columns, k, pieces=(1.0, 1.0))
    assert product_parts(worker, one) == product_parts(worker, whole)


def test_pieces_read_what_they_share_once_if_it_fits() -> None:
    # 8 pieces of 512 rows and one weight of 4096 x 4096: 32 MiB, 4 MiB in, 4 MiB out.
    # All 64 tiles of a piece leave at its end: 32 MiB of them all
    side, size = 4096.0, 2.0**25
    streams = []
    for capacity in (1e30, 1.25 * size, 0.0):
        worker = chip(l2_capacity=capacity, matrix_rate=np.full(8, 1e30))
        cut = gemm(side, side, side, whole=1, pieces=(8.0, 1.0))
        streams.append(product_parts(worker, cut)[0] * 4e12)
    # inputs and outputs are warm in an endless cache, the weight is read by the first;
    # one that a piece fills keeps the weight, and of 96 MiB 1.25 / 3, to the power 2.3;
    # without a cache each piece reads all of the weight, and its own 8 MiB
    for stream, moved in zip(
        streams, (1.0, 3.0 - 2.0 * (1.25 / 3.0) ** 2.3, 10.0), strict=True
    ):
        assert stream == pytest.approx(size * (moved + 0.3 / moved**2))


def test_small_experts_gain_from_one_kernel() -> None:
    # 64 products of 4 tiles: 4 of 100 units busy 64 times, or 256 tiles in three waves
    worker = a_gpu(split_latency=1.0)  # so that no sum is split
    one, apart = (
        product_parts(worker, gemm(256, 512, 1024, 64, whole=1, grouped=how))[1]
        for how in (tables.ONE_KERNEL, tables.APART)
    )
    assert one == pytest.approx(3 * 1024 * 128 * 256 * 2e-13)
    assert apart == pytest.approx(64 * 1024 * 128 * 256 * 2e-13)


@given(SIZES, SIZES, DEEP)
def test_no_product_beats_the_roofline(m: float, n: float, k: float) -> None:
    worker = a_gpu(l2_capacity=0.0)
    time = seconds(worker, gemm(m, n, k))
    moved = 2.0 * (m * k + k * n + m * n)
    assert time >= 2.0 * m * n * k / 1e15 * (1 - 1e-9)
    assert time >= moved / 4e12 * (1 - 1e-9)


@given(SIZES, SIZES)
def test_no_work_takes_no_time(m: float, n: float) -> None:
    for op in (gemm(0, m, n), gemm(m, 0, n), gemm(m, n, 0), gemm(m, n, 1, 0)):
        assert seconds(a_gpu(), op) == 0.0
    found = row(tables.KERNEL)
    fill_products(a_gpu(), row(tables.GEMM), found)
    assert found.time[0] == found.launch[0] == 0.0


@given(SIZES, SIZES, DEEP, MORE)
def test_more_bandwidth_is_never_slower(
    m: float, n: float, k: float, more: float
) -> None:
    # at full clock: a power cap slows units that wait less for memory
    op = gemm(m, n, k)
    before = seconds(a_gpu(), op)
    for field, value in (
        ("memory_bandwidth", 4e12),
        ("sram_bandwidth", 2e13),
        ("operand_bandwidth", 1.5e11),
    ):
        wide = a_gpu(**{field: value * more})
        assert seconds(wide, op) <= before * (1 + 1e-12), field


@given(SIZES, SIZES, DEEP, st.integers(100, 400))
def test_more_units_never_take_more_waves(
    m: float, n: float, k: float, units: int
) -> None:
    # the same tile, each unit as fast as before
    op = gemm(m, n, k, whole=1)
    few = product_parts(a_gpu(), op)
    rates = np.full(tables.N_PRECISIONS, 1e13 * units)
    many = product_parts(a_gpu(units=float(units), matrix_rate=rates), op)
    assert many[1] <= few[1] * (1 + 1e-12)


@given(SIZES, SIZES, SIZES, DEEP)
def test_two_halves_take_no_less(m: float, rest: float, n: float, k: float) -> None:
    # the same tile; one product shares waves, fills and the operand that both read
    worker = a_gpu(sram_bandwidth=math.inf, l2_capacity=0.0)
    whole, upper, lower = (
        seconds(worker, gemm(128 * rows, n, k, whole=1)) for rows in (m + rest, m, rest)
    )
    assert whole <= (upper + lower) * (1 + 1e-9)


@given(st.integers(1, 100), st.integers(1, 60), DEEP)
def test_the_largest_tile_alone_is_never_faster(m: int, n: int, k: float) -> None:
    # it is in the list of every library, where sizes are its multiples
    rows, columns = 128.0 * m, 256.0 * n
    a, b, out = 2.0 * rows * k, 2.0 * columns * k, 2.0 * rows * columns
    sizes = (rows, columns, k, 1.0, 2.0, 2.0, a, b, out, 0.0, 0.0, 0.0)
    pace = (2e-13, 1 / 1.5e11, 1 / 2e13, 1 / 4e12, 1 / 45e9)
    whole, free = (best_cut(a_gpu(), pace, sizes, only)[0] for only in (1, 0))
    assert free <= whole * (1 + 1e-12)


@given(SIZES, SIZES, DEEP, st.floats(1.0, 1e6), MORE)
def test_longer_runs_and_heat_never_speed_up(
    m: float, n: float, k: float, repeats: float, more: float
) -> None:
    worker = a_gpu(**CAPPED)

    def time(repeats: float, hot: float) -> float:
        return seconds(worker, gemm(m, n, k, repeats=repeats, hot=hot))

    slower = 1 + 1e-12
    assert time(repeats, 0.0) <= time(repeats * more, 0.0) * slower
    assert time(repeats * more, 0.0) <= time(math.inf, 0.0) * slower
    assert time(repeats, 0.0) <= time(repeats, 1.0) * slower


@given(SIZES, SIZES, DEEP, st.floats(1.0, 8.0))
def test_warm_weights_never_slow_a_product(
    m: float, n: float, k: float, sets: float
) -> None:
    warm, cold = (
        seconds(a_gpu(), gemm(m, n, k, weight_sets=count)) for count in (sets, math.inf)
    )
    assert warm <= cold * (1 + 1e-12)


@given(st.lists(st.tuples(SIZES, SIZES, DEEP), min_size=1, max_size=5))
def test_a_row_is_the_same_in_any_table(shapes: list[tuple[float, ...]]) -> None:
    ops, together = (table(kind, len(shapes)) for kind in (tables.GEMM, tables.KERNEL))
    for i, shape in enumerate(shapes):
        ops[i] = gemm(*shape)
    fill_products(a_gpu(**CAPPED), ops, together)
    for i in range(len(ops)):
        alone = row(tables.KERNEL)
        fill_products(a_gpu(**CAPPED), ops[i : i + 1], alone)
        assert alone[0] == together[i]


def test_narrowing_adds_its_kernels() -> None:
    ops, found = table(tables.GEMM, 1), row(tables.KERNEL)
    ops[0] = gemm(512, 512, 512, casts=2.0, cast_bytes=8e6)
    fill_products(a_gpu(), ops, found)
    assert found.vector[0] == pytest.approx(8e6 / 4e12)
    assert found.launch[0] == pytest.approx(2 * 3e-6 + 2e-6)
