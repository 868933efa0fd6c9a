"""What products hide of the tensor traffic that is exchanged in chunks around them.

This file knows which exchange belongs to which product: each is cut into chunks that
pass around the tensor group while the others are multiplied, so that it runs behind its
own product and no other (Wang et al. 2023, Overlap Communication with Dependent
Computation via Decomposition, ASPLOS, section 4; Transformer Engine, user buffers). It
knows which products are cut with it; what the pieces take is told in `gpu`.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import MATMUL, Record, Rows
from accelsim.kernels.uses import crosses_domain


@kernel
def hidden_in_rings(
    ops: Rows, count: int, time: float, again: float, cut: float
) -> tuple[float, float]:
    """Return what a layer's products hide of its chunks, forward and backward [s].

    time : of the chunks of one exchange, all but the first of which can hide. A product
    cut by columns gathers its input, one cut by rows scatters its output; backward the
    gradients of inputs go the other way, and inputs that were not kept are gathered
    `again` behind the gradient of the weight. cut : 0 if hidden states are whole, so
    that outputs and gradients of inputs are all-reduced and nothing is gathered.
    """
    forward, backward = 0.0, 0.0
    for i in range(count):
        op = ops[i]
        if op.kind != MATMUL or op.gathered == 0.0:
            continue
        columns = op.gathered > 0.0
        if cut > 0.0 or not columns:
            forward += min(time, op.forward_time)
        if cut > 0.0 or columns:
            backward += min(time, op.input_time)
        if columns and again > 0.0:
            backward += min(time, op.weight_time)
    return forward, backward


@kernel
def cut_products(
    ops: Rows, count: int, software: Record, tiers: Rows, shard: Record
) -> None:
    """Fill the pieces of the products whose chunks pass around the tensor group.

    Only hidden states that are cut are gathered and scattered piece by piece
    (`--tp-comm-overlap` of Megatron-LM asks for --sequence-parallel).
    """
    if software.overlap_tp == 0.0 or software.overlap_tp_pieces == 0.0:
        return
    ranks = float(shard.tp)
    if shard.sp == 0 or ranks == 1.0:
        return
    if software.overlap_tp_inside > 0.0 and crosses_domain(tiers, ranks) > 0.0:
        return
    for i in range(count):
        if ops[i].kind == MATMUL and ops[i].gathered != 0.0:
            ops[i].pieces[0], ops[i].pieces[1] = ranks, software.overlap_tp_pieces


@kernel
def pieces_of(op: Record, turn: int) -> tuple[float, float]:
    """Return the kernels that share the rows and the columns of a product.

    turn : 0 forward, 1 and 2 the gradients of input and weight. What is gathered comes
    in by rows, and is sent on while they are multiplied: the input of a product cut by
    columns, backward the gradient that one cut by rows gets. The output that is
    scattered forward goes out by columns. Other exchanges run behind whole products
    (Transformer Engine, pytorch/module/base.py, initialize_ub: ring_exchange, pipeline
    and bulk).
    """
    if (turn == 0 and op.gathered > 0.0) or (turn == 1 and op.gathered < 0.0):
        return op.pieces[0], 1.0
    if turn == 0 and op.gathered < 0.0:
        return 1.0, op.pieces[1]
    return 1.0, 1.0
