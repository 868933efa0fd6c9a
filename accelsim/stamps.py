"""What was made from files, kept until one of them changes.

This file knows files by their stamps (time of change, size, inode), and which of them
were looked at while something was made, found or not. It does not know what was made.
"""

import os
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Stamp: TypeAlias = "tuple[int, int, int] | None"
_LOCAL = threading.local()


def stamp(path: str) -> Stamp:
    """Return what changes when a file does; None where there is none."""
    known: dict[str, Stamp] | None = getattr(_LOCAL, "settled", None)
    if known is None:
        return _look(path)
    if path not in known:
        known[path] = _look(path)
    return known[path]


@contextmanager
def settled() -> Iterator[None]:
    """Look at each file once meanwhile: a batch takes them as they were then."""
    outer = getattr(_LOCAL, "settled", None)
    _LOCAL.settled = {} if outer is None else outer
    try:
        yield
    finally:
        _LOCAL.settled = outer


def _look(path: str) -> Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116 - of a text, five times faster than a Path's
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@dataclass(slots=True)
class Watch:
    """The files that were looked at while something was made, and their stamps."""

    files: dict[str, Stamp] = field(default_factory=dict)

    def fresh(self) -> bool:
        """Return whether all of them are what they were."""
        return [*map(stamp, self.files)] == [*self.files.values()]


def note(path: str | os.PathLike[str]) -> None:
    """Tell all that watch that a file is looked at: before it is read."""
    watching_now: list[Watch] = getattr(_LOCAL, "watches", [])
    if watching_now:
        text = os.path.abspath(path)  # noqa: PTH100 - links stay as they are
        for watch in watching_now:
            watch.files.setdefault(text, stamp(text))


@contextmanager
def watching() -> Iterator[Watch]:
    """Collect the files that this thread looks at meanwhile."""
    watch = Watch()
    stack = _LOCAL.__dict__.setdefault("watches", [])
    stack.append(watch)
    try:
        yield watch
    finally:
        stack.pop()


class Kept:
    """Results by what they were made from, while the files that were read stay.

    Objects are known by identity (specs are frozen) and held, so that no other takes
    their place; the oldest result makes room for a new one.
    """

    def __init__(self, size: int) -> None:
        self._size, self._lock = size, threading.Lock()
        self._found: dict[Hashable, tuple[tuple[object, ...], Watch, Any]] = {}

    def of(
        self, objects: tuple[object, ...], words: Hashable, make: Callable[[], T]
    ) -> T:
        """Return the result for some objects and words; `make` it if it is not here."""
        key = (*map(id, objects), words)
        known = self._found.get(key)
        if known is not None and known[1].fresh():
            for watch in getattr(_LOCAL, "watches", ()):
                watch.files |= known[1].files
            result: T = known[2]
            return result
        with watching() as watch:
            made = make()
        with self._lock:
            if len(self._found) >= self._size:
                self._found.pop(next(iter(self._found)))
            self._found[key] = (objects, watch, made)
        return made
