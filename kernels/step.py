"""The time of one optimizer step from the times of its layers: schedule and overlap.

`fill_steps` reads LAYER rows (see `layers`) and writes one RESULT row for each plan.
The step is told from the slowest pipeline stage: its work on all micro-batches, the
fill and drain of the others, what communication nothing hides, and the optimizer.
Stages and their schedule are `pipeline`'s.

Overlap: what may run behind computation (the software says) is exposed as far as it is
longer; while it runs it takes `communication_share` of the computing units.
"""

from accelsim.kernels.collectives import collective
from accelsim.kernels.fabric_tables import ALL_GATHER, ALL_REDUCE
from accelsim.kernels.jit import kernel
from accelsim.kernels.overlap import bucketed, exposed
from accelsim.kernels.pipeline import add_pipeline, layers_of_stage
from accelsim.kernels.streams import (
    GRADIENT_PASSES,
    STATE_PASSES,
    WEIGHT_PASSES,
    stream_seconds,
)
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


@kernel
def selective_seconds(row: Record, chip: Record, software: Record) -> float:
    """Return what selective recomputation adds to the backward pass of a layer [s].

    A fused attention kernel repeats its scores anyway, so its core is never repeated.
    """
    time = software.selective_matmul * row.forward_matmul
    time += software.selective_elementwise * row.forward_elementwise
    if chip.attention_forward.block == 0.0:
        time += software.selective_core * row.core
    return float(time)


@kernel
def add_layer(
    result: Record, row: Record, chip: Record, software: Record, plan: Record,
    count: float,
) -> tuple[float, float]:  # fmt: skip
    """Add `count` layers of one kind for one micro-batch to the result's parts.

    Returns (forward, backward) seconds of these layers without sharded weights.
    """
    again = 1.0 if plan.recompute == FULL else 0.0
    compute = row.forward_matmul + row.forward_attention + row.forward_elementwise
    backward = row.backward_matmul + row.backward_attention + row.backward_elementwise
    recompute = again * compute
    if plan.recompute == SELECTIVE:
        recompute = selective_seconds(row, chip, software)
    kernels = (1.0 + again) * row.forward_kernels + row.backward_kernels
    busy = compute + backward + recompute
    launch = max(0.0, kernels * software.launch - busy)
    share = software.communication_share
    tp = (1.0 + again) * row.forward_tp + row.backward_tp
    cp = (1.0 + again) * row.forward_cp + row.backward_cp
    ep = (1.0 + again) * row.forward_ep + row.backward_ep
    # the first of the tp chunks has nothing to hide behind, and what one
    # communication hides behind cannot hide another
    behind_tp = min(row.forward_matmul + row.backward_matmul, tp - tp / plan.tp)
    behind_cp = row.forward_attention * (1.0 + again) + row.backward_attention
    hidden = software.overlap_tp * min(tp, behind_tp)
    hidden += software.overlap_cp * min(cp, behind_cp)
    tp = exposed(software.overlap_tp, tp, behind_tp, share)
    cp = exposed(software.overlap_cp, cp, behind_cp, share)
    ep = exposed(software.overlap_ep, ep, busy - hidden, share)
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
    total = busy + launch + tp + cp + ep
    forward = compute + (total - busy) / (3.0 + again)
    return count * forward, count * (total - forward)


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
    seconds, tp = end_seconds(row), row.forward_tp + row.backward_tp
    result.head += seconds - tp
    result.tp += tp
    return seconds


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
    experts: float, calls: float,
) -> tuple[float, float]:  # fmt: skip
    """Return (seconds, bytes) to reduce or gather dense and expert bytes [B].

    Dense weights are replicated over dp x cp workers at stride tp, experts over that
    group divided by ep, at stride tp x ep. calls : collectives that share the bytes
    (one a layer where layers are gathered one by one).
    """
    ranks, tp = float(plan.dp * plan.cp), float(plan.tp)
    a, sent, _, _ = collective(tiers, kind, dense / calls, ranks, tp, software)
    ep = float(plan.ep)
    b, more, _, _ = collective(
        tiers, kind, experts / calls, ranks / ep, tp * ep, software
    )
    return calls * (a + b), calls * (sent + more)


@kernel
def add_data_parallel(
    result: Record, model: Record, software: Record, case: Record, tiers: Rows,
    plan: Record, forward: float, backward: float,
) -> None:  # fmt: skip
    """Add what keeps the data-parallel replicas equal.

    forward, backward : seconds of the stage on one micro-batch, to hide behind. ZeRO-3
    gathers each layer's weights twice and reduces its gradients in each micro-batch,
    ZeRO-2 reduces in each unless there is a pipeline, ZeRO-1 reduces and gathers once
    a step, plain replicas all-reduce once (Rajbhandari et al. 2020, sec. 7).
    """
    dense, experts, ends = stage_parameters(model, plan)
    dense += ends
    fullest, _ = layers_of_stage(model, plan)
    layers = max(1.0, fullest)
    share, grad = software.communication_share, software.grad_bytes
    calls = layers if plan.sharding >= ZERO2 else 1.0
    kind = ALL_REDUCE if plan.sharding == UNSHARDED else ALL_GATHER
    reduce, sent = group_exchange(
        tiers, software, plan, kind, dense * grad, experts * grad, calls
    )
    gather, gathered = 0.0, 0.0
    if plan.sharding != UNSHARDED:
        weight = case.weight_bytes
        calls = layers if plan.sharding == ZERO3 else 1.0
        gather, gathered = group_exchange(
            tiers, software, plan, ALL_GATHER, dense * weight, experts * weight, calls
        )
    # gradients of a pipeline stage wait for its last micro-batch
    each = plan.sharding == ZERO3 or (plan.sharding == ZERO2 and plan.pp == 1)
    times = float(plan.micro_batches) if each else 1.0
    behind, gathers = backward, 1.0
    time = bucketed(software.overlap_gather, gather, forward, layers, share)
    if plan.sharding == ZERO3:
        gathers = 2.0 * plan.micro_batches
        again = bucketed(software.overlap_gather, gather, backward, layers, share)
        time = plan.micro_batches * (time + again)
        behind = max(0.0, backward - software.overlap_gather * gather)
    time += times * bucketed(software.overlap_dp, reduce, behind, layers, share)
    result.dp += time
    result.dp_bytes += times * sent + gathers * gathered


@kernel
def add_optimizer(
    result: Record, model: Record, chip: Record, software: Record, case: Record,
    plan: Record,
) -> None:  # fmt: skip
    """Add the update: it streams gradient, master copy and moments of each parameter.

    Chained kernels move about twice as much.
    """
    dense, experts, ends = stage_parameters(model, plan)
    mine = dense + ends
    if plan.sharding != UNSHARDED:
        mine = mine / (plan.dp * plan.cp)
        experts = experts * plan.ep / (plan.dp * plan.cp)
    traffic = GRADIENT_PASSES * software.grad_bytes
    traffic += STATE_PASSES * software.master_bytes + WEIGHT_PASSES * case.weight_bytes
    passes = 1.0 if software.fused_optimizer > 0.0 else 2.0
    moved = passes * traffic * (mine + experts)
    result.optimizer += stream_seconds(chip, moved, 1.0)
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


@kernel
def layer_flops(row: Record, chip: Record, software: Record, plan: Record) -> float:
    """Return the FLOPs of one layer on one micro-batch, recomputation included."""
    flops = row.forward_flops + row.backward_flops
    if plan.recompute == FULL:
        flops += row.forward_flops
    elif plan.recompute == SELECTIVE:
        flops += software.selective_matmul * (row.forward_flops - row.core_flops)
        if chip.attention_forward.block == 0.0:
            flops += software.selective_core * row.core_flops
    return float(flops)


@kernel
def add_mean_worker(
    result: Record, row: Record, chip: Record, software: Record, plan: Record,
    count: float,
) -> None:  # fmt: skip
    """Add FLOPs and bytes [B] of `count` layers of the model, averaged over the stages.

    The slowest stage decides the time, but every stage computes and sends.
    """
    each = count * plan.micro_batches / plan.pp
    passes = 2.0 if plan.recompute == FULL else 1.0
    result.hardware_flops += each * layer_flops(row, chip, software, plan)
    result.tp_bytes += each * (passes * row.forward_tp_bytes + row.backward_tp_bytes)
    result.cp_bytes += each * (passes * row.forward_cp_bytes + row.backward_cp_bytes)
    result.ep_bytes += each * (passes * row.forward_ep_bytes + row.backward_ep_bytes)


@kernel
def add_mean_end(result: Record, row: Record, plan: Record) -> None:
    """Add FLOPs and bytes [B] of embedding or head, averaged over the stages."""
    each = plan.micro_batches / plan.pp
    result.hardware_flops += each * (row.forward_flops + row.backward_flops)
    result.tp_bytes += each * (row.forward_tp_bytes + row.backward_tp_bytes)


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
    add_data_parallel(result, model, software, case, tiers, plan, whole_f, whole_b)
    add_optimizer(result, model, chip, software, case, plan)
    dense = model.layers - model.moe_layers
    add_mean_worker(result, layers[DENSE], chip, software, plan, dense)
    add_mean_worker(result, layers[MOE], chip, software, plan, model.moe_layers)
    add_mean_end(result, layers[EMBED], plan)
    add_mean_end(result, layers[HEAD], plan)
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
