"""What it costs to use a system: dated offers with their sources."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from accelsim.specs.figure import (
    LARGEST,
    MAX_SIZE,
    EnergyPrice,
    Figure,
    Fraction,
    Money,
    MoneyRate,
    NamedSpec,
    PositiveTime,
    Power,
    Share,
    Spec,
    quantity,
)

Offer = Literal["on-demand", "capacity-block", "reserved", "spot", "own"]


class OfferSpec(Spec):
    """One dated price of the rent unit.

    Attributes
    ----------
    chips : int
        Packages that the price covers.
    """

    offer: Offer
    usd: MoneyRate
    chips: int = Field(gt=0, le=MAX_SIZE)
    date: date
    region: str = ""


class OwnSpec(Spec):
    """What it takes to own one chip instead, its part of server and network within.

    Attributes
    ----------
    date : date
        Of the purchase.
    capex : Money
        Chip with its share of host, rack and power supply.
    extra : Money, optional
        That this chip costs more to make than the one of `capex`.
    network : Fraction
        Of `capex`, on top of it.
    life : time
        Over which both are paid off, in equal parts.
    interest : Fraction
        A year.
    staff : Fraction
        Of the capital, a year: people, repair, hall and land.
    power : Power
        Of a busy chip at the meter, host, network and hall (PUE) within.
    electricity : EnergyPrice
    used : Share
        Of the hours, in which the chip has work.
    """

    date: date
    capex: Money
    extra: Annotated[Figure, quantity("money", low=-LARGEST)] | None = None
    network: Fraction
    life: PositiveTime
    interest: Fraction
    staff: Fraction
    power: Power
    electricity: EnergyPrice
    used: Share


class PriceSpec(NamedSpec):
    """All known prices of one instance type or rack, and of owning it."""

    offers: tuple[OfferSpec, ...] = Field(min_length=1)
    own: OwnSpec | None = None
