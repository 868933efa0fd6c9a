"""The best equalizer setting of a sheet after Annex 178A: all of them, for certain.

This file knows that a setting whose error cannot be below the best one found need not
be computed (`kernels.com_bounds`): every setting and sampling phase is bounded, first
over frequency, then with all taps that there may be, and those that are left are
computed in full, floating taps, quantizer and limits. The result is that of computing
all of them.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import NoAnswerError
from accelsim.kernels import com_bounds, com_mmse, com_search, com_tables, pulse
from accelsim.link.channel import Floats
from accelsim.link.com import Setting, equalized, searched, slopes_of
from accelsim.link.com_178a import Noise, mean_square, noise_of, received
from accelsim.link.com_mmse import (
    anchor_of,
    density_of,
    forward_of,
    pulse_of,
    resized,
    worst_phase,
)
from accelsim.link.com_search import ctle_settings, tx_settings
from accelsim.link.responses import Responses
from accelsim.link.sheet import Sheet

FRONT, BACK = 16, 96  # intervals of nothing on both sides of a response
FIRST, STRIDE = 24, 4  # settings computed before any is left out; their phases


@dataclass(slots=True)
class _Best:
    """The best so far."""

    error: float = np.inf
    setting: Setting | None = None
    computed: int = 0


def best_setting(paths: Responses, sheet: Sheet) -> Setting:
    """Return the setting with the best figure of merit.

    Raises
    ------
    NoAnswerError
        No setting gives a pulse with a sampling instant.
    """
    settings = tx_settings(sheet)
    gains = list(ctle_settings(sheet))
    bounds = np.empty((len(gains), len(settings), sheet.samples))
    fronts = []
    for row, pair in enumerate(gains):
        front = _Front(paths, sheet, Setting(*pair, (1.0,), 0), settings.shape[1])
        front.bound(settings, bounds[row])
        fronts.append(front)
    least = bounds.min(axis=(1, 2))
    order = np.argsort(least, kind="stable")
    best = _Best()
    for row in order[:FIRST]:  # something good to begin with
        column = int(np.argmin(bounds[row].min(axis=1)))
        phases = range(sheet.phases[0], sheet.phases[1] + 1, STRIDE)
        one = _setting(gains[row], settings[column], sheet)
        _compute(paths, sheet, one, dict.fromkeys(phases, 0.0), best)
    for row in order:
        if com_bounds.SLACK * least[row] >= best.error:
            break
        found = fronts[row].candidates(settings, bounds[row], best.error)
        for column in sorted(found, key=lambda column: min(found[column].values())):
            one = _setting(gains[row], settings[column], sheet)
            _compute(paths, sheet, one, found[column], best)
    if best.setting is None:
        raise NoAnswerError(f"{sheet.name}: no setting opens the eye")
    return best.setting


def _setting(gains: tuple[float, float], taps: Floats, sheet: Sheet) -> Setting:
    return Setting(*gains, tuple(float(tap) for tap in taps), sheet.tx_cursor)


def _compute(
    paths: Responses,
    sheet: Sheet,
    setting: Setting,
    phases: dict[int, float],
    best: _Best,
) -> None:
    """Compute a setting at the phases whose bound is below the best error so far."""
    left = {phase: bound for phase, bound in phases.items() if bound < best.error}
    if not left:
        return
    shape = equalized(paths.victim, sheet, setting)
    anchor = anchor_of(shape, paths, sheet)
    if anchor < 0:
        return
    noise = noise_of(paths, sheet, setting)
    for phase in sorted(left, key=lambda phase: (left[phase], abs(phase))):
        if left[phase] >= best.error:
            break
        best.computed += 1
        found = received(shape, anchor + phase, noise, sheet, best.error)
        if found is not None and found.taps.error < best.error:
            best.error = found.taps.error
            best.setting = replace(setting, phase=phase)


class _Front:
    """A continuous-time setting: the pulse behind it, and all noise by phase."""

    def __init__(
        self, paths: Responses, sheet: Sheet, plain: Setting, width: int
    ) -> None:
        self.paths, self.sheet, self.width = paths, sheet, width
        self.noise = noise_of(paths, sheet, plain)
        count = forward_of(sheet).intervals
        angles = np.pi * np.arange(count // 2 + 1) / (count // 2)
        self.waves = np.cos(angles[:, None] * np.arange(width))
        self.waves[:, 1:] *= 2.0
        self.feedback = sheet.feedback
        self.far, self.rest = _crosstalk(paths, sheet, plain)
        self.shaped = np.zeros(len(self.waves))
        for far in self.far:
            self.shaped += np.min(far, axis=0)
        self.tables = self._tables()

    def _tables(self) -> tuple[Floats, Floats, Floats]:
        sheet, noise = self.sheet, self.noise
        power, samples = sheet.symbol_sigma**2, sheet.samples
        half = len(self.waves)
        jitter = sheet.dual_dirac**2 + sheet.random_jitter**2
        sent = 10.0 ** (-sheet.snr_tx_db / 10.0) / power
        rate = sheet.symbol_rate
        receiver = noise.receiver[:half] * rate / power + self.rest
        signal, shaped, rest = np.empty((3, half, samples))
        for phase in range(samples):
            own = _folded(noise.plain[phase::samples], half)
            slopes = slopes_of(noise.plain, samples + phase, sheet)
            signal[:, phase] = own
            shaped[:, phase] = self.shaped + jitter * _folded(slopes, half)
            rest[:, phase] = receiver + sent * own
        return signal, shaped, rest

    def bound(self, settings: Floats, bounds: Floats) -> None:
        """Fill the first bound of every setting and phase, (K, M)."""
        limits = _limits(self.sheet)
        com_bounds.fill_bounds(settings, self.waves, *self.tables, limits, bounds)

    def candidates(
        self, settings: Floats, bounds: Floats, best: float
    ) -> dict[int, dict[int, float]]:
        """Return the second bound of what may beat an error, by setting and phase."""
        sheet, samples = self.sheet, self.sheet.samples
        before = FRONT * samples
        padded = np.pad(self.noise.plain, (before, BACK * samples))
        shifted = np.empty((self.width, len(padded)))
        for n, one in enumerate(np.eye(self.width)):
            pulse.fill_shifted(padded, one, sheet.tx_cursor, samples, shifted[n])
        row = _rules(self.paths, sheet, self.noise)[0]
        row.start, row.stop = row.start + before, row.stop + before
        tops = np.empty((self.width, -(-(row.stop - row.start) // samples)))
        com_search.fill_block_peaks(shifted, row.start, samples, tops)
        most = len(settings) * (sheet.phases[1] - sheet.phases[0] + 1)
        lags = self._lags()
        places, errors = np.empty((most, 2), np.int64), np.empty(most)
        count = com_bounds.fill_candidates(
            shifted,
            settings,
            self.waves,
            self.tables,
            lags,
            self._worst(settings, lags[0].shape[1]),
            tops,
            bounds,
            row,
            best,
            places,
            errors,
        )
        found: dict[int, dict[int, float]] = {}
        for (column, phase), error in zip(
            places[:count].tolist(), errors[:count].tolist(), strict=True
        ):
            found.setdefault(column, {})[phase] = error
        return found

    def _worst(
        self, settings: Floats, count: int
    ) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Return the far-end aggressors' power, lags, and phase at each setting.

        Beyond the least power of all phases, which `tables` have.
        """
        width, half = self.width, len(self.waves)
        own = [
            np.sum(settings[:, d:] * settings[:, : width - d], axis=1)
            for d in range(width)
        ]
        shares = np.stack(own, axis=1) * np.where(np.arange(width), 2.0, 1.0)
        power = np.zeros((len(self.far), self.sheet.samples, half))
        around = np.zeros((len(self.far), self.sheet.samples, count))
        worst = np.zeros((len(settings), len(self.far)), np.int64)
        for n, far in enumerate(self.far):
            turned = np.fft.irfft(far, axis=1)[:, :width]
            worst[:, n] = np.argmax(shares @ turned.T, axis=1)
            power[n] = far - np.min(far, axis=0)
            around[n] = np.fft.irfft(power[n], axis=1)[:, :count]
        return power, around, worst

    def _lags(self) -> tuple[Floats, Floats]:
        """Return noise and signal by phase and lag, those of all taps of the span."""
        rules, samples = forward_of(self.sheet), self.sheet.samples
        size = rules.pre + 1 + max(rules.post, rules.span if rules.groups else 0)
        _, shaped, rest = self.tables
        count = size + self.width - 1
        around = np.fft.irfft(shaped, axis=0)[:count].T.copy()
        for phase in range(samples):
            own = np.empty(count)  # as long as it is: nothing goes round
            com_mmse.fill_autocorrelation(self.noise.plain[phase::samples].copy(), own)
            around[phase] += own
        return around, np.fft.irfft(rest, axis=0)[:size].T.copy()


def _limits(sheet: Sheet) -> tuple[float, float]:
    feedback = sheet.feedback
    if not feedback.high:
        return 0.0, 0.0
    return float(feedback.low[0]), float(feedback.high[0])


def _folded(samples: Floats, half: int) -> Floats:
    """Return the power of samples at multiples of the symbol rate over a grid."""
    count = 2 * (half - 1)
    whole = np.zeros(-(-len(samples) // count) * count)
    whole[: len(samples)] = samples
    return np.asarray(np.abs(np.fft.rfft(whole.reshape(-1, count).sum(axis=0))) ** 2)


def _crosstalk(
    paths: Responses, sheet: Sheet, plain: Setting
) -> tuple[list[Floats], Floats]:
    """Return each far-end aggressor's power by phase, (M, F), and near-end's, (F,).

    The phase of a far-end one depends on the transmitter's taps.
    """
    count, samples = forward_of(sheet).intervals, sheet.samples
    found, rest = [], np.zeros(count // 2 + 1)
    for path in paths.aggressors:
        if not path.shaped:
            _, worst = worst_phase(path, sheet, plain)
            rest += density_of(worst, sheet, sheet.symbol_rate)[: count // 2 + 1]
            continue
        shape = pulse_of(path, sheet, plain)
        shape = resized(shape[: len(shape) // samples * samples], count * samples)
        by_phase = shape.reshape(count, samples).T
        found.append(np.asarray(np.abs(np.fft.rfft(by_phase, axis=1)) ** 2))
    return found, rest


def _rules(paths: Responses, sheet: Sheet, noise: Noise) -> np.recarray:
    rules = forward_of(sheet)
    start, stop = searched(paths.victim, sheet)
    share = 2.0 / (2.0**rules.quantizer_bits - 1.0) if rules.quantizer_bits else 0.0
    row = (
        sheet.samples,
        start,
        stop,
        rules.pre,
        *sheet.phases,
        *_limits(sheet),
        sheet.symbol_sigma**2,
        share,
        rules.clipping / 2.0,
        mean_square(noise.receiver, sheet),
        10.0 / float(np.max(noise.plain)),
    )
    return np.array([row], com_tables.COARSE).view(np.recarray)
