"""Is a claim true? Its probability over what is uncertain, and what decides it.

This file knows claims of the catalog and how a verdict is told; the ratios come from
the rooms that it asks.
"""

from typing import Any

import numpy as np

from accelsim import catalog
from accelsim.errors import NoAnswerError
from accelsim.explore.compare import match_chips
from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from accelsim.explore.uncertain import interval, leading, uncertain
from accelsim.question import Question, resolve, run_from
from accelsim.silicon.cost import chip_cost
from accelsim.silicon.draws import Draws
from accelsim.silicon.nodes import Values
from accelsim.silicon.scale import moved, ratios
from accelsim.specs.chip import ChipSpec
from accelsim.specs.claim import ClaimSpec, RunClaim, SideSpec, SiliconClaim

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
    ratio, inputs, extra = _ratio(claim, samples, seed)
    bound = float(claim.at_most or claim.at_least or 0.0)
    holds = ratio <= bound if claim.at_most is not None else ratio >= bound
    told = leading(inputs, ratio)
    return {
        "claim": claim.name,
        "statement": claim.statement,
        "date": claim.date.isoformat(),
        "probability": float(holds.mean()),
        "interval": interval(ratio),
        "holds_when": _when(claim, ratio, inputs, told, extra),
        "drivers": told,
        "bound": bound,
        "samples": samples,
        "seed": seed,
        **extra,
    }


def _ratio(
    claim: ClaimSpec, samples: int, seed: int
) -> tuple[Values, dict[str, Values], dict[str, Any]]:
    """Return samples of the ratio, what it follows from, and what else to tell."""
    if claim.run is not None:
        return _run(claim.run, samples, seed)
    if claim.silicon is not None:
        return _silicon(claim.silicon, samples, seed)
    raise NoAnswerError(f"claim {claim.name}: nothing to ask")


def _side(run: RunClaim, side: SideSpec, chips: int) -> Question:
    fields = {"model": run.model, "system": side.system, "chips": chips}
    fields |= {"offer": side.offer, "price_date": side.price_date}
    return resolve(run_from(fields | {"precision": side.precision}))


def _one(q: Question) -> Estimate:
    found = answer([q])[0]
    if isinstance(found, Estimate):
        return found
    raise found


def _run(
    run: RunClaim, samples: int, seed: int
) -> tuple[Values, dict[str, Values], dict[str, Any]]:
    """Return samples of the ratio, of what it follows from, and the nominal answers."""
    base = _one(_side(run, run.against, run.chips))
    chips = run.chips
    if run.match != "chips":

        def ask(_system: str, count: int) -> Question:
            return _side(run, run.subject, count)

        chips = match_chips(base, ask, run.subject.system, run.match)
    mine = _one(_side(run, run.subject, chips))
    first, second = uncertain([mine, base], samples, seed)
    if run.measure not in first.outputs or run.measure not in second.outputs:
        raise NoAnswerError(f"claim: no {run.measure} of one of the systems")
    ratio = first.outputs[run.measure] / second.outputs[run.measure]
    inputs = {f"subject.{path}": values for path, values in first.inputs.items()}
    shared = {id(values) for values in first.inputs.values()}
    inputs |= {
        f"against.{path}": values
        for path, values in second.inputs.items()
        if id(values) not in shared
    }
    extra = {
        "subject": _told(mine),
        "against": _told(base),
        "nominal": _measure(mine, run.measure) / _measure(base, run.measure),
    }
    return ratio, inputs, extra


def _measure(estimate: Estimate, measure: str) -> float:
    return float(estimate.to_dict()[measure])


def _told(estimate: Estimate) -> dict[str, Any]:
    cost = estimate.cost
    return {
        "system": estimate.question.system.name,
        "chips": estimate.chips,
        "plan": estimate.plan.text(),
        "mfu": estimate.mfu,
        "usd_per_million_tokens": estimate.usd_per_million_tokens,
        "price": None if cost is None else f"{cost.offer} {cost.date}",
    }


def _silicon(
    claim: SiliconClaim, samples: int, seed: int
) -> tuple[Values, dict[str, Values], dict[str, Any]]:
    chip: ChipSpec = catalog.load("chips", claim.chip)
    draws = Draws(samples, seed)
    found = ratios(chip, claim.to, claim.at, draws)
    nominal = ratios(chip, claim.to, claim.at)
    if claim.measure in ("cost", "cost_per_flop"):
        new = moved(chip, claim.to, nominal)
        after, before = chip_cost(new, take=draws), chip_cost(chip, take=draws)
        ratio = after.total / before.total
        if claim.measure == "cost_per_flop":
            ratio = ratio / found.clock
    else:
        ratio = getattr(found, claim.measure) * np.ones(samples)
    return np.asarray(ratio), draws.found, {"nominal": float(np.median(ratio))}


def _when(
    claim: ClaimSpec,
    ratio: Values,
    inputs: dict[str, Values],
    told: dict[str, float],
    extra: dict[str, Any],
) -> str:
    """Return the condition under which a claim holds, in words."""
    bound = float(claim.at_most or claim.at_least or 0.0)
    run = claim.run
    if run is not None and claim.at_most and run.measure == "usd_per_million_tokens":
        mine, theirs = extra["subject"], extra["against"]
        needed = mine["mfu"] * extra["nominal"] / bound
        return (
            f"MFU of {mine['system']} is {needed:.3f} or more ({mine['mfu']:.3f} here) "
            f"where {theirs['system']} reaches {theirs['mfu']:.3f}, at "
            f"{mine['price']} against {theirs['price']}"
        )
    if not told:
        return "always" if (ratio <= bound).all() else "nothing uncertain decides it"
    path = next(iter(told))
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
