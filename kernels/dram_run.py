"""Requests into a memory and out of it: who is let in when, and who is done.

This file knows the door of the memory, not what happens behind it (`dram`). Requests
enter in order: one that finds its queue full holds up those behind it, in whatever
channel they belong. A read of an address that waits to be written gets its data from
the queue, a write to such an address joins it.
"""

from accelsim.kernels.dram import bank_of, field, step, wake_by
from accelsim.kernels.dram_queue import push, write_is_queued
from accelsim.kernels.dram_tables import FIELDS, NEVER, Memory
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import Rows

_ROW = FIELDS.index("row")


@kernel
def enter(
    m: Memory, request: int, address: int, write: int, tick: int, depart: Rows
) -> int:
    """Let a request in: 0 if its queue is full, 1 if it waits, 2 if it is done."""
    d = m.dram[0]
    bank = bank_of(d, address)
    channel = bank // (m.bank.shape[0] // m.channel.shape[0])
    mine = m.channel[channel]
    if write_is_queued(m, channel, bank, address):
        depart[request] = tick + 1 - write
        return 2
    if write == 1 and mine.queued_writes == d.write_queue:
        return 0
    if write == 0 and mine.queued_reads == d.read_queue:
        return 0
    mine.free -= 1
    entry = m.free[channel, mine.free]
    row = m.entry[entry]
    row.request = request
    row.arrive = tick
    row.row = field(d, address, _ROW)
    row.bank = bank
    row.write = write
    row.address = address
    row.counted = 0
    push(m, channel, entry)
    wake_by(m, channel, tick + 1, 0)
    return 1


@kernel
def run(
    m: Memory, address: Rows, write: Rows, due: Rows, arrive: Rows, depart: Rows
) -> int:
    """Run all requests and return the tick at which the last command was issued.

    address : transaction; write : 0 or 1; due : tick from which it may enter, or an
    empty array if all may at once. Fills arrive and depart [ticks].
    """
    count, sent, left, tick = len(address), 0, len(address), 0
    while left > 0:
        while sent < count and (len(due) == 0 or due[sent] <= tick):
            how = enter(m, sent, address[sent], write[sent], tick, depart)
            if how == 0:
                break
            left -= how - 1
            arrive[sent] = tick
            sent += 1
        following = NEVER
        for channel in range(m.channel.shape[0]):
            if m.channel[channel].wake <= tick + 1:
                left -= step(m, channel, tick + 1, depart)
            following = min(following, m.channel[channel].wake)
        if sent < count and len(due) > 0 and due[sent] > tick:
            following = min(following, due[sent] + 1)
        tick = max(following - 1, tick + 1)
    return tick
