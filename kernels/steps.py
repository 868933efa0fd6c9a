"""The steps of many plans, one after the other.

This file knows what plans in a row share: the work of the stages does not depend on
what is sharded or offloaded, nor does what replicas exchange on recomputation. What a
plan shares with the one before it is not computed again, so that a search in the right
order costs little a plan, and a plan has the same numbers in any order.
"""

from typing import NamedTuple

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.memory import stage_activations
from accelsim.kernels.offload import add_offload
from accelsim.kernels.overlap import beside
from accelsim.kernels.replicas import (
    add_data_parallel,
    add_optimizer,
    fill_exchange,
)
from accelsim.kernels.space import same_replicas, same_work
from accelsim.kernels.stages import heaviest_kinds
from accelsim.kernels.step import fill_work
from accelsim.kernels.tables import Record, Rows


class Scratch(NamedTuple):
    """What `fill_steps` works in.

    work, nothing : a row of RESULT: what the plan before shares, and zeros.
    exchange : EXCHANGE by sharding. pipe : a row of PIPELINE.
    sums : (4, most stages of a plan). moments : MOMENT rows.
    """

    work: Rows
    nothing: Rows
    exchange: Rows
    pipe: Rows
    sums: Rows
    moments: Rows


@inlined
def add_parts(result: Record) -> None:
    """Fill the time of the step, the sum of its parts."""
    result.step_time = (
        result.matmul + result.attention + result.elementwise + result.head
        + result.recompute + result.launch + result.tp + result.cp + result.ep
        + result.pp + result.dp + result.contention + result.bubble + result.optimizer
        + result.host + result.jitter + result.imbalance
    )  # fmt: skip


@kernel
def fill_steps(
    cases: Rows, chips: Rows, models: Rows, software: Rows, tiers: Rows, plans: Rows,
    layers: Rows, timed: Rows, results: Rows, scratch: Scratch,
) -> None:  # fmt: skip
    """Fill `results[i]` (RESULT) for every row of `plans` (PLAN) that is `timed`.

    timed : flags. What a plan shares with the one before is not computed again: the
    work of the stages, and by sharding the exchange of the replicas.
    """
    work, exchange, moments = scratch.work[0], scratch.exchange, scratch.moments
    last, works = -1, 0.0
    full, forward, backward, kept = 0.0, 0.0, 0.0, 0.0
    dense, mixtures = 0.0, 0.0
    for i in range(len(plans)):
        if not timed[i]:
            continue
        plan, result = plans[i], results[i]
        case = cases[plan.case]
        chip, model = chips[case.chip], models[case.model]
        stack, own = software[case.software], tiers[case.tiers]
        if last < 0 or not same_work(plan, plans[last]):
            scratch.work[0] = scratch.nothing[0]
            four = layers[plan.shard]
            forward, backward = fill_work(
                work, four, case, chip, model, stack, own, plan, scratch.pipe[0],
                scratch.sums, moments,
            )  # fmt: skip
            works += 1.0
            pipe = scratch.pipe[0]
            full = pipe.dense + pipe.mixtures
            kept, _ = stage_activations(
                four, chip, stack, plan, pipe.dense, pipe.mixtures
            )
        if last < 0 or not same_replicas(plan, plans[last]):
            for kind in range(len(exchange)):
                exchange[kind].known = 0.0
            dense, mixtures = heaviest_kinds(
                case, model, stack, plan, model.layer_parameters / plan.tp,
                model.moe_parameters / plan.tp
                + model.expert_parameters / (plan.etp * plan.ep),
            )  # fmt: skip
        mine = exchange[plan.sharding]
        if mine.known == 0.0:
            fill_exchange(mine, chip, model, stack, case, own, plan, dense, mixtures)
            mine.known = 1.0
            mine.work = 0.0
        if mine.work != works:
            mine.longer, mine.done = beside(moments, mine.use)
            mine.work = works
        last = i
        results[i] = scratch.work[0]
        add_data_parallel(result, mine, stack, plan, full, forward, backward)
        add_optimizer(result, model, chip, stack, case, plan, dense, mixtures)
        add_offload(result, case, plan, kept)
        add_parts(result)
