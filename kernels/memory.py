"""What fills the memory of a worker of each stage, and whether a plan fits.

Weights, gradients and optimizer state follow the sharding (Rajbhandari et al. 2020,
fig. 1); activations follow what each layer keeps for its backward pass (`activations`)
times the micro-batches in flight. A step has three moments that may be its fullest: the
end of the last forward pass, the end of the first backward pass, when the gradients of
all layers have been written beside those that are added up, and the update. The
fullest moment of the fullest stage is what a plan needs.
"""

from accelsim.kernels.groups import expert_sharers, sharers
from accelsim.kernels.jit import kernel
from accelsim.kernels.optimizer import optimizer_bytes
from accelsim.kernels.orders import chunks_in_flight, slots_of
from accelsim.kernels.pipeline import schedule_of
from accelsim.kernels.recompute import kept_activations
from accelsim.kernels.space import same_work
from accelsim.kernels.stages import (
    between_differ,
    head_parameters,
    stage_kinds,
    uneven,
)
from accelsim.kernels.tables import (
    DENSE,
    DUALPIPE,
    FULL,
    HEAD,
    MOE,
    UNSHARDED,
    ZERO2,
    ZERO3,
    Record,
    Rows,
)

BUCKETS = 2.0  # layers whose gathered weights are alive at once under ZeRO-3
ON_THE_WAY = 2.0  # layers whose offloaded activations are on their way to the host


@kernel
def in_flight(plan: Record, stage: int) -> float:
    """Return the micro-batches that a stage holds at most, in whole-stage units.

    The chunks that its schedule holds (`orders`) over the chunks of a stage; each of
    DualPipe's two is a stage of its own.
    """
    schedule = schedule_of(plan)
    held = chunks_in_flight(schedule, stage, plan.pp, plan.vp, plan.micro_batches)
    if schedule == DUALPIPE:
        return float(held)
    return float(held) / slots_of(schedule, plan.vp)


@kernel
def parameters_at(
    model: Record, plan: Record, dense: float, mixtures: float, stage: int
) -> tuple[float, float, float]:
    """Return one worker's parameters in a stage of so many dense layers and mixtures.

    (dense, experts, ends), cut over tp, experts over etp x ep. The embedding is on the
    first stage, the LM head on the last; a stage that is not both has its own copy of a
    tied one.
    """
    here = dense * model.layer_parameters + mixtures * model.moe_parameters
    experts = mixtures * model.expert_parameters / (plan.etp * plan.ep)
    ends = 0.0
    if stage == 0:
        ends += model.embed_parameters
    if stage == plan.pp - 1:
        ends += head_parameters(model, plan)
    return here / plan.tp, experts, ends / plan.tp


@kernel
def stage_activations(
    layers: Rows, chip: Record, software: Record, plan: Record, dense: float,
    mixtures: float,
) -> tuple[float, float]:  # fmt: skip
    """Return what a stage's layers keep of a micro-batch, and one layer's workspace.

    A layer that is repeated holds for a moment what it does not keep; so many of them
    are, and the rest keeps all. Bytes [B].
    """
    kept, workspace = 0.0, 0.0
    for kind in (DENSE, MOE):
        here = mixtures if kind == MOE else dense
        if here == 0.0:
            continue
        row, again = layers[kind], here
        if plan.recompute == FULL:
            again *= 1.0 - plan.kept_share
        each = kept_activations(row, chip, software, plan)
        kept += again * each + (here - again) * row.saved
        workspace = max(workspace, row.workspace + row.saved - each)
    return kept, workspace


@kernel
def left_here(plan: Record, kept: float, layers: float) -> float:
    """Return what stays on the device of what a stage keeps of a micro-batch [B].

    Offloaded activations leave but for those of the layers that are on the way.
    """
    moving = min(kept, ON_THE_WAY * kept / max(1.0, layers))
    return max((1.0 - plan.offload) * kept, moving) if plan.offload > 0.0 else kept


@kernel
def keeps_tables(software: Record, plan: Record) -> bool:
    """Return whether the vocabulary's gathered tables live as long as a micro-batch.

    They belong to the model itself, which FSDP does not shard again after its forward
    pass (torch/distributed/fsdp/_fully_shard, FSDPState._lazy_init); a compiler gathers
    them where they are read.
    """
    whole = software.stage_gathered > 0.0 and plan.pp > 1
    return bool(software.segments > 0.0 and not whole)


@kernel
def gathered_bytes(
    case: Record, software: Record, plan: Record, layer: float, ends: float,
    mine: float,
) -> float:  # fmt: skip
    """Return what ZeRO-3 holds of weights and gradients that are not shards [B].

    Two layers; or the whole stage; or the tables of the vocabulary, a layer, and the
    output of the collective that gathers them, whose stream has memory of its own, and
    the gradients of a layer, as they form and as they are reduced.
    """
    width = float(case.weight_bytes)
    both = width + float(software.grad_bytes)
    if software.stage_gathered > 0.0 and plan.pp > 1:
        return both * mine
    if not keeps_tables(software, plan):
        return BUCKETS * both * layer
    return width * (ends + layer + max(ends, layer)) + both * layer


@kernel
def fill_states(
    memory: Record, case: Record, software: Record, plan: Record, dense: float,
    experts: float, ends: float, layers: float, trained: float,
) -> None:  # fmt: skip
    """Fill weights, gradients, optimizer and the buffers of data parallelism [B].

    trained : share of the weights that has gradients and an optimizer's state.
    """
    replicas = float(sharers(plan))
    expert_replicas = expert_sharers(plan, sharers(plan))
    mine = dense + experts + ends
    shard = (dense + ends) / replicas + experts / expert_replicas
    # under ZeRO-3 the sharded weights are the master copy; gathered ones are buffers
    memory.weights = 0.0 if plan.sharding == ZERO3 else case.weight_bytes * mine
    summed = trained * (shard if plan.sharding >= ZERO2 else mine)
    memory.gradients = software.grad_bytes * summed
    held = trained * (shard if plan.sharding != UNSHARDED else mine)
    memory.optimizer = 0.0
    if plan.offload_optimizer == 0:
        memory.optimizer = optimizer_bytes(software, plan.optimizer) * held
    memory.buffers = 0.0
    if plan.sharding == ZERO3:
        layer = (dense + experts) / max(1.0, layers)
        memory.buffers = gathered_bytes(case, software, plan, layer, ends, mine)
    elif plan.sharding == UNSHARDED and plan.dp * plan.cp > 1:
        memory.buffers = software.bucket_bytes * trained * mine


@kernel
def one_of_each(
    model: Record, plan: Record, dense: float, mixtures: float, stage: int
) -> float:
    """Return the parameters of one weight of each shape that a stage trains.

    Of a dense layer and of a mixture, whose attention is the same; of one expert; of
    the LM head.
    """
    if model.adapter_rank > 0.0:  # the weights themselves are frozen
        return 0.0
    matrices = (model.up_matrices + 1.0) * model.hidden
    total = model.layer_parameters if dense > 0.0 else 0.0
    if mixtures > 0.0:
        shared = matrices * model.shared_ffn
        total += shared
        if model.shared_ffn != model.expert_ffn or plan.etp != plan.tp:
            each = model.expert_parameters / max(1.0, model.experts)
            total += each * plan.tp / plan.etp
        if dense == 0.0:
            total += model.moe_parameters - shared - model.hidden * model.experts
    if stage == plan.pp - 1:
        total += model.vocab * model.hidden
    return float(total / plan.tp)


@kernel
def fill_held(
    held: Record, layers: Rows, case: Record, chip: Record, model: Record,
    software: Record, plan: Record, stage: int,
) -> None:  # fmt: skip
    """Fill what a stage holds whatever is sharded: STAGE."""
    dense, mixtures = stage_kinds(case, model, software, plan, stage)
    held.layers, held.depth = dense + mixtures, in_flight(plan, stage)
    held.dense, held.experts, held.ends = parameters_at(
        model, plan, dense, mixtures, stage
    )
    held.shapes = one_of_each(model, plan, dense, mixtures, stage)
    held.kept, held.workspace = stage_activations(
        layers, chip, software, plan, dense, mixtures
    )
    held.logits = layers[HEAD].saved if stage == plan.pp - 1 else 0.0


@kernel
def fill_stage(
    memory: Record, held: Record, case: Record, model: Record, software: Record,
    plan: Record, stage: int,
) -> None:  # fmt: skip
    """Fill one MEMORY row [B]: a worker of one stage at its fullest moment."""
    dense, experts, ends = held.dense, held.experts, held.ends
    here, logits, workspace = held.layers, held.logits, held.workspace
    fill_states(memory, case, software, plan, dense, experts, ends, here, model.trained)
    if plan.schedule == DUALPIPE:  # a stage of either direction
        memory.weights *= 2.0
        memory.gradients *= 2.0
    memory.stage, memory.layers, memory.depth = stage, here, held.depth
    memory.buffers += software.dummy_gradients * case.weight_bytes * held.shapes
    if plan.tp > 1:
        tokens = plan.micro_batch * case.seq_len / plan.cp
        size = case.activation_bytes * tokens * model.hidden
        memory.buffers += software.gather_buffers * size
    kept = left_here(plan, held.kept, here)
    mine = model.trained * (dense + experts + ends)
    written = software.working_gradient * mine
    if plan.sharding == ZERO3 and keeps_tables(software, plan):
        # the tables of the vocabulary are reduced when all else is done
        written += (case.weight_bytes + software.grad_bytes) * model.trained * ends
    update = 0.0
    if plan.sharding != UNSHARDED and sharers(plan) > 1:
        update = software.update_bytes * mine
    forward = memory.depth * kept + max(workspace, logits)
    backward = (memory.depth - 1.0) * kept + written + workspace
    memory.activations, memory.head, memory.workspace = 0.0, 0.0, update
    if max(forward, backward) > update:
        memory.activations, memory.workspace = memory.depth * kept, workspace
        if backward > forward:
            memory.activations = (memory.depth - 1.0) * kept
            memory.workspace = written + workspace
        elif logits > workspace:
            memory.head, memory.workspace = logits, 0.0
    momentary = memory.activations + memory.head + memory.workspace
    memory.fragmentation = software.fragmentation * momentary
    memory.context = software.reserved_memory
    memory.total = (
        memory.weights + memory.gradients + memory.optimizer + momentary
        + memory.buffers + memory.fragmentation + memory.context
    )  # fmt: skip


@kernel
def stage_that(plan: Record, which: int, every: int) -> int:
    """Return the stages that may be the fullest, one after the other; -1 for none.

    The first stage has most in flight and the embedding, the last one the logits; those
    between hold no more than the first but for its embedding, unless they have more
    layers: then `every` one of them may be.
    """
    if which == 0 or every == 1:
        return which
    stage = 1 if which == 1 else plan.pp - 1
    return int(stage) if stage < plan.pp and stage >= which else -1


@kernel
def fill_memory(
    cases: Rows, chips: Rows, models: Rows, software: Rows, plans: Rows, layers: Rows,
    memory: Rows, held: Rows, other: Rows,
) -> None:  # fmt: skip
    """Fill `memory[i]` (MEMORY) for every row of `plans` (PLAN) with its fullest stage.

    held : scratch, rows of STAGE, three and no fewer than there are stages; a plan that
    shares them with the one before does not fill them again. other : scratch, one row
    of MEMORY.
    """
    for i in range(len(plans)):
        plan = plans[i]
        case = cases[plan.case]
        model, stack = models[case.model], software[case.software]
        again = i == 0 or not same_work(plan, plans[i - 1])
        every = 1 if uneven(case, stack, plan) or between_differ(model, plan) else 0
        for which in range(plan.pp if every == 1 else 3):
            stage = stage_that(plan, which, every)
            if stage < 0:
                continue
            if again:
                fill_held(
                    held[which], layers[plan.shard], case, chips[case.chip], model,
                    stack, plan, stage,
                )  # fmt: skip
            into = memory[i] if which == 0 else other[0]
            fill_stage(into, held[which], case, model, stack, plan, stage)
            if which > 0 and other[0].total > memory[i].total:
                memory[i] = other[0]


@kernel
def fill_stages(
    cases: Rows, chips: Rows, models: Rows, software: Rows, plans: Rows, layers: Rows,
    memory: Rows, held: Rows,
) -> None:  # fmt: skip
    """Fill `memory[s]` (MEMORY) for every stage s of one plan, a row of `plans`.

    held : scratch, a row of STAGE.
    """
    plan = plans[0]
    case = cases[plan.case]
    chip, model, stack = chips[case.chip], models[case.model], software[case.software]
    for stage in range(len(memory)):
        fill_held(held[0], layers[plan.shard], case, chip, model, stack, plan, stage)
        fill_stage(memory[stage], held[0], case, model, stack, plan, stage)
