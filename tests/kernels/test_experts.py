"""The way to the experts: by hand, by enumeration, and never dearer when told once."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.experts import distinct, expert_exchange
from tests.examples import mixture, shard, software, switch, tiers

ONCE = software(dispatch_once=1.0)


@pytest.mark.parametrize(("places", "choices"), [(2, 3), (3, 2), (4, 3)])
def test_distinct_places_by_enumeration(places: int, choices: int) -> None:
    draws = list(product(range(places), repeat=choices))
    mean = sum(len(set(draw)) for draw in draws) / len(draws)
    assert distinct(float(places), float(choices)) == pytest.approx(mean)


def test_one_switch_by_hand() -> None:
    # 1 MB of tokens, 2 choices among 4 workers: 1.75 of them, 3/4 away, at 100 GB/s
    flat, group = tiers(switch(8, 1e11)), shard(ep=4)
    time, sent = expert_exchange(flat, ONCE, group, mixture(), 1e6)
    assert sent == pytest.approx(1.75e6 * 3 / 4)
    assert time == pytest.approx(sent / 1e11)
    each, all_sent = expert_exchange(flat, software(), group, mixture(), 1e6)
    assert all_sent == pytest.approx(2e6 * 3 / 4)
    assert each == pytest.approx(all_sent / 1e11)


def test_a_node_gets_a_token_once() -> None:
    # 4 nodes of 8, one NIC of 10 GB/s a worker: 8 choices lie on 3.6 nodes, or on 2
    nodes, group = tiers(switch(8, 1e12), switch(64, 1e10)), shard(ep=32)
    routed = mixture(experts=32.0, top_k=8.0)
    free, _ = expert_exchange(nodes, ONCE, group, routed, 1e6)
    limited = mixture(experts=32.0, top_k=8.0, node_limit=2.0)
    bound, _ = expert_exchange(nodes, ONCE, group, limited, 1e6)
    assert bound / free == pytest.approx(2.0 / distinct(4.0, 8.0), rel=0.1)


@given(ep=st.sampled_from([1, 2, 4, 8, 16, 32]), top_k=st.integers(1, 8).map(float))
def test_telling_once_is_never_dearer(ep: int, top_k: float) -> None:
    nodes = tiers(switch(8, 1e12), switch(64, 1e10))
    routed, group = mixture(experts=32.0, top_k=top_k), shard(ep=ep)
    once, _ = expert_exchange(nodes, ONCE, group, routed, 1e6)
    each, _ = expert_exchange(nodes, software(), group, routed, 1e6)
    assert once <= each * (1.0 + 1e-9)
