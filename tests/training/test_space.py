"""Spaces: every legal plan once, against loops over all numbers."""

import math
from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest

from accelsim.kernels import tables
from accelsim.kernels.legal import judge
from accelsim.question import Question, resolve, run_from
from accelsim.training.lower import lower
from accelsim.training.space import space_of
from tests.examples import question

FIELDS = (
    "tp", "sp", "cp", "pp", "vp", "dp", "micro_batch", "sharding", "recompute",
    "recompute_layers", "offload", "offload_optimizer",
)  # fmt: skip


def legal_plans(q: Question) -> list[tuple[float, ...]]:
    """Return the legal plans of a question's whole space, made in chunks."""
    rows, space, found = lower([q]), space_of(q, whole=True), []
    for start in range(0, len(space), 1000):
        plans = space.plans(start, min(start + 1000, len(space)))
        judge(rows.cases, rows.models, rows.software, plans)
        legal = plans[plans.reason == tables.OK]
        found += list(zip(*(legal[name].tolist() for name in FIELDS), strict=True))
    return found


def slow_plans(q: Question, host: tuple[int, ...]) -> Counter[tuple[float, ...]]:
    """Return the same from loops over all numbers, dense models under 1F1B."""
    found: Counter[tuple[float, ...]] = Counter()
    workers, layers, heads = q.workers, q.model.layers, q.model.heads
    numbers = [n for n in range(1, workers + 1) if workers % n == 0]
    for tp, cp, pp in product(numbers, numbers, numbers):
        dp, rest = divmod(workers, tp * cp * pp)
        if rest or heads % tp or q.seq_len % cp or pp > layers:
            continue
        each = q.global_batch // dp
        for size, vp in product(range(1, each + 1), range(1, layers + 1)):
            count, rest = divmod(q.global_batch, dp * size)
            if rest or (vp > 1 and (pp == 1 or layers % (pp * vp) or count % pp)):
                continue
            here = -(-layers // (pp * vp)) * vp
            for sharding, sp in product((0, 1, 3), (0, 1)):
                if (sp and tp == 1) or (sharding and dp * cp == 1):
                    continue
                if sharding == 3 and pp > 1:
                    continue
                again = [(0, 0), (2, 0), *((2, n) for n in range(1, here))]
                for (kind, some), moved, kept in product(again, host, host):
                    found[
                        tp, sp, cp, pp, vp, dp, size, sharding, kind, some, moved, kept
                    ] += 1
    return found


@pytest.mark.parametrize(
    ("chips", "batch", "fields"),
    [
        (1, 4, {}),
        (8, 16, {}),
        (12, 24, {"system": {"node": {"host_bandwidth": "63 GB/s"}}}),
        (16, 8, {"model": {"layers": 6}, "seq_len": 96}),
    ],
)
def test_every_legal_plan_once(chips: int, batch: int, fields: dict[str, Any]) -> None:
    q = question(chips, global_batch=batch, **fields)
    host = (0, 1) if "system" in fields else (0,)
    found = Counter(legal_plans(q))
    assert found == slow_plans(q, host)
    assert max(found.values()) == 1


def test_gpt3_on_4096_a100() -> None:
    # docs/sweeps.md tells this number; counted here axis by axis, in plain Python
    asked = {"model": "gpt3-175b", "system": "dgx-a100", "chips": 4096}
    q = resolve(run_from(asked | {"global_batch": 4096}))
    powers = [2**i for i in range(13)]
    count = 0
    for tp, cp, pp in product(powers[:6], powers[:12], powers[:7]):  # 32 of 96 heads
        dp, rest = divmod(4096, tp * cp * pp)
        if rest:
            continue
        # a ring, an all-gather, an all-to-all, one within groups and a ring of these
        heads, inner = 96 // tp, math.gcd(cp, 96 // tp)
        ways = 1 if cp == 1 else 2 + (heads % cp == 0) + (1 < inner < cp)
        for size in (p for p in powers if (4096 // dp) % p == 0):
            rounds = (4096 // dp // size) % pp == 0
            stages = [v for v in range(1, 97) if 96 % (pp * v) == 0 and pp > 1]
            for vp in [1, *(v for v in stages if v > 1 and rounds)]:
                again = 1 + -(-96 // (pp * vp)) * vp
                shared = 1 if dp * cp == 1 else 3 if pp == 1 else 2
                count += ways * again * shared * (2 if tp > 1 else 1) * 4
    assert count == 15_903_232
    rows, space, legal = lower([q]), space_of(q, whole=True), 0
    for start in range(0, len(space), 1 << 18):
        plans = space.plans(start, min(start + (1 << 18), len(space)))
        judge(rows.cases, rows.models, rows.software, plans)
        legal += int(np.sum(plans.reason == tables.OK))
    assert legal == count


def test_what_a_run_states_is_kept() -> None:
    stated = {"tp": 2, "micro_batch": 3, "recompute": "full", "recompute_layers": 1}
    plans = legal_plans(question(global_batch=96, plan=stated | {"sp": True}))
    columns = dict(zip(FIELDS, zip(*plans, strict=True), strict=True))
    told = {"tp": 2, "micro_batch": 3, "recompute": 2, "recompute_layers": 1, "sp": 1}
    assert {name: set(columns[name]) for name in told} == {
        name: {value} for name, value in told.items()
    }


def test_selective_recomputation_that_repeats_nothing_is_none() -> None:
    kind = {"core": True, "matmul": 0.0, "elementwise": 0.0, "kept": 1.0}
    stack = {"recompute": ("none", "selective", "full"), "selective": kind}
    for attention, kinds in (("fast", {0, 2}), ("unfused", {0, 1, 2})):
        q = question(software=stack | {"attention": attention})
        assert {int(plan[8]) for plan in legal_plans(q)} == kinds


def test_further_layers_and_heads_are_cut_with_the_others() -> None:
    # DeepSeek-V3: 61 layers and a further one are cut as 64
    shape = {"layers": 61, "mtp_layers": 1}
    stack = {"interleaved": True}
    plain = question(model={"layers": 61}, software=stack, plan={"pp": 8})
    assert set(space_of(plain, whole=True).heads.vp) == {1}
    asked = question(model=shape, software=stack, plan={"pp": 8})
    assert set(space_of(asked, whole=True).heads.vp) == {1, 2, 4, 8}
