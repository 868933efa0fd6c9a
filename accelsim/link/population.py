"""Thousands of lanes of one design: how many fall below the margin.

This file knows how temperature, process and voltage spread the lanes of a path. Loss of
the lines goes with both; what is left of the devices' spread is one normal figure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.link.budget import Link, solve

Floats = NDArray[np.float64]
COPPER = 0.00195  # 1/K: half the 0.0039 of resistance, which goes with its root
ROOM = 25.0  # degC at which lines are specified


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


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Lanes of one design.

    Attributes
    ----------
    margin_db : (N,)
        Of each lane's worst span.
    """

    margin_db: Floats
    lanes: int

    @property
    def below(self) -> float:
        """Return the share of lanes below their margin."""
        return float(np.mean(self.margin_db < 0.0))

    @property
    def port_yield(self) -> float:
        """Return the share of ports all of whose lanes keep it."""
        return float((1.0 - self.below) ** self.lanes)


def population(
    link: Link, count: int = 10_000, spread: Spread | None = None, seed: int = 0
) -> Population:
    """Return the margins of so many lanes of a design.

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
    for each in found.spans:
        level = 1.0 + spread.voltage * draw.standard_normal(count)
        own = float(each.span.receiver.spread) * draw.standard_normal(count)
        volts = 20.0 * np.log10(np.maximum(level, 1e-3))
        margin = each.com_db - each.sheet.margin_db + own + volts
        worst = np.minimum(worst, margin)
    return Population(worst, link.lanes)
