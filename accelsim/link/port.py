"""What the fabric needs to know of a link: rate, latency, energy, loss of one port.

This file knows which figures of a link spec are stated and which come from the budget
of its path. A figure has one origin: what is stated is not derived again, and from a
stated bandwidth the budget only takes what retry, credits and a slower rate cost.
"""

from dataclasses import dataclass

import numpy as np

from accelsim.link.answer import TAIL, energy_parts, failure_parts
from accelsim.link.budget import Link, latency_parts, raw_rate
from accelsim.link.retry import Retry
from accelsim.link.wire import Wire, link_of, wire_of
from accelsim.specs.figure import Figure
from accelsim.specs.link import LinkSpec
from accelsim.stamps import Kept

STATED = "stated"  # the regime of a link without a path
_PORTS = Kept(4096)


@dataclass(frozen=True, slots=True)
class Port:
    """One port, one way.

    Attributes
    ----------
    bandwidth : float
        Payload after coding, retry and credits [B/s].
    latency : float
        Of one hop, the mean with retry [s].
    energy : float
        Of one byte [J].
    loss : float
        Ratio of frames lost before retry.
    tail : float
        Latency that all but 1e-9 of the frames keep [s].
    failures : float
        That take the port down [1/s].
    regime : str
        inside, marginal, over (then it fell back to `lane_rate`), or stated.
    lane_rate : float
        Raw, that it runs at [b/s].
    limit : str
        wire, or credits where the receiver's buffer is too small for the round trip.
    wire : Wire or None
        The budget.
    """

    bandwidth: float
    latency: float
    energy: float
    loss: float
    tail: float
    failures: float
    regime: str
    lane_rate: float
    limit: str = "wire"
    wire: Wire | None = None


def port(spec: LinkSpec) -> Port:
    """Return the port that a link spec describes.

    Raises
    ------
    InputError
        A name, length or number of the path is wrong.
    NoAnswerError
        The path works at none of the rates that are tried.
    """
    return _PORTS.of((spec,), None, lambda: _port(spec))


def _port(spec: LinkSpec) -> Port:
    if not spec.path:
        return _stated(spec)
    asked = link_of(spec)
    if spec.ideal:
        return _ideal(spec, asked)
    wire = wire_of(spec, asked)
    slower = wire.link.lane_rate / asked.lane_rate
    carried = nominal_bandwidth(spec, asked) * wire.goodput * slower
    retry = Retry(
        wire.frame_loss,
        _latency(spec, wire.latency),
        wire.round_trip,
        replays=asked.code.replay != "none",
    )
    return Port(
        bandwidth=min(carried, wire.credit_rate),
        latency=retry.mean,
        energy=_energy(spec, asked) / wire.goodput,
        loss=wire.frame_loss,
        tail=retry.quantile(TAIL),
        failures=_failures(spec, asked),
        regime=wire.regime,
        lane_rate=wire.link.lane_rate,
        limit="credits" if wire.credit_rate < carried else "wire",
        wire=wire,
    )


def _ideal(spec: LinkSpec, link: Link) -> Port:
    """Return the port whose bandwidth holds whatever the wire does."""
    parts = latency_parts(link, np.array([link.path.lengths]))
    latency = _latency(spec, sum(float(part[0]) for part in parts.values()))
    return Port(
        bandwidth=nominal_bandwidth(spec, link),
        latency=latency,
        energy=_energy(spec, link),
        loss=0.0,
        tail=latency,
        failures=_failures(spec, link),
        regime=STATED,
        lane_rate=link.lane_rate,
    )


def _latency(spec: LinkSpec, wire: float) -> float:
    return _or(spec.latency, wire + _or(spec.controller, 0.0))


def _energy(spec: LinkSpec, link: Link) -> float:
    """Return the energy of a byte of payload [J]."""
    raw_bits = raw_rate(link) / nominal_bandwidth(spec, link)
    derived = sum(energy_parts(link).values()) * raw_bits
    return derived if spec.energy is None else 8.0 * float(spec.energy)


def steady_energy(spec: LinkSpec) -> float:
    """Return what modules and retimers on a wire take, over its raw bits [J/b].

    With data and without: their signal processors do not stop. Of a link that states
    its energy all of it where the wire is optical.
    """
    if not spec.path:
        stated = 8.0 * _or(spec.energy, 0.0) * _or(spec.bandwidth, 0.0)
        return stated / spec.raw_rate if spec.medium == "optics" else 0.0
    parts = energy_parts(link_of(spec))
    own = {"serdes", "code"}
    return sum(energy for name, energy in parts.items() if name not in own)


def carried_energy(spec: LinkSpec) -> float:
    """Return what a byte adds where modules and retimers draw anyway [J/B]."""
    steady = steady_energy(spec) * spec.raw_rate
    one = port(spec)
    return max(0.0, one.energy - steady / one.bandwidth)


def _failures(spec: LinkSpec, link: Link) -> float:
    return _or(spec.failures, sum(failure_parts(link).values()))


def nominal_bandwidth(spec: LinkSpec, link: Link) -> float:
    """Return the payload inside the budget, packet headers included [B/s].

    A stated bandwidth already counts what coding it counts; only a derived one takes
    the code's share and its frames.
    """
    code = link.code
    frames = float(code.payload) / float(code.frame)
    return _or(spec.bandwidth, raw_rate(link) / 8.0 * code.share * frames)


def _stated(spec: LinkSpec) -> Port:
    latency = _or(spec.latency, 0.0)
    return Port(
        bandwidth=_or(spec.bandwidth, 0.0),
        latency=latency,
        energy=8.0 * _or(spec.energy, 0.0),
        loss=0.0,
        tail=latency,
        failures=_or(spec.failures, 0.0),
        regime=STATED,
        lane_rate=float(spec.lane_rate),
    )


def _or(figure: Figure | None, derived: float) -> float:
    """Return what is stated, or what is derived where nothing is."""
    return derived if figure is None else float(figure)
