"""The report of a comparison: systems side by side, in figures and in one table.

This file knows the order in which a reader compares; figures are others'.
"""

from collections.abc import Mapping, Sequence

from accelsim import numbers
from accelsim.explore.comparison import Comparison, Row
from accelsim.explore.result import Estimate
from accelsim.markup import Markup, joined, table, tag
from accelsim.report.collective import busbw_figure
from accelsim.report.compare import MATCH_WORDS, METRICS, notes_of
from accelsim.report.front_figure import Candidate, front_figure
from accelsim.report.memory_figure import designs_figure
from accelsim.report.page.links import busbw_rows
from accelsim.report.page.page import Page, Part, Section, paragraph, wide
from accelsim.report.page.reproduce import files_of, reproduce_section
from accelsim.report.page.roofs import roofs_section
from accelsim.report.page.sources import sources_section
from accelsim.report.soft import rests_on
from accelsim.report.step_figure import time_figure
from accelsim.report.tables import SOFT_MARK

RANKS = 64  # of the collective that systems are compared by


def compare_page(found: Comparison, command: str) -> Page:
    """Return the report of a comparison; at least one system has an answer."""
    made = {row.system: row.estimate for row in found.rows if row.estimate is not None}
    pairs = list(made.items())
    first = pairs[0][1]
    files = dict.fromkeys(file for _, one in pairs for file in files_of(one.question))
    sections = [
        _summary(found),
        Section("time", "Time", (time_figure(pairs),)),
        *_money(pairs),
        Section("memory", "Memory", (designs_figure(pairs),)),
        roofs_section(made),
        _collectives(made),
        sources_section(made),
        reproduce_section(command, list(made.values()), list(files)),
    ]
    return Page(
        kind="comparison",
        title=f"{first.question.model.name} on {len(found.rows)} systems",
        lead=f"{first.tokens:,.0f} tokens a step; "
        f"{MATCH_WORDS.get(found.match, found.match)}; × is the ratio to "
        f"{found.baseline}.",
        tiles=_tiles(pairs),
        sections=tuple(section for section in sections if section.parts),
    )


def _tiles(pairs: Sequence[tuple[str, Estimate]]) -> tuple[tuple[str, str], ...]:
    """Return who is first in what."""
    fastest = max(pairs, key=lambda pair: pair[1].tokens_per_s)
    least = min(pairs, key=lambda pair: pair[1].joule_per_token)
    priced = [(name, e.usd_per_million_tokens) for name, e in pairs]
    told = [(name, usd) for name, usd in priced if usd is not None]
    rows = [
        (
            f"tokens a second: {fastest[0]}",
            numbers.scaled(fastest[1].tokens_per_s, "", 3),
        ),
        (f"of a token: {least[0]}", f"{numbers.short(least[1].joule_per_token)} J"),
    ]
    if told:
        name, usd = min(told, key=lambda pair: pair[1])
        rows.append((f"10⁶ tokens: {name}", numbers.dollars(usd)))
    best = max(pairs, key=lambda pair: pair[1].mfu)
    rows.append((f"MFU: {best[0]}", numbers.percent(best[1].mfu)))
    return tuple(rows)


def _summary(found: Comparison) -> Section:
    words = f"{SOFT_MARK} rests on press reports or assumptions, listed below."
    parts = [wide(comparison_table(found)), paragraph(words, quiet=True)]
    lines = notes_of(found)
    if lines:
        parts += [tag("h3", "Notes"), tag("ul", *(tag("li", line) for line in lines))]
    return Section("summary", "Side by side", tuple(parts))


def comparison_table(found: Comparison) -> Markup:
    """Return the figures of every system, with their ratios to the baseline."""
    columns = [_column(row, found) for row in found.rows]
    rows = [
        (metric.label, *(column[n] for column in columns))
        for n, metric in enumerate(METRICS)
    ]
    head = ("", *(row.system for row in found.rows))
    return table(head, rows, class_="compare")


def _column(row: Row, found: Comparison) -> list[Markup | str]:
    """Return the figures of one system."""
    if row.estimate is None:
        return ["no answer", *[numbers.DASH] * (len(METRICS) - 1)]
    soft = rests_on(row.estimate)
    ratios = {} if row.system == found.baseline else found.ratios(row)
    cells: list[Markup | str] = []
    for metric in METRICS:
        mark = SOFT_MARK if soft.intersection(metric.rests) else ""
        text = metric.text(row.estimate) + mark
        over = numbers.ratio(ratios.get(metric.key))
        cells.append(joined((text, " ", tag("small", over))) if over else text)
    return cells


def _money(pairs: Sequence[tuple[str, Estimate]]) -> list[Section]:
    """Return throughput against the price of a token, where there are prices."""
    points = [
        Candidate(name, e.usd_per_million_tokens, e.tokens_per_s)
        for name, e in pairs
        if e.usd_per_million_tokens is not None
    ]
    if len(points) < 2:
        return []
    title = "Throughput against the price of a token"
    across, up = ("price of 10⁶ tokens, $", "$"), ("tokens a second", "")
    drawn = front_figure(title, points, (across[0], ""), up)
    return [Section("front", "Money and speed", (drawn,))]


def _collectives(made: Mapping[str, Estimate]) -> Section:
    rows = [
        row
        for name, one in made.items()
        for row in busbw_rows(name, one.question, RANKS)
    ]
    parts: list[Part] = []
    if rows:
        parts.append(busbw_figure(f"All-reduce among {RANKS} ranks by size", rows))
    return Section("links", "Collectives", tuple(parts))
