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
