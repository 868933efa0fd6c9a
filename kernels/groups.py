"""How many workers share what is sharded, and how many groups of them are alike.

This file knows a plan's sizes alone.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import Record


@kernel
def sharers(plan: Record) -> int:
    """Return the workers over which one copy of sharded states is spread.

    All dp x cp that are replicas, or groups of them (hybrid sharding: Zhao et al. 2023,
    PyTorch FSDP, sec. 3.2.2).
    """
    whole = plan.dp * plan.cp
    return int(plan.shard_group) if plan.shard_group > 0 else int(whole)


@kernel
def expert_sharers(plan: Record, ranks: int) -> float:
    """Return the workers that hold the same piece of the same experts.

    ranks : workers that hold the same piece of all other weights, one for each of the
    tp ranks. Experts are cut over etp x ep of them all instead of tp (Megatron-Core MoE
    parallel folding, arXiv:2504.14960, section 3.2).
    """
    return float(ranks * plan.tp / (plan.etp * plan.ep))


@kernel
def alike(plan: Record) -> int:
    """Return the groups of workers that hold the same sharded copy."""
    return int(plan.dp * plan.cp) // sharers(plan)
