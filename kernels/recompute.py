"""What the backward pass computes again: whole layers, or modules of them.

Selective recomputation repeats the modules that a plan names (`plan_tables.MODULES`)
or, where it names none, what the stack's own policy says (`software.selective`). Each
module is repeated from inputs that are kept anyway, as in Megatron-LM: what it frees
are its outputs, or what lies between them and its inputs
(megatron/core/transformer/transformer_config.py, `recompute_modules`).
"""

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.operators import gathered_tokens
from accelsim.kernels.plan_tables import (
    CORE_ATTN,
    EXPERTS,
    LAYERNORM,
    MLA_UP,
    MLP,
    MOE_ACT,
    N_MODULES,
    SHARED_EXPERTS,
)
from accelsim.kernels.tables import ELEMENT_BYTES, FULL, SELECTIVE, Record, Rows


@inlined
def forward_sums(row: Record) -> tuple[float, float, float]:
    """Return seconds, FLOPs and launches of a layer's forward pass so far."""
    seconds = row.forward_matmul + row.forward_attention + row.forward_elementwise
    return seconds, row.forward_flops, row.forward_kernels


@inlined
def backward_seconds(row: Record) -> float:
    """Return the seconds of a layer's backward pass so far."""
    seconds = row.backward_matmul + row.backward_attention + row.backward_elementwise
    return float(seconds)


@kernel
def note_module(row: Record, op: Record, before: tuple[float, float, float]) -> None:
    """Count an operator, added since `before`, to the module that it is repeated with.

    before : `forward_sums`.
    """
    after = forward_sums(row)
    row.again[op.module] += op.repeats * (after[0] - before[0])
    row.again_flops[op.module] += op.repeats * (after[1] - before[1])
    row.again_kernels[op.module] += op.repeats * (after[2] - before[2])


@kernel
def fill_freed(
    row: Record, mixture: int, model: Record, software: Record, case: Record,
    shard: Record,
) -> None:  # fmt: skip
    """Fill the bytes of `saved` that each module frees, see `keep_activations`.

    core_attn : scores and masks, where they are in memory. layernorm : the inputs of
    the products behind the norms. mla_up_proj : queries, keys and values. mlp, moe,
    shared_experts : all between the input and the output of the block. moe_act : the
    input of the experts' second product.
    """
    tokens, own, width = shard.tokens, shard.own_tokens, case.activation_bytes
    narrow = min(1.0, ELEMENT_BYTES[case.precision] / width)
    read = narrow * tokens / own if software.gathered_inputs > 0.0 else narrow
    frozen = model.adapter_rank > 0.0
    norms = model.blocks - 1.0 if frozen else model.blocks
    row.freed[CORE_ATTN] = row.saved_core
    row.freed[LAYERNORM] = width * own * model.hidden * norms * read
    if model.kv_rank > 0.0:
        keys = shard.kv_heads * (model.head_dim + model.v_dim)
        turned = shard.heads * model.head_dim + keys
        row.freed[MLA_UP] = width * tokens * turned
    store = software.activation_store if narrow < 1.0 else 1.0
    before = store * model.up_matrices + software.activation_kept
    behind = 0.0 if frozen else narrow
    each = width * tokens / shard.tp
    if mixture:
        routed, shared = model.top_k * model.expert_ffn, model.shared_ffn
        given = width * own * model.top_k * model.hidden
        taken = width * gathered_tokens(shard) * model.top_k * model.hidden
        row.freed[EXPERTS] = each * routed * before
        row.freed[EXPERTS] += behind * taken + software.expert_outputs * given
        row.freed[EXPERTS] += own * model.experts * software.router_bytes
        row.freed[MOE_ACT] = each * routed * behind
        row.freed[SHARED_EXPERTS] = each * shared * (before + behind)
    else:
        row.freed[MLP] = each * model.ffn * (before + behind)


@inlined
def repeats(plan: Record, module: int) -> bool:
    """Return whether a plan names a module."""
    return bool(plan.recompute == SELECTIVE and (plan.modules >> module) & 1)


@kernel
def of_modules(plan: Record, figures: Rows) -> float:
    """Return the sum of figures by module over those that a plan names."""
    total = 0.0
    for module in range(N_MODULES):
        if repeats(plan, module):
            total += figures[module]
    return total


@kernel
def repeated(plan: Record) -> float:
    """Return the share of the layers whose whole forward pass is done again."""
    return 1.0 - plan.kept_share if plan.recompute == FULL else 0.0


@kernel
def selective_seconds(
    row: Record, chip: Record, software: Record, plan: Record
) -> float:
    """Return what selective recomputation adds to the backward pass of a layer [s].

    Where no modules are named a fused attention kernel, which repeats its scores
    anyway, is run again as far as the stack does not keep what it gives.
    """
    if plan.modules != 0:
        return of_modules(plan, row.again)
    time = software.selective_matmul * row.forward_matmul
    time += software.selective_elementwise * row.forward_elementwise
    if chip.attention_forward.block == 0.0:
        time += software.selective_core * row.again[CORE_ATTN]
    else:
        time += software.selective_attention * row.forward_attention
    return float(time)


@kernel
def selective_flops(row: Record, chip: Record, software: Record, plan: Record) -> float:
    """Return the FLOPs that selective recomputation repeats of a layer."""
    if plan.modules != 0:
        return of_modules(plan, row.again_flops)
    core = row.again_flops[CORE_ATTN]
    flops = software.selective_matmul * (row.forward_flops - core)
    if chip.attention_forward.block == 0.0:
        flops += software.selective_core * core
    else:
        flops += software.selective_attention * core
    return float(flops)


@kernel
def repeated_traffic(row: Record, plan: Record) -> tuple[float, float]:
    """Return how often what goes around the feed-forward block is exchanged again.

    (by the tensor group, by the expert group).
    """
    dense = repeats(plan, MLP) and row.again[MLP] > 0.0
    routed = repeats(plan, EXPERTS) and row.again[EXPERTS] > 0.0
    return (1.0 if dense or routed else 0.0), (1.0 if routed else 0.0)


@kernel
def kept_activations(
    row: Record, chip: Record, software: Record, plan: Record
) -> float:
    """Return the bytes [B] that one layer keeps for one micro-batch."""
    if plan.recompute == FULL:
        return float(row.input)
    if plan.recompute != SELECTIVE:
        return float(row.saved)
    if plan.modules != 0:
        return float(max(row.input, row.saved - of_modules(plan, row.freed)))
    if row.outputs > row.input:
        return float(row.outputs)
    kept = row.saved - row.saved_core
    if chip.attention_forward.block == 0.0:
        return float(
            software.selective_kept * kept
            + row.saved_core * (1.0 - software.selective_core)
        )
    return float(software.selective_kept * kept)
