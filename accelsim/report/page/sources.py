"""Where the figures of an answer come from: tables by path, soft ones first.

This file knows kinds of sources; the figures are those of the question's specs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from accelsim.explore.held import named_figures
from accelsim.explore.result import Estimate
from accelsim.link.soft import soft_figures as all_soft_figures
from accelsim.markup import Markup, html, table, tag
from accelsim.report.page.page import Section, paragraph, wide
from accelsim.report.soft import soft_figures
from accelsim.specs.figure import KINDS, SOFT_KINDS, Figure

WHAT = {
    "datasheet": "the maker's sheet",
    "documentation": "the maker's or provider's documents",
    "measured": "published measurements",
    "press": "press reports",
    "assumed": "our own derivation, told beside it",
}


def sources_section(found: Mapping[str, Estimate]) -> Section:
    """Return the sources of one answer or of several, by their names."""
    every: dict[str, Figure] = {}
    soft: dict[str, Figure] = {}
    for name, one in found.items():
        before = f"{name}: " if len(found) > 1 else ""
        figures = named_figures(one.question) | all_soft_figures(one.question)
        every |= {before + path: figure for path, figure in figures.items()}
        soft |= {before + path: figure for path, figure in soft_figures(one).items()}
    lead = (
        f"{len(every)} figures stand behind this answer. {len(soft)} of them are press "
        "reports or assumptions that it rests on: they come first, the weightiest on "
        "top."
    )
    return _section(lead, every, soft)


def figures_section(every: Mapping[str, Figure]) -> Section:
    """Return the sources of figures, the soft ones first."""
    soft = {path: f for path, f in every.items() if f.kind in SOFT_KINDS}
    lead = f"{len(every)} figures, {len(soft)} of them press reports or assumptions."
    return _section(lead, every, soft)


def _section(
    lead: str, every: Mapping[str, Figure], soft: Mapping[str, Figure]
) -> Section:
    rest = {path: figure for path, figure in every.items() if path not in soft}
    return Section(
        "sources",
        "Sources and assumptions",
        (
            paragraph(lead),
            wide(kinds_table(every.values())),
            tag("h3", "What it rests on that is soft") if soft else Markup(""),
            wide(figures_table(soft)) if soft else Markup(""),
            tag(
                "details",
                tag("summary", f"All other figures ({len(rest)})"),
                wide(figures_table(rest)),
            ),
        ),
    )


def kinds_table(figures: Iterable[Figure]) -> Markup:
    """Return how many figures there are of each kind."""
    counts = Counter(figure.kind for figure in figures)
    rows = [(kind_of(kind), WHAT[kind], counts[kind]) for kind in KINDS if counts[kind]]
    return table(("kind", "that is", "figures"), rows, left=2)


def figures_table(figures: Mapping[str, Figure]) -> Markup:
    """Return each figure with its kind and its source."""
    rows = [
        (breaking(path), figure.text, kind_of(figure.kind), figure.source or "–")
        for path, figure in figures.items()
    ]
    head = ("figure", "value", "kind", "source")
    return table(head, rows, left=4, class_="sources")


def kind_of(kind: str) -> Markup:
    """Return a kind as a label; a soft one stands out."""
    soft = " soft" if kind in SOFT_KINDS else ""
    return tag("span", kind, class_=f"kind{soft}")


def breaking(path: str) -> Markup:
    """Return a dotted path that may be broken after its dots."""
    return Markup(html(path).replace(".", ".<wbr>"))
