"""Thousands of lanes of one design: how many fall below the margin.

This file knows how temperature, process and voltage spread the lanes of a path. Loss of
the lines goes with the first two; amplitude and the devices' own spread are normal.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim import units
from accelsim.errors import InputError
from accelsim.kernels.fec_tables import ERRORS
from accelsim.link.budget import (
    MARGINAL_SHARE,
    NEPER,
    Budgets,
    Link,
    SpanResult,
    frame_time,
    solve,
)
from accelsim.link.com import crest
from accelsim.link.losses import carry, frames_hit, lost, tail
from accelsim.link.retry import goodput_share

Floats = NDArray[np.float64]
LOWEST, HIGHEST, STEP = -12.0, 12.0, 0.05  # dB of COM that are looked through
COPPER = 0.00195  # 1/K: half the 0.0039 of resistance, which goes with its root
ROOM = 25.0  # degC at which lines are specified
COLDEST, HOTTEST = -55.0, 150.0  # degC


@dataclass(frozen=True, slots=True)
class Spread:
    """How the lanes of a population differ.

    Attributes
    ----------
    temperature, temperature_spread : float
        Mean and deviation over lanes of the lines' temperature [degC].
    process : float
        Deviation of the lines' loss from board to board, a share.
    voltage : float
        Deviation of the amplitude, a share of it.
    """

    temperature: float = 55.0
    temperature_spread: float = 10.0
    process: float = 0.04
    voltage: float = 0.03


def read_spread(
    temperature: str | None = None,
    process: str | None = None,
    voltage: str | None = None,
) -> Spread:
    """Return the spread that texts ask for; none of one leaves it as it is.

    Parameters
    ----------
    temperature : str
        ``45..85 C``, between which are nineteen lanes in twenty, or ``60 C`` for all.
    process, voltage : str
        Deviation such as ``4 %``.

    Raises
    ------
    InputError
        A text is no such quantity, or out of range.
    """
    usual = Spread()
    mean, deviation = usual.temperature, usual.temperature_spread
    if temperature is not None:
        mean, deviation = _temperature(temperature)
    return Spread(
        mean,
        deviation,
        usual.process if process is None else _share("process", process),
        usual.voltage if voltage is None else _share("voltage", voltage),
    )


def _temperature(text: str) -> tuple[float, float]:
    """Return mean and deviation; the ends of a range are two of them away."""
    low, dots, high = text.partition("..")
    unit = high.strip().lstrip("+-.0123456789")
    try:
        ends = [units.parse(high, "temperature")] if dots else []
        first = low if not dots or low.strip().endswith("C") else f"{low}{unit}"
        ends = [units.parse(first, "temperature"), *ends]
    except InputError as error:
        raise InputError(f"temperature {text!r}: {error}") from None
    if not COLDEST <= ends[0] <= ends[-1] <= HOTTEST:
        raise InputError(
            f"temperature {text!r}: must rise, from {COLDEST:g} C to {HOTTEST:g} C"
        )
    return (ends[0] + ends[-1]) / 2.0, (ends[-1] - ends[0]) / 4.0


def _share(name: str, text: str) -> float:
    try:
        value = units.parse(text, "fraction")
    except InputError as error:
        raise InputError(f"{name} {text!r}: {error}") from None
    if not 0.0 <= value <= 0.5:
        raise InputError(f"{name} {text!r}: must be 0 to 50 %")
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Lanes of one design.

    Attributes
    ----------
    margin_db : (N,)
        Of each drawn lane's worst span.
    below, weak, failing : float
        Share of lanes that are below the margin of their sheet; that lose more frames
        than the code's target; that retry does not save (over the budget).
    """

    margin_db: Floats
    lanes: int
    below: float
    weak: float
    failing: float

    @property
    def port_yield(self) -> float:
        """Return the share of ports all of whose lanes keep their margin."""
        return float((1.0 - self.below) ** self.lanes)

    def expected(self, links: int) -> float:
        """Return the failing lanes among so many links, each both ways."""
        return 2.0 * self.lanes * links * self.failing


def population(
    link: Link, count: int = 10_000, spread: Spread | None = None, seed: int = 0
) -> Population:
    """Return how the margins of a design's lanes spread.

    Lines are drawn; for each, amplitude and devices are a normal distribution of
    decibels, whose tail is known: shares far below 1 / count come out smooth. A lane
    fails as if all lanes of its port were like it.

    Raises
    ------
    InputError
        The count or a spread is out of range.
    """
    spread = Spread() if spread is None else spread
    if not 1 <= count <= 1_000_000:
        raise InputError(f"population {count}: must be 1 to 1,000,000")
    for name in ("temperature_spread", "process", "voltage"):
        if not 0.0 <= getattr(spread, name) < 1e3:
            raise InputError(f"{name} {getattr(spread, name):g}: must be zero or more")
    draw = np.random.default_rng(seed)
    warm = draw.normal(spread.temperature, spread.temperature_spread, count) - ROOM
    board = draw.normal(1.0, spread.process, count)
    loss = np.maximum(board * (1.0 + COPPER * warm), 0.0)
    rows = np.array(link.path.lengths)[None, :] * loss[:, None]
    found = solve(link, rows)
    worst = np.full(count, np.inf)
    kept = np.ones(3)  # of lanes, by the limits of `_limits`
    for each in found.spans:
        own = float(each.span.receiver.spread)
        deviation = max(np.hypot(own, NEPER * spread.voltage), 1e-9)
        limits = np.array([each.sheet.margin_db, *_limits(link, each, found)])
        away = (each.com_db[:, None] - limits) / deviation
        kept *= 1.0 - tail(away.reshape(-1)).reshape(away.shape).mean(axis=0)
        moved = deviation * draw.standard_normal(count)
        worst = np.minimum(worst, each.com_db - each.sheet.margin_db + moved)
    below, weak, failing = (1.0 - kept).tolist()
    return Population(worst, link.lanes, below, weak, failing)


def _limits(link: Link, span: SpanResult, found: Budgets) -> tuple[float, float]:
    """Return the COM at which a span alone loses the target, and what retry bears."""
    com = np.arange(LOWEST, HIGHEST, STEP)
    decibels = com - float(span.span.receiver.penalty)
    heard = crest(span.sheet.error_ratio) * 10.0 ** (decibels / 20.0)
    table = np.zeros((len(com), 1), ERRORS)
    table["start"][:, 0] = np.minimum(tail(heard), 0.5)
    table["carry"][:, 0] = carry(heard, span.sheet)
    code = link.code
    words = lost(code, link.bits, table)
    frames = np.minimum(words * frames_hit(code), 1.0)
    trip = float(np.max(found.round_trip))
    share = goodput_share(frames, trip, frame_time(link), code.replay)
    weak = frames > code.target
    fails = weak & ((share < MARGINAL_SHARE) | (code.replay == "none"))
    return _edge(com, weak), _edge(com, fails)


def _edge(com: Floats, bad: NDArray[np.bool_]) -> float:
    """Return the last value that is bad, or minus infinity."""
    where = np.flatnonzero(bad)
    return float(com[where[-1]]) if len(where) else -np.inf
