"""What the rematerialisation policies of compiled stacks keep, and what they repeat.

This file knows the names that MaxText and Pax give to policies and tensors, AXLearn's
nearest to them, and which products of a layer are repeated where their outputs are not
kept: an output that nobody reads again is not. Sources: AI-Hypercomputer/maxtext@
e591f30 src/maxtext/layers/decoders.py (get_remat_policy), configs/base.yml;
google/praxis@1e63434 layers/checkpoint_policy.py; apple/axlearn@34aed43
axlearn/common/attention.py (build_remat_spec).
"""

import re
from dataclasses import dataclass

from accelsim.overrides import Override
from accelsim.specs.model import ModelSpec

QKV = ("query_proj", "key_proj", "value_proj")
MLP = ("mlpwi", "mlpwo")
POLICIES: dict[str, tuple[str, ...]] = {
    "minimal_with_context": (*QKV, "context", "out_proj", *MLP),
    "minimal_flash": (*QKV, "context", "out_proj", *MLP),
    "minimal_offloaded": (*QKV, "out_proj", *MLP),
    "minimal": (*QKV, "out_proj", *MLP),
    "save_dot_with_context_except_mlp": (*QKV, "context", "out_proj"),
    "save_dot_except_mlpwi": (*QKV, "out_proj", "mlpwo"),
    "save_dot_except_mlp": (*QKV, "out_proj"),
    "save_qkv_proj": QKV,
    "qkv_proj_offloaded": QKV,
    "save_out_proj": ("out_proj",),
    "save_dot_only": (*QKV, "out_proj", *MLP),
    "save_qkv_out_proj": (*QKV, "out_proj"),
    "save_dot_with_no_batch_dims": (*QKV, "out_proj", *MLP),
    "save_dot_except_logits_ffn1": (*QKV, "context", "out_proj", "mlpwo"),
    "save_dot_except_logits": (*QKV, "context", "out_proj", *MLP),
}
# Words for tensors; the feed-forward network's inputs count if both are kept.
TENSORS = {
    "qkv": QKV,
    "qkv_proj": QKV,
    "kv_proj": QKV[1:],
    **{name: (name,) for name in (*QKV, "context", "out_proj", *MLP)},
    "mlpwi_0": ("mlpwi_0",),
    "mlpwi_1": ("mlpwi_1",),
}
# What `selective` means where nothing else is said: build_remat_spec keeps the
# projections of attention; c4.py of paxml.
USUAL = {
    "axlearn": "save_dot_except_mlp",
    "pax": "save_dot_except_logits_ffn1",
}


def kept_names(text: str) -> frozenset[str]:
    """Return the tensors, beside a layer's input, that a cell says are kept."""
    words = re.findall(r"[a-z_0-9]+", text.lower())
    names = {n for w in words for n in POLICIES.get(w, TENSORS.get(w, ()))}
    if {"mlpwi_0", "mlpwi_1"} <= names:
        names.add("mlpwi")
    return frozenset(names)


@dataclass(frozen=True, slots=True)
class Widths:
    """Multiply-adds of a layer's products for a token, the mean of its layers.

    query, key, out : around attention. up, routed, shared : of the feed-forward
    networks into the inner width, and out of it from routed experts and others.
    """

    query: float
    key: float
    out: float
    up: float
    routed: float
    shared: float

    @property
    def total(self) -> float:
        """Return all of them."""
        inner = self.up + self.routed + self.shared
        return self.query + self.key + self.out + inner


def widths_of(model: ModelSpec) -> Widths:
    """Return the products of the mean layer of a model."""
    hidden, heads = model.hidden, model.heads
    query, v_dim = heads * model.head_dim, model.head_dim
    key = 2.0 * hidden * model.kv_heads * model.head_dim
    into = float(hidden * query)
    if model.mla is not None:
        mla = model.mla
        v_dim, each = mla.v_dim, mla.qk_nope_dim + mla.qk_rope_dim
        rank = mla.q_lora_rank
        query = heads * each
        into = float(rank * (hidden + query) if rank else hidden * query)
        key = hidden * (mla.kv_lora_rank + mla.qk_rope_dim)
        key += mla.kv_lora_rank * heads * (mla.qk_nope_dim + v_dim)
    routed, dense = 0.0, float(model.ffn)
    if model.moe is not None:
        moe = model.moe
        plain = max(moe.dense_layers, model.layers - model.layers // moe.every)
        share = 1.0 - min(plain, model.layers) / model.layers
        routed = share * moe.top_k * moe.ffn
        shared = moe.shared_experts * (moe.shared_ffn or moe.ffn)
        dense = (1.0 - share) * model.ffn + share * shared
    ups = 2.0 if model.gated else 1.0
    return Widths(
        query=into, key=key, out=float(heads * v_dim * hidden),
        up=ups * hidden * (routed + dense), routed=routed * hidden,
        shared=dense * hidden,
    )  # fmt: skip


def repeated_share(model: ModelSpec, names: frozenset[str]) -> float:
    """Return the share of a layer's forward products that is done again.

    Queries, keys and values are read by attention, its output by the residual that the
    next norm reads, the inner width by the activation, what routed experts return by
    the gradient of their weights; what a plain network returns, by nobody.
    """
    width = widths_of(model)
    again = 0.0 if "query_proj" in names else width.query
    again += 0.0 if {"key_proj", "value_proj"} <= names else width.key
    again += 0.0 if "out_proj" in names else width.out
    again += 0.0 if "mlpwi" in names else width.up
    again += 0.0 if "mlpwo" in names else width.routed
    return again / width.total


def kept_share(model: ModelSpec, names: frozenset[str], text: str) -> float:
    """Return the share of a layer's activations that stays on the chip, by widths."""
    query, key = model.heads * model.head_dim, model.kv_heads * model.head_dim
    inner = float(model.ffn)
    if model.moe is not None:
        inner = float(model.moe.top_k * model.moe.ffn)
    ups = 2.0 if model.gated else 1.0
    size = {
        "query_proj": query,
        "key_proj": key,
        "value_proj": key,
        "context": query,
        "out_proj": model.hidden,
        "mlpwi": ups * inner,
    }
    all_of_it = sum(size.values()) + 3.0 * model.hidden + inner
    stays = frozenset() if "offload" in text else names
    mine = model.hidden + sum(size[n] for n in stays if n in size)
    return float(min(1.0, mine / all_of_it))


def repeated(text: str, stack: str, model: ModelSpec) -> list[Override]:
    """Return what a cell's policy changes in what the stack calls selective."""
    names = kept_names(text) or kept_names(USUAL.get(stack, ""))
    if not names:
        return []
    changed = {
        "matmul": repeated_share(model, names),
        "attention": float("context" not in names),
        "elementwise": 1.0,
        "kept": kept_share(model, names, text),
    }
    return [
        Override(("software", "selective", name), value)
        for name, value in changed.items()
    ]
