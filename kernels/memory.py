"""What fills the memory of the fullest worker, and whether a plan fits.

Weights, gradients and optimizer state follow the sharding (Rajbhandari et al. 2020,
fig. 1); activations follow what each layer keeps for its backward pass (Korthikanti
et al. 2022, sec. 4) times the micro-batches in flight under 1F1B: as many as stages
for the first stage, and (pp - 1)/(pp v) more if interleaved (ibid., sec. 4.2.3).
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.pipeline import layers_of_stage
from accelsim.kernels.replicas import stage_parameters
from accelsim.kernels.tables import (
    DENSE,
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

BUCKETS = 2.0  # layers whose gathered weights are alive at once under ZeRO-3


@kernel
def layer_activations(
    row: Record, chip: Record, software: Record, recompute: int
) -> float:
    """Return the bytes [B] that one layer keeps for one micro-batch."""
    if recompute == FULL:
        return float(row.input)
    if recompute != SELECTIVE:
        return float(row.saved)
    kept = row.saved - row.saved_core
    if chip.attention_forward.block == 0.0:
        return float(
            software.selective_kept * kept
            + row.saved_core * (1.0 - software.selective_core)
        )
    return float(software.selective_kept * kept)


@kernel
def in_flight(plan: Record) -> float:
    """Return the micro-batches that the first stage holds, in whole-stage units."""
    if plan.pp == 1:
        return 1.0
    extra = (plan.pp - 1.0) / plan.vp if plan.vp > 1 else 0.0
    depth = plan.pp + extra
    return float(min(depth, float(plan.micro_batches)))


@kernel
def fill_memory_row(
    memory: Record, layers: Rows, case: Record, chip: Record, model: Record,
    software: Record, plan: Record,
) -> None:  # fmt: skip
    """Fill one MEMORY row [B]; the fuller of the first and the last stage counts."""
    dense, experts, ends = stage_parameters(model, plan)
    replicas, expert_replicas = float(plan.dp * plan.cp), plan.dp * plan.cp / plan.ep
    mine = dense + experts + ends
    shard = (dense + ends) / replicas + experts / expert_replicas
    layers_here, _ = layers_of_stage(model, plan)
    # under ZeRO-3 the sharded weights are the master copy; gathered ones are buffers
    memory.weights = 0.0 if plan.sharding == ZERO3 else case.weight_bytes * mine
    memory.gradients = (
        model.trained
        * software.grad_bytes
        * (shard if plan.sharding >= ZERO2 else mine)
    )
    memory.optimizer = (
        model.trained
        * software.master_bytes
        * (shard if plan.sharding != UNSHARDED else mine)
    )
    if plan.sharding == ZERO3:
        per_layer = (dense + experts) / max(1.0, layers_here)
        memory.buffers = BUCKETS * (case.weight_bytes + software.grad_bytes) * per_layer
    moe = model.moe_layers / model.layers
    a = layer_activations(layers[DENSE], chip, software, plan.recompute)
    b = layer_activations(layers[MOE], chip, software, plan.recompute)
    kept = layers_here * ((1.0 - moe) * a + moe * b)
    # a layer that is repeated holds for a moment what it does not keep
    workspace = max(
        (layers[DENSE].saved - a) * (moe < 1.0), (layers[MOE].saved - b) * (moe > 0.0)
    )
    loose = 1.0 + software.fragmentation
    first = kept * in_flight(plan) + workspace
    # the last stage waits for its last virtual chunk only
    depth = ((plan.vp - 1.0) * plan.pp + 1.0) / plan.vp
    last = kept * min(depth, float(plan.micro_batches)) + workspace
    if plan.pp == 1:
        last = first
    logits = layers[HEAD].saved
    if last + logits > first:
        memory.activations = loose * last
        memory.head = loose * logits
    else:
        memory.activations = loose * first
    memory.reserved = software.reserved_memory
    memory.total = (
        memory.weights + memory.gradients + memory.optimizer + memory.activations
        + memory.head + memory.buffers + memory.reserved
    )  # fmt: skip


@kernel
def fill_memory(
    cases: Rows, chips: Rows, models: Rows, software: Rows, plans: Rows, layers: Rows,
    memory: Rows,
) -> None:  # fmt: skip
    """Fill `memory[i]` (MEMORY, zeroed) for every row of `plans` (PLAN)."""
    for i in range(len(plans)):
        plan = plans[i]
        c = plan.case
        fill_memory_row(
            memory[i], layers[plan.shard], cases[c], chips[c], models[c], software[c],
            plan,
        )  # fmt: skip
