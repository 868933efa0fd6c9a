"""A search for people: how many plans, the best ones, and what the others lose."""

from collections.abc import Sequence

from rich.console import RenderableType

from accelsim import numbers
from accelsim.explore.search import Ranked, Search
from accelsim.report.tables import flowing, heading, table


def search_tables(found: Search, against: str | None) -> list[RenderableType]:
    """Return the counts, the ranked plans and, if asked for, the front."""
    q = found.best.question
    count = f"{found.plans_legal:,} legal plans, {found.plans_fit:,} fit in memory"
    parts: list[RenderableType] = [
        heading(f"{q.model.name} on {q.system.name}, best {found.objective}"),
        flowing(f"{count}; {numbers.seconds(found.wall)}"),
        "",
        _plans(found.top),
    ]
    if against is not None:
        title = f"no plan beats these in both {found.objective} and {against}"
        parts += ["", heading(title), _plans(found.front)]
    if found.rejected:
        made = table("rejected because", "plans")
        for reason, number in found.rejected.items():
            made.add_row(reason, f"{number:,}")
        parts += ["", made]
    return parts


def _plans(ranked: Sequence[Ranked]) -> RenderableType:
    columns = ("chips", "batch", "plan", "step", "tokens/s", "MFU", "GiB", "J/token")
    made = table(*columns, "$/M", "against the first")
    for index, column in enumerate(made.columns):
        column.justify = "left" if index in (2, len(made.columns) - 1) else "right"
    for one in ranked:
        e = one.estimate
        made.add_row(
            f"{e.chips:,}",
            f"{e.question.global_batch:,}",
            e.plan.text(),
            numbers.seconds(e.step_time),
            numbers.scaled(e.tokens_per_s),
            numbers.percent(e.mfu),
            numbers.gib(e.memory.total),
            numbers.short(e.joule_per_token),
            numbers.dollars(e.usd_per_million_tokens),
            one.why,
        )
    return made
