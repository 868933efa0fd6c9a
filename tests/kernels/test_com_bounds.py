"""Bounds of Annex 178A: below what any taps reach, and as tight as they say."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.kernels import com_bounds, com_coarse, com_mmse, com_search
from accelsim.kernels.com_tables import COARSE

PLAIN = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
Floats = NDArray[np.float64]
M, COUNT, TAPS, PRE = 4, 128, 9, 3
NOISE = 3e-3


def pulse() -> Floats:
    t = np.arange(60 * M) / M - 14.2
    rise = np.exp(-np.maximum(t, 0) / 1.3) * np.tanh(3 * np.maximum(t, 0))
    return np.asarray(rise + 0.1 * np.roll(rise, 9 * M))


def tables(h: Floats) -> tuple[Floats, Floats, Floats]:
    signal, shaped, rest = np.zeros((3, COUNT // 2 + 1, M))
    for phase in range(M):
        samples = np.zeros(COUNT)
        samples[: len(h) // M] = h[phase::M]
        signal[:, phase] = np.abs(np.fft.rfft(samples)) ** 2
    return signal, shaped, rest + NOISE


def waves(width: int) -> Floats:
    angles = np.pi * np.arange(COUNT // 2 + 1) / (COUNT // 2)
    found = np.cos(angles[:, None] * np.arange(width))
    found[:, 1:] *= 2.0
    return np.asarray(found)


def error_of(h: Floats, at: int, noise: float, high: float) -> float:
    """Return the error of `TAPS` forward taps and one feedback tap at a cursor."""
    samples = h[at % M :: M].copy()
    lags = np.empty(TAPS)
    com_mmse.fill_autocorrelation(samples, lags)
    lags[0] += noise
    index = at // M + PRE + np.arange(2)[:, None] - np.arange(TAPS)
    rows = np.where(
        (index >= 0) & (index < len(samples)), samples[index % len(samples)], 0.0
    )
    return com_coarse.error_at(lags, rows, 0.0, high, np.empty(TAPS))


@settings(max_examples=3 if PLAIN else 20, deadline=None)
@given(before=st.floats(-0.3, 0.0), high=st.floats(0.0, 0.85))
def test_no_taps_err_less_than_the_first_bound(before: float, high: float) -> None:
    h = pulse()
    taps = np.array([before, 1.0 - abs(before)])
    bounds = np.empty((1, M))
    com_bounds.fill_bounds(taps[None], waves(2), *tables(h), (0.0, high), bounds)
    whole = taps[0] * np.roll(h, -M) + taps[1] * h
    peak = int(np.argmax(whole))
    for at in range(peak - 6, peak + 7):
        assert error_of(whole, at, NOISE, high) >= bounds[0, at % M] * (1 - 1e-6)


def candidates(best: float, step_share: float = 0.0) -> dict[tuple[int, int], float]:
    h = pulse()
    values = np.linspace(-0.3, 0.0, 4)
    taps = np.array([[a, 1 - abs(a)] for a in values])
    shifted = np.array([np.roll(h, -M), h])
    bounds = np.empty((4, M))
    all_tables = tables(h)
    com_bounds.fill_bounds(taps, waves(2), *all_tables, (0.0, 0.85), bounds)
    signal, rest = np.empty((M, TAPS + 1)), np.zeros((M, TAPS))
    for phase in range(M):
        com_mmse.fill_autocorrelation(h[phase::M].copy(), signal[phase])
    rest[:, 0] = NOISE
    nothing = (
        np.zeros((0, M, COUNT // 2 + 1)),
        np.zeros((0, M, TAPS + 1)),
        np.zeros((4, 0), np.int64),
    )
    tops = np.empty((2, 60))
    com_search.fill_block_peaks(shifted, 0, M, tops)
    row = (M, 0, len(h), PRE, -2, 2, 0.0, 0.85, 5 / 9, step_share, 5e-8, 1e-4, 20.0)
    rules = np.array([row], COARSE).view(np.recarray)[0]
    places, errors = np.empty((20, 2), np.int64), np.empty(20)
    count = com_bounds.fill_candidates(
        shifted,
        taps,
        waves(2),
        all_tables,
        (signal, rest),
        nothing,
        tops,
        bounds,
        rules,
        best,
        places,
        errors,
    )
    pairs = zip(places[:count].tolist(), errors[:count].tolist(), strict=True)
    return {(k, phase): error for (k, phase), error in pairs}


def test_the_second_bound_is_the_error_of_all_taps() -> None:
    h = pulse()
    found = candidates(np.inf)
    assert len(found) == 4 * 5
    for (k, phase), error in found.items():
        a = float(np.linspace(-0.3, 0.0, 4)[k])
        whole = a * np.roll(h, -M) + (1 - abs(a)) * h
        exact = error_of(whole, int(np.argmax(whole)) + phase, NOISE, 0.85)
        assert error == pytest.approx(com_bounds.SLACK * exact, rel=1e-6)


def test_what_cannot_win_is_left_out_and_the_best_never() -> None:
    every = candidates(np.inf)
    least = min(every.values())
    left = candidates(least * 1.05)
    assert left == {key: e for key, e in every.items() if e < least * 1.05}
    assert 1 <= len(left) < len(every)
    assert not candidates(least * 0.999)


def test_a_quantizer_raises_the_bound() -> None:
    plain, rough = candidates(np.inf), candidates(np.inf, 2 / 63)
    assert all(rough[key] > plain[key] for key in plain)
