"""Is a claim true? Its probability over what is uncertain, and what decides it.

This file knows claims of the catalog and how a verdict is told; the ratios come from
`claim_run` and from the silicon room.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim import catalog
from accelsim.errors import NoAnswerError
from accelsim.explore.claim_run import Sides, by_date, sides, told_of, why_it_moves
from accelsim.explore.uncertain import interval, leading
from accelsim.silicon.cost import chip_cost
from accelsim.silicon.draws import Draws
from accelsim.silicon.nodes import Values
from accelsim.silicon.scale import moved, ratios
from accelsim.specs.chip import ChipSpec
from accelsim.specs.claim import ClaimSpec, SiliconClaim

BINS = 20  # of the leading driver, to see where the claim turns
Inputs = dict[str, Values]


def judge(name: str, samples: int = 10_000, seed: int = 1) -> dict[str, Any]:
    """Return the verdict on a claim of the catalog, or of a TOML file, as plain data.

    Raises
    ------
    InputError
        An unknown claim, or one that is told wrongly.
    NoAnswerError
        A side of the claim cannot run.
    """
    claim: ClaimSpec = catalog.load("claims", name)
    extra: dict[str, Any]
    if claim.run is not None:
        found = sides(claim.run, samples, seed)
        ratio, inputs = found.ratio, found.inputs
        extra = told_of(found) | _dates(claim, found)
    elif claim.silicon is not None:
        ratio, inputs, extra = _silicon(claim.silicon, samples, seed)
        found = None
    else:
        raise NoAnswerError(f"claim {claim.name}: nothing to ask")
    drive = leading(inputs, ratio)
    needs = None if found is None else _needed_mfu(claim, found)
    return {
        "claim": claim.name,
        "statement": claim.statement,
        "date": claim.date.isoformat(),
        "probability": float(_holds(claim, ratio).mean()),
        "interval": interval(ratio),
        "holds_when": needs or _when(claim, ratio, inputs, drive),
        "drivers": drive,
        "bound": _bound(claim),
        "samples": samples,
        "seed": seed,
        **extra,
    }


def _bound(claim: ClaimSpec) -> float:
    return float(claim.at_most or claim.at_least or 0.0)


def _holds(claim: ClaimSpec, ratio: Values) -> NDArray[np.bool_]:
    """Return where a claim is true of its ratio."""
    bound = _bound(claim)
    return ratio <= bound if claim.at_most is not None else ratio >= bound


def _dates(claim: ClaimSpec, found: Sides) -> dict[str, Any]:
    """Return the verdict at every date at which a price changes, and why it moves."""
    rows = by_date(found, claim.date)
    for row in rows:
        ratio = row.pop("ratio")
        row["interval"] = interval(ratio)
        row["probability"] = float(_holds(claim, ratio).mean())
    return {"by_date": rows, "why": why_it_moves(found, rows)}


def _silicon(
    claim: SiliconClaim, samples: int, seed: int
) -> tuple[Values, Inputs, dict[str, Any]]:
    chip: ChipSpec = catalog.load("chips", claim.chip)
    draws = Draws(samples, seed)
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
        ratio, costs = getattr(found, claim.measure) * np.ones(samples), {}
    middle = float(np.median(ratio))
    intervals = {name: interval(values) for name, values in costs.items()}
    return np.asarray(ratio), draws.found, {"nominal": middle, **intervals}


def _needed_mfu(claim: ClaimSpec, found: Sides) -> str:
    """Return the MFU at which a claim on money would hold; nothing for another."""
    if claim.at_most is None or found.run.measure != "usd_per_million_tokens":
        return ""
    mine, theirs = found.subject, found.against
    needed = mine.mfu * found.nominal / _bound(claim)
    names = [e.question.system.name for e in (mine, theirs)]
    costs = [e.cost for e in (mine, theirs) if e.cost is not None]
    prices = " against ".join(f"{cost.offer} {cost.date}" for cost in costs)
    return (
        f"MFU of {names[0]} is {needed:.3f} or more ({mine.mfu:.3f} here) "
        f"where {names[1]} reaches {theirs.mfu:.3f}, at {prices}"
    )


def _when(
    claim: ClaimSpec, ratio: Values, inputs: Inputs, drive: dict[str, float]
) -> str:
    """Return the value of the leading driver at which a claim turns, in words."""
    if not drive:
        always = bool(_holds(claim, ratio).all())
        return "always" if always else "nothing uncertain decides it"
    path, bound = next(iter(drive)), _bound(claim)
    order = np.argsort(inputs[path])
    bins = min(BINS, len(order))
    means = [float(part.mean()) for part in np.array_split(ratio[order], bins)]
    values = [float(part.mean()) for part in np.array_split(inputs[path][order], bins)]
    good = [m <= bound if claim.at_most is not None else m >= bound for m in means]
    if all(good) or not any(good):
        return f"{'every' if all(good) else 'no'} value of {path}, in the mean"
    turn = next(i for i in range(1, bins) if good[i] != good[i - 1])
    edge = (values[turn] + values[turn - 1]) / 2.0
    word = "at least" if good[-1] else "at most"
    return f"{path} is {word} {edge:.4g} (SI), in the mean"
