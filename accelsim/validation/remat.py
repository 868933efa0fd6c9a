"""What a checkpoint policy of JAX repeats: the products that it does not keep.

This file knows the policies of MaxText (AI-Hypercomputer/maxtext layers/decoders.py,
get_remat_policy) and of Pax (google/praxis@1e63434 layers/checkpoint_policy.py) by the
activations that they keep. XLA leaves out what nothing reads: the last product of a
layer, whose output only the residual takes.
"""

import re
from collections.abc import Mapping

from accelsim.specs.model import ModelSpec

QKV, CONTEXT, OUT, UP, DOWN = "qkv", "context", "out", "up", "down"
POLICIES = {
    "minimal": (QKV, OUT, UP, DOWN),  # checkpoint_dots_with_no_batch_dims
    "minimal_with_context": (QKV, CONTEXT, OUT, UP, DOWN),
    "save_dot_with_context_except_mlp": (QKV, CONTEXT, OUT),
    "save_dot_except_mlpwi": (QKV, OUT, DOWN),
    "save_dot_except_mlp": (QKV, OUT),
    "save_qkv_proj": (QKV,),
    "save_out_proj": (OUT,),
    "save_dot_only": (QKV, OUT, UP, DOWN),
    "save_qkv_out_proj": (QKV, OUT),
    "save_dot_with_no_batch_dims": (QKV, OUT, UP, DOWN),
    "save_dot_except_logits_ffn1": (QKV, CONTEXT, OUT, DOWN),
    "save_dot_except_logits": (QKV, CONTEXT, OUT, UP, DOWN),
}


def policy_of(text: str) -> str | None:
    """Return the policy that the words of a cell name, if any."""
    words = re.findall(r"[a-z0-9_]+", text.lower())
    return next((word for word in words if word in POLICIES), None)


def repeated(text: str, model: ModelSpec) -> Mapping[str, object]:
    """Return what a policy changes in the selective recomputation of a stack.

    Shares are of a dense layer's forward products, and of the widths that it keeps
    without recomputation: inputs of norms and products, queries, keys, values, context
    and the inputs of its activation function.
    """
    policy = policy_of(text)
    if policy is None:
        return {}
    kept = POLICIES[policy]
    flops, widths = _products(model), _widths(model)
    missing = [name for name in (QKV, OUT, UP) if name not in kept]
    every = sum(widths.values()) + model.hidden + model.ffn
    held = sum(widths[name] for name in kept)
    return {
        "selective.matmul": sum(flops[name] for name in missing) / sum(flops.values()),
        "selective.attention": float(CONTEXT not in kept),
        "selective.elementwise": 1.0,
        "selective.kept": min(1.0, held / every),
    }


def _products(model: ModelSpec) -> dict[str, float]:
    """Return the multiply-adds of a token in the products of a dense layer."""
    widths = _widths(model)
    return {
        QKV: float(model.hidden * widths[QKV]),
        OUT: float(widths[CONTEXT] * model.hidden),
        UP: float(model.hidden * widths[UP]),
        DOWN: float(model.ffn * model.hidden),
    }


def _widths(model: ModelSpec) -> dict[str, int]:
    """Return the elements of a token that the products of a layer give."""
    gates = 2 if model.gated else 1
    return {
        QKV: model.head_dim * (model.heads + 2 * model.kv_heads),
        CONTEXT: model.head_dim * model.heads,
        OUT: model.hidden,
        UP: gates * model.ffn,
        DOWN: model.hidden,
    }
