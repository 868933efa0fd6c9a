"""One question or many: search what a plan leaves open, and explain the answer.

The walk: questions -> tables (`training.lower`) -> legal plans (`training.plans`) ->
kernels (`training.evaluate`) -> the best row of each question -> energy and money
(`economics`) -> `Estimate`. One question is a batch of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.chip.lower import attention_kernel
from accelsim.economics.energy import PhaseTimes, energy_by_phase, energy_parts
from accelsim.economics.power import by_bytes
from accelsim.economics.price import choose_offer, rented_chips, usd_per_second
from accelsim.errors import AccelsimError, InputError, NoAnswerError
from accelsim.explore.nearest import nearest_that_fits
from accelsim.explore.plan import plan_of
from accelsim.explore.result import (
    COMMUNICATION_PARTS,
    COMPUTE_PARTS,
    Cost,
    EnergyParts,
    Estimate,
    MemoryParts,
    Stage,
    TimeParts,
)
from accelsim.explore.whole import whole
from accelsim.fabric.lower import energy_per_byte, filled, ports
from accelsim.kernels import tables
from accelsim.kernels.tables import Record, Rows
from accelsim.overrides import Overrides, read_overrides
from accelsim.question import Question, read_run, resolve, run_from
from accelsim.specs.run import RunSpec
from accelsim.training.evaluate import (
    Evaluated,
    evaluate,
    memory_by_stage,
    settle,
    step_time,
)
from accelsim.training.lower import (
    Cases,
    attention_of,
    lower,
)
from accelsim.training.plans import candidates, why_none
from accelsim.units import show_bytes
from accelsim.workload.lower import flops_per_token

CHUNK = 64  # questions that are evaluated together; bounds the memory of a search


def estimate(
    run: RunSpec | Mapping[str, Any] | str | Path, overrides: Overrides = ()
) -> Estimate:
    """Return what a training run takes: time, memory, energy and cost.

    Parameters
    ----------
    run : RunSpec, mapping or path of a TOML file
        What is asked; plan sizes that are left out are searched for, and the fastest
        plan that fits in memory is returned.
    overrides : mapping, text or list of texts
        Dotted paths: ``{"chip.hbm.bandwidth": "8 TB/s"}``.

    Raises
    ------
    InputError
        Something in the question is wrong.
    NoAnswerError
        No legal plan fits in memory.
    """
    found = answer([resolve(_run_of(run), read_overrides(overrides))])[0]
    if isinstance(found, AccelsimError):
        raise found
    return found


def estimate_many(
    runs: Sequence[RunSpec | Mapping[str, Any] | str | Path],
) -> list[Estimate | AccelsimError]:
    """Return the estimates of many runs, a failure standing in its run's place."""
    asked = [_question_of(run) for run in runs]
    answers = iter(answer([q for q in asked if isinstance(q, Question)]))
    return [next(answers) if isinstance(q, Question) else q for q in asked]


def _question_of(
    run: RunSpec | Mapping[str, Any] | str | Path,
) -> Question | AccelsimError:
    try:
        return resolve(_run_of(run))
    except AccelsimError as failure:
        return failure


def _run_of(run: RunSpec | Mapping[str, Any] | str | Path) -> RunSpec:
    if isinstance(run, RunSpec):
        return run
    if isinstance(run, str | Path):
        return read_run(run)
    if isinstance(run, Mapping):
        return run_from(run)
    raise InputError(f"run: {run!r} must be a RunSpec, a mapping or a path")


def answer(
    questions: Sequence[Question], *, must_fit: bool = True
) -> list[Estimate | AccelsimError]:
    """Return an estimate or the reason for none, question by question.

    must_fit : refuse plans that do not fit in memory; otherwise the fastest plan that
    fits is taken, and where none does the one that needs the least memory.
    """
    failures = [_failure(q) for q in questions]
    asked = [q for q, failed in zip(questions, failures, strict=True) if not failed]
    found: list[Estimate | AccelsimError] = []
    for start in range(0, len(asked), CHUNK):
        found += _answer_chunk(asked[start : start + CHUNK], must_fit=must_fit)
    answers = iter(found)
    return [failed or next(answers) for failed in failures]


def _answer_chunk(
    questions: Sequence[Question], *, must_fit: bool
) -> list[Estimate | AccelsimError]:
    rows = lower(questions)
    tried = [candidates(q, i) for i, q in enumerate(questions)]
    legal = [plans[plans.reason == tables.OK] for plans in tried]
    done = evaluate(rows, _join(legal), only_fitting=must_fit, bounds=True)
    ends = np.cumsum([len(plans) for plans in legal])
    found: list[Estimate | AccelsimError] = []
    for i, q in enumerate(questions):
        part = slice(int(ends[i]) - len(legal[i]), int(ends[i]))
        try:
            if not len(legal[i]):
                raise _no_legal_plan(q, tried[i])
            found.append(_best(q, rows, i, done, part, must_fit=must_fit))
        except AccelsimError as failure:
            found.append(failure)
    return found


def _join(parts: list[Rows]) -> Rows:
    return np.concatenate(parts).view(np.recarray)


def _failure(q: Question) -> AccelsimError | None:
    """Return why a question cannot be put into tables."""
    if q.run.chips > q.system.max_chips:
        return InputError(
            f"run: chips: {q.run.chips} exceeds the {q.system.max_chips} chips of "
            f"{q.system.name}"
        )
    try:
        ports(q.system, q.links, q.run.chips)
    except AccelsimError as failure:
        return failure
    return None


def _no_legal_plan(q: Question, tried: Rows) -> AccelsimError:
    reason = why_none(q, tried)
    fixed = [v for v in q.plan.model_dump().values() if v is not None]
    return InputError(reason) if fixed else NoAnswerError(f"no legal plan: {reason}")


def _best(
    q: Question, rows: Cases, case: int, done: Evaluated, part: slice, *, must_fit: bool
) -> Estimate:
    fitting = part.start + np.flatnonzero(done.fits(rows)[part])
    while len(fitting):
        best = int(settle(rows, done, fitting, step_time)[0])
        found = explain(q, rows, case, done, best)
        if found.fits or (len(fitting) == 1 and not must_fit):
            return found
        fitting = fitting[fitting != best]
    least = int(part.start) + int(np.argmin(done.memory.total[part]))
    if must_fit:
        raise NoAnswerError(short_of_memory(q, rows, done, least))
    best = int(settle(rows, done, np.array([least]), step_time)[0])
    return explain(q, rows, case, done, best)


def short_of_memory(
    q: Question, rows: Cases, done: Evaluated, least: int, head_room: float = 0.0
) -> str:
    """Return one line on the plan that needs the least memory, and what would fit.

    head_room : share of the memory that must stay free.
    """
    need = float(done.memory.total[least])
    whole = float(rows.chips.memory_capacity[done.plans.case[least]])
    have = whole * (1.0 - head_room)
    kept = f" ({head_room:.1%} of the memory is kept free)" if head_room else ""
    plan = plan_of(done.plans[least]).text()
    short = f"short by {show_bytes(need - have)}"
    if need <= have:
        short = "which its allocator cuts up so that a tensor finds no room"
    message = (
        f"no plan fits in memory: {q.model.name} on {q.run.chips} chips of "
        f"{q.system.name} needs at least {show_bytes(need)} a worker ({plan}) "
        f"of {show_bytes(have)}{kept}, {short}"
    )
    return message if head_room else f"{message}; {nearest_that_fits(q)}"


def explain(q: Question, rows: Cases, case: int, done: Evaluated, i: int) -> Estimate:
    """Return row `i` of evaluated plans as an `Estimate` with all its parts."""
    result, memory = done.results[i], done.memory[i]
    tokens = float(q.global_batch) * q.seq_len
    hardware = float(result.hardware_flops) * q.workers
    one = slice(i, i + 1)
    by_phase = _energies(q, rows, case, done.plans[one], done.results[one])
    energy = {
        phase: {part: float(v[0]) for part, v in parts.items()}
        for phase, parts in by_phase.items()
    }
    found = Estimate(
        question=q,
        plan=plan_of(done.plans[i]),
        time=time_parts(result),
        memory=_memory_parts(memory),
        memory_capacity=float(rows.chips.memory_capacity[case]),
        energy=EnergyParts(**energy_parts(q, energy)),
        energy_by_phase=energy,
        cost=_cost(q),
        matmul_memory_bound=float(result.memory_bound),
        model_flops=tokens * flops_per_token(q.model, q.seq_len, causal=False),
        model_flops_causal=tokens * flops_per_token(q.model, q.seq_len, causal=True),
        hardware_flops=hardware,
        peak=float(q.chip.matrix.peak[q.precision]) * q.run.chips,
        link_bytes={
            k: float(result[f"{k}_bytes"]) for k in ("tp", "cp", "ep", "pp", "dp")
        },
        notes=_notes(q),
        stages=_stages(rows, case, done, i),
    )
    return found if q.run.training is None else replace(found, whole=whole(found))


def _stages(rows: Cases, case: int, done: Evaluated, i: int) -> tuple[Stage, ...]:
    """Return the memory of every stage of one plan."""
    found = memory_by_stage(rows, case, done.plans[i], done.layers)
    return tuple(
        Stage(float(row.layers), float(row.depth), _memory_parts(row)) for row in found
    )


def time_parts(row: Record) -> TimeParts:
    """Return a RESULT row as the parts of a step."""
    return TimeParts(**{k: float(row[k]) for k in TimeParts.__slots__})


def _memory_parts(row: Record) -> MemoryParts:
    return MemoryParts(**{k: float(row[k]) for k in MemoryParts.__slots__})


def job_energy(
    q: Question, rows: Cases, case: int, plans: Rows, results: Rows
) -> np.ndarray:
    """Return the energy of a step of each plan, for the whole job [J]."""
    found = _energies(q, rows, case, plans, results)
    return np.asarray(sum(sum(parts.values()) for parts in found.values()))


def _energies(
    q: Question, rows: Cases, case: int, plans: Rows, results: Rows
) -> dict[str, dict[str, np.ndarray]]:
    """Return the energy of a step by phase and part, plan by plan [J]."""
    compute = sum(results[k] for k in COMPUTE_PARTS)
    streaming = results.elementwise + results.optimizer
    communication = sum(results[k] for k in COMMUNICATION_PARTS)
    idle = results.step_time - compute - communication
    links = _link_joules(q, rows, case, plans, results)
    times = PhaseTimes(compute - streaming, streaming, communication, idle)
    return energy_by_phase(q, times, links)


def _link_joules(
    q: Question, rows: Cases, case: int, plans: Rows, results: Rows
) -> np.ndarray:
    """Return the energy of all bytes of a step [J], each at its group's own tier."""
    spans = {
        "tp": plans.tp,
        "cp": plans.tp * plans.cp,
        "ep": plans.tp * plans.ep,
        "dp": plans.tp * plans.cp * plans.dp,
        "pp": plans.tp * plans.cp * plans.dp * plans.pp,
    }
    total, tiers = np.zeros(len(plans)), by_bytes(q, rows.tiers[case])
    for kind, span in spans.items():
        sizes, which = np.unique(span, return_inverse=True)
        each = [energy_per_byte(tiers, float(size)) for size in sizes]
        total += results[f"{kind}_bytes"] * np.asarray(each)[which]
    return total * q.workers


def _cost(q: Question) -> Cost | None:
    if q.price is None:
        return None
    offer = choose_offer(q.price, q.run.offer, q.run.price_date)
    return Cost(
        offer=offer.offer,
        date=offer.date.isoformat(),
        source=offer.usd.source,
        kind=offer.usd.kind,
        chips_rented=rented_chips(q),
        usd_per_second=usd_per_second(q, offer),
    )


def _notes(q: Question) -> tuple[str, ...]:
    notes = []
    rented = rented_chips(q)
    if rented != q.run.chips:
        notes.append(
            f"{q.run.chips} chips are no multiple of {q.system.rent_unit}: "
            f"{rented} are rented, the last unit is partly filled"
        )
    for name, tier in q.system.tiers.items():
        filled_chips = filled(tier.chips, q.run.chips)
        if tier.chips < q.run.chips and q.run.chips % tier.chips:
            domains = -(-q.run.chips // tier.chips)
            each = (
                f"{filled_chips} of {tier.chips}"
                if filled_chips < tier.chips
                else "the last partly"
            )
            notes.append(
                f"{q.run.chips} chips fill {domains} domains of tier {name}, {each}"
            )
    notes += _link_notes(q)
    asked = attention_of(q)
    used = attention_kernel(q.chip, asked)
    if asked != "unfused" and used != asked:
        notes.append(
            f"{q.chip.name} has no figure for {asked} attention: "
            f"{used or 'unfused'} is taken"
        )
    if q.model.mtp_layers:
        notes.append(
            f"the {q.model.mtp_layers} layers of {q.model.name} that predict further "
            "tokens are neither timed nor stored"
        )
    if q.chip.status == "projected" or q.system.status == "projected":
        notes.append(f"{q.system.name} is projected from announced multipliers")
    return tuple(notes)


def _link_notes(q: Question) -> list[str]:
    """Return which links of the job are not inside the budgets of their wires."""
    notes, inner = {}, 1
    for name, one in ports(q.system, q.links, q.run.chips).items():
        tier = q.system.tiers[name]
        link, asked = tier.link, float(q.links[tier.link].lane_rate) / 1e9
        if inner < q.run.chips and one.regime == "marginal":
            notes[link] = (
                f"link {link} is marginal: frames of {one.loss:.1g} come again"
            )
        elif inner < q.run.chips and one.regime == "over":
            notes[link] = (
                f"link {link} is over its budget at {asked:g} Gb/s a lane: "
                f"it runs at {one.lane_rate / 1e9:g} Gb/s"
            )
        inner = tier.chips
    return list(notes.values())
