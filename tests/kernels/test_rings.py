"""Chunks of tensor traffic behind their own products: by hand."""

from typing import Any

import pytest

from accelsim.kernels.rings import hidden_in_rings
from accelsim.kernels.tables import FUSED_ATTENTION, MATMUL, OPERATOR
from accelsim.training.lower import table

# seconds of (output, gradient of the input, gradient of the weight)
COLUMNS, ROWS = (1.0, 2.0, 4.0), (0.5, 0.25, 3.0)


def product(op: Any, gathered: float, times: tuple[float, float, float]) -> None:
    """Fill an operator with a product of these seconds."""
    op.kind, op.gathered = MATMUL, gathered
    op.forward_time, op.input_time, op.weight_time = times


def hidden(time: float, again: float = 0.0, cut: float = 1.0) -> tuple[float, float]:
    """Return what the products of one block hide of chunks of `time` seconds."""
    ops = table(OPERATOR, 4)
    product(ops[0], 1.0, COLUMNS)
    product(ops[1], -1.0, ROWS)
    product(ops[2], 0.0, (9.0, 9.0, 9.0))  # nothing is exchanged around it
    product(ops[3], 1.0, (9.0, 9.0, 9.0))
    ops[3].kind = FUSED_ATTENTION
    forward, backward = hidden_in_rings(ops, 4, time, again, cut)
    return forward, backward


def test_each_exchange_hides_behind_its_own_product() -> None:
    assert hidden(0.2) == pytest.approx((0.4, 0.4))
    # what is longer than its product is not hidden by the other one
    assert hidden(0.75) == pytest.approx((0.75 + 0.5, 0.75 + 0.25))
    assert hidden(100.0) == pytest.approx((1.5, 2.25))


def test_inputs_that_were_not_kept_are_gathered_behind_the_weight() -> None:
    assert hidden(3.0, again=1.0) == pytest.approx((1.5, 2.25 + 3.0))
    assert hidden(100.0, again=1.0) == pytest.approx((1.5, 2.25 + 4.0))


def test_whole_hidden_states_are_only_reduced() -> None:
    # the output of rows, and the gradient of the input of columns
    assert hidden(0.2, cut=0.0) == pytest.approx((0.2, 0.2))
    assert hidden(100.0, cut=0.0) == pytest.approx((0.5, 2.0))
