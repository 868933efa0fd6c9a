"""Experts on workers of their own, asked by a run: from the plan to the answer."""

from typing import Any

import numpy as np
import pytest

import accelsim
from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from accelsim.report.chakra import group_of
from accelsim.training.space import space_of
from tests.examples import MOE_SPEC, question

PLAN: dict[str, Any] = {"tp": 4, "pp": 1, "cp": 1, "micro_batch": 1, "ep": 4}


def estimated(stack: dict[str, Any], **plan: Any) -> Estimate:
    (found,) = answer(
        [question(model={"moe": MOE_SPEC}, software=stack, plan=PLAN | plan)]
    )
    assert isinstance(found, Estimate), found
    return found


def test_left_out_it_is_as_tp_or_as_the_stack_takes_it() -> None:
    plain, stated = estimated({}), estimated({}, etp=4)
    assert (plain.plan, plain.step_time) == (stated.plan, stated.step_time)
    assert plain.plan.etp == 4
    assert "etp" not in plain.plan.text()
    usual = {"defaults": {"etp": 1}}
    whole = estimated(usual)
    assert whole.step_time == estimated({}, etp=1).step_time
    assert "etp1" in whole.plan.text()
    assert estimated(usual, etp=4).plan == plain.plan


def test_the_space_has_one_value_of_it() -> None:
    space = space_of(question(model={"moe": MOE_SPEC}, plan={"etp": 2}), whole=True)
    assert set(space.heads.etp) == {2}
    for head in space.heads:
        stage = head.tp * head.cp * max(1, 16 // (head.tp * head.cp * head.pp))
        assert stage % (2 * head.ep) == 0


def test_a_table_takes_it_as_a_column() -> None:
    run: dict[str, Any] = {"model": "mixtral-8x7b", "system": "dgx-h100", "chips": 64}
    plan = PLAN | {"ep": 8, "sharding": "zero1", "recompute": "full"}
    columns = {f"plan.{name}": np.array([v] * 3) for name, v in plan.items()}
    columns |= {name: np.array([v] * 3) for name, v in run.items()}
    columns["plan.etp"] = np.array([0, 1, 2])
    table = accelsim.estimate_many(columns)
    assert list(table["plan.etp"]) == [4, 1, 2]
    for i, etp in enumerate((None, 1, 2)):
        one = accelsim.estimate(run | {"plan": plan | {"etp": etp}})
        assert table["step_time_s"][i] == one.step_time


def test_groups_of_a_trace() -> None:
    found = estimated({}, etp=2, ep=8)
    assert group_of("ep", found.plan, 1) == (1, 3, 5, 7, 9, 11, 13, 15)
    assert group_of("tp", found.plan, 5) == (4, 5, 6, 7)


@pytest.mark.parametrize("etp", [1, 2, 4])
def test_it_moves_no_other_part(etp: int) -> None:
    plain, cut = estimated({}), estimated({}, etp=etp)
    assert cut.time.attention == plain.time.attention
    assert cut.hardware_flops == pytest.approx(plain.hardware_flops)
