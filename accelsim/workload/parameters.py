"""How many parameters a model has, by part, and how many of them a token uses.

This file knows the shapes of the weight matrices of a transformer and adds them up.
It does not know how they are stored, sharded or trained. What the spec does not say
is left out: normalisation of queries and keys, the one norm that some parallel
blocks save, per-expert routing corrections. Together these are below 0.01 % of the
models in the catalog.
"""

from dataclasses import dataclass

from accelsim.specs.model import MlaSpec, ModelSpec, MoeSpec

# BERT tells two segments apart (Devlin et al. 2018, arXiv:1810.04805, section 3).
_SEGMENTS = 2


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of a model by part [count]; whole numbers kept as floats.

    Attributes
    ----------
    embedding, positions : float
        Token table (an encoder's segment table too); table of learned positions.
    attention_per_layer : float
        Query, key, value and output projections.
    dense_ffn_per_layer : float
        Feed-forward network of a dense layer.
    expert_ffn : float
        One routed expert, 0 without experts.
    shared_ffn_per_layer : float
        The experts of a mixture layer that see every token.
    moe_ffn_per_layer : float
        All experts of a mixture layer, routed and shared.
    router_per_layer : float
        The matrix that scores the experts.
    norms_per_layer, final_norm : float
        Two norms in each layer; the one after the last layer (in an encoder, the
        one after the embedding).
    head : float
        Projection to the vocabulary, 0 if it is the embedding. An encoder's holds
        the pooler and the two pre-training heads of BERT.
    mtp : float
        Modules that predict further tokens. Training holds them, but published
        totals leave them out, and so does `total`.
    dense_layers, moe_layers : int
        Layers of each sort; together all layers.
    experts, top_k : int
        Routed experts of a mixture layer, and those that see a token; 0 without.
    """

    embedding: float
    positions: float
    attention_per_layer: float
    dense_ffn_per_layer: float
    expert_ffn: float
    shared_ffn_per_layer: float
    moe_ffn_per_layer: float
    router_per_layer: float
    norms_per_layer: float
    final_norm: float
    head: float
    mtp: float
    dense_layers: int
    moe_layers: int
    experts: int
    top_k: int

    def parts(self) -> dict[str, float]:
        """Return the parts of the whole model; `total` is their sum."""
        layers = self.dense_layers + self.moe_layers
        return {
            "embedding": self.embedding,
            "positions": self.positions,
            "attention": layers * self.attention_per_layer,
            "dense_ffn": self.dense_layers * self.dense_ffn_per_layer,
            "moe_ffn": self.moe_layers * self.moe_ffn_per_layer,
            "router": self.moe_layers * self.router_per_layer,
            "norms": layers * self.norms_per_layer + self.final_norm,
            "head": self.head,
        }

    @property
    def total(self) -> float:
        """Return all parameters of the model, without `mtp`."""
        return sum(self.parts().values())

    @property
    def active(self) -> float:
        """Return the parameters that a token uses.

        As DeepSeek, Mistral and Qwen count: with the embedding and the head, and
        without the routed experts that the token does not visit.
        """
        idle = (self.experts - self.top_k) * self.expert_ffn
        return self.total - self.moe_layers * idle

    @property
    def trained(self) -> float:
        """Return what a training run holds: `total` and `mtp`."""
        return self.total + self.mtp


def parameters(model: ModelSpec) -> Parameters:
    """Return the parameter counts of a model."""
    hidden = float(model.hidden)
    moe = model.moe
    moe_layers = mixture_layers(model)
    encoder = model.family == "encoder"
    tables = model.vocab + (_SEGMENTS if encoder else 0)
    return Parameters(
        embedding=tables * hidden,
        positions=model.seq_len * hidden if model.learned_positions else 0.0,
        attention_per_layer=_attention(model),
        dense_ffn_per_layer=_ffn(model, model.ffn),
        expert_ffn=_ffn(model, moe.ffn) if moe else 0.0,
        shared_ffn_per_layer=_shared(model, moe) if moe else 0.0,
        moe_ffn_per_layer=_experts(model, moe) if moe else 0.0,
        router_per_layer=_router(model, moe) if moe else 0.0,
        norms_per_layer=2 * _norm(model),
        final_norm=_norm(model),
        head=_head(model),
        mtp=_mtp(model),
        dense_layers=model.layers - moe_layers,
        moe_layers=moe_layers,
        experts=moe.experts if moe else 0,
        top_k=moe.top_k if moe else 0,
    )


def mixture_layers(model: ModelSpec) -> int:
    """Return how many layers are mixtures of experts.

    Of every `every` layers after the dense ones the last is a mixture, as in Llama 4
    and Qwen MoE, so an unfinished group at the end has none.
    """
    if model.moe is None:
        return 0
    return (model.layers - model.moe.dense_layers) // model.moe.every


def shared_width(moe: MoeSpec) -> int:
    """Return the inner width of one shared expert: a routed one's if not stated."""
    return moe.shared_ffn or moe.ffn


def _linear(model: ModelSpec, rows: float, columns: float) -> float:
    return rows * columns + (columns if model.biases else 0.0)


def _norm(model: ModelSpec) -> float:
    vectors = 2 if model.norm == "layer" else 1
    return float(vectors * model.hidden)


def _ffn(model: ModelSpec, width: int) -> float:
    inward = 2 if model.gated else 1
    up = inward * _linear(model, float(model.hidden), width)
    return up + _linear(model, float(width), model.hidden)


def _shared(model: ModelSpec, moe: MoeSpec) -> float:
    return moe.shared_experts * _ffn(model, shared_width(moe))


def _experts(model: ModelSpec, moe: MoeSpec) -> float:
    return moe.experts * _ffn(model, moe.ffn) + _shared(model, moe)


def _router(model: ModelSpec, moe: MoeSpec) -> float:
    return _linear(model, float(model.hidden), moe.experts)


def _attention(model: ModelSpec) -> float:
    if model.mla is not None:
        return _latent_attention(model, model.mla)
    hidden = float(model.hidden)
    query = float(model.heads * model.head_dim)
    key_value = 2.0 * model.kv_heads * model.head_dim
    inward = _linear(model, hidden, query + key_value)
    return inward + _linear(model, query, hidden)


def _latent_attention(model: ModelSpec, mla: MlaSpec) -> float:
    """Return the parameters of one MLA layer with the norms of its two latents.

    DeepSeek-V2, arXiv:2405.04434, equations 9-19 (the rotary part of the key is one
    vector that all heads share).
    """
    hidden, heads = float(model.hidden), model.heads
    rank, latent = mla.q_lora_rank, mla.kv_lora_rank
    query_width = heads * (mla.qk_nope_dim + mla.qk_rope_dim)
    query = hidden * query_width
    if rank:
        query = hidden * rank + rank + rank * query_width
    down = hidden * (latent + mla.qk_rope_dim) + latent
    up = latent * heads * (mla.qk_nope_dim + mla.v_dim)
    return query + down + up + heads * mla.v_dim * hidden


def _head(model: ModelSpec) -> float:
    hidden = float(model.hidden)
    matrix = 0.0 if model.tied_embeddings else model.vocab * hidden
    if model.family == "decoder":
        return matrix
    # BERT: pooler, transform and norm before the vocabulary, bias of the vocabulary,
    # and the next-sentence classifier.
    dense = hidden * hidden + hidden
    return matrix + 2 * dense + _norm(model) + model.vocab + 2 * hidden + 2


def _mtp(model: ModelSpec) -> float:
    """Return the modules that predict further tokens.

    Each is a layer of the model's last sort behind a projection of two normed
    vectors to one, and a norm before the shared head (DeepSeek-V3,
    arXiv:2412.19437, section 2.2).
    """
    if not model.mtp_layers:
        return 0.0
    moe = model.moe
    if moe is None:
        ffn = _ffn(model, model.ffn)
    else:
        ffn = _experts(model, moe) + _router(model, moe)
    layer = _attention(model) + ffn + 2 * _norm(model)
    return model.mtp_layers * (layer + further_parameters(model))


def further_parameters(model: ModelSpec) -> float:
    """Return what a module that predicts a further token has beside its layer.

    A projection of two normed vectors to one, and a norm before the shared head.
    """
    return 2.0 * model.hidden * model.hidden + 3 * _norm(model)
