"""The tables of one layer: its times, and what it takes of a worker's resources."""

import numpy as np

# What something takes of a worker's resources while it runs alone, as shares of them:
# multiprocessors that it holds, memory bandwidth, links inside and outside the domain
# of the innermost network.
USE = np.dtype([(name, "f8") for name in ("units", "memory", "inner", "outer")])
RESOURCES = ("memory", "inner", "outer")  # that are shared byte by byte

# Kinds of moments of a pass through a stage, by what is at work: products, attention,
# other kernels; computing beside traffic; traffic alone, in a domain and across.
PRODUCTS, SCORES, STREAMS, BESIDE, INSIDE, ACROSS = range(6)
MOMENTS = 6

# One kind: seconds, and each resource's share in use, summed over them [s].
MOMENT = np.dtype(
    [(name, "f8") for name in ("seconds", "computing", *(USE.names or ()))]
)

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
            "flops",
            "tp",
            "cp",
            "ep",
            "tp_bytes",
            "cp_bytes",
            "ep_bytes",
        )
    ]
    + [
        (
            "tp_experts",
            "f8",
        ),  # each way, to experts and back, never in chunks
        ("tp_behind", "f8"),  # of backward_tp, what single products can hide
        ("tp_crosses", "f8"),  # 1 if the group leaves the domain of chunked exchange
        # s of both passes in which these parts move memory at its full rate
        ("matmul_moved", "f8"),
        ("attention_moved", "f8"),
        ("elementwise_moved", "f8"),
        ("tp_use", USE),
        ("cp_use", USE),
        ("ep_use", USE),
        ("core", "f8"),  # forward attention core alone, what `selective` repeats
        ("core_flops", "f8"),
        ("saved", "f8"),  # B of activations kept with recompute none
        ("saved_core", "f8"),  # B of these that belong to the attention core
        ("input", "f8"),  # B of the layer's input alone
        ("workspace", "f8"),  # B that its backward pass needs for a moment
    ]
)
