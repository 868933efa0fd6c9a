"""Plans of a table, row by row: as its columns state them, or the best of what is open.

A row that states all sizes and kinds is that plan. What it leaves open is searched for
as an estimate does: the usual space of its question, once for all rows that differ in
nothing but figures of chip and links.
"""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.catalog import validate
from accelsim.errors import InputError, nearest
from accelsim.kernels import tables
from accelsim.kernels.plan_tables import MODULES
from accelsim.kernels.tables import Rows
from accelsim.question import Question
from accelsim.specs.run import PlanSpec
from accelsim.specs.software import split_modules
from accelsim.training.evaluate import evaluate, settle, step_time
from accelsim.training.lower import (
    OPTIMIZERS,
    RECOMPUTES,
    SHARDINGS,
    Cases,
    module_bits,
    table,
)
from accelsim.training.plans import candidates
from accelsim.training.space import expert_tensor

if TYPE_CHECKING:
    from accelsim.explore.batch import Batch

AT_ONCE = 65_536  # plans that are tried together
SIZES = (
    *("tp", "cp", "pp", "ep", "etp", "vp", "dp"),
    *("micro_batch", "recompute_layers", "cp_a2a"),
)
KINDS = {
    "order": tables.ORDERS,
    "cp_comm_type": tables.CP_COMM_TYPES,
    "sharding": SHARDINGS,
    "recompute": RECOMPUTES,
    "schedule": tables.SCHEDULES,
    "optimizer": OPTIMIZERS,
}
# What leaves a plan open if it is not stated; 0 or -1 stands for it in these columns.
ALWAYS = ("tp", "cp", "pp", "micro_batch", "sharding", "recompute")


def plan_rows(
    questions: list[Question], which: np.ndarray, columns: Mapping[str, np.ndarray]
) -> tuple[Rows, np.ndarray]:
    """Return a PLAN row for each row of a table, and which of them are open."""
    plans = table(tables.PLAN, len(which))
    plans.case = np.maximum(which, 0)
    for name in SIZES:
        plans[name] = _sizes(name, columns.get(name))
    for name, names in KINDS.items():
        plans[name] = _kinds(name, names, columns.get(name))
    plans.offload = _numbers("offload_activations", columns, 0.0)
    plans.offload_optimizer = _numbers("offload_optimizer", columns, 0.0)
    plans.optimizer = np.maximum(plans.optimizer, 0)
    plans.modules = _modules(columns.get("recompute_modules"))
    is_open = np.any([plans[name] < (name in SIZES) for name in ALWAYS], axis=0)
    if not questions:
        return plans, np.zeros(len(which), dtype=bool)
    mixed, interleaved, several, sp, etp = (
        np.array(values)[plans.case]
        for values in zip(*(_ways(q) for q in questions), strict=True)
    )
    is_open |= (plans.ep == 0) & mixed
    is_open |= (plans.vp == 0) & (plans.pp > 1) & interleaved
    one_way = (plans.schedule < 0) & (plans.pp > 1) & (plans.vp <= 1)
    is_open |= one_way & several
    for name in ("tp", "cp", "pp", "ep", "vp", "micro_batch"):
        plans[name] = np.maximum(plans[name], 1)
    _fill_schedules(questions, plans)
    _fill_exchanges(questions, plans)
    _fill_orders(questions, plans)
    usual = np.array([module_bits(q.software.selective.modules) for q in questions])
    untold = np.where(plans.modules == 0, usual[plans.case], plans.modules)
    plans.modules = (plans.recompute == tables.SELECTIVE) * untold
    plans.etp = np.where(plans.etp > 0, plans.etp, etp)
    stated = _numbers("sp", columns, -1.0)
    plans.sp = (plans.tp > 1) & np.where(stated < 0.0, sp, stated > 0.0)
    return plans, is_open & (which >= 0)


def _ways(q: Question) -> tuple[bool, bool, bool, bool, int]:
    """Return what may be open: experts, virtual stages, schedules; usual sp and etp."""
    stack = q.software
    several = len(stack.schedules) > 1
    open_ep, vp, sp = q.model.moe is not None, stack.interleaved, stack.defaults.sp
    return open_ep, vp, several, sp, expert_tensor(q)


def _fill_schedules(questions: list[Question], plans: Rows) -> None:
    """Fill the schedule where it is not stated, see `training.schedules.offered`."""
    first = [tables.SCHEDULES.index(q.software.schedules[0]) for q in questions]
    missing = plans.schedule < 0
    usual = np.where(plans.vp > 1, tables.INTERLEAVED, np.array(first)[plans.case])
    plans.schedule = np.where(missing, usual, plans.schedule)
    plans.schedule[plans.pp == 1] = tables.ONE_F_ONE_B


def _fill_orders(questions: list[Question], plans: Rows) -> None:
    """Fill the order of groups on ranks where it is not stated: the stack's."""
    usual = [tables.ORDERS.index(q.software.defaults.order) for q in questions]
    plans.order = np.where(plans.order < 0, np.array(usual)[plans.case], plans.order)


def _fill_exchanges(questions: list[Question], plans: Rows) -> None:
    """Fill how context groups exchange where it is not stated: the stack's way."""
    kinds = [tables.CP_COMM_TYPES.index(q.software.context.types[0]) for q in questions]
    usual = np.array(kinds)[plans.case]
    plans.cp_comm_type = np.where(plans.cp_comm_type < 0, usual, plans.cp_comm_type)


def _sizes(name: str, column: np.ndarray | None) -> Any:
    """Return a column of sizes, 0 where there is none.

    Raises
    ------
    InputError
        A value is no positive whole number.
    """
    if column is None:
        return 0
    try:
        numbers = np.nan_to_num(column.astype(float), nan=0.0)
    except (TypeError, ValueError):
        raise InputError(f"runs: plan.{name}: must be whole numbers") from None
    wrong = (numbers < 0.0) | (numbers != np.floor(numbers)) | (numbers >= 2.0**53)
    if wrong.any():
        bad = np.atleast_1d(numbers)[np.argmax(np.atleast_1d(wrong))]
        raise InputError(f"runs: plan.{name}: {bad:g} must be a whole number above 0")
    return numbers.astype(np.int64)


def _numbers(name: str, columns: Mapping[str, np.ndarray], other: float) -> Any:
    column = columns.get(name)
    if column is None:
        return other
    try:
        return np.nan_to_num(column.astype(float), nan=other)
    except (TypeError, ValueError):
        raise InputError(f"runs: plan.{name}: must be numbers or flags") from None


def _kinds(name: str, names: tuple[str, ...], column: np.ndarray | None) -> Any:
    """Return a column of names as codes, -1 where there is none."""
    if column is None:
        return -1
    index: dict[Any, int] = {known: i for i, known in enumerate(names)}
    index |= {None: -1, "": -1}
    values = np.atleast_1d(column).tolist()
    try:
        codes = np.array([index[value] for value in values], dtype=np.int64)
    except (KeyError, TypeError):
        bad = next(value for value in values if value not in (*names, None, ""))
        hint = nearest(str(bad), names)
        raise InputError(f"runs: plan.{name}: {bad!r} is unknown; {hint}") from None
    return codes if column.ndim else codes[0]


def _modules(column: np.ndarray | None) -> Any:
    """Return a column of modules that are recomputed, `a+b`, as bits.

    Raises
    ------
    InputError
        An unknown module.
    """
    if column is None:
        return 0
    words, which = np.unique(column.astype(str), return_inverse=True)
    bits = []
    for word in words.tolist():
        names = () if word == "None" else split_modules(word)
        for name in names:
            if name not in MODULES:
                hint = nearest(name, tuple(MODULES))
                field = "runs: plan.recompute_modules"
                raise InputError(f"{field}: {name!r} is unknown; {hint}")
        bits.append(module_bits(names))
    return np.array(bits)[which.reshape(column.shape)]


def choose(batch: "Batch", rows: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """Put the best plan of each of some open rows in its place.

    The fastest that fits; where none fits the one that needs the least memory, where
    none is legal the reason of the one that passes the most tests.
    """
    from accelsim.explore.columns import coded

    if not len(rows):
        return
    some = {n: c[rows] if c.ndim else c for n, c in columns.items()}
    stated = coded(some, len(rows))
    for code, values in enumerate(stated.values):
        mine = rows[stated.codes == code]
        plan = validate(PlanSpec, _stated(values), "runs: plan")
        cases, place = np.unique(batch.plans.case[mine], return_inverse=True)
        best = table(tables.PLAN, len(cases))
        for group in _alike(batch.questions, cases):
            best[group] = _best(batch, cases[group], plan)
        batch.plans[mine] = best[place.reshape(-1)]


def _stated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row states of its plan: neither missing nor 0."""
    return {k: v for k, v in values.items() if v is False or v}


def _alike(questions: Any, cases: np.ndarray) -> list[np.ndarray]:
    """Return the positions of cases in groups whose plans are the same."""
    groups: dict[Hashable, list[int]] = {}
    for i, case in enumerate(cases.tolist()):
        q: Question = questions[case]
        host = q.system.node.host_bandwidth is not None
        sizes = (q.run.chips, q.workers, q.global_batch, q.seq_len, host)
        groups.setdefault((id(q.model), id(q.software), *sizes), []).append(i)
    return [np.array(group) for group in groups.values()]


def _best(batch: "Batch", cases: np.ndarray, plan: PlanSpec) -> Rows:
    """Return the best plan of each of some cases whose plans are the same."""
    q = batch.questions[int(cases[0])]
    asked = replace(q, run=q.run.model_copy(update={"plan": plan}))
    tried = candidates(asked, 0)
    legal = tried[tried.reason == tables.OK]
    if not len(legal):
        best = table(tables.PLAN, len(cases))
        best[:] = tried[int(np.argmax(tried.reason))] if len(tried) else best[0]
        best.case = cases
        best.reason = (
            best.reason
            if len(tried)
            else tables.REASONS.index("tp x cp x pp x dp is not the number of workers")
        )
        return best
    each = max(1, AT_ONCE // len(legal))
    parts = [cases[i : i + each] for i in range(0, len(cases), each)]
    return np.concatenate([_fastest(batch.rows, legal, part) for part in parts]).view(
        np.recarray
    )


def _fastest(rows: Cases, legal: Rows, cases: np.ndarray) -> Rows:
    """Return the fastest of the same legal plans for each of some cases."""
    plans = np.tile(legal, len(cases)).view(np.recarray)
    plans.case = np.repeat(cases, len(legal))
    done = evaluate(rows, plans, only_fitting=True, bounds=True)
    fits = done.fits(rows).reshape(len(cases), -1)
    chosen = np.argmin(done.memory.total.reshape(fits.shape), axis=1)
    for i in range(len(cases)):
        if fits[i].any():
            among = i * len(legal) + np.flatnonzero(fits[i])
            chosen[i] = int(settle(rows, done, among, step_time)[0]) - i * len(legal)
    return done.plans[np.arange(len(cases)) * len(legal) + chosen]
