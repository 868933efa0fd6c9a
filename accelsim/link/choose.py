"""Which medium, and how many retimers, for a distance: by cost, power or latency.

This file knows the ways to go some metres; whether one works is `answer.explain`'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError, nearest
from accelsim.link.answer import LinkBudget, explain, question
from accelsim.link.path import SERDES, too_long

HOST = "pcb-megtron8 50 mm"  # from a package to the connector of a cable or module
TRACES = ("pcb-megtron7", "pcb-megtron8")
CABLES = ("twinax-26awg", "twinax-28awg", "twinax-30awg")
RETIMERS = (
    *("retimer-aries-5", "retimer-aries-6"),
    *("retimer-taurus-100g", "retimer-dsp-224g", "retimer-448g"),
)
AECS = ("aec-aries-6", "aec-taurus-100g", "aec-dsp-200g")  # active cables
OPTICS = (
    *("optics-lpo-100g", "optics-dsp-100g", "optics-lpo-200g", "optics-dsp-200g"),
    *("optics-cpo-200g", "optics-cpo-400g"),
)
BESIDE = "serdes-224g-xsr"
MOST_RETIMERS = 4
BY = ("cost", "power", "latency")


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to go the distance."""

    medium: str
    retimers: int
    path: str
    budget: LinkBudget

    def worth(self, by: str) -> float:
        """Return what is to be small: USD, W or s."""
        values = {
            "cost": self.budget.price,
            "power": self.budget.power,
            "latency": self.budget.latency,
        }
        return values[by]


def device_for(names: tuple[str, ...], rate: float) -> list[str]:
    """Return the devices of the slowest kind that have this lane rate [b/s]."""
    rates = {name: float(catalog.load("devices", name).lane_rate) for name in names}
    enough = [found for found in rates.values() if found >= rate]
    least = min(enough, default=0.0)
    return [name for name, found in rates.items() if found == least]


def trace_path(material: str, distance: float, retimers: int, retimer: str) -> str:
    """Return a trace or cable from package to package, retimers evenly between."""
    piece = f"{material} {distance / (retimers + 1):.9g} m"
    return f", {retimer}, ".join([piece] * (retimers + 1))


def ways(distance: float, rate: float) -> Iterator[tuple[str, int, str]]:
    """Yield medium, number of retimers and path of every way to go a distance [m]."""
    retimers = device_for(RETIMERS, rate)
    for material in TRACES:
        for count in range(MOST_RETIMERS + 1 if retimers else 1):
            path = trace_path(material, distance, count, "".join(retimers[:1]))
            yield material, count, path
    for cable in CABLES:
        wire = f"{cable} {distance:.9g} m"
        yield cable, 0, f"{HOST}, connector, {wire}, connector, {HOST}"
    for name in device_for(AECS, rate):
        wire = f"{name} {distance:.9g} m"
        yield name, 2, f"{HOST}, connector, {wire}, connector, {HOST}"
    for name in device_for(OPTICS, rate):
        fibre = f"{name} {distance:.9g} m"
        if name == "optics-cpo-200g":  # beside the die: the shortest reach will do
            yield name, 0, f"{BESIDE}, {fibre}, {BESIDE}"
        elif "cpo" in name:
            yield name, 0, fibre
        else:
            yield name, 0, f"{HOST}, connector, {fibre}, connector, {HOST}"


def best_link(
    distance: float,
    rate: float = 212.5e9,
    by: str = "cost",
    *,
    lanes: int = 4,
    code: str | None = None,
    serdes: str = SERDES,
) -> list[Choice]:
    """Return the ways inside their budget that are sold so long, the best first.

    Parameters
    ----------
    distance : float
        From package to package, hosts' boards of cables and modules apart [m].
    rate : float
        Raw, of a lane [b/s].
    by : str
        cost, power or latency is to be small.

    Raises
    ------
    InputError
        The distance is out of range, or `by` is unknown.
    NoAnswerError
        None is inside its budget.
    """
    if by not in BY:
        raise InputError(f"by {by!r}: must be {', '.join(BY)}; {nearest(by, BY)}")
    if not 0.0 < distance <= 1e5:
        raise InputError(f"distance {distance:g} m: must be more than 0, to 100 km")
    found = []
    for medium, retimers, path in ways(distance, rate):
        if distance > 100.0 and "optics" not in path:
            continue
        asked = question(path, rate=rate, code=code, lanes=lanes, serdes=serdes)
        if too_long(asked.path):
            continue
        budget = explain(asked)
        if budget.regime == "inside":
            found.append(Choice(medium, retimers, path, budget))
    if not found:
        raise NoAnswerError(
            f"no medium carries {rate / 1e9:g} Gb/s a lane over {distance:g} m "
            f"with {serdes}"
        )
    return sorted(found, key=lambda choice: choice.worth(by))
