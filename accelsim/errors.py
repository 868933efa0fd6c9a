"""The two ways in which a question can fail, each told to the user in one line.

This file knows only the exceptions and how to find the nearest valid name.
"""

from collections.abc import Iterable


class AccelsimError(Exception):
    """Base of everything that accelsim raises on purpose."""


class InputError(AccelsimError):
    """The question is wrong: a name, field, unit or value that cannot be used.

    The message is one line that says where, what, what is allowed and, where it
    helps, the nearest valid name. The command line exits with code 2.
    """


class NoAnswerError(AccelsimError):
    """The question is right but nothing satisfies it (exit code 1).

    For example, no plan fits in memory: the message says what is short, by how
    much, and which plan comes nearest.
    """


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a hint with the valid names closest to `name`, or with all if few."""
    from difflib import get_close_matches

    names = sorted(set(valid))
    close = [n for n in names if len(name) > 2 and n.startswith(name)][:3]
    close = close or get_close_matches(name, names, n=3, cutoff=0.6)
    if not close:
        lower = {n.lower(): n for n in names}
        close = [
            lower[n] for n in get_close_matches(name.lower(), lower, n=3, cutoff=0.5)
        ]
    if close:
        return "did you mean " + " or ".join(map(repr, close)) + "?"
    if 0 < len(names) <= 12:
        return "valid: " + ", ".join(names)
    return ""
