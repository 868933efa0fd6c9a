"""Taps of least mean square error for a receiver with feed-forward and feedback.

This file knows the normal equations of IEEE P802.3dj Annex 178A ([1] (178A-32) to
(178A-36)) and their solution by Cholesky's method; the noise comes in as its
autocorrelation.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel


@kernel
def fill_autocorrelation(
    samples: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Fill the sums of products of samples that lie 0, 1, 2, … apart."""
    for lag in range(len(out)):
        total = 0.0
        for i in range(len(samples) - lag):
            total += samples[i] * samples[i + lag]
        out[lag] = total


@kernel
def dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the inner product."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@kernel
def scale(taps: NDArray[np.float64], main: NDArray[np.float64]) -> None:
    """Scale taps in place so that the pulse is 1 at its cursor."""
    value = dot(main, taps)
    for i in range(len(taps)):
        taps[i] /= value


@kernel
def factor(matrix: NDArray[np.float64]) -> None:
    """Put the Cholesky factor of a symmetric matrix into its lower half."""
    for i in range(len(matrix)):
        for k in range(i + 1):
            total = matrix[i, k]
            for m in range(k):
                total -= matrix[i, m] * matrix[k, m]
            if i == k:
                matrix[i, i] = np.sqrt(max(total, 1e-300))
            else:
                matrix[i, k] = total / matrix[k, k]


@kernel
def solve(lower: NDArray[np.float64], x: NDArray[np.float64]) -> None:
    """Solve in place with a factor of `factor`."""
    n = len(x)
    for i in range(n):
        for k in range(i):
            x[i] -= lower[i, k] * x[k]
        x[i] /= lower[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            x[i] -= lower[k, i] * x[k]
        x[i] /= lower[i, i]


@kernel
def fill_taps(
    power: NDArray[np.float64],
    rows: NDArray[np.float64],
    feedback: NDArray[np.float64],
    forward: NDArray[np.float64],
    cursor: int,
    again: int,
    taps: NDArray[np.float64],
    back: NDArray[np.float64],
) -> float:
    """Fill the taps of least error, and return the mean square error over the symbols'.

    Parameters
    ----------
    power : (N, N)
        R = H'H + R_nn / sigma_X^2, [1] (178A-33).
    rows : (1 + B, N)
        Of the pulse's convolution matrix: h_0 and then H_b.
    feedback, forward : (2, B), (2, N)
        Lowest and highest taps; the forward ones as shares of the cursor's, `cursor`.
    again : int
        1 if the forward taps are solved again after they were limited, as release 4.30
        of the reference tool does; the draft scales them instead.
    taps, back : (N,), (B,)

    The pulse is 1 at the cursor: h_0 w = 1. Without limits the feedback takes what the
    forward taps leave, b = H_b w, and w is along (R - H_b' H_b)^-1 h_0.
    """
    main, later = rows[0], rows[1:]
    reduced = power.copy()
    for b in range(len(later)):
        for i in range(len(main)):
            for k in range(len(main)):
                reduced[i, k] -= later[b, i] * later[b, k]
    factor(reduced)
    taps[:] = main
    solve(reduced, taps)
    scale(taps, main)
    free = np.empty(len(later))
    if fill_back(later, taps, feedback, free, back):
        fill_constrained(power, main, later, back, taps)
        if not again:
            free[:] = back
    if limit_taps(forward, cursor, taps):
        scale(taps, main)
        fill_back(later, taps, feedback, free, back)
        if again:
            fill_constrained(power, main, later, back, taps)
            limit_taps(forward, cursor, taps)
        else:
            free[:] = back
    return error_of(power, main, later, free, taps)


@kernel
def fill_back(
    later: NDArray[np.float64],
    taps: NDArray[np.float64],
    feedback: NDArray[np.float64],
    free: NDArray[np.float64],
    back: NDArray[np.float64],
) -> bool:
    """Fill the feedback taps, free and limited; return whether a limit was met."""
    limited = False
    for b in range(len(later)):
        free[b] = dot(later[b], taps)
        back[b] = min(feedback[1, b], max(feedback[0, b], free[b]))
        limited = limited or back[b] != free[b]
    return limited


@kernel
def fill_constrained(
    power: NDArray[np.float64],
    main: NDArray[np.float64],
    later: NDArray[np.float64],
    back: NDArray[np.float64],
    taps: NDArray[np.float64],
) -> None:
    """Fill the forward taps that suit feedback taps which are given."""
    lower = power.copy()
    factor(lower)
    along = main.copy()
    solve(lower, along)
    for i in range(len(taps)):
        taps[i] = 0.0
        for b in range(len(later)):
            taps[i] += back[b] * later[b, i]
    solve(lower, taps)
    share = (1.0 - dot(main, taps)) / dot(main, along)
    for i in range(len(taps)):
        taps[i] += share * along[i]


@kernel
def limit_taps(
    forward: NDArray[np.float64], cursor: int, taps: NDArray[np.float64]
) -> bool:
    """Limit taps to shares of the cursor's in place; return whether any changed."""
    changed = False
    value = taps[cursor]
    for i in range(len(taps)):
        kept = min(forward[1, i] * value, max(forward[0, i] * value, taps[i]))
        changed = changed or kept != taps[i]
        taps[i] = kept
    return changed


@kernel
def error_of(
    power: NDArray[np.float64],
    main: NDArray[np.float64],
    later: NDArray[np.float64],
    back: NDArray[np.float64],
    taps: NDArray[np.float64],
) -> float:
    """Return the mean square error over the symbols' mean square, [1] (178A-36)."""
    total = 1.0 - 2.0 * dot(main, taps)
    for i in range(len(taps)):
        total += taps[i] * dot(power[i], taps)
    for b in range(len(later)):
        total += back[b] * back[b] - 2.0 * back[b] * dot(later[b], taps)
    return total


@kernel
def place_groups(
    lags: NDArray[np.float64],
    rows: NDArray[np.float64],
    feedback: NDArray[np.float64],
    forward: NDArray[np.float64],
    cursor: int,
    shape: tuple[int, int, int],
    columns: NDArray[np.int64],
) -> int:
    """Fill the columns of all taps, groups placed one by one; return how many.

    Parameters
    ----------
    lags : (S,)
        R by distance: all S taps could be used, [1] (178A-33).
    rows : (1 + B, S)
        As in `fill_taps`, of all taps.
    feedback, forward : (2, B), (2, S)
    cursor : int
    shape : (fixed, groups, width)
    columns : (fixed + groups * width,)

    Each group goes where the error is least with those that are placed: [1] 178A.1.8.1.
    """
    fixed, groups, width = shape
    used = fixed
    for i in range(fixed):
        columns[i] = i
    taps, back = np.empty(len(columns)), np.empty(len(rows) - 1)
    for _ in range(groups):
        best, found = np.inf, -1
        for start in range(fixed, len(lags) - width + 1):
            if overlaps(columns[fixed:used], start, width):
                continue
            for t in range(width):
                columns[used + t] = start + t
            chosen = columns[: used + width]
            error = error_with(
                lags, rows, feedback, forward, cursor, chosen, taps, back
            )
            if error < best:
                best, found = error, start
        if found < 0:
            break
        for t in range(width):
            columns[used + t] = found + t
        used += width
    return used


@kernel
def overlaps(placed: NDArray[np.int64], start: int, width: int) -> bool:
    """Return whether a group would take a place that is taken."""
    found = False
    for at in placed:
        found = found or start <= at < start + width
    return found


@kernel
def error_with(
    lags: NDArray[np.float64],
    rows: NDArray[np.float64],
    feedback: NDArray[np.float64],
    forward: NDArray[np.float64],
    cursor: int,
    columns: NDArray[np.int64],
    taps: NDArray[np.float64],
    back: NDArray[np.float64],
) -> float:
    """Fill the taps in some columns and return the error, as `fill_taps`."""
    count = len(columns)
    power = np.empty((count, count))
    part, edges = np.empty((len(rows), count)), np.empty((2, count))
    for i in range(count):
        for k in range(count):
            power[i, k] = lags[abs(columns[i] - columns[k])]
        for b in range(len(rows)):
            part[b, i] = rows[b, columns[i]]
        for edge in range(2):
            edges[edge, i] = forward[edge, columns[i]]
    return fill_taps(power, part, feedback, edges, cursor, 0, taps[:count], back)
