"""What claims ask of chips, wafers and fleets: samples, and what else to tell.

This file knows the silicon room and supply; it judges nothing and runs no training.
"""

from datetime import date
from typing import Any, TypeAlias

import numpy as np

from accelsim import catalog
from accelsim.economics.supply import Scenario, supply
from accelsim.errors import NoAnswerError
from accelsim.silicon.cost import chip_cost
from accelsim.silicon.draws import Draws, interval
from accelsim.silicon.nodes import Values, at_date, process
from accelsim.silicon.scale import moved, ratios
from accelsim.specs.chip import ChipSpec
from accelsim.specs.claim import ClaimSpec, ProcessClaim, SiliconClaim, SupplyClaim
from accelsim.specs.supply import SupplySpec

Inputs: TypeAlias = dict[str, Values]
Asked: TypeAlias = tuple[Values, dict[str, Any]]


def asked_of(
    claim: ClaimSpec, samples: int, seed: int
) -> tuple[Values, Inputs, dict[str, Any]]:
    """Return samples of what is asked, what they follow from, and what else to tell.

    Raises
    ------
    NoAnswerError
        A chip tells no dies, a process no capacity.
    """
    draws = Draws(samples, seed)
    if claim.silicon is not None:
        values, extra = _silicon(claim.silicon, draws)
    elif claim.process is not None:
        values, extra = _process(claim.process, claim.date, draws)
    elif claim.supply is not None:
        values, extra = _supply(claim.supply, draws)
    else:
        raise NoAnswerError(f"claim {claim.name}: nothing to ask")
    return values, draws.found, extra


def _silicon(claim: SiliconClaim, draws: Draws) -> Asked:
    chip: ChipSpec = catalog.load("chips", claim.chip)
    found, nominal = (
        ratios(chip, claim.to, claim.at, draws),
        ratios(chip, claim.to, claim.at),
    )
    if claim.measure in ("cost", "cost_per_flop", "memory_over_dies"):
        new = moved(chip, claim.to, nominal)
        after, before = chip_cost(new, take=draws), chip_cost(chip, take=draws)
        ratio = after.total / before.total
        if claim.measure == "cost_per_flop":
            ratio = ratio / found.clock
        if claim.measure == "memory_over_dies":
            ratio = after.hbm / after.logic
        costs = {"before_usd": before.total, "after_usd": after.total}
    else:
        ratio, costs = getattr(found, claim.measure) * np.ones(draws.samples), {}
    middle = float(np.median(ratio))
    intervals = {name: interval(values) for name, values in costs.items()}
    return np.asarray(ratio), {"nominal": middle, **intervals}


def _process(claim: ProcessClaim, when: date, draws: Draws) -> Asked:
    """Return wafers of a process on a day, over those of another if one is named."""
    mine = _wafers(claim.process, claim.measure, when, draws)
    if not claim.over:
        return mine, {"nominal": float(np.median(mine))}
    theirs = _wafers(claim.over, claim.measure, when, draws)
    told = {
        f"{claim.process}_{claim.measure}": interval(mine),
        f"{claim.over}_{claim.measure}": interval(theirs),
    }
    return mine / theirs, {"nominal": float(np.median(mine / theirs)), **told}


def _wafers(name: str, measure: str, when: date, draws: Draws) -> Values:
    made, at = process(name), f"process.{name}"
    if measure == "wafer_usd":
        value = at_date(made.wafers, when, f"{at}.wafers", draws)
    elif made.capacity:
        field = "wafers_per_month"
        value = at_date(made.capacity, when, f"{at}.capacity", draws, field)
    else:
        raise NoAnswerError(f"process {name}: no capacity is told")
    return np.asarray(value * np.ones(draws.samples))


def _supply(claim: SupplyClaim, draws: Draws) -> Asked:
    """Return what is left of a fleet where something goes wrong, or its chips."""
    spec: SupplySpec = catalog.load("supply", claim.supply)
    wrong = Scenario(
        claim.lose_fab, claim.months, claim.lost, claim.packaging_late,
        claim.slow_learning,
    )  # fmt: skip
    fleet = supply(spec, claim.until, wrong, draws=draws).fleet[-1]
    plan = supply(spec, claim.until, draws=draws).fleet[-1]
    told = {"fleet_chips": interval(fleet), "planned_fleet_chips": interval(plan)}
    values = fleet / plan if claim.measure == "fleet_share_kept" else fleet
    return np.asarray(values), {"nominal": float(np.median(values)), **told}
