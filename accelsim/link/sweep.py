"""Ten thousand links: length by material by retimers by rate.

This file knows the grid, where copper ends on it, and where a retimer pays: beyond the
reach of one less, as long as the path costs less than optics that go as far.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim import catalog
from accelsim.link.answer import ask, energy_parts, price_parts, question
from accelsim.link.budget import Link, solve
from accelsim.link.choose import HOST, OPTICS, RETIMERS, device_for, trace_path

Floats = NDArray[np.float64]
RATES = (106.25e9, 212.5e9, 425e9)
MATERIALS = ("pcb-megtron7", "pcb-megtron8", "twinax-30awg", "twinax-26awg")
MOST = 3  # retimers
ENDS = {106.25e9: "serdes-synopsys-112g-lr", 425e9: "serdes-448g"}
SERDES = "serdes-synopsys-224g-lr"


@dataclass(frozen=True, slots=True, eq=False)
class SweepRow:
    """All lengths of one material, rate and number of retimers.

    Attributes
    ----------
    length, margin_db, latency, energy, price : (N,)
        In m, dB, s, J/b and USD of a port of four lanes.
    regime : (N,)
        Index of `budget.REGIMES`.
    """

    rate: float
    material: str
    retimers: int
    length: Floats
    margin_db: Floats
    frame_loss: Floats
    regime: NDArray[np.int64]
    latency: Floats
    energy: float
    price: Floats

    @property
    def reach(self) -> float:
        """Return the longest length inside the budget [m]; 0 where there is none."""
        good = np.flatnonzero(self.regime == 0)
        return float(self.length[good[-1]]) if len(good) else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A sweep, and the optics that each rate would take instead.

    Attributes
    ----------
    optics : dict
        Name and price [USD] of the cheapest optics inside its budget, by rate.
    """

    rows: tuple[SweepRow, ...]
    optics: dict[float, tuple[str, float]]

    @property
    def links(self) -> int:
        """Return how many links were computed."""
        return sum(len(row.length) for row in self.rows)

    def of(self, rate: float, material: str) -> list[SweepRow]:
        """Return the rows of a rate and material, by number of retimers."""
        return [r for r in self.rows if r.rate == rate and r.material == material]


def sweep(
    count: int = 209,
    rates: Sequence[float] = RATES,
    materials: Sequence[str] = MATERIALS,
    most: int = MOST,
    lanes: int = 4,
) -> Sweep:
    """Return `count` lengths of every material, rate and number of retimers."""
    rows = [
        _row(rate, material, retimers, count, lanes)
        for rate in rates
        for material in materials
        for retimers in range(most + 1)
    ]
    return Sweep(tuple(rows), {rate: _optics(rate, lanes) for rate in rates})


def _row(rate: float, material: str, retimers: int, count: int, lanes: int) -> SweepRow:
    names = device_for(RETIMERS, rate)
    trace = catalog.load("segments", material).what == "trace"
    longest = (5.0 if trace else 25.0) * 106.25e9 / rate
    length = np.geomspace(0.02, longest, count)
    link = _question(material, retimers, names[0], rate, lanes)
    found = solve(link, length[:, None] / (retimers + 1.0) * np.ones(retimers + 1))
    line = catalog.load("segments", material)
    a_metre = float(line.price_by_length) if line.price_by_length else 0.0
    fixed = sum(price_parts(link).values()) - lanes * a_metre
    return SweepRow(
        rate=rate,
        material=material,
        retimers=retimers,
        length=length,
        margin_db=found.margin_db,
        frame_loss=found.frame_loss,
        regime=found.regime,
        latency=found.latency,
        energy=sum(energy_parts(link).values()),
        price=fixed + lanes * a_metre * length,
    )


def _question(
    material: str, retimers: int, retimer: str, rate: float, lanes: int
) -> Link:
    path = trace_path(material, 1.0, retimers, retimer)
    serdes = ENDS.get(rate, SERDES)
    return question(path, rate=rate, lanes=lanes, serdes=serdes, code="kp4-4way")


def _optics(rate: float, lanes: int) -> tuple[str, float]:
    """Return the cheapest optics over 10 m that is inside its budget."""
    best = ("none", float("inf"))
    for name in device_for(OPTICS, rate):
        near = "cpo" in name
        path = f"{name} 10 m"
        if not near:
            path = f"{HOST}, connector, {path}, connector, {HOST}"
        serdes = ENDS.get(rate, SERDES)
        found = ask(path, rate=rate, lanes=lanes, serdes=serdes, code="kp4-4way")
        if found.regime == "inside" and found.price < best[1]:
            best = (name, found.price)
    return best


def pays(found: Sweep, rate: float, material: str) -> list[tuple[float, float] | None]:
    """Return from where to where each number of retimers pays [m], one after another.

    A number pays where fewer do not reach and optics cost more; None where nowhere.
    """
    intervals: list[tuple[float, float] | None] = []
    so_far = 0.0
    for row in found.of(rate, material):
        good = row.regime == 0
        cheap = row.price < found.optics[rate][1]
        where = np.flatnonzero(good & cheap & (row.length > so_far))
        if len(where):
            end = float(row.length[where[-1]])
            intervals.append((so_far, end))
            so_far = end
        else:
            intervals.append(None)
    return intervals
