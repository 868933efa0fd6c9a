"""What every `validate` kind answers: one object, the same metrics, groups, worst rows.

This file knows pairs of a measured and a predicted number and how far apart they are;
it does not know what was measured.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.files import write_csv

METRICS = (
    "median_ape",
    "mape",
    "bias",
    "p90_ape",
    "mean_over_sources_median_ape",
    "spearman",
    "regret_median",
    "regret_p90",
    "accuracy",
    "max_abs_difference",
    "exact_rows",
)
GROUPS = ("source", "chip", "subset")
SMALLEST_SOURCE = 8  # rows that a source needs to count in the mean over sources
WORST = 10

Metrics = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Pair:
    """One scored row.

    Attributes
    ----------
    source, chip, subset : str
        The groups that it counts in.
    measured, predicted, naive : float
        What was measured, what accelsim says and what the naive baseline says, all
        in the same unit; the first is more than zero.
    off, naive_off : float or None
        The largest absolute difference of the numbers of a row that ought to be equal,
        where a kind has such.
    also : tuple of (group, member)
        Groups of this kind of table that it counts in too.
    """

    id: str
    source: str
    chip: str
    subset: str
    measured: float
    predicted: float
    naive: float
    off: float | None = None
    naive_off: float | None = None
    also: tuple[tuple[str, str], ...] = ()

    @property
    def ape(self) -> float:
        """Return the absolute error as a fraction of the measurement."""
        return abs(self.predicted / self.measured - 1.0)


@dataclass(frozen=True, slots=True)
class Validation:
    """The model beside a table of measurements.

    Attributes
    ----------
    rows, scored : int
        Rows of the table, and those that count.
    left_out : dict
        Rows that do not count, by reason.
    metrics, naive : dict
        Keys are `METRICS`; errors are fractions, and what has no meaning is None.
    groups : dict
        The same for each member of a group, its rows, and its naive baseline.
    details : tuple of dict
        Row by row, for `write_rows`.
    headline : dict
        Figures of this kind alone, at the top of its answer.
    """

    kind: str
    file: str
    rows: int
    scored: int
    left_out: dict[str, int]
    metrics: Metrics
    naive: Metrics
    groups: dict[str, dict[str, dict[str, Any]]]
    worst: tuple[dict[str, Any], ...]
    details: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    headline: dict[str, float | None] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the contract of `validate --json`, as plain data."""
        return {
            "kind": self.kind,
            "file": self.file,
            "rows": self.rows,
            "scored": self.scored,
            "left_out": dict(self.left_out),
            "metrics": dict(self.metrics),
            "naive": dict(self.naive),
            "groups": self.groups,
            "worst": [dict(row) for row in self.worst],
            **self.headline,
        }


def validation(
    kind: str,
    file: str,
    pairs: Sequence[Pair],
    left_out: Mapping[str, int],
    apart: Sequence[Pair] = (),
    details: Iterable[Mapping[str, Any]] = (),
) -> Validation:
    """Return the answer of a kind whose truth is a positive number a row.

    Parameters
    ----------
    apart : sequence of Pair
        Rows that are shown as a subset of their own and count nowhere else; they are
        among those left out.
    """
    by_error = sorted(pairs, key=lambda pair: (-pair.ape, pair.id))
    return Validation(
        kind=kind,
        file=file,
        rows=len(pairs) + sum(left_out.values()),
        scored=len(pairs),
        left_out=dict(sorted(left_out.items())),
        metrics=metrics_of(pairs),
        naive=metrics_of(pairs, naive=True),
        groups=_all_groups(pairs, apart),
        worst=tuple(_worst_row(pair) for pair in by_error[:WORST]),
        details=tuple(dict(row) for row in details),
    )


def _worst_row(pair: Pair) -> dict[str, Any]:
    return {
        "id": pair.id,
        "measured": pair.measured,
        "predicted": pair.predicted,
        "ape": pair.ape,
    }


def _all_groups(
    pairs: Sequence[Pair], apart: Sequence[Pair]
) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, list[Pair]]] = {name: {} for name in GROUPS}
    for pair in pairs:
        own = [(name, str(getattr(pair, name))) for name in GROUPS]
        for name, member in (*own, *pair.also):
            found.setdefault(name, {}).setdefault(member, []).append(pair)
    for pair in apart:
        found["subset"].setdefault(pair.subset, []).append(pair)
    return {name: _metrics_by(members) for name, members in found.items()}


def _metrics_by(members: Mapping[str, Sequence[Pair]]) -> dict[str, dict[str, Any]]:
    return {
        member: {
            "rows": len(mine),
            **metrics_of(mine),
            "naive": metrics_of(mine, naive=True),
        }
        for member, mine in sorted(members.items())
    }


def metrics_of(pairs: Sequence[Pair], *, naive: bool = False) -> Metrics:
    """Return the metrics of relative errors; the rest, and all if no row, are None."""
    found: Metrics = dict.fromkeys(METRICS)
    if not pairs:
        return found
    errors = _relative_errors(pairs, naive=naive)
    ape = np.abs(errors)
    found["median_ape"] = float(np.median(ape))
    found["mape"] = float(np.mean(ape))
    found["bias"] = float(np.mean(errors))
    found["p90_ape"] = float(np.percentile(ape, 90))
    found["mean_over_sources_median_ape"] = _mean_over_sources(pairs, ape)
    offs = [pair.naive_off if naive else pair.off for pair in pairs]
    known = [off for off in offs if off is not None]
    if known:
        found["max_abs_difference"] = max(known)
        found["exact_rows"] = float(sum(off == 0.0 for off in known))
    return found


def _relative_errors(pairs: Sequence[Pair], *, naive: bool) -> NDArray[np.float64]:
    measured = np.array([pair.measured for pair in pairs])
    predicted = np.array([pair.naive if naive else pair.predicted for pair in pairs])
    return np.asarray(predicted / measured - 1.0, dtype=np.float64)


def _mean_over_sources(pairs: Sequence[Pair], ape: NDArray[np.float64]) -> float | None:
    sources = np.array([pair.source for pair in pairs])
    medians = [
        float(np.median(ape[sources == source]))
        for source in np.unique(sources)
        if np.count_nonzero(sources == source) >= SMALLEST_SOURCE
    ]
    return float(np.mean(medians)) if medians else None


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return the rank correlation of two sequences, ties taking their mean rank.

    None if either is constant or shorter than two: there is no order to compare.
    """
    ranks = [_ranks(np.asarray(values, dtype=np.float64)) for values in (a, b)]
    if len(a) < 2 or any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    means = np.cumsum(counts) - (counts - 1) / 2.0
    return np.asarray(means[where.reshape(-1)], dtype=np.float64)


def best_constant(values: Sequence[float]) -> float:
    """Return the constant whose mean absolute percentage error is least.

    `values` are what the constant stands for, a row each: a prediction made with the
    constant c is off by value/c - 1. The sum of |value u - 1| over u = 1/c is least
    at the weighted median of 1/value, each weighing as much as its value.
    """
    falling = np.sort(np.asarray(values, dtype=np.float64))[::-1]
    weights = np.cumsum(falling)
    return float(falling[int(np.searchsorted(weights, weights[-1] / 2.0))])


def write_rows(found: Validation, path: Path) -> None:
    """Write the result of every row as CSV; the file appears whole or not at all.

    Raises
    ------
    InputError
        The file cannot be written, or is the table itself.
    """
    write_csv(path, found.details, Path(found.file))
