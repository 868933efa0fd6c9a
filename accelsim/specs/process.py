"""A node of a foundry: what it gains over the one before, and what its wafers cost.

Gains are stated as the foundry states them, speed at the same power or power at the
same speed, over the process that `after` names; the room `silicon` chains them. The
first process of a chain gives the areas of what chips are made of.
"""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from accelsim.specs.figure import (
    Area,
    DefectDensity,
    Energy,
    EnergyPerFlop,
    Figure,
    Frequency,
    Money,
    NamedSpec,
    PositiveCount,
    Share,
    Span,
    Spec,
    Time,
    Voltage,
    quantity,
)

Gain = Annotated[Figure, quantity("fraction", low=0.2, high=5.0)]
Clustering = Annotated[Figure, quantity("count", low=0.1, high=100.0)]
Steepness = Annotated[Figure, quantity("count", low=1.0, high=2.0)]


class WaferPrice(Spec):
    """Price of one finished wafer at a date."""

    date: date
    usd: Money


class WaferCapacity(Spec):
    """Wafers that all customers together get in a month, from a date on."""

    date: date
    wafers_per_month: PositiveCount


class AreaSpec(Spec):
    """What the parts of a chip take of the die, and of its edge.

    Attributes
    ----------
    mac : dict of str to Area
        One multiply-add a cycle of a matrix unit by precision, wiring included.
    sram : Area
        One MiB of on-chip memory, its periphery included.
    serdes, hbm_phy : Area
        One lane both ways; the port of one memory stack.
    serdes_edge, hbm_edge : length
        What each of them takes of the die's edge.
    """

    mac: dict[str, Area]
    sram: Area
    serdes: Area
    hbm_phy: Area
    serdes_edge: Span
    hbm_edge: Span


class CurveSpec(Spec):
    """Clock against voltage: f ~ (V - threshold)^steepness / V.

    Attributes
    ----------
    nominal, threshold, lowest : voltages
        Lowest: below it the clock falls at the same voltage.
    leakage : Share
        Of the power of a busy chip at the nominal voltage.
    """

    nominal: Voltage
    threshold: Voltage
    lowest: Voltage
    steepness: Steepness
    leakage: Share

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not float(self.threshold) < float(self.lowest) <= float(self.nominal):
            raise ValueError("voltages must rise: threshold, lowest, nominal")
        return self


class EnergySpec(Spec):
    """What multiplying takes on a process at a clock, fitted to measured chips.

    Attributes
    ----------
    clock : Frequency
    cycle : Energy
        Of a multiprocessor's cycle: issue, registers, clock tree.
    flop : EnergyPerFlop
        Of a bf16 FLOP beside it.
    """

    clock: Frequency
    cycle: Energy
    flop: EnergyPerFlop


class ProcessSpec(NamedSpec):
    """One process.

    Attributes
    ----------
    after : str
        The process that the gains are over; empty for the first of a chain.
    speed, power : Gain
        Clock at the same power, or power at the same clock, over that. One or the
        other, not both.
    sram_power : Gain
        Of memory macros at the same clock.
    logic, sram, analog : Gain
        Density of each over that.
    start : date
        Of volume production.
    wafers, capacity : tuple
        By date, oldest first.
    defects : DefectDensity
        That kill a die, once the process is ripe.
    first_defects, learning : DefectDensity, time
        At the start, and in which the rest falls to 1/e.
    clustering : Clustering
        Of the negative binomial yield: small where defects come in clusters.
    energy : EnergySpec or None
        Where chips on it were measured.
    """

    after: str = ""
    start: date
    speed: Gain
    power: Gain
    sram_power: Gain
    logic: Gain
    sram: Gain
    analog: Gain
    wafers: Annotated[tuple[WaferPrice, ...], Field(min_length=1)]
    capacity: tuple[WaferCapacity, ...] = ()
    defects: DefectDensity
    first_defects: DefectDensity
    learning: Time
    clustering: Clustering
    curve: CurveSpec
    area: AreaSpec | None = None
    energy: EnergySpec | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.after) == (self.area is not None):
            raise ValueError("the first of a chain gives [area], the others `after`")
        if float(self.first_defects) < float(self.defects):
            raise ValueError("first_defects must not be below defects")
        if float(self.learning) <= 0.0:
            raise ValueError("learning must be more than zero")
        for name, rows in (("wafers", self.wafers), ("capacity", self.capacity)):
            dates = [row.date for row in rows]
            if dates != sorted(set(dates)):
                raise ValueError(f"{name}: dates must rise")
        return self
