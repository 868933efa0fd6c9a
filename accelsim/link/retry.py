"""What a lost frame costs where the link sends it again: throughput and a late tail.

This file knows go-back-n and selective repetition in closed form (A. Leon-Garcia and
I. Widjaja, Communication Networks, ch. 5), and credits.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def goodput_share(
    loss: ArrayLike, round_trip: ArrayLike, frame_time: float, replay: str
) -> Floats:
    """Return what of the link's time carries frames that arrive, (N,).

    Parameters
    ----------
    loss : (N,)
        Ratio of frames lost.
    round_trip : (N,)
        From a frame's start to that of its repetition [s].
    frame_time : float
        Of one frame on the port [s].
    replay : str
        go-back-n repeats all since, selective the one, none nothing.
    """
    lost = np.asarray(loss, np.float64)
    good = 1.0 - lost
    if replay != "go-back-n":
        return good
    window = np.maximum(np.asarray(round_trip) / frame_time, 1.0)
    return np.asarray(good / (good + lost * window))


def credit_rate(buffer: float, round_trip: ArrayLike) -> Floats:
    """Return the bandwidth that a buffer's credits allow [B/s], (N,)."""
    return np.asarray(buffer / np.maximum(np.asarray(round_trip), 1e-30))


@dataclass(frozen=True, slots=True)
class Retry:
    """Repetition on one link.

    Attributes
    ----------
    loss : float
        Ratio of frames lost on one attempt.
    latency, round_trip : float
        Without loss, and what each attempt more adds [s].
    """

    loss: float
    latency: float
    round_trip: float
    replays: bool = True

    @property
    def mean(self) -> float:
        """Return the mean latency of a frame [s]."""
        if not self.replays:
            return self.latency
        if self.loss >= 1.0:
            return math.inf
        return self.latency + self.round_trip * self.loss / (1.0 - self.loss)

    def quantile(self, share: float) -> float:
        """Return the latency that this share of frames keeps [s]."""
        return self.latency + self.attempts(share) * self.round_trip

    def attempts(self, share: float) -> float:
        """Return the repetitions that this share of frames does not exceed."""
        if not self.replays or self.loss <= 1.0 - share:
            return 0.0
        if self.loss >= 1.0:
            return math.inf
        return math.ceil(math.log(1.0 - share) / math.log(self.loss) - 1e-12) - 1.0
