"""From points to rows: a point becomes a run, its estimate a row of columns.

This file knows how a point becomes a run, what else follows from it, and that a point
without an answer is a row that says why. It does not know which points are asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import AccelsimError, InputError, NoAnswerError, nearest
from accelsim.explore.estimate import answer
from accelsim.explore.expression import Column, Expression, parse
from accelsim.explore.figures import FIGURES, SILICON, WHOLE, Reader, silicon_figures
from accelsim.explore.result import Estimate
from accelsim.explore.sweep.many import (
    BAD_INPUT,
    NO_ANSWER,
    OK,
    PLAN_COLUMNS,
    answers_of,
    blank,
)
from accelsim.explore.sweep.points import Coded, points_of
from accelsim.explore.uncertain import OUTPUTS, uncertain
from accelsim.overrides import Override
from accelsim.question import ROOTS, Question, resolve, run_from
from accelsim.silicon.draws import interval
from accelsim.specs.run import PlanSpec, RunSpec
from accelsim.specs.sweep import PointsSpec, UncertainSpec

if TYPE_CHECKING:
    import pyarrow as pa

FREE = "free."  # how paths begin that change nothing and are for expressions to read
RUN_FIELDS = frozenset(RunSpec.model_fields) - {"set", "plan", "source", "kind", "note"}
# Columns that every row has, beside the axes.
FIRST = ("point",)
ANSWER = ("status", "reason", "plan", *(f"plan_{name}" for name in PLAN_COLUMNS))

QUANTILES = ("p5", "p50", "p95")
TOGETHER = 32  # answers whose samples are held at once

Found = list[Estimate | AccelsimError]


@dataclass(frozen=True, slots=True)
class Assigned:
    """A path that takes what an expression gives."""

    path: str
    value: Expression
    unit: str
    whole: bool

    def of(self, value: Any) -> Any:
        """Return what the path takes: a number, or a quantity in the unit."""
        if self.whole and np.isfinite(value):
            return round(float(value))
        return f"{float(value)!r} {self.unit}" if self.unit else value


@dataclass(frozen=True, slots=True)
class Rows:
    """How the points of a sweep or a design become rows.

    Attributes
    ----------
    spec : PointsSpec
    known : tuple of str
        Columns that expressions may read.
    assigned : tuple of Assigned
    columns : dict of str to Expression
        Derived columns, in the order of the file.
    figures : dict of str to Reader
        Of an estimate; those of the whole run too, where the base run tells of it.
    silicon : tuple of str
        Names of the silicon that something reads or shows.
    """

    spec: PointsSpec
    known: tuple[str, ...]
    assigned: tuple[Assigned, ...]
    columns: Mapping[str, Expression]
    figures: Mapping[str, Reader]
    silicon: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """Return whether rows rest on the figures of a step and on nothing else."""
        told = "training" in self.spec.run or self.spec.uncertain is not None
        read = {n for one in self.assigned for n in one.value.names}
        return not (told or self.silicon or any(n.startswith(SILICON) for n in read))

    def many(self, index: Column, axes: Mapping[str, Coded]) -> dict[str, Column]:
        """Return the columns of points as `of`, all asked at once, in few words.

        The numbers are the same; a point without an answer has a shorter reason, and
        points with a value that its path refuses are asked one by one.
        """
        rows = {path: column.array() for path, column in axes.items()}
        asked: dict[str, Column] = {
            path: column.objects() for path, column in axes.items()
        }
        for one in self.assigned:
            rows[one.path] = one.value.over(rows)
            asked[one.path] = np.array([one.of(v) for v in rows[one.path]], object)
        told = {path: c for path, c in asked.items() if not path.startswith(FREE)}
        try:
            found = answers_of(self.spec.run, told, len(index))
        except InputError:
            return self.of(index, axes)
        rows = {"point": index, **rows, **found}
        for name, expression in self.columns.items():
            rows[name] = expression.over(rows)
        return rows

    def of(self, index: Column, axes: Mapping[str, Coded]) -> dict[str, Column]:
        """Return the columns of points: their numbers, axes and answers."""
        rows = {path: column.array() for path, column in axes.items()}
        asked = self._asked(len(index), axes, rows)
        found = _answers(asked)
        rows = {
            "point": index,
            **rows,
            **_texts(found),
            **_numbers(found, self.figures),
        }
        rows |= _silicon(asked, self.silicon)
        if self.spec.uncertain is not None:
            rows |= _intervals(found, self.spec.uncertain, self.figures)
        for name, expression in self.columns.items():
            rows[name] = expression.over(rows)
        return rows

    def _asked(
        self, count: int, axes: Mapping[str, Coded], rows: dict[str, Column]
    ) -> list[Question | AccelsimError]:
        """Return the question of each point; adds what is assigned to the columns."""
        points = [{p: c[row] for p, c in axes.items()} for row in range(count)]
        for one in self.assigned:
            named = [n for n in one.value.names if n.startswith(SILICON)]
            seen = rows | _silicon(_questions(self.spec, points), named)
            values = one.value.over(seen) if count else np.zeros(0)
            rows[one.path] = values
            for point, value in zip(points, values, strict=True):
                point[one.path] = one.of(value)
        return _questions(self.spec, points)


def rows_of(spec: PointsSpec, where: str, texts: Iterable[str] = ()) -> Rows:
    """Return how points become rows, with paths and expressions checked.

    texts : further expressions that will read the rows.

    Raises
    ------
    InputError
        A path that no run has, an expression that cannot be read.
    NoAnswerError
        Something reads `silicon.…` of a chip that does not tell its dies.
    """
    paths = points_of(spec).paths
    for path in (*paths, *spec.assign):
        _check_path(path, where)
    told = [one.expression for one in spec.assign.values()]
    told += [*spec.columns.values(), *texts]
    names = _silicon_names(spec, [*told, *spec.show], where)
    known, assigned = [*paths, *names], []
    for path, one in spec.assign.items():
        value = parse(one.expression, known, f"{where}: assign.{path}")
        assigned.append(Assigned(path, value, one.unit, one.whole))
        known.append(path)
    figures = FIGURES | (WHOLE if "training" in spec.run else {})
    known += [*FIRST, *ANSWER, *figures]
    if spec.uncertain is not None:
        known += _interval_names(figures)
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
    read = {n for text in told for n in names if n in text} | set(spec.show)
    used = tuple(name for name in names if name in read)
    return Rows(spec, tuple(known), tuple(assigned), columns, figures, used)


def _silicon_names(
    spec: PointsSpec, texts: Iterable[str], where: str
) -> tuple[str, ...]:
    """Return the names of the first point's silicon, if any text asks for them."""
    if not any(SILICON in text for text in texts):
        return ()
    first: dict[str, Any] = {}
    for axis in points_of(spec).groups:
        first |= {p: v[0] for p, v in zip(axis.paths, axis.values, strict=True)}
    try:
        return tuple(silicon_figures(question_of(spec, first).chip))
    except NoAnswerError as error:
        raise NoAnswerError(f"{where}: {error}") from None


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
    elif root == "plan" and rest not in PlanSpec.model_fields:
        hint = nearest(rest, PlanSpec.model_fields)
        raise InputError(f"{where}: axis {path}: no field of a plan; {hint}")
    elif root not in ROOTS and not path.startswith(FREE):
        raise InputError(f"{where}: axis {path}: {nearest(root, ROOTS)}")


def question_of(spec: PointsSpec, point: Mapping[str, Any]) -> Question:
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
        elif not path.startswith(FREE):
            changes.append(Override(parts, value))
    return resolve(run_from(fields | {"plan": plan}), changes)


def _questions(
    spec: PointsSpec, points: Iterable[Mapping[str, Any]]
) -> list[Question | AccelsimError]:
    """Return a question a point; points that differ in free axes alone share theirs."""
    made: dict[tuple[Any, ...], Question | AccelsimError] = {}
    found = []
    for point in points:
        told = {p: v for p, v in point.items() if not p.startswith(FREE)}
        key = tuple((type(value), value) for value in told.values())
        if key not in made:
            try:
                made[key] = question_of(spec, told)
            except AccelsimError as failure:
                made[key] = failure
        found.append(made[key])
    return found


def _answers(asked: list[Question | AccelsimError]) -> Found:
    """Return an answer a question; a question that is asked twice is answered once."""
    once = {id(q): q for q in asked if isinstance(q, Question)}
    answers = dict(zip(once, answer(list(once.values())), strict=True))
    return [answers[id(q)] if isinstance(q, Question) else q for q in asked]


def _silicon(
    asked: list[Question | AccelsimError], names: Iterable[str]
) -> dict[str, Column]:
    """Return figures of the silicon by point; nan where a point has no chip."""
    wanted = tuple(names)
    if not wanted:
        return {}
    told: dict[int, Mapping[str, float]] = {}
    for q in asked:
        if isinstance(q, Question) and id(q) not in told:
            try:
                told[id(q)] = silicon_figures(q.chip)
            except AccelsimError:  # another chip of the axes tells no dies
                told[id(q)] = {}
    rows = [told.get(id(q), {}) for q in asked]
    return {
        name: np.array([row.get(name, np.nan) for row in rows], dtype=np.float64)
        for name in wanted
    }


def _texts(found: Found) -> dict[str, Column]:
    made = {
        "status": [_status(e) for e in found],
        "reason": ["" if isinstance(e, Estimate) else str(e) for e in found],
        "plan": [e.plan.text() if isinstance(e, Estimate) else "" for e in found],
    }
    return {name: np.array(texts, dtype=object) for name, texts in made.items()}


def _status(found: Estimate | AccelsimError) -> str:
    if isinstance(found, Estimate):
        return OK
    return NO_ANSWER if isinstance(found, NoAnswerError) else BAD_INPUT


def _numbers(found: Found, figures: Mapping[str, Reader]) -> dict[str, Column]:
    columns: dict[str, Any] = {}
    for name in PLAN_COLUMNS:
        nothing, kind = blank(name)
        values = [
            getattr(e.plan, name) if isinstance(e, Estimate) else None for e in found
        ]
        columns[f"plan_{name}"] = np.array(
            [nothing if value is None else value for value in values], dtype=kind
        )
    for name, figure in figures.items():
        columns[name] = _each(figure, found)
    return columns


def _each(figure: Reader, found: Found) -> Column:
    values = [figure(e) if isinstance(e, Estimate) else None for e in found]
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _interval_names(figures: Mapping[str, Reader]) -> list[str]:
    """Return the columns of intervals: those figures of a row that have samples."""
    return [f"{name}_{q}" for name in OUTPUTS if name in figures for q in QUANTILES]


def _intervals(
    found: Found, asked: UncertainSpec, figures: Mapping[str, Reader]
) -> dict[str, Column]:
    """Return the intervals of every answer, with common draws; nan without one."""
    columns = {n: np.full(len(found), np.nan) for n in _interval_names(figures)}
    answered = [(i, e) for i, e in enumerate(found) if isinstance(e, Estimate)]
    for start in range(0, len(answered), TOGETHER):
        some = answered[start : start + TOGETHER]
        # streams belong to figures and the seed: all batches have the same draws
        told = uncertain([e for _, e in some], asked.samples, asked.seed)
        for (row, _), one in zip(some, told, strict=True):
            for name, values in one.outputs.items():
                bounds = interval(values)
                for quantile in QUANTILES:
                    columns[f"{name}_{quantile}"][row] = bounds[quantile]
    return columns


def arrow_table(
    rows: Mapping[str, Column], units: Mapping[str, str] | None = None
) -> "pa.Table":
    """Return columns as an Arrow table; an axis with a unit says so in its name."""
    import pyarrow as pa

    named = units or {}
    return pa.table({title(k, named.get(k, "")): _arrow(v) for k, v in rows.items()})


def title(path: str, unit: str) -> str:
    """Return the name of an axis's column: `chip.hbm.bandwidth (TB/s)`."""
    return f"{path} ({unit})" if unit else path


def _arrow(values: Any) -> "pa.Array":
    import pyarrow as pa

    if values.dtype.kind in "OU":
        return pa.array([str(value) for value in values.tolist()], pa.string())
    return pa.array(values, from_pandas=True)  # what is no number is missing
