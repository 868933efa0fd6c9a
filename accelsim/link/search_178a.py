"""The best equalizer setting of a sheet after Annex 178A.

This file knows that every setting is estimated, with the fixed taps alone, and that
those estimated best are computed in full, floating taps, quantizer and all. The
estimate is within a few hundredths of a decibel of the full figure of merit, so that
`REFINED` of them are enough; the tests count how many are needed.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from accelsim.errors import NoAnswerError
from accelsim.kernels import com as kernel
from accelsim.kernels import com_coarse, com_mmse, com_search, com_tables, pulse
from accelsim.link.channel import Floats
from accelsim.link.com import Setting, equalized, searched
from accelsim.link.com_178a import Noise, mean_square, noise_of, received
from accelsim.link.com_mmse import anchor_of, density_of, forward_of, worst_phase
from accelsim.link.com_search import ctle_settings, tx_settings
from accelsim.link.responses import Responses
from accelsim.link.sheet import Sheet

REFINED = 48  # settings that are computed in full
FRONT, BACK = 16, 48  # intervals of nothing on both sides of a response
STRIDE = 2  # samples between the phases that are tried first


def best_setting(paths: Responses, sheet: Sheet) -> Setting:
    """Return the setting with the best figure of merit.

    Raises
    ------
    NoAnswerError
        No setting gives a pulse with a sampling instant.
    """
    settings = tx_settings(sheet)
    gains = list(ctle_settings(sheet))
    errors = np.empty((len(gains), len(settings)))
    phases = np.empty(errors.shape, np.int64)
    for row, (gain_db, low_gain_db) in enumerate(gains):
        plain = Setting(gain_db, low_gain_db, (1.0,), 0)
        estimate(paths, sheet, plain, settings, errors[row], phases[row])
    order = np.argsort(errors, axis=None, kind="stable")[:REFINED]
    best, found = np.inf, None
    for flat in order:
        row, column = divmod(int(flat), len(settings))
        if not np.isfinite(errors[row, column]):
            break
        taps = tuple(float(tap) for tap in settings[column])
        near = Setting(*gains[row], taps, sheet.tx_cursor, int(phases[row, column]))
        error, phase = refined(paths, sheet, near)
        if error < best:
            best, found = error, replace(near, phase=phase)
    if found is None:
        raise NoAnswerError(f"{sheet.name}: no setting opens the eye")
    return found


def refined(paths: Responses, sheet: Sheet, setting: Setting) -> tuple[float, int]:
    """Return the least error of a setting over all phases, and its phase.

    Floating taps move the best phase, so that the estimate's is only a start: every
    `STRIDE`-th phase is tried, then those between the best two strides.
    """
    shape = equalized(paths.victim, sheet, setting)
    anchor = anchor_of(shape, paths, sheet)
    noise = noise_of(paths, sheet, setting)
    low, high = sheet.phases
    errors: dict[int, float] = {}

    def tried(phases: Iterable[int]) -> int:
        for phase in phases:
            if low <= phase <= high and phase not in errors:
                found = received(shape, anchor + phase, noise, sheet)
                errors[phase] = found.taps.error
        return min(errors, key=lambda phase: errors[phase])

    best = tried(range(low, high + 1, STRIDE))
    best = tried(range(best - STRIDE + 1, best + STRIDE))
    return errors[best], best


def estimate(
    paths: Responses,
    sheet: Sheet,
    plain: Setting,
    settings: Floats,
    errors: Floats,
    phases: np.ndarray,
) -> None:
    """Fill the estimated error and phase of all transmitter settings, (K,)."""
    noise = noise_of(paths, sheet, plain)
    width = settings.shape[1]
    # a short or clean response ends before the intervals that the estimate looks at
    before, after = FRONT * sheet.samples, BACK * sheet.samples
    padded = np.pad(noise.plain, (before, after))
    shifted = np.empty((width, len(padded)))
    for n, one in enumerate(np.eye(width)):
        pulse.fill_shifted(padded, one, sheet.tx_cursor, sheet.samples, shifted[n])
    signal, rest = lags_of(paths, sheet, plain, noise, width)
    rules = _rules(paths, sheet, noise)
    row = rules[0]
    row.start, row.stop = row.start + before, row.stop + before
    tops = np.empty((width, -(-(row.stop - row.start) // sheet.samples)))
    com_search.fill_block_peaks(shifted, row.start, sheet.samples, tops)
    com_coarse.fill_estimates(
        shifted, settings, signal, rest, tops, row, errors, phases
    )


def lags_of(
    paths: Responses, sheet: Sheet, plain: Setting, noise: Noise, width: int
) -> tuple[Floats, Floats]:
    """Return autocorrelations by phase: what the transmitter shapes, and the rest."""
    rules, samples = forward_of(sheet), sheet.samples
    size = rules.pre + 1 + rules.post
    signal = np.empty((samples, size + width - 1))
    rest = np.empty((samples, size))
    jitter = sheet.dual_dirac**2 + sheet.random_jitter**2
    share = 10.0 ** (-sheet.snr_tx_db / 10.0) / sheet.symbol_sigma**2
    steady = noise.receiver.copy()
    shaped = np.zeros(signal.shape[1])
    for path in paths.aggressors:
        _, worst = worst_phase(path, sheet, plain)
        if path.shaped:
            shaped += _autocorrelation(worst, len(shaped))
        else:
            steady += density_of(worst, sheet, sheet.symbol_sigma**2)
    lags = np.fft.ifft(steady).real * sheet.symbol_rate / sheet.symbol_sigma**2
    slopes = np.empty(len(noise.plain) // samples + 2)
    for phase in range(samples):
        own = _autocorrelation(noise.plain[phase::samples].copy(), signal.shape[1])
        count = kernel.fill_slopes(noise.plain, phase, samples, slopes)
        edge = _autocorrelation(slopes[:count], signal.shape[1])
        signal[phase] = own + jitter * edge + shaped
        rest[phase] = lags[:size] + share * own[:size]
    return signal, rest


def _autocorrelation(samples: Floats, count: int) -> Floats:
    out = np.empty(count)
    com_mmse.fill_autocorrelation(samples, out)
    return out


def _rules(paths: Responses, sheet: Sheet, noise: Noise) -> np.recarray:
    rules = forward_of(sheet)
    start, stop = searched(paths.victim, sheet)
    feedback = sheet.feedback
    share = 2.0 / (2.0**rules.quantizer_bits - 1.0) if rules.quantizer_bits else 0.0
    row = (
        sheet.samples,
        start,
        stop,
        rules.pre,
        *sheet.phases,
        feedback.low[0] if feedback.low else 0.0,
        feedback.high[0] if feedback.high else 0.0,
        sheet.symbol_sigma**2,
        share,
        rules.clipping / 2.0,
        mean_square(noise.receiver + noise.crosstalk, sheet),
        10.0 / float(np.max(noise.plain)),
    )
    return np.array([row], com_tables.COARSE).view(np.recarray)
