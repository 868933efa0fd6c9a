"""Fused attention: masks row by row, blocks one by one, a list of them, and laws."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.attention import (
    GRANULE,
    PARTIAL_BYTES,
    SETTLING,
    block_times,
    fill_fused,
    fused_parts,
    fused_seconds,
    key_walk,
    schedule,
    score_seconds,
    score_share,
    slower_clock,
    streamed,
    useful_scores,
)
from accelsim.kernels.attention_tables import FUSED_TIME
from accelsim.kernels.tables import Record
from tests.examples import chip, fused, row, systolic

TOKENS = st.integers(2, 5_000).map(float)
CAUSAL = st.sampled_from([0.0, 1.0])


def operator(**changes: float) -> Record:
    """Return attention of 100 heads of 128 over 4096 tokens, causal, in bf16."""
    values = {"m": 4096.0, "n": 4096.0, "k": 128.0, "v": 128.0, "causal": 1.0}
    values |= {"batch": 100.0, "precision": tables.BF16} | changes
    return row(tables.OPERATOR, **({"kv_batch": values["batch"]} | values))[0]


def causal_pairs(seq: int, window: int) -> int:
    """Return the (query, key) pairs that a causal mask keeps, row by row."""
    return sum(min(i, window or i) for i in range(1, seq + 1))


@given(st.integers(1, 3_000))
def test_causal_mask_counted_row_by_row(seq: int) -> None:
    assert score_share(float(seq), 0.0, 1.0) == pytest.approx(
        causal_pairs(seq, 0) / seq**2, rel=1e-12
    )


@given(st.integers(2, 3_000), st.integers(1, 3_000))
def test_causal_window_counted_row_by_row(seq: int, window: int) -> None:
    share = score_share(float(seq), float(window), 1.0)
    # half a key a row is left out: the diagonal's
    exact = causal_pairs(seq, window) / seq**2
    assert share == pytest.approx(exact, abs=0.5 * window / seq**2 + 1e-12)


@given(TOKENS)
def test_causal_is_between_half_and_full(seq: float) -> None:
    assert 0.5 < score_share(seq, 0.0, 1.0) <= 1.0
    assert score_share(seq, 0.0, 0.0) == 1.0


@given(TOKENS, st.integers(1, 5_000).map(float), CAUSAL)
def test_a_window_never_adds(seq: float, window: float, causal: float) -> None:
    full = score_share(seq, 0.0, causal)
    assert 0.0 < score_share(seq, window, causal) <= full
    assert score_share(seq, seq, causal) == full


@given(TOKENS, st.integers(1, 4_999).map(float), CAUSAL)
def test_a_wider_window_never_saves(seq: float, window: float, causal: float) -> None:
    narrow, wide = (score_share(seq, w, causal) for w in (window, window + 1))
    assert narrow <= wide * (1 + 1e-12)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 400))
def test_queries_behind_a_prefix_counted_row_by_row(
    queries: int, before: int, window: int
) -> None:
    rows = range(before + 1, before + queries + 1)
    exact = sum(min(i, window or i) for i in rows)
    op = operator(m=queries, n=queries + before, window=window)
    # half a key a row of the window's edge, as in `score_share`
    assert useful_scores(op) == pytest.approx(exact, abs=0.5 * (window or 0) + 1e-6)


@given(
    st.integers(1, 2000), st.integers(0, 2000), st.sampled_from([64, 128, 256]),
    st.sampled_from([0, 100, 1000]), CAUSAL,
)  # fmt: skip
def test_keys_walked_block_by_block(
    queries: int, before: int, rows: int, window: int, causal: float
) -> None:
    op = operator(m=queries, n=queries + before, window=window, causal=causal)
    keys = GRANULE * math.ceil((queries + before) / GRANULE)
    inside = window if 0 < window < queries + before else keys
    ends = []
    for j in range(math.ceil(queries / rows)):
        most = inside + rows if causal else 2 * inside + rows
        last = before + rows * (j + 1) if causal else keys
        ends.append(min(keys, most, last))
    total, squares, longest = key_walk(op, float(rows))
    assert total == pytest.approx(sum(ends))
    assert squares == pytest.approx(sum(end**2 for end in ends))
    assert longest == pytest.approx(max(ends))


def test_a_window_in_whole_blocks_of_keys() -> None:
    # of 4 blocks of 2048 all but the first walk their own keys and those before
    op = operator(m=8192.0, n=8192.0, window=128.0)
    total, _, longest = key_walk(op, 2048.0, 2048.0)
    assert (total, longest) == (2048 + 3 * 4096, 4096)
    # 4096 keys before 2048 queries are two blocks
    op = operator(m=8192.0, n=8192.0, window=4096.0)
    total, _, longest = key_walk(op, 2048.0, 2048.0)
    assert (total, longest) == (2048 + 4096 + 2 * 6144, 6144)


def test_queries_spread_over_the_keys_walk_as_many() -> None:
    # one of four ranks of a context ring: a quarter of the queries, keys as of all
    total = key_walk(operator(), 128.0)[0]
    quarter = key_walk(operator(m=1024.0, spread=1.0), 128.0)[0]
    # each block ends half a block behind its middle
    assert quarter == pytest.approx(total / 4, rel=0.02)


def listed(units: int, times: list[float]) -> float:
    """Return when the last of a list ends, each starting on the first free unit."""
    free = [0.0] * units
    for time in times:
        heapq.heapreplace(free, free[0] + time)
    return max(free)


def causal_heads(heads: int, blocks: int) -> list[float]:
    return [j + 1.0 for _ in range(heads) for j in range(blocks)]


def scheduled(units: int, times: list[float], tail: float = 1.0) -> float:
    squares = sum(t * t for t in times)
    return schedule(
        float(units), tail, float(len(times)), sum(times), squares, max(times)
    )


def test_a_list_of_causal_blocks() -> None:
    sizes = [(h, b) for h in (1, 3, 8, 24, 96, 300) for b in (4, 16, 64, 150)]
    ratios = []
    for heads, blocks in sizes:
        for units in (100, 132):
            times = causal_heads(heads, blocks)
            ratios.append(scheduled(units, times) / listed(units, times))
    # 0.63 of the longest behind the even share in the simulation, 2/3 in the formula
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.02)
    assert np.ptp(ratios) < 0.35


@given(st.integers(1, 400), st.integers(1, 150))
def test_equal_blocks_run_in_waves(blocks: int, units: int) -> None:
    times = [2.0] * blocks
    assert scheduled(units, times) == listed(units, times)


@given(st.lists(st.floats(0.1, 10.0), min_size=1, max_size=300), st.integers(1, 150))
def test_no_list_beats_the_even_share(times: list[float], units: int) -> None:
    for tail in (0.0, 1.0):
        end = scheduled(units, times, tail)
        bound = max(sum(times) / units, *times)
        assert bound * (1 - 1e-9) <= end <= sum(times) / units + max(times) * 2


def test_a_score_by_hand() -> None:
    # 100 units of 10 TFLOP/s: 512 FLOP at half of it, 40 ps of softmax, 3/10 exposed
    part = fused(softmax=4e-11, exposed=0.3, operand_rows=64.0)
    worker = chip(shared_bandwidth=100 * 256e9)
    matrix, shared, softmax, together = score_seconds(worker, part, operator())
    assert matrix == pytest.approx(512 / 5e12)
    assert shared == pytest.approx(2 * 256 / 64 / 256e9)  # two bytes of k and of v
    assert softmax == 4e-11
    assert together == pytest.approx(512 / 5e12 + 0.3 * 4e-11)


def test_a_narrow_head_leaves_part_of_an_array_idle() -> None:
    # heads of 64, 128 and 192 fill arrays 128 wide once, once and twice
    times = [
        score_seconds(chip(), fused(width=128.0), operator(k=d, v=d))[0]
        for d in (64.0, 128.0, 192.0)
    ]
    assert times == pytest.approx([512 / 5e12, 512 / 5e12, 1024 / 5e12])


def test_wide_heads_take_other_blocks_and_more_softmax() -> None:
    part = fused(
        softmax=4e-11, wide_head=256.0, wide_block=64.0, wide_softmax=1.5, ramp=1e-6
    )
    assert score_seconds(chip(), part, operator(k=256.0, v=256.0))[2] == 6e-11
    # twice as many blocks fill and drain
    narrow = block_times(chip(), part, operator(), 1e-10)[1]
    wide = block_times(chip(), part, operator(k=256.0, v=256.0), 1e-10)[1]
    assert wide == pytest.approx(2 * narrow)


def test_values_of_more_than_256_columns_repeat_the_scores() -> None:
    part = fused(softmax=4e-11)
    matrix, _, softmax, _ = score_seconds(chip(), part, operator(k=512.0, v=512.0))
    assert matrix == pytest.approx(2 * (2 * 512 + 512) / 5e12)
    assert softmax == 8e-11


def test_latent_attention_pays_for_each_side() -> None:
    # 192 of queries and keys, 128 of values; backward three and two products
    shape = operator(k=192.0, v=128.0)
    assert score_seconds(chip(), fused(), shape)[0] == pytest.approx(640 / 5e12)
    back = fused(key_products=3.0, value_products=2.0)
    assert score_seconds(chip(), back, shape)[0] == pytest.approx(2 * 832 / 5e12)


def test_a_call_by_hand() -> None:
    # 100 heads of 32 blocks on 100 units, longest first: 128 x 128 x (1 + … + 32)
    # scores of 512 FLOP at 5 TFLOP/s on each, and 32 starts of 1 us
    part, worker = fused(ramp=1e-6), chip(kernel_latency=2e-6)
    inner, ramp, idle, throttle, waiting, append, start = fused_parts(
        worker, part, operator(), 0.0
    )
    assert inner == pytest.approx(128**2 * 528 * 512 / 5e12)
    assert ramp == pytest.approx(32e-6)
    assert (idle, throttle, waiting, append, start) == (0.0, 0.0, 0.0, 0.0, 2e-6)
    total = fused_seconds(worker, part, operator())
    assert total == pytest.approx(inner + ramp + start)


def test_few_blocks_leave_units_idle() -> None:
    # one head of ten full blocks on 100 units: a tenth of the chip works
    few = operator(batch=1.0, m=1280.0, n=1280.0, causal=0.0)
    inner, _, idle, *_ = fused_parts(chip(), fused(), few, 0.0)
    assert idle == pytest.approx(9 * inner)
    # the arrays of other families share every block
    inner, _, idle, *_ = fused_parts(systolic(), fused(), few, 0.0)
    assert idle == 0.0


def test_one_block_of_queries_splits_its_keys() -> None:
    # 4 heads with one query each and 64k keys on 100 units: 64 splits are 3 waves of
    # 1024 keys, fewer than the 4096 of one wave of 16 splits
    one = operator(m=1.0, n=65536.0, batch=4.0)
    inner, ramp, idle, *_ = fused_parts(chip(), fused(), one, 0.0)
    cost = 64 * 512 / 5e12  # of a key: 64 rows at least
    join = 64 * 4 * 128 * PARTIAL_BYTES / 4e12
    assert inner + ramp + idle == pytest.approx(3 * 1024 * cost + join)
    # more than a block of queries is not split
    two = operator(m=129.0, n=65536.0, batch=4.0, causal=0.0)
    assert sum(fused_parts(chip(), fused(), two, 0.0)[:3]) == pytest.approx(
        65536 * cost * 2
    )


def test_a_power_cap_slows_the_clock_by_the_cube_root() -> None:
    worker = chip(busy_power=500.0)
    part = fused(full_power=8000.0)
    # half of 8 kW under 500 W: half of the clock
    assert slower_clock(worker, part, 0.5, 1.0, 1.0) == pytest.approx(1.0)
    assert slower_clock(worker, part, 1 / 16, 1.0, 1.0) == 0.0
    # a benchmark is over before it binds
    short = slower_clock(worker, part, 0.5, SETTLING, 0.0)
    assert short == pytest.approx(0.5 * SETTLING)
    assert slower_clock(worker, fused(), 1.0, 1.0, 1.0) == 0.0


def test_bytes_of_grouped_heads_and_of_the_cache() -> None:
    grouped = operator(kv_batch=25.0)
    memory, append = streamed(chip(), fused(), grouped)
    queries, keys = 100 * 4096 * 256, 25 * 4096 * 256
    assert memory == pytest.approx(2.0 * (queries + keys) / 4e12)
    assert append == 0.0
    part = fused(append_start=1e-5, append_bandwidth=1e12, append_keys=0.5)
    rotated, kept = 100 * 4096 * 128, 25 * 4096 * 256
    append = streamed(chip(), part, grouped)[1]
    assert append == pytest.approx(4.0 * (rotated + 0.5 * kept) / 1e12)


def test_rows_of_a_table_and_what_each_resource_takes() -> None:
    ops = row(tables.OPERATOR).repeat(2).view(np.recarray)
    ops[0], ops[1] = operator(), operator(m=0.0)
    times = row(FUSED_TIME).repeat(2).view(np.recarray)
    fill_fused(chip(), fused(softmax=1e-11), ops, 1.0, times)
    parts = fused_parts(chip(), fused(softmax=1e-11), ops[0], 1.0)
    assert tuple(times[0])[:7] == parts
    assert times[0].matrix == pytest.approx(times[0].flops / 5e14)
    scores = 100 * useful_scores(ops[0])
    assert times[0].exponentials == pytest.approx(scores * 1e-11 / 100)
    # nothing to do takes no time, not even a start
    assert not any(tuple(times[1])[:7])
    assert times[1].flops == 0.0


SHAPES = st.builds(
    operator,
    m=st.integers(1, 6000),
    batch=st.integers(1, 400),
    k=st.sampled_from([64, 128, 256]),
    window=st.sampled_from([0, 512]),
    causal=CAUSAL,
)
REAL = {"softmax": 5e-11, "exposed": 0.5, "ramp": 3e-6, "tail": 1.0}


def timed(op: Record, worker: Record | None = None, **changes: float) -> float:
    worker = chip(kernel_latency=1e-6, busy_power=500.0) if worker is None else worker
    part = fused(**REAL | {"full_power": 2000.0} | changes)
    square = op.copy()
    square.n, square.v, square.kv_batch = square.m, square.k, square.batch
    return fused_seconds(worker, part, square)


def changed(op: Record, **changes: float) -> Record:
    made = op.copy()
    for name, value in changes.items():
        made[name] = value
    return made


@given(SHAPES)
def test_a_mask_never_slows(op: Record) -> None:
    for masked, open_ in (
        ({"causal": 1.0}, {"causal": 0.0}),
        ({"window": 256.0}, {"window": 0.0}),
    ):
        slow = timed(changed(op, **open_))
        assert timed(changed(op, **masked)) <= slow * (1 + 1e-9)


@given(SHAPES, st.integers(1, 2000))
def test_longer_is_never_shorter(op: Record, more: int) -> None:
    assert timed(op) <= timed(changed(op, m=op.m + more)) * (1 + 1e-9)
    assert timed(op) <= timed(changed(op, batch=op.batch + more)) * (1 + 1e-9)


@given(SHAPES, st.floats(1.0, 8.0))
def test_more_of_the_chip_is_never_slower(op: Record, factor: float) -> None:
    base = {"kernel_latency": 1e-6, "busy_power": 500.0}
    slow = timed(op, chip(**base))
    rates = chip().peak_rate * factor
    for more in (
        {"memory_bandwidth": 4e12 * factor},
        {"units": 100.0 * factor, "peak_rate": rates},
        {"busy_power": 500.0 * factor},
    ):
        assert timed(op, chip(**base | more)) <= slow * (1 + 1e-9)


@given(SHAPES, st.integers(1, 8))
def test_grouped_heads_are_never_slower(op: Record, group: int) -> None:
    worker, part = chip(memory_bandwidth=1e11), fused(**REAL)
    own = changed(op, n=op.m, v=op.k, kv_batch=op.batch)
    shared = changed(own, kv_batch=op.batch / group)
    assert fused_seconds(worker, part, shared) <= fused_seconds(worker, part, own)


@given(SHAPES)
def test_two_halves_take_no_less_than_the_whole(op: Record) -> None:
    whole = timed(changed(op, batch=2.0 * op.batch))
    assert 2.0 * timed(op) >= whole * (1 - 1e-9)
