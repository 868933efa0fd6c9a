"""A chip: its matrix units, its memory, its power. One package that one can buy."""

from typing import Literal

from pydantic import Field, model_validator

from accelsim.specs import hbm
from accelsim.specs.figure import (
    MAX_SIZE,
    Area,
    Bandwidth,
    BitRate,
    Bytes,
    ComputeRate,
    Count,
    Frequency,
    NamedSpec,
    Power,
    Ratio,
    Share,
    Spec,
    Time,
)

Precision = Literal["fp32", "tf32", "bf16", "fp16", "int8", "fp8", "mxfp8", "nvfp4"]
Family = Literal["gpu", "neuron", "tpu"]


class MatrixSpec(Spec):
    """The units that multiply matrices.

    Attributes
    ----------
    units : int
        Streaming multiprocessors, compute units or systolic arrays in the chip.
    rows, columns : int
        Output tile of one thread block (GPU), or the systolic array (Neuron, TPU).
    peak : dict
        Dense peak rate of the chip by precision, as the vendor states it.
    sustained : dict
        Share of the peak that the best large GEMM reaches, by precision; where a
        precision is missing, that of bf16 counts. It holds what the datasheet
        leaves out: the clock under the power cap and the issue gaps.
    grouped : Share
        Share of that which a grouped product of many experts reaches, all passes.
    """

    units: int = Field(gt=0, le=MAX_SIZE)
    rows: int = Field(gt=0, le=MAX_SIZE)
    columns: int = Field(gt=0, le=MAX_SIZE)
    peak: dict[Precision, ComputeRate]
    sustained: dict[Precision, Share]
    grouped: Share

    @model_validator(mode="after")
    def _has_bf16(self) -> "MatrixSpec":
        for name in ("peak", "sustained"):
            if "bf16" not in getattr(self, name):
                raise ValueError(f"{name} must give bf16")
        return self


class VectorSpec(Spec):
    """The units that work element by element (CUDA cores, VectorE, VPU)."""

    peak: ComputeRate


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


class AttentionSpec(Spec):
    """Share of the matrix peak that a fused attention kernel reaches at length.

    Forward and backward apart, each a measurement of that kernel on this chip at
    head size 128 and 8k tokens or more.
    """

    forward: Share
    backward: Share


class PowerSpec(Spec):
    """Electrical power of the package."""

    tdp: Power
    idle: Power


class CoreLinkSpec(Spec):
    """How the workers inside one package reach each other (Neuron cores)."""

    bandwidth: Bandwidth = Field(description="of the whole chip, one way")
    latency: Time


class ChipSpec(NamedSpec):
    """One accelerator package.

    Attributes
    ----------
    workers_per_chip : int
        Ranks that a training job sees in one package: 1 on a GPU, 2 NeuronCores on
        Trainium1, the logical cores of Trainium2 and 3 (`notes` says which setting).
    headline : dict of str to text
        Competing figures that the model does not use, kept under their own names.
    """

    vendor: str
    family: Family
    status: Literal["shipping", "announced", "projected"]
    year: int
    process: str = ""
    die_area: Area | None = None
    workers_per_chip: int = Field(default=1, gt=0, le=MAX_SIZE)
    clock: Frequency
    matrix: MatrixSpec
    vector: VectorSpec
    sram: SramSpec
    hbm: HbmSpec
    attention: dict[str, AttentionSpec] = Field(default_factory=dict)
    power: PowerSpec
    core_link: CoreLinkSpec | None = None
    kernel_latency: Time = Field(description="start and drain of one kernel on chip")
    headline: dict[str, Ratio | ComputeRate | Bandwidth | Count | str] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _workers_are_joined(self) -> "ChipSpec":
        if self.workers_per_chip > 1 and self.core_link is None:
            raise ValueError("workers_per_chip > 1 needs a [core_link]")
        return self
