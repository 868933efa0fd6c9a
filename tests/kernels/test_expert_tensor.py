"""Experts cut over workers of their own: every rank by name, tokens and weights."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.context import place
from accelsim.kernels.groups import expert_sharers
from accelsim.kernels.memory import parameters_at
from accelsim.kernels.operators import gathered_tokens, transformer_operators
from accelsim.kernels.tables import DENSE, MOE, Record, Rows
from tests.examples import case, chip, mixture, model, plan, shard, software, world

HIDDEN = 1024.0
TWO = st.sampled_from([1, 2, 4, 8])
EXPERTS = mixture(experts=64.0, top_k=6.0)


def experts_of(group: Record) -> Rows:
    """Return the products of a worker's experts: up and down."""
    ops = np.zeros(tables.MAX_OPERATORS, tables.OPERATOR).view(np.recarray)
    count = transformer_operators(ops, 1, chip(), EXPERTS, software(), case(), group)
    return ops[:count][ops.grouped[:count] > 0]


@given(tp=TWO, etp=TWO, ep=TWO, cp=TWO, dp=TWO)
def test_every_choice_is_computed_once(
    tp: int, etp: int, ep: int, cp: int, dp: int
) -> None:
    ranks = tp * cp * dp
    assume(ranks % (etp * ep) == 0)
    tokens = 2048.0 / cp
    sp = int(tp > 1)
    group = shard(tp=tp, etp=etp, ep=ep, cp=cp, sp=sp, tokens=tokens)
    group.own_tokens, group.heads, group.kv_heads = tokens / tp, 16.0 / tp, 16.0 / tp
    place(group)
    done = sum(2.0 * op.batch * op.m * op.n * op.k for op in experts_of(group))
    whole = dp * cp * tokens * 6.0 * 2.0 * 2.0 * HIDDEN * 512.0
    assert ranks * done == pytest.approx(whole)
    # those who cut the same experts have the tokens of all of them
    assert gathered_tokens(group) == pytest.approx(etp * group.own_tokens)


@pytest.mark.parametrize("tp", [1, 2, 4])
def test_one_expert_for_all_is_a_dense_network(tp: int) -> None:
    one = mixture(experts=1.0, top_k=1.0, expert_ffn=4.0 * HIDDEN)
    own = world(model=one).layers(tp=tp, sp=int(tp > 1))
    plain = world(model=model()).layers(tp=tp, sp=int(tp > 1))
    router = 2.0 * 2048.0 / tp * HIDDEN
    assert own[MOE].forward_flops - router == pytest.approx(plain[DENSE].forward_flops)
    for name in ("forward_tp", "forward_tp_bytes"):
        assert own[MOE][name] == pytest.approx(plain[DENSE][name])


@given(tp=TWO, etp=TWO, ep=TWO, cp=TWO, dp=TWO)
def test_who_holds_the_same_experts_rank_by_rank(
    tp: int, etp: int, ep: int, cp: int, dp: int
) -> None:
    assume(tp * cp * dp % (etp * ep) == 0)
    one = plan(tp=tp, etp=etp, ep=ep, cp=cp, dp=dp)
    # the order of Megatron-Core: etp inside, then ep, then copies
    places = [(r % etp, r // etp % ep) for r in range(tp * cp * dp)]
    copies = {place: places.count(place) for place in places}
    assert set(copies) == set(product(range(etp), range(ep)))
    assert set(copies.values()) == {expert_sharers(one, cp * dp)}
    first = [rank for rank, place in enumerate(places) if place == places[0]]
    assert first == list(range(0, tp * cp * dp, etp * ep))


@given(tp=TWO, etp=TWO, ep=TWO, pp=st.sampled_from([1, 2, 4, 8]))
def test_weights_of_all_ranks_are_those_of_the_model(
    tp: int, etp: int, ep: int, pp: int
) -> None:
    one = plan(tp=tp, etp=etp, ep=ep, pp=pp, dp=8)
    dense = experts = ends = 0.0
    for stage in range(pp):
        here = parameters_at(EXPERTS, one, 0.0, 8.0 / pp, stage)
        dense, experts = dense + here[0] * tp, experts + here[1] * etp * ep
        ends += here[2] * tp
    assert dense == pytest.approx(8.0 * EXPERTS.moe_parameters)
    assert experts == pytest.approx(8.0 * EXPERTS.expert_parameters)
    assert ends == pytest.approx(EXPERTS.embed_parameters + EXPERTS.head_parameters)


def test_whole_experts_spare_the_tensor_exchange_and_travel_inside() -> None:
    made = world(model=EXPERTS)
    cut = made.layers(tp=4, sp=1, ep=2)[MOE]
    whole = made.layers(tp=4, sp=1, ep=2, etp=1)[MOE]
    assert cut.tp_experts > 0.0
    assert whole.tp_experts == 0.0
    assert whole.forward_ep_bytes == cut.forward_ep_bytes
    # ep at stride etp: two whole experts' ranks share a switch of 8, 8 x 4 do not
    wide = made.layers(tp=4, sp=1, ep=8)[MOE].forward_ep
    assert made.layers(tp=4, sp=1, ep=8, etp=1)[MOE].forward_ep < wide


def test_gradients_of_experts_have_a_group_of_their_own() -> None:
    made = world(model=EXPERTS, case=case(workers=16.0))
    sizes = {"tp": 4, "sp": 1, "dp": 4, "ep": 4}
    cut, whole = made.step(**sizes), made.step(**sizes, etp=1)
    # 16 ranks hold 4 x 4 pieces once, or 4 whole pieces 4 times
    shared = 8.0 * EXPERTS.expert_parameters / 4.0
    grad = float(made.software.grad_bytes)
    more = whole.dp_bytes - cut.dp_bytes
    assert more == pytest.approx(2.0 * 3.0 / 4.0 * shared * grad)
    assert made.memory(**sizes, etp=1).weights > made.memory(**sizes).weights
