"""The tensors of a training step of one stage, followed through an allocator.

Known are dense layers under fused attention, plain replicas or a sharded optimizer, and
one chunk a stage, one forward and one backward: `followed` says so. The optimizer makes
its moments after the first backward pass (`torch.optim`: state at the first step), in
the holes that it left, so further steps are followed. The host launches ahead of the
device, which waits for other stages, and what a collective read is free no sooner than
the device is done with it.
Indices and masks are left out.
"""

from accelsim.kernels.allocator import (
    DEVICE,
    HOST,
    LIMIT,
    MOST,
    NONE,
    RESERVED,
    Heap,
    clear,
    give,
    lend,
    take,
    wait,
    work,
)
from accelsim.kernels.groups import sharers
from accelsim.kernels.jit import kernel
from accelsim.kernels.layer_tensors import (
    INPUT,
    NORM,
    PRODUCT,
    STATISTIC,
    Stage,
    backward,
    fill_sizes,
    forward,
    normed,
    release,
    scattered,
    through_norm,
    through_product,
    write_gradient,
)
from accelsim.kernels.tables import (
    FULL,
    GPIPE,
    ONE_F_ONE_B,
    SELECTIVE,
    UNSHARDED,
    ZERO2,
    Record,
    Rows,
)

STEPS = 3
MORE = 2  # micro-batches beyond those in flight that are followed
BUCKET = 25.0 * 2**20  # B; bucket_cap_mb of DistributedDataParallel


@kernel
def followed(chip: Record, model: Record, software: Record, plan: Record) -> bool:
    """Return whether the sequence of a plan's tensors is known here."""
    dense = model.moe_layers == 0.0 and model.kv_rank == 0.0 and model.blocks == 2.0
    dense = dense and model.mtp == 0.0
    plain = plan.recompute != SELECTIVE and plan.recompute_layers == 0
    plain = plain and plan.offload == 0.0 and model.adapter_rank == 0.0
    plain = plain and plan.offload_optimizer == 0 and plan.sharding <= ZERO2
    one = plan.vp == 1 and plan.schedule in (ONE_F_ONE_B, GPIPE)
    fused = chip.attention_forward.block > 0.0
    return bool(software.segments > 0.0 and dense and plain and one and fused)


@kernel
def forward_all(
    stage: Stage, slot: int, layers: int, plan: Record, comes: float
) -> None:  # fmt: skip
    """Follow a stage's forward pass on one micro-batch, kept in a slot.

    comes : when its input is there, if another stage sends it [s].
    """
    heap, size, kept = stage.heap, stage.size, stage.kept
    pace = stage.pace
    if size.embed_weight > 0.0:
        seconds, host = pace.embed_forward_seconds, pace.embed_forward_host
        work(heap, pace.embed_forward_launches, host, seconds)
        hidden = scattered(stage, take(heap, size.whole))
    else:
        hidden = take(heap, size.own)
        receive(stage, comes)
    for layer in range(layers):
        row = kept[slot, layer]
        hidden = forward(stage, row, hidden)
        if plan.recompute == FULL:
            release(heap, row, INPUT + 1)
    row = kept[slot, layers]
    row[:] = NONE
    if size.logits == 0.0:
        send(stage, hidden)
        return
    row[INPUT] = hidden
    give(heap, normed(stage, row, NORM, STATISTIC))
    seconds, host = pace.head_forward_seconds, pace.head_forward_host
    work(heap, pace.head_forward_launches, host, seconds)
    lose(stage, row)


@kernel
def backward_all(
    stage: Stage, slot: int, layers: int, plan: Record, comes: float
) -> None:  # fmt: skip
    """Follow a stage's backward pass on the micro-batch of a slot.

    comes : when the gradient is there, if another stage sends it [s].
    """
    heap, size, kept = stage.heap, stage.size, stage.kept
    stage.grads[-1] = 0
    row = kept[slot, layers]
    pace = stage.pace
    if size.logits > 0.0:
        gradient = through_loss(stage, row)
        seconds, host = pace.head_backward_seconds, pace.head_backward_host
        work(heap, pace.head_backward_launches, host, seconds)
        into = through_product(stage, row, NORM, gradient, size.head_product)
        through_norm(stage, row, STATISTIC, INPUT, into)
    give(heap, row[INPUT])
    flowing = take(heap, size.own)
    if size.logits == 0.0:
        receive(stage, comes)
    for layer in range(layers - 1, -1, -1):
        row = kept[slot, layer]
        if plan.recompute == FULL:
            give(heap, forward(stage, row, row[INPUT]))
        backward(stage, row)
    write_gradient(stage, size.embed_weight)
    if size.embed_weight > 0.0:
        give(heap, flowing)
    else:
        send(stage, flowing)
    for i in range(stage.grads[-1]):
        give(heap, stage.grads[i])
    work(heap, layers * pace.layer_sums, stage.software.launch, 0.0)


@kernel
def lose(stage: Stage, row: Rows) -> None:
    """Allocate the logits and what the loss makes and keeps of them."""
    heap, size, software = stage.heap, stage.size, stage.software
    row[PRODUCT] = take(heap, size.logits)
    if software.loss_copies == 0.0:
        return
    logits, copy = row[PRODUCT], take(heap, size.wide_logits)
    row[PRODUCT] = copy
    if software.loss_held == 0.0:
        give(heap, logits)
    if software.loss_copies > 1.0:
        row[PRODUCT] = take(heap, size.wide_logits)
        give(heap, copy)
    if software.loss_held > 0.0:
        give(heap, logits)


@kernel
def through_loss(stage: Stage, row: Rows) -> int:
    """Return the block of the logits' gradient; what the loss kept is freed."""
    heap, size = stage.heap, stage.size
    before = NONE
    for _ in range(int(stage.software.loss_gradients)):
        last = before
        before = take(heap, size.wide_logits)
        give(heap, last)
    if before != NONE:
        give(heap, row[PRODUCT])
    gradient = take(heap, size.logits)
    if before != NONE:
        give(heap, before)
    else:
        give(heap, row[PRODUCT])
    row[PRODUCT] = NONE
    return gradient


@kernel
def receive(stage: Stage, comes: float) -> None:
    """Let the device wait for what another stage sends, and the host if it reads it."""
    clock = stage.heap.clock
    clock[DEVICE] = max(clock[DEVICE], comes)
    if stage.software.waits > 0.0:
        wait(stage.heap)


@kernel
def send(stage: Stage, block: int) -> None:
    """Hand a tensor over to another stage; nothing here needs it any more."""
    if stage.software.waits > 0.0:
        wait(stage.heap)
    if stage.software.lends > 0.0:
        lend(stage.heap, block)
    give(stage.heap, block)


@kernel
def take_parameters(stage: Stage, each: float, layers: int, copies: int) -> None:
    """Allocate so many bytes a parameter, a tensor of weights at a time, for good."""
    size, heap = stage.size, stage.heap
    take_copies(heap, each * size.embed_weight, copies)
    for _ in range(layers):
        take_copies(heap, each * size.norm_weight, copies)
        take_copies(heap, each * size.packed_weight, copies)
        take_copies(heap, each * size.out_weight, copies)
        take_copies(heap, each * size.norm_weight, copies)
        take_copies(heap, each * size.up_weight, copies)
        take_copies(heap, each * size.down_weight, copies)
    take_copies(heap, each * size.head_weight, copies)


@kernel
def take_copies(heap: Heap, size: float, copies: int) -> None:
    """Allocate tensors of one size for good."""
    for _ in range(copies):
        take(heap, size)


@kernel
def begin(
    stage: Stage, case: Record, plan: Record, layers: int, parameters: float
) -> None:
    """Allocate what outlives a step: weights, gradients, master copy, buffers."""
    heap, size, software = stage.heap, stage.size, stage.software
    take_parameters(stage, case.weight_bytes, layers, 1)
    if plan.sharding == UNSHARDED and plan.dp * plan.cp > 1:
        left = software.bucket_bytes * parameters
        while left > 0.0:
            take(heap, min(BUCKET, left))
            left -= BUCKET
    take(heap, size.gradient * parameters)
    take(heap, size.master * parameters)
    if plan.tp > 1:
        for _ in range(int(software.gather_buffers)):
            take(heap, size.whole)


@kernel
def update(stage: Stage, plan: Record, parameters: float) -> None:
    """Follow the update of a sharded optimizer: all weights gathered twice.

    Each worker's shard is a tensor of its own, and the collective gathers into one that
    holds them all (`ProcessGroupNCCL::allgather`).
    """
    shards = sharers(plan)
    if plan.sharding == UNSHARDED or shards == 1:
        return
    heap, grads = stage.heap, stage.grads
    half = 0.5 * stage.software.update_bytes * parameters
    for i in range(shards + 1):
        grads[i] = take(heap, half / shards)
    whole = take(heap, half)
    if stage.software.lends > 0.0:
        lend(heap, whole)
    give(heap, whole)
    for i in range(shards + 1):
        give(heap, grads[i])


@kernel
def fill_ends(size: Record, model: Record, plan: Record, number: int) -> None:
    """Fill the tables of the vocabulary; there are no logits but on the last stage."""
    table = model.vocab * model.hidden / plan.tp
    size.embed_weight = table if number == 0 else 0.0
    if number < plan.pp - 1:
        size.logits, size.wide_logits = 0.0, 0.0
        size.head_weight, size.head_product = 0.0, 0.0
        return
    tied = number == 0 and model.head_parameters < model.vocab * model.hidden
    size.head_weight, size.head_product = 0.0 if tied else table, table


@kernel
def follow(
    stage: Stage, case: Record, model: Record, plan: Record, row: Record, number: int,
    room: float,
) -> float:  # fmt: skip
    """Return what a stage's allocator holds at most in the last update [B].

    row : MEMORY of that stage, for its layers and depth. number : of the stage.
    room : what the device has for it [B], 0 for enough; `FAILED` tells of too little.
    """
    layers, depth = int(row.layers), int(row.depth)
    size = stage.size
    fill_sizes(size, case, model, stage.software, plan)
    fill_ends(size, model, plan, number)
    parameters = size.embed_weight + size.head_weight + layers * (
        2.0 * size.norm_weight + size.packed_weight + size.out_weight
        + size.up_weight + size.down_weight
    )  # fmt: skip
    clear(stage.heap, 1 if stage.software.segments > 1.0 else 0)
    stage.heap.state[LIMIT] = int(room)
    begin(stage, case, plan, layers, parameters)
    for step in range(STEPS):
        # one micro-batch more than are in flight shows the steady state
        rounds = min(plan.micro_batches, depth + MORE)
        begins = stage.heap.clock[HOST]
        comes = begins + first_gradient(stage.pace, plan, number, layers)
        for i in range(rounds + depth - 1):
            if i < rounds:
                forward_all(stage, i % depth, layers, plan, begins)
            if i >= depth - 1:
                backward_all(stage, (i + 1) % depth, layers, plan, comes)
        if step == 0:
            take_parameters(stage, size.moment, layers, 2)
        stage.heap.state[MOST] = stage.heap.state[RESERVED]
        update(stage, plan, parameters)
        wait(stage.heap)
    return float(stage.heap.state[MOST])


@kernel
def first_gradient(
    pace: Record, plan: Record, number: int, layers: int
) -> float:  # fmt: skip
    """Return when the first gradient reaches a stage, from the begin of a step [s].

    It starts when the last stage has passed its first micro-batch forward, or under
    GPipe all, and goes back stage by stage; or, where hosts are slower than devices,
    when the next stage's host has launched as much. All stages are alike.
    """
    before = plan.micro_batches if plan.schedule == GPIPE else 1
    last, launched = plan.pp - 1, plan.pp - 1 - number
    device = layers * (
        (last + before) * pace.forward_seconds + (last - number) * pace.backward_seconds
    )
    if plan.schedule == GPIPE:
        launched = plan.micro_batches
    host = layers * (
        launched * pace.forward_launches * pace.forward_host
        + pace.backward_launches * pace.backward_host
    )
    return float(max(device, host))
