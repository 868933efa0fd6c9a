"""The renewal against Monte Carlo, Daly's limits and laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core.config import DISABLE_JIT  # type: ignore[attr-defined]

from accelsim.kernels import goodput

TIMES = st.floats(1e-3, 1e6)


# mttf, interval, checkpoint and restart [s]: a good day, Llama 3's, 100,000 chips, and
# one in which half of the restarts are struck again.
@pytest.mark.parametrize(
    "times",
    [
        (1e6, 3600.0, 60.0, 600.0),
        (11124.0, 250.0, 2.8, 480.0),
        (2100.0, 199.0, 10.0, 480.0),
        (300.0, 80.0, 10.0, 210.0),
    ],
)
def test_monte_carlo_agrees(times: tuple[float, float, float, float]) -> None:
    runs = 3_000 if DISABLE_JIT else 1_000_000
    out = np.empty(runs)
    goodput.fill_segments(np.random.default_rng(7), *times, out)
    exact = goodput.renewal_goodput(*times)
    assert times[1] / out.mean() == pytest.approx(
        exact, rel=0.2 if DISABLE_JIT else 0.005
    )


@given(TIMES, TIMES, TIMES, TIMES)
def test_goodput_is_a_share(
    mttf: float, tau: float, write: float, restart: float
) -> None:
    assert 0.0 <= goodput.renewal_goodput(mttf, tau, write, restart) <= 1.0


@given(TIMES, st.floats(1e-3, 1e4), st.floats(0.0, 1e4))
def test_the_best_interval_is_best(mttf: float, write: float, restart: float) -> None:
    best = goodput.best_interval(mttf, write)
    top = goodput.renewal_goodput(mttf, best, write, restart)
    for factor in (0.5, 0.9, 1.1, 2.0):
        other = goodput.renewal_goodput(mttf, factor * best, write, restart)
        assert other <= top * (1 + 1e-9)


@pytest.mark.parametrize("write", [0.1, 1.0, 10.0])
def test_young_is_the_limit_of_cheap_checkpoints(write: float) -> None:
    # Young's sqrt(2 w M), and Daly's next term, -w (2 / 3 where w counts apart)
    mttf = 1e6 * write
    young = math.sqrt(2.0 * write * mttf)
    assert goodput.best_interval(mttf, write) == pytest.approx(young, rel=1e-3)


def test_without_failures_checkpoints_alone_cost() -> None:
    assert goodput.renewal_goodput(math.inf, 90.0, 10.0, 5.0) == 0.9
    assert goodput.best_interval(math.inf, 10.0) == math.inf
