"""Which plans are legal: every reason once, and the axes against a slow count."""

import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.explore.estimate import answer, estimate, estimate_many
from accelsim.explore.held import held
from accelsim.kernels import tables
from accelsim.training.plans import candidates, divisors, why_none
from tests.examples import MOE_SPEC, merged, question

MIXTURE = {"moe": MOE_SPEC}
# The example has 16 chips, 16 heads, 8 layers, 2048 tokens and 64 sequences a step.
REFUSED: list[tuple[int, dict[str, Any], list[str]]] = [
    (1, {"chips": 12, "plan": {"tp": 3}}, ["plan.tp: 3", "16 heads", "1, 2, 4, 8, 16"]),
    (2, {"plan": {"pp": 16}}, ["plan.pp: 16", "8 layers"]),
    (3, {"plan": {"pp": 4, "vp": 4}}, ["plan.vp: 4", "pp 4", "8 layers"]),
    (3, {"plan": {"pp": 1, "vp": 2}}, ["plan.vp: 2", "pp 1"]),
    (
        5,
        {"global_batch": 63, "plan": {"tp": 1, "pp": 1, "dp": 16, "micro_batch": 2}},
        ["run.global_batch: 63", "dp 16", "micro_batch 2"],
    ),
    (
        6,
        {"chips": 12, "model": MIXTURE, "global_batch": 48, "plan": {"ep": 3}},
        ["plan.ep: 3", "8 experts"],
    ),
    (
        7,
        {"model": MIXTURE, "plan": {"tp": 4, "pp": 1, "cp": 1, "ep": 8}},
        ["plan.ep: 8", "dp 4"],
    ),
    (
        7,
        {"model": MIXTURE, "plan": {"tp": 4, "pp": 1, "cp": 1, "ep": 8, "etp": 8}},
        ["plan.ep: 8 x etp 8", "tp 4 x dp 4"],
    ),
    (
        8,
        {"model": MIXTURE, "plan": {"tp": 4, "sp": False, "pp": 1, "etp": 1}},
        ["plan.etp: 1 beside tp 4 needs sp"],
    ),
    (
        8,
        {"model": merged(MIXTURE, {"moe": {"ffn": 520}}), "plan": {"tp": 4, "etp": 16}},
        ["plan.etp: 16 does not divide the width 520"],
    ),
    (9, {"seq_len": 2047, "plan": {"cp": 2}}, ["plan.cp: 2", "seq_len 2047"]),
    (
        10,
        {
            "software": {"context": {"types": ("a2a",), "copies": True}},
            "plan": {"tp": 2, "cp": 16, "pp": 1},
            "chips": 32,
        },
        ["plan.cp: an all-to-all of 16 workers", "8 heads", "tp 2"],
    ),
    (
        11,
        {"plan": {"tp": 2, "cp": 1, "pp": 2, "dp": 2, "micro_batch": 1}},
        ["tp 2 x cp 1 x pp 2 x dp 2 = 8", "16 workers", "16 chips"],
    ),
    (
        12,
        {"plan": {"sharding": "zero2"}},
        ["plan.sharding", "none, zero1, zero3", "zero2"],
    ),
]


@pytest.mark.parametrize(
    ("reason", "asked", "words"), REFUSED, ids=[f"{r[0]}-{r[2][0]}" for r in REFUSED]
)
def test_an_illegal_plan_says_why_in_one_line(
    reason: int, asked: dict[str, Any], words: list[str]
) -> None:
    q = question(**asked)
    plans = candidates(q, 0)
    assert plans.reason.max() == reason
    assert not (plans.reason == tables.OK).any()
    message = why_none(q, plans)
    assert "\n" not in message
    for word in words:
        assert word in message
    failure = answer([q])[0]
    assert isinstance(failure, InputError)
    assert str(failure) == message


CANNOT: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"tensor": False}, {"tp": 2}, "plan.tp: 2: software .* no tensor parallelism"),
    ({"pipeline": False}, {"pp": 2}, "plan.pp: 2: software .* no pipeline"),
    (
        {"interleaved": False},
        {"pp": 2, "vp": 2},
        "plan.vp: 2: software .* no interleaved pipeline",
    ),
    ({}, {"recompute": "selective"}, "plan.recompute: .* none, full, not selective"),
    ({}, {"ep": 2}, "plan.ep: 2: example-model has no experts"),
]


@pytest.mark.parametrize(
    ("stack", "plan", "words"), CANNOT, ids=[next(iter(c[1])) for c in CANNOT]
)
def test_what_cannot_be_done_is_refused(
    stack: dict[str, Any], plan: dict[str, Any], words: str
) -> None:
    q = question(software=stack, plan=plan)
    assert tables.OK not in candidates(q, 0).reason
    failure = answer([q])[0]
    assert isinstance(failure, InputError)
    assert re.search(words, str(failure))


def test_sizes_that_make_no_job() -> None:
    q = question(plan={"tp": 16, "pp": 4})
    assert len(candidates(q, 0)) == 0
    assert why_none(q, candidates(q, 0)) == (
        "plan: tp 16 x pp 4 = 64 does not divide the 16 workers of 16 chips"
    )


def test_interleaving_needs_whole_rounds() -> None:
    # 8 sequences over dp 2: 4 micro-batches of one on 8 stages are half a round
    asked: dict[str, Any] = {"tp": 1, "pp": 8, "dp": 2, "micro_batch": 1}
    deep = {"layers": 16}
    plans = candidates(question(global_batch=8, model=deep, plan=asked), 0)
    assert set(plans.reason[plans.vp == 2]) == {4}
    assert tables.OK in plans.reason[plans.vp == 1]
    # who asks for it gets it: some stacks drop the last round's rest
    fixed = candidates(question(global_batch=8, model=deep, plan=asked | {"vp": 2}), 0)
    assert tables.OK in fixed.reason


def test_gathered_weights_have_no_stage_unless_asked() -> None:
    plans = candidates(question(), 0)
    gathered = plans[(plans.sharding == tables.ZERO3) & (plans.pp > 1)]
    assert len(gathered)
    assert tables.OK not in gathered.reason
    asked = candidates(question(plan={"pp": 2, "sharding": "zero3"}), 0)
    assert tables.OK in asked.reason


@pytest.mark.parametrize(
    ("stack", "axis"), [({"tensor": False}, "tp"), ({"pipeline": False}, "pp")]
)
def test_a_stack_that_cannot_cut_is_not_asked_to(
    stack: dict[str, bool], axis: str
) -> None:
    assert set(candidates(question(software=stack), 0)[axis]) == {1}
    assert set(candidates(question(), 0)[axis]) > {1, 2}


def test_a_stack_without_interleaving_has_no_virtual_stages() -> None:
    assert set(candidates(question(software={"interleaved": False}), 0).vp) == {1}
    assert set(candidates(question(), 0).vp) == {1, 2, 4}


def test_sequence_parallelism_follows_the_stack() -> None:
    plans = candidates(question(), 0)
    assert set(plans.sp[plans.tp > 1]) == {1}
    assert set(plans.sp[plans.tp == 1]) == {0}
    assert set(candidates(question(plan={"sp": False}), 0).sp) == {0}


def test_contexts_are_cut_where_they_are_long() -> None:
    assert set(candidates(question(), 0).cp) == {1}
    assert set(candidates(question(seq_len=32768), 0).cp) == {1, 2, 4}


def slow_plans(chips: int, batch: int) -> set[tuple[int, ...]]:
    """Return the legal plans of the dense example, every number tried."""
    found: set[tuple[int, ...]] = set()
    numbers = range(1, chips + 1)
    for tp, pp, dp, vp in product(numbers, numbers, numbers, range(1, 9)):
        if tp * pp * dp != chips or 16 % tp or pp > 8:
            continue
        if vp > 1 and (pp == 1 or 8 % (pp * vp)):
            continue
        for size, sharding, recompute in product((1, 2, 4, 8, 16), (0, 1, 3), (0, 2)):
            if batch % (dp * size) or (sharding == 3 and pp > 1):
                continue
            if sharding and dp == 1:  # nobody to share with
                continue
            count = batch // (dp * size)
            if vp > 1 and count % pp:
                continue
            found.add((tp, pp, dp, vp, size, count, sharding, recompute))
    return found


@pytest.mark.parametrize(("chips", "batch"), [(1, 8), (8, 32), (16, 64), (24, 48)])
def test_all_legal_plans_are_tried_once(chips: int, batch: int) -> None:
    plans = candidates(question(chips, global_batch=batch), 0)
    legal = plans[plans.reason == tables.OK]
    names = ("tp", "pp", "dp", "vp", "micro_batch", "micro_batches")
    columns = [legal[name] for name in (*names, "sharding", "recompute")]
    found = [tuple(int(x) for x in row) for row in zip(*columns, strict=True)]
    assert len(found) == len(set(found))
    assert set(found) == slow_plans(chips, batch)


@given(st.integers(1, 20_000))
def test_divisors(number: int) -> None:
    assert divisors(number) == [d for d in range(1, number + 1) if number % d == 0]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"recompute_layers": 2}, "plan.recompute_layers: 2"),
        ({"recompute": "none", "recompute_layers": 2}, "plan.recompute_layers: 2"),
        ({"recompute_modules": "mlp"}, "plan.recompute_modules: mlp: modules"),
        ({"offload_optimizer": True}, "plan.offload_optimizer: example-system"),
        ({"offload_activations": 0.5}, "plan.offload_activations: example-system"),
    ],
)
def test_options_of_memory_that_cannot_be_had(plan: dict[str, Any], words: str) -> None:
    failure = answer([question(plan=plan)])[0]
    assert isinstance(failure, InputError)
    assert words in str(failure)


@pytest.mark.parametrize("modules", ["moe_act+layernorm", "layernorm, moe_act"])
def test_modules_are_recomputed_where_there_are_such(modules: str) -> None:
    told = {"recompute": "selective", "recompute_modules": modules}
    run: dict[str, Any] = {"system": "dgx-h100", "software": "megatron-core"}
    run |= {"chips": 64, "plan": told | {"tp": 1, "pp": 1, "ep": 8, "micro_batch": 1}}
    found = estimate(run | {"model": "mixtral-8x7b"})
    assert found.plan.recompute_modules == "layernorm+moe_act"
    assert held(found).plan.recompute_modules == ("layernorm", "moe_act")
    plan = run.pop("plan") | {"sharding": found.plan.sharding}
    table = {"model": "mixtral-8x7b", **run, **plan}
    assert estimate_many(table)["step_time_s"][0] == found.step_time
    with pytest.raises(InputError, match="moe_act: llama3-70b has no experts"):
        estimate(
            run
            | {"model": "llama3-70b", "plan": told | {"recompute_modules": "moe_act"}}
        )


def test_a_stack_that_recomputes_no_modules() -> None:
    told = {"recompute": "selective", "recompute_modules": ["mlp"]}
    stack = {"recompute": ("none", "selective")}
    failure = answer([question(plan=told, software=stack)])[0]
    assert "mlp: software example-software offers no modules" in str(failure)


def test_options_of_memory_reach_the_plan() -> None:
    given = {"recompute": "full", "recompute_layers": 1, "pp": 4, "optimizer": "muon"}
    host = {"node": {"host_bandwidth": "63 GB/s"}}
    q = question(plan=given | {"offload_activations": 0.5}, system=host)
    plans = candidates(q, 0)
    assert set(plans.kept_share) == {0.5}  # of 2 layers in each of 4 stages
    assert set(plans.optimizer) == {tables.MUON}
    assert set(plans.offload) == {0.5}


@pytest.mark.parametrize(
    ("model", "etp", "words"),
    [({}, 2, "plan.etp: 2: example-model has no experts"), (MIXTURE, 7, "plan.etp: 7")],
)
def test_experts_that_no_plan_can_cut(
    model: dict[str, Any], etp: int, words: str
) -> None:
    q = question(model=model, plan={"etp": etp})
    assert not len(candidates(q, 0))
    assert words in why_none(q, candidates(q, 0))
    failure = answer([q])[0]
    assert isinstance(failure, InputError)
    assert words in str(failure)
