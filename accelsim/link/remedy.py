"""What a link that is over its budget may become: retimers, other media, other ends.

This file knows the changes that keep everything of a link's path but its longest wire,
or its SerDes; whether one works is `port`'s, what it is worth the caller's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from accelsim import catalog
from accelsim.errors import AccelsimError, InputError, nearest
from accelsim.link.answer import energy_parts, price_parts
from accelsim.link.budget import raw_rate
from accelsim.link.choose import (
    AECS,
    BESIDE,
    BY,
    CABLES,
    MOST_RETIMERS,
    OPTICS,
    RETIMERS,
    TRACES,
    device_for,
    trace_path,
)
from accelsim.link.path import Path, Placed, longest_wire, too_long, words_of
from accelsim.link.port import Port, port
from accelsim.link.wire import link_of
from accelsim.specs.device import DeviceSpec
from accelsim.specs.link import LinkSpec

AS_IT_IS = "as it is"


@dataclass(frozen=True, slots=True)
class Way:
    """A link as it is or changed.

    Attributes
    ----------
    words : str
        What is changed.
    new_serdes : bool
        Whether the chips must change.
    price, power : float
        Of a port, both ways, dice apart [USD], [W].
    """

    words: str
    spec: LinkSpec
    port: Port
    price: float
    power: float
    new_serdes: bool = False

    @property
    def works(self) -> bool:
        """Return whether it is inside its budget at the rate that was asked."""
        return self.port.regime == "inside"

    def worth(self, by: str) -> tuple[bool, float, float]:
        """Return what is to be small; another SerDes is another chip, and last."""
        values = {"cost": self.price, "power": self.power, "latency": self.port.latency}
        return self.new_serdes, values[by], self.port.latency


def way(words: str, spec: LinkSpec, *, new_serdes: bool = False) -> Way:
    """Return a link with a path and what it costs.

    Raises
    ------
    InputError, NoAnswerError
        As `port.port`.
    """
    link = link_of(spec)
    power = 2.0 * raw_rate(link) * sum(energy_parts(link).values())
    price = sum(price_parts(link).values())
    return Way(words, spec, port(spec), price, power, new_serdes)


def remedies(spec: LinkSpec, by: str = "cost") -> list[Way]:
    """Return the changes that bring a link inside its budget, the best first.

    Raises
    ------
    InputError
        The link has no path, or `by` is unknown.
    """
    if by not in BY:
        raise InputError(f"by {by!r}: must be {', '.join(BY)}; {nearest(by, BY)}")
    found = []
    for words, changed, new_serdes in _changes(spec):
        try:
            made = way(words, changed, new_serdes=new_serdes)
        except AccelsimError:  # two and four levels, a rate that nothing has, too far
            continue
        if made.works and not too_long(link_of(changed).path):
            found.append(made)
    return sorted(found, key=lambda made: made.worth(by))


def _changes(spec: LinkSpec) -> Iterator[tuple[str, LinkSpec, bool]]:
    path, rate = link_of(spec).path, float(spec.lane_rate)
    place = longest_wire(path)
    wire = path.items[place]
    if isinstance(wire, Placed):
        return
    long, what = f"{wire.length:.9g} m", wire.spec.what
    names = [spec.retimer] if spec.retimer else device_for(RETIMERS, rate)[:1]
    for material in dict.fromkeys((wire.spec.name, *(CABLES, TRACES)[what == "trace"])):
        if material != wire.spec.name:
            yield material, _with(spec, path, place, f"{material} {long}"), False
        for name, count in product(names, range(1, MOST_RETIMERS + 1)):
            words = f"{count} {name}"
            if material != wire.spec.name:
                words += f" on {material}"
            cut = trace_path(material, wire.length, count, name)
            yield words, _with(spec, path, place, cut), False
    for name in device_for(AECS, rate) if what == "cable" else ():
        yield name, _with(spec, path, place, f"{name} {long}"), False
    for name in device_for(OPTICS, rate):
        fibre = f"{name} {long}"
        if "cpo" in name:
            yield name, _changed(spec, f"{BESIDE}, {fibre}, {BESIDE}"), True
        else:
            yield name, _with(spec, path, place, fibre), False
    yield from _longer_reach(spec, path)


def _longer_reach(spec: LinkSpec, path: Path) -> Iterator[tuple[str, LinkSpec, bool]]:
    """Yield the link with SerDes that handle more loss."""
    own = path.devices[-1].spec
    if own.loss is None:
        return
    inside = words_of(path.items[1:-1])
    for name in catalog.names("devices"):
        device: DeviceSpec = catalog.load("devices", name)
        if (
            device.what != "serdes"
            or device.loss is None
            or device.levels != own.levels
        ):
            continue
        fast = float(device.lane_rate) >= float(spec.lane_rate)
        if fast and float(device.loss) > float(own.loss):
            changed = _changed(spec, inside).model_copy(update={"serdes": name})
            yield name, changed, True


def _with(spec: LinkSpec, path: Path, place: int, piece: str) -> LinkSpec:
    """Return the link with a piece in the place of a wire."""
    parts = (words_of(path.items[:place]), piece, words_of(path.items[place + 1 :]))
    return _changed(spec, ", ".join(part for part in parts if part))


def _changed(spec: LinkSpec, path: str) -> LinkSpec:
    fresh = {"path": path, "length": None, "retimers": None}
    return spec.model_copy(update=fresh)
