"""The wire of a link spec: its path with length and retimers, and the rate it works at.

This file knows how a spec's fields change the path that it names, and that a wire over
its budget runs at the highest slower rate that works. A wire is solved once.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError
from accelsim.link.answer import code_name
from accelsim.link.budget import REGIMES, Link, check, solve
from accelsim.link.choose import RETIMERS, device_for
from accelsim.link.path import (
    SERDES,
    Item,
    Path,
    Placed,
    goes_by_length,
    longest_wire,
    read_link_path,
    words_of,
)
from accelsim.link.rates import tried_rates
from accelsim.specs.code import CodeSpec
from accelsim.specs.device import DeviceSpec
from accelsim.specs.link import LinkSpec


@dataclass(frozen=True, slots=True)
class Wire:
    """What a link does at the highest rate that works.

    Attributes
    ----------
    link : Link
        At the rate that it works at.
    regime : str
        At the rate that was asked: inside, marginal or over.
    margin_db, loss_left_db : float
        At the rate that was asked.
    frame_loss, goodput : float
        Frames lost before retry; share of the time that carries those which arrive.
    credit_rate : float
        That the receiver's buffer allows [B/s].
    latency, round_trip : float
        One way without retry, and what a repetition adds [s].
    """

    link: Link
    regime: str
    margin_db: float
    loss_left_db: float
    frame_loss: float
    goodput: float
    credit_rate: float
    latency: float
    round_trip: float


def wire_of(spec: LinkSpec, asked: Link) -> Wire:
    """Return what the wire that a spec asks for does.

    Raises
    ------
    InputError
        Rate, lanes or devices do not go together.
    NoAnswerError
        It works at none of the rates that are tried.
    """
    crosstalk = 0.0 if spec.crosstalk is None else float(spec.crosstalk)
    try:
        check(asked)
        return _works(asked, crosstalk)
    except InputError as error:
        raise InputError(f"link {spec.name}: {error}") from None
    except NoAnswerError as failure:
        raise NoAnswerError(f"link {spec.name}: {failure}") from None


def link_of(spec: LinkSpec) -> Link:
    """Return the question that a spec asks of its wire.

    Raises
    ------
    InputError
        A name, length or number of the path is wrong.
    """
    try:
        path = _path(spec)
        rate = float(spec.lane_rate)
        name = spec.code or code_name(path, rate)
        code: CodeSpec = catalog.load("codes", name)
    except InputError as error:
        raise InputError(f"link {spec.name}: {error}") from None
    if spec.buffer is not None:
        code = code.model_copy(update={"buffer": spec.buffer})
    return Link(path, rate, spec.lanes, code, float(code.largest))


def _path(spec: LinkSpec) -> Path:
    path = read_link_path(spec.path, spec.serdes or SERDES)
    if spec.length is None and not spec.retimers:
        return path
    place = longest_wire(path)
    wire = path.items[place]
    if spec.length is not None:
        wire = replace(wire, length=float(spec.length))
    pieces = _cut(wire, spec) if spec.retimers else [wire]
    items = (*path.items[:place], *pieces, *path.items[place + 1 :])
    return Path(items, words_of(items[1:-1]))


def _cut(wire: Item, spec: LinkSpec) -> list[Item]:
    if isinstance(wire, Placed):
        raise InputError(f"retimers cut a wire; the longest is of {wire.spec.name}")
    names = (
        [spec.retimer] if spec.retimer else device_for(RETIMERS, float(spec.lane_rate))
    )
    if not names:
        raise InputError(f"retimer: none is made for {spec.lane_rate.text} a lane")
    device: DeviceSpec = catalog.load("devices", names[0])
    if device.what == "serdes" or goes_by_length(Placed(device)) or device.cables:
        what = "cable's end" if device.cables else device.what
        raise InputError(f"retimer: {device.name} is a {what}")
    count = spec.retimers or 0
    piece: Item = replace(wire, length=wire.length / (count + 1))
    again: list[Item] = [Placed(device), piece]
    return [piece, *(again * count)]


@lru_cache(maxsize=4096)
def _works(link: Link, crosstalk: float) -> Wire:
    """Return the link at the highest rate at which it is not over its budget."""
    rates = tried_rates(link.lane_rate)
    asked = found = solve(link, crosstalk=crosstalk)
    for rate in rates:
        at_rate = replace(link, lane_rate=rate)
        if rate != link.lane_rate:
            found = solve(at_rate, crosstalk=crosstalk)
        if REGIMES[int(found.regime[0])] != "over":
            return Wire(
                link=at_rate,
                regime=REGIMES[int(asked.regime[0])],
                margin_db=float(asked.margin_db[0]),
                loss_left_db=float(asked.loss_left_db[0]),
                frame_loss=float(found.frame_loss[0]),
                goodput=float(found.goodput[0]),
                credit_rate=float(found.credits[0]),
                latency=float(found.latency[0]),
                round_trip=float(found.round_trip[0]),
            )
    words = ", ".join(f"{rate / 1e9:g}" for rate in rates)
    raise NoAnswerError(
        f"{link.path.text} is over its budget at {words} Gb/s a lane: margin "
        f"{asked.margin_db[0]:.1f} dB, loss {-asked.loss_left_db[0]:.1f} dB beyond the "
        f"limit at {link.lane_rate / 1e9:g} Gb/s"
    )
