"""One layer of a model on one micro-batch of one worker: times, bytes, activations.

The operators that `operators` lists are timed, and what the workers of a tensor,
context or expert group exchange is added. Nothing here knows schedules or optimizers.
"""

import math

from accelsim.kernels.activations import keep_activations
from accelsim.kernels.attention import fused_seconds, useful_scores
from accelsim.kernels.collectives import collective
from accelsim.kernels.context import add_context_traffic
from accelsim.kernels.experts import expert_exchange, side_exchange
from accelsim.kernels.fabric_tables import ALL_GATHER, ALL_REDUCE
from accelsim.kernels.jit import kernel
from accelsim.kernels.neuron_step import rest, stream_on_engines
from accelsim.kernels.operators import (
    gathered_tokens,
    transformer_operators,
)
from accelsim.kernels.plan_tables import CORE_ATTN, SHARED_EXPERTS
from accelsim.kernels.recompute import (
    backward_seconds,
    fill_freed,
    forward_sums,
    note_module,
)
from accelsim.kernels.rings import cut_products, hidden_in_rings, pieces_of
from accelsim.kernels.streams import moved_seconds, stream_seconds
from accelsim.kernels.tables import (
    ELEMENT_BYTES,
    FUSED_ATTENTION,
    MATMUL,
    MXFP8,
    PART_ATTENTION,
    PART_MATMUL,
    Record,
    Rows,
)
from accelsim.kernels.uses import crosses_domain, fill_uses, hidden_backward
from accelsim.kernels.variation import vary
from accelsim.kernels.weights import (
    adapter_seconds,
    add_casts,
    add_launches,
    timed_in_pieces,
)


@kernel
def time_product(
    row: Record, chip: Record, case: Record, software: Record, op: Record
) -> tuple[float, float]:
    """Return (forward, backward) seconds of a product and add its FLOPs.

    Backward are the gradients of both factors; the one of the right factor is
    accumulated in place, by the product or by a kernel after it. Narrow formats cast
    and transpose the activations first (Transformer Engine documentation, FP8 primer),
    and the weights, where the stack keeps no narrow copy of them.
    """
    width, out = ELEMENT_BYTES[op.precision], 2.0 * op.gradient_bytes
    fused = software.fused_accumulation > 0.0 or op.module == CORE_ATTN
    wide = case.activation_bytes
    counts = 1.0 if op.part == PART_MATMUL else 0.0
    product = op.product
    product.precision, product.grouped = op.precision, op.grouped
    product.batch, product.tokens, product.bytes_in = op.batch, op.m, width
    product.block = int(op.precision == MXFP8)
    # a step passes through all layers before it meets a weight again, for hours
    product.weight_sets = product.repeats = math.inf
    product.hot = 1.0
    forward, backward, op.weight_time = 0.0, 0.0, 0.0
    for turn in range(2 if op.frozen else 3):
        product.m, product.n, product.k = op.m, op.n, op.k
        product.bytes_out, product.promoted = wide, int(turn > 0)
        if turn == 1:
            product.n, product.k = op.k, op.n
        elif turn == 2:
            product.m, product.n, product.k = op.n, op.k, op.m
            product.bytes_out = out if fused else wide
        rows, columns = pieces_of(op, turn)
        parts = timed_in_pieces(chip, op, turn, rows, columns)
        time = parts[0] + chip.kernel_latency if parts[0] > 0.0 else 0.0
        time += chip.lag * parts[1]
        bound = counts * parts[4]
        if turn == 0:
            forward = op.forward_time = time
            row.forward_memory_bound += bound
        else:
            backward += time
            row.backward_memory_bound += bound
            if turn == 1:
                op.input_time = time
            else:
                op.weight_time = time
    if not fused and not op.frozen:
        copied = software.copied_accumulation
        moved = op.batch * op.n * op.k * (out + copied * out + wide)
        row.backward_elementwise += stream_seconds(chip, moved, 1.0 + copied)
    if width < wide:
        add_casts(row, chip, software, op, wide, width)
    flops = 2.0 * op.m * op.n * op.k * op.batch
    row.forward_flops += flops
    row.backward_flops += flops if op.frozen else 2.0 * flops
    add_launches(row, op, 1.0, 1.0 if op.frozen else 2.0)
    if op.frozen and op.adapter > 0.0:
        more = adapter_seconds(row, chip, op, wide)
        return forward + more[0], backward + more[1]
    return forward, backward


@kernel
def time_attention(row: Record, chip: Record, op: Record) -> tuple[float, float]:
    """Return (forward, backward) seconds of fused attention and add its FLOPs.

    Masked blocks are left out; backward it repeats the scores: five products for the
    forward two.
    """
    scores = 2.0 * op.share * op.batch * useful_scores(op)
    flops = scores * (op.k + op.v)
    forward = fused_seconds(chip, chip.attention_forward, op) * (1.0 + chip.lag)
    backward = fused_seconds(chip, chip.attention_backward, op) * (1.0 + chip.lag)
    row.forward_flops += flops
    row.backward_flops += scores * (3.0 * op.k + 2.0 * op.v)
    row.forward_kernels += op.share
    row.backward_kernels += 2.0 * op.share
    return forward, backward


@kernel
def add_operator(
    row: Record, chip: Record, case: Record, software: Record, op: Record
) -> None:
    """Add one operator to the times of its layer."""
    rest(op.engines)
    ahead, behind = row.forward_kernels, row.backward_kernels
    if op.kind == MATMUL:
        forward, backward = time_product(row, chip, case, software, op)
    elif op.kind == FUSED_ATTENTION:
        forward, backward = time_attention(row, chip, op)
    else:
        forward = stream_seconds(chip, op.forward_bytes, op.kernels)
        backward = stream_seconds(chip, op.backward_bytes, op.kernels)
        if chip.engines.cores > 0.0:
            forward, backward = stream_on_engines(chip, op, forward, backward)
        row.forward_kernels += op.kernels
        row.backward_kernels += op.kernels
    if op.kind == MATMUL and op.last > 0.0:
        row.last += forward
        row.last_flops += 2.0 * op.m * op.n * op.k * op.batch
    square = forward * forward * op.share
    row.forward_squares += square
    square = backward * backward * op.share
    if op.kind == MATMUL and not op.frozen:
        square -= 2.0 * op.input_time * op.weight_time * op.share
    row.backward_squares += max(0.0, square)
    forward, backward = forward * op.share, backward * op.share
    row.forward_experts += op.routed * forward
    row.backward_experts += op.routed * backward
    moved = min(forward + backward, op.share * moved_seconds(chip, op))
    if op.part == PART_MATMUL:
        row.forward_matmul += forward
        row.backward_matmul += backward
        row.matmul_moved += moved
    elif op.part == PART_ATTENTION:
        row.forward_attention += forward
        row.backward_attention += backward
        row.attention_moved += moved
    else:
        row.forward_elementwise += forward
        row.backward_elementwise += backward
        row.elementwise_moved += moved
    row.forward_routed += op.routed * (row.forward_kernels - ahead)
    row.backward_routed += op.routed * (row.backward_kernels - behind)


@kernel
def add_tensor_traffic(
    row: Record, software: Record, tiers: Rows, group: Record, ranks: int, size: float,
    blocks: float, again: float,
) -> float:  # fmt: skip
    """Add what a tensor group of `ranks` exchanges; returns s of one collective.

    Around each of `blocks` are one all-reduce of its hidden states of `size` bytes [B],
    or an all-gather and a reduce-scatter under sp (Korthikanti et al. 2022, section
    4.2.2), either way the same. Inputs that were not kept gathered are gathered `again`
    (LinearWithGradAccumulationAndAsyncCommunication.backward in
    megatron/core/tensor_parallel/layers.py).
    """
    cut = group.sp == 1 or group.tp == 1
    call = ALL_GATHER if cut else ALL_REDUCE
    calls = 2.0 * blocks if cut else blocks
    tp = float(ranks)
    time, sent, _, _ = collective(tiers, call, size, tp, 1.0, software)
    back = calls + again
    row.forward_tp += calls * time
    row.backward_tp += back * time
    row.forward_tp_bytes += calls * sent
    row.backward_tp_bytes += back * sent
    if tp > 1.0:
        row.forward_kernels += calls * software.collective_calls
        row.backward_kernels += back * software.collective_calls
    return time


@kernel
def add_expert_traffic(
    row: Record, model: Record, software: Record, tiers: Rows, group: Record,
    size: float,
) -> None:  # fmt: skip
    """Add what an expert group exchanges, dispatch and combine, and so backward.

    size : bytes [B] of the hidden states of a worker's tokens.
    """
    if group.ep == 1:
        return
    time, sent = expert_exchange(tiers, software, group, model, size)
    add_exchanges(row, software, time, sent, 2.0, 2.0)
    if software.dispatch_once == 0.0:
        time, sent = side_exchange(tiers, software, group, model, size)
        forward, backward = software.expert_beside
        add_exchanges(row, software, time, sent, forward, backward)


@kernel
def add_exchanges(
    row: Record, software: Record, time: float, sent: float, forward: float,
    backward: float,
) -> None:  # fmt: skip
    """Add so many exchanges of an expert group, each way."""
    row.forward_ep += forward * time
    row.backward_ep += backward * time
    row.forward_ep_bytes += forward * sent
    row.backward_ep_bytes += backward * sent
    row.forward_kernels += forward * software.collective_calls
    row.backward_kernels += backward * software.collective_calls
    row.forward_routed += forward * software.collective_calls
    row.backward_routed += backward * software.collective_calls


@kernel
def fill_transformer_layer(
    row: Record, mixture: int, chip: Record, model: Record, software: Record,
    case: Record, tiers: Rows, shard: Record, ops: Rows,
) -> None:  # fmt: skip
    """Fill the row of a dense or a mixture layer; `ops` is scratch."""
    count = transformer_operators(ops, mixture, chip, model, software, case, shard)
    cut_products(ops, count, software, tiers, shard)
    for i in range(count):
        before, back = forward_sums(row), backward_seconds(row)
        add_operator(row, chip, case, software, ops[i])
        note_module(row, ops[i], before)
        if ops[i].module == SHARED_EXPERTS:
            row.forward_shared += forward_sums(row)[0] - before[0]
            row.backward_shared += backward_seconds(row) - back
    keep_activations(row, mixture, chip, model, software, case, shard)
    fill_freed(row, mixture, model, software, case, shard)
    tokens = shard.tokens
    size = case.activation_bytes * tokens * model.hidden
    mine, blocks = 0.0, 1.0 if mixture else model.blocks
    kept = software.gathered_inputs > 0.0 or model.adapter_rank > 0.0
    again = blocks if shard.sp and not kept else 0.0
    time = add_tensor_traffic(
        row, software, tiers, shard, shard.tp, size, blocks, again
    )
    row.block_tp = row.forward_tp / blocks
    row.block_tp_bytes = row.forward_tp_bytes / blocks
    if mixture:
        # those who cut the same experts share their choices
        mine = case.activation_bytes * shard.own_tokens * model.hidden
        add_expert_traffic(row, model, software, tiers, shard, mine)
        chosen = case.activation_bytes * gathered_tokens(shard) * model.hidden
        chosen *= model.top_k
        add_tensor_traffic(row, software, tiers, shard, shard.etp, chosen, 1.0, 0.0)
        row.tp_experts = row.block_tp = row.forward_tp - row.block_tp
        row.block_tp_bytes = row.forward_tp_bytes - row.block_tp_bytes
    if software.overlap_tp > 0.0:
        row.tp_rings[0], row.tp_rings[1] = hidden_in_rings(
            ops, count, time * (1.0 - 1.0 / shard.tp), again, float(shard.sp)
        )
    if software.overlap_tp_backward > 0.0:
        row.tp_behind = hidden_backward(ops, count, time, again, blocks)
    if software.overlap_tp_inside > 0.0:
        row.tp_crosses = crosses_domain(tiers, float(shard.tp))
    add_context_traffic(row, chip, model, software, case, tiers, shard)
    fill_uses(row, chip, model, software, tiers, shard, size, blocks, mine)
    vary(row, chip, model, software, shard, mixture, blocks)
    row.forward_kernels += software.layer_calls[0]
    row.backward_kernels += software.layer_calls[1]
