"""Answers: what an estimate says, and how its totals are made of parts.

Frozen dataclasses without physics; keys that leave the program carry their unit.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from accelsim.economics.power import rack, steady
from accelsim.explore.plan import Plan
from accelsim.explore.whole import Whole
from accelsim.frames import frame
from accelsim.link.soft import soft_figures
from accelsim.question import Question

if TYPE_CHECKING:
    from pandas import DataFrame

# What of a step is computing, and what is waiting for a link.
COMPUTE_PARTS = (
    "matmul",
    "attention",
    "elementwise",
    "head",
    "recompute",
    "contention",
    "optimizer",
)
COMMUNICATION_PARTS = ("tp", "cp", "ep", "pp", "dp")


@dataclass(frozen=True, slots=True)
class TimeParts:
    """Where the seconds of a step go, on the slowest pipeline stage [s].

    matmul, attention, elementwise : the layers' operators by class, all passes.
    head : embedding, LM head and loss, as far as the stage holds them.
    recompute : forward work done again in the backward pass.
    launch : waiting for the host to launch kernels.
    tp, cp, ep, pp, dp : communication of each kind that nothing hides.
    contention : computing that is slower for what runs behind it.
    jitter, imbalance : waiting at collectives for the slowest kernels of a group, and
        for its fullest experts.
    bubble : pipeline fill and drain.
    optimizer : the update.
    host : what the host does once a step.
    """

    matmul: float
    attention: float
    elementwise: float
    head: float
    recompute: float
    launch: float
    tp: float
    cp: float
    ep: float
    pp: float
    dp: float
    contention: float
    jitter: float
    imbalance: float
    bubble: float
    optimizer: float
    host: float

    @property
    def total(self) -> float:
        """Return the step time [s]."""
        return sum(float(getattr(self, part)) for part in self.__slots__)

    @property
    def compute(self) -> float:
        """Return the time in which the chip computes [s]."""
        return sum(float(getattr(self, part)) for part in COMPUTE_PARTS)

    @property
    def communication(self) -> float:
        """Return the exposed communication [s]."""
        return sum(float(getattr(self, part)) for part in COMMUNICATION_PARTS)


@dataclass(frozen=True, slots=True)
class MemoryParts:
    """What fills the memory of a worker at the peak of a step [B].

    weights, gradients, optimizer : the model's states, as far as they are here.
    activations : kept for the backward passes of the micro-batches in flight.
    head : logits, where the loss is the fullest moment.
    buffers : what is held for communication: buckets, gathered layers and inputs.
    workspace : what the fullest moment needs beside these.
    fragmentation : what the allocator holds and cannot give.
    context : the driver, libraries and collectives.
    """

    weights: float
    gradients: float
    optimizer: float
    activations: float
    head: float
    buffers: float
    workspace: float
    fragmentation: float
    context: float

    @property
    def allocated(self) -> float:
        """Return the peak of all tensors [B]."""
        return self.total - self.context - self.fragmentation

    @property
    def total(self) -> float:
        """Return the least memory in which a step runs [B]: this must fit."""
        return sum(float(getattr(self, part)) for part in self.__slots__)


@dataclass(frozen=True, slots=True)
class Stage:
    """A pipeline stage: its layers, micro-batches in flight, and a worker's memory."""

    layers: float
    in_flight: float
    memory: MemoryParts


@dataclass(frozen=True, slots=True)
class EnergyParts:
    """Joules of a step by cause, for the whole job [J].

    compute, communication, idle : the chips by phase; node : hosts, NICs, fans and
    switches in the box; network : switches and optics outside of it; facility : what
    the hall adds (PUE).
    """

    compute: float
    communication: float
    idle: float
    node: float
    network: float
    facility: float

    @property
    def total(self) -> float:
        """Return the energy of a step [J]."""
        return sum(float(getattr(self, part)) for part in self.__slots__)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the job costs while it runs.

    Attributes
    ----------
    offer, date, source : str
        The price that was used.
    chips_rented : int
        Whole rent units, never fewer than the chips used.
    usd_per_second : float
        For all rented chips.
    """

    offer: str
    date: str
    source: str
    kind: str
    chips_rented: int
    usd_per_second: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The answer to one question; it explains itself.

    Attributes
    ----------
    time, memory, energy : parts whose totals are step time, peak memory and energy
    energy_by_phase : dict
        The same joules by phase (compute, communication, idle) and part (chip, links,
        host, nic, switch, optics, facility) [J].
    matmul_memory_bound : float
        Part of `time.matmul` in which memory, not the matrix unit, is the limit [s].
    memory_capacity : float
        Usable memory of one worker [B].
    model_flops, model_flops_causal : float
        FLOPs of a step that the model needs, attention counted full or causal
        (masked half left out); no recomputation.
    hardware_flops : float
        FLOPs that the chips execute in a step: recomputation counts, masked blocks
        that a fused attention kernel skips do not.
    peak : float
        Dense peak of all chips at the run's precision [FLOP/s].
    link_bytes : dict
        Bytes that each worker sends in a step, by parallelism [B].
    notes : tuple of str
        What the reader must know: partly filled domains, defaults taken.
    stages : tuple of Stage
        Memory of a worker of each pipeline stage; `memory` is that of the fullest.
    whole : Whole or None
        The whole run with its failures, where the question tells of it.
    """

    question: Question
    plan: Plan
    time: TimeParts
    memory: MemoryParts
    memory_capacity: float
    energy: EnergyParts
    energy_by_phase: dict[str, dict[str, float]]
    cost: Cost | None
    matmul_memory_bound: float
    model_flops: float
    model_flops_causal: float
    hardware_flops: float
    peak: float
    link_bytes: dict[str, float]
    notes: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    whole: Whole | None = None

    @property
    def chips(self) -> int:
        """Return the packages that work."""
        return self.question.run.chips

    @property
    def step_time(self) -> float:
        """Return the time of one optimizer step [s]."""
        return self.time.total

    @property
    def tokens(self) -> float:
        """Return the tokens of a step."""
        return float(self.question.global_batch) * self.question.seq_len

    @property
    def tokens_per_s(self) -> float:
        """Return the throughput of the job."""
        return self.tokens / self.step_time

    @property
    def tokens_per_s_per_chip(self) -> float:
        """Return the throughput a package."""
        return self.tokens_per_s / self.chips

    @property
    def mfu(self) -> float:
        """Return model FLOPs utilisation, full attention (PaLM's convention)."""
        return self.model_flops / (self.step_time * self.peak)

    @property
    def mfu_causal(self) -> float:
        """Return model FLOPs utilisation with causal attention counted half."""
        return self.model_flops_causal / (self.step_time * self.peak)

    @property
    def hfu(self) -> float:
        """Return hardware FLOPs utilisation: what the chips execute.

        Recomputation counts; what a fused attention kernel leaves out of a causal
        mask does not.
        """
        return self.hardware_flops / (self.step_time * self.peak)

    @property
    def fits(self) -> bool:
        """Return whether the plan fits in memory, also as its allocator cuts it up."""
        from accelsim.explore.reserved import runs_out  # it asks for an estimate

        return self.memory.total <= self.memory_capacity and not runs_out(self)

    @property
    def power(self) -> float:
        """Return the mean power of the job at the meter [W]."""
        return self.energy.total / self.step_time

    @property
    def rack(self) -> dict[str, Any] | None:
        """Return the mean and the highest power of a full rack, the mean by part [W].

        The network outside and the hall are not in it. None where a system tells no
        rack.
        """
        q, chips = self.question, self.chips
        drawn = sum(v["chip"] + v["links"] for v in self.energy_by_phase.values())
        still = steady(q)
        mean = rack(q, drawn / self.step_time / chips, still)
        most = rack(q, float(q.chip.power.tdp), still)
        if mean is None or most is None or q.system.rack is None:
            return None
        return {
            "chips": int(float(q.system.rack)),
            "power_w": sum(mean.values()),
            "highest_power_w": sum(most.values()),
            "power_parts_w": dict(mean),
        }

    @property
    def joule_per_token(self) -> float:
        """Return the energy of a token [J]."""
        return self.energy.total / self.tokens

    @property
    def usd_per_hour(self) -> float | None:
        """Return the price of all rented chips, or None if there is none."""
        return None if self.cost is None else self.cost.usd_per_second * 3600

    @property
    def usd_per_million_tokens(self) -> float | None:
        """Return the price of 10^6 tokens, or None if there is none."""
        if self.cost is None:
            return None
        return self.cost.usd_per_second / self.tokens_per_s * 1e6

    @property
    def kg_co2_per_million_tokens(self) -> float | None:
        """Return the CO2 of 10^6 tokens by the grid's mean [kg], or None."""
        carbon = self.question.system.carbon
        return None if carbon is None else float(carbon) * self.joule_per_token * 1e6

    def to_frame(self) -> "DataFrame":
        """Return the estimate as a pandas frame of one row, parts by dotted columns."""
        told = self.to_dict()
        del told["soft_figures"]
        return frame([told], [self.question.system.name])

    def _repr_html_(self) -> str:
        from accelsim.explore.shown import estimate_html  # it reads estimates

        return estimate_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate as plain data; every key carries its unit."""
        from accelsim.explore.reserved import reserved  # it asks for an estimate

        q = self.question
        return {
            "model": q.model.name,
            "system": q.system.name,
            "chip": q.chip.name,
            "software": q.software.name,
            "chips": self.chips,
            "workers": q.workers,
            "precision": q.precision,
            "seq_len": q.seq_len,
            "global_batch": q.global_batch,
            "global_batch_tokens": q.global_batch * q.seq_len,
            "plan": asdict(self.plan),
            "fits": self.fits,
            "step_time_s": self.step_time,
            "time_s": asdict(self.time),
            "matmul_memory_bound_s": self.matmul_memory_bound,
            "tokens_per_s": self.tokens_per_s,
            "tokens_per_s_per_chip": self.tokens_per_s_per_chip,
            "mfu": self.mfu,
            "mfu_causal": self.mfu_causal,
            "hfu": self.hfu,
            "model_flops": self.model_flops,
            "hardware_flops": self.hardware_flops,
            "peak_flop_per_s": self.peak,
            "memory_bytes": self.memory.total,
            "memory_capacity_bytes": self.memory_capacity,
            "memory_parts_bytes": asdict(self.memory),
            "memory_allocated_bytes": self.memory.allocated,
            "memory_reserved_bytes": reserved(self),
            "memory_by_stage_bytes": [stage.memory.total for stage in self.stages],
            "link_bytes": dict(self.link_bytes),
            "energy_j": self.energy.total,
            "energy_parts_j": asdict(self.energy),
            "energy_by_phase_j": {p: dict(v) for p, v in self.energy_by_phase.items()},
            "rack": self.rack,
            "power_w": self.power,
            "j_per_token": self.joule_per_token,
            "cost": None if self.cost is None else asdict(self.cost),
            "usd_per_hour": self.usd_per_hour,
            "usd_per_million_tokens": self.usd_per_million_tokens,
            "kg_co2_per_million_tokens": self.kg_co2_per_million_tokens,
            "training": None if self.whole is None else self.whole.to_dict(),
            "soft_figures": {
                path: {"text": f.text, "kind": f.kind, "source": f.source}
                for path, f in soft_figures(q).items()
            },
            "notes": list(self.notes),
        }
