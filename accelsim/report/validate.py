"""A validation as tables: overall, by group, what was left out, the worst rows.

This file knows the one contract of every `validate` kind, as plain data.
"""

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from accelsim.report import numbers
from accelsim.report.tables import heading, table
from accelsim.validation.contract import SMALLEST_SOURCE

WORST_SHOWN = 10
GROUP_WORDS = {"source": "source family"}


def _plain(value: float) -> str:
    return f"{value:,.6g}"


# How a kind's values are written; seconds where it is not said.
VALUES: dict[str, Callable[[float], str]] = {"hbm": _plain}


def validation_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    groups = found.get("groups", {})
    made = [
        *_overall(found),
        *(_group(name, members) for name, members in groups.items() if members),
        *_left_out(found.get("left_out", {})),
        *_exactness(found["metrics"]),
        *_worst(found.get("worst", ()), VALUES.get(found["kind"], numbers.seconds)),
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
    made = table("all rows", "median", "mean", "bias", "p90")
    for label, metrics in (("accelsim", ours), ("naive", naive)):
        made.add_row(label, *_figures(metrics))
    return [Group(*lines), made]


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


def _exactness(metrics: Mapping[str, Any]) -> list[RenderableType]:
    """Return how many rows agree exactly, where a kind counts them."""
    exact, largest = metrics.get("exact_rows"), metrics.get("max_abs_difference")
    if exact is None or largest is None:
        return []
    return [f"exact: {exact:,.0f} rows; largest difference {largest:.4g}"]


def _worst(rows: Any, show: Callable[[float], str]) -> list[RenderableType]:
    if not rows:
        return []
    made = table("worst rows", "measured", "predicted", "error")
    for row in rows[:WORST_SHOWN]:
        made.add_row(
            Text(str(row["id"])),
            show(row["measured"]),
            show(row["predicted"]),
            numbers.percent(row["ape"]),
        )
    return [made]
