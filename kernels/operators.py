"""The operators of one layer on one micro-batch of one worker, as a table.

Each function appends rows of OPERATOR (see `operator_rows`) from row `at` on and
returns the row after the last. The operators are those of a pre-norm transformer cut
over tensor parallelism by columns and rows (Vaswani et al. 2017; Shoeybi et al. 2019,
sec. 3).
Nothing here knows how long an operator takes.
"""

from accelsim.kernels.attention_operators import (
    add_context,
    add_fused_attention,
    add_unfused_attention,
)
from accelsim.kernels.context import place, repeat_keys
from accelsim.kernels.jit import kernel
from accelsim.kernels.operator_rows import add_passes, add_stream, add_weight
from accelsim.kernels.plan_tables import (
    CORE_ATTN,
    EXPERTS,
    LAYERNORM,
    MLA_UP,
    MLP,
    MOE_ACT,
    NO_MODULE,
    SHARED_EXPERTS,
)
from accelsim.kernels.routing import routed_bytes, score_bytes
from accelsim.kernels.streams import (
    ACTIVATION_INPUT,
    ACTIVATION_OUTPUT,
    DROPOUT_PASSES,
    GATED_PASSES,
    MASK,
    NORM,
    NORM_PASSES,
    PLAIN_PASSES,
    RESIDUAL,
    ROTARY,
    ROTARY_PASSES,
    SUM_PASSES,
)
from accelsim.kernels.tables import (
    APART,
    ONE_KERNEL,
    Record,
    Rows,
    codes,
)

JOINED = 4.0  # passes over a hidden state: two are read and written
FIRST = codes(1)[0]  # row of a layer's first operator


@kernel
def localise(shard: Record, model: Record, case: Record) -> None:
    """Fill what one worker holds of a micro-batch.

    Context parallelism cuts the tokens, sequence parallelism those outside the
    tensor-parallel regions once more, tensor parallelism the heads.
    """
    shard.tokens = shard.micro_batch * case.seq_len / shard.cp
    shard.own_tokens = shard.tokens / (shard.tp if shard.sp else 1)
    shard.heads = model.heads / shard.tp
    shard.kv_heads = max(1.0, model.kv_heads / shard.tp)
    if model.kv_rank > 0.0:
        shard.kv_heads = shard.heads
    place(shard)


@kernel
def gathered_tokens(shard: Record) -> float:
    """Return the tokens whose choices the workers of an expert-tensor group share.

    Each brings its own; without sequence parallelism they all bring the same.
    """
    return float(shard.tokens * (shard.etp / shard.tp))


@kernel
def add_projections(
    ops: Rows, at: int, model: Record, software: Record, case: Record, shard: Record
) -> int:
    """Append the products around attention: queries, keys, values and the output.

    Latent attention (DeepSeek-V2, arXiv:2405.04434 sec. 2.1) goes through low ranks
    that each tensor-parallel rank computes in full.
    """
    tokens, precision = shard.tokens, case.precision
    grad, hidden = software.grad_bytes, model.hidden
    heads, kv_heads = shard.heads, shard.kv_heads
    queries = heads * model.head_dim
    if model.kv_rank > 0.0:
        source = hidden
        if model.q_rank > 0.0:
            at = add_weight(ops, at, precision, tokens, model.q_rank, hidden, 1.0, grad)
            source = model.q_rank
        at = add_weight(ops, at, precision, tokens, queries, source, 1.0, grad)
        ops[at - 1].gathered, ops[at - 1].module = 1.0, MLA_UP
        down = model.kv_rank + model.rope_dim
        at = add_weight(ops, at, precision, tokens, down, hidden, 1.0, grad)
        up = heads * (model.head_dim - model.rope_dim + model.v_dim)
        at = add_weight(ops, at, precision, tokens, up, model.kv_rank, 1.0, grad)
        ops[at - 1].module = MLA_UP
    else:
        columns = queries + kv_heads * (model.head_dim + model.v_dim)
        at = add_weight(ops, at, precision, tokens, columns, hidden, 1.0, grad)
    ops[at - 1].gathered = 1.0
    values = heads * model.v_dim
    at = add_weight(ops, at, precision, tokens, hidden, values, 1.0, grad)
    ops[at - 1].gathered = -1.0
    ops[at - 1].last = 1.0 if model.blocks == 1.0 else 0.0  # beside the feed-forward
    if model.rotary > 0.0:
        rotated = queries + kv_heads * model.head_dim
        size = case.activation_bytes * tokens * rotated
        at = add_stream(ops, at, ROTARY[0] * size, ROTARY[1] * size, 1.0)
        add_passes(ops[at - 1], tokens * rotated, ROTARY_PASSES)
        ops[at - 1].module = MLA_UP if model.kv_rank > 0.0 else NO_MODULE
    return at


@kernel
def add_feed_forward(
    ops: Rows, at: int, model: Record, software: Record, case: Record,
    tokens: float, ffn: float, experts: float, module: int,
) -> int:  # fmt: skip
    """Append feed-forward networks of width `ffn` (already cut over tp).

    tokens : rows that each of the `experts` networks sees (1 for a dense layer).
    module : MLP, EXPERTS or SHARED_EXPERTS.
    """
    up, grad, precision = model.up_matrices, software.grad_bytes, case.precision
    first = at
    at = add_weight(ops, at, precision, tokens, up * ffn, model.hidden, experts, grad)
    at = add_weight(ops, at, precision, tokens, model.hidden, ffn, experts, grad)
    ops[at - 1].last = 1.0 if experts == 1.0 else 0.0  # others are weighed first
    for i in range(first, at):
        if experts > 1.0:
            ops[i].grouped = ONE_KERNEL if software.expert_one_kernel > 0.0 else APART
    size = case.activation_bytes * tokens * ffn * experts
    forward = ACTIVATION_INPUT[0] * up + ACTIVATION_OUTPUT[0]
    backward = ACTIVATION_INPUT[1] * up + ACTIVATION_OUTPUT[1]
    at = add_stream(ops, at, size * forward, size * backward, 1.0)
    kind = GATED_PASSES if up > 1.0 else PLAIN_PASSES
    add_passes(ops[at - 1], size / case.activation_bytes, kind)
    for i in range(first, at):
        ops[i].module = module
    if module == EXPERTS:
        ops[at - 1].module = MOE_ACT
    return at


@kernel
def add_experts(
    ops: Rows, at: int, model: Record, software: Record, case: Record, shard: Record
) -> int:
    """Append router, permutation, routed experts and shared experts of a layer.

    Routing is perfectly balanced: experts/ep experts of this worker see etp x ep times
    the tokens x top_k of its own.
    """
    tokens, own = shard.tokens, shard.own_tokens
    mine = model.experts / shard.ep
    grad = software.grad_bytes
    first = at
    at = add_weight(
        ops, at, case.wide_precision, own, model.experts, model.hidden, 1.0, grad
    )
    forward, backward, kernels = score_bytes(model, software, own)
    if kernels > 0.0:
        at = add_stream(ops, at, forward, backward, kernels)
    behind, each = at, gathered_tokens(shard) * model.top_k / mine
    forward, backward, kernels = routed_bytes(model, software, case, own, each, mine)
    at = add_stream(ops, at, forward, backward, kernels)
    for i in range(first, at):
        ops[i].module = EXPERTS
    width = model.expert_ffn / shard.etp
    at = add_feed_forward(ops, at, model, software, case, each, width, mine, EXPERTS)
    for i in range(behind, at):
        ops[i].routed = 1.0
    if model.shared_ffn > 0.0:
        width = model.shared_ffn / shard.tp
        at = add_feed_forward(
            ops, at, model, software, case, tokens, width, 1.0, SHARED_EXPERTS
        )
    return at


@kernel
def add_norms(
    ops: Rows, at: int, model: Record, software: Record, case: Record, shard: Record
) -> int:
    """Append norms and residuals of a layer, on sp's share of the tokens.

    Dropout is part of the residual's kernel and adds a mask. Unfused chains move their
    data about twice as often: bias, dropout and residual are kernels of their own.
    """
    size = case.activation_bytes * shard.own_tokens * model.hidden
    chain = 1.0 if software.fused_norms > 0.0 else 2.0
    size *= chain * model.blocks
    forward = size * (NORM[0] + RESIDUAL[0] + MASK * model.dropout)
    backward = size * (NORM[1] + RESIDUAL[1] + MASK * model.dropout)
    at = add_stream(ops, at, forward, backward, 2.0 * chain * model.blocks)
    ops[at - 1].module = LAYERNORM
    ops[at - 1].repeats = size * NORM[0] / forward
    elements = size / case.activation_bytes
    add_passes(ops[at - 1], elements, NORM_PASSES)
    add_passes(ops[at - 1], elements, SUM_PASSES)
    add_passes(ops[at - 1], model.dropout * elements, DROPOUT_PASSES)
    return at


@kernel
def add_unfused(
    ops: Rows, at: int, mixture: int, model: Record, software: Record, case: Record,
    shard: Record,
) -> int:  # fmt: skip
    """Append what the stack moves beyond fused kernels, see `specs.software`."""
    if software.extra_kernels == 0.0:
        return at
    width = model.ffn
    if mixture:
        width = model.top_k * model.expert_ffn + model.shared_ffn
    inner = case.activation_bytes * shard.tokens * width / shard.tp
    keys = shard.kv_heads * model.head_dim
    turned = (
        case.activation_bytes * shard.tokens * (shard.heads * model.head_dim + keys)
    )
    joined = (
        turned + case.activation_bytes * shard.tokens * shard.kv_heads * model.v_dim
    )
    hidden = case.activation_bytes * shard.own_tokens * model.hidden
    passes = software
    forward = passes.extra_activation[0] * inner + passes.extra_rotary[0] * turned
    forward += passes.extra_layout[0] * joined + passes.extra_residual[0] * hidden
    backward = passes.extra_activation[1] * inner + passes.extra_rotary[1] * turned
    backward += passes.extra_layout[1] * joined + passes.extra_residual[1] * hidden
    return add_stream(ops, at, forward, backward, software.extra_kernels)


@kernel
def transformer_operators(
    ops: Rows, mixture: int, chip: Record, model: Record, software: Record,
    case: Record, shard: Record,
) -> int:  # fmt: skip
    """Write the operators of a dense or mixture layer; returns their number."""
    repeat_keys(software, shard)
    at = add_norms(ops, FIRST, model, software, case, shard)
    at = add_unfused(ops, at, mixture, model, software, case, shard)
    first = at
    at = add_projections(ops, at, model, software, case, shard)
    for i in range(first, at):
        ops[i].adapter = model.adapter_rank
    if chip.attention_forward.block > 0.0:
        at = add_fused_attention(ops, at, model, software, case, shard)
    else:
        at = add_unfused_attention(ops, at, model, case, shard)
    if shard.cp > 1:
        at = add_context(ops, at, model, software, case, shard)
    if mixture:
        at = add_experts(ops, at, model, software, case, shard)
    else:
        tokens, width = shard.tokens, model.ffn / shard.tp
        up = at
        at = add_feed_forward(ops, at, model, software, case, tokens, width, 1.0, MLP)
        ops[up].gathered, ops[up + 1].gathered = 1.0, -1.0
    freeze(ops, at, model)
    return at


@kernel
def freeze(ops: Rows, count: int, model: Record) -> None:
    """Mark the products of the first `count` operators whose weights are frozen."""
    for i in range(FIRST, count):
        ops[i].frozen = int(model.adapter_rank > 0.0 and ops[i].module != CORE_ATTN)
