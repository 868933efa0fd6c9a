"""A chip: its matrix units, its memory, its power. One package that one can buy."""

from typing import Literal

from pydantic import Field, model_validator

from accelsim.specs import hbm
from accelsim.specs.attention import AttentionSpec
from accelsim.specs.die import DieSpec
from accelsim.specs.figure import (
    MAX_SIZE,
    Area,
    Bandwidth,
    BitRate,
    Bytes,
    ComputeRate,
    Count,
    EnergyPerFlop,
    Fraction,
    Frequency,
    NamedSpec,
    PositiveCount,
    Power,
    Ratio,
    Share,
    Spec,
    Time,
)
from accelsim.specs.neuron import NeuronSpec

Precision = Literal["fp32", "tf32", "bf16", "fp16", "int8", "fp8", "mxfp8", "nvfp4"]
Family = Literal["gpu", "neuron", "tpu"]


class MatrixSpec(Spec):
    """The units that multiply matrices.

    Attributes
    ----------
    units : int
        Streaming multiprocessors, compute units or systolic arrays in the chip.
    rows, columns : int
        Largest output tile of one multiprocessor (GPU), or the systolic array
        (Neuron, TPU).
    peak : dict
        Dense peak rate of the chip by precision, as the vendor states it.
    sustained : dict
        Share of the peak that a systolic chip's best large GEMM reaches, by
        precision; where a precision is missing, that of bf16 counts. It holds what
        the datasheet leaves out: the clock under the power cap and the issue gaps.
        A GPU has `gemm` in its place.
    grouped : Share
        Share of that which one kernel for the products of many experts reaches.
    group_rows : Count or None
        Rows that each group of a grouped product costs beyond its own: its weights,
        and the tile that it shares with the next one. Of systolic chips.
    group_masked : Share or None
        Share of that rate where a side is no multiple of the vector unit's lanes.
    promoted : Share or None
        Share of that which fp8 products of gradients reach. Training libraries switch
        off `fast accumulation` for them: partial sums are promoted to full fp32 on the
        way, in other units (Hopper, Ada). None where the matrix units add in fp32.
    """

    units: int = Field(gt=0, le=MAX_SIZE)
    rows: int = Field(gt=0, le=MAX_SIZE)
    columns: int = Field(gt=0, le=MAX_SIZE)
    peak: dict[Precision, ComputeRate]
    sustained: dict[Precision, Share] = Field(default_factory=dict)
    grouped: Share
    group_rows: Count | None = None
    group_masked: Share | None = None
    promoted: Share | None = None

    @model_validator(mode="after")
    def _has_bf16(self) -> "MatrixSpec":
        if "bf16" not in self.peak:
            raise ValueError("peak must give bf16")
        return self


class GemmSpec(Spec):
    """How a GPU and its library multiply matrices; what `kernels/gpu.py` needs.

    Made from measured products by `accelsim calibrate gemm`, but for the tile step.

    Attributes
    ----------
    tile_step : int
        The shorter side of a tile is a multiple of it; 0 for powers of two.
    issue : dict
        Share of the peak rate at full clock, by precision, else that of bf16.
    block : Share or None
        Share of these rates that products with block scales reach, if less than all.
    library : dict
        The same of the vendor's own products, where `issue` was measured with others:
        of NVFP4, with CUTLASS's largest tile.
    flop_energy : EnergyPerFlop
        What a bf16 FLOP of busy matrix units takes at the full clock, all parts of the
        chip but what it draws idle. The power cap slows the clock to its cube root.
    settle : Time
        In which the clock falls from full to that.
    hot_clock : Share
        Share of the busy clock that is left after minutes of load.
    fill : Time
        Filling and draining the pipelines of one wave of tiles.
    cast_latency : Time
        One of the kernels that narrow activations in front of a product.
    split_latency : Time
        Joining the slices of a sum that was split over multiprocessors.
    operand_bytes : PositiveCount
        That one multiprocessor reads from shared memory in a cycle.
    memory_ramp : Time
        Until memory streams at its rate.
    cache_share : Share
        Of the L2 cache that keeps what was used last.
    apart : bool
        Products of experts that a library starts on several streams, a kernel each,
        take as long as one after the other; else as long as in one kernel.
    """

    tile_step: int = Field(ge=0, le=256)
    issue: dict[Precision, Share]
    block: Share | None = None
    library: dict[Literal["nvfp4"], Share] = Field(default_factory=dict)
    flop_energy: EnergyPerFlop
    settle: Time
    hot_clock: Share
    fill: Time
    cast_latency: Time
    split_latency: Time
    operand_bytes: PositiveCount
    memory_ramp: Time
    cache_share: Share
    apart: bool = True

    @model_validator(mode="after")
    def _has_bf16(self) -> "GemmSpec":
        if "bf16" not in self.issue:
            raise ValueError("issue must give bf16")
        if not set(self.library) <= set(self.issue):
            raise ValueError("library must be among issue")
        return self


class VectorSpec(Spec):
    """The units that work element by element (CUDA cores, VectorE, VPU).

    Attributes
    ----------
    peak : ComputeRate
        Multiply-adds in fp32.
    exponentials : PositiveCount or None
        Exponentials that one of the matrix units' neighbours computes in a cycle.
    """

    peak: ComputeRate
    exponentials: PositiveCount | None = None


class HbmSpec(Spec):
    """The memory beside the die.

    `bandwidth` and `capacity` belong to the whole chip. Changing `pin_rate` or
    `stacks` scales them; changing `bandwidth` scales `pin_rate` (`catalog.override`).

    Attributes
    ----------
    memory : HbmSpec or None
        What the stacks are made of: in a file the name of a memory of the catalog, or
        a table with such a `base`. Runs at this chip's pin rate.
    efficiency_with : str or None
        Memory of the catalog that `efficiency` belongs to: it counts as it is while
        `memory` is that one, and in proportion to the channel model if it is another.
    """

    generation: str
    stacks: int = Field(gt=0, le=MAX_SIZE)
    pins_per_stack: int = Field(default=1024, gt=0, le=MAX_SIZE)
    capacity: Bytes
    bandwidth: Bandwidth
    pin_rate: BitRate | None = None
    efficiency: Share = Field(
        description="share of the peak that a large streaming kernel reaches"
    )
    memory: hbm.HbmSpec | None = None
    efficiency_with: str | None = None

    @property
    def derived_pin_rate(self) -> float:
        """Return the pin rate that the bandwidth implies [b/s]."""
        return self.bandwidth.value * 8 / (self.stacks * self.pins_per_stack)

    @model_validator(mode="after")
    def _consistent(self) -> "HbmSpec":
        if self.pin_rate is not None:
            ratio = self.pin_rate.value / self.derived_pin_rate
            if not 0.97 < ratio < 1.03:
                raise ValueError(
                    f"pin_rate {self.pin_rate.text} disagrees with bandwidth "
                    f"{self.bandwidth.text}, which implies "
                    f"{self.derived_pin_rate / 1e9:.3g} Gb/s"
                )
        return self


class SramSpec(Spec):
    """On-chip memory: L2 of a GPU, SBUF of a NeuronCore, VMEM of a TPU."""

    capacity: Bytes
    bandwidth: Bandwidth | None = None


class PowerSpec(Spec):
    """Electrical power of the package.

    Attributes
    ----------
    fused_flop : EnergyPerFlop or None
        What a bf16 FLOP of a fused attention kernel takes at the highest clock, all
        parts of the chip counted; the power cap slows the clock beyond it.
    """

    tdp: Power
    idle: Power
    fused_flop: EnergyPerFlop | None = None


class CoreLinkSpec(Spec):
    """How the workers inside one package reach each other (Neuron cores).

    Attributes
    ----------
    touches : Share or None
        Of a worker's memory bandwidth, what collectives reach with the reads and writes
        that each byte costs on its way. None: the links alone limit them.
    """

    bandwidth: Bandwidth = Field(description="of the whole chip, one way")
    latency: Time
    touches: Share | None = None


class ChipSpec(NamedSpec):
    """One accelerator package.

    Attributes
    ----------
    workers_per_chip : int
        Ranks that a training job sees in one package: 1 on a GPU, 2 NeuronCores on
        Trainium1, the logical cores of Trainium2 and 3 (`notes` says which setting).
    clock, clock_highest : Frequency
        Clock of the peak rates, and the one of a chip that power does not limit (the
        same if not given).
    headline : dict of str to text
        Competing figures that the model does not use, kept under their own names.
    neuron : NeuronSpec or None
        The engines of one of `matrix.units` NeuronCores.
    die : DieSpec or None
        What the package is made of; no time rests on it.
    reduces_behind : bool
        Whether something else than its cores can add up what replicas reduce, so that
        these compute meanwhile (multiprocessors to spare, SparseCores, engines).
    jitter : Fraction or None
        Deviation of one kernel's time from run to run on one chip, as a share of it.
    step_error : Ratio or None
        Step times of published runs over ours, 1 and the spread of 90 % of them: no
        time rests on it, but intervals do.
    """

    vendor: str
    family: Family
    status: Literal["shipping", "announced", "projected"]
    year: int
    process: str = ""
    die_area: Area | None = None
    die: DieSpec | None = None
    workers_per_chip: int = Field(default=1, gt=0, le=MAX_SIZE)
    clock: Frequency
    clock_highest: Frequency | None = None
    matrix: MatrixSpec
    vector: VectorSpec
    gemm: GemmSpec | None = None
    sram: SramSpec
    hbm: HbmSpec
    attention: dict[str, AttentionSpec] = Field(default_factory=dict)
    power: PowerSpec
    core_link: CoreLinkSpec | None = None
    neuron: NeuronSpec | None = None
    reduces_behind: bool = True
    jitter: Fraction | None = None
    step_error: Ratio | None = None
    kernel_latency: Time = Field(description="start and drain of one kernel on chip")
    headline: dict[str, Ratio | ComputeRate | Bandwidth | Count | str] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _products_have_a_rate(self) -> "ChipSpec":
        if self.family != "gpu":
            if "bf16" not in self.matrix.sustained:
                raise ValueError("matrix.sustained must give bf16")
        elif self.gemm is None or self.sram.bandwidth is None:
            raise ValueError("a gpu needs [gemm] and sram.bandwidth")
        elif float(self.power.tdp) <= float(self.power.idle):
            raise ValueError(
                f"power.tdp: {self.power.tdp.text} must be above power.idle, "
                f"{self.power.idle.text}: the rest is for the clock"
            )
        return self

    @model_validator(mode="after")
    def _workers_are_joined(self) -> "ChipSpec":
        if self.workers_per_chip > 1 and self.core_link is None:
            raise ValueError("workers_per_chip > 1 needs a [core_link]")
        return self

    @model_validator(mode="after")
    def _pipelines_know_their_chip(self) -> "ChipSpec":
        arrays = [name for name, a in self.attention.items() if a.arrays]
        if arrays and self.family == "gpu":
            raise ValueError(f"attention.{arrays[0]}.arrays: only on systolic arrays")
        pipelines = [name for name, a in self.attention.items() if a.pipeline]
        if not pipelines:
            return self
        for name, figure in (
            ("vector.exponentials", self.vector.exponentials),
            ("power.fused_flop", self.power.fused_flop),
        ):
            if figure is None:
                raise ValueError(f"attention.{pipelines[0]}.pipeline needs {name}")
        if self.family != "gpu":
            raise ValueError(f"attention.{pipelines[0]}.pipeline: only on a gpu")
        return self

    @model_validator(mode="after")
    def _cores_are_made(self) -> "ChipSpec":
        if self.die is not None and self.die_area is None:
            raise ValueError("die: needs die_area, of all dies that compute")
        if self.die is not None and self.die.cores < self.matrix.units:
            raise ValueError(
                f"die.cores: {self.die.cores} are fewer than the {self.matrix.units} "
                "of matrix.units that must work"
            )
        return self

    @model_validator(mode="after")
    def _engines_belong_to_a_core(self) -> "ChipSpec":
        if self.neuron is not None and self.family != "neuron":
            raise ValueError(f"neuron: a chip of family {self.family} has no such core")
        return self
