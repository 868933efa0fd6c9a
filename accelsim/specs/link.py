"""A link between two chips or between a chip and a switch: one port of lanes."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.specs.com import Length
from accelsim.specs.figure import (
    MAX_SIZE,
    BitRate,
    Bytes,
    EnergyPerBit,
    FailureRate,
    Figure,
    LinkBandwidth,
    NamedSpec,
    Power,
    Time,
    quantity,
)

Voltage = Annotated[Figure, quantity("voltage", low=0.0, high=1.0)]
OF_A_PATH = (
    *("serdes", "code", "retimer", "length", "retimers", "crosstalk", "buffer"),
    *("controller", "ideal"),
)


class LinkSpec(NamedSpec):
    """One port, per direction.

    What is stated is the truth; what is left out is derived from the physical `path`
    by the link room, and a link without a path states bandwidth, latency and energy.
    Changing `lane_rate` or `lanes` scales a stated `bandwidth` and the other way round
    (`catalog.override`).

    Attributes
    ----------
    bandwidth : LinkBandwidth or None
        What the port carries one way after coding, packet headers included, when the
        wire is inside its budget at `lane_rate`.
    lane_rate : BitRate
        Raw, of a lane.
    latency : Time or None
        Of one whole hop: controllers, SerDes, correction and flight.
    controller : Time or None
        Of one hop beside the wire (controllers, a switch), to which the path's latency
        is added where `latency` is not stated.
    energy : EnergyPerBit or None
        Of a bit of the bandwidth.
    failures : FailureRate or None
        That take the port down.
    adapter : Power or None
        Of the card between chip or host and the port, where there is one.
    path : str
        From bump to bump, as `accelsim link` reads it.
    serdes, code, retimer : str
        Names of the catalog: ends that the path does not name, correction and frames
        (what goes with the SerDes if left out), and what `retimers` puts in.
    length : Length or None
        Of the longest wire of the path, in the place of the path's own.
    retimers : int or None
        That cut this wire into pieces alike, beside those of the path.
    crosstalk : voltage or None
        Root mean square at each quantizer.
    buffer : Bytes or None
        For which the port's receiver gives credits; the code's own if left out.
    ideal : bool
        The bandwidth holds whatever the wire's budget says: for questions what more
        would be worth. Setting `bandwidth` by hand sets it.
    """

    medium: Literal["on-package", "pcb", "copper", "backplane", "aec", "optics"]
    lanes: int = Field(gt=0, le=MAX_SIZE)
    lane_rate: BitRate
    bandwidth: LinkBandwidth | None = None
    latency: Time | None = None
    controller: Time | None = None
    energy: EnergyPerBit | None = None
    failures: FailureRate | None = None
    adapter: Power | None = None
    path: str = ""
    serdes: str = ""
    code: str = ""
    retimer: str = ""
    length: Length | None = None
    retimers: Annotated[int, Field(ge=0, le=16)] | None = None
    crosstalk: Voltage | None = None
    buffer: Bytes | None = None
    ideal: bool = False

    @property
    def raw_rate(self) -> float:
        """Return the raw bits a second, one way."""
        return self.lanes * float(self.lane_rate)

    @property
    def coding_efficiency(self) -> float | None:
        """Return the stated share of the raw bits that carries payload."""
        stated = self.bandwidth
        return None if stated is None else float(stated) * 8.0 / self.raw_rate

    @model_validator(mode="after")
    def _stated_or_derived(self) -> "LinkSpec":
        if self.path:
            if self.latency is None and self.controller is None:
                raise ValueError("controller: is missing; a path needs it, or latency")
            return self
        for name in ("bandwidth", "latency", "energy"):
            if getattr(self, name) is None:
                raise ValueError(f"{name}: is missing; state it or give a path")
        for name in OF_A_PATH:
            if getattr(self, name) not in (None, "", False):
                raise ValueError(f"{name}: says nothing without a path")
        return self

    @model_validator(mode="after")
    def _not_above_the_wire(self) -> "LinkSpec":
        share = self.coding_efficiency
        if self.bandwidth is not None and share is not None and share > 1.0005:
            raise ValueError(
                f"bandwidth {self.bandwidth.text} exceeds {self.lanes} lanes of "
                f"{self.lane_rate.text}; is it the sum of both directions?"
            )
        return self
