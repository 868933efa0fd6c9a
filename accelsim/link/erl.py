"""The effective return loss of a channel: [1] IEEE Std 802.3, 93A.5.

A pulse goes into a port; what comes back is weighed by how much of it a receiver would
notice, and its distribution at the detector error ratio is the loss. The steps are
those of the IEEE reference tool, release 4.30 ([2]).
"""

from dataclasses import dataclass, replace

import numpy as np

from accelsim.errors import InputError
from accelsim.kernels import com_pdf, pulse
from accelsim.kernels.channel import fill_edges
from accelsim.link.channel import Floats, TwoPort
from accelsim.link.filters import BUTTERWORTH, raised_cosine
from accelsim.link.responses import impulse_response, package_s
from accelsim.link.sheet import Package, ReturnLoss, Sheet

DELAY = 500e-12  # s before the pulse: makes its Gaussian edge causal
EDGES = 3.0  # transition times that the edge comes later
WHOLE = 2  # G_rr: rho within the feedback's reach
KEPT = 1e-5  # of the peak: the response ends after its last sample above
LOOK = 0.75  # corner of the filter through which a channel's flight is seen, of f_b


@dataclass(frozen=True, slots=True, eq=False)
class Erl:
    """The effective return loss seen at both ends, and of the channel [dB].

    `left_db` is none where a transmitter's package stands before the left end.
    """

    left_db: float | None
    right_db: float

    @property
    def erl_db(self) -> float:
        """Return the worse of the two."""
        if self.left_db is None:
            return self.right_db
        return min(self.left_db, self.right_db)


def effective_return_loss(thru: TwoPort, sheet: Sheet) -> Erl:
    """Return the effective return loss of a channel at both of its ends.

    Raises
    ------
    InputError
        The sheet says nothing of it.
    """
    rules = sheet.erl
    if rules is None:
        raise InputError(f"{sheet.name}: has no effective return loss")
    time = rules.intervals / sheet.symbol_rate or _transit(thru, sheet, rules)
    if rules.package is None:
        port = thru.referred_to(2.0 * rules.impedance)
        left_db = _erl_db(port, sheet, rules, 0, time)
        return Erl(left_db, _erl_db(port, sheet, rules, 1, time))
    port = _behind_package(thru, sheet, rules.package.transmitter)
    port = port.referred_to(2.0 * rules.impedance)
    return Erl(None, _erl_db(port, sheet, rules, 1, time))


def _behind_package(thru: TwoPort, sheet: Sheet, package: Package) -> TwoPort:
    """Return a channel behind a terminated package, of which only s22 counts."""
    near = package_s(package, thru.frequency, sheet.reference)
    joined = replace(thru, s=near).then(thru)
    r = (package.resistance - sheet.reference) / (package.resistance + sheet.reference)
    s = joined.s.copy()
    s[:, 1, 1] += s[:, 1, 0] * s[:, 0, 1] * r / (1.0 - s[:, 0, 0] * r)
    s[:, 0, 1] = s[:, 1, 0] = 0.0
    return replace(joined, s=s)


def _transit(thru: TwoPort, sheet: Sheet, rules: ReturnLoss) -> float:
    """Return how long reflections are looked at where the sheet does not say [s]."""
    f = thru.frequency
    seen = thru.s[:, 1, 0] / np.polyval(BUTTERWORTH, 1j * f / LOOK / sheet.symbol_rate)
    impulse = impulse_response(f, seen, sheet.rate, KEPT)
    flight = int(np.argmax(impulse)) / sheet.rate * rules.transits + DELAY
    return min(flight, (len(impulse) - 1) / sheet.rate)


def _erl_db(
    port: TwoPort, sheet: Sheet, rules: ReturnLoss, end: int, time: float
) -> float:
    back = reflected_pulse(port, sheet, rules, end, time)
    samples, width = sheet.samples, rules.bin
    norms = [float(np.linalg.norm(back[k::samples])) for k in range(samples)]
    worst = np.abs(back[int(np.argmax(norms)) :: samples])
    sizes = np.sort(worst[worst > width])
    density = np.empty(2 * com_pdf.reach_of(sizes, width) + 1)
    com_pdf.fill_distribution(sizes, sheet.levels, width, density)
    found = com_pdf.first_above(density, sheet.error_ratio, 0)
    size = abs(found - (len(density) - 1) // 2) * width
    return float(-20.0 * np.log10(max(size, width)))


def reflected_pulse(
    port: TwoPort, sheet: Sheet, rules: ReturnLoss, end: int, time: float
) -> Floats:
    """Return what of a pulse comes back and matters, (T,), of a pulse of 1."""
    edge, interval = rules.transition_time, 1.0 / sheet.symbol_rate
    f, reflection = port.frequency, port.s[:, end, end]
    source = np.empty(len(f), np.complex128)  # edge, late by EDGES, and receiver
    corner = sheet.receiver_corner * sheet.symbol_rate if rules.filtered else np.inf
    fill_edges(f, edge, corner, source)
    source *= np.exp(-2j * np.pi * f * DELAY)
    if rules.window:
        low = sheet.receiver_corner * sheet.symbol_rate
        source *= raised_cosine(f, low, sheet.symbol_rate)
    impulse = impulse_response(f, reflection * source, sheet.rate, KEPT)
    at = np.arange(len(impulse)) / sheet.rate - DELAY
    fixture = rules.fixture_delay[end]
    stop = _first(at >= time + fixture, len(at) - 1)
    start = _first(at >= edge, 0)
    at, impulse = at[start : stop + 1], impulse[start : stop + 1].copy()
    back = np.empty_like(impulse)
    pulse.fill_pulse(impulse, sheet.samples, back)
    return back * _noticed(at - fixture - EDGES * edge, interval, rules)


def _noticed(time: Floats, interval: float, rules: ReturnLoss) -> Floats:
    """Return the share of a reflection that a receiver notices, [1] (93A-61)."""
    reach = rules.feedback + 1.0
    begin = _first(time >= 0.0, len(time) - 1)
    end = _first(time > reach * interval, len(time) - 1)
    most = (1.0 + rules.rho) * rules.rho
    share = np.full(len(time), most if rules.weighing == 0 else 1.0)
    share[:begin] = 0.0
    near = slice(begin, end + 1)
    x = time[near] / interval
    share[near] = most * np.exp(-(((x - reach) / reach) ** 2))
    if rules.weighing == WHOLE:
        share[near] = rules.rho
    if rules.feedback and rules.beta:
        share[near] *= 10.0 ** (rules.beta * (time[near] - reach * interval) / 20.0)
    return share


def _first(where: np.ndarray, otherwise: int) -> int:
    found = np.flatnonzero(where)
    return int(found[0]) if len(found) else otherwise
