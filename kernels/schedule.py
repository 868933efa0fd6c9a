"""When each pass of a pipeline starts and ends: the exact, event-driven schedule.

This file knows the orders of `orders`, the seconds of every pass on every chunk, and
what a hand-over takes; it does not know what these are made of. It draws timelines, and
it is what the closed forms of `pipeline` are compared with.

A pass starts when its stage is done with the one before and its input is there. A
hand-over that hides runs on the stage's sending engine, one after the other; one that
does not holds up the sending stage.
"""

import numpy as np

from accelsim.kernels.jit import kernel
from accelsim.kernels.orders import (
    BACKWARD,
    FORWARD,
    WEIGHT,
    fill_order,
    slots_of,
    splits,
)
from accelsim.kernels.tables import DUALPIPE, ZB_V, Rows

NOWHERE = -1


@kernel
def next_chunk(
    schedule: int, stage: int, slot: int, pp: int, slots: int, step: int
) -> int:
    """Return where a micro-batch goes from a chunk: its stage x slots + its slot.

    step : 1 forward, -1 backward. `NOWHERE` at the ends. Interleaved chunks lie on
    stage 0, 1, …, again and again; ZB-V's go there and back; each of DualPipe's two
    directions passes every stage once.
    """
    if schedule == DUALPIPE:
        to = stage + (step if slot == 0 else -step)
        return to * slots + slot if 0 <= to < pp else NOWHERE
    down = schedule == ZB_V and slot == 1
    depth = slot * pp + (pp - 1 - stage if down else stage) + step
    if depth < 0 or depth >= pp * slots:
        return NOWHERE
    to, slot = depth % pp, depth // pp
    if schedule == ZB_V and slot == 1:
        to = pp - 1 - to
    return to * slots + slot


@kernel
def fill_orders(
    schedule: int, pp: int, vp: int, micro_batches: int, orders: Rows, lengths: Rows
) -> None:
    """Fill `orders` (pp, passes) and `lengths` (pp) of all stages."""
    count = np.zeros((3, 2), np.int64)
    for stage in range(pp):
        lengths[stage] = fill_order(
            orders[stage], count, schedule, stage, pp, vp, micro_batches
        )


@kernel
def hand_over(
    schedule: int, pp: int, slots: int, number: int, stage: int, end: float,
    hop: float, hides: float, wire: Rows, ready: Rows,
) -> float:  # fmt: skip
    """Note where a pass's result is ready [s]; returns when the stage is free again."""
    what, slot, micro_batch = number % 3, number // 3 % slots, number // 3 // slots
    if what == WEIGHT:
        return end
    step = 1 if what == FORWARD else -1
    to = next_chunk(schedule, stage, slot, pp, slots, step)
    if to == NOWHERE:
        if what == FORWARD:
            ready[BACKWARD, stage, slot, micro_batch] = end
        return end
    free = end
    if to // slots != stage:
        end = max(end, wire[stage]) + hop
        wire[stage] = end
        if hides == 0.0:
            free = end
    ready[what, to // slots, to % slots, micro_batch] = end
    return free


@kernel
def open_doors(schedule: int, pp: int, slots: int, ready: Rows) -> None:
    """Mark in `ready` what has its input from the start: the first chunks' forward."""
    ready[:] = -1.0
    for slot in range(slots):
        for stage in range(pp):
            if next_chunk(schedule, stage, slot, pp, slots, -1) == NOWHERE:
                ready[FORWARD, stage, slot, :] = 0.0


@kernel
def run_orders(
    schedule: int, pp: int, vp: int, seconds: Rows, hop: float, hides: float,
    orders: Rows, lengths: Rows, ready: Rows, times: Rows,
) -> float:  # fmt: skip
    """Fill when each pass starts and ends [s]; returns the end of the last one.

    seconds : (3, pp, slots), of each pass on each chunk; without a split the backward
    pass is whole. hop : seconds of a hand-over to another stage. ready : scratch (2,
    pp, slots, micro-batches). times : (2, pp, passes), starts and ends, like `orders`.
    NaN if an order waits for itself.
    """
    slots = slots_of(schedule, vp)
    open_doors(schedule, pp, slots, ready)
    done, clock, wire = np.zeros(pp, np.int64), np.zeros(pp), np.zeros(pp)
    left, moved = lengths[:pp].sum(), 1
    while left > 0 and moved > 0:
        moved = 0
        for stage in range(pp):
            while done[stage] < lengths[stage]:
                i = done[stage]
                number = orders[stage, i]
                what, slot = number % 3, number // 3 % slots
                start = clock[stage]
                if what != WEIGHT:
                    there = ready[what, stage, slot, number // 3 // slots]
                    if there < 0.0:
                        break
                    start = max(start, there)
                end = start + seconds[what, stage, slot]
                times[0, stage, i], times[1, stage, i] = start, end
                clock[stage] = hand_over(
                    schedule, pp, slots, number, stage, end, hop, hides, wire, ready
                )
                done[stage] += 1
                moved += 1
        left -= moved
    return np.nan if left > 0 else float(clock.max())


@kernel
def stage_in_flight(order: Rows, length: int, last: int) -> float:
    """Return the most chunks whose activations one stage holds at once.

    A chunk is held from its forward pass to the `last` kind of its backward ones.
    """
    held, most = 0, 0
    for i in range(length):
        what = order[i] % 3
        if what == FORWARD:
            held += 1
            most = max(most, held)
        if what == last:
            held -= 1
    return float(most)


@kernel
def fill_in_flight(schedule: int, orders: Rows, lengths: Rows, held: Rows) -> None:
    """Fill the chunks that each stage holds at its peak, from its order."""
    last = WEIGHT if splits(schedule) else BACKWARD
    for stage in range(len(lengths)):
        held[stage] = stage_in_flight(orders[stage], lengths[stage], last)
