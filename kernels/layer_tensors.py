"""The tensors of one layer on one micro-batch in the order in which they come and go.

Sizes, and what is kept for the backward pass, are those of `activations`; the order is
that of the modules, and last to first on the way back, as PyTorch's autograd frees
them. A layer here is dense: a norm before attention, another before the feed-forward
block.
"""

from typing import NamedTuple

from accelsim.kernels.allocator import NONE, Heap, give, lend, take, work
from accelsim.kernels.groups import sharers
from accelsim.kernels.jit import kernel
from accelsim.kernels.optimizer import optimizer_bytes
from accelsim.kernels.tables import UNSHARDED, ZERO2, Record, Rows

WIDE = 4.0  # B; fp32
# what a layer keeps, one block each
INPUT, NORM, STATISTIC, HEADS, KEYS, CONTEXT, ROWS = range(7)
MIDDLE, SECOND_NORM, SECOND_STATISTIC, UP, ACTIVATION, PRODUCT = range(7, 13)
KEPT = 13


class Stage(NamedTuple):
    """What a stage's worker does with its tensors.

    heap : blocks. size : TENSORS. software : SOFTWARE. pace : PACE.
    kept : blocks that layers keep, (micro-batches, layers + 1, KEPT); the last layer is
    the LM head.
    grads : blocks of gradients, their number in the last element.
    """

    heap: Heap
    size: Record
    software: Record
    pace: Record
    kept: Rows
    grads: Rows


@kernel
def fill_sizes(
    size: Record, case: Record, model: Record, software: Record, plan: Record
) -> None:
    """Fill TENSORS."""
    width, tp = case.activation_bytes, float(plan.tp)
    tokens = plan.micro_batch * case.seq_len / plan.cp
    own = tokens / tp if plan.sp == 1 else tokens
    heads, kv_heads = model.heads / tp, max(1.0, model.kv_heads / tp)
    size.whole, size.own = width * tokens * model.hidden, width * own * model.hidden
    size.statistic = WIDE * own
    size.queries = width * tokens * heads * model.head_dim
    size.keys = width * tokens * kv_heads * (model.head_dim + model.v_dim)
    size.packed = size.queries + size.keys
    size.context = width * tokens * heads * model.v_dim
    size.rows = WIDE * tokens * heads
    size.sums = WIDE / width * size.queries
    size.inner = width * tokens * model.ffn / tp
    size.up = model.up_matrices * size.inner
    size.logits = width * tokens * model.vocab / tp
    size.wide_logits = WIDE / width * size.logits
    size.norm_weight = model.hidden
    size.out_weight = model.hidden * heads * model.v_dim
    size.packed_weight = model.hidden * (
        heads * model.head_dim + kv_heads * (model.head_dim + model.v_dim)
    )
    size.down_weight = model.hidden * model.ffn / tp
    size.up_weight = model.up_matrices * size.down_weight
    moments = min(2.0 * WIDE, float(software.master_bytes))
    master = software.master_bytes - moments
    kept = optimizer_bytes(software, plan.optimizer) - master
    share = 1.0 if plan.sharding == UNSHARDED else 1.0 / sharers(plan)
    size.master, size.moment = share * master, share * 0.5 * kept
    size.gradient = software.grad_bytes * (share if plan.sharding >= ZERO2 else 1.0)
    size.working = software.working_gradient


@kernel
def gathered(stage: Stage) -> int:
    """Return the block of an input as the workers gather it, NONE if they do not.

    A stack with buffers for that needs none.
    """
    size, software = stage.size, stage.software
    if size.own == size.whole or software.gather_buffers > 0.0:
        return NONE
    return take(stage.heap, size.whole)


@kernel
def scattered(stage: Stage, whole: int) -> int:
    """Return the block of a worker's part of a sum over workers; free the whole."""
    if stage.size.own == stage.size.whole:
        return whole
    own = take(stage.heap, stage.size.own)
    lent(stage, whole)
    lent(stage, own)
    give(stage.heap, whole)
    return own


@kernel
def lent(stage: Stage, block: int) -> None:
    """Mark what a collective of the tensor group reads or writes."""
    if stage.software.lends > 0.0 and stage.size.own != stage.size.whole:
        lend(stage.heap, block)


@kernel
def half_forward(stage: Stage) -> None:
    """Pass the time of one of a layer's two blocks, forward."""
    pace = stage.pace
    launches, seconds = 0.5 * pace.forward_launches, 0.5 * pace.forward_seconds
    work(stage.heap, launches, pace.forward_host, seconds)


@kernel
def half_backward(stage: Stage) -> None:
    """Pass the time of one of a layer's two blocks, backward."""
    pace = stage.pace
    launches, seconds = 0.5 * pace.backward_launches, 0.5 * pace.backward_seconds
    work(stage.heap, launches, pace.backward_host, seconds)


@kernel
def normed(stage: Stage, row: Rows, norm: int, statistic: int) -> int:
    """Keep a norm's output, gathered if the stack does so; return what to free."""
    row[norm] = take(stage.heap, stage.size.own)
    row[statistic] = take(stage.heap, stage.size.statistic)
    lent(stage, row[norm])
    whole = gathered(stage)
    if whole != NONE and stage.software.gathered_inputs > 0.0:
        give(stage.heap, row[norm])
        row[norm] = whole
        return NONE
    return whole


@kernel
def attend(stage: Stage, row: Rows) -> int:
    """Allocate what attention keeps; return the block of the sum that it adds."""
    heap, size = stage.heap, stage.size
    whole = normed(stage, row, NORM, STATISTIC)
    row[HEADS] = take(heap, size.packed)
    give(heap, whole)
    packed = NONE
    if stage.software.kv_copied > 0.0:
        packed = row[HEADS]
        alike = size.keys == 2.0 * size.queries
        row[HEADS] = take(heap, size.packed if alike else size.queries)
        joined = take(heap, size.keys)
        row[KEYS] = take(heap, size.keys)
        give(heap, joined)
    row[CONTEXT], row[ROWS] = take(heap, size.context), take(heap, size.rows)
    half_forward(stage)
    out = scattered(stage, take(heap, size.whole))
    give(heap, packed)
    return out


@kernel
def forward(stage: Stage, row: Rows, given: int) -> int:
    """Allocate what a layer keeps; return the block of its output."""
    heap, size = stage.heap, stage.size
    row[:] = NONE
    row[INPUT] = given
    attention = attend(stage, row)
    row[MIDDLE] = take(heap, size.own)
    whole = normed(stage, row, SECOND_NORM, SECOND_STATISTIC)
    row[UP] = take(heap, size.up)
    give(heap, whole)
    if stage.software.activation_kept > 0.0:
        row[ACTIVATION] = take(heap, size.inner)
    row[PRODUCT] = take(heap, size.inner)
    half_forward(stage)
    out = scattered(stage, take(heap, size.whole))
    result = take(heap, size.own)
    give(heap, out)
    give(heap, attention)
    return result


@kernel
def release(heap: Heap, row: Rows, first: int) -> None:
    """Free what a layer keeps, from one of its tensors on."""
    for k in range(first, KEPT):
        give(heap, row[k])
        row[k] = NONE


@kernel
def write_gradient(stage: Stage, parameters: float) -> None:
    """Allocate a weight's gradient of a micro-batch, if it is not added at once."""
    if stage.size.working == 0.0:
        return
    count = stage.grads[-1]
    stage.grads[count] = take(stage.heap, stage.size.working * parameters)
    stage.grads[-1] = count + 1


@kernel
def through_product(
    stage: Stage, row: Rows, kept: int, incoming: int, parameters: float
) -> int:
    """Return the block of the gradient of a product's input, gathered again."""
    heap = stage.heap
    again = NONE
    if stage.software.gathered_inputs == 0.0:
        again = gathered(stage)
    whole = take(heap, stage.size.whole)
    write_gradient(stage, parameters)
    give(heap, incoming)
    give(heap, again)
    out = scattered(stage, whole)
    give(heap, row[kept])
    row[kept] = NONE
    return out


@kernel
def through_norm(
    stage: Stage, row: Rows, statistic: int, given: int, incoming: int
) -> None:
    """Free what a norm kept; its input's gradient is added to the residual's."""
    heap = stage.heap
    out = take(heap, stage.size.own)
    write_gradient(stage, stage.size.norm_weight)
    give(heap, incoming)
    give(heap, row[statistic])
    give(heap, row[given])
    row[statistic], row[given] = NONE, NONE
    give(heap, out)


@kernel
def through_attention(stage: Stage, row: Rows) -> None:
    """Free what attention kept, back to the block's input."""
    heap, size = stage.heap, stage.size
    whole = gathered(stage)
    incoming = take(heap, size.context)
    write_gradient(stage, size.out_weight)
    give(heap, whole)
    queries = take(heap, size.queries)
    keys, values = take(heap, 0.5 * size.keys), take(heap, 0.5 * size.keys)
    rows, sums = take(heap, size.rows), take(heap, size.sums)
    give(heap, rows)
    give(heap, sums)
    give(heap, incoming)
    for k in (CONTEXT, ROWS, HEADS, KEYS):
        give(heap, row[k])
        row[k] = NONE
    if stage.software.kv_copied > 0.0:
        joined = take(heap, size.keys)
        give(heap, keys)
        give(heap, values)
        keys, values = joined, NONE
    packed = take(heap, size.packed)
    give(heap, queries)
    give(heap, keys)
    give(heap, values)
    half_backward(stage)
    into = through_product(stage, row, NORM, packed, size.packed_weight)
    through_norm(stage, row, STATISTIC, INPUT, into)


@kernel
def backward(stage: Stage, row: Rows) -> None:
    """Free what a layer kept, in the order of its backward pass."""
    heap, size = stage.heap, stage.size
    whole = gathered(stage)
    incoming = take(heap, size.inner)
    write_gradient(stage, size.down_weight)
    give(heap, whole)
    give(heap, row[PRODUCT])
    row[PRODUCT] = NONE
    gradient = through_activation(stage, row, incoming)
    half_backward(stage)
    into = through_product(stage, row, SECOND_NORM, gradient, size.up_weight)
    through_norm(stage, row, SECOND_STATISTIC, MIDDLE, into)
    through_attention(stage, row)


@kernel
def through_activation(stage: Stage, row: Rows, incoming: int) -> int:
    """Return the block of the gradient of an activation function's inputs.

    Where a gate is a kernel of its own, three gradients of its parts come before.
    """
    heap, size = stage.heap, stage.size
    gate, other = NONE, NONE
    if stage.software.activation_kept > 0.0:
        before, other = take(heap, size.inner), take(heap, size.inner)
        give(heap, incoming)
        give(heap, row[ACTIVATION])
        row[ACTIVATION] = NONE
        gate, incoming = take(heap, size.inner), before
    gradient = take(heap, size.up)
    give(heap, incoming)
    give(heap, gate)
    give(heap, other)
    give(heap, row[UP])
    row[UP] = NONE
    return gradient
