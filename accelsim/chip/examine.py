"""What holds a memory back, and what its traffic costs in energy.

This file knows how to ask the channel kernel again without one constraint, and how to
count commands into energy. What a constraint is in ticks is `dram`'s business.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from accelsim.chip.dram import lower, memory
from accelsim.chip.ecc import protected
from accelsim.chip.memory import (
    Measured,
    Pattern,
    Served,
    Traffic,
    interval_of,
    measure,
    serve_by,
    window,
)
from accelsim.kernels.dram_run import run
from accelsim.kernels.dram_tables import COMMAND, COMMANDS, NO_REFRESH, PLACE
from accelsim.kernels.tables import Rows
from accelsim.specs.hbm import HbmSpec

LOADS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # of what saturates
BITS = 8.0
LIMIT_REQUESTS = 100_000  # of a run without a constraint, at most


def _no_refresh(d: Rows) -> None:
    d.refresh = NO_REFRESH


def _no_window(d: Rows) -> None:
    d.four_act = 0


def _no_turnaround(d: Rows) -> None:
    d.rd_wr, d.wr_rd = d.rd_rd, d.wr_wr
    d.group_wr_rd = d.group_rd_rd


def _no_row_bus(d: Rows) -> None:
    d.act_bus, d.pre_pre = 1, 1


def _no_bank_cycle(d: Rows) -> None:
    for name in ("act_act", "pre_act", "act_pre", "rd_pre", "wr_pre"):
        d[f"bank_{name}"] = 1


def _no_spacing(d: Rows) -> None:
    d.group_act_act, d.act_act = 1, 1


def _no_group(d: Rows) -> None:
    d.group_rd_rd, d.group_wr_wr = d.stack_rd_rd, d.stack_wr_wr
    d.other_stack_rd_rd = d.stack_rd_rd


# What a memory would be without it: name -> change of its constraints.
LIMITS: dict[str, Callable[[Rows], None]] = {
    "refresh": _no_refresh,
    "tFAW": _no_window,
    "bus turnaround": _no_turnaround,
    "row bus": _no_row_bus,
    "bank cycle (tRC)": _no_bank_cycle,
    "activate spacing (tRRD)": _no_spacing,
    "bank group (tCCD_L)": _no_group,
}


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy per bit moved, by what takes it [J/b]."""

    activate: float
    movement: float
    io: float
    refresh: float
    background: float

    @property
    def total(self) -> float:
        """Return the whole energy per bit."""
        parts = (self.activate, self.movement, self.io, self.refresh)
        return sum(parts) + self.background


@dataclass(frozen=True, slots=True)
class Examined:
    """A memory under a pattern: what it gives, what limits it, what it costs."""

    measured: Measured
    limits: dict[str, float]
    energy: Energy | None


def examine(spec: HbmSpec, asked: Traffic, warm_up: int, channels: int = 1) -> Examined:
    """Run requests, again without each constraint, and count their energy.

    warm_up : requests that leave before the measurement begins. It ends when as many
    are left as the queues hold, or with the last one if nothing came before.
    """
    done = protected(spec, asked, channels)
    behind = channels * (spec.controller.read_queue + spec.controller.write_queue)
    count = len(asked.address) - warm_up - (behind + 1000 if warm_up else 0)
    some = LIMIT_REQUESTS
    part = Traffic(asked.address[:some], asked.write[:some], asked.due[:some])
    return Examined(
        window(spec, done, warm_up, count, channels),
        limits(spec, part, channels),
        energy(spec, done, channels),
    )


def limits(spec: HbmSpec, asked: Traffic, channels: int = 1) -> dict[str, float]:
    """Return how much sooner the traffic would be served without each constraint.

    A gain of 0.1: in a tenth less time. Where two constraints bind in turn, the sum of
    their gains is less than what both together hold back.
    """
    whole = lower(spec, channels)
    time = float(serve_by(whole, asked).depart.max())
    found = {}
    for name, relax in LIMITS.items():
        row = whole.copy()
        relax(row[0])
        found[name] = max(1.0 - float(serve_by(row, asked).depart.max()) / time, 0.0)
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def energy(spec: HbmSpec, done: Served, channels: int = 1) -> Energy | None:
    """Return the energy per bit of a run; None if the memory states no energies."""
    cost, made = spec.energy, spec.organisation
    if cost is None or not len(done.depart):
        return None
    bits = len(done.depart) * made.transaction * BITS
    seconds = float(done.depart.max()) * spec.tick
    banks = made.stack_ids * made.bank_groups * made.banks
    apart = spec.controller.refresh in ("per-bank", "idle-bank")
    refresh = done.refreshes * cost.refresh.value / (banks if apart else 1)
    return Energy(
        activate=done.activates * cost.activate.value / bits,
        movement=cost.movement.value,
        io=cost.io.value,
        refresh=refresh / bits,
        background=channels * cost.background.value * seconds / bits,
    )


@dataclass(frozen=True, slots=True)
class Point:
    """A load and what came of it: shares of the peak, and times in s."""

    offered: float
    reached: float
    latency: float | None
    p99: float | None


def load_curve(
    spec: HbmSpec, pattern: Pattern, channels: int = 1, count: int = 8000
) -> Iterator[Point]:
    """Yield bandwidth and read latency at growing loads, up to full queues."""
    full = measure(spec, replace(pattern, interval=0.0), count, channels)
    for share in LOADS:
        load = share * full.efficiency
        paced = replace(pattern, interval=interval_of(spec, load, channels))
        found = measure(spec, paced, count, channels, 2000)
        yield Point(load, found.efficiency, found.latency, found.latency_p99)
    yield Point(1.0, full.efficiency, full.latency, full.latency_p99)


@dataclass(frozen=True, slots=True)
class Issued:
    """A command and when it was issued [s]."""

    time: float
    command: str
    pseudo_channel: int
    bank: int


def commands(spec: HbmSpec, asked: Traffic, until: float) -> list[Issued]:
    """Return the commands that one channel issues before a time [s]."""
    made = memory(lower(spec))
    arrive, depart = np.zeros_like(asked.address), np.zeros_like(asked.address)
    place = np.zeros(len(asked.address), PLACE).view(np.recarray)
    log = np.zeros(20 * len(asked.address) + 1000, COMMAND).view(np.recarray)
    used = run(
        *(made, asked.address, asked.write, asked.due, place, arrive, depart, log)
    )
    last = until / spec.tick
    return [
        Issued(row.tick * spec.tick, COMMANDS[row.command], int(row.pc), int(row.bank))
        for row in log[:used]
        if row.tick <= last
    ]
