"""The opening of an eye over a window about the sampling instant: modules (C2M).

This file knows the histogram of width 2 T_O of IEEE Std 802.3 Annex 120G ([1]) as the
reference tool, release 4.30, takes it: the pulse is read finer than the sheet samples
it, each instant has its own interference and jitter, and their distributions are summed
with the window's weights before the error ratio is looked up.
"""

from dataclasses import replace
from itertools import pairwise
from math import floor, log10

import numpy as np

from accelsim.kernels import com as kernel
from accelsim.kernels import com_pdf
from accelsim.link.channel import Floats
from accelsim.link.com import NO_EYE, Com, Sampled, worst_samples
from accelsim.link.sheet import Sheet, Window


def in_window(found: Com, at: Sampled, aggressors: list[Floats], sheet: Sheet) -> Com:
    """Return a margin judged by the least opening over the sheet's window."""
    window = sheet.window
    if window is None:
        return found
    width = sheet.bin(found.signal)
    crosstalk = worst_samples(aggressors, sheet, width)
    opening = least_opening(found, at, crosstalk, sheet, window)
    interference = 2.0 * found.signal - opening
    closure = max(2.0 * found.signal / opening, NO_EYE) if opening else np.inf
    return replace(
        found,
        com_db=20.0 * log10(2.0 * found.signal / interference),
        vec_db=20.0 * log10(closure),
        interference=interference,
    )


def least_opening(
    found: Com, at: Sampled, crosstalk: list[Floats], sheet: Sheet, window: Window
) -> float:
    """Return the least opening of the eyes between neighbouring levels [V]."""
    width, samples, levels = sheet.bin(found.signal), window.samples, sheet.levels
    fine, cursor = finer(at, sheet, samples)
    middle = samples // 2
    left = cancelled(fine, cursor, middle, at, sheet, samples)
    weights = weights_of(window)
    reach = len(weights) // 2
    parts: list[tuple[float, Floats, float]] = []
    for offset, weight in zip(range(-reach, reach + 1), weights, strict=True):
        noise = noise_at(
            (fine, left), cursor + offset, found, crosstalk, sheet, samples
        )
        parts.append((weight, noise, sheet.level_ratio * fine[cursor + offset] / width))
    edges = [
        _edges(parts, 2.0 * level / (levels - 1.0) - 1.0, sheet.error_ratio)
        for level in range(levels)
    ]
    openings = [upper[0] - lower[1] for lower, upper in pairwise(edges)]
    return min(openings) * width


def finer(at: Sampled, sheet: Sheet, samples: int) -> tuple[Floats, int]:
    """Return the pulse at other samples an interval, and the cursor among them."""
    time = (np.arange(len(at.pulse)) - at.cursor) / sheet.samples
    before = floor(-time[0] * samples + 1e-9)
    after = floor(time[-1] * samples + 1e-9)
    wanted = np.arange(-before, after + 1) / samples
    return np.interp(wanted, time, at.pulse), before


def cancelled(
    fine: Floats, cursor: int, middle: int, at: Sampled, sheet: Sheet, samples: int
) -> Floats:
    """Return the pulse without its cursor's interval and what feedback takes."""
    left, value = fine.copy(), fine[cursor]
    begin = cursor - middle
    left[begin : begin + samples] = 0.0
    for n in range(1, len(at.taps) + 1):
        wanted = kernel.stepped(fine[cursor + n * samples], value, sheet.feedback.step)
        low, high = at.low[n - 1] * value, at.high[n - 1] * value
        taken = kernel.clipped(wanted, low, high)
        left[begin + n * samples : begin + (n + 1) * samples] -= taken
    return left


def noise_at(
    pulses: tuple[Floats, Floats],
    instant: int,
    found: Com,
    crosstalk: list[Floats],
    sheet: Sheet,
    samples: int,
) -> Floats:
    """Return the distribution of all that disturbs a decision at an instant."""
    fine, left = pulses
    width, sigmas = sheet.bin(found.signal), found.sigmas
    count = int(np.floor(len(fine) / samples + 0.5)) - 2
    phase = instant % samples
    at = samples + phase + samples * np.arange(count)
    # [2] leaves one out where the slope crosses its rows of intervals
    steep = at[1:] if phase == 0 else at[:-1] if phase == samples - 1 else at
    slopes = (fine[steep + 1] - fine[steep - 1]) / 2.0 * samples
    jitter = sheet.random_jitter * sheet.symbol_sigma * float(np.linalg.norm(slopes))
    gaussian = float(np.linalg.norm([jitter, sigmas.noise, sigmas.transmitter]))
    sizes = np.abs(np.concatenate([left[at], sheet.dual_dirac * slopes]))
    sizes = np.sort(np.concatenate([sizes[sizes > width], *crosstalk]))
    bounded = np.empty(2 * com_pdf.reach_of(sizes, width) + 1)
    com_pdf.fill_distribution(sizes, sheet.levels, width, bounded)
    far = int(np.floor(2.0 * sheet.deviations * gaussian / width + 0.5))
    normal = np.empty(2 * far + 1)
    com_pdf.fill_gaussian(gaussian, width, normal)
    out = np.empty(len(bounded) + len(normal) - 1)
    com_pdf.fill_sum(normal, bounded, out)
    return out


def weights_of(window: Window) -> Floats:
    """Return the weight of each instant, (2 T + 1,)."""
    reach = floor(window.reach * window.samples + 1e-9)
    x = np.arange(-reach, reach + 1.0)
    sigma = window.sigma * window.samples
    if window.shape == "gaussian":
        return np.asarray(np.exp(-0.5 * (x / sigma) ** 2))
    if window.shape == "triangle":
        return np.asarray(1.0 - np.abs(x) / max(reach, 1))
    if window.shape == "dual_rayleigh":
        up, down = (x + reach) / sigma, (x - reach) / sigma
        found = up * np.exp(-0.5 * up**2) - down * np.exp(-0.5 * down**2)
        return np.asarray(found / np.max(found))
    return np.ones(len(x))


def _edges(
    parts: list[tuple[float, Floats, float]], level: float, error_ratio: float
) -> tuple[int, int]:
    """Return the bins between which a level lies but for the error ratio."""
    shifts = [int(np.floor(level * main + 0.5)) for _, _, main in parts]
    halves = [(len(noise) - 1) // 2 for _, noise, _ in parts]
    begin = min(shift - half for shift, half in zip(shifts, halves, strict=True))
    end = max(shift + half for shift, half in zip(shifts, halves, strict=True))
    total = np.zeros(end - begin + 1)
    for (weight, noise, _), shift, half in zip(parts, shifts, halves, strict=True):
        first = shift - half - begin
        total[first : first + len(noise)] += weight * noise
    total /= np.sum(total)
    below = np.flatnonzero(np.cumsum(total) > error_ratio)
    above = np.flatnonzero(np.cumsum(total[::-1]) > error_ratio)
    return begin + int(below[0]), end - int(above[0])
