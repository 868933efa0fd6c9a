"""What a layer keeps for its backward pass, and what that pass needs for a moment.

Inputs of norms, products and activation functions, queries, keys, values and context,
masks (Korthikanti et al. 2022, sec. 4.1, generalised to grouped heads, gates and
experts). What the software does of its own is in its spec: inputs kept as gathered, an
activation function in two kernels, keys and values copied before the attention, what
experts give back kept to be weighted, what routing keeps.
"""

from accelsim.kernels.context import context_workspace
from accelsim.kernels.jit import kernel
from accelsim.kernels.operators import gathered_tokens
from accelsim.kernels.tables import ELEMENT_BYTES, Record

STATISTIC = 4.0  # B; fp32


@kernel
def keep_activations(
    row: Record, mixture: int, chip: Record, model: Record, software: Record,
    case: Record, shard: Record,
) -> None:  # fmt: skip
    """Write the bytes that a transformer layer keeps for its backward pass.

    Unfused attention keeps the scores too, a fused one a statistic of each row. What
    only a product reads again is kept in the format of its operands.
    """
    tokens, own = shard.tokens, shard.own_tokens
    width = case.activation_bytes
    size = width * own * model.hidden
    row.input = size
    narrow = min(1.0, ELEMENT_BYTES[case.precision] / width)
    read = narrow * tokens / own if software.gathered_inputs > 0.0 else narrow
    # the gradient of a frozen weight does not need its input, that of an adapter does
    inputs = model.blocks - 1.0 if model.adapter_rank > 0.0 else model.blocks
    last = 0.0 if model.adapter_rank > 0.0 else narrow
    store = software.activation_store if narrow < 1.0 else 1.0
    blocks = size * (model.blocks * (1.0 + 0.5 * model.dropout) + inputs * read)
    inner, routed = model.ffn / shard.tp, 0.0
    if mixture:
        inner = (model.top_k * model.expert_ffn + model.shared_ffn) / shard.tp
        taken = width * gathered_tokens(shard) * model.top_k * model.hidden
        given = size * model.top_k
        routed = taken + given
        blocks += last * taken + software.expert_outputs * given
        blocks += own * model.experts * software.router_bytes
    inside = inner * (store * model.up_matrices + last + software.activation_kept)
    row.saved = blocks + width * (
        tokens * (attention_kept(model, software, shard) + inside)
        + own * latents_kept(model)
    )
    scores = shard.micro_batch * shard.heads * (case.seq_len / shard.cp) * case.seq_len
    if chip.attention_forward.block == 0.0:
        row.saved_core = scores * (width + model.dropout * (width + 1.0))
        row.saved += row.saved_core
    else:
        row.saved += STATISTIC * tokens * shard.heads
    if mixture == 0:
        row.outputs = size + outputs_kept(model, software, shard, width)
    whole = width * tokens * model.hidden
    gathered = whole if own < tokens else 0.0
    row.workspace = size + block_workspace(
        model.up_matrices, width * tokens * inner, whole, gathered, routed
    )
    if chip.attention_forward.block == 0.0:
        row.workspace = max(row.workspace, 2.0 * width * scores)
    if shard.cp > 1:
        around = context_workspace(model, software, case, shard)
        row.workspace = max(row.workspace, around)


@kernel
def outputs_kept(
    model: Record, software: Record, shard: Record, width: float
) -> float:  # fmt: skip
    """Return the bytes of a dense layer's outputs that a stack names (`OUTPUTS`).

    Attention keeps the statistic of its rows with its context.
    """
    kept, tokens = software.selective_outputs, shard.tokens
    heads, keys = shard.heads, shard.kv_heads
    each = kept[0] * heads * model.head_dim + kept[1] * keys * model.head_dim
    each += kept[2] * keys * model.v_dim + kept[3] * heads * model.v_dim
    each += (kept[5] + kept[6]) * model.ffn / shard.tp
    hidden = (kept[4] + kept[7]) * model.hidden
    rows = kept[3] * STATISTIC * heads
    return float(tokens * (width * each + rows) + shard.own_tokens * width * hidden)


@kernel
def block_workspace(
    matrices: float, inner: float, whole: float, gathered: float, routed: float
) -> float:
    """Return the gradients of a feed-forward block at its fullest moment [B].

    Beside what it keeps and the gradient of its output. Those of a mixture's tokens are
    there before and after they are exchanged. Then of the activation function's output,
    the gathered gradient of the block's output still there; of its inputs, when the
    output's place is free; of the block's input, gathered again, when those are, too.

    matrices : that the activation function has before it. inner : one tensor of the
    inner width [B]. whole : hidden states of all tokens, gathered : those that tensor
    parallelism gathers, routed : of a mixture's choices, as experts take and give [B].
    """
    last = gathered + inner
    first = whole + gathered - inner
    return max(routed, last, matrices * inner, first)


@kernel
def logit_bytes(software: Record, width: float) -> float:
    """Return the bytes of a logit of `width` [B] at the fullest moment of the loss.

    Forward these, and the copies that the loss makes; backward what is kept of them,
    and their gradient or what comes before it.
    """
    copies = software.loss_copies
    forward = width + STATISTIC * min(copies, 1.0)
    if copies > 1.0:
        forward = max(forward, STATISTIC * copies + width * software.loss_held)
    kept = STATISTIC if copies > 0.0 else width
    backward = kept + max(width, STATISTIC * software.loss_gradients)
    return float(max(forward, backward))


@kernel
def attention_kept(model: Record, software: Record, shard: Record) -> float:
    """Return the elements that attention keeps of a token, of one worker.

    Queries, keys, values and context. Where keys and values are copied, the packed
    product of which the queries are a part stays.
    """
    keys = shard.kv_heads * (model.head_dim + model.v_dim)
    kept = shard.heads * (model.head_dim + model.v_dim) + keys
    if software.kv_copied > 0.0 and model.kv_heads == model.heads:
        kept += keys
    if shard.a2a > 1.0:  # the context before and after it came back
        kept += shard.heads * model.v_dim
    if shard.cp > 1:
        kept += (shard.sent_heads - shard.kv_heads) * (model.head_dim + model.v_dim)
    return float(kept)


@kernel
def latents_kept(model: Record) -> float:
    """Return the elements of latent attention's low ranks, kept of a token.

    Inputs of their norms and of the products behind these; the rotated part of the
    keys stays with the latents, which are cut from the same product.
    """
    if model.kv_rank == 0.0:
        return 0.0
    return float(2.0 * (model.q_rank + model.kv_rank) + model.rope_dim)
