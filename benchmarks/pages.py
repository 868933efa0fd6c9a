"""Tables between markers of a page: how they are written, found and replaced."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

Block = str


class Row(tuple[str, ...]):
    """The cells of a row, as text."""

    __slots__ = ()

    def __new__(cls, *cells: str) -> "Row":
        """Return the row of these cells."""
        return super().__new__(cls, cells)


def table(head: Row, body: Iterable[Row]) -> Block:
    """Return a table as Markdown, columns that are empty left out; or `None.`"""
    rows = list(body)
    if not rows:
        return "None."
    used = [i for i in range(len(head)) if any(row[i] for row in rows)]
    lines = [head, Row(*("---" for _ in head)), *rows]
    cells = (" | ".join(row[i].replace("|", "\\|") for i in used) for row in lines)
    return "\n".join(f"| {line} |" for line in cells)


def rows_of(block: Block) -> str:
    """Return a Markdown table for a terminal: columns as wide as their cells."""
    lines = [
        [cell.strip() for cell in line[2:-2].split(" | ")]
        for line in block.splitlines()
        if not re.fullmatch(r"[|\s-]+", line)
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def put(text: str, blocks: Mapping[str, Block], page: Path) -> str:
    """Return a page with its marked tables replaced.

    A table stands between `<!-- made: NAME -->` and `<!-- end -->`.
    """
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- made: {name} -->\n).*?(<!-- end -->)", re.S)
        found = pattern.search(text)
        if found is None:
            raise LookupError(f"{page}: has no place for the table {name}")
        before, after = found[1], found[2]
        made = f"{before}{block}\n{after}"
        text = text[: found.start()] + made + text[found.end() :]
    return text
