"""Intervals and drivers of uncertain answers, and verdicts on claims, as tables."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from accelsim import numbers
from accelsim.report.tables import flowing, heading, table

KEYS = {
    "step_time_s": "step time, s",
    "tokens_per_s_per_chip": "tokens/s per chip",
    "usd_per_million_tokens": "$ per M tokens",
    "j_per_token": "J per token",
    "goodput": "goodput",
    "usd_per_million_useful_tokens": "$ per M useful tokens",
    "days": "days of the run",
    "usd": "$ of the run",
}


def interval_tables(found: Mapping[str, Mapping[str, Any]]) -> list[RenderableType]:
    """Return the intervals of each system, 5 to 95 %, and what drives them."""
    made = table("5 to 95 %, median", *found)
    for key, words in KEYS.items():
        if not any(key in one["intervals"] for one in found.values()):
            continue
        cells = [_range(one["intervals"].get(key)) for one in found.values()]
        made.add_row(words, *cells)
    chances = [one.get("probability_cheaper") for one in found.values()]
    if any(chance is not None for chance in chances):
        cells = [numbers.percent(chance) for chance in chances]
        made.add_row("P(cheaper a token)", *cells)
    drive = table("what drives it", "", "Sobol index", left=2)
    for system, one in found.items():
        for path, share in list(one["drivers"].items())[:3]:
            drive.add_row(system, path, numbers.percent(share))
    return [made, "", drive, ""]


def _range(found: Mapping[str, float] | None) -> str:
    if found is None:
        return numbers.DASH
    low, middle, high = (numbers.short(found[k]) for k in ("p5", "p50", "p95"))
    return f"{low} to {high}, {middle}"


def claim_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the verdict on a claim, from top to bottom."""
    chance, spread = found["probability"], found["interval"]
    made = table("", "")
    made.add_row("probability", numbers.percent(chance))
    made.add_row("ratio, 5 to 95 %, median", _range(spread))
    made.add_row("bound", numbers.short(found["bound"]))
    drive = table("what drives it", "Sobol index")
    for path, share in found["drivers"].items():
        drive.add_row(path, numbers.percent(share))
    return [
        heading(f"{found['claim']} ({found['date']})"),
        flowing(found["statement"]),
        "",
        made,
        "",
        flowing(f"It holds when {found['holds_when']}."),
        "",
        drive,
        "",
    ]
