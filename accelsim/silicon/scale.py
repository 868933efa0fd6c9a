"""The same chip on another process: area, clock, power and cost.

Logic, memory macros, SerDes and memory stacks scale apart: the headline gain of a
process is logic's. At equal speed logic and macros draw less; at equal power the clock
rises until all parts together draw what they did: dynamic power of logic grows with
clock^n, where n is what makes the foundry's two statements one curve, power x speed^n
= 1. This file knows what a process gains; it knows no workload.
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from accelsim import catalog
from accelsim.errors import InputError, nearest
from accelsim.kernels.silicon import HALVINGS
from accelsim.overrides import Override, override
from accelsim.silicon.budget import budget_of
from accelsim.silicon.cost import ChipCost, chip_cost, die_of
from accelsim.silicon.nodes import Gains, Take, Value, gains, nominal
from accelsim.specs.chip import ChipSpec
from accelsim.specs.figure import Figure

At = Literal["iso-power", "iso-speed"]
CUBE = 3.0  # of power over clock where a process states no trade
SMALLEST_GAIN = 1e-6  # of a clock, in its logarithm


@dataclass(frozen=True, slots=True)
class Ratios:
    """New over old: area of the dies, clock, power of the chip, energy of a FLOP."""

    area: Value
    clock: Value
    power: Value

    @property
    def energy(self) -> Value:
        """Return the energy of a FLOP of a busy chip over what it was."""
        return self.power / self.clock


@dataclass(frozen=True, slots=True)
class Ported:
    """A chip before and after a change of process."""

    before: ChipSpec
    chip: ChipSpec
    to: str
    at: str
    ratios: Ratios
    cost_before: ChipCost
    cost: ChipCost


def ratios(chip: ChipSpec, to: str, at: str, take: Take = nominal) -> Ratios:
    """Return area, clock and power of a chip on another process over what they are.

    Raises
    ------
    InputError
        An unknown process, or neither iso-power nor iso-speed.
    """
    if at not in get_args(At):
        raise InputError(f"port: at: {at!r}; {nearest(at, get_args(At))}")
    die, _ = die_of(chip)
    gain = gains(to, die.process, take)
    room = budget_of(chip, take)
    rest = room.rest
    area = (room.matrix + rest) / gain.logic + room.sram / gain.sram
    area = area + (room.serdes + room.hbm) / gain.analog
    fixed = take("chip.die.io_power", die.io_power)
    fixed = fixed + take("chip.die.hbm_power", die.hbm_power)
    macros = take("chip.die.sram_power", die.sram_power)
    logic = 1.0 - fixed - macros
    if at == "iso-speed":
        power = fixed + macros * gain.sram_power + logic * gain.power
        return Ratios(area / room.die, 1.0, power)
    return Ratios(area / room.die, _clock(gain, fixed, macros, logic), 1.0)


def _clock(gain: Gains, fixed: Value, macros: Value, logic: Value) -> Value:
    """Return the clock at which the parts draw together what they did, by halving.

    Ports of memory and links keep their rates.
    """
    import numpy as np

    speed, power = np.log(gain.speed), np.log(gain.power)
    trades = np.abs(speed) > SMALLEST_GAIN
    steep = np.where(trades, -power / np.where(trades, speed, 1.0), CUBE)
    steep = np.clip(steep, 1.0, 4.0)
    low, high = np.full(np.shape(steep), 0.25), np.full(np.shape(steep), 4.0)
    for _ in range(HALVINGS):
        clock = 0.5 * (low + high)
        drawn = (macros * gain.sram_power + logic * gain.power) * clock**steep + fixed
        low, high = (
            np.where(drawn <= 1.0, clock, low),
            np.where(drawn > 1.0, clock, high),
        )
    return low if low.ndim else float(low)


def port(
    chip: str | ChipSpec, *, to: str, at: At = "iso-power", when: date | None = None
) -> Ported:
    """Return a chip on another process of the catalog.

    Parameters
    ----------
    chip : str or ChipSpec
        Name, path or spec; its file must have a [die].
    to : str
        A process, such as ``n2``.
    at : str
        ``iso-power``: at the power that it draws, faster; ``iso-speed``: at its clock.
    when : date, optional
        Of the prices; the newest if left out.

    Raises
    ------
    InputError, NoAnswerError
        An unknown name; a chip that does not tell what it is made of.
    """
    old: ChipSpec = catalog.load("chips", chip) if isinstance(chip, str) else chip
    found = ratios(old, to, at)
    new = moved(old, to, found)
    before, after = chip_cost(old, when=when), chip_cost(new, when=when)
    return Ported(old, new, to, at, found, before, after)


def moved(chip: ChipSpec, to: str, found: Ratios) -> ChipSpec:
    """Return the spec of a chip with its area, clock and power changed."""
    return override(chip, changes_of(chip, to, found), f"chip {chip.name}")


def changes_of(chip: ChipSpec, to: str, found: Ratios) -> list[Override]:
    """Return what makes a chip that of another process."""
    die, area = die_of(chip)
    why = f"{die.process} to {to}"
    figures: dict[tuple[str, ...], tuple[Figure | None, float]] = {
        ("die_area",): (area, float(found.area)),
        ("clock",): (chip.clock, float(found.clock)),
        ("power", "tdp"): (chip.power.tdp, float(found.power)),
        ("power", "idle"): (chip.power.idle, float(found.power)),
    }
    if chip.gemm is not None:
        ratio = float(found.energy)
        figures[("gemm", "flop_energy")] = (chip.gemm.flop_energy, ratio)
        figures[("power", "fused_flop")] = (chip.power.fused_flop, ratio)
    changes = [
        Override(path, figure.scaled(ratio, why))
        for path, (figure, ratio) in figures.items()
        if figure is not None and not math.isclose(ratio, 1.0)
    ]
    changes += [Override(("die", "process"), to), Override(("process",), to.upper())]
    return changes
