"""The tables of collectives: what is asked, how NCCL runs, and the answer."""

from typing import Any

import numpy as np

# Kinds of collectives, as NumPy integers (see `tables.codes`); ALL_GATHER stands for a
# reduce-scatter, too.
_KINDS: Any = np.arange(5)
ALL_GATHER, ALL_REDUCE, ALL_TO_ALL, SEND, BROADCAST = _KINDS
LL, LL128, SIMPLE = range(3)  # NCCL's protocols
# What one may want; `auto` is the library's choice. `kernels/algorithms.py` says what
# each is.
WANTS = (
    "auto",
    "ring",
    "bidirectional",
    "tree",
    "halving-doubling",
    "bruck",
    "direct",
    "bucket",
    "hamiltonian",
    "in-network",
    "rail",
    "hierarchy",
)
_WANTS: Any = np.arange(len(WANTS))
AUTO, ROUND, BIDIRECTIONAL, TREES, HALVING, BRUCK, PAIRWISE = _WANTS[:7]
BUCKET, HAMILTONIAN, ADDING, RAIL, HIERARCHICAL = _WANTS[7:]


def want(algorithm: str) -> Any:
    """Return the code of an algorithm's name."""
    return _WANTS[WANTS.index(algorithm)]


# What a library runs; `kernels/nccl.py` and `kernels/collectives.py` say when.
ALGORITHMS = (
    "none",
    "ring, LL",
    "ring, LL128",
    "ring, Simple",
    "tree, LL",
    "tree, LL128",
    "tree, Simple",
    "NVLS",
    "NVLS tree",
    "direct",
    "hierarchy",
    "send",
    "NVLS, SHARP",
    *("auto", "ring", "bidirectional ring", "double binary tree"),
    *("halving-doubling", "Bruck", "mesh", "torus bucket"),
    *("two Hamiltonian rings", "in-network", "rail", "hierarchy"),
)
NONE, RING, TREE, NVLS, NVLS_TREE, DIRECT, HIERARCHY, SENDING = 0, 1, 4, 7, 8, 9, 10, 11
SHARP = 12
WANTED = 13  # of the first that is named by what was wanted

# How NCCL runs on the ports of a tier, see `kernels/nccl.py`. Belief: what its tuner
# takes for true when it chooses.
NCCL = np.dtype(
    [
        ("on", "f8"),  # 1 if the tier is NCCL's
        ("start", "f8", (3,)),  # s, by protocol
        ("step", "f8", (3,)),  # s of a hop inside the tier, by protocol
        ("rate", "f8", (3,)),  # B/s by protocol
        ("believed_step", "f8", (3,)),  # s
        ("believed_rate", "f8", (3,)),  # B/s
        ("gather_slots", "f8"),  # chunks that a rank copies beside those that it sends
        ("reduce_slots", "f8"),
        ("add_start", "f8"),  # s of an all-reduce in the switch
        ("add_chunk", "f8"),  # s a rank that a chunk costs beside its bytes
        ("add_ranks", "f8"),  # ranks below which it is not used
        ("believed_add_rate", "f8"),  # B/s
        ("believed_tree_rate", "f8"),  # B/s a member of a domain, of trees between such
        ("pair_start", "f8"),  # s of sends and receives
        ("pair_slots", "f8"),
        ("pair_chunk", "f8"),  # s
        ("most_chunks", "f8"),  # of these costs that the largest chunk takes
        # thread blocks, each on a multiprocessor: of rings, adding, all pairs; with
        # members in other domains; of one send or receive
        ("channels", "f8"),
        ("add_channels", "f8"),
        ("pair_channels", "f8"),
        ("net_channels", "f8"),
        ("peer_channels", "f8"),
        ("unknown_share", "f8"),  # of the multiprocessors, where it is not NCCL's
        ("simple_only", "f8"),  # of the network: 1 if it carries no flags
    ]
)

# One question about a collective, answered.
COLLECTIVE = np.dtype(
    [
        ("time", "f8"),  # s
        ("latency", "f8"),  # s of it that no bandwidth takes away
        ("size", "f8"),  # B
        ("sent", "f8"),  # B that one worker sends
        ("algorithm", "i8"),  # index of ALGORITHMS
    ]
)
