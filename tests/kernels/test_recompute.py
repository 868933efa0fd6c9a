"""Recomputation by module: Korthikanti et al. 2022, and laws of taking parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.plan_tables import MODULES, N_MODULES
from accelsim.kernels.recompute import of_modules
from accelsim.kernels.tables import DENSE, FULL, KEEP, MOE, SELECTIVE
from accelsim.training.lower import module_bits, module_names
from tests.examples import NO_FUSED, chip, mixture, model, plan, world

UNFUSED = chip(**NO_FUSED)
LATENT = {"kv_rank": 64.0, "q_rank": 128.0, "rope_dim": 16.0}
NAMES = st.sets(st.sampled_from(sorted(MODULES)))


@given(NAMES)
def test_modules_are_bits_and_back(names: set[str]) -> None:
    bits = module_bits(names)
    assert module_bits(module_names(bits).split("+")) == bits
    assert bits == sum(1 << m for m in {m for name in names for m in MODULES[name]})


@given(NAMES, st.sampled_from([KEEP, SELECTIVE, FULL]))
def test_a_plan_names_what_it_repeats(names: set[str], recompute: int) -> None:
    figures = 10.0 ** np.arange(N_MODULES)
    named = {m for name in names for m in MODULES[name]}
    told = plan(recompute=recompute, modules=module_bits(names))
    expected = sum(figures[m] for m in named) if recompute == SELECTIVE else 0.0
    assert of_modules(told, figures) == expected


def test_core_attention_is_what_korthikanti_repeat() -> None:
    # section 5: 5 a s^2 b bytes of scores, softmax and masks are not kept
    made = world(chip=UNFUSED)
    kept = made.memory(recompute=KEEP).activations
    told = made.memory(recompute=SELECTIVE, modules=module_bits(["core_attn"]))
    dense = made.layers()[DENSE]
    count = float(made.model.layers)
    assert kept - told.activations == pytest.approx(count * dense.saved_core, rel=1e-9)
    step = made.step(recompute=SELECTIVE, modules=module_bits(["core_attn"]))
    assert step.recompute == pytest.approx(count * dense.forward_attention)


def test_a_fused_core_is_run_again_and_frees_nothing() -> None:
    made = world()
    told = {"recompute": SELECTIVE, "modules": module_bits(["core_attn"])}
    assert made.memory(**told).activations == made.memory().activations
    assert made.step(**told).recompute == pytest.approx(
        made.model.layers * made.layers()[DENSE].forward_attention
    )


def test_a_dense_block_is_everything_behind_its_norm() -> None:
    # h -> 4 h -> h with a plain activation: its input and output, 8 s h elements of 2 B
    made = world(model=model(up_matrices=1.0))
    dense = made.layers()[DENSE]
    told = {"recompute": SELECTIVE, "modules": module_bits(["mlp"])}
    freed = made.memory().activations - made.memory(**told).activations
    tokens, ffn = float(made.case.seq_len), float(made.model.ffn)
    assert freed == pytest.approx(made.model.layers * 2 * tokens * 2 * ffn)
    flops = made.step(**told).hardware_flops - made.step().hardware_flops
    each = 2 * 2 * tokens * made.model.hidden * ffn
    assert flops == pytest.approx(made.model.layers * each)
    assert made.step(**told).recompute < made.model.layers * dense.forward_matmul


@given(NAMES, NAMES)
def test_more_modules_take_longer_and_keep_less(some: set[str], more: set[str]) -> None:
    made = world(model=mixture(**LATENT))
    least = made.memory(recompute=FULL).activations
    found = []
    for names in (some, some | more):
        told = {"recompute": SELECTIVE, "modules": module_bits(names)}
        if not names:
            told = {"recompute": KEEP}
        found.append((made.step(**told), made.memory(**told)))
    (first, smaller), (second, larger) = found
    assert second.recompute >= first.recompute
    assert second.hardware_flops >= first.hardware_flops
    assert second.ep_bytes >= first.ep_bytes
    assert least <= larger.activations <= smaller.activations


def test_experts_are_sent_their_tokens_again() -> None:
    made = world(model=mixture())
    once = made.step(ep=4, dp=4)
    again = made.step(ep=4, dp=4, recompute=SELECTIVE, modules=module_bits(["moe"]))
    assert again.ep_bytes == pytest.approx(1.5 * once.ep_bytes)
    act = made.step(ep=4, dp=4, recompute=SELECTIVE, modules=module_bits(["moe_act"]))
    assert act.ep_bytes == once.ep_bytes


def test_what_is_repeated_is_in_the_layer() -> None:
    layers = world(model=mixture(**LATENT)).layers()
    for kind in (DENSE, MOE):
        row = layers[kind]
        whole = row.forward_matmul + row.forward_attention + row.forward_elementwise
        assert np.sum(row.again) < whole  # the residual stream is never repeated
        assert min(row.again[1:]) >= 0.0
        assert 0.0 < np.sum(row.freed) <= row.saved
