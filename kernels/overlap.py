"""What runs at the same time shares a worker: multiprocessors, memory, links.

A collective holds its multiprocessors for as long as it runs (NCCL's channels are
thread blocks that wait and copy). Memory and links are shared byte by byte, max-min:
who needs less than an even part gets what it needs, the others share the rest evenly,
and each goes as fast as its scarcest resource lets it. Work is fluid: while two run
side by side both go at constant speeds, and what is left of the longer one has the
worker for itself. This file knows one piece of traffic and what it hides behind; what
may hide at all is the software's, how long either takes alone is its caller's.
"""

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import Record, Rows
from accelsim.kernels.use_tables import MOMENTS

EVEN = 0.5  # of a resource, which each of two gets that both want more
HALVINGS = 40  # of the speeds between which a fair one lies


@inlined
def alone_on(most: float, mine: float, other: float) -> tuple[float, float]:
    """Return the fair speeds of two that one resource does not suffice for.

    mine, other : what they take of it at full speed; the first goes `most` at most.
    """
    a = min(most, max(EVEN, 1.0 - other) / mine)
    return a, min(1.0, (1.0 - mine * a) / other)


@inlined
def beyond(
    a: float, b: float, part: float, mine: float, other: float
) -> tuple[float, float]:
    """Return the second's speed and the first's part of what limits it, so far.

    a : speed of the first, b : of the second, which a resource of which they take
    `mine` and `other` may lower. part : of the first, on the resource that did.
    """
    if a * mine + b * other > 1.0:
        return (1.0 - a * mine) / other, a * mine
    return b, part


@kernel
def balanced(
    most: float, memory: float, inner: float, outer: float, use: Record
) -> tuple[float, float]:
    """Return the fair speeds of two whom several resources limit; see `speeds`.

    The faster the first, the slower what the second is left with. Where the resource
    that limits the second gives the first less than an even part, the first may go
    faster; this holds up to one speed and no further.
    """
    low, high = 0.0, most
    for _ in range(HALVINGS):
        a = 0.5 * (low + high)
        b, part = beyond(a, 1.0, 0.0, memory, use.memory)
        b, part = beyond(a, b, part, inner, use.inner)
        b, part = beyond(a, b, part, outer, use.outer)
        if part < EVEN:
            low = a
        else:
            high = a
    b, _ = beyond(low, 1.0, 0.0, memory, use.memory)
    b, _ = beyond(low, b, 0.0, inner, use.inner)
    b, _ = beyond(low, b, 0.0, outer, use.outer)
    return low, b


@kernel
def speeds(
    most: float, memory: float, inner: float, outer: float, use: Record
) -> tuple[float, float]:
    """Return the speeds of two that run side by side, 1 if undisturbed.

    most : speed that multiprocessors leave the first. memory, inner, outer : what it
    takes of these at full speed; use : USE of the second. Who is slowed has an even
    part, or what the other leaves, of a resource that is full (Bertsekas and Gallager,
    Data Networks, sec. 6.5.2, for shares instead of rates).
    """
    of_memory = most * memory + use.memory > 1.0
    of_inner = most * inner + use.inner > 1.0
    of_outer = most * outer + use.outer > 1.0
    full = int(of_memory) + int(of_inner) + int(of_outer)
    if full == 0:
        return most, 1.0
    if full > 1:
        return balanced(most, memory, inner, outer, use)
    if of_memory:
        return alone_on(most, memory, use.memory)
    if of_inner:
        return alone_on(most, inner, use.inner)
    return alone_on(most, outer, use.outer)


@kernel
def hide(
    time: float, use: Record, behind: float, memory: float
) -> tuple[float, float, float]:
    """Return (hidden, together, computed) of traffic beside computing [s].

    time : of the traffic alone, with its USE; behind : of the computing alone, which
    takes a share `memory` of the memory's bandwidth. Together they run until the first
    is done; then so much is hidden of the one and computed of the other.
    """
    if time <= 0.0 or behind <= 0.0:
        return 0.0, 0.0, 0.0
    a, b = speeds(1.0 - use.units, memory, 0.0, 0.0, use)
    together = min(time / b, behind / a)
    return b * together, together, a * together


@kernel
def add_moment(
    moment: Record, seconds: float, computing: float, memory: float, use: Record,
    speed: float,
) -> None:  # fmt: skip
    """Add seconds of one kind to a MOMENT.

    computing : 1 where multiprocessors compute beside those that traffic holds.
    memory : what computing takes of the memory's bandwidth. use, speed : of traffic.
    """
    moment.seconds += seconds
    moment.computing += seconds * computing
    moment.units += seconds * use.units if speed > 0.0 else 0.0
    moment.memory += seconds * min(1.0, memory + speed * use.memory)
    moment.inner += seconds * speed * use.inner
    moment.outer += seconds * speed * use.outer


@kernel
def beside(moments: Rows, use: Record) -> tuple[float, float]:
    """Return what a pass loses to traffic that runs beside all of it, and hides.

    moments : MOMENT rows of the pass. use : of the traffic. (seconds that the pass
    takes longer, seconds of the traffic alone that are done meanwhile), each for a
    second of the pass.
    """
    seconds, longer, done = 0.0, 0.0, 0.0
    for i in range(MOMENTS):
        one = moments[i]
        if one.seconds <= 0.0:
            continue
        each = 1.0 / one.seconds
        free = 1.0 - each * one.units
        most = 1.0
        if one.computing > 0.0:
            most = max(0.0, free - use.units) / free
        a, b = speeds(most, each * one.memory, each * one.inner, each * one.outer, use)
        took = one.seconds / a
        seconds += one.seconds
        longer += took - one.seconds
        done += took * b
    return (longer / seconds, done / seconds) if seconds > 0.0 else (0.0, 1.0)


@kernel
def bucketed(
    may_hide: float, time: float, behind: float, calls: float, longer: float,
    done: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Return (exposed, contention, used) of traffic in `calls` buckets [s].

    behind : seconds of a pass alone, of which `used` run beside the traffic. longer,
    done : by `beside`. The last bucket has nothing left to hide behind, nor is the
    first layer's computation over when it starts.
    """
    if may_hide == 0.0 or done == 0.0:
        return time, 0.0, 0.0
    rest = 1.0 - 1.0 / calls
    used = rest * min(behind, time / done)
    return time - done * used, longer * used, used
