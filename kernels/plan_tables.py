"""Tables of many plans: what a search varies, and what plans in a row share."""

import numpy as np

# What of a plan has nothing to do with how the workers are arranged.
OPTION = np.dtype(
    [
        ("recompute", "i8"),
        ("recompute_layers", "i8"),  # of a stage, 0 = all
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
    ]
)

# One stage of a plan, whatever its weights' sharding. Parameters are one worker's.
STAGE = np.dtype(
    [
        ("layers", "f8"),
        ("dense", "f8"),  # parameters
        ("experts", "f8"),
        ("ends", "f8"),
        ("depth", "f8"),  # micro-batches in flight
        ("kept", "f8"),  # B of one micro-batch
        ("workspace", "f8"),  # B of one layer
        ("logits", "f8"),  # B
    ]
)
