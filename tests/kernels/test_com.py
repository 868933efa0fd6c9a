"""The parts of the channel operating margin against plain slow ones."""

from itertools import product

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.kernels import com, com_floating, com_mmse, com_pdf, com_search
from accelsim.kernels.com_tables import FEEDBACK, SEARCH

PLAIN = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
FEW = settings(max_examples=3 if PLAIN else 25)
SIZES = st.lists(st.floats(2e-3, 0.05), min_size=1, max_size=5)
M = 8  # samples of an interval, so that plain Python is quick


def rules(**changes: float) -> np.record:
    row = {
        "fixed": 2,
        "span": 8,
        "groups": 2,
        "group_taps": 2,
        "floating_max": 0.05,
        "tail_start": 0,
        "tail_max": 0.0,
        "step": 0.0,
    } | changes
    values = tuple(row[name] for name in FEEDBACK.names or ())
    table = np.array([values], FEEDBACK).view(np.recarray)
    return table[0]  # type: ignore[no-any-return]


def shape(
    intervals: int = 40, delay: float = 9.4, width: float = 0.8
) -> NDArray[np.float64]:
    """Return a pulse that rises fast and falls slowly, with an echo."""
    t = np.arange(intervals * M) / M - delay
    rise = np.where(t > 0, np.exp(-np.maximum(t, 0) / width) * np.tanh(4 * t), 0.0)
    echo = np.where(t > 6, 0.05 * np.exp(-np.maximum(t - 6, 0)), 0.0)
    return np.asarray(rise + echo)


def test_a_distribution_counts_every_sum_of_symbols() -> None:
    width, sizes = 1e-3, np.array([0.0030, 0.0126, 0.0204])
    out = np.empty(2 * com_pdf.reach_of(sizes, width) + 1)
    com_pdf.fill_distribution(sizes, 4, width, out)
    slow = np.zeros_like(out)
    for symbols in product((-1.0, -1 / 3, 1 / 3, 1.0), repeat=3):
        bins = sum(
            int(np.sign(a) * np.floor(abs(a) * size / width + 0.5))
            for a, size in zip(symbols, sizes, strict=True)
        )
        slow[bins + (len(out) - 1) // 2] += 1 / 64
    np.testing.assert_allclose(out, slow, atol=1e-15)


@FEW
@given(SIZES, SIZES)
def test_distributions_sum_as_their_samples(a: list[float], b: list[float]) -> None:
    made = []
    for sizes in (a, b, a + b):
        values = np.sort(np.array(sizes))
        made.append(np.empty(2 * com_pdf.reach_of(values, 1e-3) + 1))
        com_pdf.fill_distribution(values, 4, 1e-3, made[-1])
    out = np.empty(len(made[2]))
    com_pdf.fill_sum(made[0], made[1], out)
    np.testing.assert_allclose(out, made[2], atol=1e-14)
    assert out.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(out, out[::-1], atol=1e-15)


@pytest.mark.parametrize("share", [0.4, 1e-2, 1e-6])
def test_a_quantile_is_that_of_the_sum(share: float) -> None:
    bounded, normal = np.empty(101), np.empty(81)
    com_pdf.fill_gaussian(4e-3, 1e-3, bounded)
    com_pdf.fill_gaussian(3e-3, 1e-3, normal)
    both = np.empty(len(bounded) + len(normal) - 1)
    com_pdf.fill_sum(bounded, normal, both)
    found = com_pdf.quantile_of_sum(bounded, normal, share)
    assert found == com_pdf.first_above(both, share, 1)
    assert np.sum(both[: found + 1]) > share >= np.sum(both[:found])


def test_tails_are_not_lost() -> None:
    # two samples as long as 1e-15 of a transform's noise would be: exact zeros and 1/16
    sizes = np.array([1e-3] * 40)
    out = np.empty(81)
    com_pdf.fill_distribution(sizes, 2, 1e-3, out)
    assert out[0] == pytest.approx(2.0**-40)
    assert out[1] == 0.0


def test_small_samples_are_dropped() -> None:
    out = np.empty(3)
    values = np.array([1e-6, -3e-5, 1e-5])
    assert com_pdf.keep_above(values, 3, 1e-5, out) == 1
    assert out[0] == 3e-5


def test_a_pulse_is_sampled_where_its_neighbours_balance() -> None:
    pulse = shape()
    cursor, peak = com.cursor_of(pulse, 0, len(pulse), M, 0.5, 0)
    assert peak == int(np.argmax(pulse))
    rise = np.flatnonzero(pulse > 0.01 * pulse[peak])[0] - 1
    offs = [
        abs(pulse[i - M] - max(pulse[i + M] - 0.5 * pulse[i], 0.0))
        for i in range(rise, rise + 2 * M + 1)
    ]
    assert cursor == rise + int(np.argmin(offs))
    assert com.cursor_of(np.ones(100), 0, 100, M, 0.5, 0)[0] == -1


def test_feedback_takes_what_its_limits_allow() -> None:
    post = np.array([0.6, 0.02, 0.01, 0.03, 0.03, 0.0, 0.001, -0.08])
    low, high, taps = np.full(8, -0.3), np.full(8, 0.5), np.empty(8)
    places = np.empty(4, np.int64)
    com.fill_feedback(post, 1.0, rules(), low, high, taps, places)
    assert sorted(places) == [4, 5, 7, 8]
    np.testing.assert_allclose(taps, [0.5, 0.02, 0, 0.03, 0.03, 0, 0.001, -0.05])


def test_a_tail_is_limited_as_a_whole() -> None:
    post = np.array([0.6, 0.02, 0.01, 0.03, 0.03, 0.0, 0.001, -0.08])
    low, high, taps = np.full(8, -0.3), np.full(8, 0.5), np.empty(8)
    places = np.empty(4, np.int64)
    limited = rules(tail_start=4, tail_max=0.02)
    tail = com.fill_feedback(post, 1.0, limited, low, high, taps, places)
    assert tail == pytest.approx(np.linalg.norm([0.03, 0.03, 0.001, 0.05]))
    assert np.linalg.norm(taps[3:]) == pytest.approx(0.02)
    assert np.all(np.sign(taps) == np.sign([1, 1, 0, 1, 1, 0, 1, -1]))


@FEW
@given(st.lists(st.floats(-0.1, 0.1), min_size=20, max_size=20), st.integers(1, 3))
def test_floating_groups_do_not_overlap(values: list[float], groups: int) -> None:
    at = rules(fixed=2, span=20, groups=groups, group_taps=3)
    places = np.empty(groups * 3, np.int64)
    com_floating.fill_banks(np.array(values), 1.0, at, places)
    assert len(set(places)) == len(places)
    assert places.min() > 2
    assert places.max() <= 20


@pytest.mark.parametrize(
    ("strong", "width", "expected"),
    [
        ({12: 0.04, 6: 0.03, 15: 0.02}, 1, {7, 13}),
        # the head of the span, if the best groups start there
        ({2: 0.05, 3: 0.04, 4: 0.05, 5: 0.04, 6: 0.03, 7: 0.03}, 3, set(range(3, 9))),
        # a group right below another one follows it
        ({9: 0.03, 10: 0.05, 11: 0.05, 12: 0.05}, 2, {10, 11, 12, 13}),
        # one that a better one overlaps from below than any free one is passed over
        ({12: 0.04, 13: 0.04, 14: 0.04, 6: 0.03, 7: 0.03}, 3, {6, 7, 8, 12, 13, 14}),
    ],
)
def test_groups_go_where_the_reference_puts_them(
    strong: dict[int, float], width: int, expected: set[int]
) -> None:
    post = np.zeros(20)
    post[list(strong)] = list(strong.values())
    places = np.empty(2 * width, np.int64)
    at = rules(fixed=2, span=20, groups=2, group_taps=width)
    com_floating.fill_banks(post, 1.0, at, places)
    assert set(places) == expected


def test_slopes_are_central_differences() -> None:
    pulse, out = shape(), np.empty(60)
    count = com.fill_slopes(pulse, 3 * M + 4, M, out)
    expected = (pulse[5::M] - pulse[3::M]) / 2 * M
    np.testing.assert_allclose(out[:count], expected)
    count = com.fill_slopes(pulse, 3 * M, M, out)  # no sample before the first
    np.testing.assert_allclose(out[0], (pulse[M + 1] - pulse[M - 1]) / 2 * M)
    assert count == len(pulse) // M - 1


def test_residual_and_worst_phase() -> None:
    pulse, out = shape(), np.empty(60)
    cursor = int(np.argmax(pulse))
    taps = np.array([0.5, 0.1])
    count = com.fill_residual(pulse, cursor, taps, M, out)
    row = cursor // M - 1
    assert count == 38
    assert out[row] == 0.0
    assert out[row + 1] == pytest.approx(pulse[cursor + M] - 0.5 * pulse[cursor])
    assert out[row + 3] == pytest.approx(pulse[cursor + 3 * M])
    com.fill_worst_phase(pulse, M, 4, 1e-5, out)
    energy = [np.sum(pulse[M + p : 39 * M : M] ** 2) for p in range(M)]
    best = int(np.argmax(energy))
    np.testing.assert_allclose(out[:38], pulse[M + best : 39 * M : M])


def settings_of(count: int) -> NDArray[np.float64]:
    values = np.linspace(-0.2, 0.1, count)
    rows = [[a, 1 - abs(a) - abs(b), b] for a, b in product(values, values)]
    return np.array(rows)


def slow_merit(
    pulse: NDArray[np.float64], taps: NDArray[np.float64], rule: np.record
) -> float:
    """Return the figure of merit by the plain path, one pulse at a time."""
    both = sum(t * np.roll(pulse, (n - 1) * M) for n, t in enumerate(taps))
    found = np.asarray(both)
    cursor, _ = com.cursor_of(found, 0, len(found), M, 0.5, 0)
    if cursor < 0 or found[cursor] <= 0.0:
        return -1.0
    value = found[cursor]
    post = np.zeros(8)
    later = found[cursor + M :: M]
    post[: min(8, len(later))] = later[:8]
    low, high, back = np.full(8, -0.3), np.full(8, 0.5), np.empty(8)
    com.fill_feedback(post, value, rules(), low, high, back, np.empty(4, np.int64))
    left = [*found[cursor - M :: -M], *(post - back * value), *later[8:]]
    slopes = np.empty(60)
    slopes = slopes[: com.fill_slopes(found, cursor, M, slopes)]
    disturbed = rule.noise + rule.tx_noise * value**2
    disturbed += rule.jitter * np.sum(slopes**2) + 5 / 9 * np.sum(np.square(left))
    return float((rule.signal_share * value) ** 2 / disturbed)


def test_the_search_finds_what_trying_all_finds() -> None:
    pulse = shape()
    row = (
        M,
        0,
        len(pulse),
        0,
        0,
        -1,
        0,
        0,
        0.5,
        0.95 / 3,
        5 / 9,
        10**-3.25,
        3e-4,
        1e-6,
    )
    table = np.array([row], SEARCH).view(np.recarray)
    settings_ = settings_of(3 if PLAIN else 9)
    shifted = np.array([np.roll(pulse, n * M) for n in (-1, 0, 1)])
    limits = np.array([np.full(8, -0.3), np.full(8, 0.5)])
    crosstalk = np.zeros(len(settings_))
    grams = np.empty((2, 3, 3, M))
    com_search.fill_grams(shifted, M, grams[0], grams[1])
    tops = np.empty((3, len(pulse) // M))
    com_search.fill_block_peaks(shifted, 0, M, tops)
    tables = (shifted, grams[0], grams[1], limits)
    index, phase, best = com_search.search_transmitter(
        tables, tops, settings_, crosstalk, table[0], rules(), 0.0
    )
    slow = [slow_merit(pulse, taps, table[0]) for taps in settings_]
    assert phase == 0
    assert best == pytest.approx(max(slow), rel=1e-9)
    assert slow[index] == pytest.approx(max(slow), rel=1e-9)


def test_least_error_taps_are_least() -> None:
    generator = np.random.default_rng(1)
    h = np.convolve(generator.normal(0, 0.2, 9), [0.2, 1.0, 0.5])
    power = np.empty(5)
    com_mmse.fill_autocorrelation(h, power)
    lags = np.abs(np.arange(5)[:, None] - np.arange(5))
    matrix = power[lags] + 1e-3 * np.eye(5)
    index = 5 + np.arange(2)[:, None] - np.arange(5)
    rows = np.ascontiguousarray(h[index])
    wide = np.array([np.full(5, -9.0), np.full(5, 9.0)])
    wide[:, 2] = 1.0
    taps, back = np.empty(5), np.empty(1)
    feedback = np.array([[-9.0], [9.0]])
    error = com_mmse.fill_taps(matrix, rows, feedback, wide, 2, 0, taps, back)
    assert rows[0] @ taps == pytest.approx(1.0)
    assert back[0] == pytest.approx(rows[1] @ taps)
    for _ in range(10):
        other = taps + generator.normal(0, 1e-3, 5)
        other /= rows[0] @ other
        assert error <= com_mmse.error_of(matrix, rows[0], rows[1:], back, other)


@pytest.mark.parametrize("again", [0, 1])
def test_limited_taps_keep_the_cursor(again: int) -> None:
    h = np.array([0.0, 0.1, 0.4, 1.0, 0.7, 0.3, 0.1, 0.0, 0.0, 0.0])
    power = np.empty(4)
    com_mmse.fill_autocorrelation(h, power)
    matrix = power[np.abs(np.arange(4)[:, None] - np.arange(4))] + 1e-2 * np.eye(4)
    rows = np.ascontiguousarray(h[4 + np.arange(2)[:, None] - np.arange(4)])
    limits = np.array([np.full(4, -0.1), np.full(4, 0.1)])
    limits[:, 1] = 1.0
    taps, back = np.empty(4), np.empty(1)
    feedback = np.array([[0.0], [0.2]])
    com_mmse.fill_taps(matrix, rows, feedback, limits, 1, again, taps, back)
    assert np.all(np.abs(np.delete(taps / taps[1], 1)) <= 0.1 + 1e-12)
    assert 0.0 <= back[0] <= 0.2
    assert com.norm_from(h, 3, 1) == pytest.approx(np.sum(h[3:] ** 2))
    assert com.clipped(2.0, 0.0, 1.0) == 1.0
