"""The operators of attention between its projections, cut over heads and context.

Each function appends rows of OPERATOR (see `tables`) from row `at` on and returns the
row after the last. What context groups send each other is known to `context`.
"""

from accelsim.kernels.context import (
    EXCHANGED,
    REORDERED,
    REORDERINGS,
    exchanged_bytes,
    in_blocks,
)
from accelsim.kernels.jit import kernel
from accelsim.kernels.operator_rows import add_passes, add_stream, add_weight
from accelsim.kernels.plan_tables import CORE_ATTN
from accelsim.kernels.streams import DROPOUT, DROPOUT_PASSES, SOFTMAX, SOFTMAX_PASSES
from accelsim.kernels.tables import (
    ELEMENT_BYTES,
    FUSED_ATTENTION,
    PART_ATTENTION,
    Record,
    Rows,
)


@kernel
def add_unfused_attention(
    ops: Rows, at: int, model: Record, case: Record, shard: Record
) -> int:
    """Append attention as batched products with the scores in memory.

    Scores, softmax with mask, dropout, values. The score matrix is full: masking
    saves nothing here. Softmax reads and writes the scores; dropout reads them,
    writes them and a mask of one byte.
    """
    batch = shard.micro_batch * shard.heads / shard.a2a
    queries, keys = case.seq_len / shard.ring, case.seq_len
    first = at
    precision, width = case.wide_precision, case.activation_bytes
    at = add_weight(
        ops, at, precision, queries, keys, model.head_dim, batch, 0.5 * width
    )
    at = add_weight(ops, at, precision, queries, model.v_dim, keys, batch, 0.5 * width)
    scores = width * batch * queries * keys
    passes = SOFTMAX[0] + DROPOUT[0] * model.dropout
    kernels = 1.0 + model.dropout
    at = add_stream(ops, at, passes * scores, 1.5 * passes * scores, kernels)
    add_passes(ops[at - 1], scores / width, SOFTMAX_PASSES)
    add_passes(ops[at - 1], model.dropout * scores / width, DROPOUT_PASSES)
    for i in range(first, at):
        ops[i].part = PART_ATTENTION
        ops[i].module = CORE_ATTN
        ops[i].engines.held = 2.0 * scores  # before and behind the softmax
    return at


@kernel
def add_attention_call(
    ops: Rows, at: int, model: Record, case: Record, shard: Record, queries: float,
    keys: float,
) -> int:  # fmt: skip
    """Append one kernel of fused attention, full and as causal as the model is."""
    op = ops[at]
    op.kind = FUSED_ATTENTION
    op.part = PART_ATTENTION
    op.module, op.repeats, op.routed = CORE_ATTN, 1.0, 0.0
    op.precision = case.attention_precision
    op.m, op.n = queries, keys
    op.k, op.v = model.head_dim, model.v_dim
    op.batch = shard.micro_batch * shard.heads / shard.a2a
    op.kv_batch = shard.micro_batch * shard.sent_heads / shard.a2a
    op.spread = 1.0  # the halves of causal context parallelism are balanced
    op.window = 0.0
    op.causal = model.causal
    op.share = 1.0
    return at + 1


@kernel
def add_narrowing(
    ops: Rows, at: int, model: Record, case: Record, shard: Record
) -> int:
    """Append what narrows queries, keys and values, and backward the output's gradient.

    Nothing where attention is not narrow (Transformer Engine, fp8_dpa).
    """
    wide, narrow = case.activation_bytes, ELEMENT_BYTES[case.attention_precision]
    if narrow >= wide:
        return at
    width = model.head_dim + model.v_dim
    context = shard.tokens * shard.heads * model.v_dim
    inputs = shard.heads * model.head_dim + shard.kv_heads * width
    inputs *= shard.tokens
    moved = wide + narrow
    return add_stream(ops, at, moved * inputs, moved * context, 1.0)


@kernel
def add_fused_attention(
    ops: Rows, at: int, model: Record, software: Record, case: Record, shard: Record
) -> int:
    """Append attention as one fused kernel (Dao 2023): no score matrix in memory.

    Layers with a sliding window and layers without are two operators, each with the
    share of the layers that have it. Block by block, a worker's own tokens come first;
    of each other block it has, causal, half to do: the sequence is cut into twice as
    many parts as workers, and each has one from either end. The last worker does all
    queries and half of the keys, the first half of the queries and all keys.
    """
    at = add_narrowing(ops, at, model, case, shard)
    queries, keys = case.seq_len / shard.ring, case.seq_len
    whole = 1.0 - model.window_share
    if model.window_share > 0.0:
        at = add_attention_call(ops, at, model, case, shard, queries, keys)
        ops[at - 1].window, ops[at - 1].share = model.window, model.window_share
    if whole > 0.0 and not in_blocks(software, shard):
        at = add_attention_call(ops, at, model, case, shard, queries, keys)
        ops[at - 1].share = whole
    elif whole > 0.0:
        at = add_attention_call(ops, at, model, case, shard, queries, queries)
        ops[at - 1].share = whole
        half = 0.5 * queries if model.causal > 0.0 else queries
        at = add_attention_call(ops, at, model, case, shard, queries, half)
        ops[at - 1].causal, ops[at - 1].share = 0.0, whole * (shard.ring - 1.0)
    return at


@kernel
def add_context(
    ops: Rows, at: int, model: Record, software: Record, case: Record, shard: Record
) -> int:
    """Append what context parallelism moves in memory around the attention.

    Before and after an all-to-all, heads and tokens change places; partial results of
    blocks are merged, as many as the last worker has, see `add_fused_attention`.
    """
    heads, keys = exchanged_bytes(model, case, shard)
    if shard.a2a > 1.0:
        moved = REORDERED * (heads + keys)
        at = add_stream(ops, at, moved, moved, EXCHANGED * REORDERINGS)
    if in_blocks(software, shard):
        merges, width = shard.ring - 1.0, case.activation_bytes
        context = shard.tokens * shard.heads * model.v_dim
        queries = shard.tokens * shard.heads * model.head_dim
        each = software.cp_merge
        share = merges * (1.0 - model.window_share)
        forward = share * each[0] * context
        backward = share * (each[1] * queries + each[2] * keys / width)
        kernels = share * software.cp_merge_kernels
        at = add_stream(ops, at, forward, backward, kernels)
    return at
