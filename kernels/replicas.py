"""What the stages of a pipeline hold, and what keeps their replicas equal.

This file knows how layers and parameters are shared out, and the gradients, weights
and optimizer state that data-parallel replicas exchange once a step or a micro-batch.
What may run behind computation is the software's, what either loses stands in
`overlap`.
"""

from accelsim.kernels.collectives import collective
from accelsim.kernels.fabric_tables import ALL_GATHER, ALL_REDUCE
from accelsim.kernels.groups import alike, expert_sharers, sharers
from accelsim.kernels.jit import kernel
from accelsim.kernels.offload import update_on_host
from accelsim.kernels.optimizer import optimizer_bytes, update_flops
from accelsim.kernels.overlap import bucketed
from accelsim.kernels.placement import (
    alike_stride,
    expert_stride,
    replica_stride,
    stage_stride,
)
from accelsim.kernels.stages import head_parameters, tied_table
from accelsim.kernels.streams import (
    GRADIENT_PASSES,
    STATE_PASSES,
    WEIGHT_PASSES,
    stream_seconds,
)
from accelsim.kernels.tables import UNSHARDED, ZERO2, ZERO3, Record, Rows
from accelsim.kernels.uses import fill_use


@kernel
def stage_parameters(
    model: Record, plan: Record, dense: float, mixtures: float
) -> tuple[float, float, float]:
    """Return the parameters of one worker in a stage: (dense, experts, ends).

    dense, mixtures : layers of the stage. Tables of the embedding and the head are on
    the first and last stage, on both if there is one stage. Numbers of parameters, cut
    over tp, experts over etp x ep.
    """
    here = dense * model.layer_parameters + mixtures * model.moe_parameters
    experts = mixtures * model.expert_parameters / (plan.etp * plan.ep)
    ends = head_parameters(model, plan)
    if plan.pp == 1:
        ends += model.embed_parameters
    return here / plan.tp, experts, max(model.embed_parameters, ends) / plan.tp


@kernel
def group_exchange(
    tiers: Rows, software: Record, plan: Record, kind: int, dense: float,
    experts: float, calls: float, ranks: int,
) -> tuple[float, float]:  # fmt: skip
    """Return (seconds, bytes) to reduce or gather dense and expert bytes [B].

    Dense weights are exchanged among so many `ranks`, experts among those that hold the
    same ones, where `placement` has them. calls : collectives that share the
    bytes (one a layer where layers are gathered one by one).
    """
    a, sent, _, _ = collective(
        tiers, kind, dense / calls, float(ranks),
        replica_stride(tiers, plan, float(ranks)), software,
    )  # fmt: skip
    same = expert_sharers(plan, ranks)
    stride = expert_stride(tiers, plan, same)
    b, more, _, _ = collective(tiers, kind, experts / calls, same, stride, software)
    return calls * (a + b), calls * (sent + more)


@kernel
def fill_exchange(
    exchange: Record, chip: Record, model: Record, software: Record, case: Record,
    tiers: Rows, plan: Record, dense_layers: float, mixtures: float,
) -> None:  # fmt: skip
    """Fill what the replicas exchange for all gradients and all weights, once each.

    dense_layers, mixtures : layers of the stage that has most parameters.
    Sharded ones layer by layer (ZeRO-2 and 3), the others as a whole; once a step what
    was trained, layer by layer all that is needed.
    """
    dense, experts, ends = stage_parameters(model, plan, dense_layers, mixtures)
    dense += ends
    layers = max(1.0, dense_layers + mixtures)
    grad = software.reduce_bytes * model.trained
    calls = layers if plan.sharding >= ZERO2 else 1.0
    if plan.sharding == UNSHARDED and software.bucket > 0.0:
        # a bucket holds whole tensors
        tensors = layers * model.tensors
        calls = min(max(1.0, dense * grad / software.bucket), max(1.0, tensors))
    whole = plan.sharding == UNSHARDED or software.scatter == 0.0
    kind = ALL_REDUCE if whole else ALL_GATHER
    ranks = plan.dp * plan.cp if plan.sharding == UNSHARDED else sharers(plan)
    exchange.reduce, exchange.reduced = group_exchange(
        tiers, software, plan, kind, dense * grad, experts * grad, calls, ranks
    )
    fill_use(
        exchange.use, chip, software, tiers, kind, (dense + experts) * grad, ranks,
        replica_stride(tiers, plan, float(ranks)), exchange.reduce,
    )  # fmt: skip
    exchange.scatter = 0.0 if whole else exchange.reduce
    if plan.sharding != UNSHARDED and alike(plan) > 1:
        add_alike(exchange, software, tiers, plan, dense * grad, experts * grad, calls)
    exchange.table = 0.0
    if plan.pp == 1 and dense + experts > 0.0:
        exchange.table = model.embed_parameters / plan.tp / (dense + experts)
    exchange.tied, exchange.tied_bytes = tied_exchange(tiers, software, model, plan)
    exchange.gather, exchange.gathered = 0.0, 0.0
    if plan.sharding != UNSHARDED:
        weight = case.weight_bytes
        weight *= 1.0 if plan.sharding == ZERO3 else model.trained
        calls = layers if plan.sharding == ZERO3 else 1.0
        exchange.gather, exchange.gathered = group_exchange(
            tiers, software, plan, ALL_GATHER, dense * weight, experts * weight, calls,
            ranks,
        )  # fmt: skip


@kernel
def add_alike(
    exchange: Record, software: Record, tiers: Rows, plan: Record, dense: float,
    experts: float, calls: float,
) -> None:  # fmt: skip
    """Add the all-reduce of each worker's shard among the groups that are alike.

    dense, experts : bytes of the whole gradients [B].
    """
    shard, groups = float(sharers(plan)), float(alike(plan))
    each = dense / shard + experts / expert_sharers(plan, sharers(plan))
    stride = alike_stride(tiers, plan, groups, shard)
    time, sent, _, _ = collective(
        tiers, ALL_REDUCE, each / calls, groups, stride, software
    )
    exchange.reduce += calls * time
    exchange.reduced += calls * sent


@kernel
def tied_exchange(
    tiers: Rows, software: Record, model: Record, plan: Record
) -> tuple[float, float]:
    """Return (seconds, bytes) of adding up the gradients of a table held twice.

    Bytes as the mean over the stages. The first and the last stage reduce it for each
    other once a step, behind nothing (Megatron-Core, finalize_model_grads.py).
    """
    size = software.grad_bytes * tied_table(model, plan)
    stride = stage_stride(plan) * (plan.pp - 1)
    time, sent, _, _ = collective(tiers, ALL_REDUCE, size, 2.0, stride, software)
    return time, 2.0 * sent / plan.pp


@kernel
def add_data_parallel(
    result: Record, exchange: Record, software: Record, plan: Record, full: float,
    forward: float, backward: float,
) -> None:  # fmt: skip
    """Add what keeps the data-parallel replicas equal.

    Cores that have to add up shards themselves do not compute meanwhile. Nothing hides
    one layer, or the embedding's table if it is larger: it is gathered first, and its
    gradient is there last (Li et al. 2020, arXiv:2006.15704, sec. 3.2.3).

    exchange : EXCHANGE of the plan. full : layers of the fullest stage. forward,
    backward : its seconds on one micro-batch, to hide behind. ZeRO-3 gathers each
    layer's weights twice and reduces its gradients in each micro-batch, ZeRO-2 reduces
    in each unless there is a pipeline, ZeRO-1 reduces and gathers once a step, plain
    replicas all-reduce once (Rajbhandari et al. 2020, sec. 7).
    """
    layers, longer, done = max(1.0, full), exchange.longer, exchange.done
    if exchange.table > 0.0:
        layers = min(layers, 1.0 / exchange.table)
    reduce, gather = exchange.reduce, exchange.gather
    # gradients of a pipeline stage wait for its last micro-batch
    each = plan.sharding == ZERO3 or (plan.sharding == ZERO2 and plan.pp == 1)
    times = float(plan.micro_batches) if each else 1.0
    behind, gathers = backward, 1.0
    may = software.overlap_gather
    time, lost, _ = bucketed(may, gather, forward, layers, longer, done)
    if plan.sharding == ZERO3:
        gathers = 2.0 * plan.micro_batches
        again, more, used = bucketed(may, gather, backward, layers, longer, done)
        time, lost = (
            plan.micro_batches * (time + again),
            plan.micro_batches * (lost + more),
        )
        behind = backward - used
    hides = software.overlap_dp * (plan.sharding == UNSHARDED or software.scatter > 0)
    alone = 0.0 if software.overlap_scatter > 0.0 else exchange.scatter
    seen, more, _ = bucketed(hides, reduce - alone, behind, layers, longer, done)
    result.dp += time + times * (alone + seen) + exchange.tied
    lost += times * more
    result.contention += lost
    result.contention_dp += lost
    result.dp_bytes += times * exchange.reduced + gathers * exchange.gathered
    result.dp_bytes += exchange.tied_bytes


@kernel
def add_optimizer(
    result: Record, model: Record, chip: Record, software: Record, case: Record,
    plan: Record, dense: float, mixtures: float,
) -> None:  # fmt: skip
    """Add the update: it streams gradient, master copy and moments of each parameter.

    dense, mixtures : layers of the stage that has most parameters. Chained kernels move
    about twice as much.
    """
    here, experts, ends = stage_parameters(model, plan, dense, mixtures)
    mine, layers = here + ends, dense + mixtures
    if plan.sharding != UNSHARDED:
        ranks = sharers(plan)
        mine, experts = mine / ranks, experts / expert_sharers(plan, ranks)
        pieces = ranks * model.tensors * layers if ranks > 1.0 else 0.0
        result.host += pieces * software.piece_calls * software.launch
    traffic = GRADIENT_PASSES * software.grad_bytes
    state = optimizer_bytes(software, plan.optimizer)
    traffic += STATE_PASSES * state + WEIGHT_PASSES * case.weight_bytes
    passes = 1.0 if software.fused_optimizer > 0.0 else 2.0
    moved = passes * traffic * model.trained * (mine + experts)
    host = software.tensor_kernels[1] * model.tensors * layers * software.launch
    time = max(host, stream_seconds(chip, moved, 1.0))
    if plan.offload_optimizer > 0:
        time = update_on_host(software, case, mine + experts)
    flops = update_flops(plan.optimizer, model.hidden) * (mine + experts)
    result.optimizer += time + flops / chip.matrix_rate[case.wide_precision]
    result.host += software.step_overhead
