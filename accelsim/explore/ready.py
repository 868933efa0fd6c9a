"""Questions made ready for their plans, and kept as long as no file of theirs changes.

Names resolved, tables filled, plans judged: all that is the same each time that the
same question is asked. Nothing here is timed: every answer is computed anew.
"""

import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelsim.explore.facts import Facts, facts_of
from accelsim.kernels import tables
from accelsim.kernels.tables import Rows
from accelsim.question import Question
from accelsim.specs.figure import Spec
from accelsim.stamps import Kept
from accelsim.training.lower import Cases, lower
from accelsim.training.plans import candidates

PLAIN = (str, int, float, bool, type(None))
_READY = Kept(64)  # some MB each, where all sizes are open


@dataclass(frozen=True, slots=True)
class Ready:
    """A question and its tables.

    legal : PLAN, what the run leaves open and can be. tried : with their reasons, those
    that cannot, where none can.
    """

    question: Question
    rows: Cases
    facts: Facts
    tried: Rows
    legal: Rows


def ready(q: Question) -> Ready:
    """Return a question with its tables."""
    tried = candidates(q, 0)
    legal = tried[tried.reason == tables.OK]
    return Ready(q, lower([q]), facts_of(q), tried[:0] if len(legal) else tried, legal)


def kept(run: Any, overrides: Any, make: Callable[[], Ready]) -> Ready:
    """Return what a run and overrides were made into before, or make it.

    Whatever is asked in words that cannot be compared is made anew.
    """
    spec = isinstance(run, Spec)  # frozen: the same object is the same run
    try:
        words = (None if spec else _frozen(run), _frozen(overrides))
        place = (os.getcwd(), os.environ.get("ACCELSIM_PATH"))  # noqa: PTH109
        hash(words)
    except (TypeError, OSError):
        return make()
    return _READY.of((run,) if spec else (), (words, place), make)


def _frozen(value: Any) -> Hashable:
    """Return words that can be compared; 1, 1.0 and True differ."""
    if type(value) in PLAIN:  # a Mapping is asked for much more slowly
        return type(value), value
    if isinstance(value, Mapping):
        return (Mapping, *((k, _frozen(v)) for k, v in value.items()))
    if isinstance(value, Spec):
        return (type(value), *map(_frozen, value.__dict__.values()))
    if isinstance(value, list | tuple):
        return (type(value), *map(_frozen, value))
    if isinstance(value, Path):
        return (Path, str(value))
    return type(value), value
