"""Points of a large sweep as columns: all of a chunk through one table of runs.

The numbers are those of single estimates, by the same kernels. This file knows tables
of runs and the columns of a sweep; which points are asked is known to others.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from accelsim.explore.batch import Batch, answered
from accelsim.explore.columns import batch_from
from accelsim.explore.expression import Column
from accelsim.explore.figures import FIGURES
from accelsim.explore.plan import Plan, plan_of
from accelsim.kernels import tables
from accelsim.specs.run import PlanSpec
from accelsim.units import show_bytes

OK, NO_ANSWER, BAD_INPUT = "ok", "no-answer", "bad-input"
PLAN_KINDS = {f.name: f.type for f in fields(Plan)}
PLAN_COLUMNS = tuple(name for name in PlanSpec.model_fields if name in PLAN_KINDS)
# What stands for nothing in a column of the plan, and the column's type; else -1.
BLANK: dict[Any, tuple[Any, Any]] = {
    str: ("", object),
    float: (np.nan, np.float64),
}
ELSEWHERE = {"bubble_s": "time_s.bubble"}  # figures by the name that a table has
NOT_OF_A_PLAN = ("case", "reason")


def blank(name: str) -> tuple[Any, Any]:
    """Return what stands for nothing in a column of the plan, and its type."""
    return BLANK.get(PLAN_KINDS[name], (-1, np.int64))


def answers_of(
    run: Mapping[str, Any], asked: Mapping[str, Column], count: int
) -> dict[str, Column]:
    """Return status, reason, plan and figures of points, in the order of a row.

    Parameters
    ----------
    run : mapping
        Fields of the base run, as a sweep file has them.
    asked : mapping of path to array (count,)
        What is changed.

    Raises
    ------
    InputError
        A value that its path refuses.
    """
    plan = run.get("plan", {})
    columns = {k: _single(v) for k, v in run.items() if k not in ("plan", "set")}
    columns |= {k: _single(v) for k, v in run.get("set", {}).items()}
    stated = {} if plan == "best" else plan
    columns |= {f"plan.{k}": _single(v) for k, v in stated.items()}
    batch = batch_from(columns | dict(asked), count)
    told = answered(batch)
    reason = told["reason"]
    fixed = bool(stated) or any(path.startswith("plan.") for path in asked)
    found = _texts(batch, told, fixed=fixed)
    for name in FIGURES:
        values = _figure(name, batch, told)
        found[name] = np.where(reason == tables.OK, values, np.nan)
    return found


def _single(value: Any) -> Column:
    made = np.empty((), dtype=object)
    made[()] = value
    return made


def _figure(name: str, batch: Batch, told: Mapping[str, Column]) -> Column:
    if name == "kg_co2_per_million_tokens":
        grids = [q.system.carbon for q in batch.questions]
        carbon = np.array([np.nan if one is None else float(one) for one in grids])
        each: Column = carbon[batch.plans.case] * told["j_per_token"] * 1e6
        return each
    return told[ELSEWHERE.get(name, name)]


def _texts(
    batch: Batch, told: Mapping[str, Column], *, fixed: bool
) -> dict[str, Column]:
    """Return status, reason and plan; points without an answer have no plan."""
    reason = told["reason"]
    plans, which = _distinct(batch)
    texts = np.array([plan.text() for plan in plans], dtype=object)[which]
    ok = reason == tables.OK
    words = np.array(["", *tables.REASONS[1:]], dtype=object)[reason]
    for i in np.flatnonzero(reason == tables.NO_ROOM).tolist():
        need, have = (
            float(told[f"memory_{kind}"][i]) for kind in ("bytes", "capacity_bytes")
        )
        words[i] = (
            f"no plan fits in memory: {texts[i]} needs {show_bytes(need)} a worker of "
            f"{show_bytes(have)}, short by {show_bytes(need - have)}"
        )
    illegal = BAD_INPUT if fixed else NO_ANSWER
    status = np.full(len(reason), illegal, dtype=object)
    status[(reason == tables.NO_ROOM) | (reason == tables.NO_ANSWER)] = NO_ANSWER
    status[ok] = OK
    found = {"status": status, "reason": words, "plan": np.where(ok, texts, "")}
    for name in PLAN_COLUMNS:
        nothing, kind = blank(name)
        values = [getattr(plan, name) for plan in plans]
        each = np.array([nothing if v is None else v for v in values], dtype=kind)
        found[f"plan_{name}"] = np.where(ok, each[which], nothing).astype(kind)
    return found


def _distinct(batch: Batch) -> tuple[list[Plan], np.ndarray]:
    """Return the distinct plans of a batch, and which one each row has."""
    rows = np.ascontiguousarray(batch.plans).copy()
    for name in NOT_OF_A_PLAN:
        rows[name] = 0
    raw = rows.view(np.dtype((np.void, rows.dtype.itemsize))).reshape(-1)
    _, first, which = np.unique(raw, return_index=True, return_inverse=True)
    return [plan_of(batch.plans[i]) for i in first.tolist()], which.reshape(-1)
