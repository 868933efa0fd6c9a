"""Plans by number, and shards found once, against plain Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.plan_tables import OPTION
from accelsim.kernels.space import (
    EMPTY,
    fill_plans,
    gather_legal,
    index_shards,
    same_replicas,
    same_work,
)
from accelsim.training.lower import table
from tests.examples import plan

SIZE = st.integers(1, 3)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
def test_plans_have_numbers(counts: list[int], data: st.DataObject) -> None:
    heads = table(tables.PLAN, len(counts))
    heads.tp = np.arange(len(counts)) + 1
    options = np.array([(i % 3, i, i, i % 2, 0.5 * i, i % 2) for i in range(4)], OPTION)
    rows = options.view(np.recarray)
    first = np.concatenate([[0], np.cumsum(counts)])
    whole = [(h + 1, o) for h, count in enumerate(counts) for o in range(count)]
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    plans = table(tables.PLAN, stop - start)
    head = max(0, int(np.searchsorted(first, start, side="right")) - 1)
    fill_plans(heads, first, rows, start, min(head, len(counts) - 1), plans)
    found = zip(plans.tp.tolist(), plans.recompute_layers.tolist(), strict=True)
    assert list(found) == whole[start:stop]
    assert list(plans.offload) == [0.5 * o for _, o in whole[start:stop]]
    assert list(plans.modules) == [o for _, o in whole[start:stop]]
    assert list(plans.sharding) == [o % 2 for _, o in whole[start:stop]]


@given(st.lists(st.tuples(*[SIZE] * len(tables.SHARD_FIELDS)), max_size=40))
def test_shards_are_listed_once(keys: list[tuple[int, ...]]) -> None:
    plans = table(tables.PLAN, len(keys))
    for name, column in zip(tables.SHARD_FIELDS, zip(*keys, strict=True), strict=False):
        plans[name] = column
    shards = table(tables.SHARD, len(keys))
    slots = np.full(2 << len(keys).bit_length(), EMPTY)
    count = index_shards(plans, shards, slots)
    known = list(dict.fromkeys(keys))
    assert count == len(known)
    assert list(plans.shard) == [known.index(key) for key in keys]
    told = [tuple(int(shards[i][f]) for f in tables.SHARD_FIELDS) for i in range(count)]
    assert told == known


@given(st.lists(st.integers(0, 3), max_size=12))
def test_legal_plans_are_gathered_and_the_others_counted(reasons: list[int]) -> None:
    plans = table(tables.PLAN, len(reasons))
    plans.reason, plans.tp = reasons, np.arange(len(reasons))
    counts = np.zeros(4, dtype=np.int64)
    kept = gather_legal(plans, counts)
    assert list(plans.tp[:kept]) == [i for i, r in enumerate(reasons) if r == 0]
    assert list(counts) == [reasons.count(r) for r in range(4)]


def test_what_plans_share() -> None:
    one = plan(tp=2)
    for name in ("sharding", "offload", "offload_optimizer", "optimizer"):
        assert same_work(one, plan(tp=2, **{name: 1}))
    for name in ("shard", "pp", "vp", "dp", "recompute", "kept_share", "schedule"):
        assert not same_work(one, plan(tp=2, **{name: 7}))
    assert same_replicas(one, plan(tp=2, micro_batch=8, recompute=2, sharding=1))
    for name in ("tp", "cp", "pp", "vp", "ep", "dp", "case"):
        assert not same_replicas(one, plan(**{"tp": 2, name: 7}))
