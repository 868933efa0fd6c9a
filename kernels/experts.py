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
def distinct(places: float, choices: float) -> float:
    """Return how many of `places` hold one or more of a token's `choices`.

    The mean for balanced choices that know nothing of each other; one in `places` of
    these stays where the token is.
    """
    return float(places * (1.0 - (1.0 - 1.0 / places) ** choices))


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
    size = token * distinct(ranks, model.top_k)
    time, sent, _, _ = collective(tiers, ALL_TO_ALL, size, inside, inner, software)
    if inside >= ranks:
        return time, sent
    nodes = distinct(ranks / inside, model.top_k)
    if model.node_limit > 0.0:
        nodes = min(nodes, model.node_limit)
    across, more, _, _ = collective(
        tiers, ALL_TO_ALL, token * nodes, ranks, inner, software
    )
    return max(time, across), sent + more
