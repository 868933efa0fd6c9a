"""The time of one optimizer step from the times of its layers: schedule and overlap.

`fill_steps` reads LAYER rows (see `layers`) and writes one RESULT row for each plan.
The step is told from the slowest pipeline stage: its work on all micro-batches, the
fill and drain of the others, what communication nothing hides, and the optimizer.

1F1B: T = sum of all stages' times + (micro-batches - 1) x the slowest (Narayanan et al.
2021, sec. 2.2); v virtual stages divide the first term's rest by v (ibid.).
Overlap: what may run behind computation (the software says) is exposed as far as it is
longer; while it runs it takes `communication_share` of the computing units.
"""

from accelsim.kernels.collectives import ALL_GATHER, ALL_REDUCE, collective, send
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import (
    DENSE,
    EMBED,
    FULL,
    HEAD,
    MOE,
    SELECTIVE,
    UNSHARDED,
    ZERO2,
    ZERO3,
    Record,
    Rows,
)

HALF = 2.0


@kernel
def exposed(may_hide: float, time: float, behind: float, share: float) -> float:
    """Return the part of a communication `time` [s] that a step sees.

    may_hide : 1 if it may run behind `behind` [s] of computation, which then loses
    `share` of its units for as long.
    """
    if may_hide == 0.0:
        return time
    hidden = min(time, behind)
    return time - hidden + share * hidden


@kernel
def add_layer(
    result: Record, row: Record, chip: Record, software: Record, plan: Record,
    count: float,
) -> tuple[float, float]:  # fmt: skip
    """Add `count` layers of one kind for one micro-batch to the result's parts.

    Returns (forward, backward) seconds of these layers without sharded weights.
    """
    again = 0.0
    if plan.recompute == FULL:
        again = 1.0
    compute = row.forward_matmul + row.forward_attention + row.forward_elementwise
    backward = row.backward_matmul + row.backward_attention + row.backward_elementwise
    core = 0.0
    if plan.recompute == SELECTIVE and chip.attention_forward == 0.0:
        core = row.core
    recompute = again * compute + core
    kernels = (1.0 + again) * row.forward_kernels + row.backward_kernels
    busy = compute + backward + recompute
    launch = max(0.0, kernels * software.launch - busy)
    tp = (1.0 + again) * row.forward_tp + row.backward_tp
    if software.overlap_tp > 0.0:
        # the first of the tp chunks has nothing to hide behind
        behind = min(
            row.forward_matmul + row.backward_matmul, tp * (1.0 - 1.0 / plan.tp)
        )
        tp = exposed(1.0, tp, behind, software.communication_share)
    cp = (1.0 + again) * row.forward_cp + row.backward_cp
    attention = row.forward_attention * (1.0 + again) + row.backward_attention
    cp = exposed(software.overlap_cp, cp, attention, software.communication_share)
    ep = (1.0 + again) * row.forward_ep + row.backward_ep
    ep = exposed(software.overlap_ep, ep, busy, software.communication_share)
    result.matmul += count * (row.forward_matmul + row.backward_matmul)
    result.memory_bound += count * (
        row.forward_memory_bound + row.backward_memory_bound
    )
    result.attention += count * (row.forward_attention + row.backward_attention)
    result.elementwise += count * (row.forward_elementwise + row.backward_elementwise)
    result.recompute += count * recompute
    result.launch += count * launch
    result.tp += count * tp
    result.cp += count * cp
    result.ep += count * ep
    add_layer_traffic(result, row, again, count)
    forward = compute + row.forward_tp + row.forward_cp + row.forward_ep
    total = busy + launch + tp + cp + ep
    return count * min(forward, 0.5 * total), count * max(total - forward, 0.5 * total)


@kernel
def add_layer_traffic(result: Record, row: Record, again: float, count: float) -> None:
    """Add the bytes [B] and FLOPs of `count` layers on one micro-batch."""
    result.tp_bytes += count * (
        (1.0 + again) * row.forward_tp_bytes + row.backward_tp_bytes
    )
    result.cp_bytes += count * (
        (1.0 + again) * row.forward_cp_bytes + row.backward_cp_bytes
    )
    result.ep_bytes += count * (
        (1.0 + again) * row.forward_ep_bytes + row.backward_ep_bytes
    )
    result.hardware_flops += count * (
        (1.0 + again) * row.forward_flops + row.backward_flops
    )


@kernel
def end_seconds(row: Record) -> float:
    """Return the seconds of embedding or head on one micro-batch."""
    return float(
        row.forward_matmul + row.backward_matmul
        + row.forward_elementwise + row.backward_elementwise
        + row.forward_tp + row.backward_tp
    )  # fmt: skip


@kernel
def add_end(result: Record, row: Record) -> float:
    """Add embedding or head to the stage that holds it; returns its seconds."""
    tp = row.forward_tp + row.backward_tp
    result.head += end_seconds(row) - tp
    result.tp += tp
    add_layer_traffic(result, row, 0.0, 1.0)
    return end_seconds(row)


@kernel
def layers_of_stage(model: Record, plan: Record) -> tuple[float, float]:
    """Return the layers of the fullest and of the last stage.

    Layers go to the pp x vp chunks as evenly as they can, the first chunks fuller.
    """
    chunks = plan.pp * plan.vp
    fullest = -(-model.layers // chunks) * plan.vp
    last = model.layers - fullest * (plan.pp - 1.0)
    return fullest, max(last, model.layers // chunks * plan.vp)


@kernel
def stage_parameters(model: Record, plan: Record) -> tuple[float, float, float]:
    """Return the parameters of one worker in the fullest stage: (dense, experts, ends).

    Tables of the embedding and the head are on the first and last stage, on both if
    there is one stage. Numbers of parameters, cut over tp and ep.
    """
    layers, _ = layers_of_stage(model, plan)
    moe = layers * model.moe_layers / model.layers
    dense = (layers - moe) * model.layer_parameters + moe * model.moe_parameters
    experts = moe * model.expert_parameters / (plan.tp * plan.ep)
    ends = max(model.embed_parameters, model.head_parameters)
    if plan.pp == 1:
        ends = model.embed_parameters + model.head_parameters
    return dense / plan.tp, experts, ends / plan.tp


@kernel
def group_exchange(
    tiers: Rows, software: Record, plan: Record, kind: int, dense: float,
    experts: float,
) -> tuple[float, float]:  # fmt: skip
    """Return (seconds, bytes) to reduce or gather dense and expert bytes [B].

    Dense weights are replicated over dp x cp workers at stride tp, experts over that
    group divided by ep, at stride tp x ep.
    """
    ranks = float(plan.dp * plan.cp)
    a, sent = collective(tiers, kind, dense, ranks, float(plan.tp), software.pipelined)
    b, more = collective(
        tiers,
        kind,
        experts,
        ranks / plan.ep,
        float(plan.tp * plan.ep),
        software.pipelined,
    )
    return a + b, sent + more


@kernel
def add_data_parallel(
    result: Record, model: Record, software: Record, tiers: Rows, plan: Record,
    forward: float, backward: float,
) -> None:  # fmt: skip
    """Add what keeps the data-parallel replicas equal.

    forward, backward : seconds of the stage on one micro-batch, to hide behind. ZeRO-3
    gathers weights twice and reduces gradients in each micro-batch, ZeRO-2 reduces in
    each, ZeRO-1 reduces and gathers once a step, plain replicas all-reduce once
    (Rajbhandari et al. 2020, sec. 7). The last bucket of a layer is always exposed.
    """
    dense, experts, ends = stage_parameters(model, plan)
    dense += ends
    layers, _ = layers_of_stage(model, plan)
    edge = 1.0 / max(1.0, layers)
    share = software.communication_share
    grad, half = software.grad_bytes, HALF
    kind = ALL_REDUCE if plan.sharding == UNSHARDED else ALL_GATHER
    reduce, sent = group_exchange(
        tiers, software, plan, kind, dense * grad, experts * grad
    )
    gather, gathered = 0.0, 0.0
    if plan.sharding != UNSHARDED:
        gather, gathered = group_exchange(
            tiers, software, plan, ALL_GATHER, dense * half, experts * half
        )
    times = float(plan.micro_batches) if plan.sharding >= ZERO2 else 1.0
    gathers = 2.0 * plan.micro_batches if plan.sharding == ZERO3 else 1.0
    behind = backward
    if plan.sharding == ZERO3:
        behind = max(0.0, backward - gather)  # it hides the second gather too
    hidden = behind * (1.0 - edge)
    time = times * exposed(software.overlap_dp, reduce, hidden, share)
    hidden = forward * (1.0 - edge)
    if plan.sharding == ZERO3:
        first = exposed(software.overlap_gather, gather, hidden, share)
        hidden = backward * (1.0 - edge)
        second = exposed(software.overlap_gather, gather, hidden, share)
        time += plan.micro_batches * (first + second)
    else:
        time += exposed(software.overlap_gather, gather, hidden, share)
    result.dp += time
    result.dp_bytes += times * sent + gathers * gathered


@kernel
def add_pipeline(
    result: Record, model: Record, software: Record, case: Record, tiers: Rows,
    plan: Record, slowest: float, middle: float, last: float,
) -> None:  # fmt: skip
    """Add fill and drain and the hand-over of activations between stages.

    slowest, middle, last : seconds of a stage on one micro-batch. Activations cross
    cut over tp (Narayanan et al. 2021, sec. 4.1, scatter/gather).
    """
    if plan.pp == 1:
        return
    tokens = plan.micro_batch * case.seq_len / plan.cp
    size = HALF * tokens * model.hidden / plan.tp
    stride = float(plan.tp * plan.cp * plan.dp)
    hop = send(tiers, size, stride)
    others = (plan.pp - 2.0) * middle + middle + last - min(slowest, max(middle, last))
    if plan.pp == 2:
        others = middle + last - max(middle, last)
    result.bubble += max(0.0, others) / plan.vp + (plan.pp - 1.0) * 2.0 * hop
    chunk = slowest / plan.vp
    seen = exposed(software.overlap_pp, 2.0 * hop, chunk, 0.0)
    result.pp += plan.micro_batches * plan.vp * seen
    result.pp_bytes += 2.0 * plan.micro_batches * plan.vp * size


@kernel
def add_optimizer(
    result: Record, model: Record, chip: Record, software: Record, plan: Record
) -> None:
    """Add the update: it streams gradient, master copy and moments of each parameter.

    The gradient is read for the norm and for the update and zeroed; master copy and
    moments are read and written; the weight is written. Chained kernels move about
    twice as much.
    """
    dense, experts, ends = stage_parameters(model, plan)
    mine = dense + ends
    if plan.sharding != UNSHARDED:
        mine = mine / (plan.dp * plan.cp)
        experts = experts * plan.ep / (plan.dp * plan.cp)
    traffic = 3.0 * software.grad_bytes + 2.0 * software.master_bytes + HALF
    passes = 1.0 if software.fused_optimizer > 0.0 else 2.0
    seconds = passes * traffic * (mine + experts) / chip.memory_bandwidth
    result.optimizer += seconds + chip.kernel_latency
    result.host += software.step_overhead


@kernel
def scale_micro_batches(result: Record, times: float) -> None:
    """Multiply what was added for one micro-batch by their number."""
    result.matmul *= times
    result.memory_bound *= times
    result.attention *= times
    result.elementwise *= times
    result.head *= times
    result.recompute *= times
    result.launch *= times
    result.tp *= times
    result.cp *= times
    result.ep *= times
    result.tp_bytes *= times
    result.cp_bytes *= times
    result.ep_bytes *= times
    result.hardware_flops *= times


@kernel
def fill_step(
    result: Record, layers: Rows, case: Record, chip: Record, model: Record,
    software: Record, tiers: Rows, plan: Record,
) -> None:  # fmt: skip
    """Fill one RESULT row from the four LAYER rows of the plan's shard."""
    full, rest = layers_of_stage(model, plan)
    moe = model.moe_layers / model.layers
    d = layers[DENSE]
    m = layers[MOE]
    whole_f, whole_b = 0.0, 0.0
    if moe < 1.0:
        whole_f, whole_b = add_layer(
            result, d, chip, software, plan, full * (1.0 - moe)
        )
    if moe > 0.0:
        f, b = add_layer(result, m, chip, software, plan, full * moe)
        whole_f, whole_b = whole_f + f, whole_b + b
    middle = whole_f + whole_b
    head = layers[HEAD]
    last = middle * rest / full + end_seconds(head)
    slowest = middle
    if plan.pp == 1:
        slowest += add_end(result, layers[EMBED])
        slowest += add_end(result, head)
    elif last > middle:
        slowest = last
        scale_micro_batches(result, rest / full)
        add_end(result, head)
    else:
        slowest += add_end(result, layers[EMBED])
    scale_micro_batches(result, float(plan.micro_batches))
    add_pipeline(result, model, software, case, tiers, plan, slowest, middle, last)
    add_data_parallel(result, model, software, tiers, plan, whole_f, whole_b)
    add_optimizer(result, model, chip, software, plan)
    result.step_time = (
        result.matmul + result.attention + result.elementwise + result.head
        + result.recompute + result.launch + result.tp + result.cp + result.ep
        + result.pp + result.dp + result.bubble + result.optimizer + result.host
    )  # fmt: skip


@kernel
def fill_steps(
    cases: Rows, chips: Rows, models: Rows, software: Rows, tiers: Rows, plans: Rows,
    layers: Rows, results: Rows,
) -> None:  # fmt: skip
    """Fill `results[i]` (RESULT, zeroed) for every row of `plans` (PLAN)."""
    for i in range(len(plans)):
        plan = plans[i]
        c = plan.case
        fill_step(
            results[i], layers[plan.shard], cases[c], chips[c], models[c],
            software[c], tiers[c], plan,
        )  # fmt: skip
