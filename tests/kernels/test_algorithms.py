"""Algorithms by hand on a switch and a torus, what each sends, and laws of all."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.algorithms import congestion, pipelined
from accelsim.kernels.collectives import collective_by
from accelsim.kernels.fabric_tables import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_TO_ALL,
    BROADCAST,
    WANTS,
    want,
)
from accelsim.kernels.tables import Rows
from tests.examples import software, switch, tiers, torus

GB, US = 1e9, 1e-6
WANT = st.sampled_from(WANTS)
KIND = st.sampled_from([ALL_GATHER, ALL_REDUCE, ALL_TO_ALL, BROADCAST])
POWER = st.sampled_from([2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
SIZE = st.floats(1.0, 1e12)
NEVER = 1e290


def one_switch(bandwidth: float = 1e11, late: float = US) -> Rows:
    return tiers(switch(64, bandwidth, late))


def square(ports: float = 2e11, late: float = US) -> Rows:
    """Return 4 x 4 chips, two ports a dimension."""
    return tiers(torus(16, (4, 4), ports=ports, latency=late))


def seconds(
    rows: Rows, algorithm: str, kind: int, size: float, ranks: float,
    pipelined: float = 0.0,
) -> float:  # fmt: skip
    stack = software(pipelined=pipelined)
    return collective_by(rows, want(algorithm), kind, size, ranks, 1.0, stack)[0]


@pytest.mark.parametrize(
    ("algorithm", "kind", "steps", "times"),
    [
        # Thakur, Rabenseifner, Gropp 2005, secs. 4.1 to 4.4, S (n - 1) / n = 7/8 GB
        ("ring", ALL_GATHER, 7, 7 / 8),
        ("ring", ALL_REDUCE, 14, 14 / 8),
        ("bidirectional", ALL_GATHER, 4, 7 / 8),
        ("halving-doubling", ALL_GATHER, 3, 7 / 8),
        ("halving-doubling", ALL_REDUCE, 6, 14 / 8),
        ("bruck", ALL_GATHER, 3, 7 / 8),
        ("bruck", ALL_TO_ALL, 3, 3 / 2),  # log2 n steps of half of everything
        ("direct", ALL_REDUCE, 2, 14 / 8),
        ("direct", ALL_TO_ALL, 1, 7 / 8),
        ("ring", ALL_TO_ALL, 7, 7 / 8 * 4),  # past n / 2 ranks on average
    ],
)
def test_on_a_switch_by_hand(
    algorithm: str, kind: int, steps: int, times: float
) -> None:
    time = seconds(one_switch(), algorithm, kind, GB, 8.0)
    assert time == pytest.approx(steps * US + times * GB / 1e11)


@pytest.mark.parametrize(
    ("algorithm", "steps", "ports"),
    [
        ("ring", 15, 1),  # one port of four
        ("bidirectional", 15, 2),
        ("hamiltonian", 15, 4),  # two disjoint rings, both ways
        ("bucket", 6, 4),
        ("halving-doubling", 4, 4),  # a hypercube of four axes
    ],
)
def test_gathers_on_a_torus_by_hand(algorithm: str, steps: int, ports: int) -> None:
    time = seconds(square(), algorithm, ALL_GATHER, GB, 16.0)
    assert time == pytest.approx(steps * US + GB * 15 / 16 / (ports * 1e11))


def test_straight_ways_on_a_torus_share_links() -> None:
    # 16 chips send S / 16 over 32 hops in all to the others: S / 2 on each of 64 links
    time = seconds(square(), "direct", ALL_GATHER, GB, 16.0)
    assert time == pytest.approx(US + GB / 2 / 1e11)


@pytest.mark.parametrize(
    ("extent", "crossings"),
    [
        (2, 1.0),
        (4, 1.0),  # 0-1 3-2, then 1-2 0-3: every partner is a neighbour
        # halves, quarters and eighths go 1, 1 and 4 links; of the last two share each
        (8, (1 / 2 + 1 / 4 + 2 / 8) / (7 / 8)),
        (16, (1 / 2 + 1 / 4 + 2 / 8 + 4 / 16) / (15 / 16)),
    ],
)
def test_halving_crosses_a_ring_more_than_once(extent: int, crossings: float) -> None:
    assert congestion(float(extent)) == pytest.approx(crossings)


def test_a_pipeline_counted_chunk_by_chunk() -> None:
    """Find the best number of chunks by trying all."""
    levels, step, data = 5.0, 1e-6, 1e-3
    tried = min((levels - 1 + k) * (step + data / k) for k in range(1, 1000))
    assert pipelined(levels, step, data) == pytest.approx(tried, rel=1e-4)
    root = 2 * math.sqrt((levels - 1) * step * data)
    expected = (levels - 1) * step + data + root
    assert pipelined(levels, step, data) == pytest.approx(expected)


def test_a_tree_takes_each_byte_up_and_down() -> None:
    # 16 ranks: 8 levels up and down, each inner port twice the message
    time = seconds(one_switch(), "tree", ALL_REDUCE, GB, 16.0)
    assert time == pytest.approx(pipelined(8.0, US, 2 * GB / 1e11))


def test_rails_send_fewer_messages() -> None:
    rows = tiers(switch(8, 4e11, US), switch(4096, 5e10, 10 * US))
    small = [seconds(rows, a, ALL_TO_ALL, 1e3, 1024.0) for a in ("direct", "rail")]
    # 1016 messages of a rank become 127, 1 us each beside the first
    assert small[0] - small[1] == pytest.approx(1015e-6 - 126e-6, rel=0.01)


def test_not_every_algorithm_does_everything() -> None:
    assert seconds(one_switch(), "tree", ALL_TO_ALL, GB, 8.0) >= NEVER
    assert seconds(one_switch(), "in-network", ALL_REDUCE, GB, 8.0) >= NEVER
    assert seconds(one_switch(), "rail", ALL_REDUCE, GB, 8.0) >= NEVER
    adds = tiers(switch(8, 1e11, US, reduce_bandwidth=1e11))
    assert seconds(adds, "in-network", ALL_REDUCE, GB, 8.0) < NEVER


@given(WANT, KIND, SIZE, POWER)
def test_never_below_its_bounds(
    algorithm: str, kind: int, size: float, ranks: float
) -> None:
    time = seconds(one_switch(), algorithm, kind, size, ranks)
    share = 1.0 if kind == BROADCAST else (ranks - 1.0) / ranks
    twice = 2.0 if kind == ALL_REDUCE else 1.0
    assert time >= US
    assert time >= twice * share * size / 1e11 * (1.0 - 1e-9)


@given(WANT, KIND, SIZE, POWER, st.floats(1.0, 100.0))
def test_monotone_in_size_bandwidth_and_latency(
    algorithm: str, kind: int, size: float, ranks: float, factor: float
) -> None:
    for build in (one_switch, square):
        n = min(ranks, 16.0)
        base = seconds(build(), algorithm, kind, size, n)
        assert seconds(build(), algorithm, kind, factor * size, n) >= base
        assert seconds(build(factor * 2e11), algorithm, kind, size, n) <= base
        assert seconds(build(late=factor * US), algorithm, kind, size, n) >= base


@given(WANT, KIND, POWER)
def test_latency_grows_with_the_ranks(algorithm: str, kind: int, ranks: float) -> None:
    fast = tiers(switch(128, 1e30, US))
    few = seconds(fast, algorithm, kind, 1.0, ranks)
    assert seconds(fast, algorithm, kind, 1.0, 2.0 * ranks) >= few


@given(WANT, KIND, SIZE)
def test_one_rank_and_no_bytes_cost_nothing(
    algorithm: str, kind: int, size: float
) -> None:
    assert seconds(one_switch(), algorithm, kind, size, 1.0) == 0.0
    assert seconds(one_switch(), algorithm, kind, 0.0, 8.0) == 0.0


@given(st.sampled_from(["ring", "bidirectional", "bucket"]), SIZE, POWER)
def test_a_ring_reduces_as_it_scatters_and_gathers(
    algorithm: str, size: float, ranks: float
) -> None:
    half = seconds(one_switch(), algorithm, ALL_GATHER, size, ranks)
    both = seconds(one_switch(), algorithm, ALL_REDUCE, size, ranks)
    assert both == pytest.approx(2.0 * half)
