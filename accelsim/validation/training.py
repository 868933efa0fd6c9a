"""`validate training`: predicted step times beside published ones.

The naive baseline is one constant model-FLOPs utilisation for each chip and precision,
the one whose mean error is least on the very rows that it is scored on.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from accelsim.validation import table
from accelsim.validation.contract import Pair, Validation, best_constant, validation
from accelsim.validation.left_out import (
    BAD_VALUE,
    BOUND,
    NO_PLAN,
    SUPERSEDED,
    LeftOutError,
)
from accelsim.validation.sweeps import Sweep, summary, sweeps
from accelsim.validation.table import Row
from accelsim.validation.training_rows import Case, case_of
from accelsim.validation.training_selection import marked, newest

REQUIRED = (
    *("id", "chip", "n_chips", "framework", "precision"),
    *("model", "layers", "hidden", "heads", "kv_heads", "ffn_hidden", "vocab", "moe"),
    *("seq_len", "global_batch", "micro_batch", "tp", "pp", "vp", "cp", "ep", "dp"),
    *("sharding", "recompute"),
    *("measured_step_time_s", "measured_tokens_per_s_per_chip"),
)
OPTIONAL = (
    "etp",
    "source",
    "year",
    "notes",
    "flops_convention",
    "measured_tflops_per_chip",
)

Scored = tuple[Case, Estimate]


def validate_training(path: Path | str) -> Validation:
    """Return how far our step times are from those of a table.

    A run that was measured did fit: where our memory says that no plan does, the one
    that needs least is timed, and the row says so.

    Raises
    ------
    InputError
        The file is no such table.
    """
    blank = dict.fromkeys(OPTIONAL, "")
    rows = [with_family(blank | row) for row in table.read(Path(path), REQUIRED)]
    reasons, cases = _select(rows)
    answers = answer([case.question for case in cases.values()], must_fit=False)
    scored: dict[int, Scored] = {}
    for i, found in zip(cases, answers, strict=True):
        if isinstance(found, Estimate):
            scored[i] = (cases[i], found)
        else:
            reasons.setdefault(i, NO_PLAN)
    counting = [i for i in scored if i not in reasons]
    bounds = [i for i in scored if i in reasons]
    pairs = _pairs([scored[i] for i in counting])
    apart = _pairs([scored[i] for i in bounds], subset="bound")
    by_row = dict(zip([*counting, *bounds], [*pairs, *apart], strict=True))
    ranked = _ranked({i: scored[i] for i in counting})
    for sweep in ranked:
        for i in sweep.rows:
            by_row[i] = replace(by_row[i], also=(("sweep", sweep.name),))
    answered = validation(
        "training",
        str(path),
        [by_row[i] for i in counting],
        Counter(reasons.values()),
        apart=apart,
        details=_details(rows, reasons, scored, by_row),
    )
    answered.metrics.update(summary(ranked))
    for sweep in ranked:
        answered.groups["sweep"][sweep.name].update(summary([sweep]))
    return answered


def _ranked(scored: dict[int, Scored]) -> list[Sweep]:
    """Return the sweeps: one source's model on one number of one chip."""
    names, times = {}, {}
    for i, (case, estimate) in scored.items():
        q = case.question
        names[i] = f"{case.row['family']}, {q.model.name}, {q.run.chips} {q.chip.name}"
        tokens = float(q.global_batch) * q.seq_len
        times[i] = (case.measured / tokens, estimate.step_time / tokens)
    return sweeps(names, times)


def with_family(row: dict[str, str]) -> dict[str, str]:
    """Return the row with a family: its own, or what its source begins with."""
    source = row["source"].partition(" ")[0]
    return row | {"family": row.get("family") or source or "not named"}


def _select(rows: Sequence[Row]) -> tuple[dict[int, str], dict[int, Case]]:
    """Return why rows do not count, and the cases to predict, both by row number.

    Bounds are among both: they are predicted, and shown apart.
    """
    reasons: dict[int, str] = {}
    cases: dict[int, Case] = {}
    for i, row in enumerate(rows):
        reason = BAD_VALUE if table.SURPLUS in row else marked(row)
        if reason is not None:
            reasons[i] = reason
        if reason in (None, BOUND):
            try:
                cases[i] = case_of(row)
            except LeftOutError as error:
                reasons.setdefault(i, str(error))
    counted = {i: case for i, case in cases.items() if i not in reasons}
    _, old = newest(list(counted.values()))
    replaced = {id(case) for case in old}
    for i, case in counted.items():
        if id(case) in replaced:
            reasons[i] = SUPERSEDED
            del cases[i]
    return reasons, cases


def _pairs(scored: Sequence[Scored], subset: str | None = None) -> list[Pair]:
    """Return measured, predicted and naive step times [s].

    The naive one is model FLOPs / (constant x peak), a constant for each chip and
    precision.
    """
    utilisation: dict[tuple[str, str], list[float]] = {}
    for case, estimate in scored:
        utilisation.setdefault(_class(case), []).append(_measured_mfu(case, estimate))
    constant = {key: best_constant(values) for key, values in utilisation.items()}
    return [
        Pair(
            id=case.row["id"],
            source=case.row["family"],
            chip=case.question.chip.name,
            subset=subset or case.subset,
            measured=case.measured,
            predicted=estimate.step_time,
            naive=case.measured
            * _measured_mfu(case, estimate)
            / constant[_class(case)],
        )
        for case, estimate in scored
    ]


def _class(case: Case) -> tuple[str, str]:
    return case.question.chip.name, case.question.run.precision


def _measured_mfu(case: Case, estimate: Estimate) -> float:
    return estimate.model_flops / (estimate.peak * case.measured)


def _details(
    rows: Sequence[Row],
    reasons: dict[int, str],
    scored: dict[int, Scored],
    pairs: dict[int, Pair],
) -> list[dict[str, Any]]:
    details = []
    for i, row in enumerate(rows):
        line: dict[str, Any] = {
            "id": row["id"],
            "source": row["family"],
            "chip": row["chip"],
            "model": row["model"],
            "left_out": reasons.get(i, ""),
        }
        if i in scored:
            line |= _outcome(*scored[i], pairs[i])
        details.append(line)
    return details


def _outcome(case: Case, estimate: Estimate, pair: Pair) -> dict[str, Any]:
    q = case.question
    return {
        "subset": pair.subset,
        "system": q.system.name,
        "software": q.software.name,
        "chips": q.run.chips,
        "precision": q.precision,
        "seq_len": q.seq_len,
        "global_batch": q.global_batch,
        "plan": estimate.plan.text(),
        "fits": estimate.fits,
        "measured_step_time_s": pair.measured,
        "predicted_step_time_s": pair.predicted,
        "naive_step_time_s": pair.naive,
        "ape": pair.ape,
        "measured_mfu": _measured_mfu(case, estimate),
        "predicted_mfu": estimate.mfu,
    }
