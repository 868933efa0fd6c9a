"""What a training stack can and cannot do, and what it does if nobody says."""

import re
from typing import Annotated, Literal

from pydantic import Field

from accelsim.specs.figure import Bytes, Count, Fraction, NamedSpec, Ratio, Spec, Time

Recompute = Literal["none", "selective", "full"]
RecomputeModule = Literal[
    "core_attn", "layernorm", "mla_up_proj", "mlp", "moe", "moe_act", "shared_experts"
]
MAX_PASSES = 1000
Schedule = Literal["1f1b", "interleaved", "gpipe", "zb-h1", "zb-v", "dualpipe"]
MAX_STATE = 64  # bytes of a parameter; no optimizer keeps more
Moved = Annotated[float, Field(ge=0, le=MAX_STATE)]
CpCommType = Literal["p2p", "all_gather", "a2a", "a2a+p2p"]
Order = Literal["tp-cp-dp-pp", "tp-cp-pp-dp"]
Sharding = Literal["none", "zero1", "zero2", "zero3"]
Pass = Annotated[float, Field(ge=0, le=MAX_PASSES)]
Passes = tuple[Pass, Pass]  # forward, backward
# What products and attention of a dense layer give: its own and the gated block's.
KeptOutput = Literal[
    "queries", "keys", "values", "context", "attention", "gate", "up", "output"
]


def split_modules(text: str) -> tuple[str, ...]:
    """Return the modules of `a+b`, or of `a, b`, as words."""
    return tuple(re.split(r"[+,] *", text)) if text else ()


class OverlapSpec(Spec):
    """Which communication may run behind computation.

    tp : ring exchange of tensor-parallel chunks behind their GEMM.
    tp_pieces : kernels that a product takes whose output is scattered piece by piece;
        one that gathers takes as many as the group has workers. 0: products are whole.
    tp_inside : only where one switch joins the whole group (user buffers).
    tp_backward : else, backward, the input that is gathered again runs behind the
        product for the input's gradient, and what is reduced behind the weight's.
    dp : gradient reduction behind the backward pass, in buckets.
    gather : parameter all-gather behind the forward pass (ZeRO-1, ZeRO-3).
    pp, ep : stage hand-over, expert all-to-all.
    cp : keys that come in behind the attention to those that are there. Where they are
        all gathered first, and in an all-to-all, nothing is.
    shared : where `ep` is not, the expert all-to-all runs behind shared experts alone.
    """

    tp: bool = False
    tp_pieces: float = Field(default=0.0, ge=0, le=MAX_PASSES)
    tp_inside: bool = False
    tp_backward: bool = False
    dp: bool = False
    gather: bool = False
    pp: bool = False
    cp: bool = False
    ep: bool = False
    shared: bool = False


class ContextSpec(Spec):
    """How context parallelism goes.

    types : ways to exchange what attention needs (Megatron-Core's `cp_comm_type`), the
        usual one first: `p2p` (keys and values in a ring), `all_gather`, `a2a` (heads
        for tokens: Ulysses), `a2a+p2p` (that within groups, a ring among them).
    blocks : where keys are gathered, attention goes block by block all the same.
    copies : keys are copied where an all-to-all has more workers than they have heads.
    repeats : keys get as many heads as queries have before they are exchanged.
    gradient_ring : gradients of gathered keys go round a ring and one hop home; else
        they are reduced and scattered.
    gradient_bytes : of an element of these; as activations if left out.
    merge : bytes moved for each block after the first: for an element of the context,
        of the gradient of queries, and of keys and values.
    merge_kernels : of each of these, each way.
    """

    types: tuple[CpCommType, ...] = Field(default=("p2p",), min_length=1)
    blocks: bool = False
    copies: bool = False
    repeats: bool = False
    gradient_ring: bool = False
    gradient_bytes: float | None = Field(default=None, gt=0, le=MAX_STATE)
    merge: tuple[Pass, Pass, Pass] = (6.0, 6.0, 3.0)
    merge_kernels: float = Field(default=2.0, ge=0, le=MAX_PASSES)


class SelectiveSpec(Spec):
    """What selective recomputation repeats and what it keeps.

    core : the attention core, where it is not fused (Korthikanti et al. 2022).
    attention : share of a fused attention's forward pass that is repeated; none of it
        if left out.
    matmul, elementwise : share of the forward products and streams that is repeated.
    kept : share of the other activations that is still kept.
    outputs : or what of a dense layer is kept beside its input, in the place of that.
    modules : or the modules that are repeated, in the place of all that.
    """

    core: bool = True
    attention: Fraction | None = None
    matmul: Fraction
    elementwise: Fraction
    kept: Fraction
    outputs: tuple[KeptOutput, ...] = ()
    modules: tuple[RecomputeModule, ...] = ()


class MemorySpec(Spec):
    """What a stack holds beside what every training run must.

    gathered_inputs : inputs that tensor parallelism gathers are kept gathered; else
        the backward pass gathers them again.
    activation_kept : a gated activation is two kernels, and the first's output is kept.
    kv_copied : keys and values are copied out of their packed product.
    dummy_gradients : a product that adds a weight's gradient up gives one, too, that
        nothing reads: for ever one for each shape of a weight.
    expert_outputs : what experts give back is kept, to be weighted afterwards; else
        their activation function weights it.
    router_bytes : bytes a token and expert that routing keeps.
    loss : what it makes of the logits. `fused`: nothing but their gradient. `in_place`:
        a copy in fp32, which softmax and gradient overwrite. `copied`: a second one,
        which they overwrite, when the logits are gone. `chain`: logarithms of the
        softmax beside logits and copy, and two gradients in fp32, as
        torch.nn.functional.cross_entropy does; `fused` or `chain` if left out.
    working_gradient : bytes a parameter of the gradients of one micro-batch, which all
        live until they are added up.
    bucket_bytes : bytes a parameter of the buckets in which replicas reduce.
    update_bytes : bytes a parameter that the sharded update needs to gather weights.
    gather_buffers : buffers of one gathered micro-batch that are held for ever.
    stage_gathered : under a pipeline, zero3 keeps a stage's gathered weights, and its
        gradients whole, until the last micro-batch.
    head_counts : stages are cut as if the LM head were the layers that it costs.
    lends : what a collective reads or writes is held up, once freed, until the device
        is done with all that was launched (`record_stream`).
    waits : the host waits for the device at what it sends to another stage and what
        it receives, of which it reads the size.
    allocator : `segments` of PyTorch's caching allocator, which it keeps; `expandable`
        ones; or `static`, where nothing is kept beside what is planned (XLA, Neuron).
    """

    gathered_inputs: bool = False
    activation_kept: bool = False
    kv_copied: bool = False
    dummy_gradients: bool = False
    expert_outputs: bool = True
    router_bytes: float = Field(default=4.0, ge=0, le=MAX_STATE)
    loss: Literal["fused", "in_place", "copied", "chain"] | None = None
    working_gradient: float = Field(default=0.0, ge=0, le=MAX_STATE)
    bucket_bytes: float = Field(default=0.0, ge=0, le=MAX_STATE)
    update_bytes: float = Field(default=0.0, ge=0, le=MAX_STATE)
    gather_buffers: int = Field(default=0, ge=0, le=MAX_STATE)
    stage_gathered: bool = False
    head_counts: bool = False
    lends: bool = False
    waits: bool = False
    allocator: Literal["static", "segments", "expandable"] = "static"


class PassesSpec(Spec):
    """What element-wise work moves beyond fused kernels, forward and backward.

    Counted line by line in the stack's own source: each operator that is a kernel of
    its own reads and writes its operands.

    activation : passes over the output of the activation function.
    rotary, layout : passes over queries and keys; over queries, keys and values.
    residual : passes over the hidden state.
    kernels : further kernels of a layer, each way.
    loss : bytes of a logit, in the place of what `fused_loss` stands for.
    """

    activation: Passes = (0.0, 0.0)
    rotary: Passes = (0.0, 0.0)
    layout: Passes = (0.0, 0.0)
    residual: Passes = (0.0, 0.0)
    kernels: float = Field(default=0.0, ge=0, le=MAX_PASSES)
    loss: Passes | None = None


class ExpertsSpec(Spec):
    """How a stack runs the experts of a mixture layer.

    one_kernel : one kernel multiplies all experts of a worker; else each has a kernel
        of its own, on a few streams or in a loop.
    launch : host time of a launch between routing and combining, where it is not that
        of the other launches: graphs do not hold what depends on the routing.
    product : host time of one expert's product or cast in a library's own loop.
    waits : the host waits for how many tokens each expert has before it starts them.
    kernels : of the router beside its product, each way.
    scores : bytes that they move for the score of one token for one expert.
    sort, padding, bias : passes over the tokens that a worker's experts receive: chunks
        of other workers sorted by expert (or what a stack moves beside one gather and
        one scatter), rows padded for narrow products, biases.
    bias_kernels : for each expert, each way.
    beside : small exchanges beside each dispatch by NCCL's all-to-all: counts of tokens
        and weights of choices.
    """

    one_kernel: bool = False
    launch: Time | None = None
    product: Time | None = None
    waits: bool = False
    kernels: float = Field(default=0.0, ge=0, le=MAX_PASSES)
    scores: Passes = (0.0, 0.0)
    sort: Passes = (0.0, 0.0)
    padding: Passes = (0.0, 0.0)
    bias: Passes = (0.0, 0.0)
    bias_kernels: float = Field(default=0.0, ge=0, le=MAX_PASSES)
    beside: Passes = (0.0, 0.0)


class DefaultsSpec(Spec):
    """The framework's documented defaults, which a blank in a table stands for."""

    sharding: Sharding = "none"
    recompute: Recompute = "none"
    micro_batch: int | None = None
    tp: int | None = None
    etp: int | None = None  # of experts; as tp
    pp: int | None = None
    cp: int | None = None
    vp: int | None = None
    schedule: Schedule | None = None
    sp: bool = True
    order: Order = "tp-cp-dp-pp"
    precision: Literal["bf16", "fp16", "fp32", "fp8"] = "bf16"


class SoftwareSpec(NamedSpec):
    """One training stack.

    Attributes
    ----------
    attention : str
        `unfused` (batched GEMMs and a softmax in memory) or the name of a fused
        kernel, which the chip's `attention` table may know.
    narrow_attention : bool
        Its products take fp8 where those of the layers are narrow.
    narrow_head : bool
        Products of LM heads are as narrow as those of the layers.
    fused_norms, fused_optimizer, fused_loss : bool
        One kernel instead of a chain; what is not fused moves its data again.
    passes : PassesSpec
        What its element-wise work moves beyond that.
    fused_accumulation : bool
        The product adds a weight's gradient to the sum; else a kernel does.
    copied_accumulation : bool
        What that kernel adds was first copied in the sum's format, by another.
    casts : dict
        Bytes moved for a narrow activation, by precision, beside one kernel that casts
        and transposes; none where it is not listed.
    cast_weight : float
        Bytes moved for a narrow weight in each pass.
    repeats_last : bool
        Full recomputation repeats a layer's last product, too, whose output nothing
        but the residual takes; a compiler leaves out what nobody reads.
    checkpoint : Time
        Host time of repeating a layer, beside its launches.
    activation_store : Fraction
        Of the width of an activation function's inputs, what is kept of them for the
        backward pass where products are narrow.
    tensor_kernels : (float, float)
        Kernels for each parameter tensor in every micro-batch, and in every step.
    launch : Time
        Host time of one launch: a kernel, or one call to the driver. `graphs` replays
        captured launches.
    context : ContextSpec
        How context parallelism goes.
    recompute : tuple of str
        Kinds of activation recomputation that the stack offers.
    recompute_modules : tuple of str
        Modules that its selective kind can be told to repeat.
    selective : SelectiveSpec
        What its selective kind means where no modules are told.
    sharding : tuple of str
        Kinds of optimizer and parameter sharding that it offers.
    scatter : bool
        Shards of gradients come by reduce-scatter; else all of them by all-reduce.
    schedules : tuple of str
        Orders of passes that a pipeline may follow, beside interleaved stages.
    grad_bytes, master_bytes : float
        Bytes of a gradient, and of optimizer state and master copy a parameter.
    reduce_bytes : float or None
        Of a gradient on its way between replicas, those of a gradient if not given.
    reserved_memory : Bytes
        Context, libraries and workspace of each worker.
    fragmentation : Ratio
        Part of the activations that the allocator loses.
    pipelined_collectives : bool
        Phases of a hierarchical collective overlap (NCCL) or follow each other.
    collective_start : Time
        From the call of a collective to its first byte.
    layer_calls : (float, float)
        Launches that the host could do in the time that the stack's own Python around a
        layer's kernels takes it, beside a plain module's; none where it is a graph.
    collective_calls : float
        Launches that the host could do in the time that a collective of a layer takes
        it.
    piece_calls : float
        Launches that the host could do in the time that it takes to cut and copy one
        rank's piece of one tensor, where sharded optimizers gather weights that way.
    bucket : Bytes or None
        Gradients that plain replicas reduce in one collective; all if not given.
    communication_share : Fraction or None
        Part of a GPU's multiprocessors that collectives occupy while they run, if the
        stack sets it; else the library's channels do (`accelsim/fabric/nccl.py`). Chips
        of other families have engines for them.
    tp_units, ep_units : Count or None
        Multiprocessors that kernels of the stack's own occupy in the place of the
        library's: of chunks behind products, of dispatch and combine.
    forced_balance : bool
        Experts are drawn by lot instead of by the router, as benchmarks do.
    dispatch_once : bool
        A token is sent once to each worker, and across nodes once to each node, that
        holds some of its experts (DeepEP, HybridEP); else once to each expert.
    step_overhead : Time
        Host work of a step: loader, norm, scheduler, logging.
    memory : MemorySpec
        What it holds in memory of its own.
    experts : ExpertsSpec
        How it runs mixtures of experts.
    """

    attention: str
    narrow_attention: bool = False
    narrow_head: bool = False
    fused_norms: bool
    fused_optimizer: bool
    fused_loss: bool
    passes: PassesSpec = PassesSpec()
    fused_accumulation: bool = True
    copied_accumulation: bool = False
    casts: dict[Literal["fp8", "mxfp8", "nvfp4"], Moved] = Field(default_factory=dict)
    cast_weight: float = Field(default=0.0, ge=0, le=MAX_STATE)
    activation_store: Fraction | None = None
    repeats_last: bool = True
    checkpoint: Time | None = None
    tensor_kernels: Passes = (0.0, 0.0)
    launch: Time
    graphs: bool = False
    overlap: OverlapSpec
    context: ContextSpec = ContextSpec()
    recompute: tuple[Recompute, ...] = Field(min_length=1)
    recompute_modules: tuple[RecomputeModule, ...] = ()
    selective: SelectiveSpec
    sharding: tuple[Sharding, ...] = Field(min_length=1)
    scatter: bool = True
    pipeline: bool = True
    tensor: bool = True
    interleaved: bool = True
    schedules: tuple[Schedule, ...] = Field(default=("1f1b",), min_length=1)
    grad_bytes: float = Field(gt=0, le=MAX_STATE)
    reduce_bytes: float | None = Field(default=None, gt=0, le=MAX_STATE)
    master_bytes: float = Field(ge=0, le=MAX_STATE)
    reserved_memory: Bytes
    fragmentation: Ratio
    pipelined_collectives: bool
    collective_start: Time
    layer_calls: Passes = (0.0, 0.0)
    collective_calls: float = Field(default=4.0, ge=0, le=MAX_PASSES)
    piece_calls: float = Field(default=0.0, ge=0, le=MAX_PASSES)
    bucket: Bytes | None = None
    communication_share: Fraction | None = None
    tp_units: Count | None = None
    ep_units: Count | None = None
    forced_balance: bool = False
    dispatch_once: bool = False
    step_overhead: Time
    memory: MemorySpec = MemorySpec()
    experts: ExpertsSpec = ExpertsSpec()
    defaults: DefaultsSpec
