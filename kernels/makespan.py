"""How long a pipeline takes for all micro-batches, without drawing it.

This file knows stages by their seconds (PIPELINE). GPipe, 1F1B and, where all chunks
hold as many layers, interleaved 1F1B have closed forms: the longest path through the
order of passes, found among paths that stay at one stage between fill and drain.
They equal the event-driven scheduler (tests); all else is left to that one.
"""

import numpy as np

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.orders import interleaved_warm, slots_of, splits
from accelsim.kernels.schedule import fill_orders, run_orders
from accelsim.kernels.tables import (
    DUALPIPE,
    GPIPE,
    INTERLEAVED,
    ONE_F_ONE_B,
    ZB_V,
    Record,
    Rows,
)

# Where the interleaved closed form holds within 0.5 %, of a chunk's forward pass: what
# the first chunk takes longer, and a hand-over that hides.
LONGER, HIDDEN = 0.02, 0.4
FIRST_ROUNDS = 2  # of micro-batches that are scheduled before growth is looked at
EVEN = 1e-6  # relative, of what rounds take


@inlined
def stage_forward(pipe: Record, stage: int, pp: int) -> float:
    """Return the seconds of a stage's forward pass, with a hand-over that it does."""
    if stage < pp - 1:
        sends = pipe.hop * (1.0 - pipe.hides)
        own = pipe.share[stage] * pipe.forward
        return float(own + sends + (pipe.embed_forward if stage == 0 else 0.0))
    ends = pipe.head_forward + (pipe.embed_forward if pp == 1 else 0.0)
    return float(pipe.share[stage] * pipe.forward + ends)


@inlined
def stage_backward(pipe: Record, stage: int, pp: int) -> float:
    """Return the seconds of a stage's backward pass, with a hand-over that it does."""
    sends = pipe.hop * (1.0 - pipe.hides) if stage > 0 else pipe.embed_backward
    if stage < pp - 1:
        return float(pipe.share[stage] * pipe.backward + sends)
    return float(pipe.share[stage] * pipe.backward + pipe.head_backward + sends)


@kernel
def gpipe_seconds(pipe: Record, pp: int, micro_batches: int) -> float:
    """Return the makespan of GPipe: both ways the slowest stage sets the pace."""
    forward, backward, most_f, most_b = 0.0, 0.0, 0.0, 0.0
    for stage in range(pp):
        f, b = stage_forward(pipe, stage, pp), stage_backward(pipe, stage, pp)
        forward, backward = forward + f, backward + b
        most_f, most_b = max(most_f, f), max(most_b, b)
    hop = pipe.hop * pipe.hides
    if pp > 1:
        most_f, most_b = max(most_f, hop), max(most_b, hop)
    there = 2.0 * (pp - 1.0) * hop
    pace = (micro_batches - 1.0) * (most_f + most_b)
    return float(forward + backward + there + pace)


@kernel
def one_f_one_b_seconds(pipe: Record, pp: int, micro_batches: int, sums: Rows) -> float:
    """Return the makespan of 1F1B for stages of any length; a hand-over never hides.

    sums : (4, pp) scratch: forward and backward seconds up to a stage, and the longest
    of each. The path fills up to stage x >= s, comes back to s, stays there and drains
    from y >= s. d = min(m, pp - s) are in flight at s, t_s = f_s + b_s:

        A_s = max_x [sum_{i<=x} (f_i + b_i) + (d_x - 1) max_{i<=x} f_i], D_s so with b,
        T = max_s [A_s + D_s - sum_{i<s} t_i + (m - 1 - d_s) t_s]

    or, where all forward passes come first (d = m), one way with the longest pass.
    """
    forward, backward, most_f, most_b = 0.0, 0.0, 0.0, 0.0
    for stage in range(pp):
        f, b = stage_forward(pipe, stage, pp), stage_backward(pipe, stage, pp)
        forward, backward = forward + f, backward + b
        most_f, most_b = max(most_f, f), max(most_b, b)
        sums[0, stage], sums[1, stage] = forward, backward
        sums[2, stage], sums[3, stage] = most_f, most_b
    fill, drain, longest = 0.0, 0.0, 0.0
    for stage in range(pp - 1, -1, -1):
        depth = min(micro_batches, pp - stage)
        through = sums[0, stage] + sums[1, stage]
        fill = max(fill, through + (depth - 1.0) * sums[2, stage])
        drain = max(drain, through + (depth - 1.0) * sums[3, stage])
        if depth < micro_batches:
            before = sums[0, stage - 1] + sums[1, stage - 1] if stage > 0 else 0.0
            stays = (micro_batches - 1.0 - depth) * (through - before)
            longest = max(longest, fill + drain - before + stays)
        else:
            rest = micro_batches - 1.0
            longest = max(longest, fill + rest * sums[3, stage])
            longest = max(longest, drain + rest * sums[2, stage])
    return float(longest)


@inlined
def lead(
    one: float, first: float, hop: float, stage: int, pp: int, vp: int, size: int
) -> float:
    """Return how long before a stage's uninterrupted work the step starts.

    one : seconds of a chunk's pass; first : what the very first takes longer. Either
    the stage waits for the first micro-batch, or it has done its first `vp - 1` chunks
    and the first micro-batch comes round.
    """
    own = first if stage == 0 else 0.0
    there = stage * (one + hop) + first - own
    rounds = (vp - 1.0) * pp
    again = (rounds + stage) * (one + hop) + first - own * (vp == 1)
    again -= size * ((vp - 1.0) * one + own * (vp > 1))
    return float(max(there, again))


@kernel
def interleaved_seconds(pipe: Record, pp: int, vp: int, micro_batches: int) -> float:
    """Return the makespan of interleaved 1F1B where all chunks are alike.

    The path waits for the first micro-batch to pass all chunks (`fill`) or only until
    the stage begins (`lead`), stays at one stage, and drains likewise; `warm` is what
    the stage has done by then. Both ways are mirror images.
    """
    sends = pipe.hop * (1.0 - pipe.hides)
    hop = pipe.hop * pipe.hides
    f, b = pipe.forward / vp + sends, pipe.backward / vp + sends
    first_f, first_b = pipe.embed_forward, pipe.embed_backward - sends
    last_f, last_b = pipe.head_forward - sends, pipe.head_backward
    size = pp if micro_batches >= 2 * pp else micro_batches
    chunks, m = float(pp * vp), float(micro_batches)
    all_f = chunks * f + first_f + last_f + (chunks - 1.0) * hop
    all_b = chunks * b + first_b + last_b + (chunks - 1.0) * hop
    longest = all_f + all_b
    for stage in range(pp):
        own_f = (first_f if stage == 0 else 0.0) + (last_f if stage == pp - 1 else 0.0)
        own_b = (first_b if stage == 0 else 0.0) + (last_b if stage == pp - 1 else 0.0)
        end_f = last_f if stage == pp - 1 else 0.0
        end_b = last_b if stage == pp - 1 else 0.0
        work_f, work_b = m * (vp * f + own_f), m * (vp * b + own_b)
        lead_f = lead(f, first_f, hop, stage, pp, vp, size)
        lead_b = lead(b, first_b, hop, stage, pp, vp, size)
        back = (pp - 1.0 - stage) * hop
        fill = all_f + (pp - stage) * b + last_b + back - (b + end_b)
        drain = all_b + (pp - stage) * f + last_f + back - (f + end_f)
        warm = interleaved_warm(stage, pp, vp, micro_batches)
        longest = max(longest, lead_f + lead_b + work_f + work_b)
        if warm == vp * micro_batches:
            longest = max(longest, fill + work_b + lead_b, drain + work_f + lead_f)
            continue
        starts = size + max(0, warm - vp * size) if stage == 0 else 0
        done_f, done_b = warm * f + starts * first_f, warm * b + starts * first_b
        if stage == pp - 1:
            done_f, done_b = done_f + last_f, done_b + last_b
        longest = max(longest, fill + drain + work_f + work_b - done_f - done_b)
        longest = max(longest, fill + work_f - done_f + work_b + lead_b)
        longest = max(longest, drain + work_b - done_b + work_f + lead_f)
    return float(longest)


@kernel
def fill_seconds(pipe: Record, schedule: int, pp: int, vp: int, seconds: Rows) -> None:
    """Fill `seconds` (3, pp, slots) of every pass on every chunk, hand-overs apart."""
    slots = slots_of(schedule, vp)
    copies = 1.0 if schedule == DUALPIPE else float(slots)
    split = splits(schedule)
    for stage in range(pp):
        for slot in range(slots):
            down = slot == 1 and schedule in (ZB_V, DUALPIPE)
            depth = pp - 1 - stage if down else stage
            first = depth == 0 and (slot == 0 or schedule == DUALPIPE)
            last = depth == pp - 1 and (slot == slots - 1 or schedule == DUALPIPE)
            if schedule == ZB_V:
                last = stage == 0 and slot == 1
            folded = schedule in (ZB_V, DUALPIPE)
            share = (1.0 if folded else pipe.share[stage]) / copies
            f, b = share * pipe.forward, share * pipe.backward
            w = share * pipe.weight
            if first:
                f, b = f + pipe.embed_forward, b + pipe.embed_backward
            if last:
                f, b = f + pipe.head_forward, b + pipe.head_backward
                w += pipe.head_weight
            seconds[0, stage, slot], seconds[1, stage, slot] = f, b
            if split:
                seconds[1, stage, slot], seconds[2, stage, slot] = b - w, w


@kernel
def scheduled_seconds(
    pipe: Record, schedule: int, pp: int, vp: int, micro_batches: int
) -> float:
    """Return the makespan by the event-driven scheduler."""
    slots = slots_of(schedule, vp)
    passes = 3 * slots * micro_batches
    orders, lengths = np.empty((pp, passes), np.int64), np.empty(pp, np.int64)
    seconds = np.zeros((3, pp, slots))
    ready = np.empty((2, pp, slots, micro_batches))
    times = np.empty((2, pp, passes))
    fill_orders(schedule, pp, vp, micro_batches, orders, lengths)
    fill_seconds(pipe, schedule, pp, vp, seconds)
    end = run_orders(
        schedule, pp, vp, seconds, pipe.hop, pipe.hides, orders, lengths, ready, times
    )
    return float(end)


@kernel
def steady_seconds(
    pipe: Record, schedule: int, pp: int, vp: int, micro_batches: int
) -> float:
    """Return the makespan, scheduled until it grows evenly and carried on from there.

    A pipeline is linear over (max, +): its makespan is convex in the micro-batches and
    in the end grows by the same each round (Baccelli et al. 1992, ch. 3). Rounds are
    doubled until two in a row take the same, and as long as the busiest stage works.
    """
    size = pp if schedule == INTERLEAVED else 2 * pp
    busiest = size * busiest_seconds(pipe, schedule, pp, vp)
    rounds = FIRST_ROUNDS
    while True:
        count = micro_batches % size + rounds * size
        if micro_batches <= count + 2 * size:
            return scheduled_seconds(pipe, schedule, pp, vp, micro_batches)
        first = scheduled_seconds(pipe, schedule, pp, vp, count)
        second = scheduled_seconds(pipe, schedule, pp, vp, count + size)
        grows = second - first
        if grows <= busiest * (1.0 + EVEN):
            if grows >= busiest * (1.0 - EVEN):
                left = (micro_batches - count - size) / size
                return second + left * grows
        else:  # a loop of stages that wait for each other sets the pace
            third = scheduled_seconds(pipe, schedule, pp, vp, count + 2 * size)
            if abs(third - second - grows) <= EVEN * grows:
                left = (micro_batches - count - 2 * size) / size
                return third + left * grows
        rounds *= 2


@kernel
def stage_seconds(pipe: Record, schedule: int, stage: int, pp: int, vp: int) -> float:
    """Return what a stage works for one micro-batch, hand-overs that it does included.

    The two copies of DualPipe, and the two ends of a V, are taken for even.
    """
    one = pipe.forward + pipe.backward
    if schedule in (ZB_V, DUALPIPE):
        return float(one)
    one, ends = pipe.share[stage] * one, 0.0
    sends = 2.0 * vp
    if stage == 0:
        ends, sends = ends + pipe.embed_forward + pipe.embed_backward, sends - 1.0
    if stage == pp - 1:
        ends, sends = ends + pipe.head_forward + pipe.head_backward, sends - 1.0
    return float(one + ends + sends * pipe.hop * (1.0 - pipe.hides))


@kernel
def busiest_seconds(pipe: Record, schedule: int, pp: int, vp: int) -> float:
    """Return what the busiest stage works for one micro-batch."""
    most = 0.0
    for stage in range(pp):
        most = max(most, stage_seconds(pipe, schedule, stage, pp, vp))
    return most


@kernel
def least_seconds(
    pipe: Record, schedule: int, pp: int, vp: int, micro_batches: int
) -> float:
    """Return a lower bound of the makespan.

    Each stage waits for the first micro-batch, does all of its work, and where weights
    have no pass of their own the last gradient then passes the stages before it.
    """
    before = 0.0  # passes of the stages before, a chunk of each
    own = pipe.hop * (1.0 - pipe.hides)  # a stage's last hand-over is its own work
    least = 0.0
    for stage in range(pp):
        time = micro_batches * stage_seconds(pipe, schedule, stage, pp, vp)
        if schedule not in (ZB_V, DUALPIPE) and stage > 0:
            time += before * pipe.forward + stage * pipe.hop + pipe.embed_forward
            if not splits(schedule):
                time += before * pipe.backward + stage * pipe.hop - own
                time += pipe.embed_backward
        before += pipe.share[stage] / vp
        least = max(least, time)
    return least


@kernel
def closed(pipe: Record, schedule: int, vp: int) -> bool:
    """Return whether a closed form holds for a pipeline under a schedule."""
    if schedule == GPIPE:
        return True
    if schedule == ONE_F_ONE_B:
        return bool(pipe.hides == 0.0 or pipe.hop == 0.0)
    chunk = pipe.forward / vp
    return bool(
        schedule == INTERLEAVED
        and pipe.even > 0.0
        and pipe.embed_forward <= LONGER * chunk
        and pipe.embed_backward <= LONGER * chunk
        and (pipe.hides == 0.0 or pipe.hop <= HIDDEN * chunk)
    )


@kernel
def makespan(
    pipe: Record, schedule: int, pp: int, vp: int, micro_batches: int, sums: Rows
) -> float:
    """Return the seconds from the first to the last pass of all micro-batches.

    sums : (4, pp) scratch.
    """
    if not closed(pipe, schedule, vp):
        return steady_seconds(pipe, schedule, pp, vp, micro_batches)
    if schedule == GPIPE:
        return gpipe_seconds(pipe, pp, micro_batches)
    if schedule == ONE_F_ONE_B:
        return one_f_one_b_seconds(pipe, pp, micro_batches, sums)
    return interleaved_seconds(pipe, pp, vp, micro_batches)
