"""From points of a sweep to columns of answers.

This file knows how a point becomes a run, which figures of an estimate are columns, and
that a point without an answer is a row that says why.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import AccelsimError, InputError, NoAnswerError, nearest
from accelsim.explore.estimate import answer
from accelsim.explore.expression import Expression, parse
from accelsim.explore.plan import Plan
from accelsim.explore.result import Estimate
from accelsim.explore.sweep.points import Coded, Points, points_of
from accelsim.overrides import Override
from accelsim.question import ROOTS, Question, resolve, run_from
from accelsim.specs.run import PlanSpec, RunSpec
from accelsim.specs.sweep import SweepSpec

if TYPE_CHECKING:
    import pyarrow as pa

OK, NO_ANSWER, BAD_INPUT = "ok", "no-answer", "bad-input"
RUN_FIELDS = frozenset(RunSpec.model_fields) - {"set", "plan", "source", "kind", "note"}
PLAN_COLUMNS = tuple(PlanSpec.model_fields)
PLAN_TEXTS = frozenset(f.name for f in fields(Plan) if f.type in (str, "str"))

# Columns that every sweep has, beside `point`, the axes, `status`, `reason` and `plan`.
FIGURES: dict[str, Callable[[Estimate], float | None]] = {
    "step_time_s": lambda e: e.step_time,
    "tokens_per_s": lambda e: e.tokens_per_s,
    "tokens_per_s_per_chip": lambda e: e.tokens_per_s_per_chip,
    "mfu": lambda e: e.mfu,
    "hfu": lambda e: e.hfu,
    "compute_s": lambda e: e.time.compute,
    "exposed_communication_s": lambda e: e.time.communication,
    "bubble_s": lambda e: e.time.bubble,
    "memory_bytes": lambda e: e.memory.total,
    "memory_capacity_bytes": lambda e: e.memory_capacity,
    "power_w": lambda e: e.power,
    "j_per_token": lambda e: e.joule_per_token,
    "usd_per_hour": lambda e: e.usd_per_hour,
    "usd_per_million_tokens": lambda e: e.usd_per_million_tokens,
}


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep that was read and checked, ready to be asked chunk by chunk.

    Attributes
    ----------
    spec : SweepSpec
    points : Points
    columns : dict of str to Expression
        Derived columns, in the order of the file.
    where : Expression, optional
        Points for which it is false are left out.
    """

    spec: SweepSpec
    points: Points
    columns: Mapping[str, Expression]
    where: Expression | None

    def ask(self, start: int, stop: int) -> "pa.Table":
        """Return the rows of points `start` to `stop` as an Arrow table."""
        import pyarrow as pa

        axes = self.points.chunk(start, stop)
        index = np.arange(start, stop, dtype=np.int64)
        arrays = {path: column.array() for path, column in axes.items()}
        if self.where is not None:
            kept = np.flatnonzero(self.where.over(arrays))
            index, arrays = index[kept], {k: a[kept] for k, a in arrays.items()}
            axes = {k: Coded(c.values, c.codes[kept]) for k, c in axes.items()}
        found = _answers(self.spec, axes, len(index))
        rows: dict[str, Any] = {"point": index, **arrays, **_texts(found)}
        rows |= _numbers(found)
        for name, expression in self.columns.items():
            rows[name] = expression.over(rows)
        titles = {path: title(path, column.unit) for path, column in axes.items()}
        return pa.table({titles.get(k, k): _arrow(v) for k, v in rows.items()})


def title(path: str, unit: str) -> str:
    """Return the name of an axis's column: `chip.hbm.bandwidth (TB/s)`."""
    return f"{path} ({unit})" if unit else path


def sweep_of(spec: SweepSpec) -> Sweep:
    """Return a sweep, its axes, expressions and first point checked.

    Raises
    ------
    InputError
        A path that no run has, axes that clash, an expression that cannot be read.
    """
    points = points_of(spec)
    where = f"sweep {spec.name}"
    for path in points.paths:
        _check_path(path, where)
    known = ["point", *points.paths, "status", "reason", "plan"]
    known += [f"plan_{name}" for name in PLAN_COLUMNS] + list(FIGURES)
    columns = {}
    for name, text in spec.columns.items():
        if name in known:
            raise InputError(f"{where}: columns.{name}: there is such a column already")
        columns[name] = parse(text, known, f"{where}: columns.{name}")
        known.append(name)
    for name in spec.show:
        if name not in known:
            hint = nearest(name, known)
            raise InputError(f"{where}: show: unknown column {name!r}; {hint}")
    if spec.where is None:
        return Sweep(spec, points, columns, None)
    only = parse(spec.where, points.paths, f"{where}: where")
    return Sweep(spec, points, columns, only)


def _check_path(path: str, where: str) -> None:
    """Refuse a path that no run, plan or spec of the base run has."""
    root, _, rest = path.partition(".")
    if not rest:
        if path not in RUN_FIELDS:
            known = (*RUN_FIELDS, *(f"{r}.FIELD" for r in ROOTS))
            raise InputError(
                f"{where}: axis {path}: no field of a run; {nearest(path, known)}"
            )
    elif root == "run":
        raise InputError(f"{where}: axis {path}: write {rest}")
    elif root == "plan" and rest not in PLAN_COLUMNS:
        hint = nearest(rest, PLAN_COLUMNS)
        raise InputError(f"{where}: axis {path}: no field of a plan; {hint}")
    elif root not in ROOTS:
        raise InputError(f"{where}: axis {path}: {nearest(root, ROOTS)}")


def question_of(spec: SweepSpec, point: Mapping[str, Any]) -> Question:
    """Return the question that a point asks.

    Raises
    ------
    InputError
        Of a value that the path does not take.
    """
    fields: dict[str, Any] = {k: v for k, v in spec.run.items() if k != "plan"}
    given = spec.run.get("plan", {})
    plan = {} if given == "best" else dict(given)
    changes = []
    for path, value in point.items():
        parts = tuple(path.split("."))
        if len(parts) == 1:
            fields[path] = value
        elif parts[0] == "plan":
            plan[parts[1]] = value
        else:
            changes.append(Override(parts, value))
    return resolve(run_from(fields | {"plan": plan}), changes)


def _answers(
    spec: SweepSpec, axes: Mapping[str, Coded], count: int
) -> list[Estimate | AccelsimError]:
    asked: list[Question | AccelsimError] = []
    for row in range(count):
        try:
            asked.append(question_of(spec, {p: c[row] for p, c in axes.items()}))
        except AccelsimError as failure:
            asked.append(failure)
    answers = iter(answer([q for q in asked if isinstance(q, Question)]))
    return [next(answers) if isinstance(q, Question) else q for q in asked]


def _texts(found: list[Estimate | AccelsimError]) -> dict[str, Any]:
    return {
        "status": np.array([_status(e) for e in found], dtype=object),
        "reason": np.array(
            ["" if isinstance(e, Estimate) else str(e) for e in found], dtype=object
        ),
        "plan": np.array(
            [e.plan.text() if isinstance(e, Estimate) else "" for e in found],
            dtype=object,
        ),
    }


def _status(found: Estimate | AccelsimError) -> str:
    if isinstance(found, Estimate):
        return OK
    return NO_ANSWER if isinstance(found, NoAnswerError) else BAD_INPUT


def _numbers(found: list[Estimate | AccelsimError]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in PLAN_COLUMNS:
        nothing = "" if name in PLAN_TEXTS else -1
        values = [
            getattr(e.plan, name) if isinstance(e, Estimate) else None for e in found
        ]
        columns[f"plan_{name}"] = np.array(
            [nothing if value is None else value for value in values],
            dtype=object if name in PLAN_TEXTS else np.int64,
        )
    for name, figure in FIGURES.items():
        values = [figure(e) if isinstance(e, Estimate) else None for e in found]
        columns[name] = np.array([np.nan if v is None else v for v in values])
    return columns


def _arrow(values: Any) -> "pa.Array":
    import pyarrow as pa

    if values.dtype.kind in "OU":
        return pa.array([str(value) for value in values], pa.string())
    return pa.array(values)
