"""What one customer gets of wafers, packages and memory for one chip."""

from datetime import date
from typing import Annotated

from pydantic import Field

from accelsim.specs.figure import Bytes, NamedSpec, PositiveTime, Share, Spec


class MemorySupply(Spec):
    """Memory that the customer gets in a month, from a date on."""

    date: date
    bytes_per_month: Bytes


class SupplySpec(NamedSpec):
    """A chip's supply.

    Attributes
    ----------
    chip : str
        Of the catalog, with a [die].
    start : date
        Of its production.
    ramp : time
        In which production reaches 1 - 1/e of what parts allow.
    wafer_share, package_share : Share
        Of the capacity that all customers together have.
    memory : tuple of MemorySupply
        By date, oldest first.
    """

    chip: str
    start: date
    ramp: PositiveTime
    wafer_share: Share
    package_share: Share
    memory: Annotated[tuple[MemorySupply, ...], Field(min_length=1)]
