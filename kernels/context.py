"""Context parallelism: who exchanges what around the attention, and what it takes.

The workers of a context group hold parts of a sequence. Four ways to let each query
see all keys (`cp_comm_type` of Megatron-Core, NVIDIA/Megatron-LM
megatron/core/transformer/transformer_config.py):

- p2p: keys and values go round a ring, behind the attention to those that are there
  (Liu et al. 2023, Ring Attention, arXiv:2310.01889);
- all_gather: they are gathered before the attention (Llama Team 2024, arXiv:2407.21783,
  section 3.3.2);
- a2a: queries, keys and values of some tokens and all heads become all tokens and some
  heads, and the context comes back (Jacobs et al. 2023, DeepSpeed-Ulysses,
  arXiv:2309.14509);
- a2a+p2p: that within groups, and a ring among them (Fang and Zhao 2024,
  arXiv:2405.07719; Gu et al. 2024, LoongTrain, arXiv:2406.18485).

This file knows groups, bytes and their seconds; attention's own time is `attention`'s.
"""

import math

from accelsim.kernels.collectives import collective, send
from accelsim.kernels.fabric_tables import ALL_GATHER, ALL_TO_ALL, SEND
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import A2A, A2A_P2P, GATHERED, Record, Rows
from accelsim.kernels.uses import fill_use

EXCHANGED = 4.0  # queries, keys, values, and the context that comes back
# Bytes moved for one that is exchanged: heads are brought together before, tokens
# after, each read and written (DeepSpeed deepspeed/sequence/layer.py, pre_all2all_fun
# and post_all2all; TransformerEngine attention/dot_product_attention/
# context_parallel.py, flash_attn_a2a_communicate).
REORDERED = 4.0
REORDERINGS = 2.0  # kernels of that


@kernel
def exchangers(plan: Record) -> int:
    """Return the workers that exchange heads for tokens; 1 if none do.

    plan : a row of PLAN or SHARD.
    """
    if plan.cp_comm_type == A2A:
        return int(plan.cp)
    return int(plan.cp_a2a) if plan.cp_comm_type == A2A_P2P else 1


@kernel
def local_keys(model: Record, tp: int) -> float:
    """Return the heads of keys that one of `tp` workers holds."""
    heads = model.heads if model.kv_rank > 0.0 else model.kv_heads
    return float(max(1.0, heads / tp))


@kernel
def heads_in_common(plan: Record, model: Record) -> int:
    """Return the most workers of a context group over which all heads can be cut."""
    heads = math.gcd(int(model.heads) // plan.tp, int(local_keys(model, plan.tp)))
    return math.gcd(plan.cp, heads)


@kernel
def heads_divide(plan: Record, model: Record) -> bool:
    """Return whether an all-to-all can cut the heads that tp leaves."""
    members = exchangers(plan)
    if members < 1 or plan.cp % members != 0:
        return False
    return bool((int(model.heads) // plan.tp) % members == 0)


@kernel
def keys_divide(plan: Record, model: Record) -> bool:
    """Return whether an all-to-all can cut the heads of keys without copies."""
    return bool(local_keys(model, plan.tp) % exchangers(plan) == 0.0)


@kernel
def place(shard: Record) -> None:
    """Fill who exchanges what in a context group, after `kv_heads`.

    Keys are copied until each of the workers that exchange them has a head.
    """
    shard.a2a = float(exchangers(shard))
    shard.ring = shard.cp / shard.a2a
    shard.sent_heads = shard.a2a * math.ceil(shard.kv_heads / shard.a2a)


@kernel
def repeat_keys(software: Record, shard: Record) -> None:
    """Give a context group as many heads of keys as of queries, if the stack does."""
    if shard.cp > 1 and software.cp_repeats > 0.0:
        shard.sent_heads = shard.heads


@kernel
def in_blocks(software: Record, shard: Record) -> bool:
    """Return whether attention goes block by block, as keys come in."""
    gathered = shard.cp_comm_type == GATHERED
    return bool(shard.ring > 1.0 and (not gathered or software.cp_blocks > 0.0))


@kernel
def exchanged_bytes(model: Record, case: Record, shard: Record) -> tuple[float, float]:
    """Return bytes of queries and context, of keys and values: (heads, keys) [B]."""
    width = case.activation_bytes * shard.tokens
    each = model.head_dim + model.v_dim
    return width * shard.heads * each, width * shard.sent_heads * each


@kernel
def add_exchange(
    row: Record, model: Record, software: Record, case: Record, tiers: Rows,
    shard: Record,
) -> None:  # fmt: skip
    """Add the four all-to-alls of a layer, and as many backward; nothing hides them."""
    width = case.activation_bytes * shard.tokens
    tp, heads, keys = float(shard.tp), shard.heads, shard.sent_heads
    for size in (
        heads * model.head_dim, keys * model.head_dim, keys * model.v_dim,
        heads * model.v_dim,
    ):  # fmt: skip
        time, sent, _, _ = collective(
            tiers, ALL_TO_ALL, width * size, shard.a2a, tp, software
        )
        row.forward_cp += time
        row.backward_cp += time
        row.forward_cp_bytes += sent
        row.backward_cp_bytes += sent
    row.forward_kernels += EXCHANGED * software.collective_calls
    row.backward_kernels += EXCHANGED * software.collective_calls


@kernel
def gradient_size(software: Record, case: Record, keys: float) -> float:
    """Return the bytes [B] of the gradients of keys and values of `keys` bytes."""
    width = software.cp_gradient_bytes
    return float(keys * width / case.activation_bytes) if width > 0.0 else keys


@kernel
def hop_seconds(
    tiers: Rows, software: Record, shard: Record, size: float
) -> tuple[float, float]:
    """Return (seconds, bytes) of `size` [B] to the next of a ring."""
    stride = shard.tp * shard.a2a
    return software.collective_start + send(tiers, size, stride, shard.ring), size


@kernel
def add_gathered(
    row: Record, software: Record, case: Record, tiers: Rows, shard: Record,
    keys: float,
) -> None:  # fmt: skip
    """Add an all-gather of `keys` [B] a worker, again backward, and their gradients.

    These are scattered back, or go round a ring of their own and one hop home.
    Where attention goes block by block the first block, which needs no other's keys,
    hides some of it.
    """
    time, sent, _, _ = collective(
        tiers, ALL_GATHER, keys * shard.ring, shard.ring, float(shard.tp), software
    )
    row.forward_cp += time
    row.forward_cp_bytes += sent
    row.backward_cp += time
    row.backward_cp_bytes += sent
    first = 1.0 / shard.ring if software.cp_blocks > 0.0 else 0.0
    row.forward_cp_behind += min(time, first * row.forward_attention)
    row.backward_cp_behind += min(time, first * row.backward_attention)
    row.forward_kernels += software.collective_calls
    row.backward_kernels += software.collective_calls
    if software.cp_gradient_ring == 0.0:
        row.backward_cp += time
        row.backward_cp_bytes += sent
        row.backward_kernels += software.collective_calls
        return
    size = gradient_size(software, case, keys)
    hop, more = hop_seconds(tiers, software, shard, size)
    row.backward_cp += shard.ring * hop
    row.backward_cp_bytes += shard.ring * more
    rest = (1.0 - first) * row.backward_attention
    row.backward_cp_behind += min((shard.ring - 1.0) * hop, rest)
    row.backward_kernels += shard.ring * software.collective_calls


@kernel
def add_ring(
    row: Record, software: Record, case: Record, tiers: Rows, shard: Record,
    keys: float,
) -> None:  # fmt: skip
    """Add the hops of `keys` [B] round a ring, and backward those of gradients, too.

    Each of the hops runs behind the attention to the keys that are there; the last
    block has none beside it.
    """
    hops = shard.ring - 1.0
    time, sent = hop_seconds(tiers, software, shard, keys)
    size = gradient_size(software, case, keys)
    back, more = hop_seconds(tiers, software, shard, size)
    row.forward_cp += hops * time
    row.forward_cp_bytes += hops * sent
    row.backward_cp += hops * (time + back)
    row.backward_cp_bytes += hops * (sent + more)
    beside = hops / shard.ring
    row.forward_cp_behind += min(hops * time, beside * row.forward_attention)
    row.backward_cp_behind += min(hops * (time + back), beside * row.backward_attention)
    row.forward_kernels += hops * software.collective_calls
    row.backward_kernels += 2.0 * hops * software.collective_calls


@kernel
def fill_context_use(
    row: Record, chip: Record, model: Record, software: Record, case: Record,
    tiers: Rows, shard: Record,
) -> None:  # fmt: skip
    """Fill what a context group's traffic takes of its worker: of what can hide."""
    heads, keys = exchanged_bytes(model, case, shard)
    tp = float(shard.tp)
    if shard.ring == 1.0:
        fill_use(
            row.cp_use, chip, software, tiers, ALL_TO_ALL, heads + keys, shard.a2a, tp,
            row.forward_cp,
        )  # fmt: skip
    elif shard.cp_comm_type == GATHERED:
        fill_use(
            row.cp_use, chip, software, tiers, ALL_GATHER, keys * shard.ring,
            shard.ring, tp, row.forward_cp,
        )  # fmt: skip
    else:
        time, size = hop_seconds(tiers, software, shard, keys)
        fill_use(
            row.cp_use, chip, software, tiers, SEND, size, shard.ring, tp * shard.a2a,
            time,
        )  # fmt: skip


@kernel
def add_context_traffic(
    row: Record, chip: Record, model: Record, software: Record, case: Record,
    tiers: Rows, shard: Record,
) -> None:  # fmt: skip
    """Add what a context group exchanges in a layer whose attention has been timed."""
    if shard.cp == 1:
        return
    if shard.a2a > 1.0:
        add_exchange(row, model, software, case, tiers, shard)
    if shard.ring > 1.0:
        keys = exchanged_bytes(model, case, shard)[1]
        if shard.cp_comm_type == GATHERED:
            add_gathered(row, software, case, tiers, shard, keys)
        else:
            add_ring(row, software, case, tiers, shard, keys)
    fill_context_use(row, chip, model, software, case, tiers, shard)


@kernel
def context_workspace(
    model: Record, software: Record, case: Record, shard: Record
) -> float:
    """Return what the backward pass of a context group's attention needs [B].

    The gradients of context and queries, and: of a ring two buffers of keys and their
    gradients (context_parallel.py of TransformerEngine, p2p_comm_buffers), of an
    all-gather the keys of all tokens and their gradients.
    """
    heads, keys = exchanged_bytes(model, case, shard)
    whole = shard.ring if shard.cp_comm_type == GATHERED else min(2.0, shard.ring)
    return float(heads + whole * (keys + gradient_size(software, case, keys)))
