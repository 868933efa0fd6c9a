"""Files that appear whole or not at all.

This file knows what may be replaced: a regular file, there or not yet, that was not
read for the answer.
"""

import contextlib
import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelsim.errors import InputError


def target_of(path: Path, *read: Path) -> Path:
    """Return the file that what is written to `path` goes to, links followed.

    Only a file, there or not yet, is ever replaced: never a device, a pipe or a
    folder, and never a file that the answer was `read` from.

    Raises
    ------
    InputError
        It cannot be written there.
    """
    try:
        reason = _unwritable(path, *read)
        target = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL
        reason = getattr(error, "strerror", None) or str(error)
    if reason:
        raise InputError(f"{path}: cannot be written: {reason}")
    return target


def _unwritable(path: Path, *read: Path) -> str:
    target = path.resolve()
    if path.exists():
        if not path.is_file():
            return "it is no regular file"
        if any(other.exists() and path.samefile(other) for other in read):
            return "it is the table that is read"
    if not target.parent.is_dir():
        return "no such folder"
    if not all(os.access(p, os.W_OK) for p in (target.parent, target) if p.exists()):
        return "permission denied"
    return ""


@contextlib.contextmanager
def replacing(path: Path, *read: Path) -> Iterator[Path]:
    """Give a temporary file that takes the place of `path` at the end.

    Raises
    ------
    InputError
        The file cannot be written, or is one that was read.
    """
    target = target_of(path, *read)
    temporary = target.parent / f".{target.name}.{os.getpid()}"
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    finally:  # interrupted, too
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], *read: Path) -> None:
    """Write rows as CSV; what a row lacks stays blank.

    Raises
    ------
    InputError
        The file cannot be written, or is one that was read.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with (
        replacing(path, *read) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
