"""What the catalog holds, and every field of a spec with its source.

This file knows how specs are read. Data for `--json` and tables for people are made
here from the same fields.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.report.tables import SOFT_MARK, flowing, heading, notes, table, width
from accelsim.specs.figure import SOFT_KINDS, Figure
from accelsim.units import UNITS, parse

ABOUT = ("name", "source", "kind", "note")
SHORTEST_PATH = 24  # characters that any terminal leaves for a field's name
_NUMBER = re.compile(r"\s*[-+0-9._]+(?:[eE][-+]?[0-9]+)?\s*")


def _chip(spec: Any) -> str:
    return (
        f"{spec.vendor}, {spec.status} {spec.year}, "
        f"bf16 {spec.matrix.peak['bf16'].text}, "
        f"{spec.hbm.capacity.text} {spec.hbm.generation}"
    )


def _link(spec: Any) -> str:
    rate = spec.bandwidth or spec.lane_rate
    return f"{spec.medium}, {spec.lanes} lanes, {rate.text}"


def _hbm(spec: Any) -> str:
    return (
        f"{spec.generation}, {spec.pin_rate.text} a pin, "
        f"{spec.organisation.channels} channels, {spec.bandwidth / 1e9:,.0f} GB/s and "
        f"{spec.capacity / 2**30:,.0f} GiB a stack"
    )


def _com(spec: Any) -> str:
    names = ", ".join(case.name for case in spec.cases)
    return f"{spec.version}, Annex {spec.annex}, {spec.symbol_rate.text}; cases {names}"


def _segment(spec: Any) -> str:
    if spec.line is None:
        return f"{spec.what} of {len(spec.parts)} parts"
    return f"{spec.what}, {spec.line.impedance.text}"


def _system(spec: Any) -> str:
    tiers = ", ".join(f"{name} {tier.chips:,}" for name, tier in spec.tiers.items())
    return f"{spec.chip}, {spec.status}; chips by tier: {tiers}"


def _device(spec: Any) -> str:
    words = f"{spec.what}, {spec.lane_rate.text} a lane, {spec.energy.text}"
    return f"{words}, {spec.loss.text}" if spec.loss else words


def _code(spec: Any) -> str:
    size = f"({spec.symbols},{spec.data})" if spec.method != "none" else ""
    words = f"{spec.method}{size}, interleave {spec.interleave}"
    inner = f", inner Hamming ({spec.inner},{spec.inner - 8})" if spec.inner else ""
    return f"{words}{inner}; frames of {spec.frame.text}"


def _switch(spec: Any) -> str:
    what = "optical circuit switch" if spec.optical else "switch"
    return f"{what} of {spec.radix} ports of {spec.port_rate.text}"


def _model(spec: Any) -> str:
    size = f"{spec.layers} layers x {spec.hidden}"
    if spec.moe:
        size += f", {spec.moe.experts} experts, top {spec.moe.top_k}"
    return f"{size}, sequences of {spec.seq_len:,}"


def _software(spec: Any) -> str:
    return f"{spec.attention} attention, sharding {', '.join(spec.sharding)}"


def _price(spec: Any) -> str:
    kinds = ", ".join(dict.fromkeys(offer.offer for offer in spec.offers))
    newest = max(offer.date for offer in spec.offers)
    return f"{len(spec.offers)} offers to {newest}: {kinds}"


def _process(spec: Any) -> str:
    gains = f"{spec.speed.text}x speed or {spec.power.text}x power of {spec.after}"
    words = gains if spec.after else "first of its chain"
    return f"{words}; wafer {spec.wafers[-1].usd.text}, {spec.defects.text}"


def _reliability(spec: Any) -> str:
    return f"{spec.measured}: {', '.join(spec.failures)}"


def _supply(spec: Any) -> str:
    return f"{spec.chip} from {spec.start}"


def _claim(spec: Any) -> str:
    return f"{spec.date}: {spec.statement}"


def _package(spec: Any) -> str:
    price = spec.interposer[-1].usd.text
    return f"interposer {price}, test {spec.test.text}"


def _sweep(spec: Any) -> str:
    return f"{spec.question} ({', '.join(axis.path for axis in spec.axes)})"


def _run(spec: Any) -> str:
    return f"{spec.model} on {spec.chips:,} chips of {spec.system}"


_DESCRIBE: dict[str, Callable[[Any], str]] = {
    "chips": _chip,
    "links": _link,
    "hbm": _hbm,
    "com": _com,
    "segments": _segment,
    "devices": _device,
    "codes": _code,
    "switches": _switch,
    "systems": _system,
    "models": _model,
    "software": _software,
    "prices": _price,
    "processes": _process,
    "packages": _package,
    "supply": _supply,
    "claims": _claim,
    "reliability": _reliability,
    "runs": _run,
    "designs": _sweep,
    "sweeps": _sweep,
}


def describe_all(kind: str) -> list[dict[str, str]]:
    """Return name and one-line description of all that the catalog has of a kind.

    A file that cannot be read is listed with the reason: one bad file of the user
    must not hide the others.
    """
    found = []
    for name in catalog.names(kind):
        try:
            words = _DESCRIBE[kind](catalog.load(kind, name))
        except InputError as error:
            words = f"cannot be used: {error}"
        found.append({"name": name, "description": words})
    return found


def catalog_tables(
    found: Mapping[str, Sequence[Mapping[str, str]]],
) -> list[RenderableType]:
    """Return a table for each kind."""
    made: list[RenderableType] = []
    for kind, things in found.items():
        rows = table(kind, "", left=2)
        rows.columns[0].no_wrap = True
        for thing in things:
            rows.add_row(thing["name"], Text(thing["description"]))
        made += [rows if things else f"{kind}: none", ""]
    return made


def _leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    """Return figures and plain fields by dotted path; what is not set is left out."""
    if isinstance(value, BaseModel):
        items = [(name, getattr(value, name)) for name in type(value).model_fields]
    elif isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, tuple | list) and any(
        isinstance(item, BaseModel | dict) for item in value
    ):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        empty = value is None or (isinstance(value, str | tuple | list) and not value)
        return [] if empty else [(path, value)]
    found = []
    for name, item in items:
        found += _leaves(item, f"{path}.{name}" if path else str(name))
    return found


def spec_fields(kind: str, spec: Any) -> dict[str, Any]:
    """Return a spec as plain data: fields, and figures with unit, kind, source."""
    figures: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for path, value in _leaves(spec, ""):
        if isinstance(value, Figure):
            figures[path] = {
                "text": value.text,
                "value": value.value,
                "unit": UNITS[value.dimension][0],
                "kind": value.kind,
                "source": value.source,
                "spread": value.spread,
            }
        elif path not in ABOUT:
            fields[path] = value
    return {
        "kind": kind,
        "name": spec.name,
        "source": spec.source,
        "source_kind": spec.kind,
        "note": spec.note,
        "fields": fields,
        "figures": figures,
    }


def spec_tables(
    kind: str, spec: Any, namesakes: Sequence[str] = ()
) -> list[RenderableType]:
    """Return every field of a spec, its figures with kind and numbered source."""
    leaves = [(path, v) for path, v in _leaves(spec, "") if path not in ABOUT]
    figures = [value for _, value in leaves if isinstance(value, Figure)]
    names = dict.fromkeys(figure.source or "none given" for figure in figures)
    numbers = {source: f"[{i}]" for i, source in enumerate(names, 1)}
    columns = ("", "kind", "source") if figures else ()
    made = table("field", "value", *columns, left=2 + len(columns))
    for index, column in enumerate(made.columns):
        column.no_wrap = index != 1  # only values wrap
    made.columns[1].overflow = "fold"  # and none is cut off
    for path, value in leaves:
        if isinstance(value, Figure):
            mark = SOFT_MARK if value.kind in SOFT_KINDS else ""
            number = numbers[value.source or "none given"]
            made.add_row(_broken(path), Text(_written(value)), mark, value.kind, number)
        else:
            made.add_row(_broken(path), Text(_plain(value)))
    soft = any(figure.kind in SOFT_KINDS for figure in figures)
    legend = f"{SOFT_MARK} a press report or an assumption: results rest on it"
    return [
        heading(f"{spec.name} ({kind})"),
        "",
        *_about(spec, namesakes),
        made,
        "",
        *([legend, ""] if soft else []),
        *_sources(numbers),
    ]


def _broken(path: str) -> str:
    """Return a dotted path on lines that leave half of the terminal: it breaks at dots.

    Rich alone would break it in mid-word.
    """
    room = max(SHORTEST_PATH, width() // 2 - 10)
    lines = [""]
    for word in re.findall(r"[^.]+\.?", path):
        if len(lines[-1] + word) > room and lines[-1].strip():
            lines.append("  ")
        lines[-1] += word
    return "\n".join(lines)


def _written(figure: Figure) -> str:
    """Return a figure as it was written, and its spread in the same unit."""
    if figure.spread is None:
        return figure.text
    unit = _NUMBER.sub("", figure.text, count=1).strip()
    try:
        scale = parse(f"1 {unit}", figure.dimension)
    except InputError:  # derived from a changed figure: the text leaves out a word
        unit, scale = UNITS[figure.dimension][0], 1.0
    low, high = (f"{bound / scale:.6g}" for bound in figure.spread)
    return f"{figure.text} ({low} to {high} {unit})".replace(" )", ")")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(_plain(item) for item in value)
    return str(value)


def _about(spec: Any, namesakes: Sequence[str]) -> list[RenderableType]:
    lines = [part for part in spec.note.split("\n\n") if part.strip()]
    if spec.source:
        lines.append(f"source of the plain fields ({spec.kind}): {spec.source}")
    if namesakes:
        lines.append(f"the same name: {', '.join(namesakes)}")
    return notes(lines, "About")


def _sources(numbers: Mapping[str, str]) -> list[RenderableType]:
    if not numbers:
        return []
    grid = Table.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(overflow="fold")  # long paths are cut up, not off
    for source, number in numbers.items():
        grid.add_row(number, flowing(source))
    return [heading("Sources"), grid]
