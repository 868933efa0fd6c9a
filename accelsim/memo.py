"""Answers that are kept while a batch is asked: a distinct spec is worked out once.

A function that is `remembered` answers the same objects once while `remembering` is on;
outside of it nothing is kept, so that a file that changed is read again. Arguments are
told apart by identity, numbers and texts by value: specs are frozen, and equal ones
of a batch are one object. This file knows no function that uses it.
"""

import contextlib
from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

Kept = dict[Hashable, Any]
_KEPT: ContextVar[Kept | None] = ContextVar("kept", default=None)
_PLAIN = (int, str, float)
MOST = 1_000_000  # answers; beyond, all are forgotten

P = ParamSpec("P")
R = TypeVar("R")


@contextlib.contextmanager
def remembering(kept: Kept | None = None) -> Iterator[Kept]:
    """Keep answers until the end: in `kept`, or where an outer call keeps them."""
    outer = _KEPT.get()
    mine: Kept = kept if kept is not None else {} if outer is None else outer
    token = _KEPT.set(mine)
    try:
        yield mine
    finally:
        _KEPT.reset(token)
        if len(mine) > MOST:
            mine.clear()


def kept() -> Kept:
    """Return what is kept now; nothing that lasts where nothing is remembered."""
    found = _KEPT.get()
    return {} if found is None else found


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that is asked once for the same arguments of a batch."""

    @wraps(function)
    def once(*given: P.args, **more: P.kwargs) -> R:
        kept = _KEPT.get()
        if kept is None or more:
            return function(*given, **more)
        key = (function, *(a if isinstance(a, _PLAIN) else id(a) for a in given))
        if key not in kept:  # the arguments are kept, so that no other takes their id
            kept[key] = (given, function(*given, **more))
        return cast("R", kept[key][1])

    return once
