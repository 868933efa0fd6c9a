"""Collectives: by hand on each topology, bytes counted rank by rank, and laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.collectives import collective, send
from accelsim.kernels.fabric_tables import ALL_GATHER, ALL_REDUCE, ALL_TO_ALL
from accelsim.kernels.tables import Rows
from tests.examples import mesh, software, switch, tiers, torus

KINDS = [ALL_GATHER, ALL_REDUCE, ALL_TO_ALL]
NAMES = ["all-gather", "all-reduce", "all-to-all"]
GB = 1e9
# Power-of-two groups fill power-of-two domains evenly.
POWER = st.sampled_from([2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
SIZE = st.floats(1.0, 1e12)
KIND = st.sampled_from(KINDS)


def two_tiers(inner: float = 1e11, outer: float = 1e10, late: float = 1e-6) -> Rows:
    """Return domains of 8 in a fabric of 4096."""
    return tiers(switch(8, inner, late), switch(4096, outer, 10 * late))


def seconds(
    rows: Rows, kind: int, size: float, ranks: float, stride: float = 1.0,
    pipelined: float = 0.0,
) -> float:  # fmt: skip
    stack = software(pipelined=pipelined)
    return collective(rows, kind, size, ranks, stride, stack)[0]


def sent(rows: Rows, kind: int, size: float, ranks: float, stride: float = 1) -> float:
    return collective(rows, kind, size, ranks, float(stride), software())[1]


def test_all_gather_in_one_switch() -> None:
    # Thakur et al. 2005, sec. 4: S (n-1)/n through each port, n-1 steps
    rows = tiers(switch(8, 1e11, 1e-6))
    time, out, *_ = collective(rows, ALL_GATHER, GB, 8.0, 1.0, software())
    assert out == GB * 7 / 8
    assert time == pytest.approx(GB * 7 / 8 / 1e11 + 7e-6)


def test_all_reduce_is_reduce_scatter_and_all_gather() -> None:
    rows = tiers(switch(8, 1e11, 1e-6))
    twice = 2 * seconds(rows, ALL_GATHER, GB, 8.0)
    assert seconds(rows, ALL_REDUCE, GB, 8.0) == pytest.approx(twice)
    assert sent(rows, ALL_REDUCE, GB, 8.0) == 2 * sent(rows, ALL_GATHER, GB, 8.0)


def test_a_switch_that_adds_takes_each_byte_once() -> None:
    # at 80 GB/s of the message instead of 100 GB/s of the ring's two crossings
    rows = tiers(switch(8, 1e11, reduce_bandwidth=8e10))
    assert seconds(rows, ALL_REDUCE, GB, 8.0) == pytest.approx(GB / 8e10)
    assert seconds(rows, ALL_GATHER, GB, 8.0) == pytest.approx(GB * 7 / 8 / 1e11)


def test_the_ring_is_taken_where_it_is_faster() -> None:
    # two ranks: the ring sends 2 S / 2 at 100 GB/s, the switch S at 80 GB/s
    rows = tiers(switch(8, 1e11, reduce_bandwidth=8e10))
    assert seconds(rows, ALL_REDUCE, GB, 2.0) == pytest.approx(GB / 1e11)


def test_the_switch_adds_within_its_domain_only() -> None:
    rows = tiers(switch(8, 1e11, reduce_bandwidth=1e11), switch(4096, 1e10))
    across = GB / 8 * 2 * 3 / 4 / 1e10
    assert seconds(rows, ALL_REDUCE, GB, 32.0) == pytest.approx(GB / 1e11 + across)


def test_all_to_all_keeps_its_own_share() -> None:
    # of its own buffer a rank keeps 1/8 and sends the rest
    assert sent(tiers(switch(8)), ALL_TO_ALL, GB, 8.0) == GB * 7 / 8


def test_hierarchy_by_hand() -> None:
    # 32 ranks in domains of 8: 7/8 inside, then 3/4 of the eighth that is left
    rows = two_tiers()
    inner, outer = GB * 7 / 8 / 1e11 + 7e-6, GB / 8 * 3 / 4 / 1e10 + 3e-5
    assert seconds(rows, ALL_GATHER, GB, 32.0) == pytest.approx(inner + outer)
    # in chunks that follow each other, the slower phase alone counts
    pipelined = seconds(rows, ALL_GATHER, GB, 32.0, pipelined=1.0)
    slower = max(GB * 7 / 8 / 1e11, GB / 8 * 3 / 4 / 1e10)
    assert pipelined == pytest.approx(slower + 7e-6 + 3e-5)


def test_a_stride_leaves_fewer_members_inside() -> None:
    # data parallelism outside of tp 4: 2 of 16 members share a domain of 8
    rows = two_tiers(late=0.0)
    inner, outer = GB / 2 / 1e11, GB / 2 * 7 / 8 / 1e10
    assert seconds(rows, ALL_GATHER, GB, 16.0, 4.0) == pytest.approx(inner + outer)
    # outside of tp 8 every member has a domain of its own
    alone = seconds(rows, ALL_GATHER, GB, 16.0, 8.0)
    assert alone == pytest.approx(GB * 15 / 16 / 1e10)


def test_start_of_a_collective_is_paid_once() -> None:
    rows, stack = two_tiers(), software(pipelined=0.0, collective_start=1e-3)
    late = collective(rows, ALL_REDUCE, GB, 64.0, 1.0, stack)[0]
    assert late == pytest.approx(seconds(rows, ALL_REDUCE, GB, 64.0) + 1e-3)


def test_chunks_in_flight_cost_twice_the_root_of_both() -> None:
    # S bytes in n pieces, each of which costs c more, and one piece to fill the pipe:
    # (n + 1) (S / n + c) is least at n = sqrt(S / c): S + 2 sqrt(S c), and a constant c
    rows = tiers(switch(2, 1e11, chunk=1e6))
    moved = GB / 2
    time = seconds(rows, ALL_GATHER, GB, 2.0)
    assert time == pytest.approx((moved + 2 * (moved * 1e6) ** 0.5) / 1e11)


def test_mesh_uses_the_ports_that_lead_to_members() -> None:
    # 8 chips, 7 ports of 1/7 each: a group of 3 has 2 ports, one hop to everyone
    rows = tiers(mesh(8, 8.0, 7e10))
    assert seconds(rows, ALL_GATHER, GB, 8.0) == pytest.approx(GB * 7 / 8 / 7e10)
    assert seconds(rows, ALL_GATHER, GB, 3.0) == pytest.approx(GB * 2 / 3 / 2e10)


def test_torus_adds_the_rings_of_whole_dimensions() -> None:
    # 4 x 4: a group of 4 fills one ring (2 ports), of 16 both, of 2 a line of one port
    rows = tiers(torus(16, (4, 4), ports=2e11))
    assert seconds(rows, ALL_GATHER, GB, 4.0) == pytest.approx(GB * 3 / 4 / 2e11)
    assert seconds(rows, ALL_GATHER, GB, 16.0) == pytest.approx(GB * 15 / 16 / 4e11)
    assert seconds(rows, ALL_GATHER, GB, 2.0) == pytest.approx(GB / 2 / 1e11)


def test_torus_group_across_the_first_dimension() -> None:
    # stride 4 skips the first ring: 4 members fill the second one
    rows = tiers(torus(16, (4, 4), ports=2e11))
    assert seconds(rows, ALL_GATHER, GB, 4.0, 4.0) == pytest.approx(GB * 3 / 4 / 2e11)


def test_open_torus_is_a_line() -> None:
    ring, line = (tiers(torus(4, (4,), ports=2e11, wrap=w)) for w in (1.0, 0.0))
    closed, opened = (seconds(rows, ALL_GATHER, GB, 4.0) for rows in (ring, line))
    assert opened == pytest.approx(2 * closed)


def test_torus_walks_each_dimension_once() -> None:
    # 16 x 16: 15 + 15 steps, not 255
    rows = tiers(torus(256, (16, 16), ports=1e30, latency=1e-6))
    assert seconds(rows, ALL_GATHER, GB, 256.0) == pytest.approx(30e-6)
    assert seconds(rows, ALL_REDUCE, GB, 256.0) == pytest.approx(60e-6)


def test_groups_that_interleave_share_a_ring() -> None:
    # ring of 16: four groups at stride 4 pass each other's chips on the same links.
    # Each hop takes 4 links of one port (half of the two): a quarter of 1e11
    rows = tiers(torus(16, (16,), ports=2e11))
    time = seconds(rows, ALL_GATHER, GB, 4.0, 4.0)
    assert time == pytest.approx(GB * 3 / 4 / (1e11 / 4))


def mean_hops(extent: int) -> float:
    """Return the links that a byte crosses in a ring, on average over all others."""
    return sum(min(d, extent - d) for d in range(extent)) / (extent - 1)


@pytest.mark.parametrize("extent", [4, 8, 16])
def test_all_to_all_on_a_ring_pays_for_each_hop(extent: int) -> None:
    rows = tiers(torus(extent, (extent,), ports=2e11))
    apart = GB * (extent - 1) / extent
    time = seconds(rows, ALL_TO_ALL, GB, float(extent))
    assert time == pytest.approx(apart * mean_hops(extent) / 2e11)


def test_all_to_all_on_a_torus_waits_for_its_slowest_dimension() -> None:
    # in 4 x 8 a byte crosses 1 link of the first and 2 of the second on average, those
    # counted that stay
    rows = tiers(torus(32, (4, 8), ports=2e11))
    time = seconds(rows, ALL_TO_ALL, GB, 32.0)
    assert time == pytest.approx(GB * 2 / 2e11)


def test_send_waits_for_the_slowest_hop_of_the_chain() -> None:
    rows = two_tiers()
    # 4 stages of 2 workers share a domain of 8, 8 stages of 2 do not
    assert send(rows, GB, 2.0, 4.0) == pytest.approx(GB / 1e11 + 1e-6)
    assert send(rows, GB, 2.0, 8.0) == pytest.approx(GB / 1e10 + 1e-5)
    assert send(rows, GB, 8.0, 2.0) == pytest.approx(GB / 1e10 + 1e-5)
    assert send(rows, 0.0, 8.0, 2.0) == 0.0


def rack(workers: int) -> Rows:
    return tiers(switch(workers, 1e11), switch(4096, 1e10))


def test_the_emptiest_domain_fetches_most() -> None:
    # 64 members at stride 8 in racks of 72: 9 in each of 7 racks and 1 alone, whose
    # port brings S x 63/64 of an all-gather
    time = seconds(rack(72), ALL_GATHER, GB, 64.0, 8.0, pipelined=1.0)
    assert time == pytest.approx(GB * 63 / 64 / 1e10)
    # racks that are filled evenly share the work of 8 ports
    time = seconds(rack(64), ALL_GATHER, GB, 64.0, 8.0, pipelined=1.0)
    assert time == pytest.approx(GB * (63 / 64 - 7 / 8) / 1e10)


def test_a_group_that_straddles_a_border_pays_for_the_fabric() -> None:
    # ranks 64 to 79 of 16 each: 8 on both sides of the 72nd
    inside, across = GB * 7 / 8 / 1e11, GB / 8 / 2 / 1e10
    time = seconds(rack(72), ALL_GATHER, GB, 16.0)
    assert time == pytest.approx(inside + across)
    assert seconds(rack(80), ALL_GATHER, GB, 16.0) == pytest.approx(GB * 15 / 16 / 1e11)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_nothing_costs_nothing(kind: int) -> None:
    stack = software(collective_start=1e-5)
    assert collective(two_tiers(), kind, 0.0, 64.0, 1.0, stack) == (0.0, 0.0, 0.0, 0)
    assert collective(two_tiers(), kind, GB, 1.0, 1.0, stack) == (0.0, 0.0, 0.0, 0)


def slow_all_gather(ranks: int, domain: int) -> tuple[float, float]:
    """Count the pieces of 1 B a rank sends inside and between domains, one by one.

    Reduce-scatter inside a domain, then between the ranks of the same place in each
    domain: after each phase a rank is left with one part of what it had.
    """
    inside = outside = 0
    pieces = set(range(ranks))  # of rank 0
    for peer in range(1, min(ranks, domain)):
        mine = {p for p in pieces if p % min(ranks, domain) == peer}
        inside += len(mine)
    left = {p for p in pieces if p % min(ranks, domain) == 0}
    for other in range(1, ranks // min(ranks, domain)):
        outside += len({p for p in left if p // min(ranks, domain) == other})
    return float(inside), float(outside)


@given(POWER)
def test_pieces_counted_one_by_one(ranks: float) -> None:
    inside, outside = slow_all_gather(int(ranks), 8)
    # with free links of one tier, the time of the other tells the bytes
    fast = 1e30
    size = ranks  # one byte each
    inner = seconds(two_tiers(inner=1.0, outer=fast, late=0.0), ALL_GATHER, size, ranks)
    outer = seconds(two_tiers(inner=fast, outer=1.0, late=0.0), ALL_GATHER, size, ranks)
    assert inner == pytest.approx(inside)
    assert outer == pytest.approx(outside)


@given(SIZE, POWER, st.sampled_from([1.0, 2.0, 4.0, 8.0, 16.0]))
def test_a_hierarchy_moves_no_byte_more(
    size: float, ranks: float, stride: float
) -> None:
    flat = tiers(switch(8192))
    for kind in KINDS:
        one = sent(flat, kind, size, ranks, 1)
        assert sent(two_tiers(), kind, size, ranks, int(stride)) == pytest.approx(one)


@given(SIZE, POWER, KIND)
def test_hierarchy_is_between_its_longest_phase_and_their_sum(
    size: float, ranks: float, kind: int
) -> None:
    rows = two_tiers(late=0.0)

    def data(rows: Rows, pipelined: float = 0.0) -> float:  # beside what messages cost
        found = collective(rows, kind, size, ranks, 1.0, software(pipelined=pipelined))
        return found[0] - found[2]

    phases = [
        data(two_tiers(inner=1e30, late=0.0)), data(two_tiers(outer=1e30, late=0.0))
    ]  # fmt: skip
    assert data(rows) == pytest.approx(sum(phases), rel=1e-6, abs=1e-12)
    assert data(rows, 1.0) == pytest.approx(max(phases), rel=1e-6, abs=1e-12)


@given(SIZE, POWER, KIND, st.floats(1.0, 100.0), st.sampled_from([0.0, 1.0]))
def test_faster_links_are_never_slower(
    size: float, ranks: float, kind: int, factor: float, pipelined: float
) -> None:
    slow = two_tiers()
    for fast in (two_tiers(inner=factor * 1e11), two_tiers(outer=factor * 1e10)):
        before = seconds(slow, kind, size, ranks, pipelined=pipelined)
        assert seconds(fast, kind, size, ranks, pipelined=pipelined) <= before


@given(SIZE, POWER, KIND, st.floats(0.0, 1e-3))
def test_latency_is_never_free(
    size: float, ranks: float, kind: int, late: float
) -> None:
    before = seconds(two_tiers(late=0.0), kind, size, ranks)
    assert seconds(two_tiers(late=late), kind, size, ranks) >= before


@given(st.integers(1, 7), KIND)
def test_more_ranks_are_never_faster(power: int, kind: int) -> None:
    few, many = 2.0 ** (power - 1), 2.0**power
    assert seconds(two_tiers(), kind, GB, many) >= seconds(two_tiers(), kind, GB, few)


@given(SIZE, POWER, KIND, st.floats(0.0, 1e9))
def test_chunks_are_never_free(
    size: float, ranks: float, kind: int, chunk: float
) -> None:
    plain, cut = (tiers(switch(128, 1e11, chunk=c)) for c in (0.0, chunk))
    before = seconds(plain, kind, size, ranks)
    assert before <= seconds(cut, kind, size, ranks)
    # and a small message never takes longer than a large one
    assert seconds(cut, kind, size, ranks) <= seconds(cut, kind, 2 * size, ranks)


@given(SIZE, KIND, st.floats(1.0, 100.0))
def test_time_without_latency_grows_with_the_bytes(
    size: float, kind: int, factor: float
) -> None:
    rows = two_tiers(late=0.0)
    found = [
        collective(rows, kind, times * size, 32.0, 1.0, software())
        for times in (1.0, factor)
    ]
    one, more = (time - latency for time, _, latency, _ in found)
    assert more == pytest.approx(factor * one, rel=1e-6, abs=1e-12)
