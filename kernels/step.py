"""The work of one optimizer step from the times of its layers: schedule and overlap.

`fill_work` reads LAYER rows (see `layers`) and writes one RESULT row. The step is told
from the slowest pipeline stage: its work on all micro-batches, the fill and drain of
the others, and what communication nothing hides. Stages and their schedule are
`pipeline`'s; replicas and the optimizer come on top in `steps`.

What a layer's own traffic hides and costs stands in `layer_overlap`.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.layer_overlap import share_layer
from accelsim.kernels.pipeline import (
    add_pipeline,
    fill_hand_over,
    hand_over_beside,
)
from accelsim.kernels.recompute import (
    of_modules,
    repeated,
    repeated_traffic,
    selective_flops,
    selective_seconds,
)
from accelsim.kernels.stages import all_kinds, fill_shares, plain
from accelsim.kernels.tables import (
    DENSE,
    DUALPIPE,
    EMBED,
    HEAD,
    MOE,
    SELECTIVE,
    ZB_V,
    Record,
    Rows,
)
from accelsim.kernels.use_tables import MOMENTS
from accelsim.kernels.variation import slowest_replica


@kernel
def add_layer(
    result: Record, row: Record, chip: Record, software: Record, plan: Record,
    moments: Rows, count: float,
) -> tuple[float, float]:  # fmt: skip
    """Add `count` layers of one kind for one micro-batch to the result's parts.

    Returns (forward, backward) seconds of these layers on the device, without sharded
    weights. moments : MOMENT rows of the pass, to which the layers are added.
    """
    again = repeated(plan)
    compute = row.forward_matmul + row.forward_attention + row.forward_elementwise
    backward = row.backward_matmul + row.backward_attention + row.backward_elementwise
    recompute = again * (compute - (1.0 - software.repeats_last) * row.last)
    if plan.recompute == SELECTIVE:
        recompute = selective_seconds(row, chip, software, plan)
    busy = compute + backward + recompute
    tp, cp, ep, contention = share_layer(
        moments, row, software, plan, again, busy, count
    )
    result.matmul += count * (row.forward_matmul + row.backward_matmul)
    result.memory_bound += count * (
        row.forward_memory_bound + row.backward_memory_bound
    )
    result.attention += count * (row.forward_attention + row.backward_attention)
    result.elementwise += count * (row.forward_elementwise + row.backward_elementwise)
    result.recompute += count * recompute
    result.tp += count * tp
    result.cp += count * cp
    result.ep += count * ep
    result.contention += count * contention
    jitter = (1.0 + again) * row.forward_jitter + row.backward_jitter
    imbalance = (1.0 + again) * row.forward_imbalance + row.backward_imbalance
    result.jitter += count * jitter
    result.imbalance += count * imbalance
    result.variance += count * row.variance
    more = tp + cp + ep + contention + jitter + imbalance
    forward = compute + more / (3.0 + again)
    return count * forward, count * (busy + more - forward)


@kernel
def host_seconds(
    row: Record, model: Record, software: Record, plan: Record
) -> tuple[float, float]:
    """Return what the host takes to launch a layer, forward and backward [s]."""
    # what is started around experts may cost more: graphs do not hold it
    more = software.expert_launch - software.launch
    forward = row.forward_kernels * software.launch + row.forward_routed * more
    forward += row.forward_products * software.expert_product
    backward = row.backward_kernels + of_modules(plan, row.again_kernels)
    backward += software.tensor_kernels[0] * model.tensors
    backward = backward * software.launch + row.backward_routed * more
    backward += row.backward_products * software.expert_product
    return forward, backward + repeated(plan) * (forward + software.checkpoint)


@kernel
def host_wait(
    forward: float, backward: float, host_forward: float, host_backward: float,
    staged: int,
) -> float:  # fmt: skip
    """Return how long a worker waits for its host in one micro-batch [s].

    The host launches ahead of the device, so that only the sums of both count. Stages
    of a pipeline hand over between passes, where neither can run ahead; nor can a host
    that waits, in every mixture layer forward, for how many tokens each expert has.
    """
    if not staged:
        return max(0.0, host_forward + host_backward - forward - backward)
    return max(0.0, host_forward - forward) + max(0.0, host_backward - backward)


@kernel
def end_seconds(row: Record) -> float:
    """Return the seconds of embedding or head on one micro-batch."""
    return float(
        row.forward_matmul + row.backward_matmul
        + row.forward_elementwise + row.backward_elementwise
        + row.forward_tp + row.backward_tp
    )  # fmt: skip


@kernel
def add_end(result: Record, row: Record, share: float) -> float:
    """Add a share of embedding or head to its stage; returns its seconds."""
    seconds = share * end_seconds(row)
    tp = share * (row.forward_tp + row.backward_tp)
    result.head += seconds - tp
    result.tp += tp
    return seconds


@kernel
def end_host(row: Record, software: Record) -> float:
    """Return what the host takes to launch embedding or head [s]."""
    return float((row.forward_kernels + row.backward_kernels) * software.launch)


@kernel
def add_layers(
    result: Record, layers: Rows, chip: Record, model: Record, software: Record,
    plan: Record, moments: Rows, dense: float, mixtures: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Add so many dense layers and mixtures.

    Returns seconds of the device, forward and backward, and of the host. moments :
    MOMENT rows, which are filled anew.
    """
    for i in range(MOMENTS):
        one = moments[i]
        one.seconds = one.computing = one.units = 0.0
        one.memory = one.inner = one.outer = 0.0
    forward, backward, host_f, host_b = 0.0, 0.0, 0.0, 0.0
    for kind in (DENSE, MOE):
        here = mixtures if kind == MOE else dense
        if here > 0.0:
            row = layers[kind]
            f, b = add_layer(result, row, chip, software, plan, moments, here)
            of_host = host_seconds(row, model, software, plan)
            forward, backward = forward + f, backward + b
            host_f, host_b = host_f + here * of_host[0], host_b + here * of_host[1]
    return forward, backward, host_f, host_b


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
    result.contention *= times
    result.jitter *= times
    result.imbalance *= times
    result.variance *= times


@kernel
def layer_flops(row: Record, chip: Record, software: Record, plan: Record) -> float:
    """Return the FLOPs of one layer on one micro-batch, recomputation included."""
    flops = row.forward_flops + row.backward_flops
    last = (1.0 - software.repeats_last) * row.last_flops
    flops += repeated(plan) * (row.forward_flops - last)
    if plan.recompute == SELECTIVE:
        flops += selective_flops(row, chip, software, plan)
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
    passes = 1.0 + repeated(plan)
    block, routed = repeated_traffic(row, plan)
    result.hardware_flops += each * layer_flops(row, chip, software, plan)
    again = block * row.block_tp_bytes
    result.tp_bytes += each * (
        passes * row.forward_tp_bytes + row.backward_tp_bytes + again
    )
    result.cp_bytes += each * (passes * row.forward_cp_bytes + row.backward_cp_bytes)
    passes += routed
    result.ep_bytes += each * (passes * row.forward_ep_bytes + row.backward_ep_bytes)


@kernel
def add_mean_end(result: Record, row: Record, plan: Record) -> None:
    """Add FLOPs and bytes [B] of embedding or head, averaged over the stages."""
    each = plan.micro_batches / plan.pp
    result.hardware_flops += each * (row.forward_flops + row.backward_flops)
    result.tp_bytes += each * (row.forward_tp_bytes + row.backward_tp_bytes)


@kernel
def fill_pipeline(
    pipe: Record, layers: Rows, forward: float, backward: float, wait: float
) -> None:
    """Fill what a full stage and both ends take on one micro-batch [s].

    wait : for the host, in proportion to both passes. Of a product's backward pass one
    half is for the weights; the rest is for the inputs.
    """
    longer = 1.0 + wait / (forward + backward)
    pipe.forward, pipe.backward = longer * forward, longer * backward
    embed, head = layers[EMBED], layers[HEAD]
    pipe.embed_forward = embed.forward_elementwise + embed.forward_matmul
    pipe.embed_forward += embed.forward_tp
    pipe.embed_backward = end_seconds(embed) - pipe.embed_forward
    pipe.head_forward = head.forward_elementwise + head.forward_matmul + head.forward_tp
    pipe.head_backward = end_seconds(head) - pipe.head_forward
    pipe.head_weight = head.backward_matmul / 2.0


@kernel
def weight_seconds(layers: Rows, dense: float, mixtures: float) -> float:
    """Return the part of the backward pass of some layers that is for weights [s].

    One of the two products that each forward product has.
    """
    products = dense * layers[DENSE].backward_matmul
    return float((products + mixtures * layers[MOE].backward_matmul) / 2.0)


@kernel
def layer_seconds(
    result: Record, layers: Rows, chip: Record, software: Record, plan: Record,
    moments: Rows, kind: int,
) -> float:  # fmt: skip
    """Return the seconds of a layer of one kind on a micro-batch.

    result : RESULT, zeroed and left so. moments : scratch.
    """
    row = layers[kind]
    forward, backward = add_layer(result, row, chip, software, plan, moments, 1.0)
    add_layer(result, row, chip, software, plan, moments, -1.0)
    return forward + backward


@kernel
def busiest_stage(
    pipe: Record, layers: Rows, plan: Record, middle: float, wait: float,
    wait_last: float,
) -> int:  # fmt: skip
    """Return the stage that works longest on a micro-batch, hand-overs included.

    middle : device seconds of the fullest stage, without embedding and head; wait : for
    its host; wait_last : of the last stage. An end comes before a stage between.
    """
    hop, last = pipe.hop * (1.0 - pipe.hides), plan.pp - 1
    head = end_seconds(layers[HEAD])
    most = pipe.share[0] * (middle + wait) + end_seconds(layers[EMBED])
    busiest = 0
    time = pipe.share[last] * middle + head + wait_last
    if time > most:
        most, busiest = time, last
    for stage in range(1, last):
        time = pipe.share[stage] * (middle + wait) + hop
        if time > most:
            most, busiest = time, stage
        if pipe.even > 0.0:  # the others are like it
            break
    return busiest


@kernel
def add_slowest(
    result: Record, pipe: Record, layers: Rows, plan: Record, middle: float,
    wait: float, wait_last: float,
) -> tuple[float, float]:  # fmt: skip
    """Make the parts those of the busiest stage.

    Returns its seconds on a micro-batch and how often it hands over. middle : device
    seconds of a full stage, whose parts are there. ZB-V's first stage holds both ends,
    DualPipe's first and last each hold both for half of the micro-batches.
    """
    embed, head = layers[EMBED], layers[HEAD]
    sends = 2.0 * plan.vp
    if plan.schedule in (ZB_V, DUALPIPE):
        both = 0.5 if plan.schedule == DUALPIPE else 1.0
        wait += both * (wait_last - pipe.share[plan.pp - 1] * wait)
        middle += add_end(result, embed, both) + add_end(result, head, both)
        result.launch += wait
        return middle + wait, sends
    stage = busiest_stage(pipe, layers, plan, middle, wait, wait_last)
    share = pipe.share[stage]
    scale_micro_batches(result, share)
    middle, wait = share * middle, share * wait
    if stage == 0:
        middle += add_end(result, embed, 1.0)
    if stage == plan.pp - 1:
        middle, wait = middle + add_end(result, head, 1.0), wait_last
    if stage in (0, plan.pp - 1):
        sends -= 1.0
    result.launch += wait
    return middle + wait, sends


@kernel
def fill_work(
    result: Record, layers: Rows, case: Record, chip: Record, model: Record,
    software: Record, tiers: Rows, plan: Record, pipe: Record, sums: Rows,
    moments: Rows,
) -> tuple[float, float]:  # fmt: skip
    """Fill one RESULT row (zeroed) with what the stages do, whatever is sharded.

    layers : the four LAYER rows of the plan's shard. pipe, sums : scratch, a PIPELINE
    row and (4, pp). moments : MOMENT rows, filled. Returns seconds of a full stage on
    one micro-batch, forward and backward.
    """
    each, mixture = 1.0, 1.0
    if not plain(model):
        each = layer_seconds(result, layers, chip, software, plan, moments, DENSE)
        mixture = layer_seconds(result, layers, chip, software, plan, moments, MOE)
    fill_shares(pipe, case, model, software, plan, each, mixture)
    forward, backward, host_f, host_b = add_layers(
        result, layers, chip, model, software, plan, moments, pipe.dense, pipe.mixtures
    )
    embed, head, share = layers[EMBED], layers[HEAD], pipe.share[plan.pp - 1]
    slowest, size, sends = forward + backward, 0.0, 0.0
    if plan.pp == 1:
        slowest += add_end(result, embed, 1.0) + add_end(result, head, 1.0)
        host_b += end_host(embed, software) + end_host(head, software)
        held = int(software.expert_waits > 0.0 and model.moe_layers > 0.0)
        wait = host_wait(forward, slowest - forward, host_f, host_b, held)
        result.launch += wait
    else:
        size = fill_hand_over(pipe, case, chip, model, software, tiers, plan)
        slower = hand_over_beside(pipe, plan, moments, slowest)
        result.contention += (slower - 1.0) * slowest
        forward, backward = slower * forward, slower * backward
        slowest *= slower
        wait = host_wait(forward, backward, host_f, host_b, 1)
        there = end_seconds(head)
        host_last = share * host_b + end_host(head, software)
        wait_last = host_wait(
            share * forward, share * backward + there, share * host_f, host_last, 1
        )
        fill_pipeline(pipe, layers, forward, backward, wait)
        pipe.head_forward += wait_last - share * wait
        pipe.weight = weight_seconds(layers, pipe.dense, pipe.mixtures)
        slowest, sends = add_slowest(
            result, pipe, layers, plan, slowest, wait, wait_last
        )
    scale_micro_batches(result, float(plan.micro_batches))
    if plan.pp > 1:
        add_pipeline(result, pipe, plan, slowest, size, sends, sums)
    result.jitter_end = slowest_replica(result, plan)
    result.jitter += result.jitter_end
    dense, mixtures = all_kinds(model)
    add_mean_worker(result, layers[DENSE], chip, software, plan, dense)
    add_mean_worker(result, layers[MOE], chip, software, plan, mixtures)
    add_mean_end(result, layers[EMBED], plan)
    add_mean_end(result, layers[HEAD], plan)
    return forward, backward
