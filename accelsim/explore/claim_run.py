"""The two sides of a claim on training runs: their answers, prices and ratios.

This file knows runs on systems, matched to each other, and what prices of other dates
would make of the same runs. It judges nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from accelsim.economics.price import choose_offer
from accelsim.errors import InputError, NoAnswerError
from accelsim.explore.compare import match_chips
from accelsim.explore.estimate import answer
from accelsim.explore.held import held
from accelsim.explore.moved import on_process, uncertainty
from accelsim.explore.result import Estimate
from accelsim.explore.uncertain import Further, Uncertain, uncertain
from accelsim.question import Question, resolve, run_from
from accelsim.silicon.draws import interval
from accelsim.silicon.nodes import Values
from accelsim.specs.claim import RunClaim, SideSpec

OWN = "own"


@dataclass(frozen=True, slots=True)
class Sides:
    """Subject and against: nominal answers, samples, and the ratio of what is asked."""

    run: RunClaim
    subject: Estimate
    against: Estimate
    samples: tuple[Uncertain, Uncertain]

    @property
    def ratio(self) -> Values:
        """Return the samples of the ratio, (N,)."""
        first, second = (one.outputs[self.run.measure] for one in self.samples)
        return first / second

    @property
    def nominal(self) -> float:
        """Return the ratio of the nominal answers."""
        return measured(self.subject, self.run) / measured(self.against, self.run)

    @property
    def inputs(self) -> dict[str, Values]:
        """Return the samples of what is uncertain; what both share stands once."""
        first, second = self.samples
        shared = {id(values) for values in first.inputs.values()}
        found = {f"subject.{path}": values for path, values in first.inputs.items()}
        return found | {
            f"against.{path}": values
            for path, values in second.inputs.items()
            if id(values) not in shared
        }


def measured(estimate: Estimate, run: RunClaim) -> float:
    """Return what a claim asks of an estimate."""
    return float(estimate.to_dict()[run.measure])


def sides(run: RunClaim, samples: int, seed: int) -> Sides:
    """Return both sides of a claim, the subject matched to the other.

    Raises
    ------
    InputError
        A name or size of a side is wrong.
    NoAnswerError
        A side cannot run, or has no such figure.
    """
    base = _one(_side(run, run.against, run.chips))
    chips = run.chips
    if run.match != "chips":

        def ask(_system: str, count: int) -> Question:
            return _side(run, run.subject, count)

        chips = match_chips(base, ask, run.subject.system, run.match)
    mine = _one(_side(run, run.subject, chips))
    further = {
        index: _further(run, side, estimate, samples, seed)
        for index, (side, estimate) in enumerate(
            ((run.subject, mine), (run.against, base))
        )
    }
    first, second = uncertain([mine, base], samples, seed, further)
    for one, estimate in ((first, mine), (second, base)):
        if run.measure not in one.outputs:
            name = estimate.question.system.name
            raise NoAnswerError(f"claim: no {run.measure} of {name}")
    return Sides(run, mine, base, (first, second))


def _plain(run: RunClaim, side: SideSpec, chips: int) -> Question:
    """Return the question of a side, its chip as the catalog has it."""
    fields = {"model": run.model, "system": side.system, "chips": chips}
    fields |= {"offer": side.offer, "price_date": side.price_date}
    fields |= {"global_batch_tokens": run.global_batch_tokens}
    return resolve(run_from(fields | {"precision": side.precision}))


def _side(run: RunClaim, side: SideSpec, chips: int) -> Question:
    asked = _plain(run, side, chips)
    return on_process(asked, side.to, side.at) if side.to else asked


def _further(
    run: RunClaim, side: SideSpec, estimate: Estimate, samples: int, seed: int
) -> Sequence[Further]:
    """Return what is uncertain of a side's move to another process."""
    if not side.to:
        return ()
    kept = replace(_plain(run, side, estimate.chips), run=held(estimate).run)
    return uncertainty(kept, side.to, side.at, samples, seed)


def _one(q: Question) -> Estimate:
    found = answer([q])[0]
    if isinstance(found, Estimate):
        return found
    raise found


def told_of(found: Sides) -> dict[str, Any]:
    """Return both sides as plain data."""
    made: dict[str, Any] = {}
    for word, estimate, one in zip(
        ("subject", "against"),
        (found.subject, found.against),
        found.samples,
        strict=True,
    ):
        cost = estimate.cost
        made[word] = {
            "system": estimate.question.system.name,
            "process": estimate.question.chip.process,
            "chips": estimate.chips,
            "plan": estimate.plan.text(),
            "mfu": estimate.mfu,
            "tokens_per_s": estimate.tokens_per_s,
            "usd_per_million_tokens": estimate.usd_per_million_tokens,
            "j_per_token": estimate.joule_per_token,
            "price": None if cost is None else f"{cost.offer} {cost.date}",
            found.run.measure + "_interval": interval(one.outputs[found.run.measure]),
        }
    money = found.run.measure == "usd_per_million_tokens"
    break_even = found.subject.mfu * found.nominal if money else None
    return made | {"nominal": found.nominal, "break_even_mfu": break_even}


def by_date(found: Sides, day: date) -> list[dict[str, Any]]:
    """Return the ratio at every date at which a rent of either side changes.

    The runs stay as they are, so that the ratio goes with the prices alone. `ratio` is
    its samples. Nothing for what is no money, or is owned.
    """
    questions = [e.question for e in (found.subject, found.against)]
    costs = [e.cost for e in (found.subject, found.against)]
    if found.run.measure != "usd_per_million_tokens" or None in costs:
        return []
    kinds = [cost.offer for cost in costs if cost is not None]
    if OWN in kinds:
        return []
    days = {day}
    for q, kind in zip(questions, kinds, strict=True):
        offers = () if q.price is None else q.price.offers
        days |= {offer.date for offer in offers if offer.offer == kind}
    now = [_rent(q, k, q.run.price_date) for q, k in zip(questions, kinds, strict=True)]
    rows: list[dict[str, Any]] = []
    before: list[float] = []
    for one in sorted(days):
        try:
            then = [_rent(q, k, one) for q, k in zip(questions, kinds, strict=True)]
        except InputError:  # one of them was not to be had yet
            continue
        if then == before:
            continue
        before = then
        change = then[0] / now[0] / (then[1] / now[1])
        rows.append(
            {
                "date": one.isoformat(),
                "subject_usd_per_chip_hour": then[0],
                "against_usd_per_chip_hour": then[1],
                "nominal": found.nominal * change,
                "break_even_mfu": found.subject.mfu * found.nominal * change,
                "ratio": found.ratio * change,
            }
        )
    return rows


def _rent(q: Question, kind: str, when: date | None) -> float:
    """Return the rent of a chip on a day [USD/h]."""
    if q.price is None:
        raise InputError(f"price of {q.system.name}: none")
    offer = choose_offer(q.price, kind, when)
    return float(offer.usd) * 3600.0 / offer.chips


def why_it_moves(found: Sides, rows: Sequence[dict[str, Any]]) -> str:
    """Return why the ratio changes with the date, in words."""
    if len(rows) < 2:
        return ""
    first, last = rows[0], rows[-1]
    words = []
    for side, e in (("subject", found.subject), ("against", found.against)):
        key, name = f"{side}_usd_per_chip_hour", e.question.system.name
        old, new = first[key], last[key]
        moves = "stayed at" if old == new else f"went from {old:.3f} to"
        words.append(f"a chip-hour of {name} {moves} {new:.3f} USD")
    return (
        f"from {first['date']} to {last['date']} {' and '.join(words)}; the runs are "
        f"alike, so the ratio went from {first['nominal']:.3f} to {last['nominal']:.3f}"
    )
