"""What a log calls reserved: between what must fit and what the device has."""

from typing import Any

import pytest

from accelsim.explore.estimate import estimate
from accelsim.explore.plan import plan_of, row_of
from accelsim.explore.reserved import reserved
from accelsim.explore.result import Estimate

PLAN = {"tp": 2, "pp": 2, "dp": 2, "micro_batch": 1, "recompute": "none"}
JOB = {"model": "llama3-8b", "system": "dgx-h100", "chips": 8, "global_batch": 16}


def ask(software: str = "nanotron", **plan: Any) -> Estimate:
    run = JOB | {"software": software, "seq_len": 2048, "plan": PLAN | plan}
    return estimate(run)


@pytest.mark.parametrize("stage", [0, 1])
@pytest.mark.parametrize("plan", [{}, {"recompute": "full"}, {"sharding": "zero1"}])
def test_no_less_than_must_fit_and_no_more_than_there_is(
    plan: dict[str, Any], stage: int
) -> None:
    found = ask(**plan)
    memory = found.stages[stage].memory
    size = reserved(found, stage)
    assert memory.allocated <= memory.total - memory.context <= size
    assert size <= found.memory_capacity - memory.context


def test_the_fullest_stage_is_reported() -> None:
    found = ask()
    totals = [stage.memory.total for stage in found.stages]
    size = reserved(found, totals.index(max(totals)))
    assert found.to_dict()["memory_reserved_bytes"] == reserved(found) == size
    assert size > found.memory.total - found.memory.context


@pytest.mark.parametrize(
    ("software", "plan"),
    [("maxtext", {"tp": 1, "pp": 1, "dp": 8}), ("torchtitan", {"sharding": "zero3"})],
    ids=["another allocator", "not followed"],
)
def test_elsewhere_it_is_what_must_fit(software: str, plan: dict[str, Any]) -> None:
    found = ask(software, **plan)
    assert reserved(found) == found.memory.total - found.memory.context


def test_a_plan_is_its_row() -> None:
    plan = ask(sharding="zero1", recompute="full", recompute_layers=3).plan
    assert plan_of(row_of(plan)) == plan
