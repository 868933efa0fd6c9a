"""The table of what fills a worker's memory: one row a plan, or a stage of a plan."""

import numpy as np

MEMORY = np.dtype(
    [
        (name, "f8")
        for name in (
            "weights",
            "gradients",
            "optimizer",
            "activations",
            "head",
            "buffers",
            "workspace",
            "fragmentation",
            "context",
            "total",
            # which stage that is, its layers and micro-batches in flight
            "stage",
            "layers",
            "depth",
        )
    ]
)
