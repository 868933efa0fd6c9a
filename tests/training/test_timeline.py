"""Timelines: as long as the step, no engine twice at once, parts that add up."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from accelsim.explore.timeline import timeline
from accelsim.training.timeline import TRAFFIC, Span, Timeline
from tests.examples import MOE_SPEC, question

ALL = ("1f1b", "gpipe", "zb-h1", "zb-v", "dualpipe")
SPLIT = ("zb-h1", "zb-v", "dualpipe")


def drawn(**plan: Any) -> tuple[Estimate, Timeline]:
    """Return an estimate of the example run, and its timeline."""
    overlap = plan.pop("overlap", {})
    stack = {"schedules": ALL, "interleaved": True, "overlap": overlap}
    (found,) = answer([question(software=stack, plan=plan)])
    assert isinstance(found, Estimate), found
    return found, timeline(found)


PLANS: list[dict[str, Any]] = [
    {"tp": 2, "pp": 1},
    {"tp": 4, "pp": 1, "recompute": "full", "sharding": "zero3"},
    {"tp": 2, "pp": 4, "vp": 2, "micro_batch": 1},
    {"tp": 2, "pp": 4, "vp": 2, "micro_batch": 1, "overlap": {"pp": True}},
    {"tp": 1, "cp": 2, "pp": 2, "vp": 1, "micro_batch": 1, "recompute": "full"},
    *({"tp": 2, "pp": 4, "vp": 1, "micro_batch": 1, "schedule": s} for s in ALL),
    {"tp": 1, "pp": 4, "schedule": "zb-v", "overlap": {"pp": True}},
]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_a_timeline_is_as_long_as_the_step(plan: dict[str, Any]) -> None:
    found, line = drawn(**plan)
    assert line.end == pytest.approx(found.step_time, rel=0.005)
    assert line.difference == pytest.approx(line.end / found.step_time - 1.0)
    count = found.plan.micro_batches * line.chunks * line.stages
    directions = 2 if line.schedule == "dualpipe" else 1  # half of them each
    kinds = 3 if line.schedule in SPLIT else 2
    assert len(line.passes) == kinds * count / directions


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_no_engine_does_two_things_at_once(plan: dict[str, Any]) -> None:
    _, line = drawn(**plan)
    tracks: dict[tuple[int, str], list[Span]] = defaultdict(list)
    for span in line.spans():
        tracks[span.stage, span.engine].append(span)
        if span.engine in ("compute", *TRAFFIC):
            tracks[span.stage, "passes"].append(span)
    for spans in tracks.values():
        spans.sort(key=lambda one: one.start)
        for before, after in pairwise(spans):
            assert after.start >= before.end - 1e-12 * line.end


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_its_parts_are_those_of_the_estimate(plan: dict[str, Any]) -> None:
    found, line = drawn(**plan)
    sums: dict[tuple[str, int], float] = defaultdict(float)
    for span in line.spans():
        sums[span.engine, span.stage] += span.end - span.start
    for engine in (*TRAFFIC, "dp", "optimizer", "host"):
        told = getattr(found.time, engine)
        most = max(sums[engine, stage] for stage in range(line.stages))
        # of the busiest stage; another one may send more, never less than it
        assert most == pytest.approx(told, rel=0.02)


def test_a_micro_batch_goes_from_stage_to_stage() -> None:
    _, line = drawn(tp=2, pp=4, vp=1, micro_batch=1, schedule="1f1b")
    at = {(one.kind, one.stage, one.micro_batch): one for one in line.passes}
    for i in range(8):
        for stage in range(3):
            assert at["F", stage, i].end < at["F", stage + 1, i].start
            assert at["B", stage + 1, i].end < at["B", stage, i].start
        assert at["F", 3, i].end <= at["B", 3, i].start
    hops = [span for span in line.others if span.engine == "p2p"]
    assert len(hops) == 2 * 3 * len([p for p in line.passes if p.stage == 0]) / 2


def test_one_micro_batch_is_in_one_place_at_a_time() -> None:
    # by hand: F of both stages, B of both, and a hand-over each way
    _, line = drawn(tp=2, pp=2, vp=1, dp=4, micro_batch=16, schedule="gpipe")
    order = sorted(line.passes, key=lambda one: one.start)
    assert [(one.kind, one.stage) for one in order] == [
        *(("F", 0), ("F", 1), ("B", 1), ("B", 0))
    ]
    hops = [span for span in line.others if span.engine == "p2p"]
    total = sum(one.end - one.start for one in order)
    total += sum(hop.end - hop.start for hop in hops)
    assert order[-1].end == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("further", [0, 1])
@pytest.mark.parametrize("vp", [1, 2])
def test_each_stage_has_its_own_layers(vp: int, further: int) -> None:
    # 2 of 8 layers are dense: all of the first stage's, or one each of the first two's
    layers = 8 if not further else 16 - 2 - further
    shape = {"moe": MOE_SPEC | {"dense_layers": 2}, "layers": layers}
    asked = question(
        model=shape | {"mtp_layers": further},
        software={"interleaved": True, "overlap": {}},
        plan={"tp": 1, "pp": 4, "vp": vp, "ep": 4, "micro_batch": 1},
    )
    (found,) = answer([asked])
    assert isinstance(found, Estimate), found
    line = timeline(found)
    assert line.end == pytest.approx(found.step_time, rel=0.005)
    sent = np.zeros(4)
    for one in line.passes:
        sent[one.stage] += one.sent["ep"]
    # a worker's mean over the stages, from the estimate and counted pass by pass
    assert sent.sum() == pytest.approx(4.0 * found.link_bytes["ep"])
    if not further:
        mixtures = [0, 2, 2, 2] if vp == 1 else [1, 1, 2, 2]
        assert sent / sent.max() == pytest.approx(np.array(mixtures) / 2.0)
