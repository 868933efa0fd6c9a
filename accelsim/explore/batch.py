"""Many questions at once, row by row in columns, through the kernels of one estimate.

    questions + PLAN rows -> `training.lower` (each spec once) -> `kernels.legal`
    (a reason each) -> `training.evaluate` in chunks, on threads -> a column a figure

This file knows rows: which question and which plan each has, why it has no answer, and
what its figures are. How a table of runs becomes that is known to `columns`.
"""

from collections.abc import Container, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np

from accelsim.economics.energy import Draw, draw_of, energy_parts
from accelsim.economics.power import Steady, steady
from accelsim.economics.price import choose_offer, usd_per_second
from accelsim.explore.estimate import energies
from accelsim.explore.result import (
    COMMUNICATION_PARTS,
    COMPUTE_PARTS,
    EnergyParts,
    MemoryParts,
    TimeParts,
)
from accelsim.kernels import tables
from accelsim.kernels.legal import judge
from accelsim.kernels.tables import Rows
from accelsim.question import Question
from accelsim.training.evaluate import Evaluated, evaluate
from accelsim.training.lower import Cases, lower
from accelsim.workload.lower import flops_per_token

CHUNK = 16_384  # rows that are evaluated together: some 10 MB
DRAWN = tuple(f.name for f in fields(Draw))
SHARED = (
    *DRAWN,
    *("tokens", "workers", "usd", "peak", "model_flops", "model_flops_causal"),
)
LINKS = ("tp", "cp", "ep", "pp", "dp")
STATED = {
    "pp": tables.STATED_PP,
    "vp": tables.STATED_VP,
    "sharding": tables.STATED_SHARDING,
}
Columns = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to be answered.

    questions : the distinct ones. rows : their tables, a row of CASE each.
    plans : PLAN, one for each row of the batch; `case` is the question's number, and
    `reason` why there is no answer (`tables.REASONS`, 0 = there is one).
    """

    questions: Sequence[Question]
    rows: Cases
    plans: Rows


def batch_of(
    questions: Sequence[Question], plans: Rows, stated: Container[str] = ()
) -> Batch:
    """Return a batch, each of its plans completed and judged.

    stated : fields that the plans state, so that more is legal than a search tries.
    """
    rows = lower(questions)
    for name, bit in STATED.items():
        if name in stated:
            rows.cases.stated |= 1 << bit
    judge(rows.cases, rows.models, rows.software, plans)
    return Batch(questions, rows, plans)


def answered(batch: Batch, *, workers: int = 1, chunk: int = CHUNK) -> Columns:
    """Return the figures of every row, and plan and reason; NaN where there are none.

    Rows that do not fit in memory have all of their figures, and the reason. Keys are
    those of `Estimate.to_dict`, parts joined to theirs by a dot.
    """
    each = _of_questions(batch.questions)
    parts = list(_chunks(batch, each, workers, chunk))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _chunks(batch: Batch, each: Columns, workers: int, chunk: int) -> Iterator[Columns]:
    """Yield the figures of chunks of rows, in order."""
    starts = range(0, max(1, len(batch.plans)), chunk)

    def one(start: int) -> Columns:
        plans = batch.plans[start : start + chunk]
        return _figures(batch.rows, each, plans)

    if workers < 2 or len(starts) < 2:
        yield from map(one, starts)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(one, starts)


def _of_questions(questions: Sequence[Question]) -> Columns:
    """Return what rows share with their question, one row a question."""
    flops: dict[Hashable, float] = {}
    stills: dict[Hashable, Steady] = {}
    found: dict[str, list[float]] = {name: [] for name in SHARED}
    for q in questions:
        # of many chips on the same wires, machines draw the same beside them
        wires = (id(q.system), *map(id, q.links.values()), q.run.chips)
        if wires not in stills:
            stills[wires] = steady(q)
        tokens, draw = float(q.global_batch) * q.seq_len, draw_of(q, stills[wires])
        for name in DRAWN:
            found[name].append(getattr(draw, name))
        found["tokens"].append(tokens)
        found["workers"].append(q.workers)
        found["usd"].append(_usd(q))
        found["peak"].append(float(q.chip.matrix.peak[q.precision]) * q.run.chips)
        for name, causal in (("model_flops", False), ("model_flops_causal", True)):
            key = (id(q.model), q.seq_len, causal)
            if key not in flops:
                flops[key] = flops_per_token(q.model, q.seq_len, causal=causal)
            found[name].append(tokens * flops[key])
    return {name: np.array(values, dtype=float) for name, values in found.items()}


def _usd(q: Question) -> float:
    if q.price is None:
        return float("nan")
    return usd_per_second(q, choose_offer(q.price, q.run.offer, q.run.price_date))


def _figures(rows: Cases, each: Columns, plans: Rows) -> Columns:
    """Return the figures of a chunk."""
    legal = np.flatnonzero(plans.reason == tables.OK)
    done = evaluate(rows, plans[legal], only_fitting=False)
    some = _of_estimates(rows, each, done)
    figures = {name: np.full(len(plans), np.nan) for name in some}
    for name, column in some.items():
        figures[name][legal] = column
    reason = plans.reason.copy()
    reason[legal[~done.fits(rows)]] = tables.NO_ROOM
    columns = {"reason": reason}
    names = (
        *("tp", "sp", "cp", "pp", "vp", "ep", "etp", "dp"),
        *("micro_batch", "micro_batches"),
    )
    columns |= {f"plan.{name}": plans[name].copy() for name in names}
    return columns | figures


def _of_estimates(rows: Cases, each: Columns, done: Evaluated) -> Columns:
    """Return the figures of evaluated plans, as an `Estimate` tells them."""
    plans, results, memory = done.plans, done.results, done.memory
    mine = {name: column[plans.case] for name, column in each.items()}
    seconds = {f.name: results[f.name] for f in fields(TimeParts)}
    step = sum(seconds.values())
    kept = {f.name: memory[f.name] for f in fields(MemoryParts)}
    draw = Draw(**{name: mine[name] for name in DRAWN})
    by_phase = energies(draw, rows, plans, results)
    joules = energy_parts(draw, by_phase)
    energy = sum(joules[f.name] for f in fields(EnergyParts))
    tokens, rate = mine["tokens"], mine["tokens"] / step
    work = step * mine["peak"]
    hardware = results.hardware_flops * mine["workers"]
    figures = {
        "step_time_s": step,
        "tokens_per_s": rate,
        "tokens_per_s_per_chip": rate / mine["chips"],
        "mfu": mine["model_flops"] / work,
        "mfu_causal": mine["model_flops_causal"] / work,
        "hfu": hardware / work,
        "hardware_flops": hardware,
        "compute_s": sum(seconds[name] for name in COMPUTE_PARTS),
        "exposed_communication_s": sum(seconds[name] for name in COMMUNICATION_PARTS),
        "matmul_memory_bound_s": results.memory_bound,
        "memory_bytes": sum(kept.values()),
        "memory_capacity_bytes": rows.capacity(plans.case),
        "energy_j": energy,
        "power_w": energy / step,
        "j_per_token": energy / tokens,
        "usd_per_hour": mine["usd"] * 3600,
        "usd_per_million_tokens": mine["usd"] / rate * 1e6,
    }
    figures |= {f"time_s.{name}": part for name, part in seconds.items()}
    figures |= {f"memory_parts_bytes.{name}": part for name, part in kept.items()}
    figures |= {f"energy_parts_j.{name}": part for name, part in joules.items()}
    figures |= {f"link_bytes.{name}": results[f"{name}_bytes"] for name in LINKS}
    return {name: np.asarray(column) for name, column in figures.items()}
