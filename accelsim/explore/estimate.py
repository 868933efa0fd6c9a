"""One question or many: search what a plan leaves open, and explain the answer.

The walk: questions -> tables (`training.lower`) -> legal plans (`training.plans`) ->
kernels (`training.evaluate`) -> the best row of each question -> energy and money
(`economics`) -> `Estimate`. One question is a batch of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.economics.energy import (
    Draw,
    PhaseTimes,
    energy_by_phase,
    energy_parts,
)
from accelsim.errors import AccelsimError, InputError, NoAnswerError
from accelsim.explore.facts import Facts, facts_of
from accelsim.explore.nearest import nearest_that_fits
from accelsim.explore.plan import plan_of
from accelsim.explore.ready import Ready, kept, ready
from accelsim.explore.result import (
    COMMUNICATION_PARTS,
    COMPUTE_PARTS,
    EnergyParts,
    Estimate,
    MemoryParts,
    Stage,
    TimeParts,
)
from accelsim.explore.whole import whole
from accelsim.fabric.lower import ports
from accelsim.kernels import tables
from accelsim.kernels.energy import fill_link_joules
from accelsim.kernels.memory_tables import MEMORY
from accelsim.kernels.tables import Record, Rows
from accelsim.overrides import Overrides, read_overrides
from accelsim.question import Question, read_run, resolve, run_from
from accelsim.specs.link import LinkSpec
from accelsim.specs.run import RunSpec
from accelsim.specs.system import SystemSpec
from accelsim.training.evaluate import (
    Evaluated,
    evaluate,
    memory_by_stage,
    settle,
    step_time,
)
from accelsim.training.lower import Cases, lower
from accelsim.training.plans import candidates, why_none
from accelsim.units import show_bytes

# Where a row of MEMORY has the parts that are told, and what else is of its stage.
_COLUMNS = list(MEMORY.names or ())
_PARTS = itemgetter(*map(_COLUMNS.index, MemoryParts.__slots__))
_LAYERS, _DEPTH = map(_COLUMNS.index, ("layers", "depth"))
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
    changes = overrides
    if not isinstance(changes, str | Mapping):
        changes = read_overrides(changes)
    one = kept(run, changes, lambda: _made(run, changes))
    if not len(one.legal):
        raise _no_legal_plan(one.question, one.tried)
    many = len(one.legal) > 1
    done = evaluate(one.rows, one.legal, only_fitting=True, bounds=many)
    part = slice(0, len(one.legal))
    return _best(one.question, one.rows, done, part, must_fit=True, facts=one.facts)


def _made(run: RunSpec | Mapping[str, Any] | str | Path, overrides: Overrides) -> Ready:
    q = resolve(_run_of(run), read_overrides(overrides))
    failure = failure_of(q.system, q.links, q.run.chips)
    if failure is not None:
        raise failure
    return ready(q)


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
    failures = [failure_of(q.system, q.links, q.run.chips) for q in questions]
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
            found.append(_best(q, rows, done, part, must_fit=must_fit))
        except AccelsimError as failure:
            found.append(failure)
    return found


def _join(parts: list[Rows]) -> Rows:
    return np.concatenate(parts).view(np.recarray)


def failure_of(
    system: SystemSpec, links: Mapping[str, LinkSpec], chips: int
) -> AccelsimError | None:
    """Return why a job of a system cannot be put into tables."""
    if chips > system.max_chips:
        return InputError(
            f"run: chips: {chips} exceeds the {system.max_chips} chips of {system.name}"
        )
    try:
        ports(system, links, chips)
    except AccelsimError as failure:
        return failure
    return None


def _no_legal_plan(q: Question, tried: Rows) -> AccelsimError:
    reason = why_none(q, tried)
    fixed = [v for v in q.plan.model_dump().values() if v is not None]
    return InputError(reason) if fixed else NoAnswerError(f"no legal plan: {reason}")


def _best(
    q: Question,
    rows: Cases,
    done: Evaluated,
    part: slice,
    *,
    must_fit: bool,
    facts: Facts | None = None,
) -> Estimate:
    fitting = part.start + np.flatnonzero(done.fits(rows)[part])
    while len(fitting):
        best = int(settle(rows, done, fitting, step_time)[0])
        found = explain(q, rows, done, best, facts)
        if found.fits or (len(fitting) == 1 and not must_fit):
            return found
        fitting = fitting[fitting != best]
    least = int(part.start) + int(np.argmin(done.memory.total[part]))
    if must_fit:
        raise NoAnswerError(short_of_memory(q, rows, done, least))
    best = int(settle(rows, done, np.array([least]), step_time)[0])
    return explain(q, rows, done, best, facts)


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


def explain(
    q: Question, rows: Cases, done: Evaluated, i: int, facts: Facts | None = None
) -> Estimate:
    """Return row `i` of evaluated plans as an `Estimate` with all its parts.

    facts : of the question, if they are known already.
    """
    facts = facts or facts_of(q)
    plans, results, links = _bare(done.plans), _bare(done.results), np.empty(1)
    result, one = _plain(results[i]), slice(i, i + 1)
    cases, *_, tiers = rows.bare
    fill_link_joules(cases, tiers, plans[one], results[one], links)
    energy = energy_by_phase(facts.draw, phases(result), float(links[0]))
    found = Estimate(
        question=q,
        plan=plan_of(plans[i]),
        time=TimeParts(*(result[k] for k in TimeParts.__slots__)),
        memory=MemoryParts(*_PARTS(_bare(done.memory)[i].item())),
        memory_capacity=float(rows.capacity(plans[i]["case"])),
        energy=EnergyParts(**energy_parts(facts.draw, energy)),
        energy_by_phase=energy,
        cost=facts.cost,
        matmul_memory_bound=result["memory_bound"],
        model_flops=facts.model_flops,
        model_flops_causal=facts.model_flops_causal,
        hardware_flops=result["hardware_flops"] * q.workers,
        peak=facts.peak,
        link_bytes={k: result[f"{k}_bytes"] for k in ("tp", "cp", "ep", "pp", "dp")},
        notes=facts.notes,
        stages=_stages(rows, done, i),
    )
    return found if q.run.training is None else replace(found, whole=whole(found))


def _stages(rows: Cases, done: Evaluated, i: int) -> tuple[Stage, ...]:
    """Return the memory of every stage of one plan."""
    found = _bare(memory_by_stage(rows, done, i)).tolist()
    return tuple(
        Stage(row[_LAYERS], row[_DEPTH], MemoryParts(*_PARTS(row))) for row in found
    )


def _bare(rows: Rows) -> np.ndarray:
    """Return a table whose rows are read by key, much faster than by attribute."""
    return np.asarray(rows.view(np.ndarray))


def _plain(row: Record) -> dict[str, float]:
    """Return a row of float64 as plain numbers by name."""
    return dict(zip(row.dtype.names, row.item(), strict=True))


def time_parts(row: Record) -> TimeParts:
    """Return a RESULT row as the parts of a step."""
    plain = _plain(row)
    return TimeParts(*(plain[k] for k in TimeParts.__slots__))


def phases(results: Mapping[str, Any] | Rows) -> PhaseTimes:
    """Return what the chip does in a step from its parts [s], a number or a column."""
    compute = sum(results[k] for k in COMPUTE_PARTS)
    streaming = results["elementwise"] + results["optimizer"]
    communication = sum(results[k] for k in COMMUNICATION_PARTS)
    idle = results["step_time"] - compute - communication
    return PhaseTimes(compute - streaming, streaming, communication, idle)


def energies(
    draw: Draw, rows: Cases, plans: Rows, results: Rows
) -> dict[str, dict[str, np.ndarray]]:
    """Return the energy of a step by phase and part, plan by plan [J].

    draw : of the question, or an array of each for every plan.
    """
    links = np.empty(len(plans))
    fill_link_joules(rows.cases, rows.tiers, plans, results, links)
    return energy_by_phase(draw, phases(results), links)
