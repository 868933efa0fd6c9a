"""How a plan's groups lie on the ranks, and so on the domains of a system.

Ranks count tp first, then cp. Then come dp and pp, or pp and dp (`tp-cp-ep-dp-pp` and
`tp-cp-ep-pp-dp` of Megatron-Core, megatron/core/parallel_state.py, RankGenerator;
--use-tp-pp-dp-mapping). With pp inside, the replicas of a worker are blocks of cp
neighbours with the other stages between them, and a pipeline stays close together.

This file knows sizes and domains; what a group's collective takes is `collectives`'s.
"""

from accelsim.kernels.collectives import members_inside
from accelsim.kernels.experts import domain_tier
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import REPLICAS_LAST, Record, Rows

LESS = 1.0 - 1e-9  # a stride that shall divide a domain does so after rounding, too


@kernel
def gap(plan: Record) -> float:
    """Return how many workers of other stages lie between blocks of replicas."""
    return float(plan.pp) if plan.order == REPLICAS_LAST else 1.0


@kernel
def stage_stride(plan: Record) -> float:
    """Return how many ranks apart neighbours of a pipeline are."""
    inside = float(plan.tp * plan.cp)
    return inside if plan.order == REPLICAS_LAST else inside * plan.dp


@kernel
def replica_span(plan: Record) -> float:
    """Return how many ranks lie from the first to the last of a worker's replicas."""
    return float(plan.tp * plan.cp * plan.dp) * gap(plan)


@kernel
def held(
    workers: float, ranks: float, stride: float, block: float, between: float
) -> float:
    """Return how many members of a group one domain of `workers` holds.

    Of `ranks` members `block` are `stride` apart, then `between` - 1 such blocks of
    others follow.
    """
    if between == 1.0 or ranks <= block:
        return members_inside(workers, ranks, stride)
    if stride * block * between >= workers:
        return members_inside(workers, block, stride)
    return block * members_inside(workers, ranks / block, stride * block * between)


@kernel
def even_stride(
    tiers: Rows, plan: Record, ranks: float, stride: float, block: float
) -> float:
    """Return the stride of a group that lies evenly and like this one.

    It has as many members in each domain of the tier inside which one fabric is used:
    so many of them share its way out. See `held` for the group.
    """
    between = gap(plan)
    if between == 1.0 or ranks <= block:
        return stride
    workers = tiers[domain_tier(tiers)].workers
    inside = held(workers, ranks, stride, block, between)
    return stride if inside >= ranks else LESS * workers / inside


@kernel
def replica_stride(tiers: Rows, plan: Record, ranks: float) -> float:
    """Return the stride of the first `ranks` replicas of a worker's weights."""
    return even_stride(tiers, plan, ranks, float(plan.tp), float(plan.cp))


@kernel
def expert_stride(tiers: Rows, plan: Record, ranks: float) -> float:
    """Return the stride of `ranks` workers that hold the same experts."""
    inner = float(plan.etp * plan.ep)
    block = max(1.0, plan.tp * plan.cp / inner)
    return even_stride(tiers, plan, ranks, inner, block)


@kernel
def alike_stride(tiers: Rows, plan: Record, ranks: float, shard: float) -> float:
    """Return the stride of workers with the same piece of `ranks` sharded copies.

    shard : workers that share a copy.
    """
    inner = float(plan.tp) * shard
    if shard >= plan.cp:
        return inner * gap(plan)
    return even_stride(tiers, plan, ranks, inner, plan.cp / shard)
