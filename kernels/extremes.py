"""The largest of many normal numbers: its mean, and how far it still varies.

Exact for powers of two (Tippett 1925, Biometrika 17; Harter 1961, Biometrika 48), and
between these straight in the logarithm of their number, which is within 1.5 %.
"""

import math

from accelsim.kernels.jit import kernel

# Of the largest of 1, 2, 4, … 65,536 numbers, in their standard deviation: integrals of
# x^p n phi(x) Phi(x)^(n - 1), see the tests.
MEANS = (
    0.0, 0.56419, 1.02938, 1.42360, 1.76599, 2.06967, 2.34373, 2.59460, 2.82686,
    3.04390, 3.24824, 3.44180, 3.62608, 3.80228, 3.97135, 4.13408, 4.29113,
)  # fmt: skip
DEVIATIONS = (
    1.0, 0.82565, 0.70122, 0.61065, 0.54315, 0.49155, 0.45109, 0.41862, 0.39198,
    0.36971, 0.35076, 0.33441, 0.32013, 0.30752, 0.29628, 0.28617, 0.27703,
)  # fmt: skip
LAST = len(MEANS) - 1


@kernel
def largest(count: float) -> tuple[float, float]:
    """Return (mean, deviation) of the largest of `count` standard normal numbers.

    Of more than the table has the mean goes on as sqrt(2 ln n) does.
    """
    if count <= 1.0:
        return 0.0, 1.0
    doublings = math.log2(count)
    if doublings >= LAST:
        return MEANS[LAST] * math.sqrt(doublings / LAST), DEVIATIONS[LAST]
    low = int(doublings)
    part = doublings - low
    return (
        MEANS[low] + part * (MEANS[low + 1] - MEANS[low]),
        DEVIATIONS[low] + part * (DEVIATIONS[low + 1] - DEVIATIONS[low]),
    )
