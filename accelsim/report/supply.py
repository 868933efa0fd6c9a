"""A chip's supply as a table by month, with intervals."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from accelsim import numbers
from accelsim.report.tables import heading, table
from accelsim.units import show

COLUMNS = ("chips", "fleet_chips", "planned_fleet_chips")


def supply_tables(answer: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    kept = answer["fleet_share_kept"]
    first = (
        f"{answer['chip']}: medians with 5 to 95 % of {answer['samples']:,} samples; "
        f"{numbers.percent(kept['p50'])} of the planned fleet at the end"
    )
    made = table("month", "limit", "good chips", "fleet", "planned", "bf16", left=2)
    for row in answer["months"]:
        cells = (
            _range(row[k]) for k in ("chips", "fleet_chips", "planned_fleet_chips")
        )
        peak = show(row["fleet_flop_per_s"]["p50"], "FLOP/s")
        made.add_row(row["month"], row["limit"], *cells, peak)
    return [heading(first), "", made, ""]


def _range(found: Mapping[str, float]) -> str:
    low, middle, high = (f"{found[k] / 1e3:,.0f}" for k in ("p5", "p50", "p95"))
    return f"{middle}k ({low} to {high})"
