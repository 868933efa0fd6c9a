"""Systems side by side: their estimates, and the ratios to one of them.

Frozen dataclasses without physics; keys that leave the program carry their unit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.explore.result import Estimate
from accelsim.frames import frame

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, slots=True)
class Row:
    """One system of a comparison: its best plan, or why there is none."""

    system: str
    estimate: Estimate | None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Systems side by side on one question.

    Attributes
    ----------
    match : str
        What is held equal: chips, power, usd_per_hour or throughput.
    baseline : str
        The system that the ratios are taken against.
    """

    rows: tuple[Row, ...]
    match: str
    baseline: str
    notes: tuple[str, ...] = ()

    def ratios(self, row: Row) -> dict[str, float | None]:
        """Return a row's figures over the baseline's."""
        base = next(r for r in self.rows if r.system == self.baseline).estimate
        mine = row.estimate
        if base is None or mine is None:
            return {}
        found: dict[str, float | None] = {}
        for key, figure in RATIOS.items():
            old, new = figure(base), figure(mine)
            found[key] = new / old if new is not None and old else None
        return found

    def break_even_mfu(self, row: Row) -> float | None:
        """Return the MFU at which a row's tokens would cost what the baseline's do."""
        cost = self.ratios(row).get("usd_per_million_tokens")
        return row.estimate.mfu * cost if row.estimate and cost else None

    def to_frame(self) -> "DataFrame":
        """Return a pandas frame, a row a system; ratios are `relative` columns."""
        told = self.to_dict()["rows"]
        rows = [{**row, **(row.pop("estimate") or {})} for row in told]
        for row in rows:
            row.pop("soft_figures", None)
        return frame(rows, [str(row["system"]) for row in rows])

    def _repr_html_(self) -> str:
        from accelsim.explore.shown import comparison_html  # it reads comparisons

        return comparison_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain data."""
        return {
            "match": self.match,
            "baseline": self.baseline,
            "notes": list(self.notes),
            "rows": [
                {
                    "system": row.system,
                    "failure": row.failure or None,
                    "relative": self.ratios(row),
                    "break_even_mfu": self.break_even_mfu(row),
                    "estimate": row.estimate.to_dict() if row.estimate else None,
                }
                for row in self.rows
            ],
        }


RATIOS: dict[str, Callable[[Estimate], float | None]] = {
    "step_time_s": lambda e: e.step_time,
    "tokens_per_s": lambda e: e.tokens_per_s,
    "tokens_per_s_per_chip": lambda e: e.tokens_per_s_per_chip,
    "mfu": lambda e: e.mfu,
    "memory_bytes": lambda e: e.memory.total,
    "power_w": lambda e: e.power,
    "usd_per_hour": lambda e: e.usd_per_hour,
    "usd_per_million_tokens": lambda e: e.usd_per_million_tokens,
    "j_per_token": lambda e: e.joule_per_token,
}
