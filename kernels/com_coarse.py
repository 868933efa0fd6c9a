"""The error that neighbouring forward taps and one feedback tap leave: Annex 178A.

This file knows that the equations of taps without limits are Toeplitz, so that their
error needs Levinson's recursion alone, and that a quantizer's step comes from a saddle
point. [1] is IEEE P802.3dj Annex 178A.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel

NEWTON = 4


@kernel
def inverse_products(
    lags: NDArray[np.float64],
    rows: NDArray[np.float64],
    work: NDArray[np.float64],
) -> tuple[float, float, float]:
    """Return h0 R^-1 h0, h0 R^-1 h1 and h1 R^-1 h1 of a symmetric Toeplitz R.

    Parameters
    ----------
    lags : (N,)
        First row of R.
    rows : (2, N)
        h0 and h1.
    work : (N,)

    Levinson's recursion without a solution: R^-1 is the sum over n of b_n b_n' / e_n,
    b_n the predictor backwards of order n and e_n its error.
    """
    size = len(lags)
    work[0] = 1.0  # the predictor forwards, which is b_n turned round
    error = lags[0]
    p, q, r = 0.0, 0.0, 0.0
    for n in range(1, size + 1):
        x, y, miss = rows[0, n - 1], rows[1, n - 1], 0.0
        for i in range(1, n):
            x += rows[0, n - 1 - i] * work[i]
            y += rows[1, n - 1 - i] * work[i]
            miss += lags[n - i] * work[i]
        p += x * x / error
        q += x * y / error
        r += y * y / error
        if n < size:
            ratio = -(miss + lags[n]) / error
            work[n] = 0.0
            for i in range(n // 2 + 1):
                first, last = work[i], work[n - i]
                work[i] = first + ratio * last
                work[n - i] = last + ratio * first
            error *= 1.0 - ratio * ratio
    return p, q, r


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
) -> float:
    """Return the least mean square error with one feedback tap, forward limits apart.

    With R w as inner products p = h0 R^-1 h0, q = h0 R^-1 hb, r = hb R^-1 hb the error
    at a feedback tap b is b^2 (1 - r) + (1 - b q)^2 / p - 1: [1] (178A-34) to (-36).
    """
    p, q, r = inverse_products(lags, rows, work)
    b = q / (p * (1.0 - r) + q * q)
    b = min(max(b, low), high)
    return b * b * (1.0 - r) + (1.0 - b * q) ** 2 / p - 1.0
