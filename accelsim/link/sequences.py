"""What a detector of sequences gains over single decisions: P802.3dj 178A.1.10.

This file knows the distributions of sums of scaled noise far down their tails. They are
convolved by FFT after each was tilted by exp(-s y): the tail asked for becomes the
bulk, and rounding stays 1e-15 of it, where a plain FFT loses all below 1e-15 of the
peak.
"""

from typing import TYPE_CHECKING

import numpy as np

from accelsim.kernels import com_pdf
from accelsim.link.channel import Floats

if TYPE_CHECKING:
    from accelsim.link.com import Com
    from accelsim.link.sheet import Sheet

SMALLEST_TERM = 1e-4  # of the sum so far
LONGEST = 200
STEPS = 60


def sequence_gain_db(
    found: "Com", sheet: "Sheet", receiver: Floats, rest: Floats
) -> float:
    """Return the gain over the margin of decision feedback [dB], (178A-49).

    Parameters
    ----------
    receiver, rest : (N,)
        Folded densities behind the feed-forward equalizer: of the receiver's noise, and
        of all noise and interference [V^2/Hz].
    """
    from accelsim.link.com_mmse import forward_of

    target = found.interference * 10.0 ** (forward_of(sheet).added_noise_db / 20.0)
    unit = float(np.sum(receiver)) * sheet.symbol_rate / len(receiver)
    added, density = with_added_noise(found, unit, sheet.error_ratio, target)
    correlation = np.fft.ifft(rest + added * receiver).real
    tap = float(found.feedback[0]) if len(found.feedback) else 0.0
    errors = sequence_errors(
        density, found.width, found.signal, tap, correlation, sheet.levels
    )
    at = int(np.searchsorted(np.cumsum(density), errors)) - (len(density) - 1) // 2
    return float(20.0 * np.log10(max(-at, 1) * found.width / found.signal))


def with_added_noise(
    found: "Com", unit: float, error_ratio: float, target: float
) -> tuple[float, Floats]:
    """Return the factor of receiver noise that must be added, and the distribution.

    (178A-53): the least factor g with which noise and interference reach `target` [V]
    at the error ratio; `unit` is the receiver's mean square [V^2].
    """
    bounded, width = found.density[0], found.width
    variance = found.sigmas.gaussian**2

    def normal(factor: float) -> Floats:
        sigma = float(np.sqrt(variance + factor * unit))
        out = np.empty(2 * int(np.ceil(10.0 * sigma / width)) + 1)
        com_pdf.fill_gaussian(sigma, width, out)
        return out

    def reached(factor: float) -> bool:
        noise = normal(factor)
        at = com_pdf.quantile_of_sum(bounded, noise, error_ratio)
        return ((len(bounded) + len(noise)) // 2 - 1 - at) * width >= target

    low, high = 0.0, 1.0
    while not reached(high) and high < 1e9:
        low, high = high, 2.0 * high
    while high - low > 1e-6 * high:
        middle = (low + high) / 2.0
        low, high = (low, middle) if reached(middle) else (middle, high)
    noise = normal(high)
    density = np.empty(len(bounded) + len(noise) - 1)
    com_pdf.fill_sum(noise, bounded, density)
    return high, density


def sequence_errors(
    density: Floats,
    width: float,
    signal: float,
    tap: float,
    correlation: Floats,
    levels: int,
) -> float:
    """Return the detector's error ratio, (178A-50) to (178A-55).

    Parameters
    ----------
    density : (B,)
        Noise and interference on bins of `width` [V], 0 V in the middle.
    tap : float
        First feedback tap: what the detector leaves uncancelled.
    correlation : (N,)
        Of noise and interference at whole intervals.

    A wrong sequence of j symbols differs by u = 1, -(1-b), +(1-b), …, b; the noise
    along it is that of one sample, of b times one, and of 1-b times each between.
    """
    rho = correlation / correlation[0]
    parts = [density, scaled(density, tap)]
    step = scaled(density, 1.0 - tap)
    total = 0.0
    for length in range(1, min(LONGEST, len(rho) - 1) + 1):
        signs = (-1.0) ** np.arange(1, length)
        u = np.concatenate([[1.0], signs * (1.0 - tap), [(-1.0) ** (length + 1) * tap]])
        lags = np.abs(np.arange(length + 1)[:, None] - np.arange(length + 1))
        power = float(u @ u)
        reach = signal * power**1.5 / float(np.sqrt(u @ rho[lags] @ u))
        share = ((levels - 1.0) / levels) ** (length - 1)
        term = share * tail_of_sum([*parts, *[step] * (length - 1)], reach / width)
        total += term
        if term <= SMALLEST_TERM * total:
            break
    return total


def scaled(density: Floats, factor: float) -> Floats:
    """Return the distribution of a factor below 1 times what a density tells of."""
    edges = np.arange(len(density) + 1) - len(density) / 2.0
    if factor == 0.0:
        return np.ones(1)
    # from both ends, so that neither tail is a difference from one
    rising = np.concatenate([[0.0], np.cumsum(density)])
    falling = np.concatenate([np.cumsum(density[::-1])[::-1], [0.0]])
    reach = int(np.ceil(len(density) / 2.0 * abs(factor))) + 1
    cuts = np.arange(2 * reach + 2) - reach - 0.5
    low = np.interp(cuts / abs(factor), edges, rising)
    high = np.interp(cuts / abs(factor), edges, falling)
    made = np.where(cuts[:-1] < 0.0, np.diff(low), -np.diff(high))
    return np.asarray(np.maximum(made, 0.0) / np.sum(made))


def tail_of_sum(densities: list[Floats], reach: float) -> float:
    """Return the probability that a sum of independent parts is `reach` bins below 0.

    Each density has 0 in its middle. The tilt is the saddle point of their product.
    """
    if reach <= 0.0:
        return 0.5
    unique, counts = _counted(densities)
    axes = [np.arange(float(len(d))) - (len(d) - 1) // 2 for d in unique]
    if reach >= sum(n * (len(d) - 1) // 2 for d, n in zip(unique, counts, strict=True)):
        return 0.0
    tilt = _saddle(unique, axes, counts, reach)
    length = sum(n * (len(d) - 1) for d, n in zip(unique, counts, strict=True)) + 1
    size = 1 << (length - 1).bit_length()
    product, log_scale = np.ones(size // 2 + 1, np.complex128), 0.0
    for density, axis, count in zip(unique, axes, counts, strict=True):
        weights = density * np.exp(-tilt * axis)
        scale = float(np.sum(weights))
        product = product * np.fft.rfft(weights / scale, size) ** count
        log_scale += count * np.log(scale)
    summed = np.maximum(np.fft.irfft(product, size)[:length], 0.0)
    axis = np.arange(length) - (length - 1) // 2
    below = axis <= np.ceil(-reach - 1e-9)
    logs = tilt * axis[below] + log_scale
    return float(np.sum(summed[below] * np.exp(logs)))


def _counted(densities: list[Floats]) -> tuple[list[Floats], list[int]]:
    unique: list[Floats] = []
    counts: list[int] = []
    for density in densities:
        if unique and density is unique[-1]:
            counts[-1] += 1
        else:
            unique.append(density)
            counts.append(1)
    return unique, counts


def _saddle(
    unique: list[Floats], axes: list[Floats], counts: list[int], reach: float
) -> float:
    """Return s at which the mean of the tilted sum is -reach, by bisection."""

    def mean(tilt: float) -> float:
        total = 0.0
        for density, axis, count in zip(unique, axes, counts, strict=True):
            exponents = -tilt * axis
            weights = density * np.exp(exponents - np.max(exponents))
            total += count * float(np.sum(weights * axis) / np.sum(weights))
        return total

    low, high = 0.0, 1e-3
    while mean(high) > -reach and high < 1e3:
        low, high = high, 2.0 * high
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if mean(middle) > -reach else (low, middle)
        if high - low < 1e-3 * high:
            break
    return (low + high) / 2.0
