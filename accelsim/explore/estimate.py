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
from accelsim.economics.energy import (
    Draw,
    PhaseTimes,
    draw_of,
    energy_by_phase,
    energy_parts,
)
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
from accelsim.fabric.lower import filled, ports
from accelsim.kernels import tables
from accelsim.kernels.energy import fill_link_joules
from accelsim.kernels.tables import Record, Rows
from accelsim.overrides import BY_HAND, Overrides, read_overrides
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


def estimate_many(runs: Any, *, workers: int = 1) -> Any:
    """Return the estimates of many runs: a list of answers, or a table of figures.

    Parameters
    ----------
    runs : list of RunSpec, mappings or paths; or a table
        A table is a mapping of columns, a structured array or an Arrow table. Its
        columns are fields of a run (`chips`), of its plan (`plan.tp`, or `tp`) and
        dotted paths (`chip.hbm.bandwidth`); a single value stands for all rows. The
        plan of a row that leaves sizes open is searched for, as by `estimate`.
    workers : int
        Threads, for a table.

    Returns
    -------
    list, or a table of the same kind
        Of a list: `Estimate`s, a failure standing in its run's place. Of a table: a
        column for each figure of `Estimate.to_dict`, parts joined to theirs by a dot
        (`time_s.bubble`); `reason`, 0 or an index of `accelsim.kernels.tables.REASONS`;
        NaN where there is no figure. A row has the very numbers of `estimate`.

    Raises
    ------
    InputError
        A table has an unknown column, or a value that its field refuses.
    """
    if not isinstance(runs, list | tuple):
        from accelsim.explore.columns import estimate_columns

        return estimate_columns(runs, workers=workers)
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
    failures = [failure_of(q) for q in questions]
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


def failure_of(q: Question) -> AccelsimError | None:
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
    whole = float(rows.capacity(done.plans.case[least]))
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
    draw = draw_of(q)
    by_phase = energies(draw, rows, done.plans[one], done.results[one])
    energy = {
        phase: {part: float(v[0]) for part, v in parts.items()}
        for phase, parts in by_phase.items()
    }
    found = Estimate(
        question=q,
        plan=plan_of(done.plans[i]),
        time=time_parts(result),
        memory=_memory_parts(memory),
        memory_capacity=float(rows.capacity(case)),
        energy=EnergyParts(**energy_parts(draw, energy)),
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


def energies(
    draw: Draw, rows: Cases, plans: Rows, results: Rows
) -> dict[str, dict[str, np.ndarray]]:
    """Return the energy of a step by phase and part, plan by plan [J].

    draw : of the question, or an array of each for every plan.
    """
    compute = sum(results[k] for k in COMPUTE_PARTS)
    streaming = results.elementwise + results.optimizer
    communication = sum(results[k] for k in COMMUNICATION_PARTS)
    idle = results.step_time - compute - communication
    links = np.empty(len(plans))
    fill_link_joules(rows.cases, rows.tiers, plans, results, links)
    times = PhaseTimes(compute - streaming, streaming, communication, idle)
    return energy_by_phase(draw, times, links)


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
    if q.chip.gemm is None and q.chip.power.tdp.source == BY_HAND[0]:
        notes.append(
            f"power.tdp of {q.chip.name} was set: its power follows, its clock does not"
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
