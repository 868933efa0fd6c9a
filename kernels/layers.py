"""One layer of a model on one micro-batch of one worker: operators, times, bytes.

`fill_layers` writes the four rows (dense, mixture of experts, embedding, head) of each
shard. A shard is what of a plan decides these: tp, sp, cp, ep and the micro-batch. The
operators are those of a pre-norm transformer (Vaswani et al. 2017; Megatron's split of
columns and rows, Shoeybi et al. 2019 sec. 3; sequence parallelism, Korthikanti et al.
2022 sec. 4.2.2). Nothing here knows schedules or optimizers.
"""

from accelsim.kernels.attention import fused_seconds, score_share
from accelsim.kernels.collectives import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_TO_ALL,
    collective,
)
from accelsim.kernels.jit import kernel
from accelsim.kernels.matmul import matmul_seconds
from accelsim.kernels.tables import (
    BF16,
    DENSE,
    EMBED,
    FP8,
    FP32,
    HEAD,
    INT8,
    MOE,
    MXFP8,
    NVFP4,
)

HALF = 2.0  # bytes of bf16 and fp16


@kernel
def element_bytes(precision):
    """Return the bytes of one operand element of a matrix multiplication."""
    if precision in (FP8, MXFP8, INT8):
        return 1.0
    if precision == NVFP4:
        return 0.5625  # 4 bits and an 8-bit scale for 16 elements
    return 4.0 if precision == FP32 else HALF


@kernel
def add_stream(row, chip, forward_bytes, backward_bytes, kernels):
    """Add operators that only stream memory: bytes [B] by pass, and their number."""
    if forward_bytes > 0.0:
        row.forward_elementwise += forward_bytes / chip.memory_bandwidth
        row.forward_elementwise += kernels * chip.kernel_latency
        row.forward_kernels += kernels
    if backward_bytes > 0.0:
        row.backward_elementwise += backward_bytes / chip.memory_bandwidth
        row.backward_elementwise += kernels * chip.kernel_latency
        row.backward_kernels += kernels


@kernel
def add_matmul(row, chip, precision, m, n, k, batch, grad_bytes):
    """Add a weight's products: forward, input gradient and weight gradient.

    m x k times k x n, `batch` times. The weight gradient is accumulated in place in
    `grad_bytes` an element, which is read and written. Narrow formats cast and
    transpose their activations first (Transformer Engine documentation, FP8 primer).
    """
    width = element_bytes(precision)
    flops = 2.0 * m * n * k * batch
    time, bound = matmul_seconds(chip, precision, m, n, k, batch, width, HALF)
    row.forward_matmul += time
    row.forward_memory_bound += bound
    time, bound = matmul_seconds(chip, precision, m, k, n, batch, width, HALF)
    row.backward_matmul += time
    row.backward_memory_bound += bound
    out = 2.0 * grad_bytes
    time, bound = matmul_seconds(chip, precision, n, k, m, batch, width, out)
    row.backward_matmul += time
    row.backward_memory_bound += bound
    row.forward_flops += flops
    row.backward_flops += 2.0 * flops
    row.forward_kernels += 1.0
    row.backward_kernels += 2.0
    if width < HALF:
        cast = HALF + 2.0 * width
        add_stream(row, chip, batch * m * k * cast, batch * m * n * cast, 1.0)


@kernel
def add_unfused_attention(row, chip, model, sequences, heads, queries, keys):
    """Add attention as batched products with the scores in memory.

    Scores, softmax with mask, dropout, values; the backward pass has twice the
    products. The score matrix is full: masking saves nothing here.
    """
    batch = sequences * heads
    scores = batch * queries * keys
    depth, v_dim = model.head_dim, model.v_dim
    first, a = matmul_seconds(chip, BF16, queries, keys, depth, batch, HALF, HALF)
    second, b = matmul_seconds(chip, BF16, queries, v_dim, keys, batch, HALF, HALF)
    flops = 2.0 * scores * (depth + v_dim)
    # softmax reads and writes scores; dropout reads and writes them and a mask
    passes = 2.0 + 2.5 * model.dropout
    stream = scores * HALF * passes / chip.memory_bandwidth
    kernels = 3.0 + model.dropout
    row.core = first + second + stream + kernels * chip.kernel_latency
    row.core_flops = flops
    row.forward_attention += row.core
    row.backward_attention += 2.0 * (first + second) + 1.5 * stream
    row.forward_memory_bound += a + b
    row.backward_memory_bound += 2.0 * (a + b)
    row.forward_flops += flops
    row.backward_flops += 2.0 * flops
    row.forward_kernels += kernels
    row.backward_kernels += 2.0 * kernels
    saved = scores * (HALF + model.dropout * (HALF + 1.0))
    row.saved += saved
    row.saved_core += saved


@kernel
def add_fused_attention(row, chip, model, sequences, heads, seq, queries):
    """Add attention as one fused kernel (Dao 2023): no score matrix in memory.

    The backward pass repeats the scores: five products for the forward two, which
    its measured rate counts as 2.5 times the forward FLOPs.
    """
    width = 0.5 * (model.head_dim + model.v_dim)
    for share, window in (
        (1.0 - model.window_share, 0.0),
        (model.window_share, model.window),
    ):
        if share == 0.0:
            continue
        kept = score_share(seq, window, model.causal)
        flops = 4.0 * sequences * heads * queries * seq * width * kept * share
        forward = fused_seconds(
            chip, chip.attention_forward, flops, sequences * heads,
            queries, seq, width, window, model.causal,
        )  # fmt: skip
        backward = fused_seconds(
            chip, chip.attention_backward, 2.5 * flops, sequences * heads,
            queries, seq, width, window, model.causal,
        )  # fmt: skip
        row.core += forward
        row.core_flops += flops
        row.forward_attention += forward
        row.backward_attention += backward
        row.forward_flops += flops
        row.backward_flops += 2.5 * flops
    row.forward_kernels += 1.0
    row.backward_kernels += 2.0


@kernel
def add_projections(row, chip, model, precision, tokens, tp, grad_bytes):
    """Add the products around attention: queries, keys, values and the output.

    Keys and values are copied when tp exceeds their heads. Latent attention
    (DeepSeek-V2, arXiv:2405.04434 sec. 2.1) goes through low ranks that each
    tensor-parallel rank computes in full.
    """
    hidden, heads = model.hidden, model.heads / tp
    if model.kv_rank > 0.0:
        if model.q_rank > 0.0:
            add_matmul(row, chip, precision, tokens, model.q_rank, hidden, 1.0, grad_bytes)
        source = model.q_rank if model.q_rank > 0.0 else hidden
        queries = heads * model.head_dim
        add_matmul(row, chip, precision, tokens, queries, source, 1.0, grad_bytes)
        down = model.kv_rank + model.rope_dim
        add_matmul(row, chip, precision, tokens, down, hidden, 1.0, grad_bytes)
        up = heads * (model.head_dim - model.rope_dim + model.v_dim)
        add_matmul(row, chip, precision, tokens, up, model.kv_rank, 1.0, grad_bytes)
        row.saved += HALF * tokens * (model.q_rank + down)
    else:
        kv_heads = max(1.0, model.kv_heads / tp)
        columns = heads * model.head_dim + kv_heads * (model.head_dim + model.v_dim)
        add_matmul(row, chip, precision, tokens, columns, hidden, 1.0, grad_bytes)
    values = heads * model.v_dim
    add_matmul(row, chip, precision, tokens, hidden, values, 1.0, grad_bytes)


@kernel
def add_attention_block(row, chip, model, software, case, shard):
    """Add one attention block: norm, projections, rotation, attention, residual."""
    sequences = float(shard.micro_batch)
    queries = case.seq_len / shard.cp
    tokens = sequences * queries
    heads = model.heads / shard.tp
    add_projections(
        row, chip, model, case.precision, tokens, float(shard.tp), software.grad_bytes
    )
    q_bytes = HALF * tokens * heads * model.head_dim
    kv_heads = heads if model.kv_rank > 0.0 else max(1.0, model.kv_heads / shard.tp)
    kv_bytes = HALF * tokens * kv_heads * (model.head_dim + model.v_dim)
    if model.rotary > 0.0:
        rotated = 2.0 * (q_bytes + 0.5 * kv_bytes)
        add_stream(row, chip, rotated, rotated, 1.0)
    if chip.attention_forward > 0.0:
        add_fused_attention(row, chip, model, sequences, heads, case.seq_len, queries)
    else:
        add_unfused_attention(
            row, chip, model, sequences, heads, queries, case.seq_len
        )
    context = HALF * tokens * heads * model.v_dim
    row.saved += q_bytes + kv_bytes + context


@kernel
def add_norm_and_residual(row, chip, model, software, case, shard, norms):
    """Add what surrounds the blocks of a layer, on sp's share of the tokens.

    A norm reads and writes its input; the residual reads two and writes one, and
    dropout writes a mask. Unfused chains move their data about twice as often: bias,
    dropout and residual are kernels of their own.
    """
    tokens = shard.micro_batch * case.seq_len / shard.cp
    local = tokens / shard.tp if shard.sp else tokens
    size = HALF * local * model.hidden
    chain = 1.0 if software.fused_norms > 0.0 else 2.0
    forward = norms * size * (2.0 + 3.0 + 0.5 * model.dropout)
    backward = norms * size * (3.0 + 2.0 + 0.5 * model.dropout)
    kernels = norms * 2.0 * chain
    add_stream(row, chip, chain * forward, chain * backward, kernels)
    row.saved += norms * size * (2.0 + 0.5 * model.dropout)
    row.input = size


@kernel
def add_feed_forward(row, chip, model, software, case, shard, ffn):
    """Add a feed-forward network of width `ffn` cut over tp."""
    tokens = shard.micro_batch * case.seq_len / shard.cp
    local, precision = ffn / shard.tp, case.precision
    up, grad = model.up_matrices, software.grad_bytes
    add_matmul(row, chip, precision, tokens, up * local, model.hidden, 1.0, grad)
    add_matmul(row, chip, precision, tokens, model.hidden, local, 1.0, grad)
    size = HALF * tokens * local
    add_stream(row, chip, size * (up + 1.0), size * (2.0 * up + 1.0), 1.0)
    row.saved += size * (up + 1.0)


@kernel
def add_experts(row, chip, model, software, case, shard):
    """Add the routed experts of this worker with perfectly balanced routing.

    experts/ep experts see ep times this worker's tokens x top_k. Routing, permuting
    and un-permuting move the tokens of each choice (Megatron-Core MoE, all-to-all
    dispatcher).
    """
    tokens = shard.micro_batch * case.seq_len / shard.cp
    mine = model.experts / shard.ep
    routed = tokens * model.top_k
    each, local = routed / mine, model.expert_ffn / shard.tp
    up, grad = model.up_matrices, software.grad_bytes
    hidden, precision = model.hidden, case.precision
    add_matmul(row, chip, precision, each, up * local, hidden, mine, grad)
    add_matmul(row, chip, precision, each, hidden, local, mine, grad)
    size = HALF * routed * local
    add_stream(row, chip, size * (up + 1.0), size * (2.0 * up + 1.0), 1.0)
    own = tokens / shard.tp if shard.sp else tokens
    add_matmul(row, chip, BF16, own, model.experts, hidden, 1.0, grad)
    moved = HALF * own * model.top_k * hidden
    add_stream(row, chip, 4.0 * moved, 4.0 * moved, 4.0)
    row.saved += size * (up + 1.0) + 2.0 * HALF * routed * hidden / shard.tp
    if model.shared_ffn > 0.0:
        add_feed_forward(row, chip, model, software, case, shard, model.shared_ffn)


@kernel
def add_tensor_traffic(row, software, tiers, shard, size, times):
    """Add `times` exchanges of `size` bytes [B] between tensor-parallel ranks.

    Without sequence parallelism one all-reduce each, with it an all-gather and a
    reduce-scatter of the same volume; forward and backward pass alike.
    """
    tp = float(shard.tp)
    if shard.sp:
        seconds, sent, _ = collective(
            tiers, ALL_GATHER, size, tp, 1.0, software.pipelined
        )
        seconds, sent = 2.0 * seconds, 2.0 * sent
    else:
        seconds, sent, _ = collective(
            tiers, ALL_REDUCE, size, tp, 1.0, software.pipelined
        )
    row.forward_tp += times * seconds
    row.backward_tp += times * seconds
    row.forward_tp_bytes += times * sent
    row.backward_tp_bytes += times * sent


@kernel
def add_context_traffic(row, model, software, case, tiers, shard):
    """Add the ring of keys and values between context-parallel ranks.

    Each rank sees every other's keys and values once forward, and with their
    gradients twice backward (Liu et al. 2023, ring attention).
    """
    tokens = shard.micro_batch * case.seq_len
    kv_heads = max(1.0, model.kv_heads / shard.tp)
    size = HALF * tokens * kv_heads * (model.head_dim + model.v_dim)
    seconds, sent, _ = collective(
        tiers, ALL_GATHER, size, float(shard.cp), float(shard.tp), software.pipelined
    )
    row.forward_cp += seconds
    row.backward_cp += 2.0 * seconds
    row.forward_cp_bytes += sent
    row.backward_cp_bytes += 2.0 * sent


@kernel
def add_expert_traffic(row, model, software, case, tiers, shard):
    """Add dispatch and combine between expert-parallel ranks, both passes."""
    tokens = shard.micro_batch * case.seq_len / shard.cp
    own = tokens / shard.tp if shard.sp else tokens
    size = HALF * own * model.top_k * model.hidden
    seconds, sent, _ = collective(
        tiers, ALL_TO_ALL, size, float(shard.ep), float(shard.tp), software.pipelined
    )
    row.forward_ep += 2.0 * seconds
    row.backward_ep += 2.0 * seconds
    row.forward_ep_bytes += 2.0 * sent
    row.backward_ep_bytes += 2.0 * sent


@kernel
def fill_transformer_layer(row, kind, chip, model, software, case, tiers, shard):
    """Fill the row of a dense or a mixture layer."""
    add_attention_block(row, chip, model, software, case, shard)
    add_norm_and_residual(row, chip, model, software, case, shard, model.blocks)
    tokens = shard.micro_batch * case.seq_len / shard.cp
    size = HALF * tokens * model.hidden
    if kind == MOE:
        add_experts(row, chip, model, software, case, shard)
        add_expert_traffic(row, model, software, case, tiers, shard)
        add_tensor_traffic(row, software, tiers, shard, size, 1.0)
        add_tensor_traffic(row, software, tiers, shard, size * model.top_k, 1.0)
    else:
        add_feed_forward(row, chip, model, software, case, shard, model.ffn)
        add_tensor_traffic(row, software, tiers, shard, size, model.blocks)
    add_context_traffic(row, model, software, case, tiers, shard)
    row.gather = 4.0 * size * model.up_matrices * max(1.0, model.ffn / model.hidden) / (
        2.0 * shard.tp
    )


@kernel
def fill_ends(embed, head, chip, model, software, case, tiers, shard):
    """Fill the rows of the embedding and of LM head with loss.

    The table and the logits are cut over the vocabulary (Megatron). A fused loss
    passes over the logits twice in bf16, a chain of kernels six times in fp32 and
    three times more backward.
    """
    tokens = shard.micro_batch * case.seq_len / shard.cp
    size = HALF * tokens * model.hidden
    add_stream(embed, chip, 2.0 * size, 3.0 * size, 1.0)
    add_tensor_traffic(embed, software, tiers, shard, size, 0.5)
    columns = model.vocab / shard.tp
    add_matmul(head, chip, BF16, tokens, columns, model.hidden, 1.0, software.grad_bytes)
    logits = tokens * columns
    local = size / shard.tp if shard.sp else size
    if software.fused_loss > 0.0:
        add_stream(head, chip, 2.0 * local + 4.0 * logits, 4.0 * logits, 2.0)
        head.saved = 2.0 * HALF * logits + 2.0 * local
    else:
        add_stream(head, chip, 2.0 * local + 24.0 * logits, 12.0 * logits, 7.0)
        head.saved = (HALF + 4.0 + 4.0) * logits + 2.0 * local
    add_tensor_traffic(head, software, tiers, shard, size, 0.5)


@kernel
def fill_layers(cases, chips, models, software, tiers, shards, layers):
    """Fill `layers[s, kind]` (LAYER, zeroed) for every row s of `shards` (SHARD)."""
    for s in range(len(shards)):
        shard = shards[s]
        c = shard.case
        fill_transformer_layer(
            layers[s, DENSE], DENSE, chips[c], models[c], software[c], cases[c],
            tiers[c], shard,
        )  # fmt: skip
        if models[c].moe_layers > 0.0:
            fill_transformer_layer(
                layers[s, MOE], MOE, chips[c], models[c], software[c], cases[c],
                tiers[c], shard,
            )  # fmt: skip
        fill_ends(
            layers[s, EMBED], layers[s, HEAD], chips[c], models[c], software[c],
            cases[c], tiers[c], shard,
        )  # fmt: skip
