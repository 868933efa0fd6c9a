"""The report of one run: summary, time, memory, roofs, links, levers, sources.

This file knows the order in which a reader asks; figures and tables are others'.
"""

from dataclasses import asdict

from accelsim import numbers
from accelsim.explore.estimate import estimate
from accelsim.explore.explanation import Explanation, explain
from accelsim.explore.result import Estimate
from accelsim.explore.shown import Facts, answer_facts, question_facts
from accelsim.explore.timeline import timeline
from accelsim.markup import Markup, table, tag
from accelsim.overrides import Overrides
from accelsim.report.estimate import DEFINITIONS, TIME_WORDS
from accelsim.report.memory_figure import stages_figure
from accelsim.report.page.links import links_section
from accelsim.report.page.page import Page, Part, Section, paragraph, wide
from accelsim.report.page.reproduce import files_of, reproduce_section
from accelsim.report.page.roofs import roofs_section
from accelsim.report.page.sources import sources_section
from accelsim.report.step_figure import tornado_figure, waterfall_figure
from accelsim.report.timeline_figure import timeline_figure
from accelsim.report.whole import whole_facts
from accelsim.specs.run import RunSpec
from accelsim.units import show


def run_page(run: RunSpec, overrides: Overrides, command: str) -> Page:
    """Return the report of a run; `command` is what was typed.

    Raises
    ------
    InputError, NoAnswerError
        As `estimate` does.
    """
    return page_of(estimate(run, overrides), command)


def page_of(found: Estimate, command: str) -> Page:
    """Return the report of an estimate; `command` is what was typed."""
    explained = explain(found)
    q = found.question
    sections = [
        _summary(found),
        _time(explained),
        _memory(found),
        roofs_section({q.system.name: found}),
        links_section(found),
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
    if found.whole is not None:
        facts += whole_facts(found.whole)
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


def _levers(explained: Explanation) -> Section:
    if not explained.elasticities:
        return Section("levers", "What would help", ())
    words = "The plan is held; one percent less of what is negative gains as much."
    parts = (tornado_figure(explained), paragraph(words, quiet=True))
    return Section("levers", "What would help", parts)
