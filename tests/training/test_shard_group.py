"""Hybrid sharding: states spread over a group, copies of it kept equal."""

from typing import Any

import pytest

from accelsim.errors import InputError
from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from tests.examples import question, world

PLAN = {"tp": 2, "pp": 1, "micro_batch": 1, "sharding": "zero3"}


def asked(**more: Any) -> Any:
    """Return the example on 16 workers, 8 replicas."""
    stack = {"sharding": ("none", "zero1", "zero2", "zero3")}
    (found,) = answer([question(software=stack, plan=PLAN | more)])
    return found


def estimated(**more: Any) -> Estimate:
    found = asked(**more)
    assert isinstance(found, Estimate), found
    return found


def test_one_group_of_all_is_plain_sharding() -> None:
    plain, one = estimated(), estimated(shard_group=8)
    assert one.step_time == pytest.approx(plain.step_time, rel=1e-12)
    assert one.memory == plain.memory
    assert one.plan.shard_group == 8


@pytest.mark.parametrize("sharding", ["zero1", "zero2", "zero3"])
def test_states_are_spread_over_the_group_alone(sharding: str) -> None:
    whole = estimated(sharding=sharding)
    half = estimated(sharding=sharding, shard_group=4)
    assert half.memory.optimizer == pytest.approx(2.0 * whole.memory.optimizer)
    spread = sharding != "zero1"
    assert half.memory.gradients == pytest.approx(
        (2.0 if spread else 1.0) * whole.memory.gradients
    )
    # nobody shares: as much as without sharding
    alone = world().memory(sharding=1, dp=8, shard_group=1)
    assert alone.optimizer == world().memory(dp=8).optimizer


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"sharding": "none", "shard_group": 4}, "nothing is sharded"),
        ({"shard_group": 3, "dp": 8}, "3 does not divide dp 8 x cp 1"),
        ({"shard_group": 3}, "software cannot do this plan"),
    ],
)
def test_what_a_group_cannot_be(more: dict[str, Any], told: str) -> None:
    found = asked(**more)
    assert isinstance(found, InputError)
    assert told in str(found)
