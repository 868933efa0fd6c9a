"""The report of a channel: its margin by case, loss, pulse, eye and bathtub.

This file knows what a reader asks of a wire between packages; the link room answers.
"""

from collections.abc import Sequence

from accelsim.link.judge import Judgement
from accelsim.markup import Markup, table, tag
from accelsim.report.link_figure import Sight, sight_figures, sight_of
from accelsim.report.page.page import Page, Part, Section, paragraph, wide
from accelsim.report.page.reproduce import File, reproduce_section, with_bases
from accelsim.report.page.sources import figures_section
from accelsim.specs.figure import figures


def channel_page(found: Judgement, command: str, files: Sequence[File]) -> Page:
    """Return the report of a channel between the packages of a sheet."""
    worst = found.worst
    name = found.channel.thru.name or "channel"
    verdict = "passes" if found.passes else "fails"
    tiles = [
        (f"COM, case {worst.name}", f"{worst.com.com_db:.2f} dB"),
        ("asked", f"{found.sheet.margin_db:g} dB"),
        (f"loss at {found.sheet.symbol_rate / 2e9:g} GHz", f"{found.loss_db:.1f} dB"),
    ]
    if found.erl is not None:
        tiles.append(("effective return loss", f"{found.erl.erl_db:.1f} dB"))
    doubts = [tag("li", line) for line in found.warnings]
    cases: list[Part] = [wide(_cases(found))]
    if doubts:
        cases += [tag("h3", "Doubts"), tag("ul", *doubts)]
    words = f"The worst case, {worst.name}, as the sheet's receiver sees it."
    told = {f"{found.spec.name}.{k}": f for k, f in figures(found.spec).items()}
    sections = (
        Section("cases", "Package cases", tuple(cases)),
        sight_section(sight_of(found), words),
        figures_section(told),
        reproduce_section(command, [], with_bases(files)),
    )
    return Page(
        kind="channel",
        title=f"{name}: {verdict} {found.spec.name}",
        lead=f"{found.spec.version}, Annex {found.spec.annex}, "
        f"{found.sheet.symbol_rate / 1e9:g} GBd.",
        tiles=tuple(tiles),
        sections=tuple(section for section in sections if section.parts),
    )


def _cases(found: Judgement) -> Markup:
    rows = [
        (
            case.name, f"{case.com.com_db:.3f}", f"{case.com.vec_db:.2f}",
            f"{case.com.fom_db:.2f}", f"{case.com.signal * 1e3:.2f}",
            f"{case.com.interference * 1e3:.2f}",
            " ".join(f"{tap:.2f}" for tap in case.com.setting.tx_taps if tap),
        )
        for case in found.cases
    ]  # fmt: skip
    head = (
        "case",
        "COM, dB",
        "VEC, dB",
        "FOM, dB",
        "signal, mV",
        "noise, mV",
        "Tx taps",
    )
    return table(head, rows)


def sight_section(seen: Sight, words: str) -> Section:
    """Return loss, pulse, eye and bathtub of one channel."""
    parts: list[Part] = [paragraph(words, quiet=True), *sight_figures(seen)]
    return Section("eye", "Channel, pulse and eye", tuple(parts))
