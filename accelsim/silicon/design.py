"""What a changed chip draws, over the chip of the catalog that it changes.

A chip file tells how the TDP splits: logic, memory macros, links, memory stacks. A
design that has other amounts of them (arrays, MiB, lanes, bandwidth, area) draws by
proportion, and its clock is what the cap leaves. What is neither multiply-adds nor
memory (control, registers, vector units) draws with the multiply-adds that it feeds.
Memory macros draw with the operands that cross the edges of the arrays, rows + columns
a cycle, over wires as long as the root of the capacity.
This file knows proportions; it knows no workload.
"""

import math
from dataclasses import dataclass

from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError
from accelsim.kernels import silicon as kernels
from accelsim.silicon.budget import area_of, parts_of
from accelsim.silicon.cost import die_of
from accelsim.silicon.nodes import process
from accelsim.silicon.power import curve
from accelsim.specs.chip import ChipSpec


@dataclass(frozen=True, slots=True)
class DesignPoint:
    """Power of a design's parts at the clock of its file [W], and the clock it keeps.

    clock : over that of the file, under `power.tdp`; never above it.
    """

    logic: float
    sram: float
    leakage: float
    links: float
    memory: float
    clock: float

    @property
    def full(self) -> float:
        """Return what all parts would draw at the clock of the file [W]."""
        return self.logic + self.sram + self.leakage + self.links + self.memory


def design_point(chip: ChipSpec) -> DesignPoint:
    """Return what a changed chip draws, and the clock that its cap leaves.

    Raises
    ------
    NoAnswerError
        The chip tells no dies, or the catalog has none of its name to compare with.
    """
    die, area = die_of(chip)
    try:
        base: ChipSpec = catalog.load("chips", chip.name)
    except InputError:
        raise NoAnswerError(
            f"chip {chip.name}: the catalog has none of this name to compare with"
        ) from None
    old, old_area = die_of(base)
    mine, theirs = parts_of(chip), parts_of(base)
    units = [area_of(parts, die.process)[0] for parts in (mine, theirs)]
    tdp, leak = float(base.power.tdp), float(process(die.process).curve.leakage)
    sram, links, memory = map(float, (old.sram_power, old.io_power, old.hbm_power))
    logic = max(0.0, 1.0 - sram - links - memory - leak)
    crossing = _operands(chip) / _operands(base)
    each = {
        "logic": logic * units[0] / units[1],
        "sram": sram * crossing * math.sqrt(mine.sram / theirs.sram),
        "leakage": leak * float(area) / float(old_area),
        "links": links * mine.lanes / max(1, theirs.lanes),
        "memory": memory * float(chip.hbm.bandwidth) / float(base.hbm.bandwidth),
    }
    watts = {name: share * tdp for name, share in each.items()}
    spare = float(chip.power.tdp) - watts["links"] - watts["memory"]
    dynamic = watts["logic"] + watts["sram"]
    clock = kernels.capped_clock(curve(die.process), dynamic, watts["leakage"], spare)
    return DesignPoint(**watts, clock=float(clock))


def _operands(chip: ChipSpec) -> float:
    """Return the operands that cross the edges of a chip's arrays in a cycle."""
    return float(chip.matrix.units * (chip.matrix.rows + chip.matrix.columns))
