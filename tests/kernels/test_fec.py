"""Codewords and flits: sums by hand, slow sums over every pattern, and laws."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.kernels import fec
from accelsim.kernels.fec_tables import CODE, ERRORS

Span = tuple[float, float, int]


def code(*sizes: int) -> Any:
    """Return a record of symbols, correct, levels, interleave."""
    return np.array([sizes], CODE).view(np.recarray)[0]


def lost(spans: list[Span], sizes: tuple[int, ...], *, flits: bool = False) -> float:
    errors: Any = np.array(spans, ERRORS).view(np.recarray)
    out = np.empty(1)
    fill = fec.fill_lost_flits if flits else fec.fill_lost
    fill(errors, np.array([0, len(spans)]), code(*sizes), out)
    return float(out[0])


def patterns(span: Span, count: int) -> list[tuple[float, tuple[int, ...]]]:
    """Return every run of decoded errors of a chain and its probability."""
    start, carry, precode = span
    steady = start / (1.0 - carry + start)
    found = []
    for states in itertools.product((0, 1), repeat=count + 1):
        chance = steady if states[0] else 1.0 - steady
        for a, b in itertools.pairwise(states):
            after = carry if a else start
            chance *= after if b else 1.0 - after
        wrong = tuple(
            int(a != b) if precode else b for a, b in itertools.pairwise(states)
        )
        found.append((chance, wrong))
    return found


def test_binomial_tail_by_hand() -> None:
    # 3 of 4 or more with p = 0.1: 4 * 0.001 * 0.9 + 0.0001
    assert fec.binomial_tail(4, 3, 0.1) == pytest.approx(0.0037, rel=1e-13)
    assert fec.binomial_tail(4, 0, 0.1) == 1.0
    assert fec.binomial_tail(4, 5, 0.1) == 0.0
    assert fec.binomial_tail(4, 1, 0.0) == 0.0
    assert fec.binomial_tail(4, 2, 1.0) == 1.0


def test_random_errors_of_ieee() -> None:
    # 2.4e-4 before correction loses 9.2e-13 of 64 B frames, nine eighths of codewords
    out = np.empty(1)
    fec.fill_random(np.array([2.4e-4]), 10, 544, 15, out)
    assert out[0] * 9 / 8 == pytest.approx(9.17e-13, rel=1e-3)


@pytest.mark.parametrize("precode", [0, 1])
@pytest.mark.parametrize("interleave", [1, 2])
def test_counts_are_those_of_every_pattern(precode: int, interleave: int) -> None:
    span: Span = (0.07, 0.4, precode)
    levels, symbols, correct = 2, 3, 1
    length = levels * symbols * interleave
    expected = np.zeros(correct + 2)
    for chance, wrong in patterns(span, length):
        hits = [
            any(wrong[i : i + levels]) for i in range(0, length, levels * interleave)
        ]
        expected[min(sum(hits), correct + 1)] += chance
    found = np.empty(correct + 2)
    table: Any = np.array([span], ERRORS).view(np.recarray)
    fec.fill_counts(table[0], code(symbols, correct, levels, interleave), found)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_flits_are_those_of_every_pattern() -> None:
    span: Span = (0.05, 0.5, 0)
    expected = 0.0
    for chance, wrong in patterns(span, 12):
        hits = [any(wrong[i : i + 2]) for i in range(0, 12, 2)]
        if any(hits[group] and hits[group + 3] for group in range(3)):
            expected += chance
    assert lost([span], (6, 1, 2, 1), flits=True) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("flits", [False, True])
def test_spans_add_up(*, flits: bool) -> None:
    size = (30, 1, 4, 1)
    one, two = (1e-3, 0.2, 0), (2e-3, 0.1, 0)
    alone = [lost([span], size, flits=flits) for span in (one, two)]
    both = lost([one, two], size, flits=flits)
    assert both > sum(alone)
    assert lost([one, (0.0, 0.0, 0)], size, flits=flits) == alone[0]
    assert lost([], size, flits=flits) == 0.0
    assert lost([(0.9, 0.9, 0)] * 3, size, flits=flits) == pytest.approx(1.0)


@given(
    start=st.floats(1e-7, 3e-3),
    carry=st.floats(0.5, 0.95),
    precode=st.integers(0, 1),
    ways=st.integers(1, 8),
)
@settings(deadline=None, max_examples=15)
def test_interleaving_spreads_bursts(
    start: float, carry: float, precode: int, ways: int
) -> None:
    # a code of small correction: plain Python runs this too
    one, more = (
        lost([(start, carry, precode)], (40, 3, 5, each)) for each in (ways, ways + 1)
    )
    assert more <= one * (1.0 + 1e-9)


@given(
    start=st.floats(1e-7, 1e-2),
    factor=st.floats(1.0, 10.0),
    carry=st.floats(0.0, 0.9),
    ways=st.sampled_from([1, 2, 4]),
)
@settings(deadline=None, max_examples=15)
def test_more_errors_lose_more(
    start: float, factor: float, carry: float, ways: int
) -> None:
    low, high = (
        lost([(p, carry, 0)], (40, 3, 5, ways)) for p in (start, start * factor)
    )
    assert low <= high * (1.0 + 1e-12)
    few, many = (
        lost([(p, carry, 0)], (24, 1, 4, 1), flits=True)
        for p in (start, start * factor)
    )
    assert few <= many * (1.0 + 1e-12)


def test_inner_code_by_its_lightest_words() -> None:
    # far out only words of weight 4 count: 128 * 127 * 126 / 24 of them
    distance, symbol, bit = np.array([6.0]), np.empty(1), np.empty(1)
    fec.fill_inner(distance, 128, 10, symbol, bit)
    tail = 0.5 * math.erfc(math.sqrt(2.0) * 6.0)
    assert bit[0] == pytest.approx(85_344 * tail * 4 / 128, rel=1e-3)
    touched = 1.0 - math.comb(118, 4) / math.comb(128, 4)
    assert symbol[0] == pytest.approx(85_344 * tail * touched, rel=1e-3)
    near = np.array([1.0])
    fec.fill_inner(near, 128, 10, symbol, bit)
    assert symbol[0] == 1.0
    assert bit[0] == 0.5
