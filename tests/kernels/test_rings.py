"""Chunks of tensor traffic behind their own products: by hand."""

from typing import Any

import pytest

from accelsim.kernels.rings import cut_products, hidden_in_rings, pieces_of
from accelsim.kernels.tables import FUSED_ATTENTION, MATMUL, OPERATOR, SHARD
from accelsim.training.lower import table
from tests.examples import row, software, switch, tiers

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


def cut(tp: int = 8, sp: int = 1, **overlap: float) -> list[list[tuple[float, float]]]:
    """Return the pieces of a product by columns, by rows and of its own, by turn."""
    ops = table(OPERATOR, 3)
    for i, gathered in enumerate((1.0, -1.0, 0.0)):
        product(ops[i], gathered, COLUMNS)
        ops[i].pieces[:] = 1.0
    given = {"overlap_tp": 1.0, "overlap_tp_pieces": 4.0, "overlap_tp_inside": 1.0}
    stack = software(**given | overlap)
    links = tiers(switch(8, 1e11), switch(4096, 1e10))
    cut_products(ops, 3, stack, links, row(SHARD, tp=tp, sp=sp)[0])
    return [[pieces_of(op, turn) for turn in range(3)] for op in ops]


def test_products_are_cut_with_their_chunks() -> None:
    # TransformerEngine@d0067d0 pytorch/module/base.py, initialize_ub: qkv_fprop,
    # fc1_fprop, proj_dgrad and fc2_dgrad by ring_exchange, of tp splits; proj_fprop and
    # fc2_fprop by pipeline, of 4; the rest in bulk
    whole = (1.0, 1.0)
    columns, rows, own = cut()
    assert columns == [(8.0, 1.0), whole, whole]
    assert rows == [(1.0, 4.0), (8.0, 1.0), whole]
    assert own == [whole] * 3


@pytest.mark.parametrize(
    "changes",
    [
        {"tp": 1},
        {"sp": 0},
        {"tp": 16},
        {"overlap_tp": 0.0},
        {"overlap_tp_pieces": 0.0},
    ],
)
def test_nothing_is_cut_where_no_chunks_go_round(changes: dict[str, Any]) -> None:
    assert cut(**changes) == [[(1.0, 1.0)] * 3] * 3
