"""A path from bump to bump as it is written: segments and devices between two SerDes.

This file knows how such a path is written, and which of its parts make one span of the
wire: what lies between two devices that make the signal anew.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from accelsim import catalog, units
from accelsim.errors import InputError, nearest
from accelsim.link.segments import Segment, read_path
from accelsim.specs.device import DeviceSpec
from accelsim.specs.figure import Figure

SERDES = "serdes-synopsys-224g-lr"
FIBRE = 4.9e-9  # s/m: a group index of 1.468


@dataclass(frozen=True, slots=True)
class Placed:
    """A device of a path; `length` is that of the fibre of optics [m]."""

    spec: DeviceSpec
    length: float = 0.0


Item = Segment | Placed


@dataclass(frozen=True, slots=True)
class Span:
    """What lies between two devices that retime.

    Attributes
    ----------
    items : tuple of int
        Places in the path of its segments, and of redrivers and linear optics.
    transmitter, receiver : DeviceSpec
        Where it begins and ends.
    """

    items: tuple[int, ...]
    transmitter: DeviceSpec
    receiver: DeviceSpec


@dataclass(frozen=True, slots=True)
class Path:
    """A path: its first and last item are SerDes."""

    items: tuple[Item, ...]
    text: str

    @property
    def devices(self) -> list[Placed]:
        """Return the devices from left to right, both SerDes included."""
        return [item for item in self.items if isinstance(item, Placed)]

    @property
    def between(self) -> list[Placed]:
        """Return the devices between the SerDes."""
        return self.devices[1:-1]

    @property
    def by_length(self) -> list[int]:
        """Return the places of what goes by length."""
        return [i for i, item in enumerate(self.items) if goes_by_length(item)]

    @property
    def lengths(self) -> list[float]:
        """Return the length of each of those [m]."""
        return [self.items[i].length for i in self.by_length]

    def spans(self) -> list[Span]:
        """Return the spans; optics that retime end one and begin another."""
        return list(_spans(self.items, self.devices[0].spec))


def goes_by_length(item: Item) -> bool:
    """Return whether an item of a path has a length."""
    if isinstance(item, Segment):
        return item.spec.by_length
    return item.spec.what == "optics"


def longest_wire(path: Path) -> int:
    """Return the place of the longest of what goes by length.

    Raises
    ------
    InputError
        Nothing does.
    """
    if not path.by_length:
        raise InputError(f"path {path.text!r}: nothing in it goes by length")
    return max(path.by_length, key=lambda place: path.items[place].length)


def too_long(path: Path) -> list[str]:
    """Return the wires that are longer than they are sold or laid out in."""
    found = []
    for place in path.by_length:
        limit = limit_of(path, place)
        item = path.items[place]
        if limit is not None and item.length > float(limit) * (1.0 + 1e-9):
            found.append(f"{item.spec.name} {limit.text}")
    return found


def limit_of(path: Path, place: int) -> Figure | None:
    """Return the longest that an item goes: in an active cable, what its ends say."""
    item = path.items[place]
    if isinstance(item, Placed):
        return item.spec.reach
    ends = (path.items[place - 1], path.items[place + 1])
    sold = [
        {cable.wire: cable.longest for cable in end.spec.cables}
        for end in ends
        if isinstance(end, Placed)
    ]
    if len(sold) == 2 and all(item.spec.name in cables for cables in sold):
        return min((cables[item.spec.name] for cables in sold), key=float)
    return item.spec.longest


def words_of(items: Iterable[Item]) -> str:
    """Return parts of a path as it is written."""
    return ", ".join(
        f"{item.spec.name} {units.show(item.length, 'm', digits=4)}"
        if goes_by_length(item)
        else item.spec.name
        for item in items
    )


def _spans(items: tuple[Item, ...], transmitter: DeviceSpec) -> Iterator[Span]:
    inside: list[int] = []
    for place, item in enumerate(items[1:], 1):
        if isinstance(item, Placed) and item.spec.retimes:
            yield Span(tuple(inside), transmitter, item.spec)
            transmitter, inside = item.spec, []
        else:
            inside.append(place)


def read_link_path(text: str, serdes: str = SERDES) -> Path:
    """Return a path such as ``pcb-megtron8 0.1 m, retimer-dsp-224g, twinax-28awg 1 m``.

    Where it does not begin and end with a SerDes, `serdes` stands there. An active
    cable, ``aec-taurus-100g 3 m``, is its ends and the thinnest wire that is sold so
    long.

    Raises
    ------
    InputError
        A name or length is wrong, or a SerDes stands inside.
    """
    items = [item for words in text.split(",") for item in _items(words, text)]
    ends = [isinstance(item, Placed) and item.spec.what == "serdes" for item in items]
    if not ends[0]:
        items.insert(0, Placed(_serdes(serdes)))
    if not ends[-1] or len(ends) == 1:
        items.append(Placed(_serdes(serdes)))
    for item in items[1:-1]:
        if isinstance(item, Placed) and item.spec.what == "serdes":
            raise InputError(
                f"path: {item.spec.name} stands inside; a serdes is an end"
            )
    return Path(tuple(items), text)


def _serdes(name: str) -> DeviceSpec:
    spec: DeviceSpec = catalog.load("devices", name)
    if spec.what != "serdes":
        raise InputError(f"{name}: is a {spec.what}, not a serdes")
    return spec


def _items(words: str, text: str) -> list[Item]:
    name, _, length = words.strip().partition(" ")
    if not name:
        raise InputError(f"path {text!r}: a part between commas is empty")
    if catalog.is_path(name):
        kind, spec = catalog.any_named(name)
        if isinstance(spec, DeviceSpec):
            return _placed(spec, length.strip())
        if kind != "segments":
            raise InputError(f"{name}: is one of {kind}, not a segment or device")
    if catalog.has("devices", name):
        return _placed(catalog.load("devices", name), length.strip())
    if not catalog.is_path(name) and not catalog.has("segments", name):
        known = catalog.names("segments") + catalog.names("devices")
        hint = nearest(name, known) or "see `accelsim list segments` and `… devices`"
        raise InputError(f"unknown segment or device {name!r}; {hint}")
    return [read_path(words)[0]]


def _placed(spec: DeviceSpec, text: str) -> list[Item]:
    if spec.cables and text:
        return _active_cable(spec, text)
    if spec.what != "optics":
        if text:
            raise InputError(
                f"{spec.name}: a {spec.what} has no length, {text!r} given"
            )
        return [Placed(spec)]
    if not text:
        raise InputError(f"{spec.name}: optics need a length of fibre such as '20 m'")
    length = units.parse(text, "length")
    if not 0.0 <= length <= 1e5:
        raise InputError(f"{spec.name}: length {text!r} must be from 0 to 100 km")
    return [Placed(spec, length)]


def _active_cable(spec: DeviceSpec, text: str) -> list[Item]:
    length = units.parse(text, "length")
    enough = [cable for cable in spec.cables if length <= float(cable.longest)]
    wire = (enough or spec.cables[-1:])[0].wire
    return [Placed(spec), read_path(f"{wire} {text}")[0], Placed(spec)]
