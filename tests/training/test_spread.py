"""The slowest chip of a job, by tables of the normal distribution."""

import pytest

from accelsim import catalog, estimate
from accelsim.training.spread import SPREAD, slowest

H100 = catalog.load("chips", "h100-sxm")
RUN = {"name": "r", "model": "llama3-8b", "chips": 8, "global_batch": 8}


@pytest.mark.parametrize(("chips", "sigmas"), [(2, 0.564), (8, 1.424), (64, 2.349)])
def test_mean_of_the_largest(chips: int, sigmas: float) -> None:
    # exact means of the largest of n (Harter 1961, table 1); Blom's is within 5 %
    assert slowest(H100, chips) == pytest.approx(SPREAD * sigmas, rel=0.05)


def test_one_chip_and_one_clock_do_not_lag() -> None:
    assert slowest(H100, 1) == 0.0
    assert slowest(catalog.load("chips", "trainium2"), 1024) == 0.0
    assert slowest(catalog.load("chips", "tpu-v5p"), 1024) == 0.0


def test_more_chips_wait_longer_for_the_slowest() -> None:
    plan = {"tp": 1, "pp": 1, "cp": 1, "micro_batch": 1}
    few, many = (
        estimate(RUN | {"system": "dgx-h100", "chips": n, "global_batch": n}
                 | {"plan": plan})
        for n in (8, 512)
    )  # fmt: skip
    assert many.time.matmul / few.time.matmul == pytest.approx(
        (1 + slowest(H100, 512)) / (1 + slowest(H100, 8)), rel=2e-3
    )
