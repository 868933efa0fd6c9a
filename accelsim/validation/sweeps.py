"""How well plans are ranked: sweeps of one source's model on one number of chips.

This file knows what a sweep is, how its order is compared, and what a wrong choice
costs: the regret is the measured time of the plan that is predicted to be the fastest
over the measured time of the one that was, less one. Times are those of a token, as
plans may differ in their batch.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.validation.contract import spearman

SMALLEST_SWEEP = 8  # plans
LEAST_SPREAD = 1.5  # slowest over fastest, measured


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep: its name, the rows it holds, rank correlation and regret."""

    name: str
    rows: tuple[int, ...]
    spearman: float | None
    regret: float


def sweeps(
    names: Mapping[int, str], times: Mapping[int, tuple[float, float]]
) -> list[Sweep]:
    """Return the sweeps that are large and wide enough, by name.

    Parameters
    ----------
    names : mapping
        Row to the name of what it belongs to.
    times : mapping
        Row to (measured, predicted) seconds of a token.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for row, name in names.items():
        members[name].append(row)
    return [
        _sweep(name, rows, [times[row] for row in rows])
        for name, rows in sorted(members.items())
        if len(rows) >= SMALLEST_SWEEP
        and _spread([times[row][0] for row in rows]) >= LEAST_SPREAD
    ]


def _spread(measured: Sequence[float]) -> float:
    return max(measured) / min(measured)


def _sweep(
    name: str, rows: Sequence[int], times: Sequence[tuple[float, float]]
) -> Sweep:
    measured, predicted = zip(*times, strict=True)
    chosen = measured[int(np.argmin(predicted))]
    return Sweep(
        name, tuple(rows), spearman(measured, predicted), chosen / min(measured) - 1.0
    )


def summary(found: Sequence[Sweep]) -> dict[str, float | None]:
    """Return the metrics over sweeps: medians, and the 90th percentile of regret."""
    ranks = [one.spearman for one in found if one.spearman is not None]
    regrets = [one.regret for one in found]
    return {
        "spearman": float(np.median(ranks)) if ranks else None,
        "regret_median": float(np.median(regrets)) if regrets else None,
        "regret_p90": float(np.percentile(regrets, 90)) if regrets else None,
    }
