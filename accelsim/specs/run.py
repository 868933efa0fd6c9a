"""A training run: what, on what, with which plan."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from accelsim.specs.chip import Precision
from accelsim.specs.figure import (
    MAX_SIZE,
    Bandwidth,
    PositiveCount,
    PositiveTime,
    Spec,
)
from accelsim.specs.price import Offer
from accelsim.specs.software import (
    CpCommType,
    Order,
    Recompute,
    RecomputeModule,
    Schedule,
    Sharding,
    split_modules,
)

Optimizer = Literal["adam", "adam8bit", "sgd", "muon"]
StageLayers = Annotated[int, Field(ge=0, le=MAX_SIZE)]
MAX_STAGES = 256  # whose layers may be stated


class PlanSpec(Spec):
    """How the work is cut up; what is left out is searched for.

    Sizes count workers: tp x cp x pp x dp = chips x workers_per_chip, and ep x etp
    divides tp x cp x dp.

    Attributes
    ----------
    tp, cp, pp, ep, dp : int
        Tensor, context, pipeline, expert and data parallelism.
    cp_comm_type : str
        How context parallelism exchanges: `p2p` (keys and values in a ring),
        `all_gather`, `a2a` (heads for tokens: Ulysses), `a2a+p2p` (that within groups,
        a ring among them); the software's own if left out.
    cp_a2a : int
        Workers of a group of `a2a+p2p`; as many as heads allow if left out.
    etp : int
        Tensor parallelism of the experts' own weights, which lie on the same workers as
        all others: ep x etp of them hold all experts once. What the stack takes if left
        out, tp in most.
    sp : bool
        Sequence parallelism beside tensor parallelism (Korthikanti et al. 2022).
    vp : int
        Virtual stages of each pipeline stage (interleaved 1F1B).
    schedule : str
        Order of the passes of a pipeline: `1f1b`, `interleaved` (1F1B with vp > 1),
        `gpipe`, `zb-h1`, `zb-v` or `dualpipe`.
    stage_layers : list of int
        Layers of each pipeline stage, evenly if left out; 0 leaves the first stage
        with the embedding alone, or the last with the LM head.
    micro_batch : int
        Sequences of one micro-batch on one data-parallel rank.
    order : str
        In which groups are laid out over ranks, inside out: `tp-cp-dp-pp`, or
        `tp-cp-pp-dp` where a pipeline's stages are neighbours (Megatron-LM's
        --use-tp-pp-dp-mapping); the software's own if left out.
    sharding : str
        `none`, `zero1` (optimizer), `zero2` (gradients too), `zero3` (weights too).
    shard_group : int
        Workers that share one sharded copy, all dp x cp if left out; groups of them
        hold the same (hybrid sharding).
    recompute : str
        `none`, `selective` (attention core) or `full`.
    recompute_modules : list of str
        What `selective` recomputes instead: `core_attn`, `layernorm`, `mla_up_proj`,
        `mlp`, `moe`, `moe_act`, `shared_experts` (Megatron-LM's names).
    recompute_layers : int
        Layers of each stage that `full` recomputes; all if left out.
    optimizer : str
        `adam` unless stated: `adam8bit` (moments of 8 bits), `sgd` (with momentum) or
        `muon`.
    offload_activations : float
        Share of the kept activations that waits in the host's memory.
    offload_optimizer : bool
        Master weights and moments live on the host, which updates them.
    """

    tp: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    sp: bool | None = None
    cp: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    cp_comm_type: CpCommType | None = None
    cp_a2a: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    pp: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    vp: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    schedule: Schedule | None = None
    ep: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    etp: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    dp: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    stage_layers: tuple[StageLayers, ...] | None = Field(
        default=None, min_length=2, max_length=MAX_STAGES
    )
    micro_batch: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    order: Order | None = None
    sharding: Sharding | None = None
    shard_group: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    recompute: Recompute | None = None
    recompute_modules: tuple[RecomputeModule, ...] | None = Field(
        default=None, max_length=7
    )
    recompute_layers: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    optimizer: Optimizer | None = None
    offload_activations: float | None = Field(default=None, ge=0.0, le=1.0)
    offload_optimizer: bool | None = None

    @field_validator("recompute_modules", mode="before")
    @classmethod
    def _words(cls, told: Any) -> Any:
        if isinstance(told, str):
            return split_modules(told) or None
        return tuple(told) if isinstance(told, list) else told

    @model_validator(mode="before")
    @classmethod
    def _as_many_stages(cls, told: Any) -> Any:
        layers = told.get("stage_layers") if isinstance(told, dict) else None
        if isinstance(layers, list | tuple) and told.get("pp") is None:
            return told | {"pp": len(layers)}
        return told


class TrainingSpec(Spec):
    """How long a run goes on, and how it lives with failures; all may be left out.

    Attributes
    ----------
    tokens : count
        Of the whole run: days, money and energy of all of it.
    reliability : str
        Fleet whose failure rates count.
    checkpoint : time
        That a checkpoint stops the work.
    storage : Bandwidth
        Or at which its bytes are written; the fleet's own if neither is given.
    interval : time
        Work between checkpoints; the best if left out.
    spares : int
        Nodes that stand by; as many as leave one failure in a thousand waiting.
    elastic : bool
        Replicas of data parallelism go on without one another.
    evaluation : time
        That a test of the model stops the work, every `evaluate_every` steps.
    """

    tokens: PositiveCount | None = None
    reliability: str = "llama3-h100"
    checkpoint: PositiveTime | None = None
    storage: Bandwidth | None = None
    interval: PositiveTime | None = None
    spares: int | None = Field(default=None, ge=0, le=MAX_SIZE)
    elastic: bool = False
    evaluation: PositiveTime | None = None
    evaluate_every: int | None = Field(default=None, gt=0, le=MAX_SIZE)

    @model_validator(mode="after")
    def _whole_told(self) -> "TrainingSpec":
        if self.checkpoint is not None and self.storage is not None:
            raise ValueError("give training.checkpoint or training.storage, not both")
        if (self.evaluation is None) != (self.evaluate_every is None):
            raise ValueError("give training.evaluation and evaluate_every, or neither")
        return self


class RunSpec(Spec):
    """One question: the model, the system, how many chips, and the plan.

    Attributes
    ----------
    global_batch, global_batch_tokens : int
        Sequences or tokens of a step, one of them; 4 Mi tokens if neither is given.
    seq_len : int, optional
        The model's own if left out.
    precision : str
        Of the GEMMs in the layers; `best` takes the fastest format of the chip
        that is in use for training (bf16 or fp8).
    software : str, optional
        The system's own stack if left out.
    offer : str
        Kind of price.
    price_date : date
        The newest offer of that day counts; the newest of all if left out.
    training : TrainingSpec, optional
        With it the estimate tells the whole run, its failures counted.
    set : dict
        Overrides by dotted path.
    """

    name: str = "run"
    source: str = ""
    kind: str = "assumed"
    note: str = ""
    model: str
    system: str
    chips: int = Field(gt=0, le=MAX_SIZE)
    global_batch: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    global_batch_tokens: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    seq_len: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    precision: Precision | Literal["best"] = "bf16"
    software: str | None = None
    offer: Offer | None = None
    price_date: date | None = None
    plan: PlanSpec = PlanSpec()
    training: TrainingSpec | None = None
    set: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_batch(self) -> "RunSpec":
        if self.global_batch is not None and self.global_batch_tokens is not None:
            raise ValueError("give global_batch or global_batch_tokens, not both")
        return self
