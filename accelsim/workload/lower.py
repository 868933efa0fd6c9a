"""From a model's spec to its row of the model table, and to its FLOPs."""

from accelsim.kernels.tables import Record
from accelsim.specs.model import ModelSpec
from accelsim.workload.parameters import further_parameters, parameters


def fill_model(row: Record, model: ModelSpec) -> None:
    """Fill a MODEL row: widths, and parameters by where they live."""
    count = parameters(model)
    moe, mla = model.moe, model.mla
    row.layers, row.moe_layers = model.layers, count.moe_layers
    row.dense_first, row.every = (moe.dense_layers, moe.every) if moe else (0, 1)
    row.mtp = model.mtp_layers
    row.hidden, row.heads, row.kv_heads = model.hidden, model.heads, model.kv_heads
    row.head_dim = row.v_dim = model.head_dim
    if mla is not None:
        row.head_dim = mla.qk_nope_dim + mla.qk_rope_dim
        row.v_dim, row.rope_dim = mla.v_dim, mla.qk_rope_dim
        row.q_rank, row.kv_rank = mla.q_lora_rank, mla.kv_lora_rank
    row.ffn, row.vocab = model.ffn, model.vocab
    row.up_matrices = 2.0 if model.gated else 1.0
    row.blocks = 1.0 if model.parallel_block else 2.0
    row.causal = float(model.family == "decoder")
    row.window = model.window
    row.window_share = 1.0 / model.window_every if model.window else 0.0
    row.rotary = float(not model.learned_positions)
    row.dropout = float(model.dropout)
    shared = count.attention_per_layer + count.norms_per_layer
    # two norms; joined projections of attention and of the feed-forward network
    row.biased = float(model.biases)
    row.tensors = (2.0 + 4.0) * (2.0 if model.biases else 1.0)
    row.layer_parameters = shared + count.dense_ffn_per_layer
    if moe is not None:
        row.experts, row.top_k, row.expert_ffn = moe.experts, moe.computed, moe.ffn
        row.node_limit, row.groups = moe.node_limit, moe.groups
        row.shared_ffn = moe.shared_experts * (moe.shared_ffn or moe.ffn)
        row.load_spread = 0.0 if moe.load_spread is None else float(moe.load_spread)
        if moe.pad_to_capacity:
            row.load_spread = -1.0
        row.expert_parameters = count.experts * count.expert_ffn
        row.moe_parameters = (
            shared + count.router_per_layer + count.shared_ffn_per_layer
        )
    row.adapter_rank = model.adapter_rank
    row.trained = trained_share(model)
    row.embed_parameters = count.embedding + count.positions
    row.head_parameters = count.head + count.final_norm
    row.mtp_parameters = model.mtp_layers * further_parameters(model)


def trained_share(model: ModelSpec) -> float:
    """Return the share of the parameters that a run trains: all, or its adapters.

    An adapter of rank r beside a weight of m x n has r (m + n) parameters (Hu et al.
    2021, arXiv:2106.09685, section 4.1): queries, keys and values joined, and output.
    """
    if not model.adapter_rank:
        return 1.0
    queries = model.heads * model.head_dim
    joined = queries + 2 * model.kv_heads * model.head_dim
    each = model.adapter_rank * (model.hidden + joined + queries + model.hidden)
    return model.layers * each / parameters(model).total


def flops_per_token(model: ModelSpec, seq_len: int, *, causal: bool) -> float:
    """Return the model FLOPs of one trained token, forward and backward [FLOP].

    The sum of `flops_parts`.
    """
    return sum(flops_parts(model, seq_len, causal=causal))


def flops_parts(
    model: ModelSpec, seq_len: int, *, causal: bool
) -> tuple[float, float, float]:
    """Return the model FLOPs of a token in its layers' products, scores and head.

    6 for each weight that multiplies it (experts: those that it is routed to, the LM
    head included, the embedding look-up not; further layers as the others, each with a
    projection and a head) and 12 x width x seq_len for the scores and values of each
    layer (PaLM, arXiv:2204.02311 appendix B); with `causal` the
    masked half of a decoder's scores is left out. No recomputation. A frozen weight has
    no gradient of its own: 4 for 6.
    """
    count = parameters(model)
    head_dim: float = model.head_dim
    v_dim: float = model.head_dim
    if model.mla is not None:
        head_dim = model.mla.qk_nope_dim + model.mla.qk_rope_dim
        v_dim = model.mla.v_dim
    mask = causal and model.family == "decoder"
    context = seq_len * (0.5 if mask else 1.0)
    if model.window and model.window < seq_len:
        share = 1.0 / model.window_every
        edge = 1.0 - 0.5 * model.window / seq_len if mask else 1.0
        context = share * model.window * edge + (1.0 - share) * context
    more, mixtures = model.mtp_layers, count.moe_layers
    layers = model.layers + more
    mixtures += more if mixtures else 0
    scores = 6.0 * layers * model.heads * (head_dim + v_dim) * context
    weights = layers * count.attention_per_layer
    weights += (layers - mixtures) * count.dense_ffn_per_layer
    mixture = count.top_k * count.expert_ffn + count.shared_ffn_per_layer
    weights += mixtures * (mixture + count.router_per_layer)
    weights += more * 2.0 * model.hidden * model.hidden
    passes = 4.0 if model.adapter_rank else 6.0
    return passes * weights, scores, passes * (1 + more) * model.vocab * model.hidden
