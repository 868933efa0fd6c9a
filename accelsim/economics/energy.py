"""Joules of a step: power by phase and part, integrated over the phases.

While it multiplies a chip draws its TDP (a training step runs at the power limit: the
sustained rates of the chip files were measured there), while it only moves memory less;
while it waits for a link or in a bubble it draws its idle power. Links charge for the
bytes that they carry. Hosts, adapters, switches and optics draw their share all the
time (`power`), and the hall multiplies everything by its PUE.
"""

from dataclasses import dataclass
from typing import Any

from accelsim.economics.power import steady
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


def streaming_power(q: Question) -> float:
    """Return what a chip draws while it only moves memory [W]."""
    tdp, idle = float(q.chip.power.tdp), float(q.chip.power.idle)
    return idle + STREAMING * max(0.0, tdp - idle)


def energy_by_phase(
    q: Question, phases: PhaseTimes, link_joules: Any
) -> dict[str, dict[str, Any]]:
    """Return the energy of a step by phase and part, for the whole job [J].

    Parameters
    ----------
    phases : PhaseTimes
        Of one worker; all workers run alike.
    link_joules : float or array
        Energy that all bytes of a step add [J]; it stands with the communication, also
        of bytes that travel behind computation.
    """
    chips, power = q.run.chips, q.chip.power
    busy = float(power.tdp) * phases.matrix + streaming_power(q) * phases.streaming
    idle = float(power.idle)
    drawn = (busy, idle * phases.communication, idle * phases.idle)
    times = (phases.matrix + phases.streaming, phases.communication, phases.idle)
    still, hall = steady(q), max(1.0, float(q.system.pue)) - 1.0
    made = {}
    for phase, chip, seconds in zip(PHASES, drawn, times, strict=True):
        parts = {
            "chip": chips * chip,
            "links": link_joules if phase == "communication" else 0.0 * seconds,
            "host": still.host * seconds,
            "nic": still.nic * seconds,
            "switch": (still.node_switch + still.network_switch) * seconds,
            "optics": still.optics * seconds,
        }
        made[phase] = parts | {"facility": hall * sum(parts.values())}
    return made


def energy_parts(q: Question, by_phase: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the same energy by cause [J]: chips by phase, boxes, network, hall."""
    still = steady(q)
    told = {part: sum(by_phase[p][part] for p in PHASES) for part in PARTS}
    outside = still.node_switch + still.network_switch
    share = still.network_switch / outside if outside > 0.0 else 0.0
    network = told["switch"] * share
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
