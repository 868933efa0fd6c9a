"""Joules of a step: power by phase and part, integrated over the phases.

While it multiplies a chip draws its TDP (a training step runs at the power limit: the
sustained rates of the chip files were measured there), while it only moves memory less;
while it waits for a link or in a bubble it draws its idle power. Links charge for the
bytes that they carry. Hosts, adapters, switches and optics draw their share all the
time (`power`), and the hall multiplies everything by its PUE.
"""

from dataclasses import dataclass
from typing import Any

from accelsim.economics.power import Steady, steady
from accelsim.question import Question

PHASES = ("compute", "communication", "idle")
PARTS = ("chip", "links", "host", "nic", "switch", "optics", "facility")
# Of the way from idle power to TDP, while kernels only move memory: no vendor states
# it; the memory at its full rate is a quarter of a chip's power, the rest of the chip
# is clocked and waits.
STREAMING = 0.5


@dataclass(frozen=True, slots=True)
class PhaseTimes:
    """Seconds of a step by what the chip does [s]: they sum to the step time.

    matrix, streaming : multiplying, and moving memory alone; together it computes.
    communication : waiting for a link. idle : in a bubble or for the host. A number
    each, or an array over plans.
    """

    matrix: Any
    streaming: Any
    communication: Any
    idle: Any

    @property
    def total(self) -> Any:
        """Return the step time [s]."""
        return self.matrix + self.streaming + self.communication + self.idle


@dataclass(frozen=True, slots=True)
class Draw:
    """What a job draws. A number each, or an array over plans.

    chips : how many. tdp, streaming, idle : of one chip that multiplies, that only
    moves memory, that waits [W]. host, nic, switch, optics : of all machines, all the
    time [W]; outside : part of the switches' that is not in boxes. hall : share that
    the hall adds.
    """

    chips: Any
    tdp: Any
    streaming: Any
    idle: Any
    host: Any
    nic: Any
    switch: Any
    optics: Any
    outside: Any
    hall: Any


def draw_of(q: Question, still: Steady | None = None) -> Draw:
    """Return what the job of a question draws.

    still : what its machines draw beside the chips, if that is known already.
    """
    still = still or steady(q)
    tdp, idle = float(q.chip.power.tdp), float(q.chip.power.idle)
    switch = still.node_switch + still.network_switch
    return Draw(
        chips=q.run.chips,
        tdp=tdp,
        streaming=idle + STREAMING * max(0.0, tdp - idle),
        idle=idle,
        host=still.host,
        nic=still.nic,
        switch=switch,
        optics=still.optics,
        outside=still.network_switch / switch if switch > 0.0 else 0.0,
        hall=max(1.0, float(q.system.pue)) - 1.0,
    )


def energy_by_phase(
    draw: Draw, phases: PhaseTimes, link_joules: Any
) -> dict[str, dict[str, Any]]:
    """Return the energy of a step by phase and part, for the whole job [J].

    Parameters
    ----------
    draw : Draw
    phases : PhaseTimes
        Of one worker; all workers run alike.
    link_joules : float or array
        Energy that all bytes of a step add [J]; it stands with the communication, also
        of bytes that travel behind computation.
    """
    busy = draw.tdp * phases.matrix + draw.streaming * phases.streaming
    idle = draw.idle
    drawn = (busy, idle * phases.communication, idle * phases.idle)
    times = (phases.matrix + phases.streaming, phases.communication, phases.idle)
    made = {}
    for phase, chip, seconds in zip(PHASES, drawn, times, strict=True):
        parts = {
            "chip": draw.chips * chip,
            "links": link_joules if phase == "communication" else 0.0 * seconds,
            "host": draw.host * seconds,
            "nic": draw.nic * seconds,
            "switch": draw.switch * seconds,
            "optics": draw.optics * seconds,
        }
        made[phase] = parts | {"facility": draw.hall * sum(parts.values())}
    return made


def energy_parts(draw: Draw, by_phase: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the same energy by cause [J]: chips by phase, boxes, network, hall."""
    told = {part: sum(by_phase[p][part] for p in PHASES) for part in PARTS}
    network = told["switch"] * draw.outside
    communication = by_phase["communication"]
    return {
        "compute": by_phase["compute"]["chip"],
        "communication": communication["chip"] + communication["links"],
        "idle": by_phase["idle"]["chip"],
        "node": told["host"] + told["nic"] + told["switch"] - network,
        "network": network + told["optics"],
        "facility": told["facility"],
    }


def standby_power(q: Question, nodes: int) -> float:
    """Return what nodes draw that wait for work, at the meter [W]."""
    node = q.system.node
    each = node.chips * float(q.chip.power.idle) + float(node.overhead_power)
    return nodes * each * max(1.0, float(q.system.pue))
