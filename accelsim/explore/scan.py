"""Walk every plan of a question's space and keep what may be among the best.

    `training.space` -> chunks of plans, on threads -> `kernels.legal` -> memory -> time
    of what fits -> scores -> the few that may still win

Every legal plan is evaluated, so that the best is exact; what is certainly not among
the best is counted and forgotten, so that millions of plans take little memory. This
file knows scores as numbers of which less is better; it does not know what they are of.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels import tables
from accelsim.kernels.legal import judge
from accelsim.kernels.memory_tables import MEMORY
from accelsim.kernels.space import gather_legal
from accelsim.kernels.tables import Rows
from accelsim.question import Question
from accelsim.training.evaluate import (
    Evaluated,
    evaluate,
    layers_of,
    settle,
    shards_of,
)
from accelsim.training.lower import Cases, lower, table
from accelsim.training.space import Space, space_of

CHUNK = 16_384  # plans that are evaluated together: some 7 MB
AT_ONCE = 64  # bounds of a front that are replaced together
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

    def may_win(
        self, rows: Cases, done: Evaluated, among: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return which of some plans may be sought: but for what certainly loses.

        A lower bound loses only to what is timed exactly.
        """
        score = self.score(rows, done.plans, done.results)[among]
        timed = done.results["bound"][among] == 0.0
        kept, exact = np.ones(len(score), dtype=bool), score[timed]
        if len(exact) > self.top:
            kept = score <= np.partition(exact, self.top - 1)[self.top - 1]
        if self.other is not None:
            other = self.other(rows, done.plans, done.results)[among]
            kept[front(score, other, timed)] = True
        return among[kept]


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


def front(
    a: Floats, b: Floats, exact: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return the rows that no other beats in both columns, in order of the first.

    exact : rows that are no lower bounds; the others beat nobody.
    """
    order = np.lexsort((b, a))
    mine = b[order]
    beats = mine if exact is None else np.where(exact[order], mine, np.inf)
    least = np.minimum.accumulate(beats)
    better = np.r_[True, mine[1:] < least[:-1]][: len(order)]
    return np.asarray(order[better])


def make_exact(rows: Cases, done: Evaluated, score: Score, count: int) -> None:
    """Time the `count` best of some plans exactly."""

    def of_plans(plans: Rows, results: Rows) -> Floats:
        return score(rows, plans, results)

    if len(done.plans):
        settle(rows, done, np.arange(len(done.plans)), of_plans, count)


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
    walk = _Walk(rows, space, layers, goal, room, threading.local())
    counts, best = walk.nothing.counts, _Best(walk)
    for part in _parts(walk, workers):
        counts += part.counts
        best.add(part)
    told = {tables.REASONS[i]: int(n) for i, n in enumerate(counts) if n and i}
    kept = best.settled()
    return Scan(
        question=q,
        rows=rows,
        legal=int(counts[tables.OK] + counts[tables.NO_ROOM]),
        fit=int(counts[tables.OK]),
        rejected=Counter(told),
        kept=kept,
        least=best.least,
        furthest=best.furthest,
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
    local: threading.local

    def _into(self) -> Evaluated:
        """Return this thread's own tables of a chunk."""
        if not hasattr(self.local, "into"):
            plans, memory = table(tables.PLAN, CHUNK), table(MEMORY, CHUNK)
            results = table(tables.RESULT, CHUNK)
            self.local.into = Evaluated(plans, memory, results, self.layers)
        found: Evaluated = self.local.into
        return found

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
        into = self._into()
        stop = min(start + CHUNK, len(self.space))
        plans = self.space.plans(start, stop, into.plans)
        judge(rows.cases, rows.models, rows.software, plans.view(np.ndarray))
        furthest = plans[[int(np.argmax(plans["reason"]))]]
        counts = np.zeros(len(tables.REASONS), dtype=np.int64)
        legal = plans[: gather_legal(plans.view(np.ndarray), counts)]
        done = evaluate(
            rows, legal, only_fitting=True, bounds=True, layers=self.layers, into=into
        )
        total = done.memory["total"]
        fitting = np.flatnonzero(total <= self.room)
        counts[tables.NO_ROOM] = len(legal) - len(fitting)
        counts[tables.OK] = len(fitting)
        least = np.array([int(np.argmin(total))] if len(total) else [], dtype=np.int64)
        kept = _taken(done, self.goal.may_win(rows, done, fitting))
        return _Part(counts, kept, _taken(done, least), furthest)

    def winning(self, done: Evaluated) -> Evaluated:
        """Return what of some plans may still win."""
        every = np.arange(len(done.plans))
        return _taken(done, self.goal.may_win(self.rows, done, every))


class _Best:
    """What may win of the parts so far; dropped is what certainly loses, if much is."""

    def __init__(self, walk: _Walk) -> None:
        nothing = walk.nothing
        self._walk, self._kept, self._limit = walk, [nothing.kept], MOST_KEPT
        self.least, self.furthest = nothing.least, nothing.furthest

    def add(self, part: _Part) -> None:
        """Keep what may win of one more part."""
        self._kept.append(part.kept)
        if sum(len(done.plans) for done in self._kept) > self._limit:
            self._kept = [self._dropped()]
            self._limit = max(MOST_KEPT, 2 * len(self._kept[0].plans))
        need = np.r_[self.least.memory["total"], np.inf][0]
        if len(part.least.plans) and part.least.memory["total"][0] < need:
            self.least = part.least
        reason = np.r_[self.furthest["reason"], -1][0]
        if part.furthest["reason"][0] > reason:
            self.furthest = part.furthest

    def joined(self) -> Evaluated:
        """Return all that is kept, in the order of the space."""
        return Evaluated(
            _stacked([done.plans for done in self._kept]),
            _stacked([done.memory for done in self._kept]),
            _stacked([done.results for done in self._kept]),
            self._walk.layers,
        )

    def settled(self) -> Evaluated:
        """Return what is kept, all that is sought of it timed exactly."""
        walk, goal = self._walk, self._walk.goal
        kept = self.joined()
        make_exact(walk.rows, kept, goal.score, goal.top)
        while goal.other is not None:  # of a front every plan's own time
            kept = walk.winning(kept)
            loose = np.flatnonzero(kept.results["bound"] > 0.0)[:AT_ONCE]
            if not len(loose):
                break
            again = evaluate(walk.rows, kept.plans[loose], only_fitting=False)
            kept.results[loose] = again.results
        return kept

    def _dropped(self) -> Evaluated:
        """Return what may still win; many bounds are made exact until few may."""
        walk, goal = self._walk, self._walk.goal
        few = walk.winning(self.joined())
        if len(few.plans) > MOST_KEPT:
            for score in (goal.score, goal.other):
                if score is not None:
                    make_exact(walk.rows, few, score, goal.top + 1)
            few = walk.winning(few)
        return few


def _taken(done: Evaluated, rows: NDArray[np.int64]) -> Evaluated:
    return Evaluated(
        done.plans[rows], done.memory[rows], done.results[rows], done.layers
    )


def _stacked(parts: list[Rows]) -> Rows:
    return np.concatenate(parts).view(np.recarray)
