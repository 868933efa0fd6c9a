"""Tables of many plans: what a search varies, and what plans in a row share."""

import numpy as np

from accelsim.kernels.layer_tables import USE

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
        ("gather", "f8"),
        ("gathered", "f8"),
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
        ("depth", "f8"),  # micro-batches in flight
        ("kept", "f8"),  # B of one micro-batch
        ("workspace", "f8"),  # B of one layer
        ("logits", "f8"),  # B
    ]
)
