"""All plans of a space by number, and the distinct shards among plans.

This file knows rows and keys: a space is a table of heads (sizes and schedule), each
crossed with as many of the options as it can take.
"""

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import OK, Record, Rows

EMPTY = -1
FACTOR, BITS = 1_000_003, 2**31 - 1  # products stay below 2^63


@kernel
def fill_plans(
    heads: Rows, first: Rows, options: Rows, start: int, head: int, plans: Rows
) -> None:
    """Fill `plans` (PLAN) with the plans `start`, `start + 1`, … of a space.

    heads : PLAN. first : (heads + 1) the number of each head's first plan. options :
    OPTION; a head takes the first of them. head : the one that plan `start` is of.
    """
    for i in range(len(plans)):
        number = start + i
        while number >= first[head + 1]:
            head += 1
        plans[i] = heads[head]
        plan, option = plans[i], options[number - first[head]]
        plan.recompute = option.recompute
        plan.recompute_layers = option.recompute_layers
        plan.modules = option.modules
        plan.sharding = option.sharding
        plan.offload = option.offload
        plan.offload_optimizer = option.offload_optimizer


@kernel
def gather_legal(plans: Rows, counts: Rows) -> int:
    """Move the legal ones of judged `plans` to the front; returns how many there are.

    counts : by reason, to which the plans are added.
    """
    kept = 0
    for i in range(len(plans)):
        reason = plans[i].reason
        counts[reason] += 1
        if reason == OK:
            if kept < i:
                plans[kept] = plans[i]
            kept += 1
    return kept


@inlined
def same_shard(a: Record, b: Record) -> bool:
    """Return whether the layers of two rows of PLAN or SHARD are the same."""
    return bool(
        a.case == b.case and a.tp == b.tp and a.micro_batch == b.micro_batch
        and a.cp == b.cp and a.sp == b.sp and a.ep == b.ep and a.etp == b.etp
        and a.cp_comm_type == b.cp_comm_type and a.cp_a2a == b.cp_a2a
    )  # fmt: skip


@inlined
def same_work(a: Record, b: Record) -> bool:
    """Return whether the stages of two plans hold and do the same.

    Whatever the sharding of weights, optimizer and offloading are.
    """
    return bool(
        a.shard == b.shard and a.case == b.case and a.recompute == b.recompute
        and a.modules == b.modules
        and a.kept_share == b.kept_share and a.pp == b.pp and a.vp == b.vp
        and a.schedule == b.schedule and a.dp == b.dp and a.order == b.order
        and a.micro_batches == b.micro_batches
    )  # fmt: skip


@inlined
def same_replicas(a: Record, b: Record) -> bool:
    """Return whether the workers of two plans form the same groups."""
    return bool(
        a.case == b.case and a.tp == b.tp and a.cp == b.cp and a.pp == b.pp
        and a.vp == b.vp and a.ep == b.ep and a.etp == b.etp and a.dp == b.dp
        and a.shard_group == b.shard_group and a.schedule == b.schedule
        and a.order == b.order
    )  # fmt: skip


@kernel
def slot_of(plan: Record, size: int) -> int:
    """Return where to look for a plan's shard first, in a table of 2^n slots."""
    mixed = plan.case
    for part in (
        plan.tp, plan.sp, plan.cp, plan.ep, plan.etp, plan.micro_batch,
        plan.cp_comm_type, plan.cp_a2a,
    ):  # fmt: skip
        mixed = (mixed * FACTOR + part) & BITS
    return int((mixed ^ (mixed >> 15)) & (size - 1))


@kernel
def index_shards(plans: Rows, shards: Rows, slots: Rows) -> int:
    """Point each plan to its shard (SHARD), listed once; returns how many there are.

    slots : 2^n of `EMPTY`, more than there are plans.
    """
    count = 0
    for i in range(len(plans)):
        plan = plans[i]
        if i > 0 and same_shard(plan, plans[i - 1]):
            plan.shard = plans[i - 1].shard
            continue
        slot = slot_of(plan, len(slots))
        while slots[slot] != EMPTY and not same_shard(plan, shards[slots[slot]]):
            slot = (slot + 1) & (len(slots) - 1)
        if slots[slot] == EMPTY:
            slots[slot] = count
            shard = shards[count]
            shard.case, shard.tp, shard.sp = plan.case, plan.tp, plan.sp
            shard.cp, shard.ep, shard.etp = plan.cp, plan.ep, plan.etp
            shard.micro_batch = plan.micro_batch
            shard.cp_comm_type, shard.cp_a2a = plan.cp_comm_type, plan.cp_a2a
            count += 1
        plan.shard = slots[slot]
    return count
