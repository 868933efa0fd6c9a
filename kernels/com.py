"""Channel operating margin at one equalizer setting: what is sampled, what disturbs it.

This file knows a pulse of the victim, those of its aggressors, and the rules of a
receiver with decision feedback; it knows them as the IEEE reference tool computes them
([1] is IEEE Std 802.3, Annex 93A; [2] the tool's release 4.30), not as the annex
words it, where the two differ. Indices count from 0.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.com_floating import fill_banks
from accelsim.kernels.com_tables import BALANCE, DIFFERENCE, PEAK
from accelsim.kernels.jit import kernel

THRESHOLD = 0.01  # of the peak, where the pulse counts as begun


@kernel
def cursor_of(
    pulse: NDArray[np.float64],
    start: int,
    stop: int,
    samples: int,
    first_max: float,
    anchor: int,
) -> tuple[int, int]:
    """Return where a pulse is sampled and where it peaks; -1 if it never begins.

    Parameters
    ----------
    pulse : (T,)
    start, stop : int
        Where the peak is looked for.
    samples : int
        Of a unit interval.
    first_max : float
        Largest first tap of the decision feedback.
    anchor : int
        Of `com_tables`.
    """
    peak = start
    for i in range(start, stop):
        if pulse[i] > pulse[peak]:
            peak = i
    if anchor == PEAK:
        return peak, peak
    first = max(peak - 5 * samples, 0)
    window = pulse[first : peak + 3 * samples + 1]
    at = instant_in(window, peak - first, samples, first_max, anchor)
    return (first + at if at >= 0 else -1), peak


@kernel
def instant_in(
    window: NDArray[np.float64], peak: int, samples: int, first_max: float, anchor: int
) -> int:
    """Return the sampling instant of a window about a peak, or -1.

    Balanced, [1] (93A-25): from the last rise through 1 % of the peak, at most four
    unit intervals before it, the sample in the next two at which the value one interval
    before is nearest to what decision feedback leaves one after.
    """
    best, cursor = np.inf, -1
    if anchor == DIFFERENCE:
        for i in range(max(peak - samples, samples), peak + samples + 1):
            off = window[i - samples] - window[i]
            if off < best:
                best, cursor = off, i
        return cursor
    level = THRESHOLD * window[peak]
    rise = -1
    for i in range(peak - 1, max(peak - 4 * samples, 0) - 1, -1):
        if window[i] <= level < window[i + 1] or window[i] < level <= window[i + 1]:
            rise = i
            break
    if rise < samples or rise + 3 * samples >= len(window):
        return -1
    for i in range(rise, rise + 2 * samples + 1):
        left = window[i + samples] - first_max * window[i]
        off = abs(left)
        if anchor == BALANCE:
            off = abs(window[i - samples] - max(left, 0.0))
        if off < best:
            best, cursor = off, i
    return cursor


@kernel
def clipped(value: float, low: float, high: float) -> float:
    """Return a value within limits that may stand in the wrong order, as [2] does."""
    result = value
    if value > high:
        result = high
    if value < low:
        result = low
    return result


@kernel
def stepped(value: float, cursor: float, step: float) -> float:
    """Return a sample rounded towards 0 to whole steps of the cursor."""
    if step == 0.0:
        return value
    return float(np.floor(abs(value / cursor) / step) * step * np.sign(value) * cursor)


@kernel
def fill_feedback(
    post: NDArray[np.float64],
    cursor: float,
    rules: np.record,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    taps: NDArray[np.float64],
    places: NDArray[np.int64],
) -> float:
    """Fill the decision feedback, fixed and floating, and return the tail's norm.

    Parameters
    ----------
    post : (N,)
        The pulse one, two, … N intervals after the cursor.
    cursor : float
    rules : record of `com_tables.FEEDBACK`
    low, high : (N,)
        Limits of each tap; those of the floating span are filled here.
    taps : (N,)
        Filled, as shares of the cursor.
    places : (groups * group_taps,)
        Filled with the floating taps, counted from 1.
    """
    if rules.groups > 0:
        high[rules.fixed :] = 0.0
        low[rules.fixed :] = 0.0
        fill_banks(post, cursor, rules, places)
        for place in places:
            high[place - 1] = rules.floating_max
            low[place - 1] = -rules.floating_max
    for n in range(len(post)):
        wanted = stepped(post[n], cursor, rules.step)
        taps[n] = clipped(wanted, cursor * low[n], cursor * high[n]) / cursor
    begin = rules.tail_start - 1
    if begin < 0 or begin >= len(post):
        return 0.0
    tail = float(np.sqrt(np.sum(taps[begin:] ** 2)))
    if tail != 0.0 and tail >= rules.tail_max:
        for n in range(begin, len(post)):
            bound = min(tail, rules.tail_max) * abs(taps[n]) / tail
            high[n], low[n] = bound, -bound
            wanted = stepped(post[n], cursor, rules.step)
            taps[n] = clipped(wanted, cursor * low[n], cursor * high[n]) / cursor
    return tail


@kernel
def fill_slopes(
    pulse: NDArray[np.float64], cursor: int, samples: int, out: NDArray[np.float64]
) -> int:
    """Fill the slope of a pulse at every sampling instant [V/UI]; return how many.

    [1] (93A-28), from the samples before and after; `out` is long enough.
    """
    phase = (cursor + 1) % samples
    if phase <= 1:
        phase += samples
    count = 0
    for late in range(phase, len(pulse), samples):
        out[count] = (pulse[late] - pulse[late - 2]) / 2.0 * samples
        count += 1
    return count


@kernel
def norm_from(pulse: NDArray[np.float64], start: int, step: int) -> float:
    """Return the sum of squares of every `step`-th sample, forwards or backwards."""
    total = 0.0
    i = start
    while 0 <= i < len(pulse):
        total += pulse[i] * pulse[i]
        i += step
    return total


@kernel
def fill_residual(
    pulse: NDArray[np.float64],
    cursor: int,
    taps: NDArray[np.float64],
    samples: int,
    out: NDArray[np.float64],
) -> int:
    """Fill the interference that is left at the sampling phase; return how many.

    The first interval of the response and the last are left out, as [2] does.
    """
    value = pulse[cursor]
    phase = cursor % samples
    count = int(np.floor(len(pulse) / samples + 0.5)) - 2
    for i in range(count):
        at = (i + 1) * samples + phase
        out[i] = pulse[at]
        n = (at - cursor) // samples
        if n == 0:
            out[i] = 0.0
        elif 1 <= n <= len(taps):
            out[i] -= taps[n - 1] * value
    return count


@kernel
def fill_worst_phase(
    pulse: NDArray[np.float64],
    samples: int,
    levels: int,
    width: float,
    out: NDArray[np.float64],
) -> int:
    """Fill an aggressor's samples at the phase of most interference; return how many.

    Parameters
    ----------
    pulse : (T,)
    samples, levels : int
        Of a unit interval; of a symbol.
    width : float
        Of a bin [V]: the variance is that of the binned levels, as [2] takes it.
    """
    count = int(np.floor(len(pulse) / samples + 0.5)) - 2
    worst, best = -1.0, 0
    for phase in range(samples):
        total = 0.0
        for i in range(count):
            size = abs(pulse[(i + 1) * samples + phase])
            if size > width:
                for level in range(levels // 2):
                    part = 1.0 - 2.0 * level / (levels - 1.0)
                    bins = np.floor(part * size / width + 0.5)
                    total += bins * bins
        if total > worst:
            worst, best = total, phase
    for i in range(count):
        out[i] = pulse[(i + 1) * samples + best]
    return count
