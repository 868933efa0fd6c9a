"""Ways of context parallelism as a run states them, one by one and in tables."""

import math
from typing import Any

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.explore.estimate import answer
from accelsim.explore.plan import plan_of, row_of
from accelsim.explore.result import Estimate
from accelsim.kernels import tables
from accelsim.report.chakra import ALL_GATHER, ALL_TO_ALL, collectives
from accelsim.training.space import space_of
from tests.examples import question

WAYS = ("p2p", "all_gather", "a2a", "a2a+p2p")
PLAN = {"tp": 1, "pp": 1, "cp": 4, "dp": 4, "micro_batch": 1, "sharding": "none"}
STACK = {"context": {"types": WAYS}, "overlap": {"cp": True}}


def asked(stack: Any = STACK, **more: Any) -> Any:
    (found,) = answer([question(software=stack, plan=PLAN | more)])
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_plan_says_how_it_exchanges(way: str) -> None:
    found = asked(cp_comm_type=way)
    assert isinstance(found, Estimate), found
    assert found.plan.cp_comm_type == way
    assert plan_of(row_of(found.plan)) == found.plan
    assert ("cp-" in found.plan.text()) == (way != "p2p")
    assert found.to_dict()["plan"]["cp_comm_type"] == way


def test_a_stack_has_its_own_way() -> None:
    found = asked(stack={"context": {"types": ("a2a", "p2p")}})
    assert found.plan.cp_comm_type == "a2a"
    assert asked(stack={}).plan.cp_comm_type == "p2p"
    assert asked(cp=1, dp=16, cp_comm_type="a2a").plan.cp_comm_type == "p2p"


def test_a_ring_is_hidden_where_an_exchange_is_not() -> None:
    ring, heads = (asked(cp_comm_type=way) for way in ("p2p", "a2a"))
    open_ring = asked(stack={"context": {"types": WAYS}}, cp_comm_type="p2p")
    assert ring.time.cp < open_ring.time.cp
    assert (
        heads.time.cp
        == asked(stack={"context": {"types": WAYS}}, cp_comm_type="a2a").time.cp
    )


@pytest.mark.parametrize(
    ("stack", "more", "told"),
    [
        ({}, {"cp_comm_type": "a2a"}, "software example-software offers p2p, not a2a"),
        (STACK, {"cp_a2a": 2}, 'under plan.cp_comm_type = "a2a+p2p" alone'),
        (
            STACK,
            {"cp": 16, "dp": 1, "tp": 1, "cp_comm_type": "a2a+p2p", "cp_a2a": 3},
            "an all-to-all of 3 workers does not cut",
        ),
    ],
)
def test_what_cannot_be(stack: Any, more: dict[str, Any], told: str) -> None:
    found = asked(stack, **more)
    assert isinstance(found, InputError)
    assert told in str(found)


def test_a_search_takes_every_way_of_the_stack() -> None:
    q = question(software=STACK, plan={"tp": 1, "pp": 1})
    whole, usual = (space_of(q, whole=w) for w in (True, False))
    kinds = {
        int(cp): set(whole.heads.cp_comm_type[whole.heads.cp == cp])
        for cp in np.unique(whole.heads.cp)
    }
    assert kinds[1] == {0}
    heads = math.gcd(q.model.heads, q.model.kv_heads)
    for cp, found in kinds.items():
        # where all or none can be cut, both ways at once is one of them by its name
        mixed = 1 < math.gcd(cp, heads) < cp
        assert cp == 1 or found == {0, 1, 2} | ({3} if mixed else set())
    assert set(usual.heads.cp_comm_type) == {tables.P2P}


def test_tables_of_runs_say_it_too() -> None:
    from accelsim.explore.row_plans import plan_rows

    q = question(software=STACK)
    columns = {"cp_comm_type": np.array(["a2a", None, "all_gather"], dtype=object)}
    columns |= {k: np.full(3, v, dtype=object) for k, v in PLAN.items()}
    plans, _ = plan_rows([q], np.zeros(3, dtype=np.int64), columns)
    assert list(plans.cp_comm_type) == [tables.A2A, tables.P2P, tables.GATHERED]


def test_traces_name_the_collective() -> None:
    from accelsim.training.timeline import Pass

    one = Pass(0, "F", 0, 0, 0.0, 1.0, {}, {"tp": 0.0, "cp": 3.0, "ep": 0.0}, None)
    for way, kind in (("p2p", ALL_GATHER), ("a2a", ALL_TO_ALL)):
        plan = asked(cp_comm_type=way).plan
        assert list(collectives(one, plan)) == [("cp", kind, 4.0)]


def test_a_search_that_mixes_rings_and_exchanges() -> None:
    """Layers are timed before plans are judged: the groups are known by then."""
    from accelsim.explore.search import search

    q = {"tp": 1, "cp": 8, "pp": 1, "cp_comm_type": "a2a+p2p", "sharding": "zero1"}
    run = {"model": "llama3-8b", "system": "dgx-h100", "chips": 16, "plan": q}
    best = search(run | {"seq_len": 32768, "global_batch": 16}).best
    assert best.plan.cp_a2a == 8
    one = asked(cp_comm_type="a2a+p2p")
    assert one.plan.cp_a2a == asked(cp_comm_type="a2a+p2p", cp_a2a=4).plan.cp_a2a == 4
    assert one.step_time == asked(cp_comm_type="a2a").step_time


@pytest.mark.parametrize("pp", [2, 4])
def test_stages_that_are_neighbours(pp: int) -> None:
    plan = {"tp": 2, "pp": pp, "cp": 1, "dp": 8 // pp, "cp_comm_type": None}
    usual, near = (asked(**plan, order=o) for o in (None, "tp-cp-pp-dp"))
    assert usual.plan.order == "tp-cp-dp-pp"
    assert near.plan.order == "tp-cp-pp-dp"
    assert "tp-cp-pp-dp" in near.plan.text()
    assert plan_of(row_of(near.plan)) == near.plan
    assert near.time.matmul == usual.time.matmul
    alone = asked(order="tp-cp-pp-dp")
    assert alone.plan.order == "tp-cp-dp-pp"  # there is one stage


def test_groups_of_a_trace_follow_the_order() -> None:
    from accelsim.report.chakra import group_of, stage_ranks

    plan = asked(tp=2, cp=2, pp=2, dp=2, order="tp-cp-pp-dp").plan
    assert stage_ranks(plan, 0) == [0, 1, 2, 3, 8, 9, 10, 11]
    assert group_of("dp", plan, 1) == (1, 3, 9, 11)
    assert group_of("cp", plan, 9) == (9, 11)
    usual = asked(tp=2, cp=2, pp=2, dp=2).plan
    assert stage_ranks(usual, 1) == list(range(8, 16))
    assert group_of("dp", usual, 9) == (9, 11, 13, 15)


@pytest.mark.parametrize("plan", [{"tp": 2, "cp": 2}, {"tp": 2, "cp": 1, "dp": 8}])
def test_an_answer_can_be_asked_again(plan: dict[str, int]) -> None:
    from accelsim.explore.held import asked_again

    found = asked(stack={"context": {"types": ("a2a",)}}, **{"dp": 4} | plan)
    _, done = asked_again(found)
    assert float(done.results[0].step_time) == pytest.approx(found.step_time)
