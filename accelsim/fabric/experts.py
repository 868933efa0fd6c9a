"""Dispatch and combine of experts inside one NVLink domain, kernel by kernel.

This file knows what a token costs on its way to the ranks that hold its experts and
back: a start, a share that stays on the rank, and the bytes that cross a port. The
figures are fits to TensorRT-LLM's kernels on GB200 NVL72 with 2 to 64 ranks
(ai-dynamo/aiconfigurator@095f58a systems/data/gb200/comm/trtllm/1.3.0rc10), rates as
shares of the port.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import InputError, nearest

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ExpertKernel:
    """What a kernel costs.

    Attributes
    ----------
    start : float
        From the call to the end with one token [s].
    token : float
        For each token of a rank [s].
    local : float
        For each byte of a token, once, in bytes on the port.
    share : float
        Of the port's payload rate that what crosses it reaches.
    """

    start: float
    token: float
    local: float
    share: float


KERNELS = {
    "prepare": ExpertKernel(13.4e-6, 6.7e-9, 0.0, 0.0),
    "dispatch": ExpertKernel(12.0e-6, 20.8e-9, 0.27, 0.76),
    "combine": ExpertKernel(12.8e-6, 0.0, 2.97, 0.722),
    "combine_low_precision": ExpertKernel(16.3e-6, 0.0, 27.7, 0.856),
    "dispatch_one_sided": ExpertKernel(15.9e-6, 0.0, 0.36, 0.736),
    "combine_one_sided": ExpertKernel(17.3e-6, 0.0, 0.0, 0.731),
}


def copies(experts: float, top_k: float, ranks: ArrayLike) -> Floats:
    """Return the other ranks that a token goes to, balanced as benchmarks do it.

    Its top_k experts lie on as many ranks as there are, up to top_k; one in `ranks`
    of these is its own.
    """
    n = np.asarray(ranks, dtype=np.float64)
    return np.asarray(np.minimum(np.minimum(n, top_k), experts) * (1.0 - 1.0 / n))


def exchange_seconds(
    kernel: str,
    *,
    tokens: ArrayLike,
    token_bytes: ArrayLike,
    remote: ArrayLike,
    port: float,
    imbalance: float = 1.0,
) -> Floats:
    """Return the time [s] of a dispatch or combine on its slowest rank.

    Parameters
    ----------
    tokens : float or array
        Tokens of a rank before the dispatch.
    token_bytes : float or array
        What one token is on the wire [B].
    remote : float or array
        Other ranks that a token goes to, see `copies`.
    port : float
        Payload rate of a rank's ports, one way [B/s].
    imbalance : float
        Bytes of the busiest rank over the mean; all wait for it.

    Raises
    ------
    InputError
        The kernel is not known, or the imbalance is less than one.
    """
    if kernel not in KERNELS:
        raise InputError(f"expert kernel {kernel!r}; {nearest(kernel, KERNELS)}")
    if not imbalance >= 1.0:
        raise InputError(f"imbalance: one or more, not {imbalance}")
    costs, count = KERNELS[kernel], np.asarray(tokens, dtype=np.float64)
    time = costs.start + count * costs.token
    if costs.share > 0.0:
        crossing = imbalance * np.asarray(remote, dtype=np.float64) / costs.share
        row = np.asarray(token_bytes, dtype=np.float64) * (crossing + costs.local)
        time = time + count * row / port
    return np.asarray(time, dtype=np.float64)
