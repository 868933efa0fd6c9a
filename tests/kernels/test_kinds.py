"""Dense layers and mixtures by stage, and further layers: counted one by one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.memory import parameters_at
from accelsim.kernels.stages import (
    all_kinds,
    between_differ,
    head_parameters,
    mixtures_before,
    stage_kinds,
)
from accelsim.kernels.tables import (
    DUALPIPE,
    INTERLEAVED,
    MAX_STAGES,
    MOE,
    ONE_F_ONE_B,
    ZB_V,
    Record,
)
from tests.examples import case, mixture, plan, software, world

ASKED = (case(), software())


def mixed(layers: int, first: int, every: int, **more: float) -> Record:
    count = sum(is_mixture(i, first, every) for i in range(layers))
    return mixture(
        layers=float(layers), moe_layers=float(count), dense_first=float(first),
        every=float(every), **more,
    )  # fmt: skip


def is_mixture(layer: int, first: int, every: int) -> bool:
    """Return whether a layer is one: after the first, the last of every turn is."""
    return layer >= first and (layer - first + 1) % every == 0


def kinds(shape: Record, one: Record) -> list[tuple[float, float]]:
    stack = ASKED[1]
    return [stage_kinds(ASKED[0], shape, stack, one, s) for s in range(one.pp)]


@given(st.integers(1, 64), st.integers(0, 8), st.integers(1, 4), st.data())
def test_mixtures_one_by_one(
    layers: int, first: int, every: int, data: st.DataObject
) -> None:
    shape = mixed(layers, first, every)
    at = data.draw(st.integers(0, layers))
    expected = sum(is_mixture(i, first, every) for i in range(at))
    assert mixtures_before(shape, float(at)) == expected


def test_deepseek_by_hand() -> None:
    # 3 dense of 61; stages of 8, the last of 5 and one further layer, a mixture
    shape = mixed(61, 3, 1, mtp=1.0)
    assert kinds(shape, plan(pp=8)) == [(3, 5), *[(0, 8)] * 6, (0, 6)]
    # four turns of 2 layers: chunks 0, 8, 16, 24 are the first stage's; 61 = 30 x 2 + 1
    turned = plan(pp=8, vp=4, schedule=INTERLEAVED)
    found = kinds(shape, turned)
    assert found[:2] == [(2, 6), (1, 7)]
    assert found[2:6] == [(0, 8)] * 4
    assert found[7][1] == pytest.approx(6)
    for pp, last in ((4, 13), (8, 5), (16, 1)):
        assert kinds(shape, plan(pp=pp))[-1] == (0, last + 1)
    cut = np.zeros(MAX_STAGES)
    cut[:4] = [2, 20, 20, 19]
    stated = case(stages=4, stage_layers=cut)
    four = [stage_kinds(stated, shape, ASKED[1], plan(pp=4), s) for s in range(4)]
    assert four == [(2, 0), (1, 19), (0, 20), (0, 20)]


@given(
    first=st.integers(0, 8), every=st.integers(1, 3), pp=st.sampled_from([1, 2, 4]),
    further=st.integers(0, 2),
    schedule=st.sampled_from([ONE_F_ONE_B, INTERLEAVED, ZB_V, DUALPIPE]),
)  # fmt: skip
def test_no_layer_is_lost(
    first: int, every: int, pp: int, further: int, schedule: int
) -> None:
    counted = further and pp > 1 and schedule in (ONE_F_ONE_B, INTERLEAVED)
    layers = 32 - (2 + further if counted else 0)  # stages are alike
    shape = mixed(layers, first, every, mtp=float(further))
    vp = 2 if schedule == INTERLEAVED and pp > 1 else 1
    found = kinds(shape, plan(pp=pp, vp=vp, schedule=schedule))
    dense, mixtures = all_kinds(shape)
    assert sum(one[0] for one in found) == pytest.approx(dense)
    assert sum(one[1] for one in found) == pytest.approx(mixtures)
    assert dense + mixtures == layers + further


@given(first=st.integers(0, 8), every=st.integers(1, 3), pp=st.sampled_from([4, 8]))
def test_stages_between_are_alike_unless_said(first: int, every: int, pp: int) -> None:
    shape, one = mixed(32, first, every), plan(pp=pp)
    between = kinds(shape, one)[1:-1]
    if not between_differ(shape, one):
        assert all(a == b for a, b in pairwise(between))


@given(
    pp=st.sampled_from([1, 2, 4]), tp=st.sampled_from([1, 2]),
    ep=st.sampled_from([1, 2, 4]), further=st.integers(0, 2),
)  # fmt: skip
def test_weights_of_all_ranks_are_those_of_the_model(
    pp: int, tp: int, ep: int, further: int
) -> None:
    more = further * 2.0 * 1024.0**2
    layers = 16 - (2 + further if further and pp > 1 else 0)
    shape = mixed(layers, 3, 1, mtp=float(further), mtp_parameters=more)
    one = plan(pp=pp, tp=tp, ep=ep, dp=4)
    found = [
        parameters_at(shape, one, *here, stage)
        for stage, here in enumerate(kinds(shape, one))
    ]
    dense, mixtures = all_kinds(shape)
    whole = dense * shape.layer_parameters + mixtures * shape.moe_parameters
    assert tp * sum(one[0] for one in found) == pytest.approx(whole)
    experts = mixtures * shape.expert_parameters
    assert tp * ep * sum(one[1] for one in found) == pytest.approx(experts)
    ends = shape.embed_parameters + head_parameters(shape, one)
    assert tp * sum(one[2] for one in found) == pytest.approx(ends)
    # the further head looks its tokens up where the embedding is not
    copy = 32000.0 * 1024.0 if further and pp > 1 else 0.0
    assert head_parameters(shape, one) == shape.head_parameters + more + copy


def test_the_slowest_stage_is_the_one_of_mixtures() -> None:
    # experts are as wide as 3 dense networks: the first stage, without, has time left
    wide = {"expert_ffn": 4096.0, "top_k": 3.0, "expert_parameters": 8.0 * 8e6}
    made = world(model=mixed(8, 2, 1, **wide))
    sizes = {"pp": 4, "dp": 1, "micro_batches": 8}
    layer = made.layers()[MOE]
    each = layer.forward_matmul + layer.backward_matmul
    assert made.step(**sizes).matmul == pytest.approx(8 * 2 * each)


def test_a_further_layer_and_its_head_are_as_two_of_each() -> None:
    plain, more = world(model=mixture()), world(model=mixture(mtp=1.0))
    a, b = plain.step(pp=1), more.step(pp=1)
    assert b.matmul == pytest.approx(a.matmul * 9 / 8)
    assert b.attention == pytest.approx(a.attention * 9 / 8)
    # a projection of 2048 to 1024 beside a vocabulary of 32000
    assert b.head / a.head == pytest.approx(2.0 + 2 / 32, rel=0.15)
    one, two = plain.memory(pp=1), more.memory(pp=1)
    assert two.head > 2.0 * one.head


def test_the_last_stage_bears_it() -> None:
    sizes = {"pp": 4, "dp": 1, "micro_batches": 8}
    plain, more = world(model=mixture()), world(model=mixture(mtp=1.0))
    # 8 layers, a further one and the heads: 3 in each but the last
    assert kinds(mixture(mtp=1.0), plan(pp=4)) == [(0, 3), (0, 3), (0, 3), (0, 1)]
    assert more.step(**sizes).step_time > plain.step(**sizes).step_time
