"""What it costs to use a system: dated offers with their sources."""

from datetime import date
from typing import Literal

from pydantic import Field

from accelsim.specs.figure import MAX_SIZE, MoneyRate, NamedSpec, Spec

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


class PriceSpec(NamedSpec):
    """All known prices of one instance type or rack."""

    offers: tuple[OfferSpec, ...] = Field(min_length=1)
