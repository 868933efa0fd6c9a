"""The report of a wire under a training run: what each length, path or rate leaves.

This file knows what is read of a chain; the link room and the estimate answer.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from accelsim import numbers
from accelsim.explore.chain import Chain
from accelsim.markup import Markup, table, tag
from accelsim.report.chain import WORDS, chain_plain
from accelsim.report.chain_figure import chain_figure
from accelsim.report.page.page import Page, Section, paragraph, wide
from accelsim.report.page.reproduce import files_of, reproduce_section
from accelsim.report.page.sources import sources_section

WIRE = (
    ("margin, dB", "margin_db", 1.0, "{:.2f}"),
    ("Gb/s a lane", "lane_rate_bit_per_s", 1e-9, "{:g}"),
    ("GB/s", "bandwidth_bytes_per_s", 1e-9, "{:.2f}"),
    ("hop, ns", "latency_s", 1e9, "{:.0f}"),
    ("pJ/b", "energy_j_per_bit", 1e12, "{:.2f}"),
    ("USD", "price_usd", 1.0, "{:,.0f}"),
)
RUN = (
    ("tokens/s", "tokens_per_s", 1.0, "{:,.0f}"),
    ("with goodput", "goodput_tokens_per_s", 1.0, "{:,.0f}"),
    ("J/token", "j_per_token", 1.0, "{:.4g}"),
    ("failures a day", "link_failures_per_day", 1.0, "{:.3g}"),
)


def chain_page(found: Chain, command: str) -> Page:
    """Return the report of a chain."""
    plain, base = chain_plain(found), found.base
    name = base.question.system.name
    sections = (
        Section("figure", "Throughput, energy and margin", (chain_figure(plain),)),
        Section("points", "Point by point", (wide(_points(plain)), *_regimes(plain))),
        sources_section({name: base}),
        reproduce_section(command, [base], files_of(base.question)),
    )
    return Page(
        kind="chain",
        title=f"{found.link} under {plain['model']}",
        lead=f"{base.chips:,} chips of {name}, plan {base.plan.text()} at every point; "
        f"the link is in {', '.join(found.tiers)}.",
        tiles=(
            ("tokens a second as it is", numbers.scaled(base.tokens_per_s, digits=3)),
            ("links of the job", f"{found.ports:,.0f}"),
            ("points inside the budget", _count(plain, "inside")),
            ("points over it", _count(plain, "over")),
        ),
        sections=sections,
    )


def _count(plain: Mapping[str, Any], regime: str) -> str:
    points = plain["points"]
    return f"{sum(p['regime'] == regime for p in points)} of {len(points)}"


def _points(plain: Mapping[str, Any]) -> Markup:
    rows = [_row(point) for point in plain["points"]]
    heads = [head for head, *_ in (*WIRE, *RUN)]
    first = (plain["vary"] or "as it is", "regime", *heads)
    return table((*first, "instead", "tokens/s"), rows, left=(0, 1, len(heads) + 2))


def _row(point: Mapping[str, Any]) -> list[Markup | str]:
    regime = str(point["regime"])
    instead = point["remedy"] or {}
    nothing = "" if regime == "inside" else "nothing helps"
    cells = [_cell(point[key], scale, form) for _, key, scale, form in (*WIRE, *RUN)]
    return [
        tag("span", point["value"] or "–", class_="name"),
        tag("span", regime, class_=f"regime-{regime}"),
        *cells,
        str(instead.get("change", nothing)),
        _cell(instead.get("tokens_per_s"), 1.0, "{:,.0f}") if instead else "",
    ]


def _cell(value: float | None, scale: float, form: str) -> str:
    return numbers.DASH if value is None else form.format(value * scale)


def _regimes(plain: Mapping[str, Any]) -> list[Markup]:
    """Return from where to where each regime goes."""
    lines = []
    for regime, group in groupby(plain["points"], key=lambda one: str(one["regime"])):
        values = [str(point["value"]) for point in group]
        ends = values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"
        lines.append(paragraph(f"{ends or 'as it is'}: {WORDS[regime]}", quiet=True))
    return lines
