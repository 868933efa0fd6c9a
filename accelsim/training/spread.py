"""How much slower than the median chip the slowest of a job is.

A synchronous step waits for its slowest chip. This file knows how far chips of one kind
differ for good; it does not know jitter from one kernel to the next.
"""

from statistics import NormalDist

from accelsim.specs.chip import ChipSpec

# Sinha et al. 2022, arXiv:2208.11035, "Not All GPUs Are Created Equal": 8 % between the
# whiskers of the performance of GPUs of one kind, mean of clusters and programs, for
# chips that a power limit makes run at clocks of their own. The whiskers of a normal
# distribution lie 5.4 standard deviations apart (1.5 quartile ranges beyond each).
SPREAD = 0.08 / 5.4


def slowest(chip: ChipSpec, workers: int) -> float:
    """Return how much longer products take on the slowest of `workers` chips.

    The mean of the largest of n normal numbers, Blom 1958: the quantile (n - 3/8) /
    (n + 1/4). Chips with one fixed clock, which no GPU is, do not differ.
    """
    if chip.family != "gpu" or workers < 2:
        return 0.0
    share = (workers - 0.375) / (workers + 0.25)
    return SPREAD * NormalDist().inv_cdf(share)
