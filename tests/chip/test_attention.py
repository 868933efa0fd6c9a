"""Fused attention on a chip: published figures, sums, shapes, and bad questions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.chip.attention import PARTS, RESOURCES, Attention, attention
from accelsim.errors import InputError
from accelsim.specs.chip import ChipSpec
from tests.examples import CHIP_SPEC, merged


def chip(name: str) -> ChipSpec:
    found: ChipSpec = catalog.load("chips", name)
    return found


def asked(name: str = "h100-sxm", **changes: Any) -> Attention:
    sizes: dict[str, Any] = {"batch": 2, "heads": 16, "seq_q": 8192, "head_dim": 128}
    return attention(chip(name), **sizes | changes)


# Published TFLOP/s (causal counted half) of whole benchmarks.
@pytest.mark.parametrize(
    ("name", "kernel", "changes", "published"),
    [
        # FlashAttention-3, arXiv:2407.08608, fig. 5: forward, 16k tokens
        ("h100-sxm", "flash3", {"causal": False}, 646),
        ("h100-sxm", "flash3", {}, 602),
        ("h100-sxm", "flash3", {"head_dim": 64, "heads": 32}, 460),
        ("h100-sxm", "flash3", {"head_dim": 256, "heads": 8}, 628),
        ("h100-sxm", "flash3", {"causal": False, "passes": "backward"}, 559),
        ("h100-sxm", "cudnn", {"head_dim": 256, "heads": 8}, 497),
        # FlashAttention-2, arXiv:2307.08691: both passes
        ("a100-80gb", "flash2", {"causal": False, "passes": "both"}, 201),
        ("h100-sxm", "flash2", {"head_dim": 64, "heads": 32, "passes": "both"}, 273),
        # AITER: HazyResearch/HipKittens@f09e968, 16 heads of 128
        ("mi355x", "flash2", {"batch": 16}, 1173),
    ],
)
def test_published_rates(
    name: str, kernel: str, changes: dict[str, Any], published: float
) -> None:
    found = asked(name, kernel=kernel, **changes)
    assert found.rate / 1e12 == pytest.approx(published, rel=0.06)


@given(
    batch=st.integers(1, 64), heads=st.integers(1, 64), seq_q=st.integers(1, 20_000),
    head_dim=st.sampled_from([64, 80, 128, 192, 256, 512]),
    causal=st.booleans(), window=st.sampled_from([0, 1000]),
    passes=st.sampled_from(["forward", "backward", "both"]), steady=st.booleans(),
)  # fmt: skip
def test_time_is_the_sum_of_its_parts(passes: Any, **sizes: Any) -> None:
    found = attention(chip("b200"), passes=passes, **sizes)
    parts = [getattr(found, name) for name in PARTS]
    assert all(part >= 0.0 for part in parts)
    assert found.time == pytest.approx(sum(parts))
    # no resource is done later than the call
    assert all(getattr(found, name) <= found.time for name in RESOURCES)
    assert 0.0 < found.utilisation < 1.0


def test_arrays_and_numbers_are_one_thing() -> None:
    seq, heads = np.array([[128], [4096]]), np.array([1, 8, 64])
    many = asked(seq_q=seq, heads=heads, causal=np.array([True, False, True]))
    assert np.shape(many.time) == (2, 3)
    assert np.shape(many.bound) == (2, 3)
    one = asked(seq_q=4096, heads=8, causal=False)
    assert isinstance(one.time, float)
    assert np.asarray(many.time)[1, 1] == one.time
    assert np.asarray(many.bound)[1, 1] == one.bound
    assert many.to_dict()["rate_flops_per_s"][1][1] == one.to_dict()["rate_flops_per_s"]
    assert asked(seq_q=np.array([], dtype=int)).to_dict()["time_s"] == []


def test_what_bounds_a_call() -> None:
    # 16 exponentials a cycle on both, and twice the products on the B200; twice the
    # exponentials on the B300
    words = {name: asked(name).bound for name in ("h100-sxm", "b200", "b300")}
    expected = ("matrix unit", "exponentials", "matrix unit")
    assert words == dict(zip(words, expected, strict=True))
    exponentials = [asked(n, head_dim=64).exponentials for n in ("b200", "b300")]
    assert exponentials[0] > 1.5 * exponentials[1]
    assert asked(seq_q=64, batch=1, kernel="trtllm").bound == "launch"
    assert asked(seq_q=4096, batch=1, heads=1).bound == "idle units"
    assert asked(seq_q=1, seq_kv=65536, batch=64).bound == "memory"


def test_a_long_run_is_slower_than_a_benchmark() -> None:
    short, long = asked("b200"), asked("b200", steady=True)
    assert long.throttle > short.throttle
    assert long.inner == short.inner
    # no more than the cap allows: (power at the highest clock / cap)^(1/3)
    power = 1.56e-12 * float(chip("b200").matrix.peak["bf16"]) * 1.965 / 1.86
    most = (power / 1000) ** (1 / 3)
    assert long.time < most * (long.time - long.throttle)


def test_backward_reaches_a_little_less() -> None:
    # FlashAttention-4 on B200: 1209 and 1418 TFLOP/s (Dao-AILab/flash-attention 2280)
    rates = [asked("b200", passes=p, batch=4).rate for p in ("forward", "backward")]
    assert rates[1] / rates[0] == pytest.approx(1209 / 1418, abs=0.06)


def test_queries_behind_a_prefix_see_it() -> None:
    whole = asked(seq_q=8192)
    tail = asked(seq_q=4096, seq_kv=8192)
    head = asked(seq_q=4096)
    assert tail.flops + head.flops == pytest.approx(whole.flops)
    assert head.time < tail.time < whole.time


def test_the_latent_attention_of_deepseek() -> None:
    # 192 of queries and keys, 128 of values: between the two
    times = [asked(head_dim=k, v_dim=v).time for k, v in ((128, 128), (192, 128))]
    assert times[0] < times[1] < asked(head_dim=192).time
    assert asked(head_dim=192, v_dim=128).flops == asked(head_dim=160).flops


def test_a_package_of_several_workers_is_one_chip() -> None:
    parts = {
        "workers_per_chip": 4,
        "core_link": {"bandwidth": "2 TB/s", "latency": "1 us"},
    }
    whole, cut = (
        attention(ChipSpec.model_validate(merged(CHIP_SPEC, c)), 64, 16, 4096, 128)
        for c in ({}, parts)
    )
    assert cut.time == pytest.approx(whole.time)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 0}, "batch: goes from 1 to"),
        ({"seq_q": -4}, "seq_q: goes from 1"),
        ({"heads": 2.5}, "heads: 2.5 is no whole number"),
        ({"head_dim": "128"}, "head_dim: '128' is no whole number"),
        ({"seq_q": 2**40}, "seq_q: goes from 1 to 2147483647"),
        ({"window": -1}, "window: goes from 0"),
        ({"causal": 2}, "causal: goes from 0 to 1"),
        ({"kv_heads": 3}, "kv_heads: 16 query heads share no whole number of 3"),
        ({"kv_heads": 32}, "kv_heads: 16 query heads"),
        ({"seq_kv": 100}, "seq_kv: 100 keys are fewer than 8192 queries"),
        ({"batch": [1, 2], "heads": [1, 2, 3]}, "shapes do not broadcast: batch (2,)"),
        ({"dtype": "fp64"}, "dtype: 'fp64' is not for attention on h100-sxm"),
        ({"dtype": "bf61"}, "did you mean 'bf16'"),
        ({"passes": "forwards"}, "passes: 'forwards' is unknown; did you mean"),
        ({"kernel": "flash9"}, "kernel: h100-sxm has no 'flash9'; did you mean"),
        ({"kernel": "trtllm", "passes": "both"}, "trtllm of h100-sxm has no backward"),
    ],
)
def test_a_bad_question_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as failure:
        asked(**changes)
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_chip_without_fused_kernels_says_so() -> None:
    with pytest.raises(InputError, match="v100-32gb has no fused attention kernel"):
        asked("v100-32gb")
