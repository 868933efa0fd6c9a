"""Fused attention: the mask counted row by row, rates, and waves of query blocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.attention import (
    EXP_EQUIVALENT,
    QUERY_BLOCK,
    fused_seconds,
    score_share,
)
from accelsim.kernels.tables import Record
from tests.examples import chip, row, systolic

LENGTH = st.integers(2, 5_000).map(float)


def operator(**changes: float) -> Record:
    """Return attention of 100 heads of 128 over 4096 tokens, causal."""
    values = {"m": 4096.0, "n": 4096.0, "k": 128.0, "batch": 100.0, "causal": 1.0}
    return row(tables.OPERATOR, **values | changes)[0]


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


@given(LENGTH)
def test_causal_is_between_half_and_full(seq: float) -> None:
    assert 0.5 < score_share(seq, 0.0, 1.0) <= 1.0
    assert score_share(seq, 0.0, 0.0) == 1.0


@given(LENGTH, st.integers(1, 5_000).map(float), st.sampled_from([0.0, 1.0]))
def test_a_window_never_adds(seq: float, window: float, causal: float) -> None:
    full = score_share(seq, 0.0, causal)
    assert 0.0 < score_share(seq, window, causal) <= full
    assert score_share(seq, seq, causal) == full


@given(LENGTH, st.integers(1, 4_999).map(float), st.sampled_from([0.0, 1.0]))
def test_a_wider_window_never_saves(seq: float, window: float, causal: float) -> None:
    narrow, wide = (score_share(seq, w, causal) for w in (window, window + 1))
    assert narrow <= wide * (1 + 1e-12)


def waste(seq: float, window: float, causal: float) -> float:
    """Return the computed over the needed scores of a kernel."""
    op = operator(m=seq, n=seq, window=window, causal=causal, batch=1e6)
    return fused_seconds(chip(), 1e12, 1e12, op)


@given(
    st.integers(128, 5_000).map(float),
    st.sampled_from([0.0, 64.0, 1024.0]),
    st.sampled_from([0.0, 1.0]),
)
def test_whole_blocks_compute_no_less_than_the_mask(
    seq: float, window: float, causal: float
) -> None:
    computed = waste(seq, window, causal) * score_share(seq, window, causal)
    assert waste(seq, window, causal) >= 1.0
    assert computed <= 1.0 + 1e-12


def test_diagonal_blocks_are_computed_whole() -> None:
    # 8 blocks of 128: 8 x 9 / 2 blocks of 128 x 128 against 1024 x 1025 / 2 scores
    blocks = 36 * 128 * 128
    assert waste(1024.0, 0.0, 1.0) == pytest.approx(
        blocks / (1024 * 1025 / 2), rel=1e-3
    )


def test_full_mask_wastes_nothing() -> None:
    assert waste(1024.0, 0.0, 0.0) == pytest.approx(1.0)


def test_time_at_the_measured_head_size() -> None:
    # 100 heads x 32 blocks fill 100 units; no mask, so no waste: flops over rate
    assert fused_seconds(chip(), 5e14, 1e12, operator(causal=0.0)) == 1e12 / 5e14


def test_short_heads_pay_for_the_exponentials() -> None:
    # a score costs k + 64 multiply-adds: 64 / 128 against 128 / 192, that is 3/4
    op = operator(causal=0.0, k=64.0)
    rate = 5e14 * (64 / (64 + EXP_EQUIVALENT)) / (128 / (128 + EXP_EQUIVALENT))
    assert rate == pytest.approx(0.75 * 5e14)
    assert fused_seconds(chip(), 5e14, 1e12, op) == pytest.approx(1e12 / rate)


def test_long_heads_are_no_faster_than_measured() -> None:
    assert fused_seconds(chip(), 5e14, 1e12, operator(causal=0.0, k=256.0)) == (
        fused_seconds(chip(), 5e14, 1e12, operator(causal=0.0))
    )


def test_few_query_blocks_leave_units_idle() -> None:
    # one head of 10 blocks on 100 units: a tenth of the chip works
    op = operator(causal=0.0, batch=1.0, m=10 * QUERY_BLOCK)
    assert fused_seconds(chip(), 5e14, 1e12, op) == pytest.approx(10 * 1e12 / 5e14)
    assert fused_seconds(systolic(), 5e14, 1e12, op) == pytest.approx(1e12 / 5e14)


def test_start_of_the_kernel_is_added() -> None:
    late = chip(kernel_latency=4e-6)
    fast = fused_seconds(chip(), 5e14, 1e12, operator())
    assert fused_seconds(late, 5e14, 1e12, operator()) == pytest.approx(fast + 4e-6)


@given(st.floats(1e12, 1e15), st.floats(1.0, 10.0), st.integers(1, 500).map(float))
def test_a_faster_kernel_is_never_slower(
    rate: float, factor: float, heads: float
) -> None:
    op = operator(batch=heads)
    slow = fused_seconds(chip(), rate, 1e12, op)
    fast = fused_seconds(chip(), rate * factor, 1e12, op)
    assert fast == pytest.approx(slow / factor)
    assert slow >= 1e12 / rate
