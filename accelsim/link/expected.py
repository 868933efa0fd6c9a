"""What distributions say of a slicer's errors: how often, and how long they last.

This file knows that a wrong decision moves the next by twice the feedback tap, and that
noise behind a feed-forward equalizer is coloured: what pushed one decision over its
threshold is still there, in part, at the next.
"""

from functools import cached_property
from math import erfc, sqrt
from typing import TYPE_CHECKING

import numpy as np

from accelsim.link.channel import Floats

if TYPE_CHECKING:
    from accelsim.link.com import Com
    from accelsim.link.responses import Responses
    from accelsim.link.sheet import Sheet

NODES = 48  # of the noise at an error
REACH = 8.0  # deviations that the nodes span
LONGEST = 6  # errors of a run whose feedback is told apart
SPECTRUM = 1024  # frequencies where a sheet does not say


def noise_colour(found: "Com", paths: "Responses", sheet: "Sheet") -> Floats:
    """Return the spectrum of the normal noise at the slicer, any unit, (N,).

    Receiver, transmitter and random jitter through the feed-forward equalizer; white
    where there is none, the equalizer's own colour where the sheet is not of the draft.
    """
    if found.forward is None:
        return np.ones(1)
    if sheet.forward is None or not sheet.forward.draft:
        return np.asarray(np.abs(np.fft.fft(found.forward, SPECTRUM)) ** 2)
    from accelsim.link.com import equalized, slopes_of
    from accelsim.link.com_178a import noise_of
    from accelsim.link.com_mmse import density_of, resized

    noise = noise_of(paths, sheet, found.setting)
    transmitted = noise.plain[found.cursor % sheet.samples :: sheet.samples]
    edges = slopes_of(
        equalized(paths.victim, sheet, found.setting), found.cursor, sheet
    )
    power = (sheet.symbol_sigma * sheet.random_jitter) ** 2
    density = noise.receiver + density_of(edges, sheet, power)
    share = 10.0 ** (-sheet.snr_tx_db / 10.0)
    density = density + density_of(transmitted, sheet, share)
    through = np.fft.fft(resized(found.forward, len(density)))
    return np.asarray(density * np.abs(through) ** 2)


class Expected:
    """Errors of a slicer with decision feedback, from the distributions of a margin.

    Attributes
    ----------
    errors : float
        Symbol error ratio, errors made by errors included.
    first : float
        Probability of an error after none.
    carry : float
        Probability of an error after one, over all errors of a run.
    """

    def __init__(
        self,
        found: "Com",
        paths: "Responses",
        sheet: "Sheet",
        noise_scale: float = 1.0,
    ) -> None:
        bounded, self.width = found.density[0], found.width
        self.at = (np.arange(len(bounded)) - (len(bounded) - 1) // 2) * found.width
        seen = bounded > 0.0
        self.at, self.bounded = self.at[seen], bounded[seen]
        self.sigma = max(noise_scale * found.sigmas.gaussian, 1e-12)
        self.signal = found.signal
        self.levels = sheet.levels
        # wrong decisions alternate: the taps of a run's errors are added in turn
        taps = (
            found.feedback[:LONGEST]
            * (-1.0) ** np.arange(len(found.feedback))[:LONGEST]
        )
        self.moved = 2.0 * found.signal / sheet.level_ratio * np.cumsum(taps)
        lags = np.fft.ifft(noise_colour(found, paths, sheet)).real
        self.kept = float(lags[1] / lags[0]) if len(lags) > 1 else 0.0

    def beyond(self, distance: float, sigma: float) -> float:
        """Return how often noise and interference exceed a distance, to one side."""
        x = (distance - self.at) / (sigma * sqrt(2.0))
        near = x < 27.0
        tails = np.array([0.5 * erfc(value) for value in x[near]])
        return float(self.bounded[near] @ tails)

    @cached_property
    def first(self) -> float:
        """Return the probability of an error after none."""
        share = 2.0 * (self.levels - 1.0) / self.levels
        return share * self.beyond(self.signal, self.sigma)

    @cached_property
    def carry(self) -> float:
        """Return the probability of an error after one, over all errors of a run."""
        likely, length = 1.0, 1.0
        last = 0.0
        for moved in self.moved:
            last = self._after(float(moved))
            likely *= last
            length += likely
        if not len(self.moved):
            last = self._after(0.0)
        length += likely * last / (1.0 - last)
        return 1.0 - 1.0 / length

    def _after(self, moved: float) -> float:
        """Return the probability of an error after one that moves it by so much [V].

        The mean over the noise that made the first: the next is moved by the feedback
        of the wrong decision one way, by what is left of that noise the other.
        """
        noise = np.linspace(-REACH, REACH, NODES) * self.sigma
        above = np.cumsum(self.bounded[::-1])[::-1]
        index = np.searchsorted(self.at, self.signal - noise)
        tails = np.append(above, 0.0)[index]
        weights = np.exp(-0.5 * (noise / self.sigma) ** 2) * tails
        if not np.any(weights):
            return 0.0
        weights /= np.sum(weights)
        left = self.sigma * sqrt(1.0 - self.kept**2)
        total = 0.0
        for value, weight in zip(noise, weights, strict=True):
            if weight > 1e-6:
                off = moved - self.kept * value
                near = self.beyond(self.signal - off, left)
                total += weight * (near + self.beyond(self.signal + off, left))
        return (self.levels - 1.0) / self.levels * total

    @property
    def errors(self) -> float:
        """Return the symbol error ratio."""
        return self.first / (1.0 - self.carry + self.first)


def scale_for(found: "Com", paths: "Responses", sheet: "Sheet", ratio: float) -> float:
    """Return the factor of the normal noise at which a ratio of first errors is due."""

    def few(scale: float) -> bool:
        return Expected(found, paths, sheet, scale).first < ratio

    low, high = 1.0, 1.0
    while few(high) and high < 1e3:
        low, high = high, 1.5 * high
    for _ in range(20):
        middle = (low + high) / 2.0
        low, high = (middle, high) if few(middle) else (low, middle)
    return high
