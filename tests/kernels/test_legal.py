"""Legality of single plans by hand; whole spaces are in tests/training."""

from typing import Any

import numpy as np
import pytest

from accelsim.kernels import legal, tables
from accelsim.kernels.legal import complete, judge
from accelsim.kernels.tables import (
    DUALPIPE,
    FULL,
    INTERLEAVED,
    KEEP,
    ONE_F_ONE_B,
    STATED_PP,
    STATED_SHARDING,
    STATED_VP,
    ZB_V,
    ZERO1,
    ZERO3,
)
from tests.examples import case, mixture, model, plan, software, world

ALL = 2**8 - 1
# The example: 8 layers, 16 heads, 64 sequences of 2048 tokens; here on 16 workers.
STACK: dict[str, Any] = {
    **dict.fromkeys(("shardings", "recomputes", "schedules"), ALL),
    **dict.fromkeys(("tensor", "pipeline", "interleaved"), 1),
}


def reason(sizes: dict[str, Any], stack: dict[str, Any], job: dict[str, Any]) -> int:
    """Return why a plan cannot be."""
    made = world(
        case=case(**{"workers": 16.0} | job), software=software(**STACK | stack),
        model=model(layers=8.0, heads=16.0),
    ).rows  # fmt: skip
    plans = np.array([plan(**{"dp": 0} | sizes)], tables.PLAN).view(np.recarray)
    judge(made.cases, made.models, made.software, plans)
    return int(plans.reason[0])


@pytest.mark.parametrize(
    ("sizes", "stack", "job", "expected"),
    [
        ({}, {}, {}, tables.OK),
        ({"tp": 3}, {}, {"workers": 12.0}, legal.TP_HEADS),
        ({"pp": 16}, {}, {}, legal.PP_LAYERS),
        ({"pp": 4, "vp": 4, "schedule": INTERLEAVED}, {}, {}, legal.VP_LAYERS),
        ({"pp": 8, "vp": 1}, {}, {}, tables.OK),
        (
            {"pp": 4, "vp": 2, "schedule": INTERLEAVED, "micro_batch": 8}, {}, {},
            legal.ROUNDS,
        ),
        (
            {"pp": 4, "vp": 2, "schedule": INTERLEAVED, "micro_batch": 8}, {},
            {"stated": 1 << STATED_VP}, tables.OK,
        ),
        ({"pp": 4, "vp": 2}, {}, {}, legal.STACK),  # 1F1B has one chunk a stage
        ({"pp": 4, "vp": 2, "schedule": INTERLEAVED}, {"interleaved": 0}, {},
         legal.STACK),
        ({"micro_batch": 3}, {}, {}, legal.BATCH),
        ({"ep": 2}, {}, {}, legal.EP_EXPERTS),
        ({"cp": 16}, {}, {"seq_len": 2040.0}, legal.CP_SEQUENCE),
        ({"dp": 8}, {}, {}, legal.WORKERS),
        ({"tp": 2}, {"tensor": 0}, {}, legal.STACK),
        ({"pp": 2}, {"pipeline": 0}, {}, legal.STACK),
        ({"pp": 2}, {"schedules": 0}, {}, legal.STACK),
        ({"recompute": FULL}, {"recomputes": 1}, {}, legal.STACK),
        ({"sharding": ZERO1, "tp": 16}, {}, {}, legal.STACK),  # nobody to share with
        ({"sharding": ZERO1, "tp": 16}, {}, {"stated": 1 << STATED_SHARDING},
         tables.OK),
        ({"sharding": ZERO3, "pp": 2}, {}, {}, legal.STACK),
        ({"sharding": ZERO3, "pp": 2}, {}, {"stated": 1 << STATED_PP}, tables.OK),
        ({"recompute": KEEP, "recompute_layers": 1}, {}, {}, legal.STACK),
        ({"recompute": FULL, "recompute_layers": 9}, {}, {}, legal.STACK),
        ({"offload": 0.5}, {}, {}, legal.STACK),
        ({"offload_optimizer": 1}, {}, {"host_bandwidth": 1e9}, tables.OK),
        ({"pp": 8, "schedule": ZB_V}, {}, {}, legal.SCHEDULE),
        ({"pp": 4, "schedule": ZB_V}, {}, {}, tables.OK),
        ({"pp": 8, "schedule": DUALPIPE}, {}, {}, tables.OK),
        ({"pp": 8, "schedule": DUALPIPE, "micro_batch": 4}, {}, {}, legal.SCHEDULE),
    ],
)  # fmt: skip
def test_reasons(
    sizes: dict[str, Any], stack: dict[str, Any], job: dict[str, Any], expected: int
) -> None:
    assert reason(sizes, stack, job) == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"tp": 4, "ep": 4}, tables.OK),
        ({"tp": 4, "ep": 8}, legal.EP_REPLICAS),  # each cut by 4: 32 workers
        ({"tp": 4, "ep": 8, "etp": 1, "sp": 1}, tables.OK),
        ({"tp": 4, "ep": 8, "etp": 2, "sp": 1}, tables.OK),
        ({"ep": 8, "etp": 2}, tables.OK),  # cut where nothing else is
        ({"tp": 4, "ep": 8, "etp": 1}, legal.ETP_EXPERTS),  # the same tokens 4 times
        ({"ep": 2, "etp": 3}, legal.EP_REPLICAS),
        ({"ep": 1, "etp": 16}, legal.ETP_EXPERTS),  # width 500
    ],
)
def test_experts_cut_by_themselves(sizes: dict[str, int], expected: int) -> None:
    made = world(
        case=case(workers=16.0), software=software(**STACK),
        model=mixture(layers=8.0, heads=16.0, expert_ffn=500.0),
    ).rows  # fmt: skip
    plans = np.array([plan(**{"dp": 0, "etp": 0} | sizes)], tables.PLAN)
    judge(made.cases, made.models, made.software, plans.view(np.recarray))
    assert int(plans["reason"][0]) == expected


def test_every_reason_has_its_words() -> None:
    codes = {v for k, v in vars(legal).items() if k.isupper() and k in REASONED}
    assert codes == set(range(1, tables.NO_ROOM))


REASONED = (
    "TP_HEADS", "PP_LAYERS", "VP_LAYERS", "ROUNDS", "BATCH", "EP_EXPERTS",
    "EP_REPLICAS", "ETP_EXPERTS", "CP_SEQUENCE", "CP_HEADS", "WORKERS", "STACK",
    "SCHEDULE",
)  # fmt: skip


def test_what_follows_from_sizes() -> None:
    one = plan(tp=2, pp=3, dp=0, micro_batch=2, recompute_layers=2)
    complete(one, case(workers=48.0), model(layers=8.0))
    assert (one.dp, one.micro_batches) == (8, 4)
    assert one.kept_share == pytest.approx(
        1.0 / 3.0
    )  # 2 of the 3 layers of the fullest stage
    one.schedule = ONE_F_ONE_B
