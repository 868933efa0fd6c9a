"""`validate memory`: which runs fit, and how much memory they took at their peak.

A run that was measured either went on or ran out of memory; the model says which, by
the very figure that decides in an estimate. Where the peak was measured, what is
compared is the same quantity: what the framework's allocator had reserved, or had
allocated, on the rank that was read.

The naive baseline of the peak is the model's states cut evenly over the workers, times
the constant that suits these very rows best; that of fitting is `everything fits`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.explore.estimate import answer
from accelsim.explore.reserved import reserved
from accelsim.explore.result import Estimate
from accelsim.validation import table
from accelsim.validation.contract import Pair, Validation, best_constant, validation
from accelsim.validation.left_out import (
    NO_PLAN,
    PIPELINE_BUG,
    LeftOutError,
)
from accelsim.validation.memory_rows import BLANK, SWEEP, Seen, is_sweep, seen_of
from accelsim.validation.training import OPTIONAL, REQUIRED, with_family
from accelsim.workload.parameters import parameters

NEAR = 0.15  # of the capacity: rows in which the answer is not plain
APART = "pipeline bug: reported only"


@dataclass(frozen=True, slots=True)
class Judged:
    """A row and our answer.

    peak : our figure [B] for what was measured, on the rank that it was measured on.
    """

    seen: Seen
    estimate: Estimate
    peak: float

    @property
    def right(self) -> bool:
        """Return whether we say rightly that the run fits, or that it does not."""
        return self.estimate.fits == self.seen.fits

    @property
    def near(self) -> bool:
        """Return whether measured or predicted memory is near the capacity."""
        capacity = self.estimate.memory_capacity
        sizes = (self.seen.peak or 0.0, self.estimate.memory.total)
        return any(abs(size / capacity - 1.0) <= NEAR for size in sizes)


def validate_memory(path: Path | str) -> Validation:
    """Return how often we know whether a run fits, and how far our peaks are off.

    Raises
    ------
    InputError
        The file is no such table.
    """
    rows = _read(Path(path))
    reasons: dict[int, str] = {}
    seen: dict[int, Seen] = {}
    for i, row in enumerate(rows):
        try:
            seen[i] = seen_of(row)
        except LeftOutError as error:
            reasons[i] = str(error)
    judged = _judge(seen, reasons)
    scored = [j for j in judged.values() if not j.seen.suspect]
    suspect = [j for j in judged.values() if j.seen.suspect]
    left_out = Counter(reasons.values())
    left_out.update([PIPELINE_BUG] * len(suspect))
    found = validation(
        "memory",
        str(path),
        _pairs(scored),
        {},
        _pairs(suspect, subset=APART),
        _details(rows, reasons, judged),
    )
    return replace(
        found,
        rows=len(rows),
        scored=len(scored),
        left_out=dict(sorted(left_out.items())),
        metrics=found.metrics | {"accuracy": _accuracy(scored)},
        naive=found.naive | {"accuracy": _share(j.seen.fits for j in scored)},
        headline=_headline(scored, suspect, found),
    )


def _read(path: Path) -> list[dict[str, str]]:
    rows = table.read(path, ())
    if is_sweep(rows[0]):
        return [dict.fromkeys(BLANK, "") | row for row in table.read(path, SWEEP)]
    blank = dict.fromkeys(OPTIONAL, "")
    needed = (*REQUIRED, "memory_gb")
    return [with_family(blank | row) for row in table.read(path, needed)]


def _judge(seen: dict[int, Seen], reasons: dict[int, str]) -> dict[int, Judged]:
    answers = answer([each.question for each in seen.values()], must_fit=False)
    judged = {}
    for (i, each), found in zip(seen.items(), answers, strict=True):
        if isinstance(found, Estimate):
            judged[i] = Judged(each, found, _peak(each, found))
        else:
            reasons[i] = NO_PLAN
    return judged


def _peak(seen: Seen, found: Estimate) -> float:
    if seen.meaning == "reserved":
        return reserved(found, None if seen.fullest else 0, seen.pace)
    stages = found.stages if seen.fullest else found.stages[:1]
    return max(stage.memory.allocated for stage in stages)


def _share(truths: Any) -> float | None:
    counted = [bool(truth) for truth in truths]
    return sum(counted) / len(counted) if counted else None


def _accuracy(judged: Sequence[Judged]) -> float | None:
    return _share(j.right for j in judged)


def _headline(
    scored: Sequence[Judged], suspect: Sequence[Judged], found: Validation
) -> dict[str, float | None]:
    """Return the figures of fitting: shares of the rows, or None without any."""
    fitted = _accuracy([j for j in scored if j.seen.fits])
    failed = _accuracy([j for j in scored if not j.seen.fits])
    near = [j for j in scored if j.near]
    both = None if fitted is None or failed is None else (fitted + failed) / 2.0
    return {
        "accuracy": _accuracy(scored),
        "balanced_accuracy": both,
        "false_fit": None if failed is None else 1.0 - failed,
        "false_oom": None if fitted is None else 1.0 - fitted,
        "false_fit_rows": float(sum(not j.right for j in scored if not j.seen.fits)),
        "false_oom_rows": float(sum(not j.right for j in scored if j.seen.fits)),
        "near_capacity_rows": float(len(near)),
        "near_capacity_accuracy": _accuracy(near),
        "suspect_accuracy": _accuracy(suspect),
        "median_abs_error": found.metrics["median_ape"],
        "mean_abs_error": found.metrics["mape"],
    }


def _pairs(judged: Sequence[Judged], subset: str | None = None) -> list[Pair]:
    """Return measured, predicted and naive peaks [B] where one was measured."""
    measured = [(j, j.seen.peak) for j in judged if j.seen.peak is not None]
    if not measured:
        return []
    states = [_states(j.estimate) for j, _ in measured]
    ratios = [peak / size for (_, peak), size in zip(measured, states, strict=True)]
    constant = best_constant(ratios)
    return [
        Pair(
            id=j.seen.id,
            source=j.seen.source,
            chip=j.estimate.question.chip.name,
            subset=subset or j.seen.meaning,
            measured=peak,
            predicted=j.peak,
            naive=constant * size,
            also=(("stages", f"pp {j.estimate.plan.pp}"), *_network(j)),
        )
        for (j, peak), size in zip(measured, states, strict=True)
    ]


def _network(judged: Judged) -> tuple[tuple[str, str], ...]:
    """Return whether a run's network was as fast as it should, if the table says so.

    In a run that was slowed down the host ran less far ahead of the device.
    """
    told = judged.seen.row.get("network_healthy")
    if not told:
        return ()
    return (("network", "degraded" if told == "0" else "healthy"),)


def _states(estimate: Estimate) -> float:
    """Return 18 B a parameter, cut evenly over tensor and pipeline parallelism."""
    plan = estimate.plan
    return 18.0 * parameters(estimate.question.model).total / (plan.tp * plan.pp)


def _details(
    rows: Sequence[dict[str, str]], reasons: dict[int, str], judged: dict[int, Judged]
) -> list[dict[str, Any]]:
    details = []
    for i, row in enumerate(rows):
        line: dict[str, Any] = {"id": row.get("id") or row.get("job_id", "")}
        line["left_out"] = reasons.get(i, "")
        if i in judged:
            line |= _outcome(judged[i])
        details.append(line)
    return details


def _outcome(judged: Judged) -> dict[str, Any]:
    seen, found = judged.seen, judged.estimate
    peak = seen.peak if seen.peak is not None else np.nan
    return {
        "source": seen.source,
        "model": found.question.model.name,
        "chips": found.chips,
        "plan": found.plan.text(),
        "suspect": seen.suspect,
        "fits": seen.fits,
        "predicted_fits": found.fits,
        "predicted_memory_bytes": found.memory.total,
        "memory_capacity_bytes": found.memory_capacity,
        "meaning": seen.meaning,
        "measured_peak_bytes": peak,
        "predicted_peak_bytes": judged.peak,
        "ape": abs(judged.peak / peak - 1.0),
    }
