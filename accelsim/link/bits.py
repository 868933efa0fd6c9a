"""A judged channel symbol by symbol: errors counted, beside what distributions predict.

This file knows how a judged channel becomes samples at the symbol rate: the equalized
pulse at its cursor, aggressors at the phase they were judged at, jitter of every edge
by the pulse's slope, noise of its spectrum behind the feed-forward equalizer. Nothing
is drawn that the distributions do not have, so that the two must agree where enough
errors can be counted.
"""

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.kernels import bits as kernel
from accelsim.link.channel import Floats
from accelsim.link.expected import Expected, noise_colour, scale_for
from accelsim.link.eye import aggressor_samples, residual_at

if TYPE_CHECKING:
    from accelsim.link.com import Com
    from accelsim.link.responses import Responses
    from accelsim.link.sheet import Sheet

BLOCK = 1 << 15  # symbols at a time
MARGIN = 2048  # intervals that a response may reach before and after
LEFT_OUT = 1e-3  # of the normal noise's mean square: samples that it takes in
LONGEST = 16  # runs of errors that are told apart
MOST = 1_000_000_000
COUNTABLE = 1e-3  # symbol error ratio of a simulation with more noise
NOISE_TAPS = 64  # to either side, of the noise's shaping
SURE = 1.959964  # deviations of an interval that holds with 95 %


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What one detector got wrong.

    Attributes
    ----------
    symbols, errors, decoded : int
        Decided; wrong; wrong behind the decoder of 1/(1+D) precoding.
    runs : (R,)
        Runs of errors by length, from 1; the last are all that are longer.
    """

    symbols: int
    errors: int
    decoded: int
    runs: NDArray[np.int64]

    @property
    def ratio(self) -> float:
        """Return the symbol error ratio."""
        return self.errors / max(self.symbols, 1)

    @property
    def carry(self) -> float | None:
        """Return how often an error is followed by another; none without errors."""
        return 1.0 - float(self.runs.sum()) / self.errors if self.errors else None

    def interval(self) -> tuple[float, float]:
        """Return between which ratios the true one lies with 95 %: Wilson's score.

        Errors come in runs, so that runs and not errors are counted for its width.
        """
        n = max(self.symbols, 1)
        runs = int(self.runs.sum())
        size = self.errors / runs if runs else 1.0
        p, z = runs / n, SURE * SURE / n
        middle = (p + z / 2.0) / (1.0 + z)
        half = SURE * sqrt(p * (1.0 - p) / n + z / n / 4.0) / (1.0 + z)
        return max(middle - half, 0.0) * size, (middle + half) * size


@dataclass(frozen=True, slots=True, eq=False)
class Bits:
    """A simulation and what was predicted of it.

    Attributes
    ----------
    noise_scale : float
        Factor of the normal noise.
    feedback, sequence : Counted or None
        Of the slicer with decision feedback; of the sequence detector, where there is
        one.
    predicted : float
        Symbol error ratio of the slicer, from the distributions, its own errors fed
        back included.
    predicted_carry : float
        How often an error is followed by another.
    """

    noise_scale: float
    feedback: Counted
    sequence: Counted | None
    predicted: float
    predicted_carry: float


@dataclass(frozen=True, slots=True, eq=False)
class _Sparse:
    offsets: NDArray[np.int64]
    taps: Floats


def simulate(
    found: "Com",
    paths: "Responses",
    sheet: "Sheet",
    symbols: int,
    *,
    seed: int = 1,
    noise_scale: float = 1.0,
) -> Bits:
    """Return what is decided of so many symbols.

    Raises
    ------
    InputError
        The number is none, or the sheet has symbols that it does not know.
    """
    if not 1 <= symbols <= MOST:
        raise InputError(f"{symbols} symbols: must be 1 to {MOST:,}")
    if sheet.levels not in (2, 4):
        raise InputError(f"{sheet.name}: {sheet.levels} levels; 2 or 4 are simulated")
    link = _Link(found, paths, sheet, noise_scale)
    random = np.random.default_rng(seed)
    link.step(random, 2 * MARGIN)  # until what is decided is what was sent
    link.forget()
    for start in range(0, symbols, BLOCK):
        link.step(random, min(BLOCK, symbols - start))
    expected = Expected(found, paths, sheet, noise_scale)
    return Bits(
        noise_scale,
        link.slicer.counted(),
        link.detector.counted() if link.detector else None,
        expected.errors,
        expected.carry,
    )


def with_more_noise(
    found: "Com",
    paths: "Responses",
    sheet: "Sheet",
    symbols: int,
    ratio: float = COUNTABLE,
) -> list[Bits]:
    """Return what is decided as a channel is, and with noise raised until it errs.

    A channel with margin errs too rarely to count; with its normal noise raised until
    the distributions predict `ratio` of first errors, they are still put to the test.
    """
    made = [simulate(found, paths, sheet, symbols)]
    scale = scale_for(found, paths, sheet, ratio)
    if scale > 1.0:
        made.append(simulate(found, paths, sheet, symbols, noise_scale=scale))
    return made


class _Counts:
    """The running counts of a detector."""

    def __init__(self) -> None:
        self.counts = np.zeros(3, np.int64)
        self.runs = np.zeros(LONGEST, np.int64)
        self.state = np.zeros(2, np.int64)

    def counted(self) -> Counted:
        runs = self.runs.copy()
        if self.state[0]:
            runs[min(int(self.state[0]), LONGEST) - 1] += 1
        symbols, errors, decoded = (int(value) for value in self.counts)
        return Counted(symbols, errors, decoded, runs)


class _Link:
    """A channel at the symbol rate, and what is between one block and the next."""

    def __init__(
        self, found: "Com", paths: "Responses", sheet: "Sheet", noise_scale: float
    ) -> None:
        self.levels = sheet.levels
        left, main = residual_at(found, sheet, found.cursor, fed_back=False)
        middle = found.cursor // sheet.samples
        variance = (noise_scale * found.sigmas.gaussian) ** 2
        floor = LEFT_OUT * variance
        left[middle] = sheet.level_ratio * main
        self.own, lost = _sparse(left, middle, floor)
        self.others = []
        others = aggressor_samples(found, paths, sheet)
        for samples in others:
            sparse, more = _sparse(samples, 0, floor)
            self.others.append(sparse)
            lost += more
        slopes = sheet.dual_dirac * _slopes(found, sheet)
        self.jitter, more = _sparse(slopes, middle, floor)
        variance += sheet.symbol_sigma**2 * (lost + more)
        drawn = [residual_at(found, sheet, found.cursor)[0], slopes, *others]
        variance += _rest(found, sheet, drawn)
        self.signal = sheet.level_ratio * main
        self.noise = _shaped(noise_colour(found, paths, sheet), variance)
        places = np.flatnonzero(found.feedback)
        self.feedback = _Sparse(places + 1, found.feedback[places] * main)
        self.slicer, self.detector = _Counts(), None
        if sheet.sequence_detector and len(places) == 1 and places[0] == 0:
            self.detector = _Counts()
            self.metrics = np.zeros(self.levels)
            self.paths = np.zeros(self.levels, np.int64)
        self.tails: dict[str, NDArray[np.float64]] = {}
        self.sent = np.zeros(2 * MARGIN, np.int64)
        self.decided = np.zeros(MARGIN, np.int64)

    def forget(self) -> None:
        """Count anew."""
        for each in (self.slicer, self.detector):
            if each:
                each.counts[:] = each.runs[:] = each.state[0] = 0

    def step(self, random: np.random.Generator, count: int) -> None:
        """Take so many more symbols."""
        received = np.zeros(count)
        fresh = random.integers(0, self.levels, count, np.uint8)
        sent = np.concatenate([self.sent, fresh])
        own = self._continued("own", self._values(fresh))
        self._add(own, self.own, received)
        for n, other in enumerate(self.others):
            values = self._values(random.integers(0, self.levels, count, np.uint8))
            self._add(self._continued(f"other {n}", values), other, received)
        moved = self._values(fresh)
        moved *= 2.0 * random.integers(0, 2, count, np.uint8) - 1.0
        self._add(self._continued("jitter", moved), self.jitter, received)
        noise = self._continued("noise", random.standard_normal(count))
        self._add(noise, self.noise, received)
        self.sent = sent[-2 * MARGIN :]
        self._decide(received, sent)

    def _values(self, indices: NDArray[np.uint8]) -> Floats:
        return np.linspace(-1.0, 1.0, self.levels)[indices]

    def _continued(self, name: str, values: Floats) -> Floats:
        """Return new values behind the last of the block before."""
        before = self.tails.get(name)
        if before is None:
            before = np.zeros(2 * MARGIN)
        whole = np.concatenate([before, values])
        self.tails[name] = whole[-2 * MARGIN :]
        return whole

    def _add(self, values: Floats, response: _Sparse, received: Floats) -> None:
        kernel.add_filtered(values, response.offsets, response.taps, MARGIN, received)

    def _decide(self, received: Floats, sent: NDArray[np.int64]) -> None:
        decided = np.concatenate([self.decided, np.zeros(len(received), np.int64)])
        shared = (sent, MARGIN, self.levels, self.signal)
        kernel.decide(
            received,
            *shared,
            self.feedback.offsets,
            self.feedback.taps,
            decided,
            self.slicer.state,
            self.slicer.runs,
            self.slicer.counts,
        )
        self.decided = decided[-MARGIN:]
        if self.detector:
            kernel.detect(
                received,
                *shared,
                float(self.feedback.taps[0]),
                self.metrics,
                self.paths,
                self.detector.state,
                self.detector.runs,
                self.detector.counts,
            )


def _sparse(samples: Floats, middle: int, floor: float) -> tuple[_Sparse, float]:
    """Return the samples that matter by their place, and the others' power.

    The smallest are left out as long as all of them together stay below `floor`.
    """
    order = np.argsort(np.abs(samples))
    power = np.cumsum(samples[order] ** 2)
    first = int(np.searchsorted(power, floor, side="right"))
    kept = np.sort(order[first:])
    kept = kept[np.abs(kept - middle) <= MARGIN - 1]
    lost = float(np.sum(samples**2) - np.sum(samples[kept] ** 2))
    return _Sparse((kept - middle).astype(np.int64), samples[kept]), max(lost, 0.0)


def _rest(found: "Com", sheet: "Sheet", drawn: list[Floats]) -> float:
    """Return what a distribution has beyond the samples drawn: the quantizer [V^2]."""
    bounded = found.density[0]
    at = (np.arange(len(bounded)) - (len(bounded) - 1) // 2) * found.width
    power = sheet.symbol_sigma**2 * sum(float(part @ part) for part in drawn)
    return max(float(bounded @ at**2) - power, 0.0)


def _slopes(found: "Com", sheet: "Sheet") -> Floats:
    """Return the slope at every sampling instant [V/UI], the cursor's in its place."""
    samples = sheet.samples
    at = np.arange(found.cursor % samples, len(found.pulse) - 1, samples)
    early = np.maximum(at - 1, 0)
    return np.asarray((found.pulse[at + 1] - found.pulse[early]) / 2.0 * samples)


def _shaped(colour: Floats, variance: float) -> _Sparse:
    """Return a filter that gives white noise a power and the colour of a spectrum."""
    taps = np.fft.ifft(np.sqrt(colour)).real
    reach = min(NOISE_TAPS, (len(colour) - 1) // 2)
    offsets = np.arange(-reach, reach + 1)
    taps = taps[offsets]
    return _Sparse(offsets.astype(np.int64), taps * sqrt(variance / float(taps @ taps)))
