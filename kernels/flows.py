"""Flows on a graph, event by event: who sends how fast, and when each phase ends.

This file knows time: flows begin and end, and between two such events all rates stay
as they are (`kernels/fair.py`). A phase is a set of messages that advance round by
round together; the next round begins when the last message of a round has arrived. A
phase begins when those that it waits for have ended. It knows no collective and no
topology.

What is due waits in a binary heap of chains: items that are due at the same time, put
in one after the other, hang on the first of them, so that a round of equal messages is
one item.
"""

from typing import NamedTuple

from accelsim.kernels.fair import EQUAL, Net, enter, fill, gather, leave
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import Record, Rows

OK, CUT, LONG = 0, 1, 2  # how it ended: a flow without a way; too many events


class Clock(NamedTuple):
    """What is due when.

    Attributes
    ----------
    items : rows of ITEM
        Flows, and after these phases.
    heap : (items)
        First items of chains, by time.
    size : (1)
        Items in the heap.
    """

    items: Rows
    heap: Rows
    size: Rows


class Work(NamedTuple):
    """What is to be sent.

    Attributes
    ----------
    phases, jobs : rows of PHASE and JOB
        Jobs have their phases in order.
    followers : (…)
        The phases that wait for each.
    """

    phases: Rows
    jobs: Rows
    followers: Rows


@kernel
def rise(clock: Clock, item: int, at: int) -> None:
    """Move an item up to its place in the heap."""
    items, heap = clock.items, clock.heap
    time = items[item].due
    while at > 0:
        parent = (at - 1) // 2
        other = heap[parent]
        if items[other].due <= time:
            break
        heap[at] = other
        items[other].place = at
        at = parent
    heap[at] = item
    items[item].place = at


@kernel
def sink(clock: Clock, item: int, at: int) -> None:
    """Move an item down to its place in the heap."""
    items, heap, size = clock.items, clock.heap, clock.size[0]
    time = items[item].due
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and items[heap[child + 1]].due < items[heap[child]].due:
            child += 1
        other = heap[child]
        if items[other].due >= time:
            break
        heap[at] = other
        items[other].place = at
        at = child
    heap[at] = item
    items[item].place = at


@kernel
def put(clock: Clock, item: int, time: float, last: int) -> None:
    """Put in an item that is nowhere; last : one that was put in before it, or -1.

    Where both are due at the same time, the item hangs on the other.
    """
    mine = clock.items[item]
    mine.due, mine.next, mine.previous = time, -1, -1
    if last >= 0 and clock.items[last].due == time and clock.items[last].place != -1:
        before = clock.items[last]
        mine.next, mine.previous, mine.place = before.next, last, -2
        if before.next >= 0:
            clock.items[before.next].previous = item
        before.next = item
    else:
        clock.size[0] += 1
        rise(clock, item, clock.size[0] - 1)


@kernel
def take(clock: Clock, item: int) -> None:
    """Take an item out, wherever it is; what hangs on it stays."""
    mine = clock.items[item]
    at, after = mine.place, mine.next
    mine.place = -1
    if after >= 0:
        clock.items[after].previous = mine.previous
    if at == -2:
        clock.items[mine.previous].next = after
    elif after >= 0:
        clock.heap[at] = after
        clock.items[after].place = at
    else:
        clock.size[0] -= 1
        last = clock.heap[clock.size[0]]
        if at < clock.size[0]:
            if clock.items[last].due < mine.due:
                rise(clock, last, at)
            else:
                sink(clock, last, at)


@kernel
def start_round(
    net: Net, clock: Clock, phase: Record, number: int, now: float, soiled: int
) -> int:
    """Begin the messages of a round; return the number of dirty edges, -1 if cut."""
    scale = phase.rounds / phase.steps
    phase.arrival, phase.flying = now, 0
    last = -1
    for f in range(phase.first, phase.last):
        flow = net.flows[f]
        if flow.payload <= 0.0 or flow.first == flow.last:
            phase.arrival = max(phase.arrival, now + flow.latency * scale)
        elif flow.bound <= 0.0:
            return -1
        else:
            soiled = enter(net, f, soiled)
            flow.left, flow.since = flow.payload * scale, now
            put(clock, f, now + flow.left / flow.bound, last)
            last = f
            phase.flying += 1
    if phase.flying == 0:
        put(clock, len(net.flows) + number, phase.arrival, -1)
    return soiled


@kernel
def end_flow(net: Net, clock: Clock, phases: Rows, f: int, soiled: int) -> int:
    """End a message; the round ends when the last of it has arrived."""
    flow = net.flows[f]
    phase = phases[flow.phase]
    soiled = leave(net, f, soiled)
    arrival = clock.items[f].due + flow.latency * phase.rounds / phase.steps
    if arrival >= phase.arrival:
        phase.arrival, phase.edge = arrival, flow.cause
    phase.flying -= 1
    if phase.flying == 0:
        put(clock, len(net.flows) + flow.phase, phase.arrival, -1)
    return soiled


@kernel
def reschedule(net: Net, clock: Clock, soiled: int, run: int, now: float) -> None:
    """Work out the rates that dirty edges concern, and when these flows end."""
    flows, edges = gather(net, soiled, run)
    for i in range(flows):
        flow = net.flows[net.touched[i]]
        # what was sent until now, at the rate until now
        flow.left -= flow.rate * (now - flow.since)
        flow.since = now
    fill(net, flows, edges, run)
    last = -1
    for i in range(flows):
        f = net.touched[i]
        flow = net.flows[f]
        time = now + max(0.0, flow.left) / flow.rate
        if abs(time - clock.items[f].due) > EQUAL * time:
            take(clock, f)
            put(clock, f, time, last)
            last = f


@kernel
def start_phases(
    net: Net, clock: Clock, work: Work, job: Record, now: float, soiled: int
) -> int:
    """Begin a job: the phases that wait for none."""
    job.open = job.last - job.first
    for p in range(job.first, job.last):
        phase = work.phases[p]
        phase.waiting, phase.left = phase.waits, phase.steps
    for p in range(job.first, job.last):
        phase = work.phases[p]
        if phase.waits == 0 and soiled >= 0:
            phase.begin = now
            soiled = start_round(net, clock, phase, p, now, soiled)
    return soiled


@kernel
def end_round(
    net: Net, clock: Clock, work: Work, number: int, now: float, again: int,
    soiled: int,
) -> int:  # fmt: skip
    """Go on to the next round, the next phases or, with `again`, the job anew."""
    phase = work.phases[number]
    phase.left -= 1
    phase.done += 1
    if phase.left > 0:
        return int(start_round(net, clock, phase, number, now, soiled))
    phase.took = max(phase.took, now - phase.begin)
    for i in range(phase.next, phase.next_end):
        p = work.followers[i]
        other = work.phases[p]
        other.waiting -= 1
        if other.waiting == 0 and soiled >= 0:
            other.begin = now
            soiled = start_round(net, clock, other, p, now, soiled)
    job = work.jobs[phase.job]
    job.open -= 1
    if job.open == 0 and soiled >= 0:
        job.ends += 1
        if job.ends == 1:
            job.end = now
        if again:
            soiled = start_phases(net, clock, work, job, now, soiled)
    return soiled


@kernel
def run_batch(
    net: Net, clock: Clock, work: Work, now: float, again: int
) -> tuple[int, int, int]:
    """Let happen what is due now; return (dirty edges, -1 if cut; flows; jobs ended).

    Jobs that end again do not count.
    """
    soiled, ended, over = 0, 0, 0
    late, flows = now + EQUAL * now, len(net.flows)
    while clock.size[0] > 0 and clock.items[clock.heap[0]].due <= late and soiled >= 0:
        item = clock.heap[0]
        take(clock, item)
        if item < flows:
            ended += 1
            soiled = end_flow(net, clock, work.phases, item, soiled)
        else:
            job = work.jobs[work.phases[item - flows].job]
            before = job.ends
            soiled = end_round(net, clock, work, item - flows, now, again, soiled)
            over += before == 0 and job.ends == 1
    return soiled, ended, over


@kernel
def run_flows(
    net: Net, clock: Clock, work: Work, again: int, most: float
) -> tuple[int, float]:
    """Fill the answers of PHASE and JOB rows; return (how it ended, flow events).

    again : 1 to begin each job anew until all have ended once. most : events after
    which it gives up.
    """
    soiled, events, run, now = 0, 0.0, 0, 0.0
    unfinished = len(work.jobs)
    for j in range(len(work.jobs)):
        if soiled >= 0:
            soiled = start_phases(net, clock, work, work.jobs[j], now, soiled)
    while soiled >= 0:
        if soiled > 0:
            run += 1
            reschedule(net, clock, soiled, run, now)
        if events > most:
            return LONG, events
        if clock.size[0] == 0 or unfinished == 0:
            return OK, events
        now = clock.items[clock.heap[0]].due
        soiled, ended, over = run_batch(net, clock, work, now, again)
        events += 2.0 * ended  # each began and ended
        unfinished -= over
    return CUT, events
