"""A quick estimate of the error of every setting of a transmitter, Annex 178A.

This file knows the fixed taps alone: the pulse behind the transmitter's equalizer is a
sum of shifts of one pulse, so that its autocorrelation is that of the taps, convolved
with that of the pulse; the equations are Toeplitz and are solved by Levinson's
recursion; the quantizer's step comes from a saddle point. What it ranks best is then
computed in full elsewhere. [1] is IEEE P802.3dj Annex 178A.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.com_search import peak_of
from accelsim.kernels.jit import kernel

BEFORE, AFTER = 12, 30  # intervals about the peak that the quantizer's input counts
NEWTON = 4
# phases that are tried: five from the peak, then two closer ones about the best, twice
LADDER = (0, -8, -4, 4, 8, -2, 2, -1, 1)
LADDER_LENGTH = len(LADDER)


@kernel
def solve_toeplitz(
    lags: NDArray[np.float64],
    right: NDArray[np.float64],
    work: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Solve a symmetric Toeplitz system for several right sides: Levinson's recursion.

    Parameters
    ----------
    lags : (N,)
        First row.
    right, out : (K, N)
    work : (2, N)
    """
    size, sides = len(lags), len(right)
    before, after = work[0], work[1]
    before[0] = 1.0
    error = lags[0]
    for k in range(sides):
        out[k, 0] = right[k, 0] / error
    for n in range(1, size):
        miss = 0.0
        for i in range(n):
            miss += lags[n - i] * before[i]
        ratio = -miss / error
        before[n] = 0.0
        for i in range(n + 1):
            after[i] = before[i] + ratio * before[n - i]
        error *= 1.0 - ratio * ratio
        for i in range(n + 1):
            before[i] = after[i]
        for k in range(sides):
            left = right[k, n]
            for i in range(n):
                left -= lags[n - i] * out[k, i]
            share = left / error
            out[k, n] = 0.0
            for i in range(n + 1):
                out[k, i] += share * before[n - i]


@kernel
def clipping_level(
    samples: NDArray[np.float64], variance: float, share: float, start: float
) -> tuple[float, float]:
    """Return where four-level symbols through samples, and noise, exceed a share.

    The saddle point of the cumulant generating function, with its first correction;
    `start` is a guess of it [1/V], and the better one is returned with the level [V].
    """
    s, level = start, 0.0
    target = -np.log(share)
    for _ in range(NEWTON):
        total, first, second = 0.5 * variance * s * s, variance * s, variance
        for h in samples:
            x = np.exp(min(abs(h) * s / 3.0, 60.0))
            cube, back = x * x * x, 1.0 / x
            third = back * back * back
            weight = cube + x + back + third
            slope = (cube - third + (x - back) / 3.0) / weight
            total += np.log(0.25 * weight)
            first += abs(h) * slope
            bend = (cube + third + (x + back) / 9.0) / weight - slope * slope
            second += h * h * bend
        level = first
        width = s * np.sqrt(2.0 * np.pi * second)
        want = target - np.log(max(width, 1.0))
        s += (want - (s * first - total)) / (s * second)
        s = min(max(s, 0.3 * start), 3.0 * start)
    return level, s


@kernel
def error_at(
    lags: NDArray[np.float64],
    rows: NDArray[np.float64],
    low: float,
    high: float,
    work: NDArray[np.float64],
    solved: NDArray[np.float64],
) -> float:
    """Return the least mean square error with one feedback tap, forward limits apart.

    With R w as inner products p = h0 R^-1 h0, q = h0 R^-1 hb, r = hb R^-1 hb the error
    at a feedback tap b is b^2 (1 - r) + (1 - b q)^2 / p - 1: [1] (178A-34) to (-36).
    """
    solve_toeplitz(lags, rows, work, solved)
    p, q, r = 0.0, 0.0, 0.0
    for i in range(len(lags)):
        p += rows[0, i] * solved[0, i]
        q += rows[0, i] * solved[1, i]
        r += rows[1, i] * solved[1, i]
    b = q / (p * (1.0 - r) + q * q)
    b = min(max(b, low), high)
    return b * b * (1.0 - r) + (1.0 - b * q) ** 2 / p - 1.0


@kernel
def fill_equations(
    shifted: NDArray[np.float64],
    taps: NDArray[np.float64],
    own: NDArray[np.float64],
    signal_lags: NDArray[np.float64],
    noise_lags: NDArray[np.float64],
    at: int,
    place: tuple[int, int],
    lags: NDArray[np.float64],
    rows: NDArray[np.float64],
) -> None:
    """Fill the first row of R and the rows h0 and hb of the pulse, at a cursor.

    Parameters
    ----------
    shifted, taps : (N, T), (N,)
    own : (N,)
        Autocorrelation of the taps.
    signal_lags, noise_lags : (W + N - 1,), (W,)
        As in `fill_estimates`, of the cursor's phase.
    at : int
    place : (samples, pre)
    lags, rows : (W,), (2, W)
    """
    samples, pre = place
    for i in range(len(lags)):
        lags[i] = noise_lags[i] + own[0] * signal_lags[i]
        for d in range(1, len(own)):
            lags[i] += own[d] * (signal_lags[i + d] + signal_lags[abs(i - d)])
        rows[0, i], rows[1, i] = 0.0, 0.0
        there = at + (pre - i) * samples
        for n in range(len(taps)):
            rows[0, i] += taps[n] * shifted[n, there]
            rows[1, i] += taps[n] * shifted[n, there + samples]


@kernel
def step_power(
    shifted: NDArray[np.float64],
    taps: NDArray[np.float64],
    first: int,
    rules: np.record,
    near: NDArray[np.float64],
    saddle: float,
) -> tuple[float, float]:
    """Return a quantizer's mean square over the symbols', and its saddle point."""
    if rules.step_share == 0.0:
        return 0.0, saddle
    for i in range(len(near)):
        near[i] = 0.0
        for n in range(len(taps)):
            near[i] += taps[n] * shifted[n, first + i * rules.samples]
    level, saddle = clipping_level(near, rules.noise, rules.clipping, saddle)
    return (level * rules.step_share) ** 2 / 12.0 / rules.symbol_power, saddle


@kernel
def fill_estimates(
    shifted: NDArray[np.float64],
    settings: NDArray[np.float64],
    signal_lags: NDArray[np.float64],
    noise_lags: NDArray[np.float64],
    tops: NDArray[np.float64],
    rules: np.record,
    errors: NDArray[np.float64],
    phases: NDArray[np.int64],
) -> None:
    """Fill the error and best phase, from the peak, of every transmitter setting, (K,).

    Parameters
    ----------
    shifted : (N, T)
        Pulses behind the continuous-time equalizer, shifted as each tap does [V].
    settings : (K, N)
    signal_lags : (M, W + N - 1)
        By phase: autocorrelation of the pulse, of its slopes times the jitter's mean
        square, and of far-end crosstalk: all that the transmitter's taps shape [V^2].
    noise_lags : (M, W)
        By phase: that of the rest, over the symbols' mean square [V^2].
    tops : (N, B)
        As `com_search.fill_block_peaks` gives them.
    rules : record of `com_tables.COARSE`
    """
    taps_count, size, samples = settings.shape[1], noise_lags.shape[1], rules.samples
    scratch, own = np.empty(samples), np.empty(taps_count)
    near, lags = np.empty(BEFORE + AFTER + 1), np.empty(size)
    rows, work, solved = np.empty((2, size)), np.empty((2, size)), np.empty((2, size))
    middle = 0
    guess, saddle = (rules.start + rules.stop) // 2, rules.saddle
    span, place = (rules.start, rules.stop, samples), (samples, rules.pre)
    for k in range(len(settings)):
        taps = settings[k]
        errors[k], phases[k] = np.inf, 0
        peak, _ = peak_of(shifted, taps, tops, span, guess, scratch)
        guess, first = peak, peak - BEFORE * samples
        if first < samples or peak + (AFTER + 1) * samples >= shifted.shape[1]:
            continue
        for d in range(taps_count):
            own[d] = np.sum(taps[: taps_count - d] * taps[d:])
        step, saddle = step_power(shifted, taps, first, rules, near, saddle)
        for turn in range(LADDER_LENGTH):
            if turn == 0 or turn in (5, 7):
                middle = phases[k]
            phase = middle + LADDER[turn]
            if rules.phase_low <= phase <= rules.phase_high:
                row = (peak + phase) % samples
                signal, noise = signal_lags[row], noise_lags[row]
                at = peak + phase
                fill_equations(shifted, taps, own, signal, noise, at, place, lags, rows)
                lags[0] += step
                found = error_at(lags, rows, rules.low, rules.high, work, solved)
                if found < errors[k]:
                    errors[k], phases[k] = found, phase
