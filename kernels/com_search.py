"""Every setting of the transmitter's equalizer behind one continuous-time setting.

This file knows that the transmitter's equalizer is linear: the equalized pulse is a sum
of shifted pulses, so that the energy of its samples is a quadratic form, one for each
sampling phase. A setting whose bound cannot beat the best so far is dropped before its
feedback taps are placed; no setting is dropped otherwise. Formulas as in `com`.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.com import fill_feedback, instant_in
from accelsim.kernels.com_tables import PEAK
from accelsim.kernels.jit import kernel

Floats = NDArray[np.float64]
Tables = tuple[Floats, Floats, Floats, Floats]


@kernel
def fill_grams(
    shifted: NDArray[np.float64],
    samples: int,
    energy: NDArray[np.float64],
    slope: NDArray[np.float64],
) -> None:
    """Fill the quadratic forms of the samples and of their slopes, phase by phase.

    Parameters
    ----------
    shifted : (N, T)
        The pulse shifted as each tap of the transmitter shifts it [V].
    samples : int
        M, of a unit interval.
    energy, slope : (N, N, M)
        Sums over all intervals of products of samples [V^2] and slopes [V^2/UI^2].
    """
    taps, length = shifted.shape
    energy[:] = 0.0
    slope[:] = 0.0
    scale = samples * samples / 4.0
    for a in range(taps):
        for b in range(a + 1):
            x, y = shifted[a], shifted[b]
            e, d = energy[a, b], slope[a, b]
            for begin in range(0, length, samples):
                for i in range(begin, min(begin + samples, length)):
                    e[i - begin] += x[i] * y[i]
            # the slope at a sample reaches from the one before to the one after
            for begin in range(0, length, samples):
                for i in range(max(begin, 2), min(begin + samples, length)):
                    product = (x[i] - x[i - 2]) * (y[i] - y[i - 2])
                    d[(i - 1) % samples] += scale * product
            energy[b, a] = e
            slope[b, a] = d


@kernel
def fill_block_peaks(
    shifted: NDArray[np.float64], start: int, samples: int, out: NDArray[np.float64]
) -> None:
    """Fill the largest size of each shifted pulse in blocks of an interval, (N, B)."""
    for n in range(len(shifted)):
        for block in range(out.shape[1]):
            begin = start + block * samples
            top = 0.0
            for i in range(begin, min(begin + samples, shifted.shape[1])):
                top = max(top, abs(shifted[n, i]))
            out[n, block] = top


@kernel
def fill_window(
    shifted: NDArray[np.float64],
    taps: NDArray[np.float64],
    begin: int,
    out: NDArray[np.float64],
) -> None:
    """Fill a stretch of the equalized pulse from sample `begin` on."""
    out[:] = 0.0
    for n in range(len(taps)):
        c, part = taps[n], shifted[n, begin : begin + len(out)]
        if c != 0.0:
            for i in range(len(part)):
                out[i] += c * part[i]


@kernel
def peak_of(
    shifted: NDArray[np.float64],
    taps: NDArray[np.float64],
    tops: NDArray[np.float64],
    span: tuple[int, int, int],
    guess: int,
    work: NDArray[np.float64],
) -> tuple[int, float]:
    """Return where an equalized pulse peaks, and its value there.

    Parameters
    ----------
    tops : (N, B)
        As `fill_block_peaks` gives them: blocks that cannot hold the peak are skipped.
    span : (start, stop, samples)
    guess : int
        A sample near the peak.
    work : (M,)
    """
    start, stop, samples = span
    peak, value = -1, -np.inf
    at_guess = 0.0
    for n in range(len(taps)):
        at_guess += taps[n] * shifted[n, guess]
    for block in range(tops.shape[1]):
        bound = 0.0
        for n in range(len(taps)):
            bound += abs(taps[n]) * tops[n, block]
        if bound < max(value, at_guess):
            continue
        begin = start + block * samples
        part = work[: min(samples, stop - begin)]
        fill_window(shifted, taps, begin, part)
        for i in range(len(part)):
            if part[i] > value:
                peak, value = begin + i, part[i]
    return peak, value


@kernel
def slopes_near(
    shifted: NDArray[np.float64],
    taps: NDArray[np.float64],
    cursor: int,
    samples: int,
    span: int,
) -> float:
    """Return the power of the slopes from one interval before to the last tap."""
    total = 0.0
    for k in range(-1, span + 1):
        at = cursor + k * samples
        if at < 1 or at + 1 >= shifted.shape[1]:
            continue
        slope = 0.0
        for n in range(len(taps)):
            slope += taps[n] * (shifted[n, at + 1] - shifted[n, at - 1])
        total += slope * slope
    return total * samples * samples / 4.0


@kernel
def fill_posts(
    shifted: NDArray[np.float64],
    taps: NDArray[np.float64],
    cursor: int,
    samples: int,
    post: NDArray[np.float64],
) -> float:
    """Fill the pulse one, two, … intervals after the cursor; return its energy."""
    total = 0.0
    for m in range(len(post)):
        at = cursor + (m + 1) * samples
        if at >= shifted.shape[1]:
            break
        for n in range(len(taps)):
            post[m] += taps[n] * shifted[n, at]
        total += post[m] * post[m]
    return total


@kernel
def form_at(gram: NDArray[np.float64], taps: NDArray[np.float64], phase: int) -> float:
    """Return a quadratic form at a phase."""
    total = 0.0
    for a in range(len(taps)):
        total += gram[a, a, phase] * taps[a] * taps[a]
        for b in range(a):
            total += 2.0 * gram[a, b, phase] * taps[a] * taps[b]
    return total


@kernel
def search_transmitter(
    tables: Tables,
    tops: NDArray[np.float64],
    settings: NDArray[np.float64],
    crosstalk: NDArray[np.float64],
    rules: np.record,
    feedback: np.record,
    best: float,
) -> tuple[int, int, float]:
    """Return the best setting of the transmitter, its phase, and its figure of merit.

    Parameters
    ----------
    tables : (shifted, energy, slope, limits)
        Pulses shifted as each tap does, (N, T) [V]; what `fill_grams` makes of them;
        lowest and highest feedback taps, (2, span).
    tops : (N, B)
        As `fill_block_peaks` gives them.
    settings : (K, N)
        Taps of every setting.
    crosstalk : (K,)
        Its mean square at each [V^2].
    rules, feedback : records of `com_tables.SEARCH` and `FEEDBACK`
    best : float
        Figure of merit to beat: signal squared over the mean square of all that
        disturbs it, [1] (93A-36).

    Returns
    -------
    setting, phase : int
        -1 and 0 if none is better.
    best : float
    """
    shifted, samples = tables[0], rules.samples
    window, work = np.empty(8 * samples + 1), np.empty(samples)
    span = (rules.start, rules.stop, samples)
    guess = (rules.start + rules.stop) // 2
    found, found_phase = -1, 0
    for k in range(len(settings)):
        taps = settings[k]
        peak, _ = peak_of(shifted, taps, tops, span, guess, work)
        begin = peak - 5 * samples
        if begin < 0 or begin + len(window) > shifted.shape[1]:
            continue
        guess, anchor = peak, 5 * samples
        if rules.anchor != PEAK:
            fill_window(shifted, taps, begin, window)
            anchor = instant_in(
                window, 5 * samples, samples, rules.first_max, rules.anchor
            )
            if anchor < 0:
                continue
        for phase in range(rules.phase_low, rules.phase_high + 1):
            at = begin + anchor + phase
            merit = merit_at(tables, taps, at, crosstalk[k], rules, feedback, best)
            if merit > best:
                best, found, found_phase = merit, k, phase
    return found, found_phase, best


@kernel
def merit_at(
    tables: Tables,
    taps: NDArray[np.float64],
    cursor: int,
    crosstalk: float,
    rules: np.record,
    feedback: np.record,
    best: float,
) -> float:
    """Return the figure of merit at a cursor, or a bound of it that is below `best`.

    Parameters
    ----------
    tables : (shifted, energy, slope, limits)
        As in `search_transmitter`.
    """
    shifted, energy, slope, limits = tables
    samples, span = rules.samples, feedback.span
    value = 0.0
    for n in range(len(taps)):
        value += taps[n] * shifted[n, cursor]
    if value <= 0.0:
        return -1.0
    signal = (rules.signal_share * value) ** 2
    phase = cursor % samples
    slopes = form_at(slope, taps, phase)
    if rules.jitter_span:
        slopes = slopes_near(shifted, taps, cursor, samples, span)
    sent = value
    if rules.tx_cursor >= 0:
        sent /= taps[rules.tx_cursor]
    disturbed = rules.noise + crosstalk + rules.tx_noise * sent * sent
    disturbed += rules.jitter * slopes
    if signal < best * disturbed:
        return -1.0
    post = np.zeros(span)
    left = form_at(energy, taps, phase) - value * value
    left = max(left - fill_posts(shifted, taps, cursor, samples, post), 0.0)
    if signal < best * (disturbed + rules.symbol_power * left):
        return -1.0
    low, high = limits[0].copy(), limits[1].copy()
    feedback_taps = np.zeros(span)
    places = np.zeros(feedback.groups * feedback.group_taps, np.int64)
    if span:
        fill_feedback(post, value, feedback, low, high, feedback_taps, places)
    for m in range(span):
        left += (post[m] - feedback_taps[m] * value) ** 2
    return float(signal / (disturbed + rules.symbol_power * left))
