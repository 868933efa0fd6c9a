"""The channel operating margin of a channel at an equalizer setting.

This file knows the order of the steps of IEEE Std 802.3 Annex 93A ([1]) as the IEEE
reference tool takes them (release 4.30, [2]); the kernels know each step. How the
setting is found is in `link.com_search`; receivers with a feed-forward equalizer
(Annex 178A) are in `link.com_mmse`.
"""

from dataclasses import dataclass, field
from math import log10, sqrt
from typing import cast

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import NoAnswerError
from accelsim.kernels import com as kernel
from accelsim.kernels import com_pdf, com_tables, pulse
from accelsim.link.channel import Floats
from accelsim.link.noise import crosstalk_sigma, noise_sigma
from accelsim.link.responses import Response, Responses
from accelsim.link.sheet import Feedback, Sheet

SEARCHED = 20  # unit intervals on each side of the unequalized peak
NO_EYE = float(np.finfo(np.float64).eps)  # where the eye is closed, [2] says so


@dataclass(frozen=True, slots=True)
class Setting:
    """An equalizer setting.

    Attributes
    ----------
    gain_db, low_gain_db : float
        Of the two stages of the continuous-time equalizer at 0 Hz.
    tx_taps : tuple of float
        Of the transmitter's equalizer, cursor included.
    tx_cursor : int
        Which of them is the cursor.
    phase : int
        Samples after the anchor.
    """

    gain_db: float
    low_gain_db: float
    tx_taps: tuple[float, ...]
    tx_cursor: int
    phase: int = 0


@dataclass(frozen=True, slots=True)
class Sigmas:
    """Root mean squares at the sampling instant [V]."""

    transmitter: float
    interference: float
    jitter: float
    crosstalk: float
    noise: float
    gaussian: float = 0.0

    @property
    def all(self) -> float:
        """Return that of all of them."""
        parts = (self.transmitter, self.interference, self.jitter, self.crosstalk)
        return sqrt(sum(part * part for part in (*parts, self.noise)))


@dataclass(frozen=True, slots=True, eq=False)
class Com:
    """A channel operating margin and what it is made of.

    Attributes
    ----------
    com_db, vec_db, fom_db : float
        Margin; vertical eye closure; figure of merit of the search.
    signal, interference : float
        A_s and A_ni [V].
    feedback : (N,)
        Taps as shares of the cursor; the floating ones stand at `floating`, from 1.
    forward : (W,)
        Taps of the receiver's feed-forward equalizer, where there is one.
    pulse, cursor
        Equalized response to a pulse [V], and the sample that is taken of it.
    density, width
        Of interference and noise: probability a bin, middle 0 V, and a bin's width [V].
    before_sequence_db : float or None
        The margin without the sequence detector, where there is one.
    """

    setting: Setting
    com_db: float
    vec_db: float
    fom_db: float
    signal: float
    interference: float
    feedback: Floats
    floating: NDArray[np.int64]
    sigmas: Sigmas
    pulse: Floats = field(repr=False)
    cursor: int
    density: tuple[Floats, Floats] = field(repr=False)
    width: float
    forward: Floats | None = None
    before_sequence_db: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """The victim's equalized pulse and what the receiver makes of it."""

    pulse: Floats
    cursor: int
    peak: int
    taps: Floats
    low: Floats
    high: Floats
    floating: NDArray[np.int64]
    slopes: Floats

    @property
    def value(self) -> float:
        """Return the pulse at the cursor [V]."""
        return float(self.pulse[self.cursor])


def equalized(
    response: Response, sheet: Sheet, setting: Setting, length: int = 0
) -> Floats:
    """Return the response to a pulse behind both equalizers [V], (T,).

    `length` lengthens the impulse response with nothing, where it is shorter.
    """
    impulse = filtered(response, sheet, setting, length)
    out = np.empty_like(impulse)
    pulse.fill_pulse(impulse, sheet.samples, out)
    if not response.shaped or len(setting.tx_taps) < 2:
        return out
    shaped = np.empty_like(out)
    taps = np.asarray(setting.tx_taps)
    pulse.fill_shifted(out, taps, setting.tx_cursor, sheet.samples, shaped)
    return shaped


def filtered(
    response: Response, sheet: Sheet, setting: Setting, length: int = 0
) -> Floats:
    """Return the impulse response behind the continuous-time equalizer [V], (T,)."""
    at, rate = sheet.ctle.at(setting.gain_db, setting.low_gain_db), sheet.rate
    impulse = response.impulse
    if length > len(impulse):
        impulse = np.concatenate([impulse, np.zeros(length - len(impulse))])
    out = np.empty_like(impulse)
    gain = 10.0 ** (setting.gain_db / 20.0)
    pulse.fill_filtered(impulse, at.zero, at.pole, at.far_pole, gain, rate, out)
    if at.low_pole:
        far = 1e30  # the second stage has one pole
        gain = 10.0 ** (setting.low_gain_db / 20.0)
        pulse.fill_filtered(out, at.low_zero, at.low_pole, far, gain, rate, out)
    return out


def searched(response: Response, sheet: Sheet) -> tuple[int, int]:
    """Return the samples among which the peak of the equalized pulse is looked for."""
    raw = np.empty_like(response.impulse)
    pulse.fill_pulse(response.impulse, sheet.samples, raw)
    middle = int(np.argmax(raw))
    reach = SEARCHED * sheet.samples
    return max(middle - reach, 0), min(middle + reach + 1, len(raw))


def feedback_table(feedback: Feedback) -> np.record:
    """Return the rules of the decision feedback as a record."""
    row = (
        len(feedback.high),
        feedback.taps,
        feedback.groups,
        feedback.group_taps,
        feedback.floating_max,
        feedback.tail_start,
        feedback.tail_max,
        feedback.step,
    )
    table = np.array([row], com_tables.FEEDBACK).view(np.recarray)
    return cast("np.record", table[0])


def limits(feedback: Feedback) -> tuple[Floats, Floats]:
    """Return the lowest and highest feedback taps, the floating span still empty."""
    low, high = np.zeros((2, feedback.taps))
    low[: len(feedback.low)] = feedback.low
    high[: len(feedback.high)] = feedback.high
    return low, high


def sampled(shape: Floats, cursor: int, peak: int, sheet: Sheet) -> Sampled:
    """Return what decision feedback and jitter make of a pulse at a cursor."""
    feedback, samples = sheet.feedback, sheet.samples
    count = feedback.taps
    needed = cursor + 1 + samples * (count + 1)
    if len(shape) < needed:
        shape = np.concatenate([shape, np.zeros(needed - len(shape))])
    low, high = limits(feedback)
    taps = np.zeros(count)
    places = np.zeros(feedback.groups * feedback.group_taps, np.int64)
    post = shape[cursor + samples : cursor + samples * count + 1 : samples].copy()
    if count:
        kernel.fill_feedback(
            post, shape[cursor], feedback_table(feedback), low, high, taps, places
        )
    slopes = slopes_of(shape, cursor, sheet)
    return Sampled(shape, cursor, peak, taps, low, high, np.sort(places), slopes)


def slopes_of(shape: Floats, cursor: int, sheet: Sheet) -> Floats:
    """Return the slopes of a pulse at every sampling instant [V/UI]."""
    samples = sheet.samples
    if sheet.jitter_span:
        at = cursor + samples * np.arange(-1, sheet.feedback.taps + 1)
        return np.asarray((shape[at + 1] - shape[at - 1]) / 2.0 * samples)
    out = np.empty(len(shape) // samples + 2)
    return out[: kernel.fill_slopes(shape, cursor, samples, out)]


def sigmas_of(at: Sampled, sheet: Sheet, paths: Responses, setting: Setting) -> Sigmas:
    """Return what disturbs a decision, [1] (93A-30) to (93A-35)."""
    samples, count, sigma = sheet.samples, len(at.taps), sheet.symbol_sigma
    post = at.pulse[at.cursor + samples : at.cursor + samples * count + 1 : samples]
    left = post - at.taps * at.value
    energy = float(np.sum(left * left))
    energy += kernel.norm_from(at.pulse, at.cursor - samples, -samples)
    energy += kernel.norm_from(at.pulse, at.cursor + samples * (count + 1), samples)
    slope = float(np.linalg.norm(at.slopes))
    jitter = sqrt(sheet.dual_dirac**2 + sheet.random_jitter**2)
    sent = abs(at.value)
    if sheet.noise_of_all_taps:
        sent /= setting.tx_taps[setting.tx_cursor]
    return Sigmas(
        transmitter=sent * 10.0 ** (-sheet.snr_tx_db / 20.0),
        interference=sigma * sqrt(energy),
        jitter=jitter * sigma * slope,
        crosstalk=crosstalk_sigma(paths, sheet, setting),
        noise=noise_sigma(paths.frequency, sheet, setting),
    )


def com_at(paths: Responses, sheet: Sheet, setting: Setting) -> Com:
    """Return the margin at a setting.

    Raises
    ------
    NoAnswerError
        The equalized pulse has no sampling instant.
    """
    if sheet.forward is not None and sheet.forward.draft:
        from accelsim.link.com_178a import com_at as of_draft

        return of_draft(paths, sheet, setting)
    if sheet.forward is not None:
        from accelsim.link.com_mmse import com_at as with_forward

        return with_forward(paths, sheet, setting)
    shape = equalized(paths.victim, sheet, setting)
    start, stop = searched(paths.victim, sheet)
    first = sheet.feedback.high[0] if sheet.feedback.high else 0.0
    cursor, peak = kernel.cursor_of(
        shape, start, stop, sheet.samples, first, sheet.anchor
    )
    if cursor < 0:
        raise NoAnswerError(f"{sheet.name}: the pulse has no sampling instant")
    at = sampled(shape, cursor + setting.phase, peak, sheet)
    sigmas = sigmas_of(at, sheet, paths, setting)
    signal = sheet.level_ratio * at.value / (sheet.levels - 1.0)
    fom_db = 20.0 * log10(max(signal / sigmas.all, 1e-300))
    shapes = [equalized(path, sheet, setting) for path in paths.aggressors]
    if len(at.pulse) > len(shape):
        longer = equalized(paths.victim, sheet, setting, len(at.pulse))
        at = Sampled(
            longer, at.cursor, peak, at.taps, at.low, at.high, at.floating, at.slopes
        )
    found = margin(at, shapes, sheet, setting, sigmas, fom_db)
    if sheet.window is None:
        return found
    from accelsim.link.window import in_window

    return in_window(found, at, shapes, sheet)


def margin(
    at: Sampled,
    aggressors: list[Floats],
    sheet: Sheet,
    setting: Setting,
    sigmas: Sigmas,
    fom_db: float,
) -> Com:
    """Return the margin from distributions, [1] (93A-37) to (93A-45)."""
    signal = abs(sheet.level_ratio * at.value / (sheet.levels - 1.0))
    width = sheet.bin(signal)
    buffer = np.empty(len(at.pulse) // sheet.samples + 2)
    kept = np.empty_like(buffer)
    count = kernel.fill_residual(at.pulse, at.cursor, at.taps, sheet.samples, buffer)
    sizes = [kept[: com_pdf.keep_above(buffer, count, width, kept)]]
    sizes += worst_samples(aggressors, sheet, width)
    jitter = np.abs(sheet.dual_dirac * at.slopes)
    sizes.append(jitter[jitter > width])
    slope = sheet.random_jitter * sheet.symbol_sigma * float(np.linalg.norm(at.slopes))
    gaussian = sqrt(slope**2 + sigmas.noise**2 + sigmas.transmitter**2)
    return finished(at, np.concatenate(sizes), gaussian, sheet, setting, sigmas, fom_db)


def worst_samples(aggressors: list[Floats], sheet: Sheet, width: float) -> list[Floats]:
    """Return the sizes of each aggressor's samples at its worst phase [V]."""
    found = []
    for shape in aggressors:
        buffer = np.empty(len(shape) // sheet.samples + 2)
        count = kernel.fill_worst_phase(
            shape, sheet.samples, sheet.levels, width, buffer
        )
        kept = np.empty_like(buffer)
        found.append(kept[: com_pdf.keep_above(buffer, count, width, kept)])
    return found


def finished(
    at: Sampled,
    sizes: Floats,
    gaussian: float,
    sheet: Sheet,
    setting: Setting,
    sigmas: Sigmas,
    fom_db: float,
) -> Com:
    """Return the margin of samples that symbols weigh, and of normal noise."""
    signal = abs(sheet.level_ratio * at.value / (sheet.levels - 1.0))
    width = sheet.bin(signal)
    reach = com_pdf.reach_of(sizes, width)
    bounded = np.empty(2 * reach + 1)
    com_pdf.fill_distribution(np.sort(sizes), sheet.levels, width, bounded)
    far = int(np.floor(2.0 * sheet.deviations * gaussian / width + 0.5))
    normal = np.empty(2 * far + 1)
    com_pdf.fill_gaussian(gaussian, width, normal)
    found = com_pdf.quantile_of_sum(bounded, normal, sheet.error_ratio)
    interference = abs(found - reach - far) * width
    opening = max((signal - interference) / signal, NO_EYE)
    return Com(
        setting=setting,
        com_db=20.0 * log10(signal / interference),
        vec_db=-20.0 * log10(opening),
        fom_db=fom_db,
        signal=signal,
        interference=interference,
        feedback=at.taps,
        floating=at.floating,
        sigmas=Sigmas(
            sigmas.transmitter,
            sigmas.interference,
            sigmas.jitter,
            sigmas.crosstalk,
            sigmas.noise,
            gaussian,
        ),
        pulse=at.pulse,
        cursor=at.cursor,
        density=(bounded, normal),
        width=width,
    )


def crest(error_ratio: float) -> float:
    """Return how many deviations a normal distribution exceeds so rarely."""
    from statistics import NormalDist

    return -NormalDist().inv_cdf(error_ratio)
