"""The operators of a layer: products and bytes against the formulas of the papers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.ends import embedding_operators, head_operators
from accelsim.kernels.operator_rows import add_passes, add_stream, add_weight
from accelsim.kernels.operators import (
    localise,
    transformer_operators,
)
from accelsim.kernels.plan_tables import CORE_ATTN
from accelsim.kernels.streams import CHAINED_LOSS
from accelsim.kernels.tables import Record, Rows
from accelsim.training.lower import table
from tests.examples import NO_FUSED, case, chip, mixture, model, shard, software

TP = st.sampled_from([1, 2, 4, 8, 16])


def operators(
    shape: Record, worker: Record | None = None, stack: Record | None = None,
    kind: int = tables.DENSE, **sizes: int,
) -> Rows:  # fmt: skip
    """Return the operators of one layer of one shard."""
    ops = table(tables.OPERATOR, tables.MAX_OPERATORS)
    mine, one = shard(**sizes), case()
    localise(mine, shape, one)
    stack = software() if stack is None else stack
    worker = chip() if worker is None else worker
    if kind == tables.HEAD:
        return ops[: head_operators(ops, shape, stack, one, mine)]
    if kind == tables.EMBED:
        return ops[: embedding_operators(ops, shape, one, mine)]
    moe = int(kind == tables.MOE)
    return ops[: transformer_operators(ops, moe, worker, shape, stack, one, mine)]


def flops(ops: Rows) -> float:
    """Return the forward FLOPs of the products with weights [FLOP]."""
    weights = ops[(ops.kind == tables.MATMUL) & (ops.module != CORE_ATTN)]
    return float(np.sum(2 * weights.batch * weights.m * weights.n * weights.k))


def streams(ops: Rows) -> Rows:
    return ops[ops.kind == tables.STREAM]


def test_rows_that_are_written_again_forget() -> None:
    ops = table(tables.OPERATOR, 1)
    ops.share, ops.engines.held, ops.repeats, ops.adapter = 0.5, 1.0, 0.5, 8.0
    assert add_weight(ops, 0, tables.BF16, 3.0, 4.0, 5.0, 2.0, 4.0) == 1
    op = ops[0]
    assert (op.m, op.n, op.k, op.batch, op.share) == (3.0, 4.0, 5.0, 2.0, 1.0)
    assert (op.engines.held, op.repeats, op.adapter) == (0.0, 1.0, 0.0)
    ops.engines.forward = 7.0
    assert add_stream(ops, 0, 10.0, 20.0, 3.0) == 1
    add_passes(op, 2.0, ((1.0, 0.0, 0.0), (0.0, 3.0, 0.0)))
    assert list(op.engines.forward) == [2.0, 0.0, 0.0]
    assert list(op.engines.backward) == [0.0, 6.0, 0.0]


def test_what_a_worker_holds() -> None:
    mine = shard(tp=4, cp=2, micro_batch=3, sp=1)
    localise(mine, model(kv_heads=2.0), case())
    assert mine.tokens == 3 * 2048 / 2
    assert mine.own_tokens == mine.tokens / 4
    assert mine.heads == 4.0
    assert mine.kv_heads == 1.0  # two are copied to four workers
    mine = shard(tp=4)
    localise(mine, model(kv_heads=8.0), case())
    assert (mine.own_tokens, mine.kv_heads) == (2048.0, 2.0)


def test_dense_layer_has_24_b_s_h_squared() -> None:
    # Narayanan et al. 2021, appendix: 24 B s h^2 FLOPs of a layer's weights forward
    assert flops(operators(model())) == 24 * 2048 * 1024**2


def test_gated_layer_has_a_third_matrix() -> None:
    # 8 B s h^2 around attention, and 3 matrices of h x f
    found = operators(model(up_matrices=2.0, ffn=2816.0))
    assert flops(found) == 2048 * (8 * 1024**2 + 6 * 1024 * 2816)


def test_grouped_heads_narrow_keys_and_values() -> None:
    # 16 heads of 64, 4 of keys and values: h (h + 2 x 256) and h x h for the output
    found = operators(model(kv_heads=4.0))
    attention = 1024 * (1024 + 512) + 1024**2
    assert flops(found) == 2 * 2048 * (attention + 8 * 1024**2)


@pytest.mark.parametrize("low_query_rank", [0.0, 768.0])
def test_latent_attention(low_query_rank: float) -> None:
    # DeepSeek-V2, arXiv:2405.04434, eq. 9-19, with heads of 128 + 64 and values of 128
    shape = model(
        head_dim=192.0, v_dim=128.0, rope_dim=64.0, kv_rank=512.0, q_rank=low_query_rank
    )
    hidden, heads = 1024, 16
    query = hidden * heads * 192
    if low_query_rank:
        query = (hidden + heads * 192) * 768
    weights = query + hidden * (512 + 64) + 512 * heads * (128 + 128)
    weights += heads * 128 * hidden + 8 * hidden**2
    assert flops(operators(shape)) == 2 * 2048 * weights


def test_routed_tokens_meet_top_k_experts() -> None:
    # 4 h^2 around attention, the router h x 8, and 2 experts of 2 h x 512 a token
    weights = 4 * 1024**2 + 1024 * 8 + 2 * 2 * 1024 * 512
    assert flops(operators(mixture(), kind=tables.MOE)) == 2 * 2048 * weights
    shared = mixture(shared_ffn=256.0)
    weights += 2 * 1024 * 256
    assert flops(operators(shared, kind=tables.MOE)) == 2 * 2048 * weights


def test_a_row_keeps_nothing_of_the_one_before() -> None:
    rows = table(tables.OPERATOR, 1)
    assert add_weight(rows, 0, tables.BF16, 2.0, 3.0, 4.0, 1.0, 8.0) == 1
    rows[0].grouped, rows[0].routed = tables.APART, 1.0
    add_weight(rows, 0, tables.BF16, 2.0, 3.0, 4.0, 1.0, 8.0)
    assert (rows[0].grouped, rows[0].routed) == (0, 0.0)
    rows[0].routed = 1.0
    assert add_stream(rows, 0, 8.0, 9.0, 2.0) == 1
    assert (rows[0].kind, rows[0].routed) == (tables.STREAM, 0.0)


@given(st.sampled_from([1, 2, 4, 8]))
def test_expert_parallelism_gathers_rows_for_fewer_experts(ep: int) -> None:
    alone = operators(mixture(), kind=tables.MOE)
    cut = operators(mixture(), kind=tables.MOE, ep=ep)
    assert flops(cut) == pytest.approx(flops(alone))
    up, down = cut[(cut.kind == tables.MATMUL) & (cut.module != CORE_ATTN)][-2:]
    assert up.grouped == down.grouped == (tables.APART if ep < 8 else 0)
    # each of 8/ep experts sees the choices of ep workers: 2 of 8 for each token
    assert up.batch == down.batch == 8 / ep
    assert up.m == down.m == ep * 2048 * 2 / 8


@given(TP)
def test_tensor_parallelism_cuts_the_weights(tp: int) -> None:
    whole, part = operators(model()), operators(model(), tp=tp)
    assert tp * flops(part) == pytest.approx(flops(whole))
    head, cut = (operators(model(), kind=tables.HEAD, tp=t) for t in (1, tp))
    assert tp * flops(cut) == pytest.approx(flops(head))


@given(TP, st.sampled_from([1, 2, 4]), st.integers(1, 4))
def test_work_follows_the_tokens(tp: int, cp: int, micro_batch: int) -> None:
    one = operators(model(), tp=tp)
    cut = operators(model(), tp=tp, cp=cp, micro_batch=micro_batch)
    assert flops(cut) == pytest.approx(flops(one) * micro_batch / cp)
    moved, less = (float(np.sum(streams(ops).forward_bytes)) for ops in (one, cut))
    assert less == pytest.approx(moved * micro_batch / cp)


def test_norms_and_residuals_by_hand() -> None:
    # two blocks: read and write a norm, read two and write one residual, in bf16; the
    # activation reads 4h and writes 4h
    size = 2.0 * 2048 * 1024
    found = streams(operators(model()))
    assert list(found.forward_bytes) == [2 * 5 * size, 2 * 4 * size]
    # its gradient reads what came in and the gradient, and writes one
    assert list(found.backward_bytes) == [2 * 5 * size, 3 * 4 * size]


def test_dropout_writes_a_byte_a_mask() -> None:
    size = 2.0 * 2048 * 1024
    found = streams(operators(model(dropout=1.0)))
    assert found.forward_bytes[0] == 2 * 5.5 * size


def test_sequence_parallelism_cuts_norms_only() -> None:
    plain, cut = (streams(operators(model(), tp=4, sp=sp)) for sp in (0, 1))
    assert cut.forward_bytes[0] == plain.forward_bytes[0] / 4
    assert cut.forward_bytes[1] == plain.forward_bytes[1]


def test_chains_of_kernels_move_more() -> None:
    chained = operators(model(), stack=software(fused_norms=0.0))
    assert (
        streams(chained).forward_bytes[0]
        == 2 * (streams(operators(model())).forward_bytes[0])
    )


def test_unfused_attention_keeps_scores_in_memory() -> None:
    # Korthikanti et al. 2022, sec. 4.1: a scores of s x s for each of b heads
    found = operators(model(dropout=1.0), chip(**NO_FUSED))
    core = found[found.module == CORE_ATTN]
    products = core[core.kind == tables.MATMUL]
    batch, seq = 16, 2048
    assert list(products.batch) == [batch, batch]
    # 4 B s^2 h forward: scores and values (Narayanan et al. 2021, appendix)
    work = np.sum(2 * products.batch * products.m * products.n * products.k)
    assert work == 4 * seq**2 * 1024
    # softmax reads and writes 2 B, dropout as well and a mask of 1 B
    softmax = core[core.kind == tables.STREAM][0]
    assert softmax.forward_bytes == batch * seq**2 * (2 * 2 + 2 * 2 + 1)


def test_fused_attention_reads_one_operator_a_sort_of_layer() -> None:
    full = operators(model())
    assert np.sum(full.kind == tables.FUSED_ATTENTION) == 1
    mixed = operators(model(window=256.0, window_share=0.25))
    fused = mixed[mixed.kind == tables.FUSED_ATTENTION]
    assert dict(zip(fused.window, fused.share, strict=True)) == {0.0: 0.75, 256.0: 0.25}


@given(st.sampled_from([1, 2, 4, 8]), TP)
def test_gathered_contexts_share_queries_not_keys(cp: int, tp: int) -> None:
    found = operators(model(), cp=cp, tp=tp, cp_comm_type=tables.GATHERED)
    op = found[found.kind == tables.FUSED_ATTENTION][0]
    assert (op.m, op.n) == (2048 / cp, 2048.0)
    assert op.batch == op.kv_batch == 16 / tp
    assert op.spread == 1.0


def test_narrow_attention_is_narrowed_first() -> None:
    # queries, keys and values to one byte; backward the gradient of the context
    ops = table(tables.OPERATOR, tables.MAX_OPERATORS)
    shape, mine = model(kv_heads=2.0), shard()
    for attention in (tables.BF16, tables.FP8):
        one = case(precision=tables.FP8, attention_precision=attention)
        localise(mine, shape, one)
        args = (chip(), shape, software(), one, mine)
        found = ops[: transformer_operators(ops, 0, *args)].copy()
        fused = found[found.kind == tables.FUSED_ATTENTION]
        assert set(fused.precision) == {attention}
        if attention == tables.BF16:
            before = len(found)
    assert len(found) == before + 1
    context = 2048 * shape.heads * shape.head_dim
    casts = [(op.forward_bytes, op.backward_bytes) for op in streams(found)]
    inputs = 2048 * (shape.heads + 2 * 2.0) * shape.head_dim
    assert (3.0 * inputs, 3.0 * context) in casts


def test_rotations_touch_queries_and_keys() -> None:
    found = streams(operators(model(rotary=1.0, kv_heads=4.0)))
    assert found.forward_bytes[1] == 2 * 2.0 * 2048 * (1024 + 4 * 64)


def test_what_a_stack_does_not_fuse_is_one_more_stream() -> None:
    stack = software(
        extra_activation=(2.0, 4.0), extra_rotary=(8.0, 13.0),
        extra_layout=(0.5, 1.0), extra_residual=(1.0, 2.0), extra_kernels=7.0,
    )  # fmt: skip
    shape = model(kv_heads=4.0)
    plain, eager = streams(operators(shape)), streams(operators(shape, stack=stack))
    more = eager.forward_bytes.sum() - plain.forward_bytes.sum()
    # 2 B x 2048 tokens: ffn 4096, queries 1024, keys and values 256 each, hidden 1024
    width = 2 * 4096 + 8 * (1024 + 256) + 0.5 * (1024 + 512) + 1024
    assert more == 2.0 * 2048 * width
    more = eager.backward_bytes.sum() - plain.backward_bytes.sum()
    width = 4 * 4096 + 13 * (1024 + 256) + (1024 + 512) + 2 * 1024
    assert more == 2.0 * 2048 * width
    assert eager.kernels.sum() == plain.kernels.sum() + 7.0


def test_head_and_loss_by_hand() -> None:
    ops = operators(model(), kind=tables.HEAD)
    assert flops(ops) == 2.0 * 2048 * 1024 * 32000
    norm, logits = 2 * 2.0 * 2048 * 1024, 2048 * 32000
    assert streams(ops).forward_bytes[0] == norm + 4 * logits
    chain = software(fused_loss=0.0, loss=CHAINED_LOSS)
    chained = operators(model(), stack=chain, kind=tables.HEAD)
    # six passes over fp32 logits
    assert streams(chained).forward_bytes[0] == norm + 24 * logits


def test_embedding_reads_and_writes_a_row_a_token() -> None:
    ops = operators(model(), kind=tables.EMBED)
    size = 2.0 * 2048 * 1024
    assert (ops.forward_bytes[0], ops.backward_bytes[0]) == (2 * size, 3 * size)
    assert flops(ops) == 0.0


def test_precision_is_that_of_the_layers_alone() -> None:
    one, mine = case(precision=tables.FP8), shard()
    localise(mine, mixture(), one)
    ops = table(tables.OPERATOR, tables.MAX_OPERATORS)
    args = (chip(**NO_FUSED), mixture(), software(), one, mine)
    count = transformer_operators(ops, 1, *args)
    products = ops[:count][ops[:count].kind == tables.MATMUL]
    narrow = products[products.precision == tables.FP8]
    # queries to output, up and down; not the router, nor scores and values
    assert len(narrow) == 4
    assert len(products) == 7
