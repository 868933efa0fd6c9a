"""What joins dies and memory stacks: interposer, substrate, assembly and test."""

from datetime import date
from typing import Annotated

from pydantic import Field

from accelsim.specs.figure import (
    Area,
    Money,
    MoneyByArea,
    NamedSpec,
    Overhead,
    PositiveCount,
    Share,
    Spec,
)


class InterposerPrice(Spec):
    """Price by area of the interposer with its assembly, at a date."""

    date: date
    usd: MoneyByArea


class PackageCapacity(Spec):
    """Interposer wafers that all customers together get in a month, from a date on."""

    date: date
    wafers_per_month: PositiveCount


class PackageSpec(NamedSpec):
    """One way of packaging.

    Attributes
    ----------
    interposer : tuple of InterposerPrice
        By date, oldest first.
    margin : Overhead
        Of the interposer over dies and stacks together.
    stack_area : Area
        Of one memory stack.
    substrate, test : Money
        Of one package: substrate, lid and passives; test and burn-in.
    die_yield, stack_yield, package_yield : Share
        Of attaching one die, one stack, and of all else. What fails takes all that is
        on it with it.
    """

    interposer: Annotated[tuple[InterposerPrice, ...], Field(min_length=1)]
    capacity: tuple[PackageCapacity, ...] = ()
    margin: Overhead
    stack_area: Area
    substrate: Money
    test: Money
    die_yield: Share
    stack_yield: Share
    package_yield: Share
