"""What a worker's collectives take of its multiprocessors, memory and links.

This file knows a collective of one group by its kind, size and time, and which products
of a layer its tensor group may run behind. What it does to others, and they to it, is
told in `overlap`.
"""

from accelsim.kernels.algorithms import tier_traffic
from accelsim.kernels.collectives import COPIED, STEP_TOUCHES, reach_of
from accelsim.kernels.experts import distinct, domain_tier
from accelsim.kernels.fabric_tables import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_TO_ALL,
    SEND,
)
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import GPU, MATMUL, MAX_TIERS, TORUS, Record, Rows

MOST_UNITS = 0.9  # of a worker's, so that computing goes on


@kernel
def held_units(
    chip: Record, software: Record, tiers: Rows, kind: int, ranks: float, inside: float
) -> float:
    """Return the share of a GPU's multiprocessors that a collective holds.

    NCCL's channels are a thread block each, that of the fabric's row; a stack may say
    what it sets. inside : members of the group in one domain. Other chips have engines
    for their collectives.
    """
    if chip.family != GPU:
        return 0.0
    if software.communication_share >= 0.0:
        return min(MOST_UNITS, float(software.communication_share))
    nccl = tiers[domain_tier(tiers)].nccl
    if nccl.on == 0.0:
        return min(MOST_UNITS, float(nccl.unknown_share))
    channels = nccl.channels
    if kind == SEND:
        channels = nccl.peer_channels
    elif inside < ranks:
        channels = nccl.net_channels
    elif kind == ALL_TO_ALL:
        channels = nccl.pair_channels
    elif kind == ALL_REDUCE and nccl.add_channels > 0.0 and ranks >= nccl.add_ranks:
        channels = nccl.add_channels
    return min(MOST_UNITS, float(channels / chip.units))


@kernel
def fill_use(
    use: Record, chip: Record, software: Record, tiers: Rows, kind: int, size: float,
    ranks: float, stride: float, time: float,
) -> None:  # fmt: skip
    """Fill the USE of a collective of `size` [B] that takes `time`, see `collective`.

    A byte that a worker sends is read from its memory, and one that it gets is written
    there; to add one takes a read more. Groups of a torus lie along dimensions of
    their own and share no links.
    """
    use.units = use.memory = use.inner = use.outer = 0.0
    if ranks <= 1.0 or size <= 0.0 or time <= 0.0:
        return
    domain = domain_tier(tiers)
    use.units = held_units(
        chip, software, tiers, kind, ranks, reach_of(tiers, domain, ranks, stride)
    )
    inside, sent = 1.0, 0.0
    for t in range(MAX_TIERS):
        tier = tiers[t]
        if tier.workers == 0.0 or inside >= ranks:
            break
        reach = max(inside, reach_of(tiers, t, ranks, stride))
        if reach > inside:
            out = size if reach >= ranks else 0.0  # a chain waits for its last border
            if kind != SEND:
                out = tier_traffic(kind, size, inside, reach, ranks)
            sent += out
            if tier.topology != TORUS:
                share = min(1.0, out / (time * tier.bandwidth))
                if t <= domain:
                    use.inner = max(use.inner, share)
                else:
                    use.outer = max(use.outer, share)
        inside = reach
    touches = STEP_TOUCHES if kind in (ALL_GATHER, ALL_REDUCE) else COPIED
    use.memory = min(1.0, touches * sent / (time * chip.memory_bandwidth))


@kernel
def fill_uses(
    row: Record, chip: Record, model: Record, software: Record, tiers: Rows,
    shard: Record, size: float, blocks: float, token: float,
) -> None:  # fmt: skip
    """Fill what a layer's tensor and expert groups take of their worker.

    size : hidden states of a micro-batch [B], around each of `blocks`. token : those of
    a worker's own tokens, where these go to experts [B].
    """
    tp, ep = float(shard.tp), float(shard.ep)
    call = ALL_GATHER if shard.sp else ALL_REDUCE
    calls = 2.0 * blocks if shard.sp else blocks
    each = (row.forward_tp - row.tp_experts) / calls
    fill_use(row.tp_use, chip, software, tiers, call, size, tp, 1.0, each)
    each = 0.5 * row.forward_ep
    copies = model.top_k
    if software.dispatch_once > 0.0 and ep > 1.0:
        inside = reach_of(tiers, domain_tier(tiers), ep, float(shard.etp))
        groups = model.groups if model.groups > 0.0 else ep / inside
        copies = distinct(ep, model, groups)
    fill_use(
        row.ep_use, chip, software, tiers, ALL_TO_ALL, copies * token, ep,
        float(shard.etp), each,
    )  # fmt: skip
    if chip.family == GPU:  # kernels of the stack's own, and not the library's
        if software.tp_units >= 0.0 and software.overlap_tp * (1.0 - row.tp_crosses):
            row.tp_use.units = min(MOST_UNITS, software.tp_units / chip.units)
        if software.ep_units >= 0.0:
            row.ep_use.units = min(MOST_UNITS, software.ep_units / chip.units)


@kernel
def hidden_backward(
    ops: Rows, count: int, time: float, again: float, blocks: float
) -> float:
    """Return what a layer's own products hide of its backward tensor traffic [s].

    Of `blocks` collectives of `time` [s], each that reduces an input's gradient runs
    behind the product for the weight's, each that gathers an input `again` behind the
    product for the input's gradient, and behind no other.
    """
    gathers, reductions = 0.0, 0.0
    for i in range(count):
        op = ops[i]
        if op.kind == MATMUL and op.gathered > 0.0:
            gathers += min(time, op.input_time)
            reductions += min(time, op.weight_time)
    return min(again * time, gathers) + min(blocks * time, reductions)


@kernel
def crosses_domain(tiers: Rows, tp: float) -> float:
    """Return 1 if a tensor group leaves the domain of its innermost switch."""
    return 1.0 if reach_of(tiers, domain_tier(tiers), tp, 1.0) < tp else 0.0
