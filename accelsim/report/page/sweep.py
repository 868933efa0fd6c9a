"""The report of a sweep: its rows as lines and as a front, the best point taken apart.

This file knows what of a sweep's folder is drawn; the best point is asked again.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from accelsim import numbers
from accelsim.errors import AccelsimError
from accelsim.explore.estimate import answer
from accelsim.explore.explanation import explain
from accelsim.explore.result import Estimate
from accelsim.explore.sweep.look import (
    axis_columns,
    column_named,
    shown_columns,
    sorted_rows,
    summary,
)
from accelsim.explore.sweep.points import points_of
from accelsim.explore.sweep.rows import question_of
from accelsim.explore.sweep.store import Store
from accelsim.markup import table, tag
from accelsim.report.front_figure import Candidate, front_figure
from accelsim.report.page.page import Page, Part, Section, paragraph, wide
from accelsim.report.page.reproduce import File, files_of, reproduce_section
from accelsim.report.page.sources import sources_section
from accelsim.report.step_figure import tornado_figure, waterfall_figure
from accelsim.report.sweep import (
    axes_of_picture,
    cell,
    is_text,
    rows_figure,
    short_names,
)

if TYPE_CHECKING:
    import pyarrow as pa

USUAL = ("tokens_per_s", "usd_per_million_tokens", "j_per_token")
FRONT = (
    ("usd_per_million_tokens", "price of 10⁶ tokens, $"),
    ("j_per_token", "energy of a token, J"),
)


@dataclass(frozen=True, slots=True)
class Look:
    """How rows are shown: the options of `accelsim sweep show`."""

    sort: str | None = None
    largest: bool = False
    top: int = 20
    x: str | None = None
    y: str | None = None
    by: str | None = None


def sweep_page(store: Store, look: Look, command: str) -> Page:
    """Return the report of a sweep's finished rows.

    Raises
    ------
    InputError
        No such column, or no finished row.
    """
    told, rows = summary(store), store.rows()
    x, y, by = (column_named(rows, name) for name in (look.x, look.y, look.by))
    look = replace(look, x=x, y=y, by=by)
    spec = store.manifest.spec
    answered = [row for row in rows.to_pylist() if row["status"] == "ok"]
    best = max(answered, key=lambda row: float(row["tokens_per_s"]), default=None)
    estimate = None if best is None else _asked_again(store, int(best["point"]))
    sections = [
        _summary(store, told, rows, look),
        _figures(store, rows, look),
        _fronts(store, answered),
        *_best(estimate),
        *([] if estimate is None else [sources_section({"best": estimate})]),
        _reproduce(store, command, estimate),
    ]
    return Page(
        kind="sweep",
        title=spec.question or spec.name,
        lead=f"{len(answered):,} answers of {told['points_done']:,} points "
        f"({told['points']:,} in all) along {', '.join(points_of(spec).paths)}.",
        tiles=_tiles(answered),
        sections=tuple(section for section in sections if section.parts),
    )


def _asked_again(store: Store, point: int) -> Estimate | None:
    axes = points_of(store.manifest.spec).chunk(point, point + 1)
    try:
        asked = question_of(store.manifest.spec, {k: c[0] for k, c in axes.items()})
        found = answer([asked])[0]
    except AccelsimError:  # files that the sweep read are gone
        return None
    return found if isinstance(found, Estimate) else None


def _tiles(rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    if not rows:
        return ()

    def ends(key: str, pick: Any) -> float | None:
        told = [row[key] for row in rows if math.isfinite(row[key])]
        return pick(told) if told else None

    energy = numbers.short(ends("j_per_token", min))
    price = numbers.dollars(ends("usd_per_million_tokens", min))
    return (
        ("most tokens a second", numbers.scaled(ends("tokens_per_s", max), "", 3)),
        ("highest MFU", numbers.percent(ends("mfu", max))),
        ("least energy of a token", f"{energy} J"),
        ("least price of 10⁶ tokens", price),
    )


def _summary(
    store: Store, told: Mapping[str, Any], rows: "pa.Table", look: Look
) -> Section:
    sort, largest = look.sort or "tokens_per_s", look.largest or look.sort is None
    first = sorted_rows(rows, sort, largest=largest).slice(0, look.top)
    shown = first.select(shown_columns(store))
    lines = [[cell(value) for value in row.values()] for row in shown.to_pylist()]
    left = [n for n, column in enumerate(shown.columns) if is_text(column)]
    head = short_names(shown.column_names)
    top = "largest" if largest else "least"
    words = f"The first {len(lines)} by {sort}, the {top} on top."
    counts = [
        (key.replace("_", " ").removeprefix("rows "), f"{value:,}")
        for key, value in told.items()
        if key.startswith(("rows_", "points"))
    ]
    parts: tuple[Part, ...] = (
        wide(table((), counts, left=2, class_="facts")),
        paragraph(words, quiet=True),
        wide(table(head, lines, left=left)),
    )
    return Section("summary", "Rows", parts)


def _figures(store: Store, rows: "pa.Table", look: Look) -> Section:
    """Return each figure by the last axis, a line for each value of another."""
    sampled = any(axis.sample for axis in store.manifest.spec.axes)
    across, _, by = axes_of_picture(axis_columns(store), look.x, look.y, look.by)
    told = [look.y] if look.y else [name for name in USUAL if _any(rows, name)]
    drawn = [
        rows_figure(
            f"{name} by {across}", rows, across, name,
            None if sampled and look.by is None else by, joined=not sampled,
        )
        for name in told
    ]  # fmt: skip
    return Section("figures", "Figures", tuple(drawn))


def _any(rows: "pa.Table", name: str) -> bool:
    values = rows[name].to_pylist()
    return any(v is not None and math.isfinite(v) for v in values)


def _fronts(store: Store, rows: Sequence[Mapping[str, Any]]) -> Section:
    axes = axis_columns(store)
    drawn = []
    for key, words in FRONT:
        points = [
            Candidate(_name(axes, row), float(row[key]), float(row["tokens_per_s"]))
            for row in rows
            if math.isfinite(row[key])
        ]
        if len(points) > 1:
            title = f"Throughput against {words.partition(',')[0]}"
            name = f"front-{key.partition('_')[0]}"
            up = ("tokens a second", "")
            drawn.append(front_figure(title, points, (words, ""), up, name))
    return Section("front", "What no other point beats", tuple(drawn))


def _name(axes: Sequence[str], row: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {cell(row[axis])}"
        for name, axis in zip(short_names(list(axes)), axes, strict=True)
    )


def _best(found: Estimate | None) -> list[Section]:
    if found is None:
        return []
    explained = explain(found)
    name = f"{found.question.system.name}, {found.plan.text()}"
    words = f"Most tokens a second: {numbers.scaled(found.tokens_per_s)} by {name}."
    parts: list[Part] = [paragraph(words), waterfall_figure(explained)]
    if explained.elasticities:
        parts.append(tornado_figure(explained))
    return [Section("best", "The fastest point", tuple(parts))]


def _reproduce(store: Store, command: str, best: Estimate | None) -> Section:
    files: list[File] = [] if best is None else files_of(best.question)
    made = reproduce_section(command, [] if best is None else [best], files)
    manifest = store.manifest
    text = json.dumps(manifest.sweep, indent=2, ensure_ascii=False)
    told = f"Computed by accelsim {manifest.version}"
    told += f", commit {manifest.git[:12]}" if manifest.git else ""
    told += f", sources {manifest.sources}, digest {manifest.digest}."
    sweep = tag("details", tag("summary", "The sweep file, resolved"), tag("pre", text))
    return Section(made.anchor, made.title, (*made.parts, paragraph(told), sweep))
