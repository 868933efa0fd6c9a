"""Requests into a memory and out of it: who is let in when, and who is done.

This file knows the door of the memory, not what happens behind it (`dram`). Requests
enter in order: one that finds its queue full holds up those behind it, in whatever
channel they belong. A read of an address that waits to be written gets its data from
the queue, a write to such an address joins it.
"""

from accelsim.kernels.dram import bank_of, field, step
from accelsim.kernels.dram_choice import wake_by
from accelsim.kernels.dram_queue import push, write_is_queued
from accelsim.kernels.dram_tables import FIELDS, FILTER, NEVER, Memory
from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import Record, Rows

_ROW, _CHANNEL = FIELDS.index("row"), FIELDS.index("channel")


@inlined
def enter(
    m: Memory, request: int, place: Record, address: int, write: int, tick: int
) -> int:
    """Let a request in: 0 if its queue is full, 1 if it waits, 2 if it is done."""
    d, mine = m.dram[0], m.channel[0]
    full = mine.queued_reads == d.read_queue
    if write == 1:
        full = mine.queued_writes == d.write_queue
    perhaps = m.queued[address & (FILTER - 1)] != 0
    if full and not perhaps:
        return 0
    if perhaps and write_is_queued(m, place.bank, address):
        mine.departs = tick + 1 - write
        return 2
    if full:
        return 0
    mine.free -= 1
    entry = m.free[mine.free]
    row = m.entry[entry]
    row.request = request
    row.arrive = tick
    row.row = place.row
    row.bank = place.bank
    row.write = write
    row.address = address
    row.counted = 0
    push(m, entry)
    wake_by(m, tick + 1, 0)
    return 1


@inlined
def find(d: Record, address: Rows, place: Rows) -> None:
    """Fill where each transaction lies: channel, bank of its channel, and row."""
    for i in range(len(address)):
        place[i].channel = field(d, address[i], _CHANNEL)
        place[i].bank = bank_of(d, address[i])
        place[i].row = field(d, address[i], _ROW)


@inlined
def write_down(m: Memory, log: Rows, logged: int) -> int:
    """Append what a channel issued in this tick to a log; return its rows in use."""
    for i in range(m.channel[0].issued):
        if logged < len(log):
            log[logged] = m.issued[i]
            log[logged].channel = m.channel[0].number
            logged += 1
    return logged


@kernel
def run(
    memory: Rows, address: Rows, write: Rows, due: Rows, place: Rows, arrive: Rows,
    depart: Rows, log: Rows,
) -> int:  # fmt: skip
    """Run all requests through the channels of a memory; return the rows of its log.

    address : transaction; write : 0 or 1; due : tick from which it may enter, or an
    empty array if all may at once; log : COMMAND rows, filled as far as they go.
    Fills place (PLACE rows), arrive and depart [ticks].
    """
    count, sent, left, tick, logged = len(address), 0, len(address), 0, 0
    for channel in range(len(memory)):
        memory[channel].channel[0].logs = 1 if len(log) > 0 else 0
    find(memory[0].dram[0], address, place)
    while left > 0:
        while sent < count and (len(due) == 0 or due[sent] <= tick):
            at = place[sent]
            m = memory[at.channel]
            how = enter(m, sent, at, address[sent], write[sent], tick)
            if how == 0:
                break
            # of one that waits, to be written anew once it is served
            depart[sent] = m.channel[0].departs
            left -= how - 1
            arrive[sent] = tick
            sent += 1
        following = NEVER
        for channel in range(len(memory)):
            m = memory[channel]
            if m.channel[0].wake <= tick + 1:
                if step(m, tick + 1) > 0:
                    depart[m.channel[0].served] = m.channel[0].departs
                    left -= 1
                if len(log) > 0:
                    logged = write_down(m, log, logged)
            following = min(following, m.channel[0].wake)
        if sent < count and len(due) > 0 and due[sent] > tick:
            following = min(following, due[sent] + 1)
        tick = max(following - 1, tick + 1)
    return logged
