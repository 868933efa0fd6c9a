"""Which rows of a training table count: what its sources warn of, and old releases.

This file knows the words that mark a row, and which figure is a release.
"""

import re
from collections.abc import Iterable, Sequence

from accelsim.validation.left_out import (
    BOUND,
    EVALUATION,
    HYBRID,
    SUSPECT,
)
from accelsim.validation.table import Row
from accelsim.validation.training_rows import Case

Release = tuple[int, ...]

# (reason, column, pattern): the first that is found leaves a row out.
MARKS = (
    (HYBRID, "model", r"(?i)nemotron-h|nemotron_3"),
    (BOUND, "flops_convention", r"RUN AVERAGE"),
    (BOUND, "notes", r"lower bound|GPU hours"),
    (EVALUATION, "notes", r"INCLUDES the validation pass"),
    (
        SUSPECT,
        "notes",
        r"SUSPECT|WARNING|INCONSISTENT|inconsistent|unverified|low reliability"
        r"|low value for validation|treat parallelism with care",
    ),
    (SUSPECT, "chip", r"power limited|as printed"),
)
_RELEASES = (
    ("source", r"\[(\d\d\.\d\d(?:\.\d\d)?)\]"),  # Megatron-Bridge
    ("source", r"training_results_v(\d+\.\d+)"),  # MLPerf
    ("source", r"Neuron (\d+\.\d+\.\d+)\]"),
    ("notes", r"DGX Cloud benchmarking v(\d+\.\d+\.\d+)"),
)
_MONTHS = {"jan": 1, "april": 4}


def marked(row: Row) -> str | None:
    """Return why a row does not count by its own words, None if it does."""
    for reason, column, pattern in MARKS:
        if re.search(pattern, row.get(column, "")):
            return reason
    return None


def newest(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Return the cases that count, and those that a newer release has replaced.

    A case is one vendor's model, chips, batch, sequence and precision; the plan may
    change from release to release, for that is what a release improves.
    """
    latest: dict[tuple[str, ...], Release] = {}
    dated = [(case, release(case.row), _same(case)) for case in cases]
    for _, when, key in dated:
        latest[key] = max(when, latest.get(key, ()))
    kept = [case for case, when, key in dated if when == latest[key]]
    old = [case for case, when, key in dated if when != latest[key]]
    return kept, old


def release(row: Row) -> Release:
    """Return a row's release as numbers that compare, () if it has none."""
    for column, pattern in _RELEASES:
        found = re.search(pattern, row.get(column, ""))
        if found:
            return (*_numbers(found[1].split(".")), *_table_date(row))
    found = re.search(r"cases_(jan|april)(\d{4})", row.get("source", ""))
    if found:  # Megatron-LM's table of January 2021, again in April
        return (int(found[2]), _MONTHS[found[1]])
    return (0, *_table_date(row)) if _table_date(row) else ()


def _table_date(row: Row) -> Release:
    found = re.search(r"table date (\d{4})-(\d\d)-(\d\d)", row.get("notes", ""))
    return _numbers(found.groups()) if found else ()


def _numbers(words: Iterable[str]) -> Release:
    return tuple(int(word) for word in words)


def _same(case: Case) -> tuple[str, ...]:
    row, q = case.row, case.question
    submitter = re.search(r"training_results_v[\d.]+: ([^/]+)/", row.get("source", ""))
    tuning = "SFT" if "SFT" in row.get("notes", "") else ""
    states = "fp32 optimizer" if "FP32Optimizer" in row["precision"] else ""
    return (
        row["family"],
        submitter[1] if submitter else "",
        row["model"],
        row["chip"],
        tuning,
        q.run.precision,
        states,
        *(str(n) for n in (q.model.layers, q.run.chips, q.global_batch, q.seq_len)),
    )
