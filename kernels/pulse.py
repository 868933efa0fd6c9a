"""From a transfer over frequency to a pulse over time, as COM does it.

This file knows extrapolation, the equalizers that act on samples, and running sums.
[1] is IEEE Std 802.3, Annex 93A.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel

TINY = np.finfo(np.float64).eps
BLOCK = 256  # phases of a linear tail are made from two short tables


@kernel
def fill_magnitude_phase(
    transfer: NDArray[np.complex128],
    magnitude: NDArray[np.float64],
    phase: NDArray[np.float64],
) -> None:
    """Fill the magnitude (at least 2.2e-16) and the unwrapped phase [rad] of (F,)."""
    turns, before = 0.0, 0.0
    for i in range(len(transfer)):
        magnitude[i] = max(abs(transfer[i]), TINY)
        raw = np.arctan2(transfer[i].imag, transfer[i].real)
        step = raw - before
        if i > 0 and abs(step) > np.pi:
            turns -= np.sign(step)
        before = raw
        phase[i] = raw + 2.0 * np.pi * turns


@kernel
def line_through(x: NDArray[np.float64], y: NDArray[np.float64], at: float) -> float:
    """Return the least-squares line through (x, y) at a point."""
    mean_x, mean_y = np.mean(x), np.mean(y)
    above, below = 0.0, 0.0
    for i in range(len(x)):
        above += (x[i] - mean_x) * (y[i] - mean_y)
        below += (x[i] - mean_x) ** 2
    return float(mean_y + above / below * (at - mean_x))


@kernel
def fill_spectrum(
    frequency: NDArray[np.float64],
    magnitude: NDArray[np.float64],
    phase: NDArray[np.float64],
    step: float,
    slope: float,
    out: NDArray[np.complex128],
) -> None:
    """Fill a transfer on the uniform grid 0, step, 2 step, … .

    Parameters
    ----------
    frequency, magnitude, phase : (F,)
        As measured; the phase unwrapped.
    step : float
        Hz.
    slope : float
        Of the phase above the band [rad/Hz].
    out : (G,)
        Inside the band linear in magnitude and phase. Above it the magnitude falls on
        the line through the upper half of the band. A band that does not start at 0
        goes there on the line through its first ten magnitudes.
    """
    n, last = len(frequency), len(frequency) - 1
    at_zero = magnitude[0]
    if frequency[0] > 0.0:
        at_zero = line_through(frequency[:10], magnitude[:10], 0.0)
    top = step * (len(out) - 1)
    half = int(np.floor(n / 2.0 + 0.5)) - 1
    ends = line_through(frequency[half:], magnitude[half:], top)
    ends = TINY if ends < TINY else min(ends, magnitude[last])
    first = (phase[1] - phase[0]) / (frequency[1] - frequency[0])
    low, inside = 0, 0
    for i in range(len(out)):
        f = i * step
        if f > frequency[last]:
            break
        inside = i
        if f < frequency[0]:
            size = at_zero + (magnitude[0] - at_zero) * f / frequency[0]
            out[i] = size * np.exp(1j * (phase[0] + first * (f - frequency[0])))
            continue
        while low < last - 1 and frequency[low + 1] <= f:
            low += 1
        part = (f - frequency[low]) / (frequency[low + 1] - frequency[low])
        size = magnitude[low] + part * (magnitude[low + 1] - magnitude[low])
        out[i] = size * np.exp(1j * (phase[low] + part * (phase[low + 1] - phase[low])))
    fall = (ends - magnitude[last]) / (top - frequency[last])
    edge = phase[last] + slope * (inside * step - frequency[last])
    if frequency[0] > 0.0:
        edge = np.angle(out[inside])
    fill_tail(step, inside, magnitude[last], frequency[last], fall, edge, slope, out)


@kernel
def fill_tail(
    step: float,
    inside: int,
    size: float,
    band: float,
    fall: float,
    edge: float,
    slope: float,
    out: NDArray[np.complex128],
) -> None:
    """Fill what lies above the band: a line in magnitude, a line in phase.

    exp(j(a + b)) = exp(ja) exp(jb) with two tables of `BLOCK` makes the phases: a tail
    has ten times the points of the band.
    """
    short = np.exp(1j * slope * step * np.arange(BLOCK))
    for start in range(inside + 1, len(out), BLOCK):
        turn = np.exp(1j * (edge + slope * step * (start - inside)))
        for i in range(start, min(start + BLOCK, len(out))):
            out[i] = (size + fall * (i * step - band)) * (turn * short[i - start])


@kernel
def last_above(response: NDArray[np.float64], share: float) -> int:
    """Return the number of samples up to the last one above a share of the peak."""
    peak = 0.0
    for value in response:
        peak = max(peak, abs(value))
    for i in range(len(response) - 1, -1, -1):
        if abs(response[i]) > peak * share:
            return i + 1
    return 0


@kernel
def fill_filtered(
    response: NDArray[np.float64],
    zero: float,
    pole: float,
    far_pole: float,
    gain: float,
    rate: float,
    out: NDArray[np.float64],
) -> None:
    """Fill a response behind one stage of the continuous-time equalizer.

    Parameters
    ----------
    response, out : (T,)
        May be the same array.
    zero, pole, far_pole : float
        Hz, of (gain + j f/zero) / ((1 + j f/pole) (1 + j f/far_pole)): [1] (93A-22).
    gain : float
        At 0 Hz.
    rate : float
        Samples a second. The bilinear transform makes the recursion.
    """
    double = 2.0 * rate
    p1, p2 = -2.0 * np.pi * pole, -2.0 * np.pi * far_pole
    z = -2.0 * np.pi * zero * gain
    p1d = (1.0 + p1 / double) / (1.0 - p1 / double)
    p2d = (1.0 + p2 / double) / (1.0 - p2 / double)
    zd = (1.0 + z / double) / (1.0 - z / double)
    k = -p2 * ((double - z) / ((double - p1) * (double - p2)) * pole / zero)
    b0, b1, b2 = k, k * (1.0 - zd), -k * zd
    a1, a2 = -(p1d + p2d), p1d * p2d
    x1, x2, y1, y2 = 0.0, 0.0, 0.0, 0.0
    for i in range(len(response)):
        x = response[i]
        y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
        x2, x1, y2, y1 = x1, x, y1, y
        out[i] = y


@kernel
def fill_pulse(
    response: NDArray[np.float64], samples: int, out: NDArray[np.float64]
) -> None:
    """Fill the answer to a pulse of `samples` from that to an impulse; both (T,)."""
    total = 0.0
    for i in range(len(response)):
        total += response[i]
        if i >= samples:
            total -= response[i - samples]
        out[i] = total


@kernel
def fill_shifted(
    pulse: NDArray[np.float64],
    taps: NDArray[np.float64],
    cursor: int,
    samples: int,
    out: NDArray[np.float64],
) -> None:
    """Fill a pulse behind a feed-forward equalizer, shifts going round the end.

    Parameters
    ----------
    pulse, out : (T,)
    taps : (N,)
        One unit interval apart.
    cursor : int
        Index of the tap that does not shift.
    samples : int
        Of a unit interval.
    """
    length = len(pulse)
    out[:] = 0.0
    for n in range(len(taps)):
        if taps[n] == 0.0:
            continue
        shift = ((n - cursor) * samples) % length
        for i in range(shift):
            out[i] += taps[n] * pulse[length - shift + i]
        for i in range(shift, length):
            out[i] += taps[n] * pulse[i - shift]
