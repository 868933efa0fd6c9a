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

from accelsim.kernels.dram_choice import (
    ready_active,
    ready_closed,
    ready_conflict,
    ready_hit,
    wake_by,
)
from accelsim.kernels.dram_queue import (
    demote,
    promote,
    release,
    row_changed,
    sort_hit,
    sort_lane,
    unlink,
)
from accelsim.kernels.dram_refresh import (
    next_refresh,
    overdue,
    owed,
    paid,
    postponed,
    refresh_due,
)
from accelsim.kernels.dram_tables import (
    ACT,
    FIELDS,
    IDLE_BANK,
    NONE,
    PRE,
    PRE_ALL,
    RD,
    RD_PRE,
    READ,
    REF_ALL,
    WR,
    WR_PRE,
    WRITE,
    Memory,
)
from accelsim.kernels.dram_timing import (
    activate_issued,
    pairs,
    precharge_all_issued,
    precharge_issued,
    precharges_itself,
    read_issued,
    refresh_all_issued,
    refresh_bank_issued,
    write_issued,
)
from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import Record

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
def settle_mode(m: Memory) -> None:
    """Start or end to drain writes."""
    d, mine = m.dram[0], m.channel[0]
    if mine.writing == 0:
        if mine.queued_writes > d.write_above or mine.queued_reads == 0:
            mine.writing = 1
    elif mine.queued_writes < d.write_below and mine.queued_reads != 0:
        mine.writing = 0


@inlined
def close_bank(m: Memory, bank: int) -> None:
    """Mark a bank as closed."""
    m.bank[bank].row = NONE
    m.pc[m.bank[bank].pc].open -= 1
    row_changed(m, bank)


@inlined
def wanted(m: Memory, bank: int) -> bool:
    """Return whether a request still waits for the open row of a bank."""
    read, write = m.lane[2 * bank + READ], m.lane[2 * bank + WRITE]
    hit = read.hit != NONE or write.hit != NONE
    return bool(hit or m.bank[bank].active != NONE)


@inlined
def serve(m: Memory, entry: int, active: int, tick: int) -> None:
    """Issue the column command of a request (active: 1 if promoted) and let it go."""
    row, mine = m.entry[entry], m.channel[0]
    bank, write = row.bank, row.write
    if row.counted == 0:
        mine.hits += 1
    if write == 1:
        write_issued(m, bank, tick)
        mine.departs = tick
    else:
        read_issued(m, bank, tick)
        mine.departs = tick + m.dram[0].latency
    mine.served = row.request
    if active == 1:
        demote(m, bank)
        sort_lane(m, 2 * bank + READ)
        sort_lane(m, 2 * bank + WRITE)
    else:
        unlink(m, entry)
        sort_hit(m, 2 * bank + write)
    release(m, entry)
    command = WR if write == 1 else RD
    if m.dram[0].close_page == 1 and not wanted(m, bank):
        command = WR_PRE if write == 1 else RD_PRE
    note(m, tick, command, m.bank[bank].pc, bank)
    if command >= RD_PRE:
        precharges_itself(m, bank)
        close_bank(m, bank)


@inlined
def column_slot(m: Memory, tick: int) -> int:
    """Issue a column command if one is ready; return how many requests it served."""
    mine = m.channel[0]
    if mine.column_ready > tick:
        wake_by(m, mine.column_ready, m.dram[0].half_ticks)
        return 0
    entry = ready_active(m, tick)
    if entry != NONE:
        serve(m, entry, 1, tick)
        return 1
    if mine.due_count > 0:
        return 0
    settle_mode(m)
    node = ready_hit(m, tick, mine.writing)
    if node == NONE:
        return 0
    serve(m, m.lane[node >> 1].hit, 0, tick)
    return 1


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
def pay(m: Memory, tick: int, command: int, pc: int, bank: int, ready: int) -> bool:
    """Issue what a refresh needs next, if it is ready at this tick.

    command, pc, bank, ready : see `owed`.
    """
    mine = m.channel[0]
    odd = m.dram[0].half_ticks
    if command in (PRE, PRE_ALL):
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
        paid(m, pc, bank)
        mine.refreshes += 1
    return True


@inlined
def pay_one(m: Memory, tick: int, urgent: int) -> bool:
    """Issue what a refresh of one bank needs; urgent : 1 if it may not wait, or 0."""
    for pc in range(m.dram[0].pseudo_channels):
        if m.pc[pc].owed == 0 or overdue(m, pc) != urgent:
            continue
        command, bank, ready = postponed(m, pc, urgent)
        if bank != NONE and pay(m, tick, command, pc, bank, ready):
            return True
    return False


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
        command, pc, bank, ready = owed(m)
        return pay(m, tick, command, pc, bank, ready)
    settle_mode(m)
    if mine.row_ready > tick:
        wake_by(m, mine.row_ready, 0)
        return False
    if d.refresh == IDLE_BANK and pay_one(m, tick, 1):
        return True
    node = NONE
    if d.half_ticks == 0 or tick & 1 == 1:
        node = ready_closed(m, tick, mine.writing)
    else:
        wake_by(m, tick + 1, 0)
    node = ready_conflict(m, tick, mine.writing, node)
    if node == NONE:
        return bool(d.refresh == IDLE_BANK and pay_one(m, tick, 0))
    lane = m.lane[node >> 1]
    closed = m.bank[node >> 2].row == NONE
    open_or_close(m, tick, lane.first if closed else lane.miss)
    return True


@kernel
def step(m: Memory, tick: int) -> int:
    """Run one tick of a channel; return how many requests its command served.

    Which one and when it departs stands in the channel: an array that is handed down
    through the steps of a tick is counted at each of them, a seventh of the time.
    """
    mine = m.channel[0]
    mine.issued = 0
    refresh_due(m, tick)
    mine.wake = next_refresh(m, tick)
    served = 0
    if m.dram[0].half_ticks == 0 or tick & 1 == 1:
        served = column_slot(m, tick)
    else:
        mine.wake = tick + 1
    if row_slot(m, tick) or served > 0:
        mine.wake = tick + 1
    return served
