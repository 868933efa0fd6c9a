"""The best plan of a question, the next best, and why each of them loses.

This file knows objectives, constraints and ranking. Which plans are legal is known to
`training.plans`, what a plan takes to the kernels: a search evaluates every legal plan,
so that its best is exact.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.economics.price import choose_offer, usd_per_second
from accelsim.errors import InputError, NoAnswerError, nearest
from accelsim.explore.estimate import explain, job_energy, short_of_memory
from accelsim.explore.result import Estimate
from accelsim.kernels import tables
from accelsim.kernels.memory_tables import MEMORY
from accelsim.kernels.tables import Rows
from accelsim.overrides import Overrides, read_overrides
from accelsim.question import Question, resolve, run_from
from accelsim.specs.run import RunSpec
from accelsim.training.evaluate import Evaluated, evaluate, settle
from accelsim.training.lower import Cases, lower
from accelsim.training.plans import candidates, why_none

# What is sought, and whether less of it is better.
OBJECTIVES = {
    "tokens_per_s": False,
    "step_time": True,
    "usd_per_mtoken": True,
    "j_per_token": True,
}
# What of an estimate stands in each row of `Search.to_dict`.
SHOWN = (
    "chips",
    "global_batch",
    "plan",
    "step_time_s",
    "tokens_per_s",
    "mfu",
    "memory_bytes",
    "j_per_token",
    "usd_per_million_tokens",
)
CHUNK = 16_384  # plans that are evaluated together
MANY = 1_000  # most plans that are ranked

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A plan of a search.

    Attributes
    ----------
    estimate : Estimate
    score : float
        The objective.
    why : str
        What it loses to the first plan, the weightiest first; empty for the first.
    """

    estimate: Estimate
    score: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Attributes
    ----------
    objective : str
    plans_legal, plans_fit : int
        Plans that pass every test, and of these those that fit in memory.
    rejected : dict
        Reason to number of plans; what does not fit is counted, too.
    wall : float
        Time that the search took [s].
    top : tuple of Ranked
        Best first.
    front : tuple of Ranked
        Plans that no other beats in both of the objectives asked for.
    """

    objective: str
    plans_legal: int
    plans_fit: int
    rejected: Mapping[str, int]
    wall: float
    top: tuple[Ranked, ...]
    front: tuple[Ranked, ...] = ()

    @property
    def best(self) -> Estimate:
        """Return the first plan's estimate."""
        return self.top[0].estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the search as plain data."""
        return {
            "objective": self.objective,
            "plans_legal": self.plans_legal,
            "plans_fit": self.plans_fit,
            "wall_s": self.wall,
            "best": _plain(self.top[0]) | {"estimate": self.best.to_dict()},
            "top": [_plain(ranked) for ranked in self.top],
            "front": [_plain(ranked) for ranked in self.front],
            "rejected": dict(self.rejected),
        }


def _plain(ranked: Ranked) -> dict[str, Any]:
    found = ranked.estimate.to_dict()
    plain = {key: found[key] for key in SHOWN}
    return plain | {"score": ranked.score, "why": ranked.why}


def search(
    run: RunSpec | Mapping[str, Any],
    overrides: Overrides = (),
    *,
    objective: str = "tokens_per_s",
    top: int = 10,
    head_room: float = 0.0,
    chips: Sequence[int] = (),
    global_batches: Sequence[int] = (),
    against: str | None = None,
    workers: int = 2,
) -> Search:
    """Return the best plans of a run by an objective, after trying every legal one.

    Parameters
    ----------
    run : RunSpec or mapping
        Sizes of the plan that it states are kept.
    objective, top
        One of `OBJECTIVES`, and how many plans are ranked by it.
    head_room : float
        Share of the memory that must stay free.
    chips, global_batches
        Tried in place of the run's own, all with all.
    against : str, optional
        A second objective: also return the plans that no other beats in both.
    workers : int
        Threads.

    Raises
    ------
    InputError, NoAnswerError
        Something in the question is wrong; no legal plan fits.
    """
    began = time.perf_counter()
    _check(objective, against, top, head_room)
    questions = _questions(run, overrides, chips, global_batches)
    bounds = against is None  # a front needs every plan's own time
    found = [_searched(q, head_room, workers, bounds=bounds) for q in questions]
    rejected: Counter[str] = Counter()
    for one in found:
        rejected.update(one.rejected)
        one.settle(objective, top)
    pool = _pool(found, objective)
    order = np.argsort(pool.score, kind="stable")
    ranked = _explained(questions, found, pool, order, objective, top)
    if not ranked:
        raise _none(questions, found, head_room)
    other = None if against is None else _pool(found, against).score
    kept = order[:0] if other is None else _front(pool.score, other)[:MANY]
    return Search(
        objective=objective,
        plans_legal=sum(one.legal for one in found),
        plans_fit=len(pool.score),
        rejected=dict(rejected.most_common()),
        wall=time.perf_counter() - began,
        top=ranked,
        front=_explained(questions, found, pool, kept, objective, MANY),
    )


def _check(objective: str, against: str | None, top: int, head_room: float) -> None:
    for name in (objective, *([against] if against else [])):
        if name not in OBJECTIVES:
            hint = nearest(name, OBJECTIVES)
            raise InputError(f"search: objective {name!r} is unknown; {hint}")
    if not 1 <= top <= MANY:
        raise InputError(f"search: top: from 1 to {MANY}, not {top}")
    if not 0.0 <= head_room < 1.0:
        raise InputError(f"search: head_room: from 0 to below 1, not {head_room:g}")


def _questions(
    run: RunSpec | Mapping[str, Any],
    overrides: Overrides,
    chips: Sequence[int],
    batches: Sequence[int],
) -> list[Question]:
    base = run if isinstance(run, RunSpec) else run_from(run)
    changes = read_overrides(overrides)
    found = []
    for count in chips or (base.chips,):
        for batch in batches or (None,):
            fields = {"chips": count} | ({"global_batch": batch} if batch else {})
            found.append(resolve(run_from(fields, base), changes))
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """The plans of one question that fit, and what they take."""

    question: Question
    tried: Rows
    legal: int
    rejected: Counter[str]
    plans: Rows
    memory: Rows
    results: Rows
    rows: Cases

    def settle(self, objective: str, top: int) -> None:
        """Time exactly what might be among the first `top` of this question."""

        def score(plans: Rows, results: Rows) -> Floats:
            return _scores(self.question, self.rows, plans, results, objective)

        none = self.results[:0]  # layers are not read again
        done = Evaluated(self.plans, self.memory, self.results, none)
        settle(self.rows, done, np.arange(len(self.plans)), score, top)


def _searched(q: Question, head_room: float, workers: int, *, bounds: bool) -> _Found:
    if q.run.chips > q.system.max_chips:
        raise InputError(
            f"run: chips: {q.run.chips} exceeds the {q.system.max_chips} chips of "
            f"{q.system.name}"
        )
    if q.price is not None:  # refuse a date or an offer before the long search
        choose_offer(q.price, q.run.offer, q.run.price_date)
    rows, tried = lower([q]), candidates(q, 0)
    legal = tried[tried.reason == tables.OK]
    counts = np.bincount(tried.reason, minlength=len(tables.REASONS))
    rejected = Counter(
        {tables.REASONS[i]: int(n) for i, n in enumerate(counts) if n and i}
    )
    parts = list(_evaluated(rows, legal, workers, bounds=bounds))
    room = float(rows.chips.memory_capacity[0]) * (1.0 - head_room)
    fits = [part.memory.total <= room for part in parts]
    if len(legal) > sum(int(f.sum()) for f in fits):
        rejected[tables.REASONS[-1]] += len(legal) - sum(int(f.sum()) for f in fits)

    def kept(name: str, dtype: "np.dtype[np.void]") -> Rows:
        chosen = [getattr(p, name)[f] for p, f in zip(parts, fits, strict=True)]
        joined = np.concatenate(chosen) if chosen else np.zeros(0, dtype)
        return joined.view(np.recarray)

    plans, memory = kept("plans", tables.PLAN), kept("memory", MEMORY)
    results = kept("results", tables.RESULT)
    return _Found(q, tried, len(legal), rejected, plans, memory, results, rows)


def _evaluated(
    rows: Cases, plans: Rows, workers: int, *, bounds: bool
) -> Iterator[Evaluated]:
    """Yield chunks of plans with what they take, in order."""
    parts = [plans[i : i + CHUNK] for i in range(0, len(plans), CHUNK)]

    def one(part: Rows) -> Evaluated:
        return evaluate(rows, part, only_fitting=True, bounds=bounds)

    if len(parts) < 2 or workers < 2:
        yield from map(one, parts)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(one, parts)


@dataclass(frozen=True, slots=True)
class _Pool:
    """All plans that fit: score (less is better), question and row in it."""

    score: Floats
    question: NDArray[np.int64]
    row: NDArray[np.int64]


def _pool(found: Sequence[_Found], objective: str) -> _Pool:
    scores = [
        _scores(one.question, one.rows, one.plans, one.results, objective)
        for one in found
    ]
    counts = [len(score) for score in scores]
    return _Pool(
        np.concatenate(scores),
        np.repeat(np.arange(len(found)), counts),
        np.concatenate([np.arange(count) for count in counts]),
    )


def _scores(
    q: Question, rows: Cases, plans: Rows, results: Rows, objective: str
) -> Floats:
    """Return the objective of each plan, turned so that less is better."""
    tokens = float(q.global_batch) * q.seq_len
    if objective == "step_time":
        return np.asarray(results.step_time)
    if objective == "tokens_per_s":
        return np.asarray(-tokens / results.step_time)
    if objective == "j_per_token":
        return np.asarray(job_energy(q, rows, 0, plans, results) / tokens)
    if q.price is None:
        raise InputError(f"search: {q.system.name} has no price; try another objective")
    rate = usd_per_second(q, choose_offer(q.price, q.run.offer, q.run.price_date))
    return np.asarray(rate * 1e6 / tokens * results.step_time)


def _explained(
    questions: Sequence[Question],
    found: Sequence[_Found],
    pool: _Pool,
    chosen: NDArray[np.int64],
    objective: str,
    most: int,
) -> tuple[Ranked, ...]:
    """Return the first of the chosen plans that fit, also as their allocator cuts."""
    ranked: list[Ranked] = []
    for i in chosen:
        if len(ranked) == most:
            break
        one = found[int(pool.question[i])]
        row = int(pool.row[i])
        done = evaluate(one.rows, one.plans[row : row + 1], only_fitting=False)
        q = questions[int(pool.question[i])]
        estimate = explain(q, one.rows, 0, done, 0)
        if not estimate.fits:
            continue
        sign = 1.0 if OBJECTIVES[objective] else -1.0
        why = _why(ranked[0].estimate, estimate) if ranked else ""
        ranked.append(Ranked(estimate, sign * float(pool.score[i]), why))
    return tuple(ranked)


def _why(first: Estimate, other: Estimate) -> str:
    """Return what a plan takes more of than the first, in seconds for its tokens."""
    scale = first.tokens / other.tokens
    names = type(first.time).__dataclass_fields__
    more = {n: getattr(other.time, n) * scale - getattr(first.time, n) for n in names}
    total = other.step_time * scale - first.step_time
    words = [
        f"{name} +{seconds / first.step_time:.1%}"
        for name, seconds in sorted(more.items(), key=lambda item: -item[1])
        if seconds > 0.0005 * first.step_time
    ]
    share = total / first.step_time
    return f"{share:+.1%}: {', '.join(words[:3])}" if words else f"{share:+.1%}"


def _front(a: Floats, b: Floats) -> NDArray[np.int64]:
    """Return the rows that no other beats in both columns, in order of the first."""
    order = np.lexsort((b, a))
    least = np.minimum.accumulate(b[order])
    better = np.r_[True, b[order][1:] < least[:-1]]
    return np.asarray(order[better])


def _none(
    questions: Sequence[Question], found: Sequence[_Found], head_room: float
) -> Exception:
    """Return why no question has a plan: what is said of the first one."""
    q, one = questions[0], found[0]
    if not one.legal:
        reason = why_none(q, one.tried)
        fixed = [v for v in q.plan.model_dump().values() if v is not None]
        return (
            InputError(reason) if fixed else NoAnswerError(f"no legal plan: {reason}")
        )
    done = evaluate(
        one.rows, one.tried[one.tried.reason == tables.OK], only_fitting=True
    )
    least = int(np.argmin(done.memory.total))
    return NoAnswerError(short_of_memory(q, one.rows, done, least, head_room))
