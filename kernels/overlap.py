"""What a step sees of communication that runs behind computation.

This file knows one communication and what it may hide behind; what may hide at all is
the software's, how long either takes is its caller's.
"""

from accelsim.kernels.jit import kernel


@kernel
def exposed(may_hide: float, time: float, behind: float, share: float) -> float:
    """Return the part of a communication `time` [s] that a step sees.

    may_hide : 1 if it may run behind `behind` [s] of computation, which then loses
    `share` of its units for as long.
    """
    if may_hide == 0.0:
        return time
    hidden = min(time, behind)
    return time - hidden + share * hidden


@kernel
def bucketed(
    may_hide: float, time: float, behind: float, calls: float, share: float
) -> float:
    """Return the exposed part of a communication in `calls` buckets.

    The last bucket has nothing left to hide behind, nor is the first layer's
    computation over when it starts.
    """
    rest = 1.0 - 1.0 / calls
    return exposed(may_hide, time, rest * min(behind, time), share)
