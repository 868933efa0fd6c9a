"""A design as the page's address holds it: names, counts, and what was turned.

This file knows words and numbers of an address, and refuses what is not one; it does
not know what a knob does.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import get_args
from urllib.parse import parse_qsl, urlencode

from accelsim import catalog
from accelsim.errors import InputError, nearest
from accelsim.specs.chip import Precision

# What can be turned: a ratio to what is, metres, or a count.
KNOBS = {
    "hbm": (0.25, 4.0),
    "capacity": (0.25, 4.0),
    "rate": (0.25, 4.0),
    "reach": (0.05, 20.0),
    "retimers": (0.0, 4.0),
    "array": (0.25, 4.0),
    "units": (0.25, 4.0),
    "power": (0.25, 4.0),
    "price": (0.1, 10.0),
}
WHOLE = ("retimers",)
MOST_PINS = 6
MOST_TEXT = 4000  # characters of an address


@dataclass(frozen=True, slots=True)
class Design:
    """What is asked.

    Attributes
    ----------
    link : str
        Whose rate, reach and retimers are turned; the innermost tier's if empty.
    node : str
        Process that the chip is moved to, at its power; its own if empty.
    knobs : dict
        What was turned, by `KNOBS`.
    """

    model: str = "llama3-70b"
    system: str = "trn2-ultraserver"
    chips: int = 512
    precision: str = "bf16"
    link: str = ""
    node: str = ""
    knobs: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Return the design as a part of an address."""
        return urlencode(self._pairs())

    def _pairs(self) -> list[tuple[str, str]]:
        named = [(f.name, str(getattr(self, f.name))) for f in fields(self)[:-1]]
        told = [(name, value) for name, value in named if value]
        return told + [(name, f"{value:.6g}") for name, value in self.knobs.items()]

    def turned(self, knob: str, value: float | None) -> "Design":
        """Return the design with one knob elsewhere; None is where it began."""
        rest = {name: old for name, old in self.knobs.items() if name != knob}
        return replace(self, knobs=rest if value is None else rest | {knob: value})


def address(design: Design, pins: Iterable[Design]) -> str:
    """Return the address of a design and the pinned ones."""
    pinned = [("pin", pin.text) for pin in pins]
    return "/?" + design.text + ("&" + urlencode(pinned) if pinned else "")


def read_address(query: str) -> tuple[Design, list[Design]]:
    """Return the design of an address, and the pinned ones.

    Raises
    ------
    InputError
        With the word that is wrong, and what is allowed there.
    """
    pairs = _pairs(query)
    pins = [text for name, text in pairs if name == "pin"]
    if len(pins) > MOST_PINS:
        raise InputError(f"address: {len(pins)} pins; at most {MOST_PINS}")
    own = [(name, text) for name, text in pairs if name != "pin"]
    return _design(own), [_design(_pairs(pin)) for pin in pins]


def _pairs(query: str) -> list[tuple[str, str]]:
    if len(query) > MOST_TEXT:
        raise InputError(f"address: longer than {MOST_TEXT:,} characters")
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=64)
    except ValueError as error:
        raise InputError(f"address: {error}") from None


def _design(pairs: list[tuple[str, str]]) -> Design:
    named: dict[str, str] = {}
    knobs: dict[str, float] = {}
    known = [f.name for f in fields(Design)[:-1]]
    for name, text in pairs:
        if name in KNOBS:
            knobs[name] = _knob(name, text)
        elif name in known:
            named[name] = text
        else:
            hint = nearest(name, [*known, *KNOBS, "pin"])
            raise InputError(f"address: {name}: {hint}")
    chips = _chips(named.pop("chips", str(Design().chips)))
    made = Design(chips=chips, knobs=knobs, **named)
    _check_names(made)
    return made


def _chips(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 9):
        raise InputError(
            f"address: chips: {text[:20]!r} must be a whole number above 0"
        )
    return int(text)


def _knob(name: str, text: str) -> float:
    low, high = KNOBS[name]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high or (name in WHOLE and value != int(value)):
        kind = "a whole number" if name in WHOLE else "a number"
        raise InputError(
            f"address: {name}: {text[:20]!r} must be {kind} from {low:g} to {high:g}"
        )
    return value


def _check_names(made: Design) -> None:
    """Refuse names that the catalog has not: an address opens no file."""
    named = {
        "models": made.model,
        "systems": made.system,
        "links": made.link,
        "processes": made.node,
    }
    for kind, name in named.items():
        optional = kind in ("links", "processes")
        if (name or not optional) and name not in catalog.names(kind):
            hint = nearest(name[:60], catalog.names(kind))
            word = catalog.singular(kind)
            raise InputError(f"address: {word}: unknown {name[:60]!r}; {hint}")
    known = (*get_args(Precision), "best")
    if made.precision not in known:
        hint = nearest(made.precision[:20], known)
        raise InputError(f"address: precision: {made.precision[:20]!r}; {hint}")
