"""The tables that cross the line between objects and kernels: one dtype a noun.

A row is read by name (`plan.tp`, never `p[7]`). Rates, sizes and times are float64 in
SI units; counts that only count are int64. All figures of `CHIP` and `TIER` belong to
one *worker* (a chip's share, where a chip holds several ranks).

A plan points to its question by `plan.case`, a row of CASE; that one points to its rows
of CHIP, MODEL, SOFTWARE and the two-dimensional TIER, which many questions may share.
"""

from typing import Any, TypeAlias

import numpy as np

from accelsim.kernels.attention_tables import FUSED
from accelsim.kernels.fabric_tables import NCCL
from accelsim.kernels.neuron_tables import ENGINES_OF, ON_ENGINES
from accelsim.kernels.use_tables import USE

# A row of a table, and a table or array of rows: `np.record` and `np.recarray`, whose
# fields are typed by the dtype, which a type checker cannot see.
Record: TypeAlias = Any
Rows: TypeAlias = Any


def codes(count: int) -> Any:
    """Return 0, 1, … as NumPy integers.

    A kernel that is called with a Python integer is compiled anew for each value,
    because Numba takes it for a constant.
    """
    return np.arange(count)


# Precisions, in the order of the columns `matrix_rate` and `peak_rate`.
PRECISIONS = ("fp32", "tf32", "bf16", "fp16", "int8", "fp8", "mxfp8", "nvfp4")
N_PRECISIONS = len(PRECISIONS)
# Bytes of an operand element of a product; nvfp4 has 4 bits and a scale each 16.
ELEMENT_BYTES = (4.0, 4.0, 2.0, 2.0, 1.0, 1.0, 1.0, 0.5625)
FP32, TF32, BF16, FP16, INT8, FP8, MXFP8, NVFP4 = codes(N_PRECISIONS)
GPU, SYSTOLIC = 0, 1  # families of matrix units
SWITCH, MESH, TORUS = 0, 1, 2  # topologies of a tier
ONE_KERNEL, APART = 1, 2  # products of several experts, op.grouped
MAX_TIERS, MAX_DIMS, MAX_STAGES = 6, 3, 256  # of a system, a torus, a pipeline

UNSHARDED, ZERO1, ZERO2, ZERO3 = range(4)  # plan.sharding
KEEP, SELECTIVE, FULL = range(3)  # plan.recompute
ADAM, ADAM_8BIT, SGD, MUON = range(4)  # plan.optimizer
CP_COMM_TYPES = ("p2p", "all_gather", "a2a", "a2a+p2p")
P2P, GATHERED, A2A, A2A_P2P = range(4)  # plan.cp_comm_type
ORDERS = ("tp-cp-dp-pp", "tp-cp-pp-dp")  # of ranks, inside out
STAGES_LAST, REPLICAS_LAST = range(2)  # plan.order
SCHEDULES = ("1f1b", "interleaved", "gpipe", "zb-h1", "zb-v", "dualpipe")
ONE_F_ONE_B, INTERLEAVED, GPIPE, ZB_H1, ZB_V, DUALPIPE = range(6)  # plan.schedule
STATED_PP, STATED_VP, STATED_SHARDING, STATED_SCHEDULE = range(4)  # bits, case.stated
DENSE, MOE, EMBED, HEAD = range(4)  # rows of a shard's layer table
N_LAYER_KINDS = 4

# Why a plan is rejected, cheapest test first.
OK = 0
REASONS = (
    "legal",
    "tp does not divide heads",
    "pp exceeds layers",
    "vp does not divide the layers of a stage",
    "interleaving needs micro-batches in multiples of pp",
    "micro-batch x dp does not divide the global batch",
    "ep does not divide experts",
    "ep x etp does not divide tp x cp x dp",
    "experts cannot be cut by etp",
    "cp does not divide the sequence",
    "the all-to-all of cp does not divide the heads",
    "tp x cp x pp x dp is not the number of workers",
    "the software cannot do this plan",
    "the schedule cannot take these stages or micro-batches",
    "does not fit in memory",
    "the system has no answer",  # a link works at no rate, or there are too few chips
)
NO_ROOM, NO_ANSWER = len(REASONS) - 2, len(REASONS) - 1

CHIP = np.dtype(
    [
        ("family", "i8"),
        ("units", "f8"),  # matrix units
        ("rows", "f8"),  # tile of a GPU, array of a systolic chip
        ("columns", "f8"),
        ("matrix_rate", "f8", (N_PRECISIONS,)),  # sustained FLOP/s, 0 = unsupported
        ("peak_rate", "f8", (N_PRECISIONS,)),  # datasheet FLOP/s
        ("grouped", "f8"),  # share of these that one kernel of many experts reaches
        ("apart", "f8"),  # 1 if kernels of several streams run one after the other
        ("block", "f8"),  # share of these that products with block scales reach
        ("tuned", "f8"),  # 4-bit products of the vendor's library over these
        ("promoted", "f8"),  # share of these that fp8 products of gradients reach
        ("group_rows", "f8"),  # rows that each of their groups costs beyond its own
        ("group_masked", "f8"),  # share of these where a side is no multiple of lanes
        ("vector_rate", "f8"),  # FLOP/s
        ("memory_bandwidth", "f8"),  # B/s that a large stream reaches
        ("memory_capacity", "f8"),  # B
        ("sram_bandwidth", "f8"),  # B/s into all matrix units, inf if not known
        # GPUs only, see `gpu`
        ("tile_step", "f8"),  # a tile's shorter side is a multiple; 0 = power of two
        ("operand_bandwidth", "f8"),  # B/s from shared memory into one unit
        ("wave_fill", "f8"),  # s to fill and drain the pipelines of a wave
        ("cast_latency", "f8"),  # s of a kernel that narrows activations
        ("split_latency", "f8"),  # s to join the slices of a sum
        ("l2_capacity", "f8"),  # B that the second-level cache keeps
        ("memory_ramp", "f8"),  # s until memory streams at its rate
        ("busy_clock", "f8"),  # share of the clock that the power cap leaves busy units
        ("settle", "f8"),  # s in which the clock falls to that
        ("hot_clock", "f8"),  # share of that which is left after minutes of load
        ("boost", "f8"),  # highest clock over the one of the peak rates
        ("shared_bandwidth", "f8"),  # B/s of the units' own memories, inf if not known
        ("attention_forward", FUSED),  # the fused kernel; blocks of 0 rows = none
        ("attention_backward", FUSED),
        ("engines", ENGINES_OF),  # NeuronCores only, else 0
        ("kernel_latency", "f8"),  # s
        ("lag", "f8"),  # what products take longer on the slowest chip of the job
        ("jitter", "f8"),  # deviation of a kernel's time, as a share of it
        ("busy_power", "f8"),  # W
        ("idle_power", "f8"),  # W
    ]
)

TIER = np.dtype(
    [
        ("workers", "f8"),  # in one domain, inner tiers included; 0 = no such tier
        ("topology", "i8"),
        ("dims", "i8"),
        ("extent", "f8", (MAX_DIMS,)),  # of each dimension of a torus
        ("port_bandwidth", "f8", (MAX_DIMS,)),  # B/s one way of both ports of a ring
        ("wrap", "f8"),  # 1 if whole dimensions close to rings
        ("bandwidth", "f8"),  # B/s one way into a switch or mesh
        ("latency", "f8"),  # s a step
        ("chunk", "f8"),  # B in flight before a collective reaches its rate
        ("reduce_bandwidth", "f8"),  # B/s of an all-reduce if the switch adds, else 0
        ("energy", "f8"),  # J/B
        ("carried", "f8"),  # J/B that traffic adds to what a wire draws anyway
        ("neuron", "f8"),  # 1 if Neuron chooses, 2 if besides the tier is a package
        ("touches", "f8"),  # B/s of a worker's memory in a collective, 0 = no limit
        # of one port, where a link names its path, see `link.port`
        ("loss", "f8"),  # frames lost before retry
        ("tail", "f8"),  # s, latency of the hop that all but 1e-9 of the frames keep
        ("failures", "f8"),  # 1/s of a worker's ports
        ("nccl", NCCL),
    ]
)

MODEL = np.dtype(
    [
        ("layers", "f8"),
        ("moe_layers", "f8"),
        *((name, "f8") for name in ("dense_first", "every")),  # see `specs.model`
        ("hidden", "f8"),
        ("heads", "f8"),
        ("kv_heads", "f8"),
        ("head_dim", "f8"),  # of queries and keys
        ("v_dim", "f8"),  # of values
        ("q_rank", "f8"),  # 0 = no compression of queries
        ("kv_rank", "f8"),  # 0 = no latent attention
        ("rope_dim", "f8"),  # part of head_dim that latent attention shares
        ("ffn", "f8"),
        ("up_matrices", "f8"),  # 2 with a gate, else 1
        ("vocab", "f8"),
        ("blocks", "f8"),  # residual blocks a layer: 2, or 1 if parallel
        ("causal", "f8"),  # 1 decoder, 0 encoder
        ("window", "f8"),  # tokens, 0 = full attention
        ("window_share", "f8"),  # share of the layers that have it
        ("rotary", "f8"),  # 1 if positions are rotations
        ("dropout", "f8"),  # 1 if trained with dropout
        ("experts", "f8"),
        ("top_k", "f8"),
        *((name, "f8") for name in ("node_limit", "groups")),  # see `experts.distinct`
        ("expert_ffn", "f8"),
        ("shared_ffn", "f8"),  # all shared experts together
        ("tensors", "f8"),  # parameter tensors of a layer
        ("biased", "f8"),  # 1 if products have biases
        ("adapter_rank", "f8"),  # 0 = all weights are trained, else adapters alone
        ("trained", "f8"),  # share of the parameters that is trained
        ("layer_parameters", "f8"),  # dense layer
        ("moe_parameters", "f8"),  # of a mixture layer without its routed experts
        ("expert_parameters", "f8"),  # routed experts of a mixture layer
        ("embed_parameters", "f8"),
        ("head_parameters", "f8"),  # 0 if tied
        *((name, "f8") for name in ("mtp", "mtp_parameters")),  # further heads
        ("load_spread", "f8"),  # of an expert's tokens; less than 0: all have as many
    ]
)

CASE = np.dtype(
    [
        ("chip", "i8"),  # rows of the tables that cases share
        ("model", "i8"),
        ("software", "i8"),
        ("tiers", "i8"),
        ("precision", "i8"),  # of the products in the layers
        ("wide_precision", "i8"),  # of what is never narrowed: router, scores
        ("attention_precision", "i8"),  # of fused attention
        ("head_precision", "i8"),  # of LM heads
        ("weight_bytes", "f8"),  # of a stored parameter
        ("activation_bytes", "f8"),
        ("seq_len", "f8"),
        ("global_batch", "f8"),
        ("workers", "f8"),
        ("host_bandwidth", "f8"),  # B/s of a worker to its host, one way; 0 = unknown
        ("stages", "i8"),  # whose layers are stated, 0 = none
        ("stage_layers", "f8", (MAX_STAGES,)),
        ("stated", "i8"),  # what the run states of its plan, a bit each
        ("stated_schedule", "i8"),
    ]
)

PLAN = np.dtype(
    [
        ("case", "i8"),
        ("shard", "i8"),  # row of the layer table, filled by `training.evaluate`
        *((size, "i8") for size in ("tp", "sp", "cp", "pp", "vp", "ep", "etp", "dp")),
        *((name, "i8") for name in ("micro_batch", "micro_batches", "sharding")),
        ("cp_comm_type", "i8"),  # how context parallelism exchanges, see CP_COMM_TYPES
        ("cp_a2a", "i8"),  # workers of the all-to-all of a2a+p2p, 0 = as heads allow
        ("order", "i8"),  # in which groups are laid out over ranks, see ORDERS
        ("shard_group", "i8"),  # workers that share one copy, 0 = all dp x cp
        ("recompute", "i8"),
        ("modules", "i8"),  # that `selective` repeats, a bit each; 0 = the stack's way
        ("reason", "i8"),  # index of REASONS
        ("recompute_layers", "i8"),  # of a stage that are recomputed, 0 = all
        ("kept_share", "f8"),  # of a stage's layers that are not
        ("offload", "f8"),  # share of the kept activations that goes to the host
        ("offload_optimizer", "i8"),
        ("optimizer", "i8"),
        ("schedule", "i8"),
    ]
)

# A pipeline, in s: the fullest stage's passes on one micro-batch, what the ends add to
# the first and the last stage, what each stage's layers take over the fullest's.
PIPELINE = np.dtype(
    [
        ("forward", "f8"),
        ("backward", "f8"),  # for the weights too
        ("weight", "f8"),  # part of backward
        ("embed_forward", "f8"),
        ("embed_backward", "f8"),
        ("head_forward", "f8"),
        ("head_backward", "f8"),
        ("head_weight", "f8"),
        ("share", "f8", (MAX_STAGES,)),
        *((kind, "f8") for kind in ("dense", "mixtures")),  # layers of the fullest
        ("even", "f8"),  # 1 if all chunks hold as many layers
        ("hop", "f8"),  # s of a hand-over to another stage
        ("hides", "f8"),  # 1 if it runs behind computation
        ("use", USE),  # of a hand-over
        ("bound", "f8"),  # 1 where a lower bound of the whole is enough
    ]
)

# What of a plan decides the time of one layer on one micro-batch.
SHARD_FIELDS = (
    *("case", "tp", "sp", "cp", "ep", "etp", "micro_batch"),
    *("cp_comm_type", "cp_a2a"),
)
SHARD = np.dtype(
    [(name, "i8") for name in SHARD_FIELDS]
    + [
        # what follows from them, filled by `operators.localise`
        ("tokens", "f8"),  # of a micro-batch on one context-parallel rank
        ("own_tokens", "f8"),  # of these, one worker's outside tensor-parallel regions
        ("heads", "f8"),  # query heads of one worker
        ("kv_heads", "f8"),  # copied where tp exceeds their number
        # context parallelism: workers that exchange heads for tokens, and groups of
        # them among which keys and values go round; heads of keys that are exchanged
        ("a2a", "f8"),
        ("ring", "f8"),
        ("sent_heads", "f8"),
    ]
)

# One product and what it takes: `batch` times m x k with k x n.
GEMM = np.dtype(
    [
        ("precision", "i8"),
        ("grouped", "i8"),  # ONE_KERNEL or APART if they belong to different experts
        ("block", "i8"),  # 1 if blocks of the factors have scales of their own
        ("promoted", "i8"),  # 1 if fp8 sums are carried on in full fp32
        ("whole", "i8"),  # 1 if the library has the largest tile only, and no split-K
        ("m", "f8"),
        ("n", "f8"),
        ("k", "f8"),
        ("batch", "f8"),
        ("pieces", "f8", (2,)),  # kernels that share the rows, the columns; 0 as 1
        ("tokens", "f8"),  # rows of one of several groups, whichever side they are
        ("bytes_in", "f8"),  # of an element
        ("bytes_out", "f8"),  # of an element, both ways where it is accumulated
        ("weight_sets", "f8"),  # of k x n used in turn; inf = always from memory
        ("repeats", "f8"),  # runs one after the other; inf = the clock has settled
        ("hot", "f8"),  # 1 if the chip has been at work for minutes
        ("casts", "f8"),  # kernels that narrow the activations
        ("cast_bytes", "f8"),  # B that these read and write
    ]
)

# Kernels that only move memory, one after the other.
STREAM_SIZE = np.dtype([("moved", "f8"), ("kernels", "f8")])  # B; how many

# What a kernel takes, in s; the parts add up to `time`.
KERNEL = np.dtype(
    [
        ("time", "f8"),
        ("matrix", "f8"),  # multiply-adds, padding and idle units of a wave included
        ("operands", "f8"),  # what shared memory or cache take longer than these
        ("vector", "f8"),  # element by element: casts, exponentials, …
        ("memory", "f8"),  # what the device memory takes longer
        ("overhead", "f8"),  # filling and draining pipelines, joining slices
        ("launch", "f8"),
        ("clock", "f8"),  # share of the full clock under power
    ]
)
KERNEL_PARTS = (KERNEL.names or ())[1:-1]

# What an operator is, and the part of a layer's time that it counts for.
MATMUL, STREAM, FUSED_ATTENTION = range(3)
PART_MATMUL, PART_ATTENTION, PART_ELEMENTWISE = range(3)
MAX_OPERATORS = 32

# One operator of a layer on one worker and one micro-batch, forward and backward.
OPERATOR = np.dtype(
    [
        *((name, "i8") for name in ("kind", "part", "precision")),
        ("module", "i8"),  # of `plan_tables`, that it is repeated with
        ("repeats", "f8"),  # share of it that is
        ("grouped", "i8"),  # ONE_KERNEL or APART if they belong to different experts
        # products: `batch` times (m x k) (k x n); attention: m queries of `batch`
        # heads of size k, n keys and values of `kv_batch` heads, of size k and v
        *((size, "f8") for size in ("m", "n", "k", "v", "batch", "kv_batch")),
        ("frozen", "i8"),  # 1 if the weight has no gradient
        ("adapter", "f8"),  # rank of the adapter beside it, 0 = none
        ("gradient_bytes", "f8"),  # read and written for an element of k x n
        ("window", "f8"),  # attention only, tokens
        ("causal", "f8"),
        ("spread", "f8"),  # 1 if the queries are spread over the keys, 0 the last ones
        ("share", "f8"),  # of the layers that have this operator
        ("routed", "f8"),  # 1 if it works on tokens between routing and combining
        # 1 if a tensor group gathers its input (cut by columns), -1 if it scatters the
        # output (cut by rows), 0 if nothing is exchanged around it
        ("gathered", "f8"),
        ("pieces", "f8", (2,)),  # of what a ring gathers, and of what it scatters
        ("last", "f8"),  # 1 if only the residual takes its output
        # what its product and the gradients of input and weight take, filled when timed
        *((f"{of}_time", "f8") for of in ("forward", "input", "weight")),
        # streams: bytes by pass and number of kernels
        *((f"{way}_bytes", "f8") for way in ("forward", "backward")),
        ("kernels", "f8"),
        ("engines", ON_ENGINES),
        ("product", GEMM),  # scratch: one product of the pass that is being timed
    ]
)

RESULT = np.dtype(
    [
        (name, "f8")
        for name in (
            # time of a step on the slowest stage, s
            *("matmul", "attention", "elementwise", "head", "recompute", "launch"),
            *("tp", "cp", "ep", "pp", "dp"),
            "contention",  # computing slowed by what runs behind it
            "jitter",  # waiting for the slowest kernels
            "imbalance",  # and for the fullest experts
            *("bubble", "optimizer", "host"),
            "step_time",
            "memory_bound",
            # bytes that one worker sends in a step
            *(f"{of}_bytes" for of in ("tp", "cp", "ep", "pp", "dp")),
            # FLOPs of one worker in a step
            "hardware_flops",
            "contention_dp",  # s, part of contention: traffic of replicas
            "jitter_end",  # s, part of jitter: the slowest replica
            "variance",  # s^2 of what one pipeline takes
            "bound",  # 1 if step_time is a lower bound: no closed form, not settled
        )
    ]
)
