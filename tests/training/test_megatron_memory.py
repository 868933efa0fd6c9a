"""Peaks of Megatron-Core, against its tensors listed operator by operator.

The lists follow megatron/core of NVIDIA/Megatron-LM@23e00ed (transformer, distributed,
tensor_parallel) with TransformerEngine 2.11: what each autograd function saves,
bf16, no dropout, no bias. B of one token unless said otherwise.
"""

import pytest

from accelsim.explore.estimate import estimate

TOKENS = 4096
LLAMA = {"hidden": 4096, "heads": 32, "kv": 8, "head": 128, "ffn": 14336}
DEEPSEEK = {
    "hidden": 7168,
    "heads": 128,
    "q_rank": 1536,
    "kv_rank": 512,
    "rope": 64,
    "head": 128,
    "ffn": 18432,
    "expert": 2048,
    "top_k": 8,
    "experts": 256,
}


def block(hidden: int, ffn: int) -> int:
    """Return a gated block: norm's input and output, both halves, their product."""
    return 2 * hidden + 2 * hidden + 4 + 2 * 2 * ffn + 2 * ffn


def llama_layer() -> int:
    hidden, heads, kv, head, ffn = LLAMA.values()
    attention = (
        2 * hidden  # TELayerNormColumnParallelLinear: inputmat
        + 2 * hidden  # ln_out
        + 2 * (heads + 2 * kv) * head  # rotated, values made contiguous
        + 2 * heads * head  # out, which linear_proj saves, too
        + 4 * heads  # softmax statistics
    )
    return attention + block(hidden, ffn)


def latent_attention() -> int:
    m = DEEPSEEK
    wide, rank = m["head"] + m["rope"], m["q_rank"] + m["kv_rank"]
    return (
        2 * m["hidden"]  # TENorm: input
        + 2 * m["hidden"]  # linear_q_down_proj, linear_kv_down_proj: the same input
        + 2 * (rank + m["rope"])  # inputs of the up projections' norms
        + 2 * rank  # their outputs
        + 2 * m["heads"] * (2 * wide + m["head"])  # queries, keys, values
        + 2 * m["heads"] * m["head"]  # out
        + 4 * m["heads"]  # softmax statistics
    )


def mixture_layer() -> int:
    m = DEEPSEEK
    routed = m["top_k"] * (
        2 * m["hidden"]  # TEGroupedMLP, linear_fc1: the permuted tokens
        + 2 * 2 * m["expert"]  # weighted_bias_swiglu: its input
        + 2 * m["expert"]  # linear_fc2
    )
    router = m["experts"] * (4 + 4 + 2 + 1 + 1 + 8)
    shared = 2 * 2 * m["expert"] + 2 * m["expert"]
    norm = 2 * m["hidden"] + 2 * m["hidden"]  # input, and what all of these read
    return latent_attention() + norm + routed + router + shared


def peaks(model: str, layers: int, **plan: object) -> tuple[float, float]:
    """Return bytes of states, and those that a step adds at its fullest moment."""
    run = {
        "model": model, "system": "dgx-b200", "chips": 8, "global_batch": 32,
        "seq_len": TOKENS, "software": "megatron-core",
        "plan": {"micro_batch": 1, "sharding": "zero1", "recompute": "none", **plan},
    }  # fmt: skip
    shape = [f"model.layers={layers}", "model.mtp_layers=0"]
    found = estimate(run, overrides=shape).memory
    states = found.weights + found.gradients + found.optimizer
    return states, found.allocated - states


def dummies(*weights: int) -> int:
    """Return TransformerEngine's dummy gradients in bf16, one of each shape [B]."""
    return sum(2 * size for size in weights)


def head(hidden: int, vocab: int) -> int:
    """Return the last norm's input and output, logits in bf16 and once in fp32."""
    return 2 * hidden + 2 * hidden + (2 + 4) * vocab


def test_llama_on_replicas() -> None:
    states, step = peaks("llama3-8b", 12, tp=1, pp=1)
    hidden, heads, kv, width, ffn = LLAMA.values()
    weights = 2 * 128256 * hidden + hidden + 12 * (
        2 * hidden + hidden * (heads + 2 * kv) * width + heads * width * hidden
        + 3 * hidden * ffn
    )  # fmt: skip
    # bf16, gradients summed in fp32, and a share of the master copy and two moments
    assert states == pytest.approx((2 + 4 + 12 / 8) * weights, rel=1e-4)
    kept = 12 * llama_layer() + head(hidden, 128256)
    more = dummies(
        hidden * (heads + 2 * kv) * width, heads * width * hidden, 2 * hidden * ffn,
        ffn * hidden, hidden * 128256,
    )  # fmt: skip
    assert step == pytest.approx(TOKENS * kept + more, rel=1e-3)


def test_mixture_of_deepseek() -> None:
    step = peaks("deepseek-v3", 5, tp=1, pp=1, ep=8)[1]
    hidden, layers = DEEPSEEK["hidden"], 5
    # three dense layers before the mixtures
    dense = latent_attention() + block(hidden, DEEPSEEK["ffn"])
    kept = 3 * dense + (layers - 3) * mixture_layer() + head(hidden, 129280)
    m = DEEPSEEK
    wide, heads = m["head"] + m["rope"], m["heads"]
    more = dummies(
        hidden * m["q_rank"], m["q_rank"] * heads * wide,
        hidden * (m["kv_rank"] + m["rope"]), m["kv_rank"] * heads * 2 * m["head"],
        heads * m["head"] * hidden, 3 * hidden * m["ffn"], 3 * hidden * m["expert"],
        hidden * 129280,
    )  # fmt: skip
    assert step == pytest.approx(TOKENS * kept + more, rel=3e-3)
