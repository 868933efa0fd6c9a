"""Which of the waiting requests a memory channel serves next.

This file knows the order of choice, first ready and then oldest (FR-FCFS), and when to
look again if none is ready. It does not know what a chosen command does (`dram`). The
order is that of Ramulator 2.1 (CMU-SAFARI/ramulator2@c5b1c3a, its schedulers FRFCFS
and FRFCFS-RowHit).
"""

from accelsim.kernels.dram_queue import waiting_list
from accelsim.kernels.dram_tables import (
    ACTIVATE,
    HIT,
    NEVER,
    NONE,
    PRECHARGE,
    WRITE,
    Memory,
)
from accelsim.kernels.dram_timing import (
    activate_ready,
    bank_column_ready,
    column_ready,
    pairs,
)
from accelsim.kernels.jit import inlined


@inlined
def wake_by(m: Memory, tick: int, odd: int) -> None:
    """Let the channel look again at `tick`, or the odd tick after it."""
    if odd == 1:
        tick |= 1
    m.channel[0].wake = min(m.channel[0].wake, tick)


@inlined
def ready_active(m: Memory, tick: int) -> int:
    """Return the oldest ready request whose row was opened for it, or NONE."""
    mine = m.channel[0]
    if mine.active == 0:
        return NONE
    if mine.active_from > tick:
        wake_by(m, mine.active_from, m.dram[0].half_ticks)
        return NONE
    best, earliest = NONE, NEVER
    for i in range(mine.active):
        bank = m.active[i]
        entry = m.bank[bank].active
        ready = column_ready(m, bank, m.entry[entry].write)
        if ready > tick:
            earliest = min(earliest, ready)
        elif best == NONE:
            best = entry
        else:
            a, b = m.entry[entry], m.entry[best]
            if a.arrive < b.arrive or (a.arrive == b.arrive and a.order < b.order):
                best = entry
    if best == NONE:
        mine.active_from = earliest
        wake_by(m, earliest, m.dram[0].half_ticks)
    return int(best)


@inlined
def older(m: Memory, node: int, best: int) -> bool:
    """Return whether a node of a list is one and older than the best of others."""
    return node != NONE and (best == NONE or m.node[node].age < m.node[best].age)


@inlined
def ready_hit(m: Memory, tick: int, queue: int) -> int:
    """Return the node of a queue's oldest request that is ready to hit, or NONE."""
    d = m.dram[0]
    best = NONE
    for pc in range(d.pseudo_channels):
        hits = m.waiting[waiting_list(pc, queue, HIT)]
        node = hits.first
        if not older(m, node, best):
            continue
        outer = m.pc[pc].wr_ready if queue == WRITE else m.pc[pc].rd_ready
        outer = max(outer, hits.not_before)
        if outer > tick:
            wake_by(m, outer, d.half_ticks)
            continue
        earliest = NEVER
        while older(m, node, best):
            ready = bank_column_ready(m, node >> 2, queue)
            if ready <= tick:
                best = node
            earliest = min(earliest, ready)
            node = m.node[node].next
        if best == NONE:
            hits.not_before = earliest
            wake_by(m, earliest, d.half_ticks)
    return int(best)


@inlined
def ready_closed(m: Memory, tick: int, queue: int) -> int:
    """Return the node of the oldest request whose bank can activate, or NONE."""
    d = m.dram[0]
    best = NONE
    for pc in range(d.pseudo_channels):
        closed = m.waiting[waiting_list(pc, queue, ACTIVATE)]
        node = closed.first
        if not older(m, node, best):
            continue
        outer = max(m.pc[pc].act_ready, closed.not_before)
        if outer > tick:
            wake_by(m, outer, d.half_ticks)
            continue
        earliest = NEVER
        while older(m, node, best):
            ready = activate_ready(m, node >> 2)
            if ready <= tick:
                best = node
            earliest = min(earliest, ready)
            node = m.node[node].next
        if best == NONE:
            closed.not_before = earliest
            wake_by(m, earliest, d.half_ticks)
    return int(best)


@inlined
def ready_conflict(m: Memory, tick: int, queue: int, best: int) -> int:
    """Return the oldest of `best` and the requests whose bank can be precharged."""
    d = m.dram[0]
    for pc in range(d.pseudo_channels):
        others = m.waiting[waiting_list(pc, queue, PRECHARGE)]
        node = others.first
        if not older(m, node, best):
            continue
        outer = max(m.pc[pc].pre_ready, others.not_before)
        if outer > tick:
            wake_by(m, outer, 0)
            continue
        earliest = NEVER
        while older(m, node, best):
            bank = node >> 2
            ready = m.bank[bank].pre_ready
            if ready <= tick:
                if pairs(m, tick, pc, bank):
                    best = node
                else:
                    ready = tick + 1
            earliest = min(earliest, ready)
            node = m.node[node].next
        if best == NONE:
            others.not_before = earliest
            wake_by(m, earliest, 0)
    return int(best)
