"""A report as one HTML file: sections of figures, tables and words.

This file knows the page's parts and its template; what they say is handed to it. The
file loads nothing: style and figures are inside, and its policy forbids the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TypeAlias

import accelsim
from accelsim.files import replacing
from accelsim.markup import Markup, html, joined, tag
from accelsim.report.picture.marks import DARK, LIGHT, Drawing
from accelsim.report.picture.svg import inline, patterns, variables

Part: TypeAlias = Drawing | Markup


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with a title.

    Attributes
    ----------
    anchor : str
        That the table of contents leads to.
    parts : tuple
        Drawings and HTML, in order.
    """

    anchor: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A report.

    Attributes
    ----------
    kind : str
        Of the report, such as `run`.
    tiles : tuple of (str, str)
        The figures that are seen first: words, and the figure as it is read.
    """

    kind: str
    title: str
    lead: str
    tiles: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...] = field(repr=False)

    @property
    def drawings(self) -> list[Drawing]:
        """Return every figure of the page."""
        parts = (part for section in self.sections for part in section.parts)
        return [part for part in parts if isinstance(part, Drawing)]


def page_html(page: Page) -> str:
    """Return the page's file."""
    folder = files(__package__)
    template = Template(folder.joinpath("page.html").read_text("utf-8"))
    return template.substitute(
        version=accelsim.__version__,
        kind=html(page.kind),
        title=html(page.title),
        lead=html(page.lead),
        light=variables(LIGHT),
        dark=variables(DARK),
        style=folder.joinpath("page.css").read_text("utf-8"),
        patterns=patterns(),
        tiles=_tiles(page.tiles),
        contents=joined(
            tag("a", section.title, href=f"#{section.anchor}")
            for section in page.sections
        ),
        sections="\n".join(map(_section, page.sections)),
        date=datetime.now(UTC).strftime("%-d %B %Y"),
    )


def _tiles(tiles: Sequence[tuple[str, str]]) -> Markup:
    made = [
        tag("div", tag("b", figure), tag("span", words), class_="tile")
        for words, figure in tiles
    ]
    return tag("div", *made, class_="tiles") if made else Markup("")


def _section(section: Section) -> Markup:
    parts = [
        figure(part) if isinstance(part, Drawing) else part for part in section.parts
    ]
    title = tag("h2", section.title)
    return tag("section", title, *parts, id=section.anchor)


def figure(drawing: Drawing) -> Markup:
    """Return a drawing with its title and what can be seen in it."""
    words = tag("figcaption", drawing.title, tag("span", drawing.about))
    sheet = tag("div", Markup(inline(drawing)), class_="sheet")
    return tag("figure", words, sheet)


def wide(table: Markup) -> Markup:
    """Return a table that scrolls by itself where the screen is narrow."""
    return tag("div", table, class_="wide")


def paragraph(words: str, *, quiet: bool = False) -> Markup:
    """Return a paragraph."""
    return tag("p", words, class_="quiet" if quiet else "")


def write(page: Page, path: Path) -> None:
    """Write a page whole or not at all."""
    with replacing(path) as temporary:
        Path(temporary).write_text(page_html(page), "utf-8")
