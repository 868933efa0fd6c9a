"""Dies of a wafer, how many of them work, and the clock that a power cap leaves.

A yield model is a distribution of the defect density from die to die; it is handed in
as nodes and weights of a quadrature, so that one formula serves all models, with spare
cores and without. This file knows no process and no model's name.
Sources: B. T. Murphy, Proc. IEEE 52 (1964) 1537; R. B. Seeds, IEDM (1967); C. H.
Stapper, IBM J. Res. Dev. 20 (1976) 228 (negative binomial); T. Sakurai and A. R.
Newton, IEEE JSSC 25 (1990) 584 (alpha-power law).
"""

import math

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.fec import binomial_tail
from accelsim.kernels.jit import kernel

Floats = NDArray[np.float64]
OFFSETS = 16  # of the grid of dies in each direction that are tried
HALVINGS = 60
LEAK_SLOPE = 3.0  # leakage grows with V exp(3 (V / nominal - 1)): 1.35 for 10 %


@kernel
def dies_per_wafer(radius: float, width: float, height: float, scribe: float) -> int:
    """Return the dies that a wafer holds whole, on the best placed grid.

    radius : of the usable disc; width, height : of a die; scribe : between dies [m].
    """
    across, down = width + scribe, height + scribe
    most = 0
    for a in range(OFFSETS):
        for b in range(OFFSETS):
            left, low = a * across / OFFSETS, b * down / OFFSETS
            count = 0
            rows = int(radius / down) + 2
            for row in range(-rows, rows):
                bottom = low + row * down
                far = max(abs(bottom), abs(bottom + height))
                if far >= radius:
                    continue
                half = math.sqrt(radius * radius - far * far)
                last = math.floor((half - width - left) / across)
                first = math.ceil((-half - left) / across)
                count += max(0, int(last - first) + 1)
            most = max(most, count)
    return most


@kernel
def fill_yields(
    defects: Floats, shares: Floats, cores: int, needed: int, nodes: Floats,
    weights: Floats, out: Floats,
) -> None:  # fmt: skip
    """Fill the share of dies that work, (N,).

    defects : mean number on a die, (N,). shares : of the die that cores take, and that
    nothing can repair, (N, 2). nodes, weights : the density over its mean, (K,). A die
    works with `needed` of `cores` without a defect and none in what is not repaired:
    Y = sum_k w_k exp(-u_k m s_1) P(needed or more of cores | exp(-u_k m s_0 / cores)).
    """
    for i in range(len(defects)):
        total = 0.0
        for k in range(len(nodes)):
            mean = nodes[k] * defects[i]
            good = math.exp(-mean * shares[i, 0] / cores)
            alive = math.exp(-mean * shares[i, 1])
            total += weights[k] * alive * binomial_tail(cores, needed, good)
        out[i] = min(1.0, total)


@kernel
def clock_at(voltage: float, threshold: float, steepness: float) -> float:
    """Return the clock at a voltage, both over those of the nominal point.

    threshold : over the nominal voltage. f ~ (V - Vt)^a / V (Sakurai and Newton).
    """
    if voltage <= threshold:
        return 0.0
    drive = ((voltage - threshold) / (1.0 - threshold)) ** steepness
    return float(drive / voltage)


@kernel
def voltage_at(clock: float, threshold: float, steepness: float) -> float:
    """Return the voltage that a clock needs: the inverse of `clock_at`."""
    low, high = threshold, 1.0
    while clock_at(high, threshold, steepness) < clock and high < 100.0:
        low, high = high, 2.0 * high
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if clock_at(middle, threshold, steepness) < clock:
            low = middle
        else:
            high = middle
    return high


@kernel
def power_at(
    clock: float, curve: tuple[float, float, float], dynamic: float, leakage: float
) -> float:
    """Return what a chip draws at a clock over the nominal one [W].

    curve : threshold and lowest voltage over nominal, steepness. dynamic, leakage : at
    the nominal point [W]; f V^2 and V exp(3 (V - 1)).
    """
    threshold, lowest, steepness = curve
    voltage = max(lowest, voltage_at(clock, threshold, steepness))
    leaking = leakage * voltage * math.exp(LEAK_SLOPE * (voltage - 1.0))
    return dynamic * clock * voltage * voltage + leaking


@kernel
def capped_clock(
    curve: tuple[float, float, float], dynamic: float, leakage: float, cap: float
) -> float:
    """Return the highest clock over the nominal one that stays below a power, or 1.

    Arguments as of `power_at`; 0 where leakage alone is above the cap.
    """
    if power_at(1.0, curve, dynamic, leakage) <= cap:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if power_at(middle, curve, dynamic, leakage) <= cap:
            low = middle
        else:
            high = middle
    return low
