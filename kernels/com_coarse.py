"""The error that neighbouring forward taps and one feedback tap leave: Annex 178A.

This file knows that the equations of taps without limits are Toeplitz and are solved by
Levinson's recursion, and that a quantizer's step comes from a saddle point. [1] is IEEE
P802.3dj Annex 178A.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel

NEWTON = 4


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
