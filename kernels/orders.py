"""In which order each pipeline stage does its passes: what defines a schedule.

This file knows orders and where a model's chunks lie, no seconds. A pass is forward,
backward for the inputs, or backward for the weights; schedules that do not split the
backward pass do both as one. An entry is one number, see `entry`.

Sources: GPipe: Huang et al. 2019 (arXiv:1811.06965), fig. 2. 1F1B and interleaved:
Narayanan et al. 2021 (arXiv:2104.04473), sec. 2.2. ZB-H1: Qi et al. 2023
(arXiv:2401.10241), fig. 3. ZB-V: Qi et al. 2024 (arXiv:2405.15362), fig. 5.
DualPipe: DeepSeek-V3 technical report (arXiv:2412.19437), fig. 5, and its table of
steps in deepseek-ai/DualPipe.
"""

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import (
    DUALPIPE,
    GPIPE,
    INTERLEAVED,
    ZB_H1,
    ZB_V,
    Rows,
)

FORWARD, BACKWARD, WEIGHT = 0, 1, 2  # passes


@kernel
def slots_of(schedule: int, vp: int) -> int:
    """Return how many chunks of layers a stage holds under a schedule."""
    if schedule == INTERLEAVED:
        return vp
    return 2 if schedule in (ZB_V, DUALPIPE) else 1


@kernel
def splits(schedule: int) -> bool:
    """Return whether the gradients of inputs and of weights are passes of their own."""
    return schedule in (ZB_H1, ZB_V, DUALPIPE)


@inlined
def entry(what: int, slot: int, micro_batch: int, slots: int) -> int:
    """Return the number of a pass: what is done, on which chunk and micro-batch.

    The inverse is `number % 3`, `number // 3 % slots` and `number // 3 // slots`.
    """
    return 3 * (micro_batch * slots + slot) + what


@kernel
def fill_one_way(order: Rows, warm: int, micro_batches: int, late: int) -> int:
    """Fill the order of one stage with one chunk; returns its number of passes.

    warm : forward passes before the first backward one. late : how many backward
    passes a weight pass waits for; < 0 if there is none of its own.
    """
    n, done = 0, 0
    for i in range(micro_batches + warm):
        if i < micro_batches:
            order[n] = entry(FORWARD, 0, i, 1)
            n += 1
        if i + 1 >= warm and done < micro_batches:
            order[n] = entry(BACKWARD, 0, done, 1)
            n += 1
            if late >= 0 and done >= late:
                order[n] = entry(WEIGHT, 0, done - late, 1)
                n += 1
            done += 1
    for i in range(max(0, micro_batches - late), micro_batches):
        if late >= 0:
            order[n] = entry(WEIGHT, 0, i, 1)
            n += 1
    return n


@kernel
def interleaved_entry(k: int, back: int, pp: int, vp: int, micro_batches: int) -> int:
    """Return the k-th forward (back = 0) or backward (1) pass of a stage.

    Micro-batches go in groups of pp through all chunks, one chunk after the other; a
    remainder joins the last group.
    """
    groups = max(1, micro_batches // pp)
    group = min(k // (pp * vp), groups - 1)
    k -= group * pp * vp
    size = pp if group + 1 < groups else micro_batches - group * pp
    slot = k // size
    if back == BACKWARD:
        slot = vp - 1 - slot
    return entry(back, slot, group * pp + k % size, vp)


@kernel
def interleaved_warm(stage: int, pp: int, vp: int, micro_batches: int) -> int:
    """Return the forward passes of a stage before its first backward one."""
    size = pp if micro_batches >= 2 * pp else micro_batches
    return min((vp - 1) * size + 2 * (pp - 1 - stage) + 1, vp * micro_batches)


@kernel
def fill_interleaved(
    order: Rows, stage: int, pp: int, vp: int, micro_batches: int
) -> int:
    """Fill the order of one stage under interleaved 1F1B; returns its length."""
    total = vp * micro_batches
    warm = interleaved_warm(stage, pp, vp, micro_batches)
    n = 0
    for i in range(total + warm - 1):
        if i < total:
            order[n] = interleaved_entry(i, FORWARD, pp, vp, micro_batches)
            n += 1
        if i + 1 >= warm:
            k = i + 1 - warm
            order[n] = interleaved_entry(k, BACKWARD, pp, vp, micro_batches)
            n += 1
    return n


@inlined
def put(order: Rows, n: int, count: Rows, what: int, slot: int) -> int:
    """Append the next pass of a kind on a chunk of two; returns the new length."""
    order[n] = entry(what, slot, count[what, slot], 2)
    count[what, slot] += 1
    return n + 1


@inlined
def put_backward(order: Rows, n: int, count: Rows, slot: int) -> int:
    """Append a whole backward pass: inputs, then the oldest weights that wait."""
    n = put(order, n, count, BACKWARD, slot)
    return put(order, n, count, WEIGHT, slot)


@kernel
def fill_zb_v(order: Rows, count: Rows, stage: int, pp: int, micro_batches: int) -> int:
    """Fill the order of one stage under ZB-V; needs 2 pp - 1 micro-batches.

    count : (3, 2) zeros, how many passes of each kind and chunk are in the order.
    """
    n = 0
    for _ in range(2 * (pp - stage) - 1):
        n = put(order, n, count, FORWARD, 0)
    for _ in range(stage):
        n = put(order, n, count, FORWARD, 1)
        n = put(order, n, count, FORWARD, 0)
    for _ in range(pp - stage):
        n = put(order, n, count, FORWARD, 1)
        n = put_backward(order, n, count, 1)
    while count[FORWARD, 1] < micro_batches:
        if count[FORWARD, 0] < micro_batches:
            n = put(order, n, count, FORWARD, 0)
        n = put_backward(order, n, count, 0)
        n = put(order, n, count, FORWARD, 1)
        n = put_backward(order, n, count, 1)
    for _ in range(stage):
        n = put(order, n, count, BACKWARD, 0)
        n = put(order, n, count, BACKWARD, 1)
    for _ in range(pp - stage):
        n = put(order, n, count, BACKWARD, 0)
        n = put(order, n, count, WEIGHT, 0)
    for slot in (1, 0):
        while count[WEIGHT, slot] < micro_batches:
            n = put(order, n, count, WEIGHT, slot)
    return n


@kernel
def fill_dualpipe(
    order: Rows, count: Rows, stage: int, pp: int, micro_batches: int
) -> int:
    """Fill the order of one stage under DualPipe.

    Half of the micro-batches enter at either end; pp is even and there are at least
    2 pp of them, an even number. count : (3, 2) zeros. Chunk `near` is that of the
    direction whose end is nearer.
    """
    far_side = 1 if stage >= pp // 2 else 0
    near, other = far_side, 1 - far_side
    depth = pp - 1 - stage if far_side else stage
    rest, n = pp // 2 - depth - 1, 0
    for _ in range(2 * rest):
        n = put(order, n, count, FORWARD, near)
    for _ in range(depth + 1):
        n = put(order, n, count, FORWARD, near)
        n = put(order, n, count, FORWARD, other)
    for _ in range(rest):
        n = put_backward(order, n, count, other)
        n = put(order, n, count, FORWARD, other)
    for _ in range(micro_batches // 2 - pp + depth + 1):
        n = put(order, n, count, FORWARD, near)
        n = put_backward(order, n, count, other)
        n = put(order, n, count, FORWARD, other)
        n = put_backward(order, n, count, near)
    for _ in range(rest):
        n = put_backward(order, n, count, other)
        n = put(order, n, count, FORWARD, other)
        n = put_backward(order, n, count, near)
    return drain_dualpipe(order, n, count, near, depth, rest)


@kernel
def drain_dualpipe(
    order: Rows, n: int, count: Rows, near: int, depth: int, rest: int
) -> int:
    """Append the end of a stage's order under DualPipe; returns its length.

    From the middle of the first part on, weight passes are put off, and fill what
    the drain would leave idle: the oldest first, from either chunk in turn.
    """
    first = depth + 1
    for i in range(2 * first):
        slot = 1 - near if i % 2 == 0 else near
        n = put(order, n, count, BACKWARD, slot)
        if i < first:
            n = put(order, n, count, WEIGHT, slot)
    for i in range(first, 2 * first + rest):
        slot = 1 - near if i < 2 * first and i % 2 == 0 else near
        n = put(order, n, count, WEIGHT, slot)
        if i < first + rest:
            n = put(order, n, count, BACKWARD, near)
    return n


@kernel
def chunks_in_flight(
    schedule: int, stage: int, pp: int, vp: int, micro_batches: int
) -> float:
    """Return the chunks whose activations a stage holds at its peak.

    1F1B holds as many as there are stages from it to the last, ZB-H1 and ZB-V what
    1F1B's first stage holds, DualPipe one more (the papers, see above).
    """
    if schedule == GPIPE:
        return float(micro_batches)
    if schedule == INTERLEAVED:
        return float(interleaved_warm(stage, pp, vp, micro_batches))
    if schedule == ZB_H1:
        return float(min(pp, micro_batches))
    if schedule == ZB_V:
        return 2.0 * pp
    if schedule == DUALPIPE:
        return pp + 1.0
    return float(min(pp - stage, micro_batches))


@kernel
def fill_order(
    order: Rows, count: Rows, schedule: int, stage: int, pp: int, vp: int,
    micro_batches: int,
) -> int:  # fmt: skip
    """Fill the order of one stage; returns its number of passes.

    order : at least 3 x slots x micro_batches numbers. count : (3, 2) scratch.
    """
    if schedule == INTERLEAVED:
        return fill_interleaved(order, stage, pp, vp, micro_batches)
    if schedule in (ZB_V, DUALPIPE):
        count[:, :] = 0
        if schedule == ZB_V:
            return fill_zb_v(order, count, stage, pp, micro_batches)
        return fill_dualpipe(order, count, stage, pp, micro_batches)
    warm = micro_batches
    if schedule != GPIPE:
        warm = min(pp - stage, micro_batches)
    late = min(stage, micro_batches) if schedule == ZB_H1 else -1
    return fill_one_way(order, warm, micro_batches, late)
