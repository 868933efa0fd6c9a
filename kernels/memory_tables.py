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

# Bytes of the tensors of one layer on one micro-batch, and of a stage's weights.
TENSORS = np.dtype(
    [
        (name, "f8")
        for name in (
            "whole",  # hidden states of all tokens
            "own",  # of those that a worker has outside tensor-parallel regions
            "statistic",  # of a norm
            "packed",  # product of queries, keys and values
            "queries",
            "keys",  # keys and values
            "context",
            "rows",  # statistic of the attention's rows
            "sums",  # of the queries' gradient, in fp32
            "up",
            "inner",  # behind the activation function
            "logits",
            "wide_logits",  # in fp32
            # parameters, not bytes
            "norm_weight",
            "packed_weight",
            "out_weight",
            "up_weight",
            "down_weight",
            "embed_weight",
            "head_weight",
            "head_product",  # what the LM head multiplies by, of its own or not
            # copies of these, sharded or not [B a parameter]
            "master",
            "moment",
            "gradient",
            "working",
        )
    ]
)

# A pass through one layer, the embedding and the LM head: what the driver queues, the
# host's time for one of these [s], and the device's for all [s].
PACE = np.dtype(
    [
        (f"{part}{direction}_{what}", "f8")
        for part in ("", "embed_", "head_")
        for direction in ("forward", "backward")
        for what in ("launches", "host", "seconds")
    ]
    + [("layer_sums", "f8")]  # launches that add a layer's gradients up
)
