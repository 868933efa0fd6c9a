"""Checkpoint policies repeat the products whose output they do not keep."""

import pytest

from accelsim import catalog
from accelsim.validation.remat import POLICIES, policy_of, repeated

LLAMA = catalog.model("llama2-70b")  # 8192 wide, 64 heads on 8, 28672 inside
PRODUCTS = 8192 * (8192 + 2048) + 8192 * 8192 + 3 * 8192 * 28672


@pytest.mark.parametrize(
    ("policy", "matmul", "attention"),
    [
        # by hand: gate and up; these and the output; nothing but the context's
        ("save_dot_except_mlpwi", 2 * 8192 * 28672, 1.0),
        ("save_dot_except_mlp", 2 * 8192 * 28672, 1.0),  # nothing reads the last one
        ("save_qkv_proj", 8192 * 8192 + 2 * 8192 * 28672, 1.0),
        ("save_dot_except_logits_ffn1", 2 * 8192 * 28672, 0.0),
        ("minimal", 0, 1.0),
        ("minimal_with_context", 0, 0.0),
    ],
)
def test_products_that_are_repeated(policy: str, matmul: int, attention: float) -> None:
    found = repeated(f"selective ({policy})", LLAMA)
    assert found["selective.matmul"] == pytest.approx(matmul / PRODUCTS)
    assert found["selective.attention"] == attention


def test_a_policy_that_keeps_more_repeats_less() -> None:
    by_name = {name: repeated(name, LLAMA) for name in POLICIES}
    for less, kept in POLICIES.items():
        for more, held in POLICIES.items():
            if set(kept) <= set(held):
                few, many = by_name[more], by_name[less]
                assert few["selective.matmul"] <= many["selective.matmul"]  # type: ignore[operator]
                assert few["selective.kept"] >= many["selective.kept"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("selective (remat_policy=minimal)", "minimal"),
        ("selective (save_dot_except_logits)", "save_dot_except_logits"),
        ("SAVE_DOT_ONLY", "save_dot_only"),
        ("selective (op)", None),
        ("", None),
    ],
)
def test_words_that_name_a_policy(text: str, policy: str | None) -> None:
    assert policy_of(text) == policy
    assert bool(repeated(text, LLAMA)) == (policy is not None)
