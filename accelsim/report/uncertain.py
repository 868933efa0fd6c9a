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
    if found.get("break_even_mfu") is not None:
        words = "MFU of the subject at which both cost the same"
        made.add_row(words, numbers.percent(found["break_even_mfu"]))
    for key, words in (("before_usd", "a chip as it is, $"), ("after_usd", "moved, $")):
        if key in found:
            made.add_row(words, _range(found[key]))
    drive = table("what drives it", "Sobol index")
    for path, share in found["drivers"].items():
        drive.add_row(path, numbers.percent(share))
    return [
        heading(f"{found['claim']} ({found['date']})"),
        flowing(found["statement"]),
        "",
        made,
        "",
        *_sides(found),
        flowing(f"Holds when: {found['holds_when']}."),
        "",
        *_dates(found),
        drive,
        "",
    ]


def _sides(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return both runs of a claim side by side; nothing for one of a chip."""
    if "subject" not in found:
        return []
    sides = [found["subject"], found["against"]]
    made = table("", *(side["system"] for side in sides))
    key = next(name for name in sides[0] if name.endswith("_interval"))
    what = key.removesuffix("_interval")
    rows = {
        "chips, process": [f"{side['chips']:,}, {side['process']}" for side in sides],
        "plan": [side["plan"] for side in sides],
        "MFU": [numbers.percent(side["mfu"]) for side in sides],
        "price": [side["price"] or numbers.DASH for side in sides],
        KEYS.get(what, what): [_range(side[key]) for side in sides],
    }
    for words, cells in rows.items():
        made.add_row(words, *cells)
    return [made, ""]


def _dates(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the verdict at every date at which a price changed."""
    rows = found.get("by_date") or []
    if not rows:
        return []
    names = [found[side]["system"] for side in ("subject", "against")]
    made = table(
        "prices of", *(f"{n}, $/chip-h" for n in names), "ratio", "P", "break-even MFU"
    )
    for row in rows:
        made.add_row(
            row["date"],
            *(f"{row[f'{s}_usd_per_chip_hour']:.3f}" for s in ("subject", "against")),
            _range(row["interval"]),
            numbers.percent(row["probability"]),
            numbers.percent(row["break_even_mfu"]),
        )
    why = found.get("why")
    return [made, *([flowing(f"Why: {why}.")] if why else []), ""]
