"""What a layer keeps for its backward pass, and what that pass needs for a moment.

Inputs of norms, products and activation functions, queries, keys, values and context,
masks (Korthikanti et al. 2022, sec. 4.1, generalised to grouped heads, gates and
experts). What the software does of its own is in its spec: inputs kept as gathered, an
activation function in two kernels, keys and values copied before the attention.
"""

from accelsim.kernels.context import context_workspace
from accelsim.kernels.jit import kernel
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
    inner = model.ffn / shard.tp
    if mixture:
        inner = (model.top_k * model.expert_ffn + model.shared_ffn) / shard.tp
        blocks += 2.0 * width * own * model.top_k * model.hidden
    inside = inner * (store * model.up_matrices + last + software.activation_kept)
    row.saved = blocks + width * tokens * (
        attention_kept(model, software, shard) + inside
    )
    scores = shard.micro_batch * shard.heads * (case.seq_len / shard.cp) * case.seq_len
    if chip.attention_forward.block == 0.0:
        row.saved_core = scores * (width + model.dropout * (width + 1.0))
        row.saved += row.saved_core
    else:
        row.saved += STATISTIC * tokens * shard.heads
    # the gradient of a gate's two inputs, or of the one, while their own output's is
    # alive; and the layer's gradient, gathered where tensor parallelism reduces it
    gradient = width * tokens * model.hidden if shard.tp > 1 else size
    row.workspace = width * tokens * inner * model.up_matrices + gradient
    if chip.attention_forward.block == 0.0:
        row.workspace = max(row.workspace, 2.0 * width * scores)
    if shard.cp > 1:
        around = context_workspace(model, software, case, shard)
        row.workspace = max(row.workspace, around)


@kernel
def attention_kept(model: Record, software: Record, shard: Record) -> float:
    """Return the elements that attention keeps of a token, of one worker.

    Queries, keys, values, context and the low ranks of latent attention. Where keys
    and values are copied, the packed product of which the queries are a part stays.
    """
    keys = shard.kv_heads * (model.head_dim + model.v_dim)
    kept = shard.heads * (model.head_dim + model.v_dim) + keys
    if software.kv_copied > 0.0 and model.kv_heads == model.heads:
        kept += keys
    if shard.a2a > 1.0:  # the context before and after it came back; copies of keys
        kept += shard.heads * model.v_dim
        kept += (shard.sent_heads - shard.kv_heads) * (model.head_dim + model.v_dim)
    if model.kv_rank > 0.0:
        kept += model.q_rank + model.kv_rank + model.rope_dim
    return float(kept)
