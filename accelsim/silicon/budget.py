"""Where the area and the edge of a die go, and whether a design fits.

Areas of multiply-adds, memory, lanes and ports are those of the first process of a
chain, over the density that each gained since. What a chip's known parts leave of its
die is the rest: control, registers, wiring. This file knows areas; it knows no cost.
"""

from dataclasses import dataclass

from accelsim.errors import InputError
from accelsim.silicon.cost import die_of
from accelsim.silicon.nodes import Take, Value, first_areas, gains, nominal
from accelsim.silicon.wafer import fits_reticle, shape
from accelsim.specs.chip import ChipSpec

MIB = 2.0**20
MAC_TYPES = ("bf16", "fp8")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a design asks for.

    macs : multiply-adds a cycle by precision; those of narrower ones share the units
    of wider ones. sram : memory on the die [B]. lanes : SerDes lanes, both ways.
    ports : of memory stacks.
    """

    macs: dict[str, float]
    sram: float
    lanes: int
    ports: int


@dataclass(frozen=True, slots=True)
class Budget:
    """Areas [m2] and edges [m] of all dies of a package.

    Attributes
    ----------
    matrix, sram, serdes, hbm : float
        Areas of the parts.
    rest : float
        What they leave of `die` (negative: they do not fit).
    edge_used, edge : float
        What ports and lanes take, and all edges of the dies.
    fits_area, fits_edge, fits_reticle : bool
    """

    matrix: Value
    sram: Value
    serdes: Value
    hbm: Value
    die: Value
    count: int
    edge_used: Value
    edge: Value

    @property
    def rest(self) -> Value:
        """Return what the parts leave of the dies [m2]."""
        return self.die - self.matrix - self.sram - self.serdes - self.hbm

    @property
    def fits_area(self) -> bool:
        """Return whether the parts fit on the dies."""
        return bool(self.rest >= 0.0)

    @property
    def fits_edge(self) -> bool:
        """Return whether ports and lanes find room along the edges."""
        return bool(self.edge_used <= self.edge)

    @property
    def fits_reticle(self) -> bool:
        """Return whether each die can be exposed at once."""
        return fits_reticle(float(self.die) / self.count)


def parts_of(chip: ChipSpec) -> Parts:
    """Return what a chip of the catalog asks of its dies."""
    die, _ = die_of(chip)
    clock = float(chip.clock)
    macs = {
        str(kind): float(peak) / (2.0 * clock)
        for kind, peak in chip.matrix.peak.items()
        if kind in MAC_TYPES
    }
    return Parts(macs, float(chip.sram.capacity), die.serdes_lanes, die.hbm_ports)


def area_of(
    parts: Parts, process: str, take: Take = nominal
) -> tuple[Value, Value, Value, Value]:
    """Return the areas of matrix units, memory, lanes and ports on a process [m2].

    Raises
    ------
    InputError
        A precision that the process has no area for.
    """
    first, areas = first_areas(process)
    grown = gains(process, first, take)
    at = f"process.{first}.area"
    each = []
    for kind, count in parts.macs.items():
        if kind not in areas.mac:
            raise InputError(f"process {first}: area.mac has no {kind!r}")
        each.append(count * take(f"{at}.mac.{kind}", areas.mac[kind]))
    matrix = 0.0 if not each else max(each, key=_size)
    return (
        matrix / grown.logic,
        parts.sram / MIB * take(f"{at}.sram", areas.sram) / grown.sram,
        parts.lanes * take(f"{at}.serdes", areas.serdes) / grown.analog,
        parts.ports * take(f"{at}.hbm_phy", areas.hbm_phy) / grown.analog,
    )


def _size(area: Value) -> float:
    return float(area if not hasattr(area, "mean") else area.mean())


def budget(
    parts: Parts, process: str, die_area: Value, count: int = 1, take: Take = nominal
) -> Budget:
    """Return where the area and the edge of a design go.

    Parameters
    ----------
    die_area : float
        Of all dies together [m2].
    count : int
        Of dies; where there are several, one edge of each joins the next.
    """
    if float(_size(die_area)) <= 0.0 or count < 1:
        raise InputError(f"budget: die_area {die_area} and count {count}: no die")
    _, areas = first_areas(process)
    matrix, sram, serdes, hbm = area_of(parts, process, take)
    width, height = shape(_size(die_area) / count)
    joined = 2.0 * (count - 1) * width
    used = parts.lanes * float(areas.serdes_edge) + parts.ports * float(areas.hbm_edge)
    edge = 2.0 * count * (width + height) - joined
    return Budget(matrix, sram, serdes, hbm, die_area, count, used, edge)


def budget_of(chip: ChipSpec, take: Take = nominal) -> Budget:
    """Return where the area and the edge of a chip's dies go."""
    die, area = die_of(chip)
    dies = take("chip.die_area", area)
    return budget(parts_of(chip), die.process, dies, die.count, take)
