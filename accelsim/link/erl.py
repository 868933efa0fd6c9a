"""The effective return loss of a channel: [1] IEEE Std 802.3, 93A.5.

A pulse goes into a port; what comes back is weighed by how much of it a receiver would
notice, and its distribution at the detector error ratio is the loss. The steps are
those of the IEEE reference tool, release 4.30 ([2]).
"""

from dataclasses import dataclass

import numpy as np

from accelsim.errors import InputError
from accelsim.kernels import com_pdf, pulse
from accelsim.kernels.channel import fill_edges
from accelsim.link.channel import Complexes, Floats, TwoPort
from accelsim.link.responses import impulse_response
from accelsim.link.sheet import ReturnLoss, Sheet

DELAY = 500e-12  # s before the pulse: makes its Gaussian edge causal
EDGES = 3.0  # transition times that the edge comes later
BIN = 1e-4  # of the pulse


@dataclass(frozen=True, slots=True, eq=False)
class Erl:
    """The effective return loss seen at both ends, and of the channel [dB]."""

    left_db: float
    right_db: float

    @property
    def erl_db(self) -> float:
        """Return the worse of the two."""
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
    port = thru.referred_to(2.0 * rules.impedance)
    ends = [
        _erl_db(thru.frequency, port.s[:, end, end], sheet, rules, end)
        for end in (0, 1)
    ]
    return Erl(*ends)


def _erl_db(
    frequency: Floats, reflection: Complexes, sheet: Sheet, rules: ReturnLoss, end: int
) -> float:
    back = reflected_pulse(frequency, reflection, sheet, rules, end)
    samples = sheet.samples
    norms = [float(np.linalg.norm(back[k::samples])) for k in range(samples)]
    worst = np.abs(back[int(np.argmax(norms)) :: samples])
    sizes = np.sort(worst[worst > BIN])
    density = np.empty(2 * com_pdf.reach_of(sizes, BIN) + 1)
    com_pdf.fill_distribution(sizes, sheet.levels, BIN, density)
    found = com_pdf.first_above(density, sheet.error_ratio, 0)
    size = abs(found - (len(density) - 1) // 2) * BIN
    return float(-20.0 * np.log10(max(size, BIN)))


def reflected_pulse(
    frequency: Floats, reflection: Complexes, sheet: Sheet, rules: ReturnLoss, end: int
) -> Floats:
    """Return what of a pulse comes back and matters, (T,), of a pulse of 1."""
    edge, interval = rules.transition_time, 1.0 / sheet.symbol_rate
    f = frequency
    source = np.empty(len(f), np.complex128)  # edge, late by EDGES, and receiver
    fill_edges(f, edge, sheet.receiver_corner * sheet.symbol_rate, source)
    source *= np.exp(-2j * np.pi * f * DELAY)
    filtered = reflection * source * _window(f, sheet, rules)
    impulse = impulse_response(f, filtered, sheet.rate)
    time = np.arange(len(impulse)) / sheet.rate - DELAY
    fixture = rules.fixture_delay[end]
    stop = _first(time >= rules.intervals * interval + fixture, len(time) - 1)
    start = _first(time >= edge, 0)
    time, impulse = time[start : stop + 1], impulse[start : stop + 1].copy()
    back = np.empty_like(impulse)
    pulse.fill_pulse(impulse, sheet.samples, back)
    return back * _noticed(time - fixture - EDGES * edge, interval, rules)


def _noticed(time: Floats, interval: float, rules: ReturnLoss) -> Floats:
    """Return the share of a reflection that a receiver notices, [1] (93A-61)."""
    reach = rules.feedback + 1.0
    begin = _first(time >= 0.0, len(time) - 1)
    end = _first(time > reach * interval, len(time) - 1)
    share = np.ones(len(time))
    share[:begin] = 0.0
    near = slice(begin, end + 1)
    x = time[near] / interval
    share[near] = (1.0 + rules.rho) * rules.rho * np.exp(-(((x - reach) / reach) ** 2))
    if rules.feedback and rules.beta:
        share[near] *= 10.0 ** (rules.beta * (time[near] - reach * interval) / 20.0)
    return share


def _window(f: Floats, sheet: Sheet, rules: ReturnLoss) -> Floats:
    """Return a raised cosine from the receiver's corner down to the symbol rate."""
    if not rules.window:
        return np.ones(len(f))
    top = sheet.symbol_rate
    low = sheet.receiver_corner * top
    part = np.clip((f - low) / (top - low), 0.0, 1.0)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * part))


def _first(where: np.ndarray, otherwise: int) -> int:
    found = np.flatnonzero(where)
    return int(found[0]) if len(found) else otherwise
