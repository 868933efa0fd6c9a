"""What each knob of the page turns: which figures, from where to where, in which unit.

This file knows the paths of overrides; what a change does is the estimate's to say.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from accelsim import catalog
from accelsim.economics.price import choose_offer
from accelsim.errors import AccelsimError
from accelsim.explorer.design import KNOBS, Design
from accelsim.link.path import longest_wire
from accelsim.link.wire import link_of
from accelsim.overrides import Override
from accelsim.question import Question, resolve, run_from
from accelsim.silicon.scale import changes_of, ratios
from accelsim.specs.figure import Figure
from accelsim.specs.run import RunSpec
from accelsim.units import UNITS, show, show_bytes

Changes = Callable[[float], list[Override]]
OCTAVE = 0.05  # step of a ratio, in powers of two
SPAN = 2.0  # octaves either way


@dataclass(frozen=True, slots=True)
class Knob:
    """A slider.

    Attributes
    ----------
    octaves : bool
        The slider counts powers of two of a ratio; else the value itself.
    start : float
        Where the value stands untouched.
    told : callable
        The figure at a value, as it is read.
    changes : callable
        The overrides of a value.
    """

    name: str
    label: str
    low: float
    high: float
    step: float
    start: float
    told: Callable[[float], str]
    changes: Changes
    octaves: bool = False

    def place(self, value: float) -> float:
        """Return where the slider stands at a value."""
        return round(math.log2(value), 6) if self.octaves else value

    def value(self, place: float) -> float:
        """Return the value of a place of the slider."""
        return float(f"{2.0**place:.6g}") if self.octaves else place


@dataclass(frozen=True, slots=True)
class Base:
    """A design whose knobs are where they began.

    changes : what makes the chip that of another process.
    """

    run: RunSpec
    question: Question
    changes: tuple[Override, ...]


@lru_cache(maxsize=64)
def _base(model: str, system: str, chips: int, precision: str, node: str) -> Base:
    fields = {"model": model, "system": system, "chips": chips, "precision": precision}
    run = run_from(fields)
    q = resolve(run)
    if not node or q.chip.die is None or node == q.chip.die.process:
        return Base(run, q, ())
    moved = changes_of(q.chip, node, ratios(q.chip, node, "iso-power"))
    changes = tuple(Override(("chip", *c.path), c.value) for c in moved)
    return Base(run, resolve(run, changes), changes)


def base_of(design: Design) -> Base:
    """Return a design before any knob is turned, on its process.

    Raises
    ------
    InputError, NoAnswerError
        Something in it is wrong, or the process cannot be had.
    """
    named = (design.model, design.system, design.chips, design.precision)
    return _base(*named, design.node)


def link_name(design: Design, q: Question) -> str:
    """Return the link that is turned: the one that is named, or the innermost."""
    first = next(iter(q.system.tiers.values())).link
    return design.link if design.link in q.links else first


def knobs_of(design: Design, q: Question) -> list[Knob]:
    """Return the knobs that a design has."""
    return [
        _scaled("hbm", "HBM bandwidth", "chip.hbm.bandwidth", q.chip.hbm.bandwidth),
        _scaled("capacity", "HBM capacity", "chip.hbm.capacity", q.chip.hbm.capacity),
        _units(q) if q.chip.family == "gpu" else _array(q),
        _scaled("power", "chip power", "chip.power.tdp", q.chip.power.tdp),
        *_link_knobs(link_name(design, q), q),
        *_price(q),
    ]


def _octaves(
    name: str, label: str, told: Callable[[float], str], changes: Changes
) -> Knob:
    return Knob(name, label, -SPAN, SPAN, OCTAVE, 1.0, told, changes, octaves=True)


def _scaled(name: str, label: str, path: str, figure: Figure) -> Knob:
    """Return a knob that scales one figure."""

    def changes(ratio: float) -> list[Override]:
        return [Override(tuple(path.split(".")), _text(figure, ratio))]

    return _octaves(name, label, lambda ratio: _short(figure, ratio), changes)


def _text(figure: Figure, ratio: float) -> str:
    """Return a figure times a ratio as a file would state it."""
    words = figure.scaled(ratio, "turned").text
    one_way = figure.dimension == "link_bandwidth"
    return f"{words} per direction" if one_way else words


def _short(figure: Figure, ratio: float) -> str:
    if figure.dimension == "bytes":
        return show_bytes(figure.value * ratio)
    return show(figure.value * ratio, UNITS[figure.dimension][0], 4)


def _units(q: Question) -> Knob:
    count = q.chip.matrix.units

    def whole(ratio: float) -> int:
        return max(1, round(count * ratio))

    def changes(ratio: float) -> list[Override]:
        made = [Override(("chip", "matrix", "units"), whole(ratio))]
        if q.chip.die is not None and q.chip.die.cores < whole(ratio):
            made.insert(0, Override(("chip", "die", "cores"), whole(ratio)))
        return made

    told = "multiprocessors"
    return _octaves("units", told, lambda ratio: f"{whole(ratio):,} a chip", changes)


def _array(q: Question) -> Knob:
    """Return the side of a systolic array, with which its peaks grow as the area."""
    matrix = q.chip.matrix

    def side(ratio: float) -> tuple[int, int]:
        return max(8, round(matrix.rows * ratio)), max(8, round(matrix.columns * ratio))

    def changes(ratio: float) -> list[Override]:
        rows, columns = side(ratio)
        area = rows * columns / (matrix.rows * matrix.columns)
        made = [("rows", rows), ("columns", columns)]
        peaks = [
            Override(("chip", "matrix", "peak", name), _text(peak, area))
            for name, peak in matrix.peak.items()
        ]
        return [Override(("chip", "matrix", k), v) for k, v in made] + peaks

    def told(ratio: float) -> str:
        rows, columns = side(ratio)
        return f"{rows} × {columns}"

    return _octaves("array", "array size", told, changes)


def _link_knobs(name: str, q: Question) -> list[Knob]:
    link = q.links[name]
    made = [
        _octaves(
            "rate", "lane rate", lambda ratio: _short(link.lane_rate, ratio),
            lambda ratio: [_of_link(name, "lane_rate", _text(link.lane_rate, ratio))],
        )
    ]  # fmt: skip
    if not link.path or link.ideal:
        return made
    length = _length(q, name)
    if length is not None:
        most = max(3.0, math.ceil(3.0 * length))
        made.append(
            Knob(
                "reach", "reach", 0.05, min(most, KNOBS["reach"][1]), 0.05,
                length, lambda metres: f"{metres:.2f} m",
                lambda metres: [_of_link(name, "length", f"{metres:.6g} m")],
            )
        )  # fmt: skip
    made.append(
        Knob(
            "retimers", "retimers", 0.0, 4.0, 1.0, float(link.retimers or 0),
            lambda count: f"{count:.0f}",
            lambda count: [_of_link(name, "retimers", int(count))],
        )
    )  # fmt: skip
    return made


def _of_link(name: str, field: str, value: str | int) -> Override:
    return Override(("link", name, field), value)


def _length(q: Question, name: str) -> float | None:
    """Return the length of the longest wire of a link [m]."""
    try:
        path = link_of(q.links[name]).path
        return float(path.items[longest_wire(path)].length)
    except AccelsimError:  # nothing of it goes by length
        return None


def _price(q: Question) -> list[Knob]:
    if q.price is None:
        return []
    offer = choose_offer(q.price, q.run.offer, q.run.price_date)
    if offer not in q.price.offers:  # owned: no single figure
        return []
    index = str(q.price.offers.index(offer))

    def changes(ratio: float) -> list[Override]:
        text = f"{offer.usd.value * 3600.0 * ratio:.6g} USD/h"
        return [Override(("price", "offers", index, "usd"), text)]

    def told(ratio: float) -> str:
        return f"${offer.usd.value * 3600.0 * ratio / offer.chips:,.2f} a chip and hour"

    return [_octaves("price", "price", told, changes)]


def nodes_of(q: Question) -> list[str]:
    """Return the processes that the chip can be moved to; none without a die."""
    return catalog.names("processes") if q.chip.die is not None else []


def run_of(design: Design) -> RunSpec:
    """Return the run that a design asks, with all that it changes.

    Raises
    ------
    InputError, NoAnswerError
        Something in it is wrong, or the process cannot be had.
    """
    base = base_of(design)
    made = list(base.changes)
    for knob in knobs_of(design, base.question):
        value = design.knobs.get(knob.name)
        if value is not None and not math.isclose(value, knob.start, rel_tol=1e-6):
            made += knob.changes(value)
    changes = {".".join(one.path): _plain(one.value) for one in made}
    return base.run.model_copy(update={"set": changes})


def _plain(value: Any) -> Any:
    return value.text if isinstance(value, Figure) else value
