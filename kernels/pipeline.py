"""The pipeline of one step: which stage holds what, its schedule, hand-over, bubble.

This file knows stages by their seconds on one micro-batch; what these are made of is
known to `step`, how long they take together to `makespan`.
"""

from accelsim.kernels.collectives import send
from accelsim.kernels.fabric_tables import SEND
from accelsim.kernels.jit import kernel
from accelsim.kernels.makespan import closed, least_seconds, makespan
from accelsim.kernels.overlap import beside
from accelsim.kernels.placement import stage_stride
from accelsim.kernels.tables import INTERLEAVED, ONE_F_ONE_B, Record, Rows
from accelsim.kernels.uses import fill_use


@kernel
def schedule_of(plan: Record) -> int:
    """Return the plan's schedule; 1F1B with several chunks a stage is interleaved."""
    if plan.schedule == ONE_F_ONE_B and plan.vp > 1:
        return INTERLEAVED
    return int(plan.schedule)


@kernel
def fill_hand_over(
    pipe: Record, case: Record, chip: Record, model: Record, software: Record,
    tiers: Rows, plan: Record,
) -> float:  # fmt: skip
    """Fill how long a hand-over takes and whether it hides; returns its bytes [B].

    Activations cross cut over tp (Narayanan et al. 2021, sec. 4.1, scatter/gather).
    Under 1F1B as many micro-batches are on their way as there are stages, so that a
    stage waits for a hand-over even where the software does not hold it up.
    """
    tokens = plan.micro_batch * case.seq_len / plan.cp
    size = case.activation_bytes * tokens * model.hidden / plan.tp
    stride = stage_stride(plan)
    pipe.hop = send(tiers, size, stride, float(plan.pp))
    pipe.hides = software.overlap_pp
    if schedule_of(plan) == ONE_F_ONE_B:
        pipe.hides = 0.0
    if pipe.hides > 0.0:
        chain = float(plan.pp)
        fill_use(pipe.use, chip, software, tiers, SEND, size, chain, stride, pipe.hop)
    return float(size)


@kernel
def hand_over_beside(pipe: Record, plan: Record, moments: Rows, whole: float) -> float:
    """Return what a full stage takes beside its hidden hand-overs, over that alone.

    whole : its seconds on a micro-batch, made of `moments`. It sends 2 vp times; a
    hand-over that shares the network with the stage's own groups takes longer, too.
    """
    if pipe.hides == 0.0 or pipe.hop == 0.0 or whole == 0.0:
        return 1.0
    longer, done = beside(moments, pipe.use)
    if done == 0.0:
        return 1.0
    used = min(whole, 2.0 * plan.vp * pipe.hop / done)
    pipe.hop *= (1.0 + longer) / done
    return float(1.0 + longer * used / whole)


@kernel
def add_pipeline(
    result: Record, pipe: Record, plan: Record, slowest: float, size: float,
    sends: float, sums: Rows,
) -> None:  # fmt: skip
    """Add the hand-over of activations between stages, and what a stage waits for.

    pipe : PIPELINE, the stages' seconds. slowest, sends : seconds of the busiest stage
    on one micro-batch without, and number of, its hand-overs. size : bytes of one [B].
    sums : scratch of `makespan`. Where `pipe.bound` asks for it, what has no closed
    form gets a lower bound.
    """
    count = float(plan.micro_batches)
    schedule = schedule_of(plan)
    if pipe.bound > 0.0 and not closed(pipe, schedule, plan.vp):
        whole = least_seconds(pipe, schedule, plan.pp, plan.vp, plan.micro_batches)
        result.bound = 1.0
    else:
        whole = makespan(pipe, schedule, plan.pp, plan.vp, plan.micro_batches, sums)
    idle = max(0.0, whole - count * slowest)
    seen = min(idle, count * sends * pipe.hop * (1.0 - pipe.hides))
    result.pp += seen
    result.bubble += idle - seen
    result.pp_bytes += 2.0 * count * plan.vp * size
