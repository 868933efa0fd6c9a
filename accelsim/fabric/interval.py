"""How far a collective's time may lie from the answer, by what is not known for sure.

This file knows which figures of a system and its package have a spread, and moves
them: one by one to say what rests on each, and all at once, each to its better or its
worse end, for the interval. It is no probability: the ends are as likely as their
sources say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.fabric.collective import System
from accelsim.specs.chip import ChipSpec, CoreLinkSpec
from accelsim.specs.figure import Figure

Values = NDArray[np.float64]
FIELDS = ("efficiency", "latency", "chunk", "reduction_efficiency")
TOUCHES = "chip.core_link.touches"


@dataclass(frozen=True, slots=True)
class Rest:
    """What rests on one figure.

    Attributes
    ----------
    path, kind : str
        The figure, as in `tiers.node.latency`, and the kind of its source.
    low, high : array
        Times with this figure alone at its better and at its worse end [s].
    """

    path: str
    kind: str
    low: Values
    high: Values


@dataclass(frozen=True, slots=True)
class Interval:
    """Times between all figures at their better and all at their worse ends [s]."""

    low: Values
    high: Values
    rests: tuple[Rest, ...]


def interval(
    on: System, kind: str, *, bytes: ArrayLike, ranks: ArrayLike,  # noqa: A002
    placement: int | None = None, algorithm: str = "auto",
) -> Interval:  # fmt: skip
    """Return the interval of a collective; the arguments are `System.collective`'s.

    Raises
    ------
    InputError, NoAnswerError
        As `System.collective` does.
    """

    def time(system: System) -> Values:
        found = system.collective(
            kind, bytes=bytes, ranks=ranks, placement=placement, algorithm=algorithm
        )
        return np.atleast_1d(np.asarray(found.time, dtype=np.float64))

    base = time(on)
    rests = []
    best: dict[str, float] = {}
    worst: dict[str, float] = {}
    for path, figure in _spreads(on).items():
        ends = figure.spread or (figure.value, figure.value)
        times = [time(_changed(on, {path: end})) for end in ends]
        better = int(np.sum(times[1]) < np.sum(times[0]))
        best[path], worst[path] = ends[better], ends[1 - better]
        low, high = np.minimum(times[better], base), np.maximum(times[1 - better], base)
        if np.any(high > low):
            rests.append(Rest(path, figure.kind, low, high))
    low, high = time(_changed(on, best)), time(_changed(on, worst))
    rests.sort(key=lambda rest: -float(np.sum(np.log(rest.high / rest.low))))
    return Interval(np.minimum(low, base), np.maximum(high, base), tuple(rests))


def share_assumed(rests: Sequence[Rest]) -> float:
    """Return how much of the spread, in logarithms, rests on assumed figures."""
    widths = [float(np.sum(np.log(rest.high / rest.low))) for rest in rests]
    assumed = [w for w, r in zip(widths, rests, strict=True) if r.kind == "assumed"]
    return sum(assumed) / sum(widths) if rests else 0.0


def _spreads(on: System) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for name, tier in on.spec.tiers.items():
        for field in FIELDS:
            figure = getattr(tier, field)
            if isinstance(figure, Figure) and figure.spread is not None:
                found[f"tiers.{name}.{field}"] = figure
    touches = None if on.chip.core_link is None else on.chip.core_link.touches
    if isinstance(touches, Figure) and touches.spread is not None:
        found[TOUCHES] = touches
    return found


def _changed(on: System, values: Mapping[str, float]) -> System:
    tiers, chip = dict(on.spec.tiers), on.chip
    for path, value in values.items():
        if path == TOUCHES:
            chip = _touching(chip, value)
            continue
        _, name, field = path.split(".")
        figure = replace(getattr(tiers[name], field), value=value)
        change: dict[str, Any] = {field: figure}
        tiers[name] = tiers[name].model_copy(update=change)
    return replace(on, spec=on.spec.model_copy(update={"tiers": tiers}), chip=chip)


def _touching(chip: ChipSpec, value: float) -> ChipSpec:
    link = cast(CoreLinkSpec, chip.core_link)  # `_spreads` found it
    figure = replace(cast(Figure, link.touches), value=value)
    link = link.model_copy(update={"touches": figure})
    return chip.model_copy(update={"core_link": link})
