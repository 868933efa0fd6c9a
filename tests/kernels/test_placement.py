"""Where groups lie, against a list of all ranks."""

from collections import Counter
from collections.abc import Hashable, Iterable
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.collectives import reach_of
from accelsim.kernels.placement import (
    alike_stride,
    expert_stride,
    replica_span,
    replica_stride,
    stage_stride,
)
from accelsim.kernels.tables import ORDERS, STAGES_LAST
from tests.examples import plan, switch, tiers

ORDER = st.sampled_from(range(len(ORDERS)))
SIZE = st.sampled_from([1, 2, 4])
Group = dict[Hashable, list[int]]


def placed(order: int, sizes: dict[str, int]) -> list[dict[str, int]]:
    """Return where each rank is on each axis; the order's first name changes first."""
    names = ORDERS[order].split("-")[::-1]
    found = product(*(range(sizes[name]) for name in names))
    return [dict(zip(names, place, strict=True)) for place in found]


def groups(where: list[dict[str, int]], same: Iterable[str]) -> list[list[int]]:
    """Return the ranks that agree on some axes, group by group."""
    found: Group = {}
    for rank, place in enumerate(where):
        found.setdefault(tuple(place[name] for name in same), []).append(rank)
    return list(found.values())


def inside(found: list[list[int]], node: int) -> int:
    """Return how many members of a group its emptiest node has."""
    return min(min(Counter(r // node for r in group).values()) for group in found)


@given(order=ORDER, tp=SIZE, cp=SIZE, dp=SIZE, pp=SIZE)
def test_as_many_replicas_in_a_node_as_in_a_list_of_ranks(
    order: int, tp: int, cp: int, dp: int, pp: int
) -> None:
    sizes = {"tp": tp, "cp": cp, "dp": dp, "pp": pp}
    one, node = plan(**sizes, etp=tp, order=order), 8
    where = placed(order, sizes)
    found = groups(where, ("tp", "pp"))
    system = tiers(switch(node, 1e11), switch(4096, 1e10))
    members = float(cp * dp)
    stride = replica_stride(system, one, members)
    assert reach_of(system, 0, members, stride) == inside(found, node)
    # so many groups share the ways out of a node that is full
    if len(where) >= node:
        shared = {len({g[0] for g in found if any(r // node == 0 for r in g)})}
        assert shared == {node // inside(found, node)}
    assert replica_span(one) >= max(max(g) - min(g) + 1 for g in found)
    stages = groups(where, ("tp", "cp", "dp"))
    apart = {b - a for g in stages for a, b in pairwise(g)}
    assert apart <= {stage_stride(one)}


@given(order=ORDER, cp=SIZE, dp=SIZE, pp=SIZE, data=st.data())
def test_shards_and_their_copies(
    order: int, cp: int, dp: int, pp: int, data: st.DataObject
) -> None:
    """Hybrid sharding: the first `group` of a worker's replicas share a copy."""
    sizes = {"tp": 2, "cp": cp, "dp": dp, "pp": pp}
    whole = cp * dp
    share = [n for n in (1, 2, 4, 8, 16) if whole % n == 0]
    group, node = data.draw(st.sampled_from(share)), 8
    one = plan(**sizes, etp=2, order=order, shard_group=group)
    system = tiers(switch(node, 1e11), switch(4096, 1e10))
    found = groups(placed(order, sizes), ("tp", "pp"))
    shards = [g[i : i + group] for g in found for i in range(0, whole, group)]
    copies = [g[i::group] for g in found for i in range(group)]
    for mine, stride in (
        (shards, replica_stride(system, one, float(group))),
        (copies, alike_stride(system, one, float(whole // group), float(group))),
    ):
        members = float(len(mine[0]))
        assert reach_of(system, 0, members, stride) == inside(mine, node)


@pytest.mark.parametrize(("dp", "pp"), [(2, 2), (4, 2), (8, 4), (2, 16)])
def test_experts_between_stages(dp: int, pp: int) -> None:
    # tp x cp = etp x ep = 4: those that hold the same experts are whole blocks apart
    sizes = {"tp": 2, "cp": 2, "dp": dp, "pp": pp}
    one = plan(**sizes, etp=1, ep=4, order=1)
    system = tiers(switch(8, 1e11), switch(4096, 1e10))
    found = groups(placed(1, sizes), ("tp", "cp", "pp"))
    stride = expert_stride(system, one, float(dp))
    assert reach_of(system, 0, float(dp), stride) == inside(found, 8)


@given(tp=SIZE, cp=SIZE, dp=SIZE, pp=SIZE)
def test_the_usual_order_is_as_before(tp: int, cp: int, dp: int, pp: int) -> None:
    # Megatron-LM: tp-cp-ep-dp-pp
    one: Any = plan(tp=tp, cp=cp, dp=dp, pp=pp, etp=tp, order=STAGES_LAST)
    system = tiers(switch(8, 1e11), switch(4096, 1e10))
    assert replica_stride(system, one, float(cp * dp)) == tp
    assert expert_stride(system, one, float(dp)) == tp
    assert alike_stride(system, one, 2.0, 4.0) == 4.0 * tp
    assert stage_stride(one) == tp * cp * dp
