"""`calibrate collectives`: a system's links from a user's own collectives.

This file knows which figures of a system's tiers a log can tell: the rate of each tier
that a group spans, what a step or a chunk costs there. Robust least squares on
logarithms (SciPy); one size in four is held out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.fabric.collective import System, system
from accelsim.specs.figure import Figure
from accelsim.validation.collective_log import Logged, read_log

Floats = NDArray[np.float64]
EVERY = 4  # one size in so many is held out
FEWEST = 6  # rows that a fit needs
SCALE = 0.1  # error at which a row counts less
FIELDS = ("efficiency", "latency", "chunk")
LOWEST = {"efficiency": 1e-4, "latency": 1e-9, "chunk": 1.0}
HIGHEST = {"efficiency": 1.0, "latency": 1e-3, "chunk": 1e9}
UNITS = {"efficiency": "", "latency": "s", "chunk": "B"}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A system's figures before and after.

    Attributes
    ----------
    rows, before, after : dict
        Rows, and the mean absolute error as a fraction, of `fitted` and `held_out`.
    figures : dict
        By path (`tiers.node.efficiency`): the value before and after, in SI.
    """

    system: System
    rows: Mapping[str, int]
    before: Mapping[str, float]
    after: Mapping[str, float]
    figures: Mapping[str, tuple[float, float]]


def calibrate_collectives(
    logs: Sequence[Path], base: str, kind: str | None = None, ranks: int | None = None,
    nodes: int = 0,
) -> Fitted:  # fmt: skip
    """Return a system's figures fitted to logs of nccl-tests or nccom-test.

    Raises
    ------
    InputError
        A log is none, or its ranks do not fit the system, or there are too few rows.
    """
    on = system(base)
    rows = [row for log in logs for row in read_log(log, kind, ranks, nodes)]
    if len(rows) < FEWEST:
        raise InputError(f"{logs[0]}: {len(rows)} rows; a fit needs {FEWEST}")
    measured = np.array([row.seconds for row in rows])
    order = np.argsort([row.size for row in rows], kind="stable")
    held = np.zeros(len(rows), bool)
    held[order[EVERY // 2 :: EVERY]] = True
    free = _told(on, rows)
    start = np.array([_value(on, path) for path in free])
    found = _best(on, rows, measured, ~held, free, start)
    after = _ask(_with(on, free, found), rows)
    before = _ask(on, rows)
    parts = {"fitted": ~held, "held_out": held}

    def errors(times: Floats) -> dict[str, float]:
        ape = np.abs(times / measured - 1.0)
        return {name: float(np.mean(ape[part])) for name, part in parts.items()}

    return Fitted(
        system=on,
        rows={name: int(np.sum(part)) for name, part in parts.items()},
        before=errors(before),
        after=errors(after),
        figures=dict(
            zip(free, zip(start.tolist(), found.tolist(), strict=True), strict=True)
        ),
    )


def _best(
    on: System, rows: Sequence[Logged], measured: Floats, fitted: NDArray[np.bool_],
    free: Sequence[str], start: Floats,
) -> Floats:  # fmt: skip
    from scipy.optimize import least_squares

    low = np.log([LOWEST[_field(path)] for path in free])
    high = np.log([HIGHEST[_field(path)] for path in free])
    some = [row for row, mine in zip(rows, fitted, strict=True) if mine]
    truth = measured[fitted]

    def errors(logs: Floats) -> Floats:
        times = _ask(_with(on, free, np.exp(logs)), some)
        return np.asarray(np.log(times / truth))

    def cost(logs: Floats) -> float:
        return float(np.sum(np.abs(errors(logs))))

    first = np.clip(np.log(np.maximum(start, 1e-12)), low + 1e-6, high - 1e-6)
    best = least_squares(
        errors, first, bounds=(low, high), loss="soft_l1", f_scale=SCALE,
        diff_step=1e-3, max_nfev=60,
    ).x  # fmt: skip
    return np.asarray(np.exp(best if cost(best) < cost(first) else first))


def _told(on: System, rows: Sequence[Logged]) -> list[str]:
    """Return the figures that the rows depend on."""
    base = _ask(on, rows)
    found = []
    for name, tier in on.spec.tiers.items():
        for field in FIELDS:
            path = f"tiers.{name}.{field}"
            figure = getattr(tier, field)
            if not isinstance(figure, Figure):
                continue
            moved = max(figure.value * 0.8, LOWEST[field] * 2.0)
            changed = _ask(_with(on, [path], np.array([moved])), rows)
            if np.max(np.abs(changed / base - 1.0)) > 1e-3:
                found.append(path)
    if not found:
        raise InputError(f"{on.spec.name}: the log tells nothing about its tiers")
    return found


def _ask(on: System, rows: Sequence[Logged]) -> Floats:
    times = np.zeros(len(rows))
    groups: dict[tuple[str, int], list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault((row.kind, row.nodes), []).append(index)
    for (kind, nodes), members in groups.items():
        first = rows[members[0]]
        domain = next(iter(on.spec.tiers.values())).chips
        spread = nodes > 1 and domain == on.spec.node.chips
        times[members] = on.collective(
            kind,
            bytes=np.array([rows[i].size for i in members]),
            ranks=np.array([rows[i].ranks for i in members]),
            placement=first.ranks // nodes if spread else None,
        ).time
    return times


def _field(path: str) -> str:
    return path.rpartition(".")[2]


def _value(on: System, path: str) -> float:
    _, name, field = path.split(".")
    return float(getattr(on.spec.tiers[name], field))


def _with(on: System, paths: Sequence[str], values: Floats) -> System:
    tiers = dict(on.spec.tiers)
    for path, value in zip(paths, values.tolist(), strict=True):
        _, name, field = path.split(".")
        change: dict[str, Any] = {
            field: replace(getattr(tiers[name], field), value=value, spread=None)
        }
        tiers[name] = tiers[name].model_copy(update=change)
    return replace(on, spec=on.spec.model_copy(update={"tiers": tiers}))


def written(found: Fitted) -> dict[str, float | str]:
    """Return the fitted figures as a system file has them."""
    made: dict[str, float | str] = {}
    for path, (_, value) in found.figures.items():
        unit, rounded = UNITS[_field(path)], float(f"{value:.4g}")
        made[path] = f"{rounded!r} {unit}" if unit else rounded
    return made
