"""HTML that cannot be broken by data: elements and tables whose words are escaped.

This file knows HTML and nothing of what it says. `Markup` is text that is HTML already;
every other text is escaped where it enters.
"""

from collections.abc import Collection, Iterable, Sequence
from html import escape


class Markup(str):
    """A text that is HTML."""

    __slots__ = ()


def html(part: object) -> str:
    """Return a part as HTML: escaped, unless it is HTML."""
    return part if isinstance(part, Markup) else escape(str(part))


def tag(name: str, *parts: object, **attributes: str) -> Markup:
    """Return an element of parts; `class_` and `data_x` are `class` and `data-x`."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value
    )
    return Markup(f"<{name}{told}>{joined(parts)}</{name}>")


def joined(parts: Iterable[object]) -> Markup:
    """Return parts one after the other."""
    return Markup("".join(map(html, parts)))


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    left: int | Collection[int] = 1,
    caption: str = "",
    class_: str = "",
) -> Markup:
    """Return a table; the first `left` columns, or these, are words, others numbers."""
    words = range(left) if isinstance(left, int) else left

    def cells(name: str, row: Sequence[object]) -> Markup:
        made = (
            tag(name, cell, class_="" if index in words else "number")
            for index, cell in enumerate(row)
        )
        return tag("tr", *made)

    parts = [tag("caption", caption)] if caption else []
    if any(head):
        parts.append(tag("thead", cells("th", head)))
    body = tag("tbody", *(cells("td", row) for row in rows))
    return tag("table", *parts, body, class_=class_)


# A table that stands alone, in a notebook, brings the little style that it needs.
ALONE = Markup(
    "<style>.accelsim td.number,.accelsim th.number{text-align:right;"
    "font-variant-numeric:tabular-nums}.accelsim td,.accelsim th{padding:2px 10px}"
    ".accelsim th{text-align:left}"
    ".accelsim caption{text-align:left;font-weight:600;padding:6px 10px}</style>"
)


def alone(*tables: object) -> str:
    """Return tables for a notebook."""
    return tag("div", ALONE, *tables, class_="accelsim")
