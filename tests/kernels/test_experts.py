"""The way to the experts: by hand, by enumeration, and never dearer when told once."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.experts import distinct, expert_exchange, side_exchange
from accelsim.kernels.tables import MOE
from tests.examples import mixture, shard, software, switch, tiers, world

ONCE = software(dispatch_once=1.0)


@pytest.mark.parametrize(
    ("places", "experts", "choices"), [(2, 4, 3), (3, 6, 2), (4, 12, 3), (8, 8, 2)]
)
def test_distinct_places_by_enumeration(
    places: int, experts: int, choices: int
) -> None:
    draws = list(combinations(range(experts), choices))
    mean = sum(len({e * places // experts for e in d}) for d in draws) / len(draws)
    routed = mixture(experts=float(experts), top_k=float(choices))
    assert distinct(float(places), routed, 1.0) == pytest.approx(mean)


@pytest.mark.parametrize(
    ("experts", "top_k", "limit", "places", "within"),
    [
        (256, 8, 4, 8, 0.01),
        (256, 8, 4, 4, 0.01),
        (256, 8, 4, 64, 0.02),
        (256, 8, 4, 16, 0.06),
        (160, 6, 3, 8, 0.01),
        (160, 6, 3, 32, 0.03),
    ],
)
def test_a_router_that_scores_groups(
    experts: int, top_k: int, limit: int, places: int, within: float
) -> None:
    # DeepSeek's: those of 8 groups whose two best scores sum highest, and the best
    # experts of these; 4,000 tokens with scores that know nothing of each other
    scores = np.random.default_rng(7).normal(size=(4000, 8, experts // 8))
    best = np.sort(scores, axis=2)[:, :, -2:].sum(axis=2)
    kept = np.argsort(best, axis=1)[:, -limit:]
    mask = np.full(scores.shape, -np.inf)
    np.put_along_axis(mask, kept[:, :, None], 0.0, axis=1)
    order = np.argsort((scores + mask).reshape(4000, experts), axis=1)
    where = np.sort(order[:, -top_k:] * places // experts, axis=1)
    mean = np.mean(1 + np.count_nonzero(np.diff(where, axis=1), axis=1))
    routed = mixture(
        experts=float(experts), top_k=float(top_k), node_limit=float(limit)
    )
    found = distinct(float(places), routed, 8.0)
    assert found == pytest.approx(mean, rel=within)
    free = mixture(experts=float(experts), top_k=float(top_k))
    assert found <= distinct(float(places), free, 8.0)


def test_one_switch_by_hand() -> None:
    # 1 MB of tokens, 2 of 8 experts: on 13/7 of 4 workers, 3/4 away, at 100 GB/s
    flat, group = tiers(switch(8, 1e11)), shard(ep=4)
    time, sent = expert_exchange(flat, ONCE, group, mixture(), 1e6)
    assert sent == pytest.approx(13e6 / 7 * 3 / 4)
    assert time == pytest.approx(sent / 1e11)
    each, all_sent = expert_exchange(flat, software(), group, mixture(), 1e6)
    assert all_sent == pytest.approx(2e6 * 3 / 4)
    assert each == pytest.approx(all_sent / 1e11)


def test_what_goes_beside_the_hidden_states() -> None:
    # 4 B for each of two choices of a token, whose hidden state are 2 x 1024 B
    flat, group = tiers(switch(8, 1e11)), shard(ep=4)
    time, sent = side_exchange(flat, software(), group, mixture(), 2048e3)
    assert sent == pytest.approx(1000 * 2 * 4.0 * 3 / 4)
    assert time == pytest.approx(sent / 1e11)


def test_a_node_gets_a_token_once() -> None:
    # 4 nodes of 8, one NIC of 10 GB/s a worker: 8 choices lie on 3.7 nodes, or on 2
    nodes, group = tiers(switch(8, 1e12), switch(64, 1e10)), shard(ep=32)
    routed = mixture(experts=32.0, top_k=8.0)
    free, _ = expert_exchange(nodes, ONCE, group, routed, 1e6)
    limited = mixture(experts=32.0, top_k=8.0, node_limit=2.0)
    bound, _ = expert_exchange(nodes, ONCE, group, limited, 1e6)
    anywhere = 4.0 * (1.0 - math.comb(24, 8) / math.comb(32, 8))
    assert bound / free == pytest.approx(2.0 / anywhere, rel=0.1)


@given(ep=st.sampled_from([1, 2, 4, 8, 16, 32]), top_k=st.integers(1, 8).map(float))
def test_telling_once_is_never_dearer(ep: int, top_k: float) -> None:
    nodes = tiers(switch(8, 1e12), switch(64, 1e10))
    routed, group = mixture(experts=32.0, top_k=top_k), shard(ep=ep)
    once, _ = expert_exchange(nodes, ONCE, group, routed, 1e6)
    each, _ = expert_exchange(nodes, software(), group, routed, 1e6)
    assert once <= each * (1.0 + 1e-9)


@given(
    ep=st.sampled_from([0.0, 1.0]), shared=st.sampled_from([0.0, 1.0]),
    width=st.sampled_from([0.0, 512.0, 4096.0]),
)  # fmt: skip
def test_what_an_exchange_hides_behind(ep: float, shared: float, width: float) -> None:
    nodes = tiers(switch(4, 1e11), switch(64, 1e10))
    stack = {"overlap_ep": ep, "overlap_shared": shared}
    made = world(
        model=mixture(shared_ffn=width), software=software(**stack), tiers=nodes
    )
    layer = made.layers(ep=8)[MOE]
    own = layer.forward_shared + layer.backward_shared
    # a product forward and two backward of either matrix
    assert (own > 0.0) == (width > 0.0)
    traffic = layer.forward_ep + layer.backward_ep
    compute = sum(
        layer[f"{way}_{part}"]
        for way in ("forward", "backward")
        for part in ("matmul", "attention", "elementwise")
    )
    behind = compute if ep else own if shared else 0.0
    seen = made.step(ep=8, dp=8).ep
    assert seen == pytest.approx(8.0 * (traffic - min(traffic, behind)))
