"""The margin of a receiver with feed-forward taps, quantizer and sequence detector.

This file knows IEEE P802.3dj Annex 178A ([1]) as draft 3.3 is encoded in PyChOpMarg
3.4.0 ([2]): noise folded to the symbol rate, taps of least error with floating groups
placed one by one, quantization, and what a detector of sequences gains. The response is
that of Annex 93A, equalized over time; [2] equalizes over frequency, which is where the
two differ, by hundredths of a decibel. No claim of compliance is made.
"""

from dataclasses import dataclass, replace
from math import ceil, log10, sqrt

import numpy as np

from accelsim.errors import NoAnswerError
from accelsim.kernels import com_coarse, com_mmse, com_pdf
from accelsim.link.channel import Floats
from accelsim.link.com import (
    NO_EYE,
    Com,
    Setting,
    Sigmas,
    equalized,
    slopes_of,
)
from accelsim.link.com_mmse import (
    Taps,
    anchor_of,
    behind,
    density_of,
    forward_limits,
    forward_of,
    pulse_of,
    receiver_density,
    resized,
    worst_phase,
)
from accelsim.link.responses import Responses
from accelsim.link.sequences import sequence_gain_db
from accelsim.link.sheet import BINS_OF_SIGNAL, Sheet

FINE, COARSE = 4000, 1000  # bins on each side of a quantizer's input
DEVIATIONS = 10.0  # that normal noise reaches to


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Power densities at the quantizer, folded, (N,) [V^2/Hz]; aggressors' samples."""

    receiver: Floats
    crosstalk: Floats
    plain: Floats  # the victim's pulse without the transmitter's equalizer, (T,)
    phases: tuple[int, ...]
    worst: tuple[Floats, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Receiver:
    """A receiver set for one sampling phase."""

    cursor: int
    taps: Taps
    back: Floats
    density: Floats  # of all noise at the quantizer's output, (N,)
    step: float  # of the quantizer [V]


def noise_of(paths: Responses, sheet: Sheet, setting: Setting) -> Noise:
    """Return the noise of a setting, its sampling phase apart."""
    found = [worst_phase(path, sheet, setting) for path in paths.aggressors]
    power = sheet.symbol_sigma**2
    crosstalk = np.zeros(forward_of(sheet).intervals)
    for _, worst in found:
        crosstalk += density_of(worst, sheet, power)
    return Noise(
        receiver_density(sheet, setting),
        crosstalk,
        pulse_of(paths.victim, sheet, setting),
        tuple(phase for phase, _ in found),
        tuple(worst for _, worst in found),
    )


def mean_square(density: Floats, sheet: Sheet) -> float:
    """Return the mean square of noise of a folded density [V^2]."""
    return float(np.sum(density)) * sheet.symbol_rate / len(density)


def received(
    shape: Floats, cursor: int, noise: Noise, sheet: Sheet, best: float = np.inf
) -> Receiver | None:
    """Return the receiver of least error for a pulse sampled at a cursor.

    None where not even all taps that there may be, without limits, err less than
    `best`.
    """
    rules, power, samples = forward_of(sheet), sheet.symbol_sigma**2, sheet.samples
    transmitted = noise.plain[cursor % samples :: samples]
    density = noise.receiver + noise.crosstalk
    # [1] (178A-21) has no mean square of symbols here
    density = density + density_of(
        transmitted, sheet, 10.0 ** (-sheet.snr_tx_db / 10.0)
    )
    slopes = slopes_of(shape, cursor, sheet)
    random = density_of(slopes, sheet, power * sheet.random_jitter**2)
    both = density_of(
        slopes, sheet, power * (sheet.random_jitter**2 + sheet.dual_dirac**2)
    )
    h = shape[cursor % samples :: samples].copy()
    step = 0.0
    if rules.quantizer_bits:
        sigma = sqrt(mean_square(density + random, sheet))
        step = quantizer_step(h, sigma, sheet, COARSE)
    density = density + both + step**2 / 12.0 / sheet.symbol_rate
    if best < np.inf and least_error(h, cursor // samples, density, sheet) >= best:
        return None
    taps, back = taps_of(h, cursor // samples, density, sheet)
    return Receiver(cursor, taps, back, density, step)


def equations(
    h: Floats, middle: int, density: Floats, sheet: Sheet, taps: int
) -> tuple[Floats, Floats]:
    """Return R by lag, and the pulse by tap at the cursor and at `taps` after it.

    (S,) and (1 + taps, S) for all S places where a forward tap may stand.
    """
    rules, power = forward_of(sheet), sheet.symbol_sigma**2
    fixed = rules.pre + 1 + rules.post
    span = max(rules.pre + 1 + rules.span, fixed) if rules.groups else fixed
    lags = np.empty(span)
    com_mmse.fill_autocorrelation(h, lags)
    lags += (np.fft.ifft(density).real * sheet.symbol_rate / power)[:span]
    index = middle + rules.pre + np.arange(taps + 1)[:, None] - np.arange(span)
    return lags, np.where((index >= 0) & (index < len(h)), h[index % len(h)], 0.0)


def least_error(h: Floats, middle: int, density: Floats, sheet: Sheet) -> float:
    """Return the error with a tap at every place and no limits on them."""
    lags, rows = equations(h, middle, density, sheet, 1)
    feedback, work = sheet.feedback, np.empty(len(lags))
    low, high = (feedback.low[0], feedback.high[0]) if feedback.high else (0.0, 0.0)
    return com_coarse.error_at(lags, rows, low, high, work)


def taps_of(
    h: Floats, middle: int, density: Floats, sheet: Sheet
) -> tuple[Taps, Floats]:
    """Return forward and feedback taps for a sampled pulse and noise of a density."""
    rules, count = forward_of(sheet), len(sheet.feedback.high)
    fixed = rules.pre + 1 + rules.post
    lags, rows = equations(h, middle, density, sheet, count)
    span = len(lags)
    feedback = np.array([sheet.feedback.low, sheet.feedback.high]).reshape(2, count)
    limits = forward_limits(rules, span - fixed)
    columns = np.empty(fixed + rules.groups * rules.group_taps, np.int64)
    shape = (fixed, rules.groups, rules.group_taps)
    used = com_mmse.place_groups(
        lags, rows, feedback, limits, rules.pre, shape, columns
    )
    columns = np.sort(columns[:used])
    taps, back = np.empty(used), np.empty(count)
    error = com_mmse.error_with(
        lags, rows, feedback, limits, rules.pre, columns, taps, back
    )
    whole = np.zeros(span)
    whole[columns] = taps / taps[rules.pre]
    places = columns[fixed:] - rules.pre
    return Taps(whole, places, float(error)), back


def quantizer_step(
    h: Floats, sigma: float, sheet: Sheet, bins: int, others: tuple[Floats, ...] = ()
) -> float:
    """Return the step of the quantizer [V], [1] (178A-29) to (178A-31).

    It clips a noisy sample of the signal with a probability of P_qc, at both ends.
    """
    rules = forward_of(sheet)
    sizes = np.abs(np.concatenate([h, *others]))
    support = float(np.sum(sizes)) + DEVIATIONS * sigma
    width = support / bins
    kept = np.sort(sizes[sizes > width / 2.0])
    reach = com_pdf.reach_of(kept, width)
    bounded = np.empty(2 * reach + 1)
    com_pdf.fill_distribution(kept, sheet.levels, width, bounded)
    far = ceil(DEVIATIONS * sigma / width)
    normal = np.empty(2 * far + 1)
    com_pdf.fill_gaussian(sigma, width, normal)
    found = com_pdf.quantile_of_sum(bounded, normal, rules.clipping / 2.0)
    clip = (reach + far - found) * width
    return 2.0 * clip / (2.0**rules.quantizer_bits - 1.0)


def merit_db(error: float, sheet: Sheet) -> float:
    """Return the figure of merit, [1] (178A-36)."""
    share = sheet.level_ratio / (sheet.levels - 1.0)
    return 20.0 * log10(share / sqrt(sheet.symbol_sigma**2 * max(error, 1e-30)))


def com_at(paths: Responses, sheet: Sheet, setting: Setting) -> Com:
    """Return the margin at a setting of everything but the receiver's taps."""
    shape = equalized(paths.victim, sheet, setting)
    anchor = anchor_of(shape, paths, sheet)
    if anchor < 0:
        raise NoAnswerError(f"{sheet.name}: the pulse has no sampling instant")
    noise = noise_of(paths, sheet, setting)
    found = received(shape, anchor + setting.phase, noise, sheet)
    if found is None:
        raise NoAnswerError(f"{sheet.name}: the pulse has no taps")
    samples, cursor = sheet.samples, found.cursor
    out = behind(shape, found.taps, sheet)
    value = float(out[cursor])
    signal = sheet.level_ratio * value / (sheet.levels - 1.0)
    width = sheet.bin(signal)
    left, back = residual(out, cursor, sheet)
    slopes = slopes_of(out, cursor, sheet)
    sizes = [left, sheet.dual_dirac * slopes]
    for path, phase in zip(paths.aggressors, noise.phases, strict=True):
        other = behind(equalized(path, sheet, setting), found.taps, sheet)
        sizes.append(other[phase::samples])
    step = final_step(shape, noise, found, sheet)
    sigmas = sigmas_of(found, noise, slopes, left, sheet)
    bounded = spread(np.concatenate(sizes), signal, width, step, found.taps, sheet)
    far = ceil(DEVIATIONS * sigmas.gaussian / width)
    normal = np.empty(2 * far + 1)
    com_pdf.fill_gaussian(sigmas.gaussian, width, normal)
    at = com_pdf.quantile_of_sum(bounded, normal, sheet.error_ratio)
    interference = abs(at - (len(bounded) - 1) // 2 - far) * width
    margin_db = 20.0 * log10(signal / interference)
    opening = max((signal - interference) / signal, NO_EYE)
    made = Com(
        setting=setting,
        com_db=margin_db,
        vec_db=-20.0 * log10(opening),
        fom_db=merit_db(found.taps.error, sheet),
        signal=signal,
        interference=interference,
        feedback=back,
        floating=found.taps.floating,
        sigmas=sigmas,
        pulse=out,
        cursor=cursor,
        density=(bounded, normal),
        width=width,
        forward=found.taps.forward,
    )
    if not sheet.sequence_detector:
        return made
    filtered = np.abs(np.fft.fft(resized(found.taps.forward, len(noise.receiver)))) ** 2
    receiver = noise.receiver * filtered
    rest = found.density * filtered + density_of(left, sheet, sheet.symbol_sigma**2)
    gain_db = sequence_gain_db(made, sheet, receiver, rest)
    return replace(
        made, com_db=margin_db + max(gain_db, 0.0), before_sequence_db=margin_db
    )


def residual(out: Floats, cursor: int, sheet: Sheet) -> tuple[Floats, Floats]:
    """Return the interference left at the sampling phase [V], and feedback taps."""
    samples, feedback = sheet.samples, sheet.feedback
    value, middle = out[cursor], cursor // samples
    left = out[cursor % samples :: samples].copy()
    left[middle] = 0.0
    count = len(feedback.high)
    post = left[middle + 1 : middle + 1 + count]
    back = np.clip(post / value, feedback.low, feedback.high)
    post -= back * value
    return left, back


def final_step(shape: Floats, noise: Noise, found: Receiver, sheet: Sheet) -> float:
    """Return the quantizer's step with crosstalk and jitter by their distributions."""
    if not forward_of(sheet).quantizer_bits:
        return 0.0
    samples, cursor = sheet.samples, found.cursor
    slopes = slopes_of(shape, cursor, sheet)
    transmitted = noise.plain[cursor % samples :: samples]
    density = noise.receiver + density_of(
        transmitted, sheet, 10.0 ** (-sheet.snr_tx_db / 10.0)
    )
    density = density + density_of(
        slopes, sheet, (sheet.symbol_sigma * sheet.random_jitter) ** 2
    )
    sigma = sqrt(mean_square(density, sheet))
    others = (*noise.worst, sheet.dual_dirac * slopes)
    return quantizer_step(
        shape[cursor % samples :: samples], sigma, sheet, FINE, others
    )


def sigmas_of(
    found: Receiver, noise: Noise, slopes: Floats, left: Floats, sheet: Sheet
) -> Sigmas:
    """Return root mean squares behind the feed-forward equalizer [V]."""
    taps = found.taps.forward
    filtered = np.abs(np.fft.fft(resized(taps, len(noise.receiver)))) ** 2
    receiver = mean_square(noise.receiver * filtered, sheet)
    plain = behind(noise.plain, found.taps, sheet)[
        found.cursor % sheet.samples :: sheet.samples
    ]
    transmitter = float(np.sum(plain * plain)) * 10.0 ** (-sheet.snr_tx_db / 10.0)
    slope = sheet.symbol_sigma**2 * float(np.sum(slopes * slopes))
    random = sheet.random_jitter**2 * slope
    return Sigmas(
        transmitter=sqrt(transmitter),
        interference=sheet.symbol_sigma * float(np.linalg.norm(left)),
        jitter=sqrt(random + sheet.dual_dirac**2 * slope),
        crosstalk=sqrt(mean_square(noise.crosstalk * filtered, sheet)),
        noise=sqrt(receiver),
        gaussian=sqrt(receiver + transmitter + random),
    )


def spread(
    samples: Floats, signal: float, width: float, step: float, taps: Taps, sheet: Sheet
) -> Floats:
    """Return the distribution of samples that symbols weigh and of quantization."""
    sizes = np.abs(samples)
    kept = np.sort(sizes[sizes > signal / BINS_OF_SIGNAL])
    density = np.empty(2 * com_pdf.reach_of(kept, width) + 1)
    com_pdf.fill_distribution(kept, sheet.levels, width, density)
    for tap in np.abs(taps.forward):
        half = int(np.floor(tap * step / 2.0 / width + 0.5))
        if half:
            wider = np.empty(len(density) + 2 * half)
            com_pdf.fill_spread(density, half, wider)
            density = wider
    return density
