"""Walk every plan of a question's space and keep what may be among the best.

    `training.space` -> chunks of plans, on threads -> `kernels.legal` -> memory -> time
    of what fits -> scores -> the few that may still win

Every legal plan is evaluated, so that the best is exact; what is certainly not among
the best is counted and forgotten, so that millions of plans take little memory. This
file knows scores as numbers of which less is better; it does not know what they are of.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels import tables
from accelsim.kernels.legal import judge
from accelsim.kernels.tables import Rows
from accelsim.question import Question
from accelsim.training.evaluate import (
    Evaluated,
    evaluate,
    layers_of,
    settle,
    shards_of,
)
from accelsim.training.lower import Cases, lower
from accelsim.training.space import Space, space_of

CHUNK = 16_384  # plans that are evaluated together: some 7 MB
MOST_KEPT = 20_000  # before what certainly loses is looked for again

Floats: TypeAlias = NDArray[np.float64]
Score: TypeAlias = Callable[[Cases, Rows, Rows], Floats]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is sought.

    score : of the tables and of PLAN and RESULT rows; less is better, and it never
    falls when the step time rises. top : how many of the best. other : a second score,
    if all plans are sought that no other beats in both.
    """

    score: Score
    top: int
    other: Score | None = None

    def may_win(self, rows: Cases, done: Evaluated) -> NDArray[np.int64]:
        """Return which plans may be sought: all but those that certainly lose.

        A lower bound loses only to what is timed exactly.
        """
        score = self.score(rows, done.plans, done.results)
        exact = score[done.results.bound == 0.0]
        kept = np.ones(len(score), dtype=bool)
        if len(exact) > self.top:
            kept = score <= np.partition(exact, self.top - 1)[self.top - 1]
        if self.other is not None:
            kept[front(score, self.other(rows, done.plans, done.results))] = True
        return np.flatnonzero(kept)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a walk through a space found.

    question, rows : what was asked, and its tables.
    legal, fit : plans that pass every test, and of these those that fit in memory.
    rejected : reason to number of plans; what does not fit is counted, too.
    kept : plans that may be among the best, in the order of the space; the best of
    them are timed exactly.
    least : of the legal plans the one that needs the least memory; none, or one.
    furthest : the plan that passed the most tests, legal or not; none, or one.
    """

    question: Question
    rows: Cases
    legal: int
    fit: int
    rejected: Counter[str]
    kept: Evaluated
    least: Evaluated
    furthest: Rows


def front(a: Floats, b: Floats) -> NDArray[np.int64]:
    """Return the rows that no other beats in both columns, in order of the first."""
    order = np.lexsort((b, a))
    least = np.minimum.accumulate(b[order])
    better = np.r_[True, b[order][1:] < least[:-1]][: len(order)]
    return np.asarray(order[better])


def make_exact(rows: Cases, done: Evaluated, goal: Goal, count: int) -> None:
    """Time the `count` best of some plans exactly."""

    def score(plans: Rows, results: Rows) -> Floats:
        return goal.score(rows, plans, results)

    if len(done.plans):
        settle(rows, done, np.arange(len(done.plans)), score, count)


def scan(
    q: Question, goal: Goal, *, whole: bool, head_room: float, workers: int
) -> Scan:
    """Return what of a question's space may be among the best.

    whole : see `training.space`. head_room : share of the memory that must stay free.
    workers : threads.
    """
    rows, space = lower([q]), space_of(q, whole=whole)
    layers = layers_of(rows, shards_of(space.heads))
    room = float(rows.capacity(0)) * (1.0 - head_room)
    walk = _Walk(rows, space, layers, goal, room)
    counts = np.zeros(len(tables.REASONS), dtype=np.int64)
    found = walk.nothing
    for part in _parts(walk, workers):
        counts += part.counts
        found = walk.joined(found, part)
    told = {tables.REASONS[i]: int(n) for i, n in enumerate(counts) if n and i}
    make_exact(rows, found.kept, goal, goal.top)
    return Scan(
        question=q,
        rows=rows,
        legal=int(counts[tables.OK] + counts[tables.NO_ROOM]),
        fit=int(counts[tables.OK]),
        rejected=Counter(told),
        kept=found.kept,
        least=found.least,
        furthest=found.furthest,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What one chunk gave, see `Scan`."""

    counts: NDArray[np.int64]
    kept: Evaluated
    least: Evaluated
    furthest: Rows


def _parts(walk: "_Walk", workers: int) -> Iterator[_Part]:
    """Yield what the chunks of a space give, in order."""
    starts = range(0, len(walk.space), CHUNK)
    if workers < 2 or len(starts) < 2:
        yield from map(walk.part, starts)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(walk.part, starts)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One space on its way: tables, layers of all shards, the goal, room [B]."""

    rows: Cases
    space: Space
    layers: Rows
    goal: Goal
    room: float

    @property
    def nothing(self) -> _Part:
        """Return what no chunk gives."""
        none = np.zeros(0, tables.PLAN).view(np.recarray)
        empty = evaluate(self.rows, none, only_fitting=True, layers=self.layers)
        counts = np.zeros(len(tables.REASONS), dtype=np.int64)
        return _Part(counts, empty, empty, none)

    def part(self, start: int) -> _Part:
        """Return what the chunk that begins with a plan gives."""
        rows = self.rows
        plans = self.space.plans(start, min(start + CHUNK, len(self.space)))
        judge(rows.cases, rows.models, rows.software, plans)
        counts = np.bincount(plans.reason, minlength=len(tables.REASONS))
        furthest = plans[[int(np.argmax(plans.reason))]]
        legal = plans if counts[tables.OK] == len(plans) else plans[plans.reason == 0]
        bounds = self.goal.other is None  # a front needs every plan's own time
        done = evaluate(
            rows, legal, only_fitting=True, bounds=bounds, layers=self.layers
        )
        fits = done.memory.total <= self.room
        counts[tables.NO_ROOM] = len(legal) - int(fits.sum())
        counts[tables.OK] -= counts[tables.NO_ROOM]
        least = np.argsort(done.memory.total)[:1]
        fitting = _taken(done, np.flatnonzero(fits))
        kept = _taken(fitting, self.goal.may_win(rows, fitting))
        return _Part(counts, kept, _taken(done, least), furthest)

    def joined(self, one: _Part, other: _Part) -> _Part:
        """Return two parts as one; what certainly loses is dropped if there is much."""
        kept = _together(one.kept, other.kept)
        if len(kept.plans) > MOST_KEPT:
            kept = self._dropped(kept)
        least = _together(one.least, other.least)
        furthest = _stacked(one.furthest, other.furthest)
        return _Part(
            one.counts,
            kept,
            _taken(least, np.argsort(least.memory.total, kind="stable")[:1]),
            furthest[np.argsort(-furthest.reason, kind="stable")[:1]],
        )

    def _dropped(self, kept: Evaluated) -> Evaluated:
        """Return what may still win; many bounds are made exact until few may."""
        few = _taken(kept, self.goal.may_win(self.rows, kept))
        if len(few.plans) > MOST_KEPT and self.goal.other is None:
            make_exact(self.rows, few, self.goal, self.goal.top + 1)
            few = _taken(few, self.goal.may_win(self.rows, few))
        return few


def _taken(done: Evaluated, rows: NDArray[np.int64]) -> Evaluated:
    return Evaluated(
        done.plans[rows], done.memory[rows], done.results[rows], done.layers
    )


def _stacked(one: Rows, other: Rows) -> Rows:
    return np.concatenate([one, other]).view(np.recarray)


def _together(one: Evaluated, other: Evaluated) -> Evaluated:
    return Evaluated(
        _stacked(one.plans, other.plans),
        _stacked(one.memory, other.memory),
        _stacked(one.results, other.results),
        other.layers,
    )
