"""Good chips a month, and the fleet that they make: what limits, and what can go wrong.

Each month gives the least of what wafers, packaging and memory allow. Capacities,
shares and yields are drawn from their spreads; a scenario shares its draws with the
plan that it is compared with. This file knows supply by date; it knows no price.
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError
from accelsim.silicon.cost import die_of, interposer_area
from accelsim.silicon.draws import Draws, interval
from accelsim.silicon.nodes import Value, at_date, process
from accelsim.silicon.wafer import RADIUS, die_yield, dies_per_wafer
from accelsim.specs.chip import ChipSpec
from accelsim.specs.packaging import PackageSpec
from accelsim.specs.process import ProcessSpec
from accelsim.specs.supply import SupplySpec
from accelsim.units import UNITS

MONTH = UNITS["time"][1]["month"]
MOST_MONTHS = 240
LIMITS = ("wafers", "packaging", "memory")
TILING = 0.9  # of a wafer's area that packages of several reticles use


@dataclass(frozen=True, slots=True)
class Scenario:
    """What goes wrong.

    lose_fab : first month without the share `lost` of the wafers, for `months`.
    packaging_late : months by which packaging capacity comes later. slow_learning :
    over the process's learning time.
    """

    lose_fab: date | None = None
    months: int = 0
    lost: float = 1.0
    packaging_late: int = 0
    slow_learning: float = 1.0


@dataclass(frozen=True, slots=True)
class Supply:
    """By month (M,): good chips, the limit, the fleet; and of each sample (M, N)."""

    months: tuple[date, ...]
    chips: Value
    limits: tuple[str, ...]

    @property
    def fleet(self) -> Value:
        """Return the chips made so far, (M, N)."""
        return np.cumsum(self.chips, axis=0)


def month_after(day: date, count: int) -> date:
    """Return the first day of the month `count` months later."""
    index = day.year * 12 + day.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def _months(start: date, until: date) -> list[date]:
    count = (until.year - start.year) * 12 + until.month - start.month + 1
    if not 0 < count <= MOST_MONTHS:
        raise InputError(
            f"supply: until: {until} must be within {MOST_MONTHS} months of {start}"
        )
    return [month_after(start, i) for i in range(count)]


def _defects(made: ProcessSpec, day: date, slow: float, draws: Draws) -> Value:
    """Return the defect density of a day [1/m2]: it falls as the process is learnt."""
    ripe = draws(f"process.{made.name}.defects", made.defects)
    first = draws(f"process.{made.name}.first_defects", made.first_defects)
    age = max(0.0, (day - made.start).days * 86400.0)
    left = math.exp(-age / (float(made.learning) * slow))
    return ripe + np.maximum(first - ripe, 0.0) * left


def supply(
    spec: SupplySpec,
    until: date,
    scenario: Scenario | None = None,
    samples: int = 1000,
    seed: int = 1,
    draws: Draws | None = None,
) -> Supply:
    """Return the good chips of every month to a date, for every sample.

    draws : in the place of samples and seed, where others share them.

    Raises
    ------
    InputError
        A month, share or count that cannot be.
    NoAnswerError
        The chip does not tell its dies, or its process no capacity.
    """
    wrong = scenario or Scenario()
    _check(wrong, samples)
    chip: ChipSpec = catalog.load("chips", spec.chip)
    draws = Draws(samples, seed) if draws is None else draws
    rows, limits = [], []
    months = _months(spec.start, until)
    if wrong.lose_fab is not None and not _within(wrong, months):
        raise InputError(
            f"supply: lose_fab: {wrong.lose_fab} loses no month of {months[0]} to "
            f"{months[-1]}"
        )
    for day in months:
        parts = _parts(spec, chip, day, wrong, draws)
        least = np.minimum.reduce(list(parts.values()))
        ramp = 1.0 - math.exp(
            -((day - spec.start).days * 86400.0 + MONTH) / float(spec.ramp)
        )
        rows.append(least * _attached(chip, draws) * ramp)
        middle = {name: float(np.median(value)) for name, value in parts.items()}
        limits.append(min(middle, key=lambda name: middle[name]))
    return Supply(tuple(months), np.array(rows), tuple(limits))


def _within(wrong: Scenario, months: list[date]) -> bool:
    """Return whether a month of the plan is one without the fab."""
    first = wrong.lose_fab or months[-1]
    return first <= months[-1] and month_after(first, wrong.months) > months[0]


def _check(wrong: Scenario, samples: int) -> None:
    if samples < 1:
        raise InputError(f"supply: samples: {samples} must be 1 or more")
    if not 0.0 <= wrong.lost <= 1.0:
        raise InputError(f"supply: lost: {wrong.lost} is no share")
    if not 1.0 <= wrong.slow_learning < math.inf:
        raise InputError(
            f"supply: slow_learning: {wrong.slow_learning} must be 1 or more"
        )
    if wrong.packaging_late < 0 or wrong.months < 0:
        raise InputError("supply: delays must not be negative")


def _parts(
    spec: SupplySpec, chip: ChipSpec, day: date, wrong: Scenario, draws: Draws
) -> dict[str, Value]:
    """Return the chips of a month that each part allows, (N,) each."""
    die, area = die_of(chip)
    made = process(die.process)
    package: PackageSpec = catalog.load("packages", die.package)
    if not made.capacity or not package.capacity:
        raise NoAnswerError(f"process {made.name}: no capacity is told")
    at, field = f"process.{made.name}", "wafers_per_month"
    wafers = at_date(made.capacity, day, f"{at}.capacity", draws, field)
    wafers = wafers * draws("supply.wafer_share", spec.wafer_share)
    if wrong.lose_fab is not None:
        end = month_after(wrong.lose_fab, wrong.months)
        wafers = wafers * (1.0 - wrong.lost * (wrong.lose_fab <= day < end))
    dies = draws("chip.die_area", area) / die.count
    good = die_yield(
        dies * _defects(made, day, wrong.slow_learning, draws),
        clustering=float(made.clustering),
        core_area=draws("chip.die.core_area", die.core_area),
        cores=die.cores // die.count,
        needed=-(-chip.matrix.units // die.count),
        repaired=draws("chip.die.cache_repair", die.cache_repair),
    )
    earlier = month_after(day, -wrong.packaging_late)
    at = f"package.{package.name}.capacity"
    packages = at_date(package.capacity, earlier, at, draws, field)
    packages = packages * draws("supply.package_share", spec.package_share)
    per_wafer = TILING * math.pi * RADIUS**2 / interposer_area(chip, package, draws)
    memory = at_date(spec.memory, day, "supply.memory", draws, "bytes_per_month")
    return {
        "wafers": wafers * dies_per_wafer(dies) * good / die.count,
        "packaging": packages * per_wafer,
        "memory": memory / float(chip.hbm.capacity),
    }


def _attached(chip: ChipSpec, draws: Draws) -> Value:
    die, _ = die_of(chip)
    package: PackageSpec = catalog.load("packages", die.package)
    at = f"package.{package.name}"
    return (
        draws(f"{at}.die_yield", package.die_yield) ** die.count
        * draws(f"{at}.stack_yield", package.stack_yield) ** chip.hbm.stacks
        * draws(f"{at}.package_yield", package.package_yield)
    )


def answer(
    spec: SupplySpec, until: date, wrong: Scenario, samples: int, seed: int
) -> dict[str, Any]:
    """Return plan and scenario by month as plain data; intervals of 5 to 95 %."""
    chip: ChipSpec = catalog.load("chips", spec.chip)
    peak = float(chip.matrix.peak["bf16"])
    plan = supply(spec, until, None, samples, seed)
    found = supply(spec, until, wrong, samples, seed)
    kept = found.fleet[-1] / plan.fleet[-1]
    return {
        "supply": spec.name,
        "chip": chip.name,
        "samples": samples,
        "seed": seed,
        "fleet_share_kept": interval(kept),
        "months": [
            {
                "month": day.isoformat()[:7],
                "limit": found.limits[i],
                "chips": interval(found.chips[i]),
                "fleet_chips": interval(found.fleet[i]),
                "fleet_flop_per_s": interval(found.fleet[i] * peak),
                "planned_fleet_chips": interval(plan.fleet[i]),
            }
            for i, day in enumerate(found.months)
        ],
    }
