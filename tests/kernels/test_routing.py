"""What moves between a router and its experts: by hand, and choice by choice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.routing import routed_bytes, score_bytes
from tests.examples import case, mixture, software

MOVES = {"expert_sort": (4.0, 4.0), "expert_padding": (4.0, 6.0)}
BIAS = {"expert_bias": (14.0, 20.0), "expert_bias_kernels": 4.0}


def test_scores_of_every_expert() -> None:
    stack = software(expert_scores=(45.0, 50.0), expert_kernels=15.0)
    assert score_bytes(mixture(), stack, 100.0) == (36_000.0, 40_000.0, 15.0)


def choice_by_choice(tokens: int, stack: dict[str, Any], padding: float) -> float:
    """Return bytes forward: 2 of 8 experts for each token, 1024 wide, in bf16."""
    row, moved = 2.0 * 1024, 0.0
    for _ in range(tokens):
        for _ in range(2):
            moved += 2.0 * row + 2.0 * row  # gathered, and scattered behind
            moved += stack["expert_sort"][0] * row
            moved += padding * row
    return moved


@given(st.integers(1, 64), st.sampled_from([tables.BF16, tables.FP8]))
def test_each_choice_is_moved(tokens: int, precision: int) -> None:
    # of one worker's tokens go as many to other workers as come from these
    padding = MOVES["expert_padding"][0] if precision == tables.FP8 else 0.0
    rows, mine = 2.0 * tokens / 4.0, 4.0
    found = routed_bytes(
        mixture(), software(**MOVES), case(precision=precision), tokens, rows, mine
    )
    assert found[0] == pytest.approx(choice_by_choice(tokens, MOVES, padding))
    assert found[2] == (12.0 if padding else 8.0)


def test_what_a_dispatcher_spares() -> None:
    one = {"own": 64.0, "rows": 128.0, "mine": 1.0}
    alone = routed_bytes(mixture(), software(**MOVES), case(), *one.values())
    # a worker of one expert has nothing to sort; nor has one whose dispatcher sorts
    assert alone == (4.0 * 2048 * 128, 4.0 * 2048 * 128, 4.0)
    sorts = software(dispatch_once=1.0, **MOVES)
    for precision in (tables.BF16, tables.FP8):
        narrow = case(precision=precision)
        assert routed_bytes(mixture(), sorts, narrow, 64.0, 64.0, 2.0) == alone


def test_biases_of_experts() -> None:
    plain, biased = (
        routed_bytes(mixture(biased=x), software(**BIAS), case(), 64.0, 64.0, 2.0)
        for x in (0.0, 1.0)
    )
    row = 2048.0 * 128  # 64 tokens of two choices, 1024 wide
    assert biased[0] - plain[0] == 14 * row
    assert biased[1] - plain[1] == 20 * row
    assert biased[2] - plain[2] == 8.0
