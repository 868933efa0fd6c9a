"""Joules of a step: power by phase, integrated over the phases.

While it computes a chip draws its TDP (a training step runs at the power limit: the
sustained rates of the chip files were measured there); while it waits for a link or in
a bubble it draws its idle power. Links charge for the bytes that they carry. Hosts and
fans draw their share all the time, and the hall multiplies everything by its PUE.
"""

from dataclasses import dataclass
from typing import Any

from accelsim.question import Question


@dataclass(frozen=True, slots=True)
class PhaseTimes:
    """Seconds of a step by what the chip does [s]: they sum to the step time.

    A number each, or an array over plans.
    """

    compute: Any
    communication: Any
    idle: Any

    @property
    def total(self) -> Any:
        """Return the step time [s]."""
        return self.compute + self.communication + self.idle


@dataclass(frozen=True, slots=True)
class Draw:
    """What a job draws: power [W] of its chips and nodes, and the hall's share.

    A number each, or an array over plans.
    """

    chips: Any
    tdp: Any
    idle: Any
    nodes: Any
    overhead: Any
    pue: Any


def draw_of(q: Question) -> Draw:
    """Return what the job of a question draws."""
    node, power = q.system.node, q.chip.power
    return Draw(
        chips=q.run.chips,
        tdp=float(power.tdp),
        idle=float(power.idle),
        nodes=-(-q.run.chips // node.chips),
        overhead=float(node.overhead_power),
        pue=max(1.0, float(q.system.pue)),
    )


def energy_parts(draw: Draw, phases: PhaseTimes, link_joules: Any) -> dict[str, Any]:
    """Return the energy of a step by cause, for the whole job [J].

    Parameters
    ----------
    draw : Draw
    phases : PhaseTimes
        Of one worker; all workers run alike.
    link_joules : float or array
        Energy of all bytes that the job sends in a step [J].
    """
    chips, idle = draw.chips, draw.idle
    compute = chips * draw.tdp * phases.compute
    communication = chips * idle * phases.communication + link_joules
    waiting = chips * idle * phases.idle
    node = draw.nodes * draw.overhead * phases.total
    meter = compute + communication + waiting + node
    return {
        "compute": compute,
        "communication": communication,
        "idle": waiting,
        "node": node,
        "facility": meter * (draw.pue - 1.0),
    }


def standby_power(q: Question, nodes: int) -> float:
    """Return what nodes draw that wait for work, at the meter [W]."""
    node = q.system.node
    each = node.chips * float(q.chip.power.idle) + float(node.overhead_power)
    return nodes * each * max(1.0, float(q.system.pue))
