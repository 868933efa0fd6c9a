"""The statistical eye of a judged channel, and its bathtub.

This file knows how the distribution of what a slicer sees follows from the equalized
pulse, phase by phase: symbols times samples, crosstalk, and normal noise.
"""

from dataclasses import dataclass

import numpy as np

from accelsim.kernels import com as kernel
from accelsim.kernels import com_pdf
from accelsim.link.channel import Floats
from accelsim.link.com import Com, equalized
from accelsim.link.responses import Responses
from accelsim.link.sheet import Sheet

RATIOS = (1e-4, 1e-6, 1e-9, 1e-12)  # of symbols beyond a contour
ROWS = 240  # bins from the middle of the eye to its outermost level
DEVIATIONS = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """What the slicer sees.

    Attributes
    ----------
    time : (T,)
        Before and after the sampling instant [UI].
    voltage : (V,)
        [V].
    density : (V, T)
        Probability a bin.
    errors : (T,)
        Symbol error ratio of a slicer that decides at that time.
    signal : (T,)
        The outermost level [V].
    contours : (E, T)
        How far from its level a symbol is found as seldom as `RATIOS` [V].
    """

    time: Floats
    voltage: Floats
    density: Floats
    errors: Floats
    signal: Floats
    contours: Floats

    def opening(self, eye: int, levels: int, ratio: int) -> tuple[Floats, Floats]:
        """Return the lower and upper edge of an eye, from 0, over time [V], (T,) each.

        Where the lower is above the upper it is closed.
        """
        low, high = (2.0 * n / (levels - 1.0) - 1.0 for n in (eye, eye + 1))
        reach = self.contours[ratio]
        return low * self.signal + reach, high * self.signal - reach


def statistical_eye(found: Com, paths: Responses, sheet: Sheet) -> Eye:
    """Return the eye of one interval about the sampling instant."""
    samples, levels = sheet.samples, sheet.levels
    offsets = np.arange(-samples // 2, samples // 2 + 1)
    top = float(np.max(found.pulse[found.cursor + offsets[0] : found.cursor + samples]))
    width = sheet.level_ratio * top / ROWS
    crosstalk = np.concatenate([np.zeros(0), *aggressor_samples(found, paths, sheet)])
    half = 2 * ROWS
    density = np.zeros((2 * half + 1, len(offsets)))
    errors, signals = np.empty((2, len(offsets)))
    contours = np.empty((len(RATIOS), len(offsets)))
    far = int(np.ceil(DEVIATIONS * found.sigmas.gaussian / width))
    normal = np.empty(2 * far + 1)
    com_pdf.fill_gaussian(found.sigmas.gaussian, width, normal)
    for column, offset in enumerate(offsets):
        left, main = residual_at(found, sheet, found.cursor + int(offset))
        sizes = np.abs(np.concatenate([left, crosstalk]))
        kept = np.sort(sizes[sizes > width / 2.0])
        bounded = np.empty(2 * com_pdf.reach_of(kept, width) + 1)
        com_pdf.fill_distribution(kept, levels, width, bounded)
        noise = np.empty(len(bounded) + len(normal) - 1)
        com_pdf.fill_sum(normal, bounded, noise)
        signal = sheet.level_ratio * main / (levels - 1.0)
        middle = (len(noise) - 1) // 2
        edge = middle - max(int(np.floor(signal / width + 0.5)), 0)
        tail = float(np.sum(noise[: max(edge + 1, 0)]))
        signals[column] = sheet.level_ratio * main
        below = np.cumsum(noise)
        contours[:, column] = (middle - np.searchsorted(below, RATIOS)) * width
        errors[column] = 2.0 * (levels - 1.0) / levels * tail
        for level in range(levels):
            shift = (2.0 * level / (levels - 1.0) - 1.0) * sheet.level_ratio * main
            _add(density[:, column], noise / levels, int(np.rint(shift / width)))
    voltage = (np.arange(2 * half + 1) - half) * width
    time = np.asarray(offsets / samples)
    return Eye(time, np.asarray(voltage), density, errors, signals, contours)


def _add(column: Floats, noise: Floats, shift: int) -> None:
    """Add a distribution to a column, both with 0 V in the middle, shifted by bins."""
    start = len(column) // 2 + shift - len(noise) // 2
    low, high = max(start, 0), min(start + len(noise), len(column))
    if low < high:
        column[low:high] += noise[low - start : high - start]


def residual_at(
    found: Com, sheet: Sheet, at: int, *, fed_back: bool = True
) -> tuple[Floats, float]:
    """Return interference and the pulse at a sample near the cursor [V].

    Interference is by interval, 0 at the cursor's; `fed_back` takes off what decision
    feedback does.
    """
    samples = sheet.samples
    left = found.pulse[at % samples :: samples].copy()
    middle = at // samples
    main = float(left[middle])
    left[middle] = 0.0
    if fed_back:
        value = float(found.pulse[found.cursor])
        post = left[middle + 1 : middle + 1 + len(found.feedback)]
        post -= found.feedback[: len(post)] * value
    return left, main


def aggressor_samples(found: Com, paths: Responses, sheet: Sheet) -> list[Floats]:
    """Return the samples of each aggressor at its worst phase [V]."""
    kept = []
    for path in paths.aggressors:
        shape = equalized(path, sheet, found.setting)
        if found.forward is not None and sheet.forward is not None:
            taps, pre = found.forward, sheet.forward.pre
            shape = np.convolve(_spaced(taps, sheet.samples), shape)[
                pre * sheet.samples :
            ]
        out = np.empty(len(shape) // sheet.samples + 2)
        count = kernel.fill_worst_phase(shape, sheet.samples, sheet.levels, 1e-6, out)
        kept.append(out[:count])
    return kept


def _spaced(taps: Floats, samples: int) -> Floats:
    spaced = np.zeros((len(taps) - 1) * samples + 1)
    spaced[::samples] = taps
    return spaced
