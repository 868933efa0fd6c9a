"""One link's budget as an answer that explains itself: `accelsim.link(…)`.

This file knows what of `budget.solve` a person asks for: parts of latency, energy,
power, price and failures, how far the wire may still grow, what slower rate would do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim import catalog, units
from accelsim.errors import InputError
from accelsim.frames import frame
from accelsim.link.budget import (
    REGIMES,
    Budgets,
    Link,
    check,
    efficiency,
    raw_rate,
    solve,
)
from accelsim.link.path import (
    SERDES,
    Path,
    Placed,
    limit_of,
    read_link_path,
    too_long,
    words_of,
)
from accelsim.link.plain import budget_facts, budget_plain
from accelsim.link.rates import tried_rates
from accelsim.link.retry import Retry
from accelsim.markup import alone, table

if TYPE_CHECKING:
    from pandas import DataFrame

RATES = (425e9, 212.5e9, 128e9, 106.25e9, 64e9, 53.125e9, 32e9)  # b/s, raw, of a lane
TAIL = 1.0 - 1e-9
STEPS = 65  # lengths tried at once for the reach that is left
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class SpanBudget:
    """One span of the wire.

    Attributes
    ----------
    com_db, margin_db : float
        And how far it is above what its sheet asks.
    loss_db, limit_db : float
        Bump to bump at half the symbol rate, matched; what the receiver is told to
        handle, infinite where nothing is told.
    error_ratio, carry : float
        Symbols that begin a burst of errors, and how likely it goes on.
    jitter, passed : float
        Random, that it is judged with, and what of it came through retimers [UI].
    """

    text: str
    receiver: str
    sheet: str
    com_db: float
    margin_db: float
    loss_db: float
    limit_db: float
    error_ratio: float
    carry: float
    jitter: float
    passed: float


@dataclass(frozen=True, slots=True)
class LinkBudget:
    """A port from bump to bump: what it carries, how late, and at what cost.

    Attributes
    ----------
    regime : str
        inside, marginal (what is lost comes again) or over the budget.
    bit_ratio, frame_loss : float
        End to end before correction; frames lost after it, before any retry.
    unseen : float
        Frames lost that the check does not see.
    bandwidth : float
        Of payload, one way [B/s]; `limit` says what sets it.
    latency, tail : float
        One way without retry, and what all but 1e-9 of the frames keep [s].
    energy : float
        Of a raw bit one way [J/b]. power : of the port, both ways [W].
    price : float
        Of the port, both ways, dice apart [USD]. failures : [1/s].
    reach_left : float or None
        By which `reach_of` may grow, inside the budget and not beyond what is sold [m];
        less than nothing by what it has to shrink; None where no length helps.
    by_rate : mapping
        Regime by raw lane rate [b/s], this one and slower ones.
    fall_back : float or None
        The highest of them that is inside.
    beyond : tuple of str
        Wires that are longer than they are sold or laid out in, and how long that is.
    """

    link: Link = field(repr=False)
    regime: str
    spans: tuple[SpanBudget, ...]
    margin_db: float
    loss_left_db: float
    precoded: bool
    bit_ratio: float
    codeword_loss: float
    frame_loss: float
    unseen: float
    efficiency: float
    goodput: float
    credit_rate: float
    bandwidth: float
    limit: str
    latency: float
    tail: float
    retries_per_s: float
    latency_parts: Mapping[str, float]
    energy_parts: Mapping[str, float]
    price_parts: Mapping[str, float]
    failure_parts: Mapping[str, float]
    reach_left: float | None
    reach_of: str
    by_rate: Mapping[float, str]
    beyond: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the budget as plain data; every key carries its unit."""
        return budget_plain(self)

    def to_frame(self) -> "DataFrame":
        """Return the budget as a pandas frame of one row, parts by dotted columns."""
        return frame([self.to_dict()], [self.link.path.text])

    def _repr_html_(self) -> str:
        facts = table((), budget_facts(self), left=2, caption="link budget")
        return alone(facts)

    @property
    def energy(self) -> float:
        """Return the energy of a raw bit, one way [J/b]."""
        return sum(self.energy_parts.values())

    @property
    def power(self) -> float:
        """Return the power of the port, both ways [W]."""
        return 2.0 * raw_rate(self.link) * self.energy

    @property
    def power_parts(self) -> dict[str, float]:
        """Return the power by part, both ways [W]."""
        both = 2.0 * raw_rate(self.link)
        return {name: both * value for name, value in self.energy_parts.items()}

    @property
    def price(self) -> float:
        """Return the price of the port, both ways [USD]."""
        return sum(self.price_parts.values())

    @property
    def failures(self) -> float:
        """Return the failures in time of the port [1/s]."""
        return sum(self.failure_parts.values())

    @property
    def fall_back(self) -> float | None:
        """Return the highest rate at which the link is inside its budget [b/s]."""
        good = [rate for rate, regime in self.by_rate.items() if regime == "inside"]
        return max(good, default=None)


def ask(
    path: str,
    *,
    rate: str | float | None = None,
    code: str | None = None,
    lanes: int = 4,
    packet: str | float = 4096.0,
    serdes: str = SERDES,
    crosstalk: float = 0.0,
) -> LinkBudget:
    """Return the budget of a link; see `accelsim.link`."""
    made = question(
        path, rate=rate, code=code, lanes=lanes, packet=packet, serdes=serdes
    )
    return explain(made, crosstalk)


def question(
    path: str,
    *,
    rate: str | float | None = None,
    code: str | None = None,
    lanes: int = 4,
    packet: str | float = 4096.0,
    serdes: str = SERDES,
) -> Link:
    """Return the question that texts ask, checked.

    Raises
    ------
    InputError
        Something in it is wrong.
    """
    read = read_link_path(path, serdes)
    lane_rate = _rate(read) if rate is None else _si("rate", rate, "bit_rate")
    name = code_name(read, lane_rate) if code is None else code
    size = _si("packet", packet, "bytes")
    link = Link(read, lane_rate, lanes, catalog.load("codes", name), size)
    check(link)
    return link


def _si(name: str, value: str | float, dimension: str) -> float:
    try:
        found = units.parse(value, dimension) if isinstance(value, str) else value
        return float(found)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _rate(path: Path) -> float:
    """Return the highest usual rate that every device of a path has."""
    slowest = min(float(device.spec.lane_rate) for device in path.devices)
    found = [rate for rate in RATES if rate <= slowest]
    if not found:
        raise InputError(f"path {path.text!r}: say a rate of at most {slowest:g} b/s")
    return found[0]


def code_name(path: Path, lane_rate: float) -> str:
    """Return the code that goes with a path's SerDes at a rate."""
    ends = path.devices[0].spec
    if ends.levels == 2:
        return "pcie5"
    if ends.name == "serdes-ualink":
        return "ualink-2way"
    return "pcie6-flit" if lane_rate in (32e9, 64e9, 128e9) else "kp4-4way"


def explain(link: Link, crosstalk: float = 0.0) -> LinkBudget:
    """Return the budget of one link with its parts."""
    found = solve(link, crosstalk=crosstalk)
    reach, of = _reach(link, found, crosstalk)
    good = float(found.goodput[0]) * raw_rate(link) / 8.0 * efficiency(link)
    held = found.credits[0] < good
    retry = Retry(
        float(found.frame_loss[0]),
        float(found.latency[0]),
        float(found.round_trip[0]),
        replays=link.code.replay != "none",
    )
    frames = float(found.bandwidth[0]) / max(float(link.code.payload), 1.0)
    return LinkBudget(
        link=link,
        regime=REGIMES[int(found.regime[0])],
        spans=tuple(_spans(link, found)),
        margin_db=float(found.margin_db[0]),
        loss_left_db=float(found.loss_left_db[0]),
        precoded=bool(found.precoded[0]),
        bit_ratio=float(found.bit_ratio[0]),
        codeword_loss=float(found.codeword_loss[0]),
        frame_loss=float(found.frame_loss[0]),
        unseen=float(found.frame_loss[0]) * 2.0**-link.code.crc_bits,
        efficiency=efficiency(link),
        goodput=float(found.goodput[0]),
        credit_rate=float(found.credits[0]),
        bandwidth=float(found.bandwidth[0]),
        limit="credits" if held else "wire",
        latency=float(found.latency[0]),
        tail=retry.quantile(TAIL),
        retries_per_s=frames * float(found.frame_loss[0]),
        latency_parts={k: float(v[0]) for k, v in found.parts.items()},
        energy_parts=energy_parts(link),
        price_parts=price_parts(link),
        failure_parts=failure_parts(link),
        reach_left=reach,
        reach_of=of,
        by_rate=_by_rate(link, crosstalk),
        beyond=tuple(too_long(link.path)),
    )


def _spans(link: Link, found: Budgets) -> list[SpanBudget]:
    return [
        SpanBudget(
            text=words_of(link.path.items[i] for i in each.span.items),
            receiver=each.span.receiver.name,
            sheet=each.span.receiver.sheet,
            com_db=float(each.com_db[0]),
            margin_db=float(each.com_db[0]) - each.sheet.margin_db,
            loss_db=float(each.loss_db[0]),
            limit_db=each.limit_db,
            error_ratio=float(each.start[0]),
            carry=float(each.carry[0]),
            jitter=each.sheet.random_jitter,
            passed=each.passed,
        )
        for each in found.spans
    ]


def _by_rate(link: Link, crosstalk: float) -> dict[float, str]:
    found = {}
    for rate in tried_rates(link.lane_rate):
        slower = solve(replace(link, lane_rate=rate), crosstalk=crosstalk)
        found[rate] = REGIMES[int(slower.regime[0])]
    return found


def _reach(link: Link, found: Budgets, crosstalk: float) -> tuple[float | None, str]:
    """Return by how much the longest wire of the worst span may grow, and its name."""
    if not found.spans:
        return None, ""
    worst = min(found.spans, key=lambda each: float(each.com_db[0]))
    items, places = link.path.items, link.path.by_length
    wires = [
        i for i in worst.span.items if i in places and not isinstance(items[i], Placed)
    ]
    if not wires:
        return None, ""
    longest = max(wires, key=lambda i: items[i].length)
    column, now = places.index(longest), items[longest].length
    low, high = 0.0, 2.0 * now + 2.0
    rows = np.tile(np.array(link.path.lengths), (STEPS, 1))
    best: float | None = None
    for _ in range(2):  # coarse, then between the last that works and the next
        tried = np.linspace(low, high, STEPS)
        rows[:, column] = tried
        good = np.flatnonzero(solve(link, rows, crosstalk).regime == 0)
        if not len(good):
            break
        best = float(tried[good[-1]])
        step = (high - low) / (STEPS - 1)
        low, high = best, best + step
    limit = limit_of(link.path, longest)
    if best is not None and limit is not None:
        best = min(best, float(limit))
    return None if best is None else best - now, items[longest].spec.name


def energy_parts(link: Link) -> dict[str, float]:
    """Return the energy of a raw bit one way by part [J/b]."""
    devices = link.path.devices
    ends = (devices[0], devices[-1])
    parts = {"serdes": sum(float(end.spec.energy) for end in ends) / 2.0}
    for device in link.path.between:
        name = device.spec.name
        parts[name] = parts.get(name, 0.0) + float(device.spec.energy)
    if float(link.code.energy):
        parts["code"] = float(link.code.energy)
    return parts


def _packages(link: Link, device: Placed) -> int:
    return ceil(link.lanes / device.spec.lanes)


def price_parts(link: Link) -> dict[str, float]:
    """Return the price of a port both ways by part [USD]."""
    parts: dict[str, float] = {}
    for item in link.path.items:
        name = item.spec.name
        if isinstance(item, Placed):
            value = float(item.spec.price) * _packages(link, item)
        else:
            spec = item.spec
            once = float(spec.price) if spec.price else 0.0
            long = float(spec.price_by_length) if spec.price_by_length else 0.0
            value = link.lanes * (once + long * item.length)
        if value:
            parts[name] = parts.get(name, 0.0) + value
    return parts


def failure_parts(link: Link) -> dict[str, float]:
    """Return the failures of a port by part [1/s]."""
    parts: dict[str, float] = {}
    for item in link.path.items:
        if isinstance(item, Placed):
            value = float(item.spec.failures) * _packages(link, item)
        else:
            failures = item.spec.failures
            value = link.lanes * float(failures) if failures else 0.0
        if value:
            parts[item.spec.name] = parts.get(item.spec.name, 0.0) + value
    return parts
