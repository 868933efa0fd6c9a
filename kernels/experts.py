"""What a token's way to its experts takes, once to each place instead of once to each.

A dispatcher that knows where experts lie (DeepEP, HybridEP) sends a token once to each
worker that holds some of its choices, and across nodes once to each node, whose links
carry it on. NCCL's all-to-all of permuted tokens sends every choice. Nothing here knows
what an expert computes.
"""

from accelsim.kernels.collectives import collective, reach_of
from accelsim.kernels.fabric_tables import ALL_TO_ALL
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import MAX_TIERS, Record, Rows


@kernel
def domain_tier(tiers: Rows) -> int:
    """Return the outermost of the tiers inside which NCCL uses one fabric."""
    own = 0
    for t in range(MAX_TIERS):
        if tiers[t].nccl.on > 0.0:
            own = t
    return own


@kernel
def missed(whole: float, part: float, choices: float) -> float:
    """Return the chance that none of some different choices is in `part` of a `whole`.

    The last one counts as far as it is one.
    """
    chance, i = 1.0, 0.0
    while i < choices:
        if whole - i <= part:
            return 0.0
        chance *= 1.0 - min(1.0, choices - i) * part / (whole - i)
        i += 1.0
    return float(chance)


@kernel
def distinct(places: float, model: Record, groups: float) -> float:
    """Return how many of `places` hold one or more of a token's experts, in the mean.

    Choices are balanced, and of different experts, of which each place holds as many.
    groups : of experts, of which the model's limit are taken, those whose two best
    scores are highest (DeepSeek-V3, arXiv:2412.19437, section 2.1.2), so that each has
    its share of the choices. One in `places` stays where the token is.
    """
    experts, top_k, limit = model.experts, model.top_k, model.node_limit
    if limit == 0.0 or limit >= groups:
        return float(places * (1.0 - missed(experts, experts / places, top_k)))
    if places < groups:
        return float(places * (1.0 - missed(groups, groups / places, limit)))
    hit = 1.0 - missed(experts / groups, experts / places, top_k / limit)
    return float(places * limit / groups * hit)


@kernel
def exchange_cover(
    row: Record, software: Record, again: float, left: float
) -> tuple[float, float]:
    """Return whether an exchange with experts hides, and what it hides behind [s].

    left : computing of both passes that hides nothing else. Behind all of it, or
    behind the shared experts alone, which need no tokens of others (Megatron-Core,
    moe_shared_expert_overlap). again : share of the layers that are repeated.
    """
    if software.overlap_ep > 0.0 or software.overlap_shared == 0.0:
        return float(software.overlap_ep), left
    shared = (1.0 + again) * row.forward_shared + row.backward_shared
    return 1.0, min(left, float(shared))


@kernel
def side_exchange(
    tiers: Rows, software: Record, group: Record, model: Record, token: float
) -> tuple[float, float]:
    """Return (seconds, bytes sent) of an exchange beside that of the hidden states.

    Where tokens go by NCCL's all-to-all, the weights of their choices, in fp32, go by
    one of their own, and the counts are gathered before; both are mostly start.
    token : as in `expert_exchange`, of 16 bits.
    """
    size = 2.0 * token * model.top_k / model.hidden
    ranks, inner = float(group.ep), float(group.etp)
    time, sent, _, _ = collective(tiers, ALL_TO_ALL, size, ranks, inner, software)
    return time, sent


@kernel
def expert_exchange(
    tiers: Rows, software: Record, group: Record, model: Record, token: float
) -> tuple[float, float]:
    """Return (seconds, bytes sent) of a dispatch, or of the combine that comes back.

    token : bytes [B] of the hidden states of one worker's tokens.
    """
    ranks, inner = float(group.ep), float(group.etp)
    if software.dispatch_once == 0.0:
        size = token * model.top_k
        time, sent, _, _ = collective(tiers, ALL_TO_ALL, size, ranks, inner, software)
        return time, sent
    inside = reach_of(tiers, domain_tier(tiers), ranks, inner)
    nodes = ranks / inside
    groups = model.groups if model.groups > 0.0 else nodes
    size = token * distinct(ranks, model, groups)
    time, sent, _, _ = collective(tiers, ALL_TO_ALL, size, inside, inner, software)
    if inside >= ranks:
        return time, sent
    size = token * distinct(nodes, model, groups)
    across, more, _, _ = collective(tiers, ALL_TO_ALL, size, ranks, inner, software)
    return max(time, across), sent + more
