"""What workers wait for each other because no two take the same time.

Kernels take a share `jitter` of their time more or less, each for itself. At every
collective a group waits for its slowest: the tensor group around each block, context
and expert groups once a layer. What is left varies over layers and micro-batches, whose
mean the slowest replica is told by. Experts of a worker that got more tokens than the
others take longer all along. Persistent differences between chips are not known here.
"""

import math

from accelsim.kernels.extremes import largest
from accelsim.kernels.jit import kernel
from accelsim.kernels.operators import gathered_tokens
from accelsim.kernels.tables import Record


@kernel
def fullest(model: Record, software: Record, shard: Record) -> float:
    """Return the tokens of the fullest worker of an expert group over the mean.

    Choices that are drawn scatter as independent counts about their mean, and the
    router's preferences differ by `load_spread` from expert to expert. One that is
    filled to a capacity has as many as any.
    """
    ranks = float(shard.ep)
    if ranks <= 1.0 or model.load_spread < 0.0:
        return 1.0
    choices = gathered_tokens(shard) * ranks * model.top_k
    spread = 0.0 if software.forced_balance > 0.0 else model.load_spread
    variance = ranks / choices + spread * spread * ranks / model.experts
    return 1.0 + largest(ranks)[0] * math.sqrt(variance)


@kernel
def vary(
    row: Record, chip: Record, model: Record, software: Record, shard: Record,
    mixture: int, blocks: float,
) -> None:  # fmt: skip
    """Fill what a layer waits for its slowest kernels and its fullest experts.

    blocks : of equal variance, each between two collectives of the tensor group.
    """
    if mixture:
        more = fullest(model, software, shard) - 1.0
        row.forward_imbalance = more * row.forward_experts
        row.backward_imbalance = more * row.backward_experts
        row.forward_ep *= 1.0 + more
        row.backward_ep *= 1.0 + more
    late, rest = largest(float(shard.tp))
    others = float(shard.cp * (shard.ep if mixture else 1))
    later, last = largest(others)
    each = chip.jitter * (math.sqrt(blocks) * late + rest * later)
    row.forward_jitter = each * math.sqrt(row.forward_squares)
    row.backward_jitter = each * math.sqrt(row.backward_squares)
    left = chip.jitter * rest * last
    row.variance = left * left * (row.forward_squares + row.backward_squares)


@kernel
def slowest_replica(result: Record, plan: Record) -> float:
    """Return what the slowest pipeline waits for at the end of a step [s].

    result : whose `variance` is that of all its layers and micro-batches. Expert groups
    have waited for each other.
    """
    replicas = max(1.0, plan.dp / plan.ep) * plan.pp
    return largest(replicas)[0] * math.sqrt(result.variance)
