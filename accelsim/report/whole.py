"""A whole run as a table: goodput, days, money; apart from the numbers of a step.

This file knows how a whole run is read; every figure is taken from it as it is.
"""

from rich.console import RenderableType
from rich.text import Text

from accelsim import numbers
from accelsim.explore.whole import Whole
from accelsim.report.goodput import long, often
from accelsim.report.tables import table


def whole_tables(run: Whole | None) -> list[RenderableType]:
    """Return the table of a whole run; nothing where the question tells of none."""
    if run is None:
        return []
    made = table("the whole run, failures counted", "")
    for words, text in whole_facts(run):
        made.add_row(words, text)
    what = f"fails as {run.reliability}; {run.chips_rented:,} chips are paid for"
    return [made, Text(what, style="dim"), ""]


def whole_facts(run: Whole) -> list[tuple[str, str]]:
    """Return what is read of a whole run, as words and figures."""
    failures = run.failures
    rows = [
        ("a failure", often(failures.mttf)),
        ("checkpoint", f"{long(failures.write)}, {often(failures.interval)}"),
        ("spare nodes", f"{failures.spares:,}"),
        ("goodput", numbers.percent(run.share)),
        ("useful tokens/s", numbers.scaled(run.tokens_per_s)),
        ("useful tokens, $ per million", numbers.dollars(run.usd_per_million_tokens)),
        ("energy of a useful token", f"{numbers.short(run.joule_per_token)} J"),
    ]
    if run.tokens is not None:
        told = run.to_dict()
        rows += [
            ("tokens", numbers.scaled(run.tokens)),
            ("days", numbers.short(run.days)),
            ("interruptions", numbers.short(run.interruptions)),
            ("price of the run", numbers.dollars(run.usd)),
            ("energy of the run", numbers.scaled(told["energy_j"], "J", 3)),
            ("CO2 of the run, t", numbers.short(_tonnes(told["kg_co2"]))),
        ]
    return rows


def _tonnes(kilograms: float | None) -> float | None:
    return None if kilograms is None else kilograms / 1e3
