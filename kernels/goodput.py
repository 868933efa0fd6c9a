"""The share of time that a job makes progress, when it fails and starts again.

Failures come alone and at a steady rate; a failure loses what was done since the last
checkpoint, then a restart takes its time and may itself be struck. The exact renewal
(J. T. Daly, Future Gener. Comput. Syst. 22 (2006) 303, eq. 20) never leaves 0 to 1, as
the first order 1 - (R + tau / 2) / M - w / tau does. This file knows times, no cause.
"""

import math

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel

Floats = NDArray[np.float64]
MOST_FAILURES = 100_000_000  # of one segment, beyond which a run is given up


@kernel
def renewal_goodput(
    mttf: float, interval: float, write: float, restart: float
) -> float:
    """Return the useful share of the time: tau e^(-R/M) / (M (e^((tau+w)/M) - 1)).

    mttf : M of the job. interval : tau of work between checkpoints. write : w that a
    checkpoint stops the work. restart : R until the work goes on [s].
    """
    if interval <= 0.0:
        return 0.0
    if mttf == math.inf:
        return interval / (interval + write)
    segment = (interval + write) / mttf
    if segment > 700.0:
        return 0.0
    share = interval / mttf * math.exp(-restart / mttf) / math.expm1(segment)
    return float(min(1.0, share))


@kernel
def best_interval(mttf: float, write: float) -> float:
    """Return the work between checkpoints that gives the most goodput [s].

    Where the derivative is zero: (1 - x) e^x = e^(-w/M) with x = tau / M below 1, by
    halving; Young's sqrt(2 w M) where w is small.
    """
    if mttf == math.inf or write <= 0.0:
        return math.inf if mttf == math.inf else 0.0
    goal = -math.expm1(-write / mttf)
    low, high = 0.0, 1.0
    for _ in range(80):
        x = 0.5 * (low + high)
        # 1 - (1 - x) e^x, by its series where it would cancel
        series = x * x * (0.5 + x / 3.0)
        lost = series if x < 1e-4 else 1.0 - (1.0 - x) * math.exp(x)
        if lost < goal:
            low = x
        else:
            high = x
    return high * mttf


@kernel
def fill_segments(
    rng: np.random.Generator, mttf: float, interval: float, write: float,
    restart: float, out: Floats,
) -> None:  # fmt: skip
    """Fill the time that one interval of work takes, run for run, (N,) [s].

    A run is drawn failure by failure: lost work, restarts struck by failures, and at
    last an interval with its checkpoint that none strikes.
    """
    need = interval + write
    for i in range(len(out)):
        time, left, failures = 0.0, need, 0
        working = True
        while failures < MOST_FAILURES:
            struck = rng.exponential(mttf)
            if struck >= left:
                time += left
                if working:
                    break
                working, left = True, need
            else:
                time += struck
                failures += 1
                working, left = False, restart
        out[i] = time
