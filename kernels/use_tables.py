"""The tables of what runs at the same time: shares of a worker, moments of a pass."""

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
