"""The report of a link: its budget part by part, its margin and its eye.

This file knows what a reader asks of a wire; the link room answers.
"""

import math
from collections.abc import Mapping, Sequence

from accelsim.errors import AccelsimError
from accelsim.link.answer import HOUR, LinkBudget
from accelsim.link.jitter import judged
from accelsim.link.plain import WORDS, budget_facts, budget_plain
from accelsim.link.port import Port
from accelsim.markup import Markup, table, tag
from accelsim.report.link_figure import sight_of_span
from accelsim.report.link_port import port_facts, port_plain
from accelsim.report.margin_figure import margins_figure
from accelsim.report.page.channel import sight_section
from accelsim.report.page.page import Page, Part, Section, wide
from accelsim.report.page.reproduce import File, reproduce_section, with_bases
from accelsim.report.page.sources import figures_section
from accelsim.report.picture.charts import Bar, stacked
from accelsim.report.picture.marks import Drawing
from accelsim.report.picture.plot import Key
from accelsim.specs.figure import Figure, NamedSpec, figures
from accelsim.specs.link import LinkSpec

PARTS = (
    ("latency, one way", "latency_parts_s", 1e9, "ns"),
    ("energy of a raw bit", "energy_parts_j_per_bit", 1e12, "pJ/b"),
    ("price, both ways", "price_parts_usd", 1.0, "USD"),
    ("failures", "failure_parts_fit", 1.0, "FIT"),
)


def budget_page(
    found: LinkBudget, command: str, files: Sequence[File],
    link: tuple[LinkSpec, Port] | None = None,
) -> Page:  # fmt: skip
    """Return the report of a budget; `link` is the catalog's, where it is one of it."""
    plain = budget_plain(found)
    name = found.link.path.text if link is None else link[0].name
    margins = {name: found} if found.spans else {}
    sections = [
        _summary(found, link),
        Section("margin", "Margin", (margins_figure(margins), wide(_spans(found))))
        if margins
        else Section("margin", "Margin", ()),
        *_eye(found),
        Section("parts", "What each part adds", _added(plain)),
        figures_section(_figures(found, link)),
        reproduce_section(command, [], with_bases(files)),
    ]
    rate = found.link.lane_rate / 1e9
    lead = f"{found.link.lanes} lanes of {rate:g} Gb/s, {found.link.code.name}"
    return Page(
        kind="link",
        title=name,
        lead=f"{lead}: {WORDS[found.regime]}.",
        tiles=(
            ("least margin", _decibels(found.margin_db)),
            ("payload, one way", f"{found.bandwidth / 1e9:.4g} GB/s"),
            ("latency, one way", f"{found.latency * 1e9:.0f} ns"),
            ("energy of a raw bit", f"{found.energy * 1e12:.3g} pJ/b"),
            ("price of the port", f"${found.price:,.0f}"),
            ("failures", f"{found.failures * HOUR * 1e9:,.0f} FIT"),
        ),
        sections=tuple(section for section in sections if section.parts),
    )


def _decibels(value: float) -> str:
    return f"{value:.2f} dB" if math.isfinite(value) else "no wire"


def _summary(found: LinkBudget, link: tuple[LinkSpec, Port] | None) -> Section:
    facts = budget_facts(found)
    parts: list[Part] = [wide(table((), facts, left=2, class_="facts"))]
    if link is not None:
        rows = port_facts(port_plain(*link))
        parts += [
            tag("h3", "What the fabric takes"),
            wide(table(("a port, one way", "", "origin"), rows, left=3)),
        ]
    return Section("summary", "Summary", tuple(parts))


def _spans(found: LinkBudget) -> Markup:
    rows = [
        (
            f"{span.text} → {span.receiver}", span.sheet, _decibels(span.com_db),
            _decibels(span.margin_db), f"{span.loss_db:.1f}",
            f"{span.limit_db:.1f}" if math.isfinite(span.limit_db) else "–",
            f"{span.error_ratio:.2g}", f"{span.carry:.2f}",
        )
        for span in found.spans
    ]  # fmt: skip
    head = ("span", "sheet", "COM", "margin", "loss, dB", "of", "errors", "burst")
    return table(head, rows, left=2)


def _eye(found: LinkBudget) -> list[Section]:
    """Return the eye of the span with the least margin that is a wire alone."""
    path = found.link.path
    spans = [
        each for each in judged(path.spans(), found.link.lane_rate) if each.span.items
    ]
    order = sorted(
        zip(spans, found.spans, strict=True), key=lambda pair: pair[1].margin_db
    )
    for each, told in order:
        try:
            seen = sight_of_span(path, each)
        except AccelsimError:  # no setting opens the eye
            continue
        if seen is not None:
            where = f"{told.text} → {told.receiver}"
            words = f"{where}, every equalizer setting of {told.sheet} tried."
            return [sight_section(seen, words)]
    return []


def _added(plain: Mapping[str, Mapping[str, float]]) -> tuple[Part, ...]:
    return _parts_figure(plain), wide(_parts(plain))


def _parts_figure(plain: Mapping[str, Mapping[str, float]]) -> Drawing:
    names = list(dict.fromkeys(name for _, key, _, _ in PARTS for name in plain[key]))
    bars = []
    for words, key, scale, unit in PARTS:
        parts, total = plain[key], sum(plain[key].values())
        shares = tuple(
            (names.index(name), value / total if total else 0.0,
             f"{name}: {value * scale:.3g} {unit}")
            for name, value in parts.items()
        )  # fmt: skip
        bars.append(Bar(words, shares, f"{total * scale:,.4g} {unit}"))
    keys = [Key(name, n) for n, name in enumerate(names)]
    about = "Share of each part of the link in what it takes and costs."
    return stacked("parts", "Parts of the budget", about, bars, keys, ("share", "%"))


def _parts(plain: Mapping[str, Mapping[str, float]]) -> Markup:
    names = list(dict.fromkeys(name for _, key, _, _ in PARTS for name in plain[key]))
    rows = [
        (
            name,
            *(
                f"{plain[key][name] * scale:,.3g}" if name in plain[key] else "–"
                for _, key, scale, _ in PARTS
            ),
        )
        for name in names
    ]
    return table(("part", *(unit for *_, unit in PARTS)), rows)


def _figures(
    found: LinkBudget, link: tuple[LinkSpec, Port] | None
) -> dict[str, Figure]:
    named: dict[str, NamedSpec] = {i.spec.name: i.spec for i in found.link.path.items}
    named[found.link.code.name] = found.link.code
    if link is not None:
        named = {link[0].name: link[0]} | named
    return {
        f"{name}.{path}": figure
        for name, spec in named.items()
        for path, figure in figures(spec).items()
    }
