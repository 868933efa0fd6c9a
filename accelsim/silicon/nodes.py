"""What a process gains over another, chained through what both come from, and by date.

Foundries state gains over one earlier process each: N3P and N2 both over N3E. The gain
of N2 over N3P is the quotient. This file knows figures of processes, and no chip.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.specs.figure import Figure
from accelsim.specs.process import AreaSpec, ProcessSpec

# A number, or one for each sample of an uncertain figure.
Value: TypeAlias = Any
Values = NDArray[np.float64]
# How a figure becomes a value: its nominal one, or samples by its path.
Take: TypeAlias = Callable[[str, Figure], Value]
MAX_CHAIN = 32


def nominal(_path: str, figure: Figure) -> float:
    """Return the value of a figure as it is written."""
    return float(figure)


@dataclass(frozen=True, slots=True)
class Gains:
    """Over another process: clock at equal power, power at equal clock, densities."""

    speed: Value = 1.0
    power: Value = 1.0
    sram_power: Value = 1.0
    logic: Value = 1.0
    sram: Value = 1.0
    analog: Value = 1.0

    def times(self, other: "Gains") -> "Gains":
        """Return the gains of both steps together."""
        return Gains(*(getattr(self, f) * getattr(other, f) for f in Gains.__slots__))

    def over(self, other: "Gains") -> "Gains":
        """Return the gains beside those of another process over the same one."""
        return Gains(*(getattr(self, f) / getattr(other, f) for f in Gains.__slots__))


def process(name: str) -> ProcessSpec:
    """Return a process of the catalog."""
    found: ProcessSpec = catalog.load("processes", name)
    return found


def chain(name: str) -> list[ProcessSpec]:
    """Return a process and all that it comes from, the first of the chain last.

    Raises
    ------
    InputError
        An unknown name, or a chain that does not end.
    """
    found = [process(name)]
    while found[-1].after:
        if len(found) == MAX_CHAIN:
            raise InputError(f"process {name}: after: the chain does not end")
        found.append(process(found[-1].after))
    return found


def gains(name: str, over: str, take: Take = nominal) -> Gains:
    """Return what a process gains over another one of the same foundry.

    What both come from cancels out, sample for sample.

    Raises
    ------
    InputError
        The two come from different first processes.
    """
    mine, theirs = chain(name), chain(over)
    if mine[-1].name != theirs[-1].name:
        raise InputError(f"process {name} and {over} have no common ancestor")
    shared = {spec.name for spec in mine} & {spec.name for spec in theirs}
    up, down = Gains(), Gains()
    for spec in mine:
        up = up if spec.name in shared else up.times(_step(spec, take))
    for spec in theirs:
        down = down if spec.name in shared else down.times(_step(spec, take))
    return up.over(down)


def _step(spec: ProcessSpec, take: Take) -> Gains:
    at = f"process.{spec.name}"
    return Gains(*(take(f"{at}.{f}", getattr(spec, f)) for f in Gains.__slots__))


def first_areas(name: str) -> tuple[str, AreaSpec]:
    """Return the first process of a chain and the areas that it gives."""
    first = chain(name)[-1]
    if first.area is None:  # a spec without `after` has areas
        raise InputError(f"process {first.name}: no [area]")
    return first.name, first.area


def at_date(
    rows: Sequence[Any], when: date | None, path: str, take: Take, field: str = "usd"
) -> Value:
    """Return a figure of dated rows on a day, on the line between its neighbours.

    Before the first row and after the last one theirs counts; without a day the last.
    """
    last = len(rows) - 1
    if when is None or when >= rows[last].date:
        return take(f"{path}.{last}.{field}", getattr(rows[last], field))
    if when <= rows[0].date:
        return take(f"{path}.0.{field}", getattr(rows[0], field))
    right = next(i for i, row in enumerate(rows) if row.date > when)
    left = right - 1
    low, high = (
        take(f"{path}.{i}.{field}", getattr(rows[i], field)) for i in (left, right)
    )
    whole = (rows[right].date - rows[left].date).days
    share = (when - rows[left].date).days / whole
    return low + share * (high - low)
