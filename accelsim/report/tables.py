"""What all tables share: how wide they are, how they look, how they are printed.

This file knows rich and the terminal, and no answer.
"""

import math
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 100
NARROWEST = 60
WIDEST = 120
SOFT_MARK = "*"
BAR = 16


def width() -> int:
    """Return the columns to print in: those of the terminal, or 100 in a pipe."""
    stated = os.environ.get("COLUMNS", "")
    if stated.isdigit() and int(stated) > 0:
        columns = int(stated)
    elif sys.stdout.isatty():
        columns = shutil.get_terminal_size((PIPED_WIDTH, 24)).columns
    else:
        columns = PIPED_WIDTH
    return min(max(columns, NARROWEST), WIDEST)


def render(parts: Iterable[RenderableType]) -> str:
    """Return tables and lines as text; with colour if stdout is a terminal."""
    # Texts come from files: a [bracket] in a source must not be read as markup.
    console = Console(width=width(), markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        for part in parts:
            console.print(_cleaned(console, part), end="")
    lines = capture.get().splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _cleaned(console: Console, part: RenderableType) -> Segments:
    """Return what is printed, without characters from data that steer a terminal."""
    return Segments(
        Segment("".join(map(_harmless, segment.text)), segment.style)
        for segment in console.render(part)
    )


def _harmless(character: str) -> str:
    plain = character.isprintable() or character == "\n"
    return character if plain else " " * cell_len(character)


def table(*columns: str, title: str = "", left: int = 1, **look: Any) -> Table:
    """Return an empty table; the first `left` columns are words, the rest numbers."""
    made = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        header_style="bold",
        **look,
    )
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index < left else "right")
    return made


def heading(text: str) -> Text:
    """Return a line that stands above tables."""
    return Text(text, style="bold")


def bar(share: float) -> str:
    """Return a bar as long as the share of a whole; none of what is no number."""
    if math.isnan(share):
        return ""
    return "█" * round(min(max(share, 0.0), 1.0) * BAR)


def flowing(text: str) -> Text:
    """Return a text whose lines are broken where it is printed, not where written."""
    return Text(" ".join(text.split()))


def notes(lines: Sequence[str], title: str = "Notes") -> list[RenderableType]:
    """Return a list of notes under a title, or nothing where there are none."""
    if not lines:
        return []
    # A grid, so that a long note is wrapped beside its dash.
    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row("-", flowing(line))
    return [heading(title), Padding(grid, (0, 0, 1, 0))]
