"""The pipeline of a step: its schedule, and what a hand-over carries."""

import pytest

from accelsim.kernels.pipeline import fill_hand_over, schedule_of
from accelsim.kernels.tables import (
    GPIPE,
    INTERLEAVED,
    ONE_F_ONE_B,
    PIPELINE,
)
from accelsim.training.lower import table
from tests.examples import plan, software, world


def test_chunks_of_a_stage_make_1f1b_interleaved() -> None:
    assert schedule_of(plan(vp=1)) == ONE_F_ONE_B
    assert schedule_of(plan(vp=2)) == INTERLEAVED
    assert schedule_of(plan(schedule=GPIPE)) == GPIPE


def test_activations_cross_cut_over_tensor_and_context_parallelism() -> None:
    # Narayanan et al. 2021, sec. 4.1: b s h / t elements, here over c as well
    made, stack = world(), software(overlap_pp=1.0)
    pipe = table(PIPELINE, 1)[0]
    asked = plan(tp=2, cp=2, pp=4, micro_batch=3, schedule=GPIPE)
    tiers = made.rows.tiers[0]
    size = fill_hand_over(pipe, made.case, made.model, stack, tiers, asked)
    assert size == pytest.approx(2 * 3 * 2048 * 1024 / (2 * 2))
    assert pipe.hop > 0.0
    assert pipe.hides == 1.0
    # under 1F1B a stage waits for it whatever the software hides
    asked = plan(tp=2, cp=2, pp=4, micro_batch=3)
    fill_hand_over(pipe, made.case, made.model, stack, tiers, asked)
    assert pipe.hides == 0.0
