"""Is a claim true? Its probability over what is uncertain, and what decides it.

This file knows claims of the catalog and how a verdict is told; the ratios come from
`claim_run` and `claim_supply`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim import catalog
from accelsim.explore.claim_run import Sides, by_date, sides, told_of, why_it_moves
from accelsim.explore.claim_supply import Inputs, asked_of
from accelsim.explore.uncertain import leading
from accelsim.silicon.draws import interval
from accelsim.silicon.nodes import Values
from accelsim.specs.claim import ClaimSpec

BINS = 20  # of the leading driver, to see where the claim turns


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
    found = None if claim.run is None else sides(claim.run, samples, seed)
    if found is not None:
        ratio, inputs = found.ratio, found.inputs
        extra = told_of(found) | _dates(claim, found)
    else:
        ratio, inputs, extra = asked_of(claim, samples, seed)
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
    holds = _holds(claim, ratio)
    if holds.all() or not holds.any():
        return "always: in every sample" if holds.all() else "never: in no sample"
    if not drive:
        return "nothing uncertain decides it"
    path, bound = next(iter(drive)), _bound(claim)
    order = np.argsort(inputs[path])
    bins = min(BINS, len(order))
    means = [float(part.mean()) for part in np.array_split(ratio[order], bins)]
    values = [float(part.mean()) for part in np.array_split(inputs[path][order], bins)]
    good = [m <= bound if claim.at_most is not None else m >= bound for m in means]
    if all(good) or not any(good):
        word = "every" if all(good) else "no"
        return f"{path} has {word} value of its range, in the mean"
    turn = next(i for i in range(1, bins) if good[i] != good[i - 1])
    edge = (values[turn] + values[turn - 1]) / 2.0
    word = "at least" if good[-1] else "at most"
    return f"{path} is {word} {edge:.4g} (SI), in the mean"
