"""A table of runs in, a table of answers out: `estimate_many` of columns.

    columns -> distinct runs -> questions (each spec once) -> PLAN rows -> `batch`

A column is a field of a run (`chips`), of its plan (`plan.tp`), or a dotted path
(`chip.hbm.bandwidth`), as in overrides; a single value stands for all rows. This file
knows names and kinds of tables; it computes no figure.
"""

import os
from collections.abc import Container, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from accelsim.errors import InputError, nearest
from accelsim.explore.batch import Batch, Columns, answered, batch_of
from accelsim.explore.estimate import failure_of
from accelsim.explore.row_plans import choose, plan_rows
from accelsim.kernels import tables
from accelsim.overrides import Override
from accelsim.question import ROOTS, Question, resolve, run_from
from accelsim.specs.link import LinkSpec
from accelsim.specs.run import PlanSpec, RunSpec
from accelsim.specs.system import SystemSpec
from accelsim.stamps import Kept, settled

# Roots whose specs are resolved apart: each distinct one once, whatever else varies.
APART = ("chip", "link", "software", "model", "price")
# What of a question follows from the spec of such a root.
FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "chip": ("chip", "precision"),
    "link": ("links",),
    "software": ("software",),
    "model": ("model", "seq_len", "global_batch"),
    "price": ("price",),
}
# Fields of a run that such a spec does not rest on.
SIZES = ("global_batch", "global_batch_tokens", "seq_len")
INDIFFERENT: Mapping[str, tuple[str, ...]] = {
    "": (),
    "model": ("chips",),
    **dict.fromkeys(("chip", "link", "software", "price"), ("chips", *SIZES)),
}
_QUESTIONS = Kept(8192)  # of distinct specs, so that the next chunk has them
FIELDS = frozenset(RunSpec.model_fields) - {"plan", "set", "training"}


def estimate_columns(given: Any, *, workers: int = 1) -> Any:
    """Return the figures of a table of runs, as the same kind of table.

    See `explore.estimate.estimate_many`.
    """
    columns, count = read_columns(given)
    with settled():
        return _like(given, answered(batch_from(columns, count), workers=workers))


def batch_from(columns: Columns, count: int) -> Batch:
    """Return the rows of a table of runs, each with its plan, ready to be answered.

    Raises
    ------
    InputError
        An unknown column, or a value that its field refuses.
    """
    ours = {_plan_field(name): c for name, c in columns.items() if _plan_field(name)}
    others = {name: c for name, c in columns.items() if not _plan_field(name)}
    questions, which = questions_of(others, count)
    plans, is_open = plan_rows(questions, which, ours)
    batch = batch_of(questions, plans, stated=ours)
    choose(batch, np.flatnonzero(is_open), ours)
    plans.reason[which < 0] = tables.NO_ANSWER
    return batch


def _plan_field(name: str) -> str:
    """Return the field of a plan that a column is, or nothing."""
    field = name.removeprefix("plan.")
    return field if field in PlanSpec.model_fields else ""


def read_columns(given: Any) -> tuple[dict[str, np.ndarray], int]:
    """Return columns as arrays, of one length or single values, and that length.

    Raises
    ------
    InputError
        No table, or columns of several lengths.
    """
    if isinstance(given, np.ndarray) and given.dtype.names:
        found = {name: np.asarray(given[name]) for name in given.dtype.names}
    elif isinstance(given, Mapping):
        found = {str(name): np.asarray(value) for name, value in given.items()}
    elif hasattr(given, "column_names"):  # an Arrow table
        found = {name: given.column(name).to_numpy() for name in given.column_names}
    else:
        raise InputError(
            "runs: must be a list of runs, or columns: a mapping, a structured array "
            f"or an Arrow table, not {type(given).__name__}"
        )
    for name, column in found.items():
        if column.ndim > 1:
            raise InputError(f"runs: {name}: a column has one dimension")
    lengths = {name: len(column) for name, column in found.items() if column.ndim}
    if len(set(lengths.values())) > 1:
        words = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise InputError(f"runs: columns of one length or single values, not {words}")
    return found, next(iter(lengths.values()), 1)


@dataclass(frozen=True, slots=True)
class Coded:
    """Rows by what they have in common: `codes` of rows, `values` by code."""

    codes: np.ndarray
    values: list[dict[str, Any]]


def coded(columns: Mapping[str, np.ndarray], count: int) -> Coded:
    """Return the distinct rows of some columns, and which one each row is."""
    codes = np.zeros(count, dtype=np.int64)
    for column in columns.values():
        if column.ndim:
            codes = _joined(codes, _codes_of(column))
    distinct, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    values = [
        {name: _plain(c[i] if c.ndim else c[()]) for name, c in columns.items()}
        for i in (first.tolist() if count else [])
    ]
    return Coded(inverse.reshape(-1), values[: len(distinct)])


def _codes_of(column: np.ndarray) -> np.ndarray:
    """Return a number for each distinct value; missing ones are alike."""
    if column.dtype != object:
        return np.unique(column, return_inverse=True)[1].reshape(-1)
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in column])


def _joined(codes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return one code for two; their number stays small."""
    both = codes * (int(others.max(initial=0)) + 1) + others
    return np.unique(both, return_inverse=True)[1].reshape(-1)


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own; nothing for what is missing."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if value != value else value  # NaN alone differs


def questions_of(
    columns: Mapping[str, np.ndarray], count: int
) -> tuple[list[Question], np.ndarray]:
    """Return the distinct questions of columns, and which one each row asks.

    A row whose system gives no answer (a link at no rate) asks -1.

    Raises
    ------
    InputError
        An unknown column, or a value that its field refuses, with the first such row.
    """
    apart: dict[str, dict[str, np.ndarray]] = {root: {} for root in APART}
    frame: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        root, dot, _ = name.partition(".")
        _check_name(name)
        (apart[root] if dot and root in APART else frame)[name] = column
    parts = {root: coded(some, count) for root, some in apart.items() if some}
    frames = coded(frame, count)
    codes = frames.codes
    for part in parts.values():
        codes = _joined(codes, part.codes)
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    resolver = _Resolver(frames, parts)
    found: list[Question] = []
    place = np.full(len(first), -1)
    for i in np.argsort(first).tolist() if count else []:
        question = resolver.question(int(first[i]))
        if question is not None:
            place[i] = len(found)
            found.append(question)
    return found, place[which.reshape(-1)] if count else place


def _check_name(name: str) -> None:
    root, dot, rest = name.partition(".")
    if dot and rest and root in ROOTS:
        return
    if name not in FIELDS:
        known = (*FIELDS, *PlanSpec.model_fields, *(f"{r}.FIELD" for r in ROOTS))
        hint = nearest(name, known)
        raise InputError(f"runs: {name}: no field of a run; {hint}".rstrip("; "))


class _Resolver:
    """Questions of rows; what is distinct is resolved once in a batch."""

    def __init__(self, frames: Coded, parts: Mapping[str, Coded]) -> None:
        self._frames, self._parts = frames, parts
        self._resolved: dict[Hashable, Question] = {}
        self._failing: dict[Hashable, bool] = {}
        self._keys = {
            root: [_key(values, INDIFFERENT[root]) for values in frames.values]
            for root in ("", *parts)
        }
        self._own = {
            root: [_key(values) for values in part.values]
            for root, part in parts.items()
        }

    def question(self, row: int) -> Question | None:
        """Return the question of a row, None if its system gives no answer."""
        try:
            q = self._one(row, "", 0)
            for root, part in self._parts.items():
                varied = self._one(row, root, int(part.codes[row]))
                q = replace(q, **{f: getattr(varied, f) for f in FOLLOWS[root]})
            asked = (id(q.system), id(q.links), q.run.chips)
            if asked not in self._failing:
                self._failing[asked] = _fails(q.system, q.links, q.run.chips)
        except InputError as error:
            raise InputError(f"runs: row {row}: {error}") from None
        return None if self._failing[asked] else q

    def _one(self, row: int, root: str, code: int) -> Question:
        """Return the question of a row's frame with what one root changes."""
        number = int(self._frames.codes[row])
        own = self._own[root][code] if root else ()
        key = (root, self._keys[root][number], own)
        if key not in self._resolved:
            given = self._frames.values[number]
            fields = {k: v for k, v in given.items() if "." not in k}
            paths = {k: v for k, v in given.items() if "." in k}
            if root:
                paths |= self._parts[root].values[code]
            changes = list(_overrides(paths))
            place = (os.getcwd(), os.environ.get("ACCELSIM_PATH"))  # noqa: PTH109
            self._resolved[key] = _QUESTIONS.of(
                (), (key, place), lambda: resolve(run_from(fields), changes)
            )
        return self._resolved[key]


def _key(values: Mapping[str, Any], but: Container[str] = ()) -> Hashable:
    """Return what tells values apart; 1 and 1.0 and true are three."""
    return tuple((k, type(v), v) for k, v in values.items() if k not in but)


def _fails(system: SystemSpec, links: Mapping[str, LinkSpec], chips: int) -> bool:
    """Return whether a system cannot run a job; a wrong path of a link is refused."""
    failure = failure_of(system, links, chips)
    if isinstance(failure, InputError) and chips <= system.max_chips:
        raise failure
    return failure is not None


def _overrides(paths: Mapping[str, Any]) -> Iterable[Override]:
    for path, value in paths.items():
        if value is not None:
            yield Override(tuple(path.split(".")), value)


def _like(given: Any, columns: Columns) -> Any:
    """Return columns as the kind of table that was given."""
    if isinstance(given, np.ndarray):
        kinds = [(name, column.dtype) for name, column in columns.items()]
        found = np.empty(len(next(iter(columns.values()))), np.dtype(kinds))
        for name, column in columns.items():
            found[name] = column
        return found
    if isinstance(given, Mapping):
        return columns
    import pyarrow as pa

    return pa.table(columns)
