"""The baseline of kernels: a roofline with two constants, the best for the rows.

This file knows what it takes to beat: a share of the peak rate and a share of the
datasheet's bandwidth, chosen for the very rows that are scored.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SHARES = np.linspace(0.02, 1.0, 50)
ROWS_OF_A_FIT = 4000  # at most, that the shares are chosen on
SAMPLE = 1  # seed


def roofline(compute: Floats, memory: Floats, measured: Floats) -> Floats:
    """Return a roofline's times [s], its two shares of least mean error.

    compute, memory : times [s] at the peak rate and at the datasheet's bandwidth.
    measured : times [s], all above zero.
    """
    rows = np.random.default_rng(SAMPLE).permutation(len(measured))[:ROWS_OF_A_FIT]
    truth = measured[rows]
    best = (np.inf, 1.0, 1.0)
    for of_peak in SHARES:
        busy = compute[rows] / of_peak / truth
        for of_bandwidth in SHARES:
            times = np.maximum(busy, memory[rows] / of_bandwidth / truth)
            error = float(np.mean(np.abs(times - 1.0)))
            best = min(best, (error, float(of_peak), float(of_bandwidth)))
    _, of_peak, of_bandwidth = best
    return np.asarray(np.maximum(compute / of_peak, memory / of_bandwidth))
