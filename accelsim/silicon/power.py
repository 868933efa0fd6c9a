"""What a chip draws at a clock, and the clock that its power cap leaves it.

Dynamic power goes with f V^2, leakage with V exp(V), and V follows from f by the
process's curve. The energy of a FLOP has two parts: what a multiprocessor takes each
cycle whatever it does (issue, registers, clock tree), and what each FLOP takes. Both
are had from two measured chips of different width, moved to one process; a third chip
follows (`predict`). This file knows power and clocks; it knows no workload's phases.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.errors import InputError, NoAnswerError
from accelsim.kernels import silicon as kernels
from accelsim.silicon.cost import die_of
from accelsim.silicon.nodes import gains, process
from accelsim.specs.chip import ChipSpec


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a chip's parts are, each of its own peak (0 to 1)."""

    compute: float = 1.0
    memory: float = 0.5
    links: float = 0.5


# What a training step does, by the parts that it keeps busy; our reckoning.
WORK = {
    "products": Load(1.0, 0.5, 0.5),
    "streams": Load(0.2, 1.0, 0.0),
    "collectives": Load(0.0, 0.3, 1.0),
}
MEASURED = "n4"  # the process whose energies are fitted


@dataclass(frozen=True, slots=True)
class Point:
    """Where a chip runs: clock over nominal, and power by part [W]."""

    clock: float
    logic: float
    leakage: float
    memory: float
    links: float

    @property
    def power(self) -> float:
        """Return all that the chip draws [W]."""
        return self.logic + self.leakage + self.memory + self.links


def curve(name: str) -> tuple[float, float, float]:
    """Return threshold and lowest voltage over nominal, and steepness, of a process."""
    spec = process(name).curve
    nominal = float(spec.nominal)
    return (
        float(spec.threshold) / nominal,
        float(spec.lowest) / nominal,
        float(spec.steepness),
    )


def operating_point(
    chip: ChipSpec, load: Load | None = None, cap: float | None = None
) -> Point:
    """Return clock and power of a chip under a load and a power cap.

    At full load of its logic with memory and links half busy a chip draws its TDP at
    the nominal clock, but for a GPU whose measured energy of a FLOP says more.

    Parameters
    ----------
    cap : float
        [W]; the TDP if left out.

    Raises
    ------
    InputError
        A load that is no share, or a cap of nothing.
    """
    asked = load or Load()
    for name in Load.__slots__:
        if not 0.0 <= getattr(asked, name) <= 1.0:
            raise InputError(f"load: {name}: {getattr(asked, name)} is no share")
    die, _ = die_of(chip)
    tdp = float(chip.power.tdp)
    limit = tdp if cap is None else cap
    if not limit > 0.0:
        raise InputError(f"cap: {limit} W must be more than zero")
    leakage = float(process(die.process).curve.leakage) * tdp
    memory = float(die.hbm_power) * tdp * asked.memory / 0.5
    links = float(die.io_power) * tdp * asked.links / 0.5
    full = tdp * (1.0 - float(die.hbm_power) - float(die.io_power)) - leakage
    if chip.gemm is not None and float(chip.gemm.flop_energy) > 0.0:
        full = float(chip.gemm.flop_energy) * float(chip.matrix.peak["bf16"])
        leakage = min(leakage, float(chip.power.idle))
    shape = curve(die.process)
    spare = max(0.0, limit - memory - links)
    dynamic = full * asked.compute
    clock = kernels.capped_clock(shape, dynamic, leakage, spare)
    drawn = kernels.power_at(clock, shape, dynamic, leakage)
    still = kernels.power_at(clock, shape, 0.0, leakage)
    return Point(clock, drawn - still, still, memory, links)


@dataclass(frozen=True, slots=True)
class Energies:
    """Energy at one clock on one process.

    cycle : of a multiprocessor's cycle [J]. flop : of a bf16 FLOP beside it [J].
    """

    process: str
    clock: float
    cycle: float
    flop: float


def flop_energy(chip: ChipSpec, reached: float) -> float:
    """Return what a bf16 FLOP takes at the peak's clock, idle power left out [J].

    reached : share of the peak that large products reach under the power cap, all of
    which is the clock's doing.
    """
    die, _ = die_of(chip)
    shape = curve(die.process)
    voltage = max(shape[1], kernels.voltage_at(reached, shape[0], shape[2]))
    spare = float(chip.power.tdp) - float(chip.power.idle)
    return spare / (float(chip.matrix.peak["bf16"]) * reached * voltage * voltage)


def moved_energy(energy: float, old: ChipSpec, to: str, clock: float) -> float:
    """Return an energy of `old` at its clock on another process at another clock [J].

    At equal clock the foundry's word; over the clock with the square of the voltage.
    """
    die, _ = die_of(old)
    shape = curve(to)
    step = float(old.clock) / clock
    # nominal is the faster of the two
    slower, rising = (step, True) if step <= 1.0 else (1.0 / step, False)
    voltage = kernels.voltage_at(slower, shape[0], shape[2])
    square = 1.0 / voltage**2 if rising else voltage**2
    return float(energy * gains(to, die.process).power * square)


def width(chip: ChipSpec) -> float:
    """Return the bf16 FLOPs of one multiprocessor in a cycle."""
    peak = float(chip.matrix.peak["bf16"])
    return peak / (chip.matrix.units * float(chip.clock))


def fit_energies(
    measured: Mapping[str, float], chips: Mapping[str, ChipSpec]
) -> Energies:
    """Return the two energies that two chips of different width follow from.

    Parameters
    ----------
    measured : dict
        Two chips, and the share of the bf16 peak that their largest products reach.
    chips : dict
        Specs of these chips; the faster one's process and clock are the answer's.

    Raises
    ------
    InputError
        Not two chips, or two of one width.
    """
    if len(measured) != 2:
        raise InputError(
            f"energies: two measured chips are needed, not {len(measured)}"
        )
    slow, fast = sorted(measured, key=lambda name: float(chips[name].clock))
    to, clock = die_of(chips[fast])[0].process, float(chips[fast].clock)
    energies, widths = [], []
    for name in (slow, fast):
        own = flop_energy(chips[name], measured[name])
        energies.append(moved_energy(own, chips[name], to, clock))
        widths.append(1.0 / width(chips[name]))
    if widths[0] == widths[1]:
        raise InputError("energies: both chips have multiprocessors of one width")
    cycle = (energies[0] - energies[1]) / (widths[0] - widths[1])
    return Energies(to, clock, cycle, energies[1] - cycle * widths[1])


def energies_of(name: str = MEASURED) -> Energies:
    """Return the energies that a process tells.

    Raises
    ------
    NoAnswerError
        No chip on it was measured.
    """
    told = process(name).energy
    if told is None:
        raise NoAnswerError(f"process {name}: no chip on it was measured")
    return Energies(name, float(told.clock), float(told.cycle), float(told.flop))


def predict(chip: ChipSpec, energies: Energies) -> float:
    """Return the share of its clock that a chip's power cap leaves busy units."""
    die, _ = die_of(chip)
    shape = curve(die.process)
    step = energies.clock / float(chip.clock)
    voltage = kernels.voltage_at(min(step, 1.0 / step), shape[0], shape[2])
    square = voltage**-2 if step < 1.0 else voltage**2
    each = energies.flop + energies.cycle / width(chip)
    each *= gains(die.process, energies.process).power * square
    dynamic = each * float(chip.matrix.peak["bf16"])
    spare = float(chip.power.tdp) - float(chip.power.idle)
    return float(kernels.capped_clock(shape, dynamic, 0.0, spare))
