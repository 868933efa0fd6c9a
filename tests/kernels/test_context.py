"""Context parallelism: groups, bytes and blocks, against the papers and by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.attention import useful_scores
from accelsim.kernels.attention_operators import add_context
from accelsim.kernels.context import (
    exchangers,
    heads_divide,
    heads_in_common,
    keys_divide,
)
from accelsim.kernels.operators import localise, transformer_operators
from accelsim.kernels.tables import A2A, A2A_P2P, DENSE, GATHERED, P2P, Record, Rows
from accelsim.training.lower import table
from tests.examples import case, chip, model, plan, shard, software, switch, world
from tests.examples import tiers as tiers_of

SEQ, HEADS, SIZE = 2048, 16, 64  # of the example
WAYS = [P2P, GATHERED, A2A, A2A_P2P]
KEYS = model(kv_heads=8.0)  # two queries share a head of keys


def layer(**sizes: Any) -> Record:
    """Return the layer of the example on eight workers of one switch."""
    stack = sizes.pop("software", software())
    made = world(model=KEYS, tiers=tiers_of(switch(8, 1e11)), software=stack)
    return made.layers(**sizes)[DENSE]


def calls(stack: Record | None = None, shape: Record = KEYS, **sizes: int) -> Rows:
    """Return the calls of fused attention of one shard."""
    ops = table(tables.OPERATOR, tables.MAX_OPERATORS)
    mine, one = shard(**sizes), case()
    localise(mine, shape, one)
    stack = software() if stack is None else stack
    ops = ops[: transformer_operators(ops, 0, chip(), shape, stack, one, mine)]
    return ops[ops.kind == tables.FUSED_ATTENTION]


@pytest.mark.parametrize(("cp", "tp"), [(2, 1), (4, 2), (8, 1)])
def test_bytes_of_a_ring(cp: int, tp: int) -> None:
    # Liu et al. 2023, arXiv:2310.01889, sec. 3: each worker passes on what it has of
    # keys and values until all have seen all, in bf16; gradients do the same backward
    found = layer(cp=cp, tp=tp, cp_comm_type=P2P)
    keys = 2 * SEQ / cp * 2 * 8 / tp * SIZE
    assert found.forward_cp_bytes == (cp - 1) * keys
    assert found.backward_cp_bytes == 2 * found.forward_cp_bytes
    gathered = layer(cp=cp, tp=tp, cp_comm_type=GATHERED)
    assert gathered.forward_cp_bytes == found.forward_cp_bytes
    assert gathered.backward_cp_bytes == found.backward_cp_bytes


@pytest.mark.parametrize(("cp", "tp"), [(2, 1), (4, 2), (8, 1)])
def test_bytes_of_an_exchange(cp: int, tp: int) -> None:
    # Jacobs et al. 2023, arXiv:2309.14509, sec. 3.2: four all-to-alls of N h / P a
    # link, three before the attention and one after it; keys have 8 heads of 16
    found = layer(cp=cp, tp=tp, cp_comm_type=A2A)
    tensors = 2 * HEADS + 2 * 8
    each = 2 * SEQ / cp * SIZE / tp
    assert found.forward_cp_bytes == pytest.approx(tensors * each * (cp - 1) / cp)
    assert found.backward_cp_bytes == found.forward_cp_bytes


def test_keys_are_copied_to_workers_without_one() -> None:
    # 8 heads of keys over 16 workers: as much as if there were 16
    few, many = model(kv_heads=8.0), model(kv_heads=16.0)
    links = tiers_of(switch(16, 1e11))
    a, b = (
        world(model=shape, tiers=links).layers(cp=16, cp_comm_type=A2A)[DENSE]
        for shape in (few, many)
    )
    assert a.forward_cp_bytes == b.forward_cp_bytes
    (call,) = calls(cp=16, cp_comm_type=A2A)
    assert (call.batch, call.kv_batch, call.m, call.n) == (1.0, 1.0, SEQ, SEQ)


@given(st.sampled_from([2, 4, 8]), st.sampled_from([1, 2]))
def test_groups_of_one_kind_are_that_kind(cp: int, tp: int) -> None:
    ring, heads = (layer(cp=cp, tp=tp, cp_comm_type=way) for way in (P2P, A2A))
    alone = layer(cp=cp, tp=tp, cp_comm_type=A2A_P2P, cp_a2a=1)
    assert alone == ring
    if cp * tp <= 8:
        assert layer(cp=cp, tp=tp, cp_comm_type=A2A_P2P, cp_a2a=cp) == heads


@given(
    cp=st.sampled_from([2, 4, 8]), way=st.sampled_from(WAYS), inner=st.integers(0, 3)
)
def test_all_ways_do_the_same_work(cp: int, way: int, inner: int) -> None:
    sizes = {"cp": cp, "cp_comm_type": way}
    if way == A2A_P2P:
        sizes["cp_a2a"] = min(2**inner, cp)
    found, whole = layer(**sizes), layer()
    assert cp * found.forward_flops == pytest.approx(whole.forward_flops)
    assert cp * found.backward_flops == pytest.approx(whole.backward_flops)


@pytest.mark.parametrize("cp", [2, 3, 4, 8])
def test_every_worker_of_a_ring_has_as_much_to_do(cp: int) -> None:
    """Count scores rank by rank: the sequence is cut into 2 cp parts, one each end."""
    part = 8
    token = np.arange(2 * cp * part)
    scores, blocks = [], []
    for rank in range(cp):
        mine = np.isin(token // part, (rank, 2 * cp - 1 - rank))
        seen = token[mine][:, None] >= token[None, :]
        scores.append(int(seen.sum()))
        # what of each other worker's keys my queries see
        owner = np.minimum(token // part, 2 * cp - 1 - token // part)
        blocks.append([int(seen[:, owner == o].sum()) for o in range(cp)])
    assert len(set(scores)) == 1
    half = (2 * part) ** 2 // 2
    for rank, each in enumerate(blocks):
        own = each.pop(rank)
        assert own == 2 * part * (2 * part + 1) // 2
        assert each == [half] * (cp - 1)
    first, other = calls(cp=cp, cp_comm_type=P2P)
    n = SEQ / cp
    assert useful_scores(first) == pytest.approx(n * (n + 1) / 2)
    assert useful_scores(other) == n * n / 2
    assert other.share == cp - 1


def test_an_encoder_sees_whole_blocks() -> None:
    whole = model(causal=0.0)
    first, other = calls(shape=whole, cp=4, cp_comm_type=P2P)
    assert (first.m, first.n, other.m, other.n) == (512, 512, 512, 512)


def test_layers_with_windows_are_not_cut_into_blocks() -> None:
    shape = model(window=256.0, window_share=0.5)
    narrow, first, other = calls(shape=shape, cp=4, cp_comm_type=P2P)
    assert (narrow.window, narrow.m, narrow.n, narrow.share) == (256, 512, 2048, 0.5)
    assert (first.share, other.share) == (0.5, 1.5)


def test_attention_hides_a_ring_but_for_the_last_block() -> None:
    found = layer(cp=4, cp_comm_type=P2P)
    most = 0.75 * found.forward_attention
    assert found.forward_cp_behind == min(found.forward_cp, most)
    assert layer(cp=4, cp_comm_type=GATHERED).forward_cp_behind == 0.0
    assert layer(cp=4, cp_comm_type=A2A).forward_cp_behind == 0.0
    blocks = layer(cp=4, cp_comm_type=GATHERED, software=software(cp_blocks=1.0))
    first = 0.25 * blocks.forward_attention
    assert blocks.forward_cp_behind == min(blocks.forward_cp, first)


def test_keys_that_are_repeated_before_they_are_sent() -> None:
    stack = software(cp_repeats=1.0)
    for way in (P2P, GATHERED, A2A):
        few, many = (
            layer(cp=4, cp_comm_type=way, software=s) for s in (software(), stack)
        )
        if way != A2A:
            assert many.forward_cp_bytes == 2 * few.forward_cp_bytes
        extra = 2 * SEQ / 4 * 2 * (HEADS - 8) * SIZE
        assert many.saved - few.saved == extra
    assert {call.kv_batch for call in calls(stack, cp=4)} == {HEADS}
    assert {call.kv_batch for call in calls(stack)} == {8}


def test_gradients_in_a_ring_of_their_own() -> None:
    # PyTorch: keys are gathered, their fp32 gradients make cp hops
    stack = software(cp_gradient_ring=1.0, cp_gradient_bytes=4.0)
    found = layer(cp=4, cp_comm_type=GATHERED, software=stack)
    keys = 2 * SEQ / 4 * 2 * 8 * SIZE
    assert found.backward_cp_bytes == 3 * keys + 4 * 2 * keys


def test_what_merging_moves() -> None:
    plain = layer(cp=4, cp_comm_type=P2P)
    stack = software(cp_merge=(6.0, 6.0, 3.0), cp_merge_kernels=2.0)
    merged = layer(cp=4, cp_comm_type=P2P, software=stack)
    moved = 3 * 6.0 * SEQ / 4 * HEADS * SIZE
    rate = chip().memory_bandwidth
    more = merged.forward_elementwise - plain.forward_elementwise
    assert more == pytest.approx(moved / rate)
    assert merged.forward_kernels - plain.forward_kernels == 6.0


def test_heads_and_tokens_change_places_in_memory() -> None:
    # each of four tensors is copied before and after: two reads and two writes
    ops, mine = table(tables.OPERATOR, 2), shard(cp=4, cp_comm_type=A2A)
    localise(mine, KEYS, case())
    assert add_context(ops, 0, KEYS, software(), case(), mine) == 1
    moved = 2 * 2 * SEQ / 4 * 2 * (2 * HEADS + 2 * 8) * SIZE
    assert ops[0].forward_bytes == ops[0].backward_bytes == moved
    assert ops[0].kernels == 8.0


def test_an_exchange_keeps_the_context_twice() -> None:
    ring, heads = (layer(cp=4, cp_comm_type=way) for way in (P2P, A2A))
    assert heads.saved - ring.saved == 2 * SEQ / 4 * HEADS * SIZE


def test_which_heads_can_be_cut() -> None:
    assert exchangers(plan(cp=8, cp_comm_type=A2A)) == 8
    assert exchangers(plan(cp=8, cp_comm_type=A2A_P2P, cp_a2a=4)) == 4
    assert exchangers(plan(cp=8, cp_comm_type=GATHERED)) == 1
    for cp, tp, fits in ((8, 2, True), (16, 2, False), (16, 1, True)):
        asked = plan(cp=cp, tp=tp, cp_comm_type=A2A)
        assert heads_divide(asked, KEYS) == fits
    assert not heads_divide(plan(cp=8, cp_comm_type=A2A_P2P, cp_a2a=3), KEYS)
    assert keys_divide(plan(cp=8, cp_comm_type=A2A), KEYS)
    assert not keys_divide(plan(cp=8, tp=2, cp_comm_type=A2A), KEYS)
    assert heads_in_common(plan(cp=16, tp=2), KEYS) == 4
    assert heads_in_common(plan(cp=16), model(kv_heads=1.0)) == 1
