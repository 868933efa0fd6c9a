"""Mixtures in NVIDIA's performance recipes: what each release switched on."""

import pytest

from accelsim import catalog
from accelsim.validation.bridge_recipes import expert_changes


def row(release: str, chip: str, model: str, precision: str) -> dict[str, str]:
    source = f"NVIDIA-NeMo/Megatron-Bridge docs [{release}] Pre-Training"
    words = {"source": source, "chip": chip, "model": model, "precision": precision}
    return words | {"moe": "128"}


def test_whole_iterations_are_captured_for_mxfp8_since_26_06() -> None:
    # v0.5.0 qwen3_workload_base_configs.py, QWEN3_30B_A3B_PRETRAIN_CONFIG_GB200_FP8_MX
    found = expert_changes(row("26.06", "GB200", "qwen3-30b-a3b", "mxfp8"))
    assert found["overlap.ep"] is found["experts.one_kernel"] is True
    assert found["experts.waits"] is False
    assert "launch" not in found  # the stack's own, of a graph


@pytest.mark.parametrize(
    ("asked", "captured", "hidden", "once"),
    [
        # v0.4.0, GB200_FP8_MX_V1: cuda_graph_scope moe_router and moe_preprocess
        (("26.02.01", "GB200", "qwen3-30b-a3b", "mxfp8"), True, False, True),
        # v0.3.0, B200_BF16_V1: nothing but moe_a2a_overlap = False
        (("26.02", "B200", "qwen3-235b-a22b", "bf16"), False, False, False),
        # v0.2.0, B200_FP8_CS_BASE_CONFIG: moe_a2a_overlap = True
        (("25.11", "B200", "qwen3-235b-a22b", "fp8"), False, True, False),
        # v0.5.0, H100_FP8_CS_V1: hybridep, no graph
        (("26.06", "H100-SXM", "qwen3-30b-a3b", "fp8"), False, False, True),
        # v0.5.0, DEEPSEEK_V3_PRETRAIN_CONFIG_B200_FP8_MX_V2: deepep, attn and router
        (("26.04.01", "B200", "deepseek-v3", "mxfp8"), True, True, True),
    ],
)
def test_what_a_recipe_captures_and_hides(
    asked: tuple[str, str, str, str], *, captured: bool, hidden: bool, once: bool
) -> None:
    found = expert_changes(row(*asked))
    assert found["overlap.ep"] is hidden
    assert found.get("dispatch_once", True) is once
    assert ("launch" not in found) is captured
    eager = catalog.load("software", "megatron-core").launch.text
    assert found.get("launch", eager) == eager


def test_dropped_tokens_are_counted_beforehand() -> None:
    dropped = row("25.09", "B200", "deepseek-v3", "fp8")
    dropped["source"] += ": DeepSeekV3 (tokendrop)"
    assert expert_changes(dropped)["experts.waits"] is False
    assert "experts.waits" not in expert_changes(row("25.09", "B200", "x", "fp8"))


@pytest.mark.parametrize(
    ("asked", "scores", "head"),
    [
        # v0.5.0 deepseek_llm_pretrain.py: fp8_output_proj for both, mxfp8 alone;
        # deepseek_workload_base_configs.py: fp8_dot_product_attention of GB300 alone
        (("26.06", "GB300", "deepseek-v3", "mxfp8"), True, True),
        (("26.06", "GB200", "deepseek-v3", "mxfp8"), False, True),
        (("26.06", "GB200", "deepseek-v3", "bf16"), False, False),
        (("26.06", "B300", "deepseek-v3", "mxfp8"), False, False),
        # v0.6.0 perf_recipes/deepseek/b300/deepseek_v3.py
        (("26.08", "B300", "deepseek-v3", "mxfp8"), True, True),
        (("26.06", "GB200", "qwen3-30b-a3b", "mxfp8"), True, False),
        (("26.04", "GB300", "gpt-oss-120b", "mxfp8"), False, False),
    ],
)
def test_what_a_recipe_narrows(
    asked: tuple[str, str, str, str], *, scores: bool, head: bool
) -> None:
    found = expert_changes(row(*asked))
    assert (found.get("narrow_attention", False), found.get("narrow_head", False)) == (
        scores,
        head,
    )
