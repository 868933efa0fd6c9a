"""Symbols one by one, against loops that do the obvious."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.kernels import bits

PLAIN = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
FEW = settings(max_examples=5 if PLAIN else 25, deadline=None)
MARGIN = 40


def sequence(seed: int, count: int, levels: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, levels, 2 * MARGIN + count)


def values(indices: np.ndarray, levels: int) -> np.ndarray:
    return np.asarray(2.0 * indices / (levels - 1.0) - 1.0)


@FEW
@given(seed=st.integers(0, 1000), count=st.integers(1, 70))
def test_filtering_is_convolution(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    source = random.standard_normal(2 * MARGIN + count)
    response = random.standard_normal(5)
    offsets = np.array([-2, 0, 3, 7, 12])
    out = np.zeros(count)
    bits.add_filtered(source, offsets, response, MARGIN, out)
    slow = [
        sum(t * source[MARGIN + n - k] for k, t in zip(offsets, response, strict=True))
        for n in range(count)
    ]
    np.testing.assert_allclose(out, slow, atol=1e-12)


def test_chunks_join() -> None:
    count = 2 * bits.CHUNK + 5 if not PLAIN else 50
    source = np.random.default_rng(0).standard_normal(2 * MARGIN + count)
    out = np.zeros(count)
    bits.add_filtered(source, np.array([3]), np.array([2.0]), MARGIN, out)
    np.testing.assert_array_equal(out, 2.0 * source[MARGIN - 3 : MARGIN - 3 + count])


@pytest.mark.parametrize("levels", [2, 4])
def test_without_noise_nothing_is_wrong(levels: int) -> None:
    count = 300
    sent = sequence(1, count, levels)
    volts = values(sent, levels)
    received = np.zeros(count)
    taps = np.array([1.0, 0.4, 0.2])
    bits.add_filtered(volts, np.arange(3), taps, MARGIN, received)
    counts, runs, state = counters()
    decided = np.concatenate([sent[:MARGIN], np.zeros(count, np.int64)])
    feedback = (np.array([1, 2]), np.array([0.4, 0.2]))
    bits.decide(
        received, sent, MARGIN, levels, 1.0, *feedback, decided, state, runs, counts
    )
    assert list(counts) == [count, 0, 0]
    np.testing.assert_array_equal(decided[MARGIN:], sent[MARGIN : MARGIN + count])


def counters() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(3, np.int64), np.zeros(4, np.int64), np.zeros(2, np.int64)


def test_one_error_makes_a_run() -> None:
    # two levels, tap 1: a wrong decision moves the next by 2, past its threshold
    # unless the next symbol points the other way
    sent = np.ones(2 * MARGIN + 12, np.int64)
    received = np.full(12, 2.0)  # every symbol 1 and the one before 1
    received[4] = 1.0 - 0.1  # 1 + 1 less 1.1: wrong
    counts, runs, state = counters()
    decided = np.ones(MARGIN + 12, np.int64)
    bits.decide(
        received,
        sent,
        MARGIN,
        2,
        1.0,
        np.array([1]),
        np.array([1.0]),
        decided,
        state,
        runs,
        counts,
    )
    # the fed-back error adds 2 to the next, which is right: a run of one
    assert list(counts) == [12, 1, 2]  # decoded: the change, and the change back
    assert list(runs) == [1, 0, 0, 0]


@FEW
@given(seed=st.integers(0, 1000), levels=st.sampled_from([2, 4]))
def test_detector_finds_the_likeliest_sequence(seed: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    length, tap = 5, 0.5
    sent = random.integers(0, levels, length)
    volts = values(np.concatenate([[0], sent]), levels)
    received = volts[1:] + tap * volts[:-1] + 0.3 * random.standard_normal(length)
    metrics = np.full(levels, 1e9)
    metrics[0] = 0.0  # known to begin at the lowest level
    paths = np.zeros(levels, np.int64)
    work, after = np.empty(levels), np.empty(levels, np.int64)
    leader = 0
    for value in received:
        leader = bits.advance(value, levels, 1.0, tap, metrics, paths, work, after)
    found = [(int(paths[leader]) >> (2 * k)) & 3 for k in range(length)][::-1]

    def distance(guess: tuple[int, ...]) -> float:
        v = values(np.concatenate([[0], guess]), levels)
        return float(np.sum((received - v[1:] - tap * v[:-1]) ** 2))

    best = min(itertools.product(range(levels), repeat=length), key=distance)
    assert distance(tuple(found)) == pytest.approx(distance(best), abs=1e-12)


def test_detector_decides_late_and_right() -> None:
    levels, count, tap = 4, 200, 0.6
    sent = sequence(3, count, levels)
    volts = values(sent, levels)
    received = np.zeros(count)
    bits.add_filtered(volts, np.arange(2), np.array([1.0, tap]), MARGIN, received)
    counts, runs, state = counters()
    metrics, paths = np.zeros(levels), np.zeros(levels, np.int64)
    first = bits.DELAY + 2
    for part in (slice(0, first), slice(first, count)):
        bits.detect(
            received[part],
            sent[part.start :],
            MARGIN,
            levels,
            1.0,
            tap,
            metrics,
            paths,
            state,
            runs,
            counts,
        )
        if part.start == 0:
            counts[:] = runs[:] = state[0] = 0
    assert list(counts) == [count - first, 0, 0]
