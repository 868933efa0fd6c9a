"""The margin of receivers with a feed-forward equalizer, as release 4.30 computes it.

This file knows the steps of the IEEE COM tool, release 4.30 ([2]), for 200 Gb/s a lane,
an early form of IEEE P802.3dj Annex 178A ([1]), with its peculiarities: the response
that the taps are solved for starts one sample after the sampling phase; the noise that
the distributions hold is that before the feed-forward equalizer; a floating tap takes
the response of another place. `link.com_178a` follows the draft.
"""

from dataclasses import dataclass, replace
from math import log10, sqrt

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import NoAnswerError
from accelsim.kernels import com as kernel
from accelsim.kernels import com_floating, com_mmse, pulse
from accelsim.link.channel import Floats
from accelsim.link.com import (
    Com,
    Sampled,
    Setting,
    equalized,
    feedback_table,
    filtered,
    finished,
    sampled,
    searched,
    sigmas_of,
    slopes_of,
)
from accelsim.link.noise import ctle_gain, receiver_gain
from accelsim.link.responses import Response, Responses
from accelsim.link.sheet import Feedback, Forward, Sheet

GHZ = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """What the receiver's equalizers are set to.

    Attributes
    ----------
    forward : (W,)
        Cursor at `Forward.pre`, where it is 1.
    floating : (groups * group_taps,)
        Places of the floating ones, from 1.
    error : float
        Mean square error over the symbols' mean square.
    """

    forward: Floats
    floating: NDArray[np.int64]
    error: float


def forward_of(sheet: Sheet) -> Forward:
    """Return the sheet's feed-forward equalizer."""
    if sheet.forward is None:
        raise NoAnswerError(f"{sheet.name}: has no feed-forward equalizer")
    return sheet.forward


def aligned(shape: Floats, cursor: int, sheet: Sheet) -> Floats:
    """Return the samples that the taps are solved for, one an interval, (N,)."""
    samples, intervals = sheet.samples, forward_of(sheet).intervals
    offset = (cursor + 1) % samples
    part = shape[offset : len(shape) - offset]
    part = part[: len(part) // samples * samples : samples]
    return np.concatenate([part, np.zeros(max(intervals - len(part), 0))])


def resized(samples: Floats, count: int) -> Floats:
    """Return samples cut or lengthened with nothing to a count."""
    return np.concatenate([samples[:count], np.zeros(max(count - len(samples), 0))])


def receiver_density(sheet: Sheet, setting: Setting) -> Floats:
    """Return the power density of the receiver's noise, folded, (N,) [V^2/Hz]."""
    intervals, samples = forward_of(sheet).intervals, sheet.samples
    f: Floats = np.arange(intervals * samples // 2 + 1, dtype=np.float64)
    f *= sheet.symbol_rate / intervals
    gain = ctle_gain(f, sheet, setting) * receiver_gain(f, sheet)
    density = sheet.noise_density / 2.0 / GHZ * gain
    whole = np.concatenate([density, density[-2:0:-1]])
    return np.asarray(whole.reshape(samples, intervals).sum(axis=0))


def density_of(samples: Floats, sheet: Sheet, power: float) -> Floats:
    """Return the power density of symbols of a mean square through samples, (N,)."""
    response = np.fft.fft(resized(samples, forward_of(sheet).intervals))
    return np.asarray(power * np.abs(response) ** 2 / sheet.symbol_rate)


def pulse_of(response: Response, sheet: Sheet, setting: Setting) -> Floats:
    """Return the pulse behind the continuous-time equalizer alone, (T,)."""
    impulse = filtered(response, sheet, setting)
    out = np.empty_like(impulse)
    pulse.fill_pulse(impulse, sheet.samples, out)
    return out


def worst_phase(
    response: Response, sheet: Sheet, setting: Setting
) -> tuple[int, Floats]:
    """Return the phase at which an aggressor is worst, and its samples there."""
    samples, intervals = sheet.samples, forward_of(sheet).intervals
    shape = pulse_of(response, sheet, setting)
    whole = len(shape) // samples * samples
    shape = resized(shape[:whole], intervals * samples)
    if response.shaped and len(setting.tx_taps) > 1:
        out = np.empty_like(shape)
        taps = np.asarray(setting.tx_taps)
        pulse.fill_shifted(shape, taps, setting.tx_cursor, samples, out)
        shape = out
    phases = shape.reshape(intervals, samples)
    worst = int(np.argmax(np.sum(phases * phases, axis=0)))
    return worst, phases[:, worst]


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """What does not change with the sampling phase."""

    steady: Floats  # power density of receiver and crosstalk, (N,)
    plain: Floats  # the victim's pulse without the transmitter's equalizer, (T,)
    phases: tuple[int, ...]  # of each aggressor


def noise_of(paths: Responses, sheet: Sheet, setting: Setting) -> Noise:
    """Return the noise of a setting, its sampling phase apart."""
    steady = receiver_density(sheet, setting)
    phases = []
    for path in paths.aggressors:
        phase, worst = worst_phase(path, sheet, setting)
        phases.append(phase)
        steady = steady + density_of(worst, sheet, sheet.symbol_sigma**2)
    return Noise(steady, pulse_of(paths.victim, sheet, setting), tuple(phases))


def taps_at(shape: Floats, cursor: int, noise: Noise, sheet: Sheet) -> Taps:
    """Return the taps of least error for a pulse sampled at a cursor."""
    rules, power = forward_of(sheet), sheet.symbol_sigma**2
    transmitted = aligned(noise.plain, cursor, sheet)
    density = noise.steady + density_of(
        transmitted, sheet, power * 10.0 ** (-sheet.snr_tx_db / 10.0)
    )
    slopes = slopes_of(shape, cursor, sheet)
    jitter = sheet.dual_dirac**2 + sheet.random_jitter**2
    density = density + density_of(slopes, sheet, power * jitter)
    noises = np.fft.ifft(density).real * sheet.symbol_rate / power
    h = aligned(shape, cursor, sheet)
    middle = (cursor + 1) // sheet.samples
    fixed = rules.pre + 1 + rules.post
    places = floating_places(h, middle, rules)
    # [2] takes the response of a floating tap as many columns in as its place counts
    columns = np.concatenate([np.arange(fixed), places - 1])
    steps = places - rules.floating_start + fixed
    lags = np.concatenate([np.arange(fixed), steps])
    seen = np.empty(int(np.max(columns)) + 1)
    com_mmse.fill_autocorrelation(h, seen)
    matrix = seen[np.abs(columns[:, None] - columns)]
    matrix = matrix + noises[np.abs(lags[:, None] - lags)]
    count = len(sheet.feedback.high)
    index = middle + rules.pre + np.arange(count + 1)[:, None] - columns
    rows = np.where((index >= 0) & (index < len(h)), h[index % len(h)], 0.0)
    taps, back = np.empty(len(columns)), np.empty(count)
    error = com_mmse.fill_taps(
        matrix,
        np.ascontiguousarray(rows),
        np.array([sheet.feedback.low, sheet.feedback.high]).reshape(2, count),
        forward_limits(rules, len(places)),
        rules.pre,
        1,
        taps,
        back,
    )
    taps = taps / taps[rules.pre]
    whole = np.zeros(max(fixed, rules.span, int(np.max(steps, initial=0)) + 1))
    whole[:fixed] = taps[:fixed]
    whole[steps] = taps[fixed:]
    return Taps(whole, places, float(error))


def floating_places(h: Floats, middle: int, rules: Forward) -> NDArray[np.int64]:
    """Return where the floating taps go, from 1: the most power of the pulse."""
    places = np.zeros(rules.groups * rules.group_taps, np.int64)
    if not rules.groups:
        return places
    post = resized(h[middle + 1 :], rules.span)
    reach = Feedback(
        high=(0.0,) * (rules.floating_start - 1),
        low=(),
        span=rules.span,
        groups=rules.groups,
        group_taps=rules.group_taps,
        floating_max=rules.floating_max,
    )
    # [2] passes no cursor: what a tap can take off has no limit
    com_floating.fill_banks(post, 1e30, feedback_table(reach), places)
    return np.sort(places)


def forward_limits(rules: Forward, floating: int) -> Floats:
    """Return the lowest and highest forward taps, of the cursor's, (2, N)."""
    high = np.full(rules.pre + 1 + rules.post + floating, rules.limit)
    high[rules.pre + 1 + rules.post :] = rules.floating_max
    if rules.pre:
        high[rules.pre - 1] = rules.first_pre_limit
    if rules.post:
        high[rules.pre + 1] = rules.first_post_limit
    low = -high
    low[rules.pre] = high[rules.pre] = 1.0
    return np.array([low, high])


def merit_db(error: float, sheet: Sheet) -> float:
    """Return the figure of merit of [2]: of a mean square, without its root."""
    return 20.0 * log10(sheet.level_ratio / (sheet.levels - 1.0) / error)


def anchor_of(shape: Floats, paths: Responses, sheet: Sheet) -> int:
    """Return the sample that phases count from, -1 if there is none."""
    start, stop = searched(paths.victim, sheet)
    first = sheet.feedback.high[0] if sheet.feedback.high else 0.0
    return kernel.cursor_of(shape, start, stop, sheet.samples, first, sheet.anchor)[0]


def best_setting(paths: Responses, sheet: Sheet) -> Setting:
    """Return the setting of the best figure of merit, all of them tried.

    Raises
    ------
    NoAnswerError
        None has a sampling instant.
    """
    from accelsim.link.com_search import ctle_settings, tx_settings

    best, found = -np.inf, None
    phases = sorted(range(sheet.phases[0], sheet.phases[1] + 1), key=abs)
    for gain_db, low_gain_db in ctle_settings(sheet):
        for row in tx_settings(sheet):
            taps = tuple(float(tap) for tap in row)
            setting = Setting(gain_db, low_gain_db, taps, sheet.tx_cursor)
            shape = equalized(paths.victim, sheet, setting)
            anchor = anchor_of(shape, paths, sheet)
            if anchor < 0:
                continue
            noise = noise_of(paths, sheet, setting)
            for phase in phases:
                error = taps_at(shape, anchor + phase, noise, sheet).error
                if -error > best:
                    best, found = -error, replace(setting, phase=phase)
    if found is None:
        raise NoAnswerError(f"{sheet.name}: no setting opens the eye")
    return found


def com_at(paths: Responses, sheet: Sheet, setting: Setting) -> Com:
    """Return the margin at a setting of everything but the receiver's taps."""
    shape = equalized(paths.victim, sheet, setting)
    anchor = anchor_of(shape, paths, sheet)
    if anchor < 0:
        raise NoAnswerError(f"{sheet.name}: the pulse has no sampling instant")
    cursor = anchor + setting.phase
    noise = noise_of(paths, sheet, setting)
    taps = taps_at(shape, cursor, noise, sheet)
    at = sampled(behind(shape, taps, sheet), cursor, anchor, sheet)
    sigmas = replace(
        sigmas_of(at, sheet, paths, setting),
        transmitter=transmitter_sigma(paths, taps, cursor, sheet, setting),
    )
    sizes = interference(at, paths, noise, taps, sheet, setting)
    slope = sheet.random_jitter * sheet.symbol_sigma * float(np.linalg.norm(at.slopes))
    gaussian = sqrt(slope**2 + sigmas.noise**2 + sigmas.transmitter**2)
    merit = merit_db(taps.error, sheet)
    found = finished(at, sizes, gaussian, sheet, setting, sigmas, merit)
    found = replace(found, forward=taps.forward, floating=taps.floating)
    if not sheet.sequence_detector:
        return found
    from accelsim.link.tool_sequences import with_sequences

    return with_sequences(found, sheet)


def behind(shape: Floats, taps: Taps, sheet: Sheet) -> Floats:
    """Return a pulse behind the feed-forward equalizer, (T,)."""
    out = np.empty_like(shape)
    pulse.fill_shifted(shape, taps.forward, forward_of(sheet).pre, sheet.samples, out)
    return out


def transmitter_sigma(
    paths: Responses, taps: Taps, cursor: int, sheet: Sheet, setting: Setting
) -> float:
    """Return the transmitter's noise behind the feed-forward equalizer [V].

    [2] shifts it by the transmitter's cursor, not the receiver's, and shifts the
    response to an impulse, so that what goes round its end is not summed.
    """
    impulse = filtered(paths.victim, sheet, setting)
    out, shape = np.empty_like(impulse), np.empty_like(impulse)
    pulse.fill_shifted(impulse, taps.forward, setting.tx_cursor, sheet.samples, out)
    pulse.fill_pulse(out, sheet.samples, shape)
    samples = resized(aligned(shape, cursor, sheet), forward_of(sheet).intervals)
    size = sheet.symbol_sigma * float(np.linalg.norm(samples))
    return float(size * 10.0 ** (-sheet.snr_tx_db / 20.0))


def interference(
    at: Sampled,
    paths: Responses,
    noise: Noise,
    taps: Taps,
    sheet: Sheet,
    setting: Setting,
) -> Floats:
    """Return the samples that symbols weigh: interference, crosstalk and jitter [V]."""
    signal = abs(sheet.level_ratio * at.value / (sheet.levels - 1.0))
    width = sheet.bin(signal)
    samples = sheet.samples
    buffer = np.empty(len(at.pulse) // samples + 2)
    count = kernel.fill_residual(at.pulse, at.cursor, at.taps, samples, buffer)
    sizes = [buffer[:count]]
    for path, phase in zip(paths.aggressors, noise.phases, strict=True):
        shape = behind(equalized(path, sheet, setting), taps, sheet)
        count = int(np.floor(len(shape) / samples + 0.5)) - 2
        sizes.append(shape[samples + phase :: samples][:count])
    sizes.append(sheet.dual_dirac * at.slopes)
    kept = np.abs(np.concatenate(sizes))
    return np.asarray(kept[kept > width])
