"""What the fabric needs to know of a link: rate, latency and energy of one port."""

from dataclasses import dataclass

from accelsim.specs.link import LinkSpec


@dataclass(frozen=True, slots=True)
class Port:
    """One port, one way.

    bandwidth : payload after coding [B/s]. latency : of one hop [s]. energy : of one
    byte [J].
    """

    bandwidth: float
    latency: float
    energy: float


def port(link: LinkSpec) -> Port:
    """Return the port that a link spec describes."""
    return Port(float(link.bandwidth), float(link.latency), 8.0 * float(link.energy))
