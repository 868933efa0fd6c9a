"""Time of fused attention on one worker: blocks, waves of them, power and memory.

A thread block owns some rows of queries of one head and walks over the keys that its
mask leaves (FlashAttention-2, arXiv:2307.08691, sec. 3). Each block of scores takes the
matrix unit and the special-function units; the longer of the two hides part of the
other (FlashAttention-3, arXiv:2407.08608, sec. 3). Blocks start in order as
multiprocessors become free. All times are those of the highest clock until the power
cap is known to bind.
"""

import math

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import ELEMENT_BYTES, GPU, Record, Rows

GRANULE = 64.0  # rows and keys are computed in multiples of it (one wgmma, two mma.m16)
KEPT = 2.0  # bytes of an element of queries, keys, values and outputs in memory
MOST_SPLITS = 64.0  # of the keys over multiprocessors, if there is one block of queries
VALUE_COLUMNS = 256.0  # of outputs that fit beside the scores; more repeat the scores
PARTIAL_BYTES = 8.0  # of a split: its fp32 outputs are written and read again
# A chip that draws P at its highest clock runs at (cap / P)^(1/3) of it: power goes
# with clock times voltage squared, and voltage with clock.
POWER_EXPONENT = 1.0 / 3.0
# A benchmark repeats a short kernel a few times, before the power cap binds: half of
# the slowdown shows in kernels of this length [s]. Fit to the prefill tables of
# ai-dynamo/aiconfigurator@095f58a (16 calls in a row): 4.4 on H100, 5.1 on Blackwell.
SETTLING = 4.7e-3


@kernel
def score_share(seq: float, window: float, causal: float) -> float:
    """Return the share of the seq x seq score matrix that is computed.

    A causal mask keeps (seq + 1) / (2 seq); a window w keeps at most w of each row.
    """
    full = 0.5 * (1.0 + 1.0 / seq) if causal else 1.0
    if window == 0.0 or window >= seq:
        return full
    inside = window / seq
    return inside * (1.0 - 0.5 * inside) if causal else min(1.0, 2.0 * inside)


@kernel
def useful_scores(op: Record) -> float:
    """Return the scores of one head that the mask leaves.

    The queries are the last `m` of `n` tokens, or spread evenly over them.
    """
    before = 0.0 if op.spread else max(0.0, op.n - op.m)
    if before == 0.0 or not op.causal:
        return float(op.m * op.n * score_share(op.n, op.window, op.causal))
    keys = before + 0.5 * (op.m + 1.0)
    if 0.0 < op.window < op.n:
        open_rows = max(0.0, op.window - before)  # rows that see less than the window
        keys = op.window - 0.5 * open_rows * open_rows / op.m
    return float(op.m * keys)


@kernel
def score_seconds(
    chip: Record, part: Record, op: Record
) -> tuple[float, float, float, float]:
    """Return what a score takes on one multiprocessor [s].

    (matrix unit, shared memory, softmax, all of them together). The matrix unit works
    while its operands stream in from shared memory; of the shorter of products and
    softmax the share `exposed` is not hidden behind the longer one. A head narrower
    than a systolic array leaves the rest of it idle.
    """
    width = ELEMENT_BYTES[op.precision]
    share = part.matrix_narrow if width < KEPT else part.matrix
    rate = chip.peak_rate[op.precision] * chip.boost * share / chip.units
    passes = math.ceil(op.v / VALUE_COLUMNS)
    keys = part.width * math.ceil(op.k / part.width)
    values = part.width * math.ceil(op.v / part.width)
    products = passes * part.key_products * keys + part.value_products * values
    matrix = 2.0 * products / rate
    shared = width * products / part.operand_rows
    shared /= chip.shared_bandwidth / chip.units
    softmax = passes * part.softmax
    if op.k >= part.wide_head:
        softmax *= part.wide_softmax
    fed = max(matrix, shared)
    together = max(fed, softmax) + part.exposed * min(fed, softmax)
    return matrix, shared, softmax, together


@kernel
def key_walk(
    op: Record, rows: float, columns: float = 1.0
) -> tuple[float, float, float]:
    """Return (sum, sum of squares, longest) of the keys that blocks of queries walk.

    rows : queries of a block, columns : keys that are taken or left out as one. Under a
    causal mask block j ends where its last row does; what it computes beyond the
    diagonal is thrown away. Keys come in multiples of GRANULE.
    """
    blocks = math.ceil(op.m / rows)
    keys = GRANULE * math.ceil(op.n / GRANULE)
    inside = keys
    if 0.0 < op.window < op.n:
        inside = columns * math.ceil(op.window / columns)
    if not op.causal:
        most = min(keys, 2.0 * inside + rows)
        return blocks * most, blocks * most * most, most
    most = min(keys, inside + rows)
    before = 0.0 if op.spread else max(0.0, op.n - op.m)
    step = rows * (op.n - before) / op.m
    base = before + 0.5 * rows  # block j ends at base + step (j + 1/2), `most` at most
    rising = min(blocks, max(0.0, math.floor((most - base) / step + 0.5)))
    flat = blocks - rising
    total = rising * base + 0.5 * step * rising * rising + flat * most
    squares = rising * base * base + base * step * rising * rising
    squares += step * step * (rising**3 / 3.0 - rising / 12.0) + flat * most * most
    longest = most if flat > 0.0 else base + step * (rising - 0.5)
    return total, squares, longest


@kernel
def schedule(
    units: float, tail: float, blocks: float, total: float, squares: float,
    longest: float,
) -> float:  # fmt: skip
    """Return the time [s] of `blocks` blocks that start as units become free.

    total, squares, longest : sum, sum of squares and maximum of their times [s, s^2].
    The last block starts when the others have half of E[t^2]/E[t] left on average, so
    that the end lies longest - E[t^2] / (2 E[t]) after the even share: 2/3 of the
    longest under a causal mask, 0.63 in a simulation of the list (tests). Waves bound
    it, and are exact for equal blocks. Longest blocks first leave no tail.
    """
    waves = math.ceil(blocks / units) * longest
    if blocks <= units or total >= 0.999999 * blocks * longest:
        return float(waves)
    late = tail * (longest - 0.5 * squares / total)
    return float(min(waves, max(longest, total / units + late)))


@kernel
def block_times(
    chip: Record, part: Record, op: Record, score: float
) -> tuple[float, float, float]:
    """Return (inner loops, ramps, until the last block ends) [s].

    The first two are even shares of a multiprocessor. With one block of queries a
    head, the keys are split over multiprocessors if that is faster (flash decoding);
    what joins the parts again counts as a ramp. The arrays of other families share
    every block evenly.
    """
    rows = part.wide_block if op.k >= part.wide_head else part.block
    rows = min(rows, GRANULE * math.ceil(op.m / GRANULE))
    # splash attention skips whole blocks as wide as high, and computes all of others
    columns = 1.0 if chip.family == GPU else rows
    total, squares, longest = key_walk(op, rows, columns)
    passes = math.ceil(op.v / VALUE_COLUMNS)  # each of them a block of its own
    heads = op.batch * passes
    blocks = heads * math.ceil(op.m / rows)
    cost = score * rows / passes
    inner, ramp = heads * total * cost / chip.units, part.ramp * blocks / chip.units
    if chip.family != GPU:
        return inner, ramp, inner + ramp
    # (sum of (c k + f)^2) of the blocks' times, k keys each
    total_time = heads * total * cost + blocks * part.ramp
    square_time = heads * (squares * cost * cost + 2.0 * total * cost * part.ramp)
    square_time += blocks * part.ramp * part.ramp
    end = schedule(
        chip.units, part.tail, blocks, total_time, square_time,
        longest * cost + part.ramp,
    )  # fmt: skip
    if op.m > rows or part.append_start > 0.0:
        return inner, ramp, end
    join = op.batch * op.m * op.v * PARTIAL_BYTES / chip.memory_bandwidth
    splits = 2.0
    while splits <= MOST_SPLITS and longest / splits >= 2.0 * GRANULE:
        one = longest * cost / splits + part.ramp
        joined = splits * join + chip.kernel_latency
        waves = math.ceil(blocks * splits / chip.units) * one
        if waves + joined < end:
            end = waves + joined
            ramp = splits * part.ramp * blocks / chip.units + joined
        splits *= 2.0
    return inner, ramp, end


@kernel
def slower_clock(
    chip: Record, part: Record, activity: float, seconds: float, steady: float
) -> float:
    """Return what the power cap adds to a kernel of `seconds` [s] at the highest clock.

    activity : share of the time in which the matrix units work. steady : 1 in a long
    run, 0 if a benchmark repeats the kernel a few times.
    """
    if activity * part.full_power <= chip.busy_power:
        return 0.0
    slower = (activity * part.full_power / chip.busy_power) ** POWER_EXPONENT
    settled = 1.0 if steady else seconds / (seconds + SETTLING)
    return float((slower - 1.0) * settled * seconds)


@kernel
def streamed(chip: Record, part: Record, op: Record) -> tuple[float, float]:
    """Return (memory, append) [s]: what the kernel itself reads and writes, and before.

    Queries, keys, values and outputs pass once, and once more for each further pair of
    products; keys and values are read by the heads that share them from the L2 cache.
    """
    width = ELEMENT_BYTES[op.precision]
    queries = op.batch * op.m * (op.k + op.v)
    keys = op.kv_batch * op.n * (op.k + op.v)
    moved = part.key_products * (queries * KEPT + keys * min(width, KEPT))
    moved += op.batch * op.m * op.k * part.row_bytes
    append = 0.0
    if part.append_start > 0.0:
        rotated = op.batch * op.m * op.k
        kept = op.kv_batch * op.m * (op.k + op.v)
        rate = min(part.append_bandwidth, chip.memory_bandwidth)
        append = (rotated + part.append_keys * kept) * (KEPT + width) / rate
    return moved / chip.memory_bandwidth, append


@kernel
def fused_parts(
    chip: Record, part: Record, op: Record, steady: float
) -> tuple[float, float, float, float, float, float, float]:
    """Return the parts of a call's time [s], the first seven of FUSED_TIME.

    chip : CHIP. part : FUSED, one pass of a kernel on it. op : OPERATOR with m queries
    of `batch` heads, n keys of `kv_batch` heads, head size k, v of the values. steady :
    see `slower_clock`.
    """
    if op.m * op.n * op.batch * op.k == 0.0:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    matrix, _, _, score = score_seconds(chip, part, op)
    inner, ramp, end = block_times(chip, part, op, score)
    share = part.matrix_narrow if ELEMENT_BYTES[op.precision] < KEPT else part.matrix
    activity = share * matrix / score * min(1.0, inner / end)
    throttle = slower_clock(chip, part, activity, end, steady)
    memory, append = streamed(chip, part, op)
    idle = max(0.0, end - inner - ramp)
    start = part.append_start  # that of all its kernels, where it is known
    if start == 0.0:
        start = part.kernels * chip.kernel_latency
    return (
        inner,
        end - inner - idle,
        idle,
        throttle,
        max(0.0, memory - end - throttle),
        append,
        start,
    )


@kernel
def fused_seconds(chip: Record, part: Record, op: Record) -> float:
    """Return the time [s] of one pass of fused attention in a long run."""
    parts = fused_parts(chip, part, op, 1.0)
    total = 0.0
    for time in parts:
        total += time
    return total


@kernel
def fill_fused(
    chip: Record, part: Record, ops: Rows, steady: float, times: Rows
) -> None:
    """Fill `times` (FUSED_TIME) for the rows of `ops` (OPERATOR) on one chip."""
    for i in range(len(ops)):
        op, row = ops[i], times[i]
        (
            row.inner, row.ramp, row.idle, row.throttle, row.waiting, row.append,
            row.start,
        ) = fused_parts(chip, part, op, steady)  # fmt: skip
        matrix, shared, softmax, _ = score_seconds(chip, part, op)
        scores = op.batch * useful_scores(op)
        row.matrix = scores * matrix / chip.units
        row.shared = scores * shared / chip.units
        row.exponentials = scores * softmax / chip.units
        row.memory = streamed(chip, part, op)[0]
        products = part.key_products * op.k + part.value_products * op.v
        row.flops = 2.0 * scores * products
