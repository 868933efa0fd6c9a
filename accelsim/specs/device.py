"""What stands at the ends of a wire and between its spans: SerDes, retimers, optics."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from accelsim.specs.com import Decibels, Intervals, Length
from accelsim.specs.figure import (
    MAX_SIZE,
    Area,
    BitRate,
    EdgeRate,
    EnergyPerBit,
    FailureRate,
    Frequency,
    Money,
    NamedSpec,
    Spec,
    Time,
)


class CableSpec(Spec):
    """A cable that a device is sold in both ends of.

    Attributes
    ----------
    wire : str
        Segment between the ends.
    longest : length
    """

    wire: str
    longest: Length


class DeviceSpec(NamedSpec):
    """A device of a link.

    Attributes
    ----------
    what : str
        A serdes ends a path; a retimer makes the signal anew; a redriver amplifies it;
        optics stand for both modules and, by its length, the fibre between.
    retimes : bool
        Whether a span of the wire ends here: interference and jitter start anew.
    lanes : int
        Of one device, each both ways.
    lane_rate : bit rate
        The highest, raw.
    levels : int
        2 or 4, of the amplitude.
    sheet, case : str
        Parameter sheet and package case that a span is judged by which ends here, at
        the symbol rate of the link; none for what does not retime.
    error_ratio : float
        Of the detector, symbols, that the sheet's margin leaves; of optics their own.
    loss : decibels or None
        At half the symbol rate, bump to bump, that the vendor says it handles.
    boost : decibels or None
        Of a redriver at half the symbol rate.
    corner : frequency or None
        Of its clock recovery: jitter below it is followed, as a receiver, and sent on.
    jitter : unit intervals or None
        Random, of its own transmitter, that a receiver does not follow; none for that
        of the sheet.
    peaking : decibels or None
        Of what is sent on.
    reclocks : bool
        It sends with a clock of its own reference: no jitter goes on.
    penalty : decibels
        What it loses to the sheet's receiver; a redriver or linear optics, of margin.
    spread : decibels
        Deviation of the margin among devices, by process, voltage and temperature.
    latency, energy : time, energy per bit
        Of a bit on its way through, transmitter and receiver.
    area, shoreline : area, rate by length of the die's edge
        Of a lane both ways.
    price, failures : money, failure rate
        Of one device; of optics, both modules.
    reach : length or None
        Of optics.
    cables : tuple of CableSpec
        Of a retimer that is sold in the ends of active cables; the thinnest first.
    """

    what: Literal["serdes", "retimer", "redriver", "optics"]
    retimes: bool = True
    lanes: int = Field(gt=0, le=MAX_SIZE)
    lane_rate: BitRate
    levels: Literal[2, 4] = 4
    sheet: str = ""
    case: str = ""
    error_ratio: Annotated[float, Field(gt=0.0, lt=0.1)]
    loss: Decibels | None = None
    boost: Decibels | None = None
    corner: Frequency | None = None
    jitter: Intervals | None = None
    peaking: Decibels | None = None
    reclocks: bool = False
    penalty: Decibels
    spread: Decibels
    latency: Time
    energy: EnergyPerBit
    area: Area | None = None
    shoreline: EdgeRate | None = None
    price: Money
    failures: FailureRate
    reach: Length | None = None
    cables: Annotated[tuple[CableSpec, ...], Field(max_length=64)] = ()

    @property
    def follows(self) -> float:
        """Return up to where its clock recovery follows jitter [Hz]."""
        return 0.0 if self.corner is None else float(self.corner)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.retimes != bool(self.sheet):
            raise ValueError("a device that retimes has a sheet, another has none")
        if self.retimes != (self.corner is not None):
            raise ValueError("a device that retimes has a corner, another has none")
        if not self.retimes and (self.jitter or self.peaking or self.reclocks):
            raise ValueError("jitter, peaking and reclocks are of what retimes")
        if self.cables and self.what != "retimer":
            raise ValueError("cables are of a retimer")
        if self.what in ("serdes", "retimer") and not self.retimes:
            raise ValueError(f"a {self.what} retimes")
        if (self.what == "redriver") != (self.boost is not None):
            raise ValueError("a redriver has a boost, another device has none")
        if self.what == "redriver" and self.retimes:
            raise ValueError("a redriver does not retime: retimes = false")
        if (self.what == "optics") != (self.reach is not None):
            raise ValueError("optics have a reach, another device has none")
        return self
