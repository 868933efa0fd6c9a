"""What no receiver can err less than: how a search leaves settings out for certain.

This file knows two bounds of the mean square error of Annex 178A ([1] IEEE P802.3dj),
at a setting of the transmitter and a sampling phase. The first lets the receiver have
forward taps everywhere: its equations are then diagonal over frequency. The second lets
it have every tap that a fixed or floating one may stand at, without limits. Crosstalk
counts as the least of all phases, quantization with a step that is too small. A setting
whose bound is not below the best error found is worse than it.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.com_coarse import clipping_level, error_at
from accelsim.kernels.com_search import peak_of
from accelsim.kernels.jit import kernel

BEFORE, AFTER = 12, 30  # intervals about the cursor that the quantizer's input counts
# of the step from the saddle point: the exact one is never smaller, as the tests check
STEP_SHARE = 0.97
SLACK = 0.995  # of a bound: responses longer than the grid of frequencies go round it


@kernel
def least_error(p: float, q: float, low: float, high: float) -> float:
    """Return the error with one feedback tap, as `com_coarse.error_at` with r = p."""
    b = q / (p * (1.0 - p) + q * q)
    b = min(max(b, low), high)
    return b * b * (1.0 - p) + (1.0 - b * q) ** 2 / p - 1.0


@kernel
def fill_bounds(
    settings: NDArray[np.float64],
    waves: NDArray[np.float64],
    signal: NDArray[np.float64],
    shaped: NDArray[np.float64],
    rest: NDArray[np.float64],
    limits: tuple[float, float],
    bounds: NDArray[np.float64],
) -> None:
    """Fill what no forward equalizer can err less than, by setting and phase, (K, M).

    Parameters
    ----------
    settings : (K, N)
        Taps of the transmitter.
    waves : (F, N)
        cos(d w) of every lag d, twice for d > 0, at frequencies w from 0 to pi.
    signal, shaped, rest : (F, M)
        By phase, all over the symbols' mean square: power of the sampled pulse; of what
        else the transmitter's taps shape; of the rest [V^2].
    limits : (low, high)
        Of the feedback tap.

    With as many forward taps as one likes R is diagonal over frequency, and p, q and r
    of `error_at` are means of signal over signal and noise, and of it times cos w. Ends
    of the band count half.
    """
    size, phases = signal.shape
    width = settings.shape[1]
    p, q, own = np.empty(phases), np.empty(phases), np.empty(width)
    for k in range(len(settings)):
        taps = settings[k]
        for d in range(width):
            own[d] = np.sum(taps[: width - d] * taps[d:])
        p[:] = 0.0
        q[:] = 0.0
        for f in range(size):
            power = 0.0
            for d in range(width):
                power += own[d] * waves[f, d]
            power = max(power, 0.0)
            weight = 0.5 if f == 0 or f == size - 1 else 1.0
            turn = np.cos(np.pi * f / (size - 1.0))
            for m in range(phases):
                seen = power * signal[f, m]
                share = weight * seen / (seen + power * shaped[f, m] + rest[f, m])
                p[m] += share
                q[m] += share * turn
        for m in range(phases):
            bounds[k, m] = least_error(
                p[m] / (size - 1.0), q[m] / (size - 1.0), limits[0], limits[1]
            )


@kernel
def bound_at(
    power: NDArray[np.float64],
    turns: NDArray[np.float64],
    tables: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    far: NDArray[np.float64],
    phase: int,
    step: float,
    limits: tuple[float, float],
) -> float:
    """Return one entry of `fill_bounds` with quantization noise of a mean square.

    `power` is that of the transmitter's taps, `turns` are cos w, each (F,); `tables`
    are signal, shaped and rest; `far` is shaped too, (F,).
    """
    signal, shaped, rest = tables
    size = len(signal)
    p, q = 0.0, 0.0
    for f in range(size):
        weight = 0.5 if f == 0 or f == size - 1 else 1.0
        seen = power[f] * signal[f, phase]
        other = power[f] * (shaped[f, phase] + far[f])
        below = seen + other + rest[f, phase] + step
        p += weight * seen / below
        q += weight * seen / below * turns[f]
    return least_error(p / (size - 1.0), q / (size - 1.0), limits[0], limits[1])


@kernel
def fill_near(
    shifted: NDArray[np.float64],
    taps: NDArray[np.float64],
    first: int,
    stride: int,
    out: NDArray[np.float64],
) -> None:
    """Fill samples of the equalized pulse, `stride` apart; 0 beyond its ends."""
    for i in range(len(out)):
        at = first + i * stride
        out[i] = 0.0
        if 0 <= at < shifted.shape[1]:
            for n in range(len(taps)):
                out[i] += taps[n] * shifted[n, at]


@kernel
def step_at(
    shifted: NDArray[np.float64],
    taps: NDArray[np.float64],
    at: int,
    rules: np.record,
    near: NDArray[np.float64],
    saddle: float,
) -> tuple[float, float]:
    """Return a quantizer's mean square over the symbols', too small, and its saddle."""
    if rules.step_share == 0.0:
        return 0.0, saddle
    fill_near(shifted, taps, at - BEFORE * rules.samples, rules.samples, near)
    level, saddle = clipping_level(near, rules.noise, rules.clipping, saddle)
    step = (STEP_SHARE * level * rules.step_share) ** 2 / 12.0
    return step / rules.symbol_power, saddle


@kernel
def tap_bound(
    shifted: NDArray[np.float64],
    taps: NDArray[np.float64],
    own: NDArray[np.float64],
    lags: tuple[NDArray[np.float64], NDArray[np.float64]],
    far: NDArray[np.float64],
    at: int,
    step: float,
    rules: np.record,
    work: NDArray[np.float64],
) -> float:
    """Return the error with every tap of the span, without limits.

    Parameters
    ----------
    lags : (M, W + N - 1), (M, W)
        By phase and lag, over the symbols' mean square: of what the transmitter's taps
        shape, the pulse among it, and of the rest [V^2].
    far : (W + N - 1,)
        Of what else they shape.
    at : int
        The cursor.
    work : (4, W)
    """
    samples, size = rules.samples, work.shape[1]
    signal, rest = lags[0][at % samples], lags[1][at % samples]
    seen, rows = work[0], work[1:3]
    for i in range(size):
        seen[i] = rest[i] + own[0] * (signal[i] + far[i])
        for d in range(1, len(own)):
            back = abs(i - d)
            seen[i] += own[d] * (signal[i + d] + far[i + d] + signal[back] + far[back])
    seen[0] += step
    first = at + rules.pre * samples
    fill_near(shifted, taps, first, -samples, rows[0])
    fill_near(shifted, taps, first + samples, -samples, rows[1])
    return error_at(seen, rows, rules.low, rules.high, work[3])


@kernel
def fill_far(
    far: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]],
    setting: int,
    spectrum: NDArray[np.float64],
    around: NDArray[np.float64],
) -> None:
    """Fill the power and lags of all far-end aggressors at a setting, (F,) and (L,)."""
    spectrum[:] = 0.0
    around[:] = 0.0
    for a in range(far[2].shape[1]):
        spectrum += far[0][a, far[2][setting, a]]
        around += far[1][a, far[2][setting, a]]


@kernel
def fill_power(
    taps: NDArray[np.float64],
    waves: NDArray[np.float64],
    own: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Fill the autocorrelation of taps, and their power over frequency, (N,), (F,)."""
    for d in range(len(taps)):
        own[d] = np.sum(taps[: len(taps) - d] * taps[d:])
    for f in range(len(waves)):
        out[f] = max(np.sum(own * waves[f]), 0.0)


@kernel
def fill_candidates(
    shifted: NDArray[np.float64],
    settings: NDArray[np.float64],
    waves: NDArray[np.float64],
    tables: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    lags: tuple[NDArray[np.float64], NDArray[np.float64]],
    far: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]],
    tops: NDArray[np.float64],
    bounds: NDArray[np.float64],
    rules: np.record,
    best: float,
    places: NDArray[np.int64],
    errors: NDArray[np.float64],
) -> int:
    """Fill the settings and phases that may beat the best error; return how many.

    Parameters
    ----------
    shifted : (N, T)
        Pulses behind the continuous-time equalizer, shifted as each tap does [V].
    waves, tables, bounds
        As in `fill_bounds`, (signal, shaped, rest) in one.
    far : (A, M, F), (A, M, W + N - 1), (K, A)
        Power and lags of each far-end aggressor by phase, beyond what `tables` hold,
        and its phase at each setting.
    tops : (N, B)
        As `com_search.fill_block_peaks` gives them.
    rules : record of `com_tables.COARSE`
    places, errors : (P, 2), (P,)
        Filled: index of the setting, samples from the peak; the second bound.
    """
    samples = rules.samples
    scratch, own = np.empty(samples), np.empty(settings.shape[1])
    near, work = np.empty(BEFORE + AFTER + 1), np.empty((4, lags[1].shape[1]))
    span, limits = (rules.start, rules.stop, samples), (rules.low, rules.high)
    guess, saddle, count = (rules.start + rules.stop) // 2, rules.saddle, 0
    turns = np.cos(np.pi * np.arange(len(waves)) / (len(waves) - 1.0))
    power, spectrum = np.empty(len(waves)), np.empty(len(waves))
    around = np.empty(lags[0].shape[1])
    for k in range(len(settings)):
        if SLACK * np.min(bounds[k]) >= best:
            continue
        taps = settings[k]
        guess, _ = peak_of(shifted, taps, tops, span, guess, scratch)
        fill_power(taps, waves, own, power)
        fill_far(far, k, spectrum, around)
        for phase in range(rules.phase_low, rules.phase_high + 1):
            at, row = guess + phase, (guess + phase) % samples
            if SLACK * bounds[k, row] >= best:
                continue
            step, saddle = step_at(shifted, taps, at, rules, near, saddle)
            found = bound_at(power, turns, tables, spectrum, row, step, limits)
            if SLACK * found >= best:
                continue
            found = tap_bound(shifted, taps, own, lags, around, at, step, rules, work)
            if SLACK * found < best and count < len(errors):
                places[count, 0], places[count, 1] = k, phase
                errors[count] = SLACK * found
                count += 1
    return count
