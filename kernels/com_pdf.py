"""Distributions of interference on a grid of voltage, tails kept.

This file knows how samples become a distribution and where it reaches an error ratio.
Everything is added directly: a convolution by FFT buries what is below 1e-15 of the
peak. [1] is IEEE Std 802.3, Annex 93A.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel

EPSILON = np.finfo(np.float64).eps


@kernel
def keep_above(
    values: NDArray[np.float64], count: int, width: float, out: NDArray[np.float64]
) -> int:
    """Fill the sizes of samples that reach over one bin; return how many."""
    kept = 0
    for i in range(count):
        size = abs(values[i])
        if size > width:
            out[kept] = size
            kept += 1
    return kept


@kernel
def reach_of(sizes: NDArray[np.float64], width: float) -> int:
    """Return how many bins a distribution of all these samples reaches to one side."""
    total = 0
    for size in sizes:
        total += int(np.floor(size / width + 0.5))
    return total


@kernel
def fill_distribution(
    sizes: NDArray[np.float64], levels: int, width: float, out: NDArray[np.float64]
) -> None:
    """Fill the distribution of the sum of independent symbols times samples.

    Parameters
    ----------
    sizes : (N,)
        Samples without sign, ascending: the support stays small for longest.
    levels : int
        Of the symbols, equally likely from -1 to 1, each rounded to a bin with
        halves away from zero: [1] (93A-39) and (93A-40).
    width : float
        Of a bin [V].
    out : (2 R + 1,)
        R is `reach_of`; the middle is 0 V.
    """
    middle = (len(out) - 1) // 2
    out[:] = 0.0
    out[middle] = 1.0
    old = np.zeros_like(out)
    reach = 0
    for size in sizes:
        begin, end = middle - reach, middle + reach + 1
        old[begin:end] = out[begin:end]
        far = int(np.floor(size / width + 0.5))
        reach += far
        out[middle - reach : middle + reach + 1] = 0.0
        for level in range(levels):
            part = abs(2.0 * level / (levels - 1.0) - 1.0) * size / width
            shift = int(np.floor(part + 0.5))
            if 2 * level < levels - 1:
                shift = -shift
            add_shifted(old[begin:end], out[begin + shift : end + shift])
        out[middle - reach : middle + reach + 1] *= 1.0 / levels


@kernel
def fill_spread(
    density: NDArray[np.float64], half: int, out: NDArray[np.float64]
) -> None:
    """Fill a distribution plus one that is level over 2 `half` + 1 bins, (B + 2 half,).

    By a running sum that never subtracts: the tails keep all their digits.
    """
    span = 2 * half + 1
    bins = len(out)
    # sums that end at a multiple of the span, from the left and from the right
    left, right = np.zeros(bins + span), np.zeros(bins + span)
    for i in range(len(density)):
        left[i + span - 1] = density[i]
    right[:] = left
    for i in range(1, len(left)):
        if i % span:
            left[i] += left[i - 1]
    for i in range(len(right) - 2, -1, -1):
        if (i + 1) % span:
            right[i] += right[i + 1]
    for i in range(bins):
        total = left[i + span - 1]
        if i % span:
            total += right[i]
        out[i] = total / span


@kernel
def add_shifted(source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
    """Add one array to another."""
    for i in range(len(source)):
        target[i] += source[i]


@kernel
def fill_gaussian(sigma: float, width: float, out: NDArray[np.float64]) -> None:
    """Fill a normal distribution on bins, 0 V in the middle, that sums to one."""
    middle = (len(out) - 1) // 2
    for i in range(len(out)):
        x = (i - middle) * width
        out[i] = np.exp(-x * x / (2.0 * sigma * sigma + EPSILON))
    out /= np.sum(out)


@kernel
def fill_sum(
    a: NDArray[np.float64], b: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Fill the distribution of the sum of two; out has len(a) + len(b) - 1 bins."""
    out[:] = 0.0
    for i in range(len(a)):
        if a[i] != 0.0:
            for k in range(len(b)):
                out[i + k] += a[i] * b[k]


@kernel
def quantile_of_sum(
    a: NDArray[np.float64], b: NDArray[np.float64], share: float
) -> int:
    """Return the first bin at which the sum of two distributions exceeds a share.

    By bisection, without the sum itself; bins count from 0 at the lowest of it.
    """
    below = np.cumsum(b)
    low, high = 0, len(a) + len(b) - 2
    while low < high:
        at = (low + high) // 2
        total = 0.0
        for i in range(min(len(a), at + 1)):
            total += a[i] * below[min(at - i, len(b) - 1)]
        if total > share:
            high = at
        else:
            low = at + 1
    return low


@kernel
def first_above(density: NDArray[np.float64], share: float, strict: int) -> int:
    """Return the first bin at which the sum so far is above a share (or at it)."""
    total = 0.0
    for i in range(len(density)):
        total += density[i]
        if total > share or (not strict and total >= share):
            return i
    return len(density) - 1
