"""Tables of many plans: what a search varies, and what plans in a row share."""

import numpy as np

from accelsim.kernels.use_tables import USE

# Modules of a layer that can be computed again by themselves; an operator belongs to
# one of them or to none. MLP is a dense layer's, EXPERTS what the others leave of a
# mixture's feed-forward block: routing, exchange and the experts' products.
NO_MODULE, CORE_ATTN, LAYERNORM, MLA_UP, MLP, EXPERTS, MOE_ACT, SHARED_EXPERTS = range(
    8
)
N_MODULES = 8
# Names of Megatron-LM's --recompute-modules (megatron/training/arguments.py).
MODULES = {
    "core_attn": (CORE_ATTN,),
    "layernorm": (LAYERNORM,),
    "mla_up_proj": (MLA_UP,),
    "mlp": (MLP,),
    "moe": (EXPERTS, MOE_ACT, SHARED_EXPERTS),
    "moe_act": (MOE_ACT,),
    "shared_experts": (SHARED_EXPERTS,),
}

# What of a plan has nothing to do with how the workers are arranged.
OPTION = np.dtype(
    [
        ("recompute", "i8"),
        ("recompute_layers", "i8"),  # of a stage, 0 = all
        ("modules", "i8"),  # that `selective` repeats, a bit each
        ("sharding", "i8"),
        ("offload", "f8"),
        ("offload_optimizer", "i8"),
    ]
)

# What replicas exchange for a stage's weights: seconds and bytes of all of them.
EXCHANGE = np.dtype(
    [
        ("known", "f8"),  # 1 if the rest is filled
        ("reduce", "f8"),  # s
        ("reduced", "f8"),  # B
        ("scatter", "f8"),  # s of `reduce` in which shards come by reduce-scatter
        ("gather", "f8"),
        ("gathered", "f8"),
        ("table", "f8"),  # share of all this that is the embedding's table, pp = 1
        *((of, "f8") for of in ("tied", "tied_bytes")),  # s and B, see `tied_exchange`
        ("use", USE),
        # what a second of a pass loses to it and hides of it, see `overlap.beside`, and
        # which of the works of a table of plans that is of
        ("longer", "f8"),
        ("done", "f8"),
        ("work", "f8"),
    ]
)

# One stage of a plan, whatever its weights' sharding. Parameters are one worker's.
STAGE = np.dtype(
    [
        ("layers", "f8"),
        ("dense", "f8"),  # parameters
        ("experts", "f8"),
        ("ends", "f8"),
        ("shapes", "f8"),  # of one weight of each shape
        ("depth", "f8"),  # micro-batches in flight
        ("kept", "f8"),  # B of one micro-batch
        ("workspace", "f8"),  # B of one layer
        ("logits", "f8"),  # B
    ]
)
