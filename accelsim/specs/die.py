"""The dies of a chip's package: what they are made on, and what is cut or spared."""

from typing import Self

from pydantic import Field, model_validator

from accelsim.specs.figure import MAX_SIZE, Area, Fraction, Share, Spec


class OtherDie(Spec):
    """Dies beside those that compute: input and output, bases.

    Attributes
    ----------
    area : Area
        Of one.
    """

    process: str
    count: int = Field(gt=0, le=MAX_SIZE)
    area: Area


class DieSpec(Spec):
    """The dies that compute, all alike; `die_area` of the chip is that of all.

    Attributes
    ----------
    process, package : str
        Names of the catalog.
    count : int
        In a package.
    cores : int
        Made in a package; `matrix.units` of them must work, the others are spare.
    core_area : Share
        Of a die that the cores take: a defect elsewhere kills the die.
    cache_repair : Fraction
        Of the rest that has spare rows or slices and survives a defect.
    hbm_ports, serdes_lanes : int
        Ports of memory stacks and lanes of links on all dies, used or not.
    sram_power, io_power, hbm_power : Share
        Shares of the TDP; the rest is logic.
    other : tuple of OtherDie
    """

    process: str
    package: str
    count: int = Field(gt=0, le=64)
    cores: int = Field(gt=0, le=4096)
    core_area: Share
    cache_repair: Fraction
    hbm_ports: int = Field(ge=0, le=MAX_SIZE)
    serdes_lanes: int = Field(ge=0, le=MAX_SIZE)
    sram_power: Fraction
    io_power: Fraction
    hbm_power: Fraction
    other: tuple[OtherDie, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        parts = (self.sram_power, self.io_power, self.hbm_power)
        if sum(map(float, parts)) >= 1.0:
            raise ValueError("sram_power, io_power and hbm_power leave nothing")
        if self.cores % self.count:
            raise ValueError(f"cores: {self.cores} are no multiple of {self.count}")
        return self
