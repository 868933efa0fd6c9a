"""The MATLAB expressions that sheets of the IEEE COM tool are written in, as numbers.

This file knows matrices ``[a b; c d]``, ranges ``a:step:b``, ``ones(1,n)`` and
``zeros(1,n)`` with a factor before or behind, and one product or quotient of numbers.
"""

import re
from math import floor
from typing import Any

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"^({_NUMBER}):(?:({_NUMBER}):)?({_NUMBER})$")
_FACTORS = re.compile(rf"^({_NUMBER})([*/])({_NUMBER})$")
_FILLED = re.compile(
    rf"(?:({_NUMBER})\s*\*\s*)?(ones|zeros)\(\s*1\s*,\s*(\d+)\s*\)"
    rf"(?:\s*\*\s*({_NUMBER}))?"
)
MOST_VALUES = 10_000
Rows = tuple[tuple[float, ...], ...]


def rows_of(raw: Any) -> Rows:
    """Return a value as rows of numbers.

    Raises
    ------
    ValueError
        It is none.
    """
    if isinstance(raw, bool | int | float):
        return ((float(raw),),)
    if isinstance(raw, list | tuple):
        if raw and isinstance(raw[0], list | tuple):
            return tuple(tuple(map(float, row)) for row in raw)
        return (tuple(map(float, raw)),)
    if not isinstance(raw, str):
        raise ValueError(raw)
    text = _FILLED.sub(_filled, raw.strip()).replace("[", " ").replace("]", " ")
    return tuple(_row(row) for row in re.split(r"[;\n]", text.strip().rstrip(";")))


def _filled(found: re.Match[str]) -> str:
    size = float(found[1] or 1.0) * float(found[4] or 1.0)
    value = size if found[2] == "ones" else 0.0
    return " ".join([repr(value)] * min(int(found[3]), MOST_VALUES))


def _row(text: str) -> tuple[float, ...]:
    text = re.sub(r"\s*([:*/])\s*", r"\1", text.replace(",", " "))
    return tuple(value for word in text.split() for value in _word(word))


def _word(word: str) -> tuple[float, ...]:
    factors = _FACTORS.match(word)
    if factors is not None:
        left, right = float(factors[1]), float(factors[3])
        if factors[2] == "/" and right == 0.0:
            raise ValueError(word)
        return (left * right if factors[2] == "*" else left / right,)
    bounds = _RANGE.match(word)
    if bounds is None:
        return (float(word),)
    start, stop = float(bounds[1]), float(bounds[3])
    step = float(bounds[2] or 1.0)
    count = floor((stop - start) / step + 1e-9) + 1 if step else 0
    if count > MOST_VALUES:
        raise ValueError(word)
    return tuple(start + step * k for k in range(count))
