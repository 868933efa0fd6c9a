"""The engines of a NeuronCore, one instruction or transfer at a time.

This file knows what an instruction, a group of products or a transfer costs, and when
it can begin. It knows no kernel. An engine works in program order and begins when its
operands are there (semaphores) and the one before is done; so one pass through a
program in its order is its event simulation. Transfers are the exception: those whose
operands are there early go through queues that others left idle.

Costs: AWS Neuron documentation, aws-neuron-sdk v2.26.1 nki/api/nki/isa (cost tables)
and aws-neuron-sdk@81ce03ae nki/guides/architecture, nki/deep-dives.
"""

import numpy as np

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.neuron_tables import (
    DMA,
    GAPS,
    GPSIMD,
    SCALAR,
    TENSOR,
    VECTOR,
    Neuron,
    State,
)
from accelsim.kernels.tables import Record


@kernel
def reset(s: State) -> None:
    """Put a core at rest at time zero."""
    for i in range(s.free.size):
        s.free[i] = 0.0
        s.busy[i] = 0.0
    s.gap = 0
    for i in range(GAPS):
        s.gaps[i, 0] = s.gaps[i, 1] = 0.0
    s.rate = 0.0
    s.usage = 0.0
    s.since = 0.0


@kernel
def note(s: State, busy: Record) -> None:
    """Write down how long each engine has worked: where a repeated part begins."""
    for i in range(s.busy.size):
        busy[i] = s.busy[i]


@kernel
def skip(
    s: State, busy: Record, work: Record, rows: int, step: float, times: float
) -> float:
    """Let what ran since `note` run `times` more often, `step` seconds each.

    All that is under way, the times in the first `rows` of `work` too, moves on by the
    same time, which is returned. Exact where the part repeats: nothing but differences
    of times decides what comes after it.
    """
    by = step * times
    for i in range(s.free.size):
        s.free[i] += by
        s.busy[i] += times * (s.busy[i] - busy[i])
    s.since += by
    for i in range(GAPS):
        s.gaps[i, 0] += by
        s.gaps[i, 1] += by
    for i in range(rows):
        for j in range(work.shape[1]):
            work[i, j] += by
    return by


@inlined
def run(s: State, engine: int, ready: float, seconds: float) -> float:
    """Run something on an engine; return when it is done."""
    done: float = max(ready, s.free[engine]) + seconds
    s.free[engine] = done
    s.busy[engine] += seconds
    return done


@kernel
def wake(c: Neuron, s: State, begin: float) -> None:
    """Find the rate at which TensorE begins again after a gap [1].

    After less than half a window of work in the last window (3 us; here a decaying
    mean of that length), it starts at half its rate.

    [1] dI/dt throttling, aws-neuron-sdk@81ce03ae tools/neuron-explorer/glossary.rst
    """
    ended = s.free[TENSOR]
    s.usage = 1.0 - (1.0 - s.usage) * np.exp(-(ended - s.since) / c.ramp_time)
    s.usage *= np.exp(-(begin - ended) / c.ramp_time)
    s.since = begin
    if s.usage < c.ramp_share or s.rate == 0.0:
        s.rate = c.ramp_share


@kernel
def ramp(c: Neuron, s: State, work: float) -> float:
    """Return the time of `work` seconds at the full rate while the rate rises."""
    slope = (1.0 - c.ramp_share) / c.ramp_time
    to_full = (1.0 - s.rate) / slope
    done = 0.5 * (s.rate + 1.0) * to_full  # work until then
    if work >= done:
        s.rate = 1.0
        return float(to_full + work - done)
    after = np.sqrt(s.rate * s.rate + 2.0 * slope * work)
    seconds = (after - s.rate) / slope
    s.rate = after
    return float(seconds)


@kernel
def multiply(c: Neuron, s: State, ready: float, cycles: float) -> float:
    """Run products of `cycles` cycles at the full rate; return when they are done."""
    begin = s.free[TENSOR]
    if ready > begin or s.rate == 0.0:
        begin = max(ready, begin)
        wake(c, s, begin)
    seconds = cycles / c.tensor_clock
    if s.rate < 1.0:
        seconds = ramp(c, s, seconds)
    ended: float = begin + seconds
    s.free[TENSOR] = ended
    s.busy[TENSOR] += seconds
    return ended


@inlined
def products(c: Neuron, columns: float, passes: float) -> float:
    """Return the cycles of one product: `columns` of the moving operand go through.

    passes : times that it goes through. At least 64 cycles lie between two products.
    The next stationary operand loads meanwhile, four columns a cycle.
    """
    load = c.columns / c.load_rate
    cycles: float = passes * (max(columns, c.least_moving, load) + c.issue)
    return cycles


@inlined
def vector(c: Neuron, s: State, ready: float, cycles: float) -> float:
    """Run one instruction on VectorE."""
    seconds = (max(cycles, c.least) + c.overhead) / c.vector_clock
    if c.shared_port > 0.0:
        ready = max(ready, s.free[GPSIMD])
    return run(s, VECTOR, ready, seconds)


@inlined
def scalar(c: Neuron, s: State, ready: float, cycles: float) -> float:
    """Run one instruction on ScalarE."""
    seconds = (max(cycles, c.least) + c.overhead) / c.scalar_clock
    return run(s, SCALAR, ready, seconds)


@inlined
def gpsimd(c: Neuron, s: State, ready: float, cycles: float) -> float:
    """Run one instruction on GpSimd; on NeuronCore-v2 VectorE waits meanwhile."""
    if c.shared_port > 0.0:
        ready = max(ready, s.free[VECTOR])
    return run(s, GPSIMD, ready, (c.gpsimd_start + cycles) / c.gpsimd_clock)


@kernel
def transfer(
    c: Neuron, s: State, ready: float, pieces: float, size: float, least: float,
    share: float,
) -> float:  # fmt: skip
    """Move `pieces` descriptors of `size` bytes each; return when all has arrived.

    least : seconds of a descriptor at least, its queue's overhead. share : of the rate
    that this kind of transfer reaches (transposes); negative for transfers inside the
    pair of cores, which do not touch the memory. The queues work side by side. They
    serve in program order, but for transfers that fit into the last four times that
    they were idle; what of such a time lies before one is not used any more.
    """
    each = max(least, size / (c.queue_rate * abs(share)))
    seconds = np.ceil(pieces / c.queues) * each
    if share > 0.0:
        seconds = max(seconds, pieces * size / c.memory_rate)
    s.busy[DMA] += seconds
    if ready >= s.free[DMA]:
        slot = s.gap % GAPS
        s.gaps[slot, 0], s.gaps[slot, 1] = s.free[DMA], ready
        s.gap += 1
        s.free[DMA] = ready + seconds
        return float(ready + seconds + c.start)
    left = seconds
    for i in range(s.gap, s.gap + GAPS):  # the oldest first
        slot = i % GAPS
        begin = max(ready, s.gaps[slot, 0])
        taken = min(s.gaps[slot, 1] - begin, left)
        if taken > 0.0:
            s.gaps[slot, 0] = begin + taken
            left -= taken
            if left <= 0.0:
                return float(begin + taken + c.start)
    s.free[DMA] += left
    return float(s.free[DMA] + c.start)


@inlined
def copy(c: Neuron, s: State, ready: float, pieces: float, size: float) -> float:
    """Copy from or to memory with descriptors that hardware generates on the way."""
    return transfer(c, s, ready, pieces, size, c.descriptor, 1.0)


@inlined
def stream(c: Neuron, s: State, ready: float, pieces: float, size: float) -> float:
    """Copy from or to memory with descriptors that were prepared before the start."""
    return transfer(c, s, ready, pieces, size, c.prepared, 1.0)
