"""Figures of an estimate by name: columns of sweeps, outputs that are asked for.

This file knows which figures have a name outside; every name carries its unit. It also
flattens what is told of a chip's silicon, so that expressions can name it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from accelsim.errors import InputError, nearest
from accelsim.explore.result import Estimate
from accelsim.explore.whole import of_whole

Reader = Callable[[Estimate], float | None]

FIGURES: dict[str, Reader] = {
    "step_time_s": lambda e: e.step_time,
    "tokens_per_s": lambda e: e.tokens_per_s,
    "tokens_per_s_per_chip": lambda e: e.tokens_per_s_per_chip,
    "mfu": lambda e: e.mfu,
    "hfu": lambda e: e.hfu,
    "compute_s": lambda e: e.time.compute,
    "exposed_communication_s": lambda e: e.time.communication,
    "bubble_s": lambda e: e.time.bubble,
    "memory_bytes": lambda e: e.memory.total,
    "memory_capacity_bytes": lambda e: e.memory_capacity,
    "power_w": lambda e: e.power,
    "j_per_token": lambda e: e.joule_per_token,
    "usd_per_hour": lambda e: e.usd_per_hour,
    "usd_per_million_tokens": lambda e: e.usd_per_million_tokens,
    "kg_co2_per_million_tokens": lambda e: e.kg_co2_per_million_tokens,
}
# Of the whole run, where the question tells of it.
WHOLE: dict[str, Reader] = {
    "goodput": of_whole("share"),
    "useful_tokens_per_s": of_whole("tokens_per_s"),
    "usd_per_million_useful_tokens": of_whole("usd_per_million_tokens"),
    "days": of_whole("days"),
    "usd": of_whole("usd"),
}
SILICON = "silicon."  # how the names of a chip's cost, area, edge and power begin


def figure_named(
    name: str, where: str, known: Mapping[str, Reader] = FIGURES
) -> Reader:
    """Return what reads a figure.

    Raises
    ------
    InputError
        No such figure; the nearest is named.
    """
    if name not in known:
        hint = nearest(name, known)
        raise InputError(f"{where}: unknown figure {name!r}; {hint}".rstrip("; "))
    return known[name]


def silicon_figures(chip: Any) -> dict[str, float]:
    """Return what `accelsim silicon` tells of a chip, by dotted name; no texts.

    Raises
    ------
    NoAnswerError
        The chip does not tell its dies.
    """
    from accelsim.silicon.answer import examine

    return dict(_flat(examine(chip), SILICON))


def _flat(found: Mapping[str, Any], prefix: str) -> list[tuple[str, float]]:
    made: list[tuple[str, float]] = []
    for key, value in found.items():
        if isinstance(value, Mapping):
            made += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, bool | int | float):
            made.append((f"{prefix}{key}", float(value)))
    return made
