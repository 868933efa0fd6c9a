"""The pipeline of a step: its schedule, and what a hand-over carries."""

import pytest

from accelsim.kernels.pipeline import fill_hand_over, hand_over_beside, schedule_of
from accelsim.kernels.tables import (
    GPIPE,
    INTERLEAVED,
    ONE_F_ONE_B,
    PIPELINE,
)
from accelsim.kernels.use_tables import ACROSS, MOMENT, MOMENTS, PRODUCTS
from accelsim.training.lower import table
from tests.examples import chip, plan, software, world


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
    one = made.case, chip(), made.model
    size = fill_hand_over(pipe, *one, stack, tiers, asked)
    assert size == pytest.approx(2 * 3 * 2048 * 1024 / (2 * 2))
    assert pipe.hop > 0.0
    assert pipe.hides == 1.0
    # under 1F1B a stage waits for it whatever the software hides
    asked = plan(tp=2, cp=2, pp=4, micro_batch=3)
    fill_hand_over(pipe, *one, stack, tiers, asked)
    assert pipe.hides == 0.0


def test_hand_overs_share_the_network_with_a_stages_own_groups() -> None:
    # half of a pass of 2 s fills the network outside: there both go at half speed
    pipe, asked = table(PIPELINE, 1)[0], plan(pp=4, vp=2)
    pipe.hides, pipe.hop = 1.0, 0.1
    pipe.use.outer = 1.0
    moments = table(MOMENT, MOMENTS)
    moments[PRODUCTS].seconds = moments[PRODUCTS].computing = 1.0
    moments[ACROSS].seconds = moments[ACROSS].outer = 1.0
    longer = hand_over_beside(pipe, asked, moments, 2.0)
    # in 3 s the stage does what takes it 2, and hands over for 1 + 2 x 1/2
    assert pipe.hop == pytest.approx(0.1 * 3.0 / 2.0)
    assert longer == pytest.approx(1.0 + 4 * 0.1 / 2.0 * 1.0 / 2.0)
    assert hand_over_beside(pipe, asked, moments, 0.0) == 1.0
