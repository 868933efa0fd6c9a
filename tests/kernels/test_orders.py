"""Orders of passes: every pass once, and as many in flight as the papers say."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.orders import (
    BACKWARD,
    FORWARD,
    WEIGHT,
    chunks_in_flight,
    fill_order,
    slots_of,
    splits,
)
from accelsim.kernels.schedule import stage_in_flight

LINES = st.sampled_from(range(len(tables.SCHEDULES)))
STAGES = st.integers(1, 9)


def order_of(schedule: int, stage: int, pp: int, vp: int, count: int) -> np.ndarray:
    """Return the passes of one stage, a number each."""
    order = np.zeros(3 * slots_of(schedule, vp) * count, np.int64)
    scratch = np.zeros((3, 2), np.int64)
    length = fill_order(order, scratch, schedule, stage, pp, vp, count)
    return order[:length]


def legal(schedule: int, pp: int, vp: int, count: int) -> tuple[int, int, int]:
    """Return the nearest pp, vp and number of micro-batches that a schedule can do."""
    if schedule == tables.DUALPIPE:
        return 2 * pp, 1, 4 * pp + 2 * count
    if schedule == tables.ZB_V:
        return pp, 1, 2 * pp + count
    return pp, vp if schedule == tables.INTERLEAVED else 1, count


@given(
    schedule=LINES,
    pp=STAGES,
    vp=st.integers(2, 4),
    count=st.integers(1, 30),
    where=st.floats(0, 0.99),
)
def test_each_pass_once_and_the_stated_depth(
    schedule: int, pp: int, vp: int, count: int, where: float
) -> None:
    pp, vp, count = legal(schedule, pp, vp, count)
    stage, slots = int(where * pp), slots_of(schedule, vp)
    order = order_of(schedule, stage, pp, vp, count)
    kinds = 3 if splits(schedule) else 2
    per_slot = count // 2 if schedule == tables.DUALPIPE else count
    expected = {
        3 * (i * slots + slot) + kind: 1
        for kind in range(kinds)
        for slot in range(slots)
        for i in range(per_slot)
    }
    assert Counter(order.tolist()) == expected
    last = WEIGHT if splits(schedule) else BACKWARD
    held = stage_in_flight(order, len(order), last)
    assert held == chunks_in_flight(schedule, stage, pp, vp, count)


@given(schedule=LINES, pp=STAGES, count=st.integers(1, 20), where=st.floats(0, 0.99))
def test_a_pass_follows_what_its_own_stage_owes_it(
    schedule: int, pp: int, count: int, where: float
) -> None:
    pp, vp, count = legal(schedule, pp, 2, count)
    order = order_of(schedule, int(where * pp), pp, vp, count).tolist()
    at = {number: i for i, number in enumerate(order)}
    for number, i in at.items():
        if number % 3 != FORWARD:
            assert at[number - 1] < i


@pytest.mark.parametrize(
    ("schedule", "most"), [("gpipe", 32), ("1f1b", 8), ("zb-h1", 8), ("dualpipe", 9)]
)
def test_depths_of_the_papers(schedule: str, most: int) -> None:
    # Narayanan et al. 2021, sec. 2.2; Qi et al. 2023, table 2; DeepSeek-V3, table 2
    code = tables.SCHEDULES.index(schedule)
    assert chunks_in_flight(code, 0, 8, 1, 32) == most
