"""A validation as tables: overall, by group, what was left out, the worst rows.

This file knows the one contract of every `validate` kind, as plain data.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from accelsim import numbers
from accelsim.report.tables import heading, table
from accelsim.validation.contract import SMALLEST_SOURCE

WORST_SHOWN = 10
OFF_UNITS = {"com": " dB", "fec": " of the value"}
GROUP_WORDS = {"source": "source family"}
UNITS: dict[str, Callable[[float], str]] = {
    "memory": lambda size: f"{numbers.gib(size)} GiB",
    "systolic": lambda cycles: f"{cycles:,.0f} cycles",
    "hbm": lambda value: f"{value:,.6g}",
    "fec": lambda ratio: f"{ratio:.6g}",
    "com": lambda ratio: f"{20 * math.log10(ratio):.3f} dB",
}


def validation_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    groups = found.get("groups", {})
    made = [
        *_overall(found),
        *(
            _sweeps(members) if name == "sweep" else _group(name, members)
            for name, members in groups.items()
            if members
        ),
        *_left_out(found.get("left_out", {})),
        *_worst(found.get("worst", ()), UNITS.get(found["kind"], numbers.seconds)),
    ]
    return [part for each in made for part in (each, "")]


def _overall(found: Mapping[str, Any]) -> list[RenderableType]:
    ours, naive = found["metrics"], found["naive"]
    key = "mean_over_sources_median_ape"
    lines: list[RenderableType] = [
        heading(f"{found['kind']}: {found['file']}"),
        f"{found['rows']:,} rows, {found['scored']:,} scored, "
        f"{sum(found['left_out'].values()):,} left out",
        heading(
            f"mean over families (of {SMALLEST_SOURCE} rows or more) of the median "
            f"error: {numbers.percent(ours.get(key))}   "
            f"naive baseline: {numbers.percent(naive.get(key))}"
        ),
    ]
    lines += _exact(found) + _fitting(found) + _choosing(found)
    made = table("all rows", "median", "mean", "bias", "p90")
    for label, metrics in (("accelsim", ours), ("naive", naive)):
        made.add_row(label, *_figures(metrics))
    return [Group(*lines), made]


def _choosing(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return how well plans are ranked, of a kind that has sweeps of them."""
    ours = found["metrics"]
    if ours.get("regret_median") is None:
        return []
    return [
        f"plans of {len(found['groups']['sweep'])} sweeps: Spearman "
        f"{_rank(ours['spearman'])} (median), regret "
        f"{numbers.percent(ours['regret_median'])} (median), "
        f"{numbers.percent(ours['regret_p90'])} (90th percentile)"
    ]


def _rank(value: float | None) -> str:
    return numbers.DASH if value is None else f"{value:.3f}"


def _sweeps(members: Mapping[str, Any]) -> RenderableType:
    """Return how well the plans of each sweep are ranked, and what a choice costs."""
    made = table("sweep", "plans", "Spearman", "regret", "median error")
    for member, metrics in members.items():
        made.add_row(
            member,
            f"{metrics['rows']:,}",
            _rank(metrics["spearman"]),
            numbers.percent(metrics["regret_median"]),
            numbers.percent(metrics["median_ape"]),
        )
    return made


def _exact(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return how many rows are equal to the last digit, of a kind that asks for it."""
    ours, naive = (
        (found[who].get("exact_rows"), found[who].get("max_abs_difference"))
        for who in ("metrics", "naive")
    )
    if ours[0] is None:
        return []
    unit = OFF_UNITS.get(found["kind"], "")
    words = [
        f"{exact:,.0f} of {found['scored']:,} rows exact, off by "
        f"{f'{off:.3g}' if unit else f'{off:,.0f}'}{unit} at most"
        for exact, off in (ours, naive)
    ]
    return [heading(f"{words[0]}   naive baseline: {words[1]}")]


def _fitting(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return how often it is known whether a run fits, of a kind that asks for it."""
    if found.get("accuracy") is None:
        return []
    percent = numbers.percent
    return [
        heading(
            f"fits or not: {percent(found['accuracy'])} right (balanced "
            f"{percent(found['balanced_accuracy'])})   everything fits: "
            f"{percent(found['naive'].get('accuracy'))}"
        ),
        f"said to fit of what ran out of memory: {percent(found['false_fit'])}   "
        f"said not to fit of what did: {percent(found['false_oom'])}",
        f"near the capacity: {percent(found['near_capacity_accuracy'])} of "
        f"{found['near_capacity_rows']:,.0f} right   reported apart: "
        f"{percent(found['suspect_accuracy'])}",
    ]


def _figures(metrics: Mapping[str, Any]) -> list[str]:
    return [
        numbers.percent(metrics.get("median_ape")),
        numbers.percent(metrics.get("mape")),
        numbers.signed_percent(metrics.get("bias")),
        numbers.percent(metrics.get("p90_ape")),
    ]


def _group(name: str, members: Mapping[str, Any]) -> RenderableType:
    words = GROUP_WORDS.get(name, name)
    made = table(words, "rows", "median", "mean", "bias", "p90", "naive median")
    by_rows = sorted(members.items(), key=lambda item: (-item[1]["rows"], item[0]))
    for member, metrics in by_rows:
        naive = (metrics.get("naive") or {}).get("median_ape")
        made.add_row(
            member,
            f"{metrics['rows']:,}",
            *_figures(metrics),
            numbers.percent(naive),
        )
    return made


def _left_out(reasons: Mapping[str, int]) -> list[RenderableType]:
    if not reasons:
        return []
    made = table("left out because", "rows")
    for reason, count in sorted(reasons.items(), key=lambda item: -item[1]):
        made.add_row(reason, f"{count:,}")
    return [made]


def _worst(rows: Any, said: Callable[[float], str]) -> list[RenderableType]:
    if not rows:
        return []
    made = table("worst rows", "measured", "predicted", "error")
    for row in rows[:WORST_SHOWN]:
        made.add_row(
            Text(str(row["id"])),
            said(row["measured"]),
            said(row["predicted"]),
            numbers.percent(row["ape"]),
        )
    return [made]
