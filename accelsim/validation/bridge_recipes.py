"""What NVIDIA's performance recipes of mixtures switch on, release by release.

This file knows which of Megatron-Bridge's recipes capture what in CUDA graphs, hide the
experts' exchange, narrow attention and LM head, and send a token once. Read from
NVIDIA-NeMo/Megatron-Bridge at v0.1.0rc4 (release 25.09, scripts/performance/configs/*/
*.yaml), v0.2.0 (25.11), v0.3.0 (26.02), v0.4.0 (26.02.01), v0.5.0 (26.06; */
*_workload_base_configs.py and its commits in between) and 067f987 (26.08, src/megatron/
bridge/perf_recipes).
"""

import re

from accelsim import catalog
from accelsim.validation.table import Row

Rule = tuple[tuple[int, int], tuple[int, int], str, str, str]
FIRST, LAST = (0, 0), (99, 0)

# (from release, before release, chip, model, precision); the first that holds counts.
# cuda_graph_impl full_iteration: experts are one kernel of Transformer Engine's fuser,
# pages of memory take what a router may send, and no host waits for counts.
WHOLE: tuple[Rule, ...] = (
    ((26, 6), LAST, r"GB[23]00", r"deepseek-v3|qwen3|gpt-oss", r"mxfp8"),
    ((26, 6), LAST, r"B300", r"qwen3-30b", r"mxfp8"),
    ((26, 8), LAST, r"B[23]00", r"qwen3", r"mxfp8"),
)
# cuda_graph_scope attn, moe_router, moe_preprocess: all but the experts.
PARTIAL: tuple[Rule, ...] = (
    ((25, 9), (25, 10), r"GB200", r"qwen3-235b", r""),
    ((25, 11), LAST, r"GB200", r"deepseek|qwen3|kimi", r""),
    ((25, 11), LAST, r"GB300", r"deepseek|qwen3|gpt-oss", r""),
    ((26, 2), LAST, r"B300", r"qwen3-30b|gpt-oss", r""),
    ((26, 6), LAST, r"B300", r"deepseek", r""),
    ((25, 11), LAST, r"B200", r"qwen3-30b", r""),
    ((26, 4), LAST, r"B200", r"deepseek", r"mxfp8"),
    ((25, 11), LAST, r"H100", r"qwen3-30b", r"bf16"),
)
# overlap_moe_expert_parallel_comm
HIDDEN: tuple[Rule, ...] = (
    *WHOLE,
    ((25, 11), LAST, r"H100", r"qwen3-235b", r""),
    ((25, 11), (26, 3), r"H100", r"qwen3-30b", r""),
    ((25, 11), (25, 12), r"H100", r"deepseek", r""),
    ((25, 11), (25, 12), r"B200", r"qwen3-235b", r""),
    ((26, 4), LAST, r"B200", r"deepseek", r"mxfp8"),
    ((26, 4), LAST, r"GB200", r"gpt-oss", r"bf16"),
)
# fp8_dot_product_attention
SCORES: tuple[Rule, ...] = (
    ((26, 6), LAST, r"GB300", r"deepseek-v3", r"mxfp8"),
    ((26, 8), LAST, r"B300", r"deepseek-v3", r"mxfp8"),
    ((26, 6), LAST, r"GB[23]00", r"qwen3|gpt-oss", r"mxfp8"),
    ((26, 6), LAST, r"B300", r"qwen3-30b", r"mxfp8"),
    ((26, 8), LAST, r"B[23]00", r"qwen3", r"mxfp8"),
)
# fp8_output_proj
HEADS: tuple[Rule, ...] = (
    ((26, 6), LAST, r"GB[23]00", r"deepseek-v3|gpt-oss", r"mxfp8"),
    ((26, 8), LAST, r"B300", r"deepseek-v3", r"mxfp8"),
)
# NCCL's all-to-all in the place of DeepEP and HybridEP
PLAIN: tuple[Rule, ...] = (
    (FIRST, (25, 10), r"G?B200", r"", r""),
    (FIRST, LAST, r"B200|H100", r"qwen3-235b", r""),
    (FIRST, (26, 6), r"B300", r"qwen3-235b", r""),
    (FIRST, (26, 4), r"B200", r"qwen3-30b", r""),
    (FIRST, (26, 2), r"B200", r"deepseek", r""),
    (FIRST, (26, 4), r"", r"gpt-oss", r""),
    (FIRST, LAST, r"B[23]00|H100", r"kimi", r""),
)


def _holds(rules: tuple[Rule, ...], row: Row) -> bool:
    found = re.search(r"\[(\d\d)\.(\d\d)", row.get("source", ""))
    release = (int(found[1]), int(found[2])) if found else LAST
    words = row["chip"], row["model"].lower(), row["precision"]
    return any(
        first <= release < before
        and all(
            re.match(pattern, word)
            for pattern, word in zip(patterns, words, strict=True)
        )
        for first, before, *patterns in rules
    )


def expert_changes(row: Row) -> dict[str, object]:
    """Return what the recipe behind a row of a mixture changes in the stack."""
    changed: dict[str, object] = {"overlap.ep": _holds(HIDDEN, row)}
    changed |= {"narrow_attention": True} if _holds(SCORES, row) else {}
    changed |= {"narrow_head": True} if _holds(HEADS, row) else {}
    if _holds(PLAIN, row):
        changed["dispatch_once"] = False
    if "tokendrop" in row.get("source", ""):
        # moe_pad_expert_input_to_capacity: every expert has as many, known before
        changed["experts.waits"] = False
    if _holds(WHOLE, row):
        launch = catalog.load("software", "megatron-bridge").launch.text
        changed |= {"experts.launch": launch, "experts.product": launch}
        # biases are part of that kernel, but for their gradients (TransformerEngine,
        # common/triton/grouped_dbias_dscales.py)
        changed |= {"experts.bias": [0, 2], "experts.bias_kernels": 0}
        return changed | {"experts.waits": False, "experts.one_kernel": True}
    if not _holds(PARTIAL, row):
        eager = catalog.load("software", "megatron-core").launch.text
        changed |= {"graphs": False, "launch": eager}
    return changed
