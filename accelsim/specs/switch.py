"""A switch: how many ports, how fast, and what it takes in time, power and money."""

from typing import Self

from pydantic import Field, model_validator

from accelsim.specs.figure import (
    MAX_SIZE,
    Bytes,
    LinkBandwidth,
    Money,
    NamedSpec,
    Power,
    Time,
)


class SwitchSpec(NamedSpec):
    """One switch, a chip or a box.

    Attributes
    ----------
    radix : int
        Ports at `port_rate`.
    port_rate : LinkBandwidth
        Payload of a port, one way.
    most_ports : int, optional
        Ports when each is split to a slower rate; `radix` if left out, for a switch
        that does not split.
    optical : bool
        A circuit switch: it joins two ports and neither queues nor forwards packets.
    latency : Time
        From port to port.
    buffer : Bytes, optional
        For packets; a circuit switch has none.
    power, price : Power, Money
        Of one switch, transceivers apart.
    """

    radix: int = Field(gt=0, le=MAX_SIZE)
    port_rate: LinkBandwidth
    most_ports: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    optical: bool = False
    latency: Time
    buffer: Bytes | None = None
    power: Power
    price: Money

    def ports(self, rate: float) -> int:
        """Return how many links of `rate` [B/s] it takes.

        A faster link takes several ports; a slower one takes a part of a port, as far
        as the switch splits them. Rates within 5 % are the same: signalling is quoted
        with and without its code.
        """
        share = float(self.port_rate) * 1.05 / rate
        if share < 1.0:
            return int(self.radix // -(-rate // (float(self.port_rate) * 1.05)))
        split = int(self.radix * int(share))
        return min(split, self.most_ports or self.radix)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.most_ports is not None and self.most_ports < self.radix:
            raise ValueError(f"most_ports {self.most_ports} is less than the radix")
        if self.optical and self.buffer is not None:
            raise ValueError("buffer: an optical circuit switch has none")
        return self
