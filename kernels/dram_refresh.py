"""When a memory channel owes a refresh, and the command that comes next for it.

This file knows three refresh policies. Two are as Ramulator 2.1 has them
(CMU-SAFARI/ramulator2@c5b1c3a, src/ramulator/controller/refresh/impl). All-bank: each
pseudo-channel owes a refresh every tREFI. Per-bank: banks in turn, the same one in
every pseudo-channel, every tREFI / banks, one stack after the other; a stack may
begin anew only tRFCpb after its last bank. What is owed goes before every request,
which makes per-bank refresh dearer here than controllers that refresh idle banks.

The third, idle-bank, is such a controller, by what JESD238 leaves to it: the banks of
a round may come in any order, and up to eight refreshes may wait. Each pseudo-channel
owes one bank every tREFI / banks, picks one that no request waits for if there is one,
and refreshes it when the row bus is free. Once eight wait, the next bank holds its
requests until it is refreshed; other banks go on.
"""

from accelsim.kernels.dram_queue import hold
from accelsim.kernels.dram_tables import (
    ALL_BANK,
    IDLE_BANK,
    NEVER,
    NO_REFRESH,
    NONE,
    POSTPONED,
    PRE,
    PRE_ALL,
    READ,
    REF_ALL,
    REF_BANK,
    WRITE,
    Memory,
)
from accelsim.kernels.dram_timing import refresh_bank_ready
from accelsim.kernels.jit import inlined


@inlined
def owe(m: Memory, what: int) -> bool:
    """Append a pseudo-channel or a bank to what is due; False if there is no room."""
    mine = m.channel[0]
    room = len(m.due)
    if mine.due_count == room:
        return False
    m.due[(mine.due_first + mine.due_count) % room] = what
    mine.due_count += 1
    return True


@inlined
def owe_bank(m: Memory, tick: int) -> None:
    """Make the present bank due in the next pseudo-channel."""
    d, mine = m.dram[0], m.channel[0]
    banks = d.groups * d.banks
    pc = d.pseudo_channels - mine.refresh_pc
    stack = pc * d.stacks + mine.refresh_stack
    if not owe(m, stack * banks + mine.refresh_bank):
        return
    mine.refresh_pc -= 1
    m.stack[stack].refreshed += 1
    if m.stack[stack].refreshed == banks:
        m.stack[stack].refreshed = 0
        m.stack[stack].refresh_from = tick + d.refresh_set
    if mine.refresh_pc > 0:
        return
    mine.refresh_bank += 1
    if mine.refresh_bank == banks:
        mine.refresh_bank = 0
        mine.refresh_stack = (mine.refresh_stack + 1) % d.stacks


@inlined
def may_begin(m: Memory, tick: int) -> bool:
    """Return whether the next stack has rested in every pseudo-channel."""
    d = m.dram[0]
    for i in range(d.pseudo_channels):
        first = (i) * d.stacks
        if tick < m.stack[first + m.channel[0].refresh_stack].refresh_from:
            return False
    return True


@inlined
def is_idle(m: Memory, bank: int) -> bool:
    """Return whether no request waits for a bank."""
    lanes = m.lane[2 * bank + READ].first, m.lane[2 * bank + WRITE].first
    return bool(lanes[0] == NONE and lanes[1] == NONE and m.bank[bank].active == NONE)


@inlined
def overdue(m: Memory, pc: int) -> int:
    """Return 1 if no further refresh of a pseudo-channel may wait, or 0."""
    return int(m.pc[pc].owed >= POSTPONED)


@inlined
def aim(m: Memory, pc: int) -> None:
    """Choose the bank that the next refresh is for.

    An idle one if there is one, and of these the one activated last: streams have just
    left it, and are the longest to come back.
    """
    d, mine = m.dram[0], m.pc[pc]
    if mine.target != NONE and m.bank[mine.target].held == 1:
        return
    banks = d.stacks * d.groups * d.banks
    mine.target = NONE
    best = NEVER
    for bank in range(pc * banks, (pc + 1) * banks):
        if m.bank[bank].lap > mine.lap:
            continue
        rank = -m.bank[bank].act_ready if is_idle(m, bank) else 0
        if mine.target == NONE or rank < best:
            mine.target, best = bank, rank
    if overdue(m, pc) == 1:
        hold(m, mine.target, 1)


@inlined
def postponed(m: Memory, pc: int, urgent: int) -> tuple[int, int, int]:
    """Return the next command for a refresh that waits: see `owed`.

    The bank is NONE while it may still wait and requests want it.
    """
    what = m.pc[pc].target
    if urgent == 0 and not is_idle(m, what):
        return REF_BANK, NONE, NEVER
    command, _, bank, ready = next_of_bank(m, what)
    return command, bank, ready


@inlined
def paid(m: Memory, pc: int, bank: int) -> None:
    """Take a refresh that was issued off what is owed."""
    mine = m.channel[0]
    if m.dram[0].refresh != IDLE_BANK:
        mine.due_first = (mine.due_first + 1) % len(m.due)
        mine.due_count -= 1
        return
    part = m.pc[pc]
    part.owed -= 1
    part.left -= 1
    m.bank[bank].lap = part.lap + 1
    if part.left == 0:
        part.lap += 1
        part.left = m.dram[0].stacks * m.dram[0].groups * m.dram[0].banks
    if m.bank[bank].held == 1:
        hold(m, bank, 0)
    aim(m, pc)


@inlined
def owe_any(m: Memory, tick: int) -> None:
    """Make one bank due in each pseudo-channel, if it is time."""
    mine = m.channel[0]
    if tick != mine.refresh_at:
        return
    mine.refresh_at += m.dram[0].refresh_every
    for pc in range(m.dram[0].pseudo_channels):
        m.pc[pc].owed += 1
        aim(m, pc)


@inlined
def refresh_due(m: Memory, tick: int) -> None:
    """Note what becomes due at this tick."""
    d, mine = m.dram[0], m.channel[0]
    if d.refresh == NO_REFRESH:
        return
    if d.refresh == ALL_BANK:
        if tick == mine.refresh_at:
            mine.refresh_at += d.refresh_every
            for i in range(d.pseudo_channels):
                owe(m, i)
        return
    if d.refresh == IDLE_BANK:
        owe_any(m, tick)
    elif mine.refresh_pc > 0:
        owe_bank(m, tick)
    elif tick >= mine.refresh_at:
        if may_begin(m, tick):
            mine.refresh_pc = d.pseudo_channels
            mine.refresh_at += d.refresh_every
            owe_bank(m, tick)
        else:
            mine.refresh_at = tick + 1


@inlined
def next_refresh(m: Memory, tick: int) -> int:
    """Return the next tick at which something becomes due."""
    mine = m.channel[0]
    if m.dram[0].refresh == NO_REFRESH:
        return NEVER
    if mine.refresh_pc > 0:
        return tick + 1
    return int(max(mine.refresh_at, tick + 1))


@inlined
def owed(m: Memory) -> tuple[int, int, int, int]:
    """Return the next command for the oldest refresh due.

    Returns (command, pseudo-channel, bank or NONE, tick from which it is ready without
    the row bus); NEVER if an active request keeps a row open.
    """
    mine = m.channel[0]
    what = m.due[mine.due_first]
    if m.dram[0].refresh == ALL_BANK:
        pc = m.pc[what]
        if pc.open == 0:
            return REF_ALL, int(what), NONE, int(pc.ref_all_ready)
        ready = NEVER if pc.active > 0 else pc.pre_all_ready
        return PRE_ALL, int(what), NONE, int(ready)
    return next_of_bank(m, what)


@inlined
def next_of_bank(m: Memory, what: int) -> tuple[int, int, int, int]:
    """Return the next command for the refresh of one bank, as `owed` does."""
    bank = m.bank[what]
    if bank.row == NONE:
        return REF_BANK, int(bank.pc), int(what), refresh_bank_ready(m, what)
    ready = max(m.pc[bank.pc].pre_ready, bank.pre_ready)
    if bank.active != NONE:
        ready = NEVER
    return PRE, int(bank.pc), int(what), int(ready)
