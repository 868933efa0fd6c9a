"""Systems side by side on one model, each with its best plan.

Holds equal what the user asks for: chips, power, price or throughput; the number of
chips of each system follows from the baseline's answer.
"""

from collections.abc import Callable, Sequence
from typing import Any

from accelsim.economics.price import choose_offer
from accelsim.errors import AccelsimError, InputError, NoAnswerError, nearest
from accelsim.explore.comparison import Comparison, Row
from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from accelsim.overrides import Overrides, read_overrides
from accelsim.question import Question, resolve, run_from

TOLERANCE = 0.02  # of what is held equal
MATCHES = ("chips", "power", "usd_per_hour", "throughput")


def compare(
    model: str,
    systems: Sequence[str],
    *,
    chips: int,
    match: str = "chips",
    baseline: str | None = None,
    overrides: Overrides = (),
    **fields: Any,
) -> Comparison:
    """Return the best plan of each system for one model.

    Parameters
    ----------
    model, systems
        Names or paths.
    chips : int
        Of each system, or of the baseline where `match` holds something else equal.
    match : str
        `chips`, `power` (at the meter), `usd_per_hour` or `throughput`.
    baseline : str, optional
        The first system unless named.
    fields
        Further fields of a run: global_batch, global_batch_tokens, seq_len,
        precision, software, offer, plan, training.

    Raises
    ------
    InputError
        Something in the question is wrong. A system without an answer is a row that
        says why.
    NoAnswerError
        The baseline has no answer that the others could be matched to.
    """
    base = _checked(systems, match, baseline)
    changes = read_overrides(overrides)

    def ask(system: str, count: int) -> Question:
        run = run_from({"model": model, "system": system, "chips": count, **fields})
        return resolve(run, changes)

    counts = dict.fromkeys(systems, chips)
    if match != "chips":
        counts = _matched(systems, base, chips, match, ask)
    questions = [ask(system, counts[system]) for system in systems]
    found = answer(questions)
    for failure in found:
        if isinstance(failure, InputError):
            raise failure
    rows = tuple(
        Row(system, *_split(result))
        for system, result in zip(systems, found, strict=True)
    )
    return Comparison(
        rows, match, base, (*_notes(questions, match), *_gaps(rows, match, base))
    )


def _checked(systems: Sequence[str], match: str, baseline: str | None) -> str:
    """Return the baseline, or refuse the question."""
    if isinstance(systems, str):
        raise InputError(f"compare: systems: {systems!r} must be a list of names")
    if not systems:
        raise InputError("compare: name at least one system")
    doubles = sorted({s for s in systems if list(systems).count(s) > 1})
    if doubles:
        raise InputError(f"compare: {doubles[0]!r} is named twice")
    if match not in MATCHES:
        raise InputError(f"compare: match: {match!r}; valid: {', '.join(MATCHES)}")
    base = systems[0] if baseline is None else baseline
    if base not in systems:
        raise InputError(
            f"compare: baseline: {base!r} is not compared; {nearest(base, systems)}"
        )
    return base


def _split(result: Estimate | AccelsimError) -> tuple[Estimate | None, str]:
    return (result, "") if isinstance(result, Estimate) else (None, str(result))


def _matched(
    systems: Sequence[str],
    base: str,
    chips: int,
    match: str,
    ask: Callable[[str, int], Question],
) -> dict[str, int]:
    """Return the chips of each system at which it equals the baseline."""
    first = answer([ask(base, chips)])[0]
    if isinstance(first, AccelsimError):
        raise first
    counts = {base: chips}
    for system in systems:
        if system != base:
            counts[system] = match_chips(first, ask, system, match)
    return {system: counts[system] for system in systems}


def _gaps(rows: Sequence[Row], match: str, base: str) -> list[str]:
    """Return a note for each system that whole nodes keep from matching."""
    found = {row.system: row.estimate for row in rows if row.estimate is not None}
    if match == "chips" or base not in found:
        return []
    goal = _measure(found[base], match)
    ratios = {name: _measure(e, match) / goal for name, e in found.items()}
    return [
        f"{name}: {ratio:.2f} of the baseline's {match.replace('_', ' ')} is what "
        "whole nodes and batches allow"
        for name, ratio in ratios.items()
        if abs(ratio - 1.0) > 0.05
    ]


def _measure(estimate: Estimate, match: str) -> float:
    if match == "throughput":
        return estimate.tokens_per_s
    if match == "power":
        return estimate.power
    return estimate.usd_per_hour or 0.0


def match_chips(
    target: Estimate, ask: Callable[[str, int], Question], system: str, match: str
) -> int:
    """Return the chips, in whole nodes, that match the target.

    For throughput the fewest that reach it; for power and price, of those that stay
    within it, the ones that do most with it: a count that divides badly is slow, and
    rented chips that idle are paid for. Both within `TOLERANCE`.
    """
    goal = _measure(target, match)
    sample = ask(system, target.chips)
    unit = sample.system.node.chips
    largest = sample.system.max_chips // unit
    guess = max(1.0, _guess(sample, target, goal, match) / unit)
    window = _around(guess, largest)
    answers = zip(window, answer([ask(system, n * unit) for n in window]), strict=True)
    found = {n: e for n, e in answers if isinstance(e, Estimate)}
    ratios = {n: _measure(e, match) / goal for n, e in found.items()}
    if not found:
        raise NoAnswerError(
            f"{system}: no job of {window[0] * unit} to {window[-1] * unit} chips has "
            f"the {match} of {target.chips} chips of {target.question.system.name}"
        )
    if match == "throughput":
        enough = [n for n in found if ratios[n] >= 1.0 - TOLERANCE]
        return min(enough or [max(found, key=lambda n: ratios[n])]) * unit
    inside = [n for n in found if ratios[n] <= 1.0 + TOLERANCE]
    if not inside:
        return min(found, key=lambda n: ratios[n]) * unit
    return max(inside, key=lambda n: (found[n].tokens_per_s, -n)) * unit


def _around(guess: float, largest: int) -> list[int]:
    """Return node counts from a third of the guess to three times it.

    In steps of 3 % or one node, and among them those that divide well: small
    multiples of powers of two.
    """
    steps = {round(guess * 0.33 * 1.03**i) for i in range(75)}
    low, high = min(steps), max(steps)
    round_counts = {m * 2**p for m in (1, 3, 5, 7, 9) for p in range(20)}
    steps |= {n for n in round_counts if low <= n <= high}
    return sorted({min(largest, max(1, n)) for n in steps})


def _guess(sample: Question, target: Estimate, goal: float, match: str) -> float:
    if match == "usd_per_hour" and sample.price is not None:
        offer = choose_offer(sample.price, sample.run.offer, sample.run.price_date)
        return goal / 3600 / float(offer.usd) * offer.chips
    if match == "power":
        node = sample.system.node
        each = float(sample.chip.power.tdp) + float(node.overhead_power) / node.chips
        return goal / (each * float(sample.system.pue))
    peak = float(sample.chip.matrix.peak[sample.precision])
    base = target.question
    return target.chips * float(base.chip.matrix.peak[base.precision]) / peak


def _notes(questions: Sequence[Question], match: str) -> tuple[str, ...]:
    notes = []
    precisions = {q.precision for q in questions}
    if len(precisions) > 1:
        notes.append(
            "precision differs: "
            + ", ".join(f"{q.system.name} {q.precision}" for q in questions)
        )
    if match != "chips":
        notes.append(f"chips follow from equal {match.replace('_', ' ')}")
    return tuple(notes)
