"""A link between two chips or between a chip and a switch: one port of lanes."""

from typing import Literal

from pydantic import Field, model_validator

from accelsim.specs.figure import (
    MAX_SIZE,
    BitRate,
    EnergyPerBit,
    LinkBandwidth,
    NamedSpec,
    Time,
)


class LinkSpec(NamedSpec):
    """One port, per direction.

    `bandwidth` is what the port carries one way after coding. `lane_rate` is the raw
    rate of a lane. Changing `lane_rate` or `lanes` scales `bandwidth` and the other
    way round (`catalog.override`).
    """

    medium: Literal["on-package", "pcb", "copper", "backplane", "aec", "optics"]
    lanes: int = Field(gt=0, le=MAX_SIZE)
    lane_rate: BitRate
    bandwidth: LinkBandwidth
    latency: Time = Field(description="SerDes, FEC and flight of one hop")
    energy: EnergyPerBit

    @property
    def coding_efficiency(self) -> float:
        """Return the share of the raw bits that carries payload."""
        return self.bandwidth.value * 8 / (self.lanes * self.lane_rate.value)

    @model_validator(mode="after")
    def _not_above_the_wire(self) -> "LinkSpec":
        if self.coding_efficiency > 1.0005:
            raise ValueError(
                f"bandwidth {self.bandwidth.text} exceeds {self.lanes} lanes of "
                f"{self.lane_rate.text}; is it the sum of both directions?"
            )
        return self
