"""Goodput as tables: failures by kind, checkpoints, the useful share of the time."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from accelsim import numbers
from accelsim.report.tables import bar, heading, table

NEVER = 1e11  # s: what is rarer than a few thousand years
UNITS = (("years", 31_557_600.0), ("d", 86400.0), ("h", 3600.0), ("min", 60.0))


def goodput_tables(answer: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    first = (
        f"{answer['chips']:,} chips fail as {answer['reliability']}: "
        f"{often(answer['mttf_s'])}, goodput {numbers.percent(answer['goodput'])}"
    )
    return [heading(first), "", _rates(answer), "", _times(answer), ""]


def long(seconds: float) -> str:
    """Return a time in years, days, hours, minutes or seconds."""
    for unit, size in UNITS:
        if seconds >= 2.0 * size:
            return f"{seconds / size:.3g} {unit}"
    return numbers.seconds(seconds)


def often(seconds: float) -> str:
    """Return how often something comes that comes every so many seconds."""
    return f"every {long(seconds)}" if seconds < NEVER else "never"


def _rates(answer: Mapping[str, Any]) -> RenderableType:
    made = table("failures", "a day", "share", "")
    made.columns[3].justify = "left"
    total = sum(answer["rates_per_s"].values())
    for name, rate in answer["rates_per_s"].items():
        share = rate / total if total else 0.0
        made.add_row(
            name, numbers.short(86400 * rate), numbers.percent(share), bar(share)
        )
    made.add_row("total", numbers.short(86400 * total), "100.0%", style="bold")
    return made


def _times(answer: Mapping[str, Any]) -> RenderableType:
    made = table("recovery", "")
    for words, key in (
        ("a checkpoint stops the work", "write_s"),
        ("work between checkpoints", "interval_s"),
        ("Young's first-order optimum", "young_interval_s"),
        ("from failure to work", "restart_s"),
        ("then waiting for nodes", "waiting_s"),
    ):
        made.add_row(words, long(answer[key]))
    made.add_row("spare nodes", f"{answer['spares']:,}")
    for words, key in (
        ("goodput, exact", "goodput"),
        ("first order, for comparison", "first_order"),
        ("Monte Carlo", "simulated"),
        ("replicas that go on", "elastic"),
    ):
        if answer[key] is not None:
            made.add_row(words, numbers.percent(answer[key]))
    return made
