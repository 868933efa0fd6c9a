"""Random jitter along a path: what clock recovery sends on, and what is reset.

This file knows what of a device's jitter reaches the receivers behind the next ones. A
clock recovery follows jitter below its corner. A receiver is not hurt by what it
follows; a retimer sends just that on, and nothing of what lies above. Dual-Dirac jitter
is of edges and data, faster than any corner: every retimer resets it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import atan, hypot, inf, pi, sqrt

from accelsim.link.path import Span
from accelsim.link.rates import sheet_of_device
from accelsim.link.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Judged:
    """A span, and the sheet that it is judged by, what has passed in its jitter.

    Attributes
    ----------
    case : int
        Of packages.
    passed : float
        From before its transmitter, root mean square, that its receiver does not
        follow [UI].
    """

    span: Span
    sheet: Sheet
    case: int
    passed: float


@dataclass(frozen=True, slots=True)
class Wander:
    """Jitter of one transmitter under way, that of an oscillator in a loop.

    Its density is that of a first-order loop, 1 / (1 + (f / loop)^2), cut off at `top`
    [Hz]; `scale` is such that `above` is a variance [UI^2].
    """

    scale: float
    loop: float
    top: float

    @classmethod
    def of(cls, jitter: float, loop: float) -> "Wander":
        """Return what has so much jitter above its loop [UI]."""
        return cls(jitter**2 / (pi / 4.0), loop, inf)

    def above(self, followed: float) -> float:
        """Return the variance above what a receiver follows [UI^2]."""
        if self.top <= followed:
            return 0.0
        return self.scale * (atan(self.top / self.loop) - atan(followed / self.loop))

    def through(self, corner: float, peaking_db: float) -> "Wander":
        """Return what a clock recovery sends on; peaking is taken for all of it."""
        scale = self.scale * 10.0 ** (peaking_db / 10.0)
        return Wander(scale, self.loop, min(self.top, corner))


def judged(spans: Iterable[Span], lane_rate: float) -> list[Judged]:
    """Return the spans of a path in turn with their sheets at a lane rate [b/s].

    Jitter of the transmitter is the sheet's, or the device's own where it says so. What
    passed adds to its variance. Where no corner before exceeds the receiver's, nothing
    does, and the sheet is as it was.
    """
    under_way: list[Wander] = []
    found = []
    for span in spans:
        sheet, case = sheet_of_device(span.receiver, lane_rate)
        sent, received = span.transmitter, span.receiver
        own = sheet.random_jitter if sent.jitter is None else float(sent.jitter)
        followed = received.follows
        passed = sqrt(sum(each.above(followed) for each in under_way))
        sheet = replace(sheet, random_jitter=hypot(own, passed))
        found.append(Judged(span, sheet, case, passed))
        under_way.append(Wander.of(own, sent.follows))
        peaking = float(received.peaking) if received.peaking is not None else 0.0
        under_way = [each.through(followed, peaking) for each in under_way]
        if received.reclocks:
            under_way = []
    return found
