"""What a detector of sequences gains, as the reference tool's release 4.30 tells it.

This file knows H. Shakiba's model (IEEE P802.3dj, shakiba_3dj_01_230116) in both forms
that the tool ([2]) has: 1, the error ratio of all lengths of errors at their distances,
turned back into a margin; 2, the distribution narrowed until a plain slicer errs as
often. `link.sequences` follows the draft of Annex 178A.
"""

from dataclasses import replace
from math import log10, sqrt

import numpy as np

from accelsim.kernels import com_pdf
from accelsim.link.channel import Floats
from accelsim.link.com import Com
from accelsim.link.sheet import Sheet

NARROWED = 2  # `Sheet.sequence_detector` of the second form
FIRST_STEP, NEAR, MOST_STEPS = 0.05, 0.1, 1000  # of narrowing a distribution


def with_sequences(found: Com, sheet: Sheet) -> Com:
    """Return the margin with a detector of sequences behind the first feedback tap."""
    signal = found.signal
    if signal < found.interference:
        return replace(found, before_sequence_db=found.com_db)
    bounded, normal = found.density
    density = np.empty(len(bounded) + len(normal) - 1)
    com_pdf.fill_sum(normal, bounded, density)
    below = np.cumsum(density)
    tap = float(found.feedback[0]) if len(found.feedback) else 0.0
    errors = _errors(below, signal, tap, found.width, sheet.levels)
    if sheet.sequence_detector == NARROWED:
        gain_db = _narrowed_db(density, errors, found, sheet)
    else:
        levels, middle = sheet.levels, (len(below) - 1) // 2
        again = _below(below, (1.0 - 2.0 * tap) * signal, found.width)
        share = levels / (levels - 1.0) - again
        index = int(np.searchsorted(below, errors * share / 2.0, side="left"))
        gain_db = 20.0 * log10(abs(index - middle) * found.width / signal)
    opening = 10.0 ** (found.vec_db / 20.0)
    vec_gain = gain_db - 20.0 * log10((10.0 ** (gain_db / 20.0) - 1.0) * opening + 1.0)
    return replace(
        found,
        com_db=found.com_db + gain_db,
        vec_db=found.vec_db + vec_gain,
        before_sequence_db=found.com_db,
    )


def _below(below: Floats, value: float, width: float) -> float:
    """Return the share of a distribution that is below a voltage's negative."""
    middle = (len(below) - 1) // 2
    return float(below[max(int(np.ceil(-value / width - 1e-9)) + middle, 0)])


def _errors(
    below: Floats, signal: float, tap: float, width: float, levels: int
) -> float:
    """Return the error ratio of the detector, errors of all lengths added."""
    # [2] multiplies the distance by (L - 1) and divides by it again
    errors, change, length = 0.0, np.inf, 1
    while change > 1e-3:
        last = errors
        reach = sqrt(1.0 + (length - 1) * (1.0 - tap) ** 2 + tap * tap) * signal
        share = length * ((levels - 1.0) / levels) ** length
        errors += 2.0 * share * _below(below, reach, width)
        change = 1.0 - last / errors if errors else 0.0
        length += 1
    return errors


def _narrowed_db(density: Floats, errors: float, found: Com, sheet: Sheet) -> float:
    """Return the gain by the distribution that makes a slicer err as often."""
    levels, width = sheet.levels, found.width
    scale, step, last = 1.0, FIRST_STEP, np.inf
    below = np.cumsum(density)
    before = _quantile(below, sheet.error_ratio)
    for _ in range(MOST_STEPS):
        scale -= step
        one_sided = np.cumsum(_scaled(density, scale))
        below = np.minimum(one_sided, one_sided[::-1])  # it is symmetric
        share = 2.0 * (levels - 1.0) / levels
        off = share * _below(below, found.signal, width) / errors - 1.0
        if np.sign(off) != np.sign(last):
            step = -step / 2.0
        last = off
        if abs(off) < NEAR:
            break
    return 20.0 * log10(before / _quantile(below, sheet.error_ratio))


def _quantile(below: Floats, error_ratio: float) -> int:
    """Return how many bins from 0 V a share is reached."""
    return (len(below) - 1) // 2 - int(np.argmax(below >= error_ratio))


def _scaled(density: Floats, scale: float) -> Floats:
    """Return a distribution of values times a scale, on the same bins."""
    half = (len(density) - 1) // 2
    reach = int(np.ceil(half * scale))
    at, bins = np.arange(-reach, reach + 1.0), np.arange(-half, half + 1.0)
    out = np.interp(at, bins * scale, density)
    out[0], out[-1] = out[1], out[-2]
    return np.asarray(out / np.sum(out))
