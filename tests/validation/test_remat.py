"""Policies of rematerialisation: what they keep by name, and what a layer repeats."""

import pytest

from accelsim import catalog
from accelsim.specs.model import ModelSpec
from accelsim.validation.remat import (
    POLICIES,
    QKV,
    kept_names,
    kept_share,
    repeated,
    repeated_share,
)


def model(name: str) -> ModelSpec:
    found: ModelSpec = catalog.load("models", name)
    return found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("selective (remat_policy=minimal)", {*QKV, "out_proj", "mlpwi", "mlpwo"}),
        ("selective (qkv_proj_offloaded)", set(QKV)),
        ("full+offload (custom: decoder_layer_input/qkv offloaded to host)", set(QKV)),
        ("custom (key_proj,value_proj,mlpwo offload)", {*QKV[1:], "mlpwo"}),
        ("custom (mlpwi_0, mlpwi_1)", {"mlpwi_0", "mlpwi_1", "mlpwi"}),
        ("custom (mlpwi_0)", {"mlpwi_0"}),
        ("full", set()),
        ("custom (decoder_layer_input)", set()),
        ("", set()),
    ],
)
def test_names_that_a_cell_keeps(text: str, names: set[str]) -> None:
    assert kept_names(text) == names


def test_products_that_llama_repeats() -> None:
    # Llama 2 7B, multiply-adds of a token: 4 x 4096 x 4096 around attention, 3 x 4096 x
    # 11008 in the network, whose last product nobody reads
    llama = model("llama2-7b")
    attention, inner = 4 * 4096 * 4096, 4096 * 11008
    total = attention + 3 * inner
    for policy, again in (
        ("full", attention + 2 * inner),
        ("save_qkv_proj", attention / 4 + 2 * inner),
        ("save_dot_except_mlp", 2 * inner),
        ("save_dot_except_mlpwi", 2 * inner),
        ("minimal", 0),
    ):
        found = repeated_share(llama, kept_names(policy))
        assert found == pytest.approx(again / total), policy


def test_grouped_keys_cost_less_than_queries() -> None:
    # Llama 3 70B: 8 of 64 heads
    llama = model("llama3-70b")
    none = repeated_share(llama, frozenset())
    queries = none - repeated_share(llama, frozenset({"query_proj"}))
    keys = none - repeated_share(llama, frozenset({"key_proj", "value_proj"}))
    assert queries / keys == pytest.approx(64 / 16)


def test_what_experts_return_is_weighed_and_read() -> None:
    # Mixtral: the weights of a token's experts have gradients, of their outputs
    mixtral = model("mixtral-8x7b")
    assert repeated_share(mixtral, frozenset()) == 1.0
    kept = repeated_share(mixtral, kept_names("mlpwo"))
    widths = 2 * (4096 * 4096 + 4096 * 1024) + 2 * 3 * 4096 * 14336
    assert kept == pytest.approx(1.0 - 2 * 4096 * 14336 / widths)


def test_latent_attention_has_its_own_products() -> None:
    # DeepSeek-V3: queries through rank 1536, keys and values through 512
    deepseek = model("deepseek-v3")
    query = 1536 * (7168 + 128 * 192)
    key = 7168 * (512 + 64) + 512 * 128 * (128 + 128)
    none = repeated_share(deepseek, frozenset())
    some = repeated_share(deepseek, frozenset({"query_proj"}))
    rest = repeated_share(deepseek, frozenset(QKV))
    assert (none - some) / (some - rest) == pytest.approx(query / key)


def test_what_stays_on_the_chip() -> None:
    llama = model("llama2-7b")
    minimal = kept_share(llama, kept_names("minimal"), "minimal")
    assert minimal < kept_share(llama, kept_names("minimal_with_context"), "") < 1.0
    away = kept_share(llama, frozenset(QKV), "qkv_proj_offloaded")
    assert away == kept_share(llama, frozenset(), "full") > 0.0


def test_a_policy_that_keeps_more_repeats_less() -> None:
    llama = model("llama2-70b")
    for less, few in POLICIES.items():
        for more, many in POLICIES.items():
            if set(few) <= set(many):
                a, b = (repeated_share(llama, frozenset(kept)) for kept in (few, many))
                assert a >= b, (less, more)
                a, b = (kept_share(llama, frozenset(kept), "") for kept in (few, many))
                assert a <= b, (less, more)


def changed(text: str, stack: str) -> dict[str, float]:
    found = repeated(text, stack, model("llama2-7b"))
    assert all(o.path[:2] == ("software", "selective") for o in found)
    return {o.path[-1]: o.value for o in found}


def test_a_policy_changes_what_selective_means() -> None:
    minimal = changed("selective (remat_policy=minimal)", "maxtext")
    assert minimal["matmul"] == 0.0
    assert minimal["attention"] == minimal["elementwise"] == 1.0
    assert changed("minimal_with_context", "maxtext")["attention"] == 0.0
    assert changed("SAVE_DOT_ONLY", "pax")["matmul"] == 0.0
    for text in ("", "selective (op)"):
        assert changed(text, "maxtext") == {}
    # AXLearn repeats the gate and what is beside it, Pax the same but attention
    usual, pax = changed("", "axlearn"), changed("", "pax")
    inner = 2 * 4096 * 11008 / (4 * 4096 * 4096 + 3 * 4096 * 11008)
    assert usual["matmul"] == pax["matmul"] == pytest.approx(inner)
    assert (usual["attention"], pax["attention"]) == (1.0, 0.0)
