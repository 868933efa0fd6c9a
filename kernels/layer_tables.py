"""The table of one layer: its times, its traffic, and what it keeps."""

import numpy as np

from accelsim.kernels.plan_tables import N_MODULES
from accelsim.kernels.use_tables import USE

# One layer kind of one shard on one micro-batch, on one worker. Times in s.
LAYER = np.dtype(
    [
        (f"{direction}_{part}", "f8")
        for direction in ("forward", "backward")
        for part in (
            "matmul",
            "memory_bound",  # part of matmul
            "attention",
            "elementwise",
            "kernels",  # number of launches
            "routed",  # of these, between routing and combining
            "products",  # launches in a library's own loop over experts
            "flops",
            "tp",
            "cp",
            "ep",
            "cp_behind",  # of cp, what blocks of attention can hide
            *(f"{of}_bytes" for of in ("tp", "cp", "ep")),
            "experts",  # of the times above, what grows with the tokens of experts
            "squares",  # s^2: sum of the squares of the kernels' times
            "jitter",  # waiting for the slowest kernels, see `variation`
            "imbalance",  # waiting for the fullest experts
        )
    ]
    + [
        ("tp_experts", "f8"),  # each way, to experts and back, never in chunks
        ("last", "f8"),  # part of forward_matmul whose output only the residual takes
        ("last_flops", "f8"),
        *((f"{way}_shared", "f8") for way in ("forward", "backward")),  # experts
        ("tp_behind", "f8"),  # of backward_tp, what single products can hide
        ("tp_rings", "f8", (2,)),  # what products hide of chunks, forward and backward
        ("tp_crosses", "f8"),  # 1 if the group leaves the domain of chunked exchange
        # s of both passes in which these parts move memory at its full rate
        *((f"{of}_moved", "f8") for of in ("matmul", "attention", "elementwise")),
        *((f"{of}_use", USE) for of in ("tp", "cp", "ep")),
        ("variance", "f8"),  # s^2 of both passes, as its groups see it
        ("saved", "f8"),  # B of activations kept with recompute none
        ("saved_core", "f8"),  # B of these that belong to the attention core
        ("input", "f8"),  # B of the layer's input alone
        ("outputs", "f8"),  # B of it and of what selective recomputation keeps
        ("workspace", "f8"),  # B that its backward pass needs for a moment
        *((f"block_tp{of}", "f8") for of in ("", "_bytes")),  # of feed-forward, forward
        # by module: seconds, FLOPs and launches of repeating it, B that it then frees
        *((f"again{of}", "f8", (N_MODULES,)) for of in ("", "_flops", "_kernels")),
        ("freed", "f8", (N_MODULES,)),
    ]
)
