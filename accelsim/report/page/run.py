"""The report of one run: summary, time, memory, roofs, links, levers, sources.

This file knows the order in which a reader asks; figures and tables are others'.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from accelsim import numbers
from accelsim.errors import AccelsimError
from accelsim.explore.estimate import estimate
from accelsim.explore.explanation import Explanation, explain
from accelsim.explore.products import products
from accelsim.explore.result import Estimate
from accelsim.explore.shown import Facts, answer_facts, question_facts
from accelsim.explore.timeline import timeline
from accelsim.fabric.collective import Collective, System
from accelsim.link.answer import LinkBudget
from accelsim.link.answer import explain as budget_of
from accelsim.link.wire import link_of
from accelsim.markup import Markup, table, tag
from accelsim.overrides import Overrides
from accelsim.report.collective import busbw_figure
from accelsim.report.estimate import DEFINITIONS, TIME_WORDS
from accelsim.report.margin_figure import margins_figure
from accelsim.report.memory_figure import stages_figure
from accelsim.report.page.page import Page, Part, Section, paragraph, wide
from accelsim.report.page.reproduce import files_of, reproduce_section
from accelsim.report.page.sources import sources_section
from accelsim.report.roofline import roofline_figure
from accelsim.report.step_figure import tornado_figure, waterfall_figure
from accelsim.report.timeline_figure import timeline_figure
from accelsim.specs.run import RunSpec
from accelsim.units import show

SIZES = tuple(2.0**power for power in range(16, 35))  # B, of the curves of busbw


def run_page(run: RunSpec, overrides: Overrides, command: str) -> Page:
    """Return the report of a run; `command` is what was typed.

    Raises
    ------
    InputError, NoAnswerError
        As `estimate` does.
    """
    found = estimate(run, overrides)
    explained = explain(found)
    q = found.question
    sections = [
        _summary(found),
        _time(explained),
        _memory(found),
        _roofs(found),
        _links(found),
        _levers(explained),
        sources_section({q.system.name: found}),
        reproduce_section(command, [found], files_of(q)),
    ]
    return Page(
        kind="run",
        title=f"{q.model.name} on {found.chips:,} × {q.chip.name}",
        lead=f"One training step of {found.tokens:,.0f} tokens on {q.system.name} in "
        f"{q.precision}: where its time, memory, energy and money go.",
        tiles=tiles(found),
        sections=tuple(section for section in sections if section.parts),
    )


def tiles(found: Estimate) -> tuple[tuple[str, str], ...]:
    """Return the figures that are seen first."""
    share = numbers.percent(found.memory.total / found.memory_capacity)
    return (
        ("step time", numbers.seconds(found.step_time)),
        ("tokens a second", numbers.scaled(found.tokens_per_s, digits=3)),
        ("MFU, full attention", numbers.percent(found.mfu)),
        ("of a worker's memory", share),
        ("energy of a token", f"{numbers.short(found.joule_per_token)} J"),
        ("10⁶ tokens", numbers.dollars(found.usd_per_million_tokens)),
    )


def facts_table(facts: Facts) -> Markup:
    """Return words and figures in two columns."""
    return wide(table((), facts, left=2, class_="facts"))


def _summary(found: Estimate) -> Section:
    facts = [*question_facts(found), *answer_facts(found)]
    notes = [tag("li", note) for note in (*found.notes, DEFINITIONS)]
    parts = (facts_table(facts), tag("h3", "Notes"), tag("ul", *notes))
    return Section("summary", "Summary", parts)


def _time(explained: Explanation) -> Section:
    found = explained.estimate
    title = f"Timeline of a step: {found.plan.text()}"
    parts: list[Part] = [waterfall_figure(explained)]
    rows = [
        (
            TIME_WORDS.get(key, key),
            numbers.seconds(value),
            numbers.percent(value / found.step_time),
        )
        for key, value in asdict(found.time).items()
        if value
    ]
    rows.append(("step", numbers.seconds(found.step_time), "100.0%"))
    made = table(("time on the slowest stage", "", "of the step"), rows)
    parts += [tag("details", tag("summary", "Its parts as a table"), wide(made))]
    parts += [timeline_figure(timeline(found), title), wide(_energy(found))]
    return Section("time", "Time and energy", tuple(parts))


def _energy(found: Estimate) -> Markup:
    total = found.energy.total
    rows = [
        (key, show(value, "J", 3), numbers.percent(value / total))
        for key, value in asdict(found.energy).items()
        if value
    ]
    rows.append(("step", show(total, "J", 3), "100.0%"))
    return table(("energy of the whole job", "", "of the step"), rows)


def _memory(found: Estimate) -> Section:
    return Section("memory", "Memory", (stages_figure(found),))


def _roofs(found: Estimate) -> Section:
    q = found.question
    workers = q.chip.workers_per_chip
    peak = float(q.chip.matrix.peak[q.precision]) / workers
    bandwidth = float(q.chip.hbm.bandwidth) / workers
    rows: list[dict[str, Any]] = [
        {
            "chip": "a worker" if workers > 1 else q.chip.name,
            "words": f"{one.part}: {one.words}",
            "flops_flop": one.flops,
            "size_bytes": one.size,
            "flop_per_s": one.flops / one.time,
            "peak_flop_per_s": peak,
        }
        for one in products(found)
    ]
    if not rows:
        return Section("roofline", "Roofline", ())
    title = f"Operators of a layer under the roofs of {rows[0]['chip']}"
    drawn = roofline_figure(title, rows, {str(rows[0]["chip"]): bandwidth})
    head = ("operator, forward", "of", "TFLOP", "FLOP/B", "reached", "of the peak")
    lines = [
        (
            row["words"].partition(": ")[2],
            row["words"].partition(": ")[0],
            f"{row['flops_flop'] / 1e12:.3g}",
            f"{row['flops_flop'] / row['size_bytes']:,.0f}",
            show(row["flop_per_s"], "FLOP/s", 3),
            numbers.percent(row["flop_per_s"] / peak),
        )
        for row in rows
    ]
    return Section("roofline", "Roofline", (drawn, wide(table(head, lines, left=2))))


def budgets(found: Estimate) -> dict[str, LinkBudget]:
    """Return the budgets of the links of a run that name a wire."""
    made = {}
    for name, link in found.question.links.items():
        if link.path and not link.ideal:
            made[name] = budget_of(link_of(link), float(link.crosstalk or 0.0))
    return made


def budgets_table(found: dict[str, LinkBudget]) -> Markup:
    """Return the budgets of links, a row each."""
    rows = [
        (
            name,
            tag("span", one.regime, class_=f"regime-{one.regime}"),
            one.link.path.text,
            f"{one.link.lanes} × {one.link.lane_rate / 1e9:g}",
            f"{one.bandwidth / 1e9:.3g}",
            f"{one.latency * 1e9:.0f}",
            f"{one.energy * 1e12:.2f}",
            f"{one.frame_loss:.1e}",
        )
        for name, one in found.items()
    ]
    head = (
        "link",
        "regime",
        "wire",
        "lanes × Gb/s",
        "GB/s",
        "ns",
        "pJ/b",
        "frames lost",
    )
    return table(head, rows, left=3)


def _links(found: Estimate) -> Section:
    parts: list[Part] = []
    made = budgets(found)
    if any(one.spans for one in made.values()):
        parts += [margins_figure(made), wide(budgets_table(made))]
    parts += _busbw(found)
    return Section("links", "Links and collectives", tuple(parts))


def _busbw(found: Estimate) -> list[Part]:
    """Return curves of bus bandwidth of the groups that the plan has."""
    q, plan = found.question, found.plan
    on = System(q.system, q.chip, q.links, q.software)
    groups = {"tp": plan.tp, "dp": plan.dp * plan.cp * plan.tp, "all": q.workers}
    rows = []
    ranks = sorted({min(n, q.workers) for n in groups.values() if n > 1})
    for n in ranks:
        try:
            answer = on.collective("all_reduce", bytes=SIZES, ranks=[n] * len(SIZES))
        except AccelsimError:  # a group that this system cannot form
            continue
        rows += [_busbw_row(f"{n:,} ranks", answer, i) for i in range(len(SIZES))]
    if not rows:
        return []
    drawn = busbw_figure("All-reduce on this system by size", rows)
    words = f"Groups of {_all(ranks)} ranks, packed as densely as the system allows."
    return [drawn, paragraph(words, quiet=True)]


def _busbw_row(label: str, answer: Collective, i: int) -> dict[str, Any]:
    return {
        "system": label,
        "wanted": "auto",
        "size_bytes": SIZES[i],
        "time_s": float(answer.time[i]),
        "time_low_s": float(answer.time[i]),
        "time_high_s": float(answer.time[i]),
        "busbw_bytes_per_s": float(answer.busbw[i]),
        "algorithm": str(answer.algorithm[i]),
    }


def _all(counts: Sequence[int]) -> str:
    words = [f"{count:,}" for count in counts]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if words[1:] else words[0]


def _levers(explained: Explanation) -> Section:
    if not explained.elasticities:
        return Section("levers", "What would help", ())
    words = "The plan is held; one percent less of what is negative gains as much."
    parts = (tornado_figure(explained), paragraph(words, quiet=True))
    return Section("levers", "What would help", parts)
