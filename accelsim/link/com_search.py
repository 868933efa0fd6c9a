"""The best equalizer setting of a sheet, every allowed one tried.

This file knows which settings a sheet allows. It searches all of them: the IEEE
reference tool looks only near the best so far.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from accelsim.errors import InputError, NoAnswerError
from accelsim.kernels import com_search as kernel
from accelsim.kernels import com_tables, pulse
from accelsim.link.channel import Floats
from accelsim.link.com import (
    Com,
    Setting,
    com_at,
    feedback_table,
    filtered,
    limits,
    searched,
)
from accelsim.link.noise import (
    crosstalk_power,
    ctle_gain,
    noise_sigma,
    spectrum_of_symbols,
)
from accelsim.link.responses import Responses
from accelsim.link.sheet import Sheet

MOST_SETTINGS = 2_000_000
SLICE = 128  # settings of the transmitter at a time


def tx_settings(sheet: Sheet) -> Floats:
    """Return every setting of the transmitter's equalizer, cursor included, (K, N).

    The cursor is what the sizes of the other taps leave of one.
    """
    count = int(np.prod([len(values) for values in sheet.tx_taps]))
    if count > MOST_SETTINGS:
        raise InputError(f"{sheet.name}: {count:,} transmitter settings are too many")
    others = np.array(list(product(*sheet.tx_taps))).reshape(count, -1)
    cursor = 1.0 - np.sum(np.abs(others), axis=1)
    settings = np.insert(others, sheet.tx_cursor, cursor, axis=1)
    return np.ascontiguousarray(settings[cursor >= sheet.tx_cursor_min])


def ctle_settings(sheet: Sheet) -> Iterator[tuple[float, float]]:
    """Yield every pair of gains of the continuous-time equalizer [dB]."""
    for pair in product(sheet.ctle.gains_db, sheet.ctle.low_gains_db):
        if pair not in sheet.ctle.refused:
            yield pair


def best_com(paths: Responses, sheet: Sheet) -> Com:
    """Return the margin at the setting with the best figure of merit.

    Raises
    ------
    NoAnswerError
        No setting gives a pulse with a sampling instant.
    """
    if sheet.forward is not None and sheet.forward.draft:
        from accelsim.link.search_178a import best_setting as of_draft

        return com_at(paths, sheet, of_draft(paths, sheet))
    if sheet.forward is not None:
        from accelsim.link.com_mmse import best_setting as with_forward

        return com_at(paths, sheet, with_forward(paths, sheet))
    return com_at(paths, sheet, best_setting(paths, sheet))


def best_setting(paths: Responses, sheet: Sheet) -> Setting:
    """Return the setting with the best figure of merit, [1] (93A-36)."""
    settings = tx_settings(sheet)
    gains = list(ctle_settings(sheet))
    crosstalk = crosstalk_of_settings(paths, sheet, settings, gains)
    row = _rules(paths, sheet)[0]
    feedback, edges = feedback_table(sheet.feedback), np.array(limits(sheet.feedback))
    best, found = 0.0, None
    for column, (gain_db, low_gain_db) in enumerate(gains):
        setting = Setting(gain_db, low_gain_db, (1.0,), 0)
        row.noise = noise_sigma(paths.frequency, sheet, setting) ** 2
        shifted = _shifted(paths, sheet, setting, settings.shape[1])
        grams = np.empty((2, len(shifted), len(shifted), sheet.samples))
        kernel.fill_grams(shifted, sheet.samples, grams[0], grams[1])
        blocks = -(-(row.stop - row.start) // sheet.samples)
        tops = np.empty((len(shifted), blocks))
        kernel.fill_block_peaks(shifted, row.start, sheet.samples, tops)
        tables = (shifted, grams[0], grams[1], edges)
        index, phase, best = kernel.search_transmitter(
            tables, tops, settings, crosstalk[column], row, feedback, best
        )
        if index >= 0:
            taps = tuple(float(tap) for tap in settings[index])
            found = Setting(gain_db, low_gain_db, taps, sheet.tx_cursor, int(phase))
    if found is None:
        raise NoAnswerError(f"{sheet.name}: no setting opens the eye")
    return found


def crosstalk_of_settings(
    paths: Responses,
    sheet: Sheet,
    settings: Floats,
    gains: Sequence[tuple[float, float]],
) -> Floats:
    """Return the mean square crosstalk of all settings of both ends [V^2], (G, K).

    |sum of c_n e^(-j n x)| needs the autocorrelation of the taps alone, so that all
    settings together are two products of matrices, done in slices that stay in cache.
    """
    out = np.zeros((len(gains), len(settings)))
    if not paths.aggressors:
        return out
    f = paths.frequency
    far, near = crosstalk_power(paths, sheet)
    last = int(np.flatnonzero(far + near)[-1]) + 1
    f = f[:last]
    weight = spectrum_of_symbols(f, sheet) * sheet.symbol_sigma**2
    weight *= 2.0 * (f[10] - f[9]) / sheet.crosstalk_band
    received = np.stack([ctle_gain(f, sheet, Setting(*g, (1.0,), 0)) for g in gains])
    out += (received @ (near[:last] * weight))[:, None]
    seen = np.ascontiguousarray((received * (far[:last] * weight)).T)
    width = settings.shape[1]
    places = np.arange(width)[:, None]
    waves = np.cos(places * (2.0 * np.pi * f / sheet.symbol_rate))
    waves[1:] *= 2.0
    for start in range(0, len(settings), SLICE):
        rows = settings[start : start + SLICE]
        lags = [
            np.sum(rows[:, n:] * rows[:, : width - n], axis=1) for n in range(width)
        ]
        sizes = np.sqrt(np.maximum(np.stack(lags, axis=1) @ waves, 0.0))
        out[:, start : start + SLICE] += (sizes @ seen).T
    return out


def _shifted(paths: Responses, sheet: Sheet, setting: Setting, taps: int) -> Floats:
    impulse = filtered(paths.victim, sheet, setting)
    plain = np.empty_like(impulse)
    pulse.fill_pulse(impulse, sheet.samples, plain)
    out = np.empty((taps, len(plain)))
    for n, one in enumerate(np.eye(taps)):
        pulse.fill_shifted(plain, one, sheet.tx_cursor, sheet.samples, out[n])
    return out


def _rules(paths: Responses, sheet: Sheet) -> np.recarray:
    start, stop = searched(paths.victim, sheet)
    power = sheet.symbol_sigma**2
    row = (
        sheet.samples,
        start,
        stop,
        sheet.anchor,
        int(sheet.jitter_span),
        sheet.tx_cursor if sheet.noise_of_all_taps else -1,
        *sheet.phases,
        sheet.feedback.high[0] if sheet.feedback.high else 0.0,
        sheet.level_ratio / (sheet.levels - 1.0),
        power,
        10.0 ** (-sheet.snr_tx_db / 10.0),
        (sheet.dual_dirac**2 + sheet.random_jitter**2) * power,
        0.0,
    )
    return np.array([row], com_tables.SEARCH).view(np.recarray)
