"""The queues of a memory channel: requests by bank, and what each bank waits for.

This file knows lists. It knows no tick: which of the waiting lanes may be served, and
when, is the scheduler's business (`dram`).

A lane holds the requests of one queue to one bank in order of arrival. All of them
that hit the open row are ready at the same tick, and so are all that miss it, so only
the first of each can ever be chosen: a lane is in at most one list of those that wait
for a column command (for its first hit), and in at most one of those that wait for an
activate or a precharge. Lists are in order of age, so the first lane of a list that is
ready is the one to serve; each remembers a tick before which none of it is.
"""

from accelsim.kernels.dram_tables import (
    ACTIVATE,
    FILTER,
    HIT,
    N_WAITS,
    NONE,
    PRECHARGE,
    READ,
    WRITE,
    Memory,
)
from accelsim.kernels.jit import inlined


@inlined
def column_node(lane: int) -> int:
    """Return the node of a lane among those that wait for a column command."""
    return 2 * lane


@inlined
def row_node(lane: int) -> int:
    """Return the node of a lane among those that wait for a row command."""
    return 2 * lane + 1


@inlined
def waiting_list(pc: int, queue: int, wait: int) -> int:
    """Return the row of `waiting` for a pseudo-channel, a queue and a kind of wait."""
    return N_WAITS * (2 * pc + queue) + wait


@inlined
def leave(m: Memory, node: int) -> None:
    """Take a node off its list."""
    mine = m.node[node]
    held = m.waiting[mine.list]
    if mine.previous == NONE:
        held.first = mine.next
    else:
        m.node[mine.previous].next = mine.next
    if mine.next == NONE:
        held.last = mine.previous
    else:
        m.node[mine.next].previous = mine.previous
    mine.list = NONE


@inlined
def join(m: Memory, node: int, row: int, age: int) -> None:
    """Put a node on a list, behind all that are older; age : number of its request."""
    mine, held = m.node[node], m.waiting[row]
    before = held.last
    while before != NONE and m.node[before].age > age:
        before = m.node[before].previous
    after = held.first if before == NONE else m.node[before].next
    mine.list, mine.age, mine.previous, mine.next = row, age, before, after
    if before == NONE:
        held.first = node
    else:
        m.node[before].next = node
    if after == NONE:
        held.last = node
    else:
        m.node[after].previous = node
    held.not_before = 0


@inlined
def move(m: Memory, node: int, row: int, age: int) -> None:
    """Put a node on a list where its age belongs, or off its list if `row` is NONE."""
    mine = m.node[node]
    if mine.list == row and (row == NONE or mine.age == age):
        return
    if mine.list != NONE:
        leave(m, node)
    if row != NONE:
        join(m, node, row, age)


@inlined
def row_wait(m: Memory, lane: int) -> int:
    """Return the row command that a lane waits for: ACTIVATE, PRECHARGE or NONE.

    No row is closed that an active request needs, nor, where row hits go first, one
    that a request hits which came no later than the first one that misses it.
    """
    bank = m.bank[lane >> 1]
    row = m.lane[lane]
    if bank.held == 1:
        return NONE
    if bank.row == NONE:
        return ACTIVATE if row.first != NONE else NONE
    if row.miss == NONE or bank.active != NONE:
        return NONE
    if row.hit == NONE or m.dram[0].row_hit_first == 0:
        return PRECHARGE
    if m.entry[row.hit].arrive <= m.entry[row.miss].arrive:
        return NONE
    return PRECHARGE


@inlined
def sort_hit(m: Memory, lane: int) -> None:
    """Put a lane whose first hit has gone where it belongs now."""
    held = m.bank[lane >> 1].held == 1
    if m.lane[lane].hit == NONE or m.lane[lane].miss != NONE or held:
        sort_lane(m, lane)
    else:
        # its only requests hit the open row: none waits for a row command
        hits = waiting_list(m.bank[lane >> 1].pc, lane & 1, HIT)
        move(m, column_node(lane), hits, m.entry[m.lane[lane].hit].request)


@inlined
def sort_lane(m: Memory, lane: int) -> None:
    """Put a lane on the lists where it belongs now, and off the others."""
    row = m.lane[lane]
    pc, queue = m.bank[lane >> 1].pc, lane & 1
    if row.hit == NONE or m.bank[lane >> 1].held == 1:
        move(m, column_node(lane), NONE, 0)
    else:
        hits = waiting_list(pc, queue, HIT)
        move(m, column_node(lane), hits, m.entry[row.hit].request)
    wait = row_wait(m, lane)
    if wait == NONE:
        move(m, row_node(lane), NONE, 0)
        return
    oldest = row.first if wait == ACTIVATE else row.miss
    age = m.entry[oldest].request
    move(m, row_node(lane), waiting_list(pc, queue, wait), age)


@inlined
def hold(m: Memory, bank: int, held: int) -> None:
    """Let a bank serve its requests no more (1), or again (0)."""
    m.bank[bank].held = held
    sort_lane(m, 2 * bank + READ)
    sort_lane(m, 2 * bank + WRITE)


@inlined
def first_of(m: Memory, entry: int, open_row: int, hit: int) -> int:
    """Return the first entry from `entry` on that hits (or misses) the open row."""
    while entry != NONE and (m.entry[entry].row == open_row) != (hit == 1):
        entry = m.entry[entry].next
    return entry


@inlined
def row_changed(m: Memory, bank: int) -> None:
    """Find what hits and misses in both lanes of a bank whose row was just changed."""
    open_row = m.bank[bank].row
    for lane in (2 * bank + READ, 2 * bank + WRITE):
        row = m.lane[lane]
        row.hit = NONE
        row.miss = NONE
        if open_row != NONE and row.first != NONE:
            row.hit = first_of(m, row.first, open_row, 1)
            row.miss = first_of(m, row.first, open_row, 0)
        sort_lane(m, lane)


@inlined
def push(m: Memory, entry: int) -> None:
    """Append a filled entry to its lane and count it."""
    row = m.entry[entry]
    queue = WRITE if row.write == 1 else READ
    lane = 2 * row.bank + queue
    mine = m.lane[lane]
    row.next = NONE
    row.previous = mine.last
    if mine.last == NONE:
        mine.first = entry
    else:
        m.entry[mine.last].next = entry
    mine.last = entry
    if queue == WRITE:
        m.channel[0].queued_writes += 1
        m.queued[row.address & (FILTER - 1)] += 1
    else:
        m.channel[0].queued_reads += 1
    open_row = m.bank[row.bank].row
    if open_row == NONE:
        pass
    elif row.row == open_row:
        if mine.hit == NONE:
            mine.hit = entry
    elif mine.miss == NONE:
        mine.miss = entry
    sort_lane(m, lane)


@inlined
def unlink(m: Memory, entry: int) -> None:
    """Take an entry out of its lane; the lane's lists are not sorted yet."""
    row = m.entry[entry]
    queue = WRITE if row.write == 1 else READ
    mine = m.lane[2 * row.bank + queue]
    if mine.hit == entry:
        mine.hit = first_of(m, row.next, m.bank[row.bank].row, 1)
    elif mine.miss == entry:
        mine.miss = first_of(m, row.next, m.bank[row.bank].row, 0)
    if row.previous == NONE:
        mine.first = row.next
    else:
        m.entry[row.previous].next = row.next
    if row.next == NONE:
        mine.last = row.previous
    else:
        m.entry[row.next].previous = row.previous
    if queue == WRITE:
        m.channel[0].queued_writes -= 1
        m.queued[row.address & (FILTER - 1)] -= 1
    else:
        m.channel[0].queued_reads -= 1


@inlined
def promote(m: Memory, entry: int) -> None:
    """Move a request out of its queue: its bank's row was opened for it."""
    unlink(m, entry)
    row, mine = m.entry[entry], m.channel[0]
    bank = m.bank[row.bank]
    row.order = mine.promoted
    mine.promoted += 1
    bank.active = entry
    bank.active_at = mine.active
    m.active[mine.active] = row.bank
    mine.active += 1
    mine.active_from = 0
    m.pc[bank.pc].active += 1


@inlined
def demote(m: Memory, bank: int) -> None:
    """Take the active request of a bank off the list: it has been served."""
    row, mine = m.bank[bank], m.channel[0]
    mine.active -= 1
    last = m.active[mine.active]
    m.active[row.active_at] = last
    m.bank[last].active_at = row.active_at
    row.active = NONE
    m.pc[row.pc].active -= 1


@inlined
def release(m: Memory, entry: int) -> None:
    """Give an entry back."""
    mine = m.channel[0]
    m.free[mine.free] = entry
    mine.free += 1


@inlined
def write_is_queued(m: Memory, bank: int, address: int) -> bool:
    """Return whether a write to this very address waits in the queue."""
    if m.queued[address & (FILTER - 1)] == 0:
        return False
    entry = m.lane[2 * bank + WRITE].last
    while entry != NONE:
        if m.entry[entry].address == address:
            return True
        entry = m.entry[entry].previous
    return False
