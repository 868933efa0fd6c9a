"""Fused attention: the mask counted row by row, rates, and waves of query blocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.attention import (
    BLOCK_OVERHEAD,
    EXP_EQUIVALENT,
    LENGTH,
    QUERY_BLOCK,
    fused_seconds,
    score_share,
)
from accelsim.kernels.tables import Record
from tests.examples import chip, row, systolic

TOKENS = st.integers(2, 5_000).map(float)


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


@given(TOKENS)
def test_causal_is_between_half_and_full(seq: float) -> None:
    assert 0.5 < score_share(seq, 0.0, 1.0) <= 1.0
    assert score_share(seq, 0.0, 0.0) == 1.0


@given(TOKENS, st.integers(1, 5_000).map(float), st.sampled_from([0.0, 1.0]))
def test_a_window_never_adds(seq: float, window: float, causal: float) -> None:
    full = score_share(seq, 0.0, causal)
    assert 0.0 < score_share(seq, window, causal) <= full
    assert score_share(seq, seq, causal) == full


@given(TOKENS, st.integers(1, 4_999).map(float), st.sampled_from([0.0, 1.0]))
def test_a_wider_window_never_saves(seq: float, window: float, causal: float) -> None:
    narrow, wide = (score_share(seq, w, causal) for w in (window, window + 1))
    assert narrow <= wide * (1 + 1e-12)


def seconds(seq: float, window: float, causal: float) -> float:
    """Return the time of 10^12 useful FLOPs at 10^12 FLOP/s, all units busy."""
    op = operator(m=seq, n=seq, window=window, causal=causal, batch=1e6)
    return fused_seconds(chip(), 1e12, 1e12, op)


def test_measured_length_reaches_the_measured_rate() -> None:
    assert seconds(LENGTH, 0.0, 1.0) == pytest.approx(1.0, rel=1e-4)


def test_blocks_cost_their_fill_and_their_diagonal() -> None:
    # a row of blocks of 1024 causal queries sees 512.5 keys on average, 64 more on the
    # diagonal, and fills and drains once; at the measured length it sees 8192
    edge = BLOCK_OVERHEAD + 64
    waste = (1 + edge / 512.5) / (1 + edge / 8192)
    assert seconds(1024.0, 0.0, 1.0) == pytest.approx(waste)
    # no mask, no diagonal
    waste = (1 + BLOCK_OVERHEAD / 1024) / (1 + edge / 8192)
    assert seconds(1024.0, 0.0, 0.0) == pytest.approx(waste)


@given(
    st.integers(128, 16_000).map(float),
    st.sampled_from([0.0, 64.0, 1024.0]),
    st.sampled_from([0.0, 1.0]),
)
def test_longer_sequences_reach_more(seq: float, window: float, causal: float) -> None:
    assert seconds(2 * seq, window, causal) <= seconds(seq, window, causal) * (1 + 1e-9)


def test_short_heads_pay_for_the_exponentials() -> None:
    # a score costs k + 64 multiply-adds: 64 / 128 against 128 / 192, that is 3/4
    share = (64 / (64 + EXP_EQUIVALENT)) / (128 / (128 + EXP_EQUIVALENT))
    assert share == pytest.approx(0.75)
    full = fused_seconds(chip(), 5e14, 1e12, operator())
    short = fused_seconds(chip(), 5e14, 1e12, operator(k=64.0))
    assert short == pytest.approx(full / 0.75)


def test_long_heads_are_no_faster_than_measured() -> None:
    assert fused_seconds(chip(), 5e14, 1e12, operator(causal=0.0, k=256.0)) == (
        fused_seconds(chip(), 5e14, 1e12, operator(causal=0.0))
    )


def test_few_query_blocks_leave_units_idle() -> None:
    # one head of 10 blocks on 100 units: a tenth of the chip works
    few = operator(batch=1.0, m=10 * QUERY_BLOCK)
    full = fused_seconds(chip(), 5e14, 1e12, operator())
    assert fused_seconds(chip(), 5e14, 1e12, few) == pytest.approx(10 * full)
    # the cores of other chips take a share of the queries each
    assert fused_seconds(systolic(), 5e14, 1e12, few) == pytest.approx(full)


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
