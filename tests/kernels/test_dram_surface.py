"""Between the points of a surface: equal to them, and straight from one to the next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.dram_surface import fill_latencies, fill_rates, segment, weight

TURNS, SHARES = np.array([1.0, 2.0, 4.0]), np.array([0.0, 0.5, 1.0])
STREAMS, LOADS = np.array([1.0, 8.0]), np.array([0.2, 0.8])
COST = np.arange(1.0, 19.0).reshape(3, 3, 2)
LATENCY = np.arange(10.0, 28.0).reshape(3, 3, 2)


def rate(turn: float, share: float, count: float) -> float:
    out = np.zeros(1)
    asked = (np.array([turn]), np.array([share]), np.array([count]))
    fill_rates(TURNS, SHARES, STREAMS, COST, *asked, out)
    return float(out[0])


def test_nodes_are_what_was_measured() -> None:
    for i, turn in enumerate(TURNS):
        for j, share in enumerate(SHARES):
            for k, count in enumerate(STREAMS):
                found = rate(turn, share, count)
                assert found == pytest.approx(COST[i, j, k] / turn)


def test_between_nodes_by_hand() -> None:
    # turns of 3 transactions: midway between 2 and 4; reads 1/4: midway of 0 and 1/2
    corners = [COST[1, 0, 0], COST[2, 0, 0], COST[1, 1, 0], COST[2, 1, 0]]
    assert rate(3.0, 0.25, 1.0) == pytest.approx(np.mean(corners) / 3.0)
    assert rate(100.0, 1.0, 1.0) == pytest.approx(COST[2, 2, 0] / 4.0)  # its rate


@given(st.floats(1.0, 4.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_latency_is_between_its_neighbours(
    turn: float, share: float, load: float
) -> None:
    out = np.zeros(1)
    asked = (np.array([turn]), np.array([share]), np.array([load]))
    fill_latencies(TURNS, SHARES, LOADS, LATENCY, *asked, out)
    assert LATENCY.min() <= out[0] <= LATENCY.max()


def test_segments_hold_the_ends() -> None:
    assert [segment(TURNS, x) for x in (0.5, 1.0, 2.0, 9.0)] == [0, 0, 1, 1]
    assert weight(TURNS, 1, 3.0) == 0.5
    assert weight(TURNS, 1, 9.0) == 1.0
