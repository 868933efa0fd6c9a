"""The best plan of a question, the next best, and why each of them loses.

This file knows objectives, constraints and ranking. Which plans there are is known to
`training.space`, what they take to the kernels; `scan` evaluates every legal one, so
that the best is exact.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.economics.energy import draw_of
from accelsim.economics.price import choose_offer, usd_per_second
from accelsim.errors import InputError, NoAnswerError, nearest
from accelsim.explore.estimate import energies, explain, failure_of, short_of_memory
from accelsim.explore.result import Estimate
from accelsim.explore.scan import MOST_KEPT, Goal, Scan, Score, front, scan
from accelsim.kernels.tables import Rows
from accelsim.overrides import Overrides, read_overrides
from accelsim.question import Question, resolve, run_from
from accelsim.specs.run import RunSpec
from accelsim.training.evaluate import evaluate
from accelsim.training.lower import Cases
from accelsim.training.plans import why_none

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
MANY = 1_000  # most plans that are ranked
SPARE = 4  # times as many are kept at first

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
    whole: bool = True,
    workers: int = 2,
) -> Search:
    """Return the best plans of a run by an objective, after trying every legal one.

    Parameters
    ----------
    run : RunSpec or mapping
        Sizes of the plan that it states are kept.
    objective, top
        One of `OBJECTIVES`, and how many plans are ranked by it.
    head_room
        Share of the memory that must stay free.
    chips, global_batches
        Tried in place of the run's own, all with all.
    against : str, optional
        A second objective: also return the plans that no other beats in both.
    whole : bool
        Try all that can be legal; otherwise what an estimate tries.
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
    aims = (objective, against, top)
    limits: dict[str, Any] = {"head_room": head_room, "workers": workers}
    found, pool, ranked = _ranked(questions, *aims, whole=whole, **limits)
    if not ranked:
        raise _none(found[0], head_room)
    other = None if against is None else _pool(found, against).score
    kept = np.arange(0) if other is None else front(pool.score, other)[:MANY]
    return Search(
        objective=objective,
        plans_legal=sum(one.legal for one in found),
        plans_fit=sum(one.fit for one in found),
        rejected=dict(sum((one.rejected for one in found), _Counts()).most_common()),
        wall=time.perf_counter() - began,
        top=ranked,
        front=_explained(found, pool, kept, objective, MANY),
    )


_Counts = Counter[str]


def _ranked(
    questions: Sequence[Question],
    objective: str,
    against: str | None,
    top: int,
    **limits: Any,
) -> tuple[list[Scan], "_Pool", tuple[Ranked, ...]]:
    """Return what was scanned, what was kept of it, and its best.

    More is kept than is ranked: a plan may fit by its tensors and yet not as its
    allocator cuts them up, which only an estimate tells.
    """
    most = SPARE * (top + SPARE)
    while True:
        goals = [_goal(q, objective, against, most) for q in questions]
        pairs = zip(questions, goals, strict=True)
        found = [scan(q, goal, **limits) for q, goal in pairs]
        pool = _pool(found, objective)
        order = np.argsort(pool.score, kind="stable")
        ranked = _explained(found, pool, order, objective, top)
        every = len(order) == sum(one.fit for one in found)
        if len(ranked) == top or every or most > MOST_KEPT:
            return found, pool, ranked
        most *= SPARE**3


def _goal(q: Question, objective: str, against: str | None, top: int) -> Goal:
    """Return what is sought; refuse what has no answer before the long search."""
    failure = failure_of(q.system, q.links, q.run.chips)
    if failure is not None:
        raise failure
    other = None if against is None else _score_of(q, against)
    return Goal(_score_of(q, objective), top, other)


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


def _score_of(q: Question, objective: str) -> Score:
    """Return the objective of plans of a question, turned so that less is better."""
    tokens = float(q.global_batch) * q.seq_len
    if objective == "step_time":
        return lambda _rows, _plans, results: np.asarray(results["step_time"])
    if objective == "tokens_per_s":
        return lambda _rows, _plans, results: np.asarray(-tokens / results["step_time"])
    if objective == "j_per_token":
        draw = draw_of(q)

        def joules(rows: Cases, plans: Rows, results: Rows) -> Floats:
            parts = energies(draw, rows, plans, results).values()
            return np.asarray(sum(sum(part.values()) for part in parts) / tokens)

        return joules
    if q.price is None:
        raise InputError(f"search: {q.system.name} has no price; try another objective")
    rate = usd_per_second(q, choose_offer(q.price, q.run.offer, q.run.price_date))
    return lambda _rows, _plans, results: np.asarray(
        rate * 1e6 / tokens * results["step_time"]
    )


@dataclass(frozen=True, slots=True)
class _Pool:
    """All plans that may be among the best: score, question and row in its scan."""

    score: Floats
    question: NDArray[np.int64]
    row: NDArray[np.int64]


def _pool(found: Sequence[Scan], objective: str) -> _Pool:
    scores = [
        _score_of(one.question, objective)(one.rows, one.kept.plans, one.kept.results)
        for one in found
    ]
    counts = [len(score) for score in scores]
    return _Pool(
        np.concatenate(scores),
        np.repeat(np.arange(len(found)), counts),
        np.concatenate([np.arange(count) for count in counts]),
    )


def _explained(
    found: Sequence[Scan],
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
        plans = one.kept.plans[row : row + 1]
        done = evaluate(one.rows, plans, only_fitting=False)
        estimate = explain(one.question, one.rows, done, 0)
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


def _none(one: Scan, head_room: float) -> Exception:
    """Return why a question has no plan."""
    q = one.question
    if not one.legal:
        reason = why_none(q, one.furthest)
        fixed = [v for v in q.plan.model_dump().values() if v is not None]
        return (
            InputError(reason) if fixed else NoAnswerError(f"no legal plan: {reason}")
        )
    return NoAnswerError(short_of_memory(q, one.rows, one.least, 0, head_room))
