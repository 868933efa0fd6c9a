"""Stages of stated lengths: what they hold, how long they take, what is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.explore.estimate import answer
from accelsim.explore.held import asked_again
from accelsim.explore.result import Estimate
from accelsim.explore.timeline import timeline
from accelsim.kernels import tables
from accelsim.specs.run import MAX_STAGES
from tests.examples import question

STACK = {"schedules": ("1f1b", "gpipe", "zb-h1", "zb-v"), "interleaved": True}
EVEN = (2, 2, 2, 2)


def asked(stages: tuple[int, ...] | None, **more: Any) -> Any:
    """Return the example's 8 layers on 16 workers, its stages stated."""
    plan = {"tp": 2, "micro_batch": 1, "schedule": "1f1b", "stage_layers": stages}
    (found,) = answer([question(software=STACK, plan=plan | more)])
    return found


def estimated(stages: tuple[int, ...] | None, **more: Any) -> Estimate:
    found = asked(stages, **more)
    assert isinstance(found, Estimate), found
    return found


def test_as_many_stages_may_be_stated_as_tables_hold() -> None:
    assert MAX_STAGES == tables.MAX_STAGES


def test_even_stages_may_be_stated() -> None:
    stated, cut = estimated(EVEN), estimated(None, pp=4, vp=1)
    assert stated.step_time == pytest.approx(cut.step_time, rel=1e-12)
    assert stated.memory == cut.memory
    assert stated.plan.pp == 4


def test_every_stage_holds_its_own() -> None:
    found = estimated((1, 3, 3, 1))
    assert [stage.layers for stage in found.stages] == [1, 3, 3, 1]
    layer = found.stages[1].memory.weights / 3
    # the table of the embedding is on the first stage, a norm and the head on the last
    table = 2 * 32000 * 1024 / 2
    assert found.stages[0].memory.weights == pytest.approx(layer + table)
    assert found.stages[3].memory.weights == pytest.approx(layer + table, rel=1e-4)
    assert found.memory.total == max(stage.memory.total for stage in found.stages)


def test_a_stage_may_be_an_end_alone() -> None:
    found = estimated((0, 4, 4, 0))
    first, last = found.stages[0].memory, found.stages[3].memory
    assert first.activations == 0.0
    assert first.weights == pytest.approx(2 * 32000 * 1024 / 2)
    assert last.head > 0.0
    assert found.step_time > estimated(EVEN).step_time


CUTS = st.lists(st.integers(1, 4), min_size=4, max_size=4).filter(
    lambda layers: sum(layers) == 8
)


@settings(max_examples=15, deadline=None)
@given(CUTS, st.sampled_from(["1f1b", "gpipe", "zb-h1"]))
def test_the_timeline_is_as_long_as_the_step(cut: list[int], schedule: str) -> None:
    found = estimated(tuple(cut), schedule=schedule)
    assert timeline(found).end == pytest.approx(found.step_time, rel=0.005)
    # no cut is quicker than its longest stage
    rows, done = asked_again(found)
    assert rows.cases[0].stages == 4
    assert done.results[0].step_time == pytest.approx(found.step_time)


@pytest.mark.parametrize(
    ("stages", "more", "told"),
    [
        ((2, 2, 2, 1), {}, "2, 2, 2, 1: 7 layers, but example-model has 8"),
        (EVEN, {"pp": 2}, "4 stages, but pp is 2"),
        ((4, 0, 2, 2), {}, "only the first and the last stage may have none"),
        (EVEN, {"vp": 2, "schedule": "interleaved"}, "one chunk of layers"),
        (EVEN, {"schedule": "zb-v"}, "one chunk of layers"),
    ],
)
def test_what_stages_cannot_be(
    stages: tuple[int, ...], more: dict[str, Any], told: str
) -> None:
    found = asked(stages, **more)
    assert isinstance(found, InputError)
    assert "plan.stage_layers: " in str(found)
    assert told in str(found)
