"""Systems side by side on one model, each with its best plan.

Holds equal what the user asks for: chips, power, price or throughput; the number of
chips of each system follows from the baseline's answer.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from accelsim.catalog import Override
from accelsim.economics.price import choose_offer
from accelsim.errors import AccelsimError, InputError, NoAnswerError, nearest
from accelsim.explore.estimate import answer
from accelsim.explore.result import Comparison, Estimate, Row
from accelsim.question import Question, resolve, run_from

MATCHES = ("chips", "power", "usd_per_hour", "throughput")


def compare(
    model: str,
    systems: Sequence[str],
    *,
    chips: int,
    match: str = "chips",
    baseline: str | None = None,
    overrides: Iterable[Override] = (),
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
        precision, software, offer, plan.

    Raises
    ------
    InputError
        Something in the question is wrong. A system without an answer is a row that
        says why.
    NoAnswerError
        The baseline has no answer that the others could be matched to.
    """
    base = _checked(systems, match, baseline)
    changes = tuple(overrides)

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
    return Comparison(rows, match, base, _notes(questions, match))


def _checked(systems: Sequence[str], match: str, baseline: str | None) -> str:
    """Return the baseline, or refuse the question."""
    if not systems:
        raise InputError("compare: name at least one system")
    doubles = sorted({s for s in systems if list(systems).count(s) > 1})
    if doubles:
        raise InputError(f"compare: {doubles[0]!r} is named twice")
    if match not in MATCHES:
        raise InputError(f"compare: match: {match!r}; valid: {', '.join(MATCHES)}")
    base = baseline or systems[0]
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
    """Return the chips of each system at which it equals the baseline.

    Power and price grow with the nodes, so they are counted; throughput is found by
    trying the node counts around the one that the baseline's speed asks for.
    """
    first = answer([ask(base, chips)])[0]
    if isinstance(first, AccelsimError):
        raise first
    counts = {base: chips}
    for system in systems:
        if system != base:
            counts[system] = _match_one(first, ask, system, match)
    return {system: counts[system] for system in systems}


def _measure(estimate: Estimate, match: str) -> float:
    if match == "throughput":
        return estimate.tokens_per_s
    if match == "power":
        return estimate.power
    return estimate.usd_per_hour or 0.0


def _match_one(
    target: Estimate, ask: Callable[[str, int], Question], system: str, match: str
) -> int:
    """Return the chips, in whole nodes, whose measure is closest to the target's."""
    goal = _measure(target, match)
    sample = ask(system, target.chips)
    unit = sample.system.node.chips
    largest = sample.system.max_chips // unit
    nodes = max(1, round(_guess(sample, target, goal, match) / unit))
    best, best_gap = 0, float("inf")
    for _ in range(4):
        window = sorted({*_around(nodes, largest)})
        estimates = answer([ask(system, n * unit) for n in window])
        for n, found in zip(window, estimates, strict=True):
            if isinstance(found, Estimate):
                gap = abs(_measure(found, match) / goal - 1.0)
                if gap < best_gap:
                    best, best_gap = n, gap
                    measure = _measure(found, match)
        if not best or best_gap < 0.02:
            break
        following = min(largest, max(1, round(best * goal / measure)))
        if following == nodes:
            break
        nodes = following
    if not best:
        raise NoAnswerError(
            f"{system}: no job between {unit} and {largest * unit} chips has the "
            f"{match} of {target.chips} chips of {target.question.system.name}"
        )
    return best * unit


def _around(nodes: int, largest: int) -> list[int]:
    """Return node counts near the guess, with the round ones that divide well."""
    near = [nodes, nodes + 1, nodes - 1]
    power = 1 << max(0, nodes.bit_length() - 1)
    for step in (2, 4, 8, 16, 32, 64):
        near += [nodes // step * step, (nodes // step + 1) * step]
    near += [power, 2 * power]
    return [n for n in near if 0 < n <= largest and n <= 2 * nodes + 2]


def _guess(sample: Question, target: Estimate, goal: float, match: str) -> float:
    if match == "usd_per_hour" and sample.price is not None:
        offer = choose_offer(sample.price, sample.run.offer)
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
