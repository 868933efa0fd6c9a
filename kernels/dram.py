"""A memory channel with its controller, tick for tick: which command goes when.

`run` takes requests in order, as many as the queues hold, and says when each arrives
and departs. In every tick a channel may issue one column command (read or write) and
one row command (activate, precharge, refresh). Column commands serve first the
requests whose row was opened for them, then the oldest ready request of the queue in
turn (reads, or writes once many wait) that hits an open row. Row commands serve a
refresh that is due before all else, then the oldest ready request. Rows stay open.

The order of decisions is that of Ramulator 2.1 (Luo et al. 2023, CMU-SAFARI/ramulator2
@c5b1c3a, its HBM12 and HBM34 controllers with the schedulers FRFCFS and
FRFCFS-RowHit), whose departure ticks these kernels reproduce. Ticks at which nothing
can be issued are skipped: between commands, readiness changes only with time.

A read departs with its last data, a write with its command.
"""

from accelsim.kernels.dram_queue import (
    demote,
    promote,
    release,
    row_changed,
    sort_hit,
    sort_lane,
    unlink,
    waiting_list,
)
from accelsim.kernels.dram_refresh import next_refresh, owed, refresh_due
from accelsim.kernels.dram_tables import (
    ACT,
    ACTIVATE,
    FIELDS,
    HIT,
    NEVER,
    NONE,
    PRE,
    PRE_ALL,
    PRECHARGE,
    RD,
    READ,
    REF_ALL,
    WR,
    WRITE,
    Memory,
)
from accelsim.kernels.dram_timing import (
    activate_issued,
    activate_ready,
    bank_column_ready,
    column_ready,
    pairs,
    precharge_all_issued,
    precharge_issued,
    read_issued,
    refresh_all_issued,
    refresh_bank_issued,
    write_issued,
)
from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import Record, Rows

_PC, _GROUP, _COLUMN, _BANK, _STACK, _ROW = range(len(FIELDS) - 1)


@inlined
def field(d: Record, address: int, which: int) -> int:
    """Return one field of a transaction's address, hashed with the row if it is."""
    value = (address >> d.shift[which]) & (d.extent[which] - 1)
    if d.hash_from[which] >= 0:
        row = (address >> d.shift[_ROW]) & (d.extent[_ROW] - 1)
        value ^= (row >> d.hash_from[which]) & (d.extent[which] - 1)
    return int(value)


@inlined
def bank_of(d: Record, address: int) -> int:
    """Return the bank of its channel that an address lies in."""
    stack = field(d, address, _PC) * d.stacks + field(d, address, _STACK)
    group = stack * d.groups + field(d, address, _GROUP)
    return int(group * d.banks + field(d, address, _BANK))


@inlined
def note(m: Memory, tick: int, command: int, pc: int, bank: int) -> None:
    """Note a command as one of this tick's, if commands are logged."""
    if m.channel[0].logs == 0:
        return
    mine = m.issued[m.channel[0].issued]
    mine.tick = tick
    mine.command = command
    mine.pc = pc
    mine.bank = bank
    mine.row = m.bank[bank].row if bank != NONE else NONE
    m.channel[0].issued += 1


@inlined
def wake_by(m: Memory, tick: int, odd: int) -> None:
    """Let the channel look again at `tick`, or the odd tick after it."""
    if odd == 1:
        tick |= 1
    m.channel[0].wake = min(m.channel[0].wake, tick)


@inlined
def settle_mode(m: Memory) -> None:
    """Start or end to drain writes."""
    d, mine = m.dram[0], m.channel[0]
    if mine.writing == 0:
        if mine.queued_writes > d.write_above or mine.queued_reads == 0:
            mine.writing = 1
    elif mine.queued_writes < d.write_below and mine.queued_reads != 0:
        mine.writing = 0


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


@inlined
def serve(m: Memory, entry: int, active: int, tick: int, depart: Rows) -> None:
    """Issue the column command of a request (active: 1 if promoted) and let it go."""
    row, mine = m.entry[entry], m.channel[0]
    bank, write = row.bank, row.write
    if row.counted == 0:
        mine.hits += 1
    if write == 1:
        write_issued(m, bank, tick)
        depart[row.request] = tick
    else:
        read_issued(m, bank, tick)
        depart[row.request] = tick + m.dram[0].latency
    note(m, tick, WR if write == 1 else RD, m.bank[bank].pc, bank)
    if active == 1:
        demote(m, bank)
        sort_lane(m, 2 * bank + READ)
        sort_lane(m, 2 * bank + WRITE)
    else:
        unlink(m, entry)
        sort_hit(m, 2 * bank + write)
    release(m, entry)


@inlined
def column_slot(m: Memory, tick: int, depart: Rows) -> int:
    """Issue a column command if one is ready; return how many requests it served."""
    mine = m.channel[0]
    if mine.column_ready > tick:
        wake_by(m, mine.column_ready, m.dram[0].half_ticks)
        return 0
    entry = ready_active(m, tick)
    if entry != NONE:
        serve(m, entry, 1, tick, depart)
        return 1
    if mine.due_count > 0:
        return 0
    settle_mode(m)
    node = ready_hit(m, tick, mine.writing)
    if node == NONE:
        return 0
    serve(m, m.lane[node >> 1].hit, 0, tick, depart)
    return 1


@inlined
def close_bank(m: Memory, bank: int) -> None:
    """Mark a bank as closed."""
    m.bank[bank].row = NONE
    m.pc[m.bank[bank].pc].open -= 1
    row_changed(m, bank)


@inlined
def pair(m: Memory, tick: int, command: int, pc: int, bank: int) -> None:
    """Remember a row command of an odd tick for the even tick that ends it."""
    mine = m.channel[0]
    if m.dram[0].half_ticks == 0 or tick & 1 == 0:
        return
    mine.paired_tick = tick + 1
    if command == ACT:
        mine.paired_tick = tick + m.dram[0].act_bus
    mine.paired_command = command
    mine.paired_pc = pc
    mine.paired_bank = bank


@inlined
def pay(m: Memory, tick: int) -> bool:
    """Issue the command that the oldest refresh due needs next, if it is ready."""
    mine = m.channel[0]
    command, pc, bank, ready = owed(m)
    odd = m.dram[0].half_ticks
    precharge = command in (PRE, PRE_ALL)
    if precharge:
        odd = 0
    ready = max(ready, mine.row_ready)
    if ready > tick or (odd == 1 and tick & 1 == 0):
        wake_by(m, max(ready, tick + 1), odd)
        return False
    if not pairs(m, tick, pc, bank):
        wake_by(m, tick + 1, 0)
        return False
    note(m, tick, command, pc, bank)
    pair(m, tick, command, pc, bank)
    if command == PRE:
        precharge_issued(m, bank, tick)
        close_bank(m, bank)
    elif command == PRE_ALL:
        precharge_all_issued(m, pc, tick)
        d = m.dram[0]
        banks = d.stacks * d.groups * d.banks
        for one in range(pc * banks, (pc + 1) * banks):
            if m.bank[one].row != NONE:
                close_bank(m, one)
    else:
        if command == REF_ALL:
            refresh_all_issued(m, pc, tick)
        else:
            refresh_bank_issued(m, bank, tick)
        mine.due_first = (mine.due_first + 1) % len(m.due)
        mine.due_count -= 1
        mine.refreshes += 1
    return True


@inlined
def open_or_close(m: Memory, tick: int, entry: int) -> None:
    """Issue the row command of a request: activate, or precharge of another row."""
    row, mine = m.entry[entry], m.channel[0]
    bank = m.bank[row.bank]
    command = ACT if bank.row == NONE else PRE
    pair(m, tick, command, bank.pc, row.bank)
    if command == PRE:
        note(m, tick, PRE, bank.pc, row.bank)
        mine.conflicts += 1 - row.counted
        row.counted = 1
        precharge_issued(m, row.bank, tick)
        close_bank(m, row.bank)
        return
    mine.misses += 1 - row.counted
    row.counted = 1
    mine.activates += 1
    activate_issued(m, row.bank, tick)
    bank.row = row.row
    m.pc[bank.pc].open += 1
    note(m, tick, ACT, bank.pc, row.bank)
    promote(m, entry)
    row_changed(m, row.bank)


@inlined
def row_slot(m: Memory, tick: int) -> bool:
    """Issue a row command if one is ready and return whether one was."""
    d, mine = m.dram[0], m.channel[0]
    if mine.due_count > 0:
        return pay(m, tick)
    settle_mode(m)
    if mine.row_ready > tick:
        wake_by(m, mine.row_ready, 0)
        return False
    node = NONE
    if d.half_ticks == 0 or tick & 1 == 1:
        node = ready_closed(m, tick, mine.writing)
    else:
        wake_by(m, tick + 1, 0)
    node = ready_conflict(m, tick, mine.writing, node)
    if node == NONE:
        return False
    lane = m.lane[node >> 1]
    closed = m.bank[node >> 2].row == NONE
    open_or_close(m, tick, lane.first if closed else lane.miss)
    return True


@kernel
def step(m: Memory, tick: int, depart: Rows) -> int:
    """Run one tick of a channel; return how many requests its command served."""
    mine = m.channel[0]
    mine.issued = 0
    refresh_due(m, tick)
    mine.wake = next_refresh(m, tick)
    served = 0
    if m.dram[0].half_ticks == 0 or tick & 1 == 1:
        served = column_slot(m, tick, depart)
    else:
        mine.wake = tick + 1
    if row_slot(m, tick) or served > 0:
        mine.wake = tick + 1
    return served
