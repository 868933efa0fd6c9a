"""What stands beside a kernel's predictions: a roofline, and the noise of measuring.

This file knows the baseline that it takes to beat, a share of the peak rate and a share
of the datasheet's bandwidth chosen for the very rows that are scored, and how far rows
lie apart that were measured more than once.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accelsim.validation.contract import Pair

Floats = NDArray[np.float64]
SHARES = np.linspace(0.02, 1.0, 50)
ROWS_OF_A_FIT = 4000  # at most, that the shares are chosen on
SAMPLE = 1  # seed


def roofline(compute: Floats, memory: Floats, measured: Floats) -> Floats:
    """Return a roofline's times [s], its two shares of least mean error.

    compute, memory : times [s] at the peak rate and at the datasheet's bandwidth.
    measured : times [s], all above zero.
    """
    of_peak, of_bandwidth = best_shares(compute, memory, measured)
    return np.asarray(np.maximum(compute / of_peak, memory / of_bandwidth))


def best_shares(
    compute: Floats, memory: Floats, measured: Floats,
    shares: Floats = SHARES, seed: int = SAMPLE,
) -> tuple[float, float]:  # fmt: skip
    """Return the shares of peak and bandwidth, of those given, of least mean error.

    Both are 1 if nothing was measured. seed : of the sample of `ROWS_OF_A_FIT` rows.
    """
    if not measured.size:
        return 1.0, 1.0
    rows = np.random.default_rng(seed).permutation(len(measured))[:ROWS_OF_A_FIT]
    truth = measured[rows]
    best = (np.inf, 1.0, 1.0)
    for of_peak in shares:
        busy = compute[rows] / of_peak / truth
        for of_bandwidth in shares:
            times = np.maximum(busy, memory[rows] / of_bandwidth / truth)
            error = float(np.mean(np.abs(times - 1.0)))
            best = min(best, (error, float(of_peak), float(of_bandwidth)))
    return best[1], best[2]


def repeated(
    pairs: Sequence[Pair], shapes: Sequence[Hashable], subset: str
) -> list[Pair]:
    """Return rows that were measured more than once beside the mean of the others.

    shapes : what makes two rows the same call, one for each pair. subset : where the
    answer shows them.
    """
    groups: dict[Hashable, list[Pair]] = defaultdict(list)
    for pair, shape in zip(pairs, shapes, strict=True):
        groups[shape].append(pair)
    noise = []
    for same in groups.values():
        total = sum(pair.measured for pair in same)
        for pair in same if len(same) > 1 else ():
            others = (total - pair.measured) / (len(same) - 1)
            noise.append(replace(pair, subset=subset, predicted=others))
    return noise
