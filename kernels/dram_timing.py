"""What a command of a memory channel does to the ticks at which others are ready.

This file knows the constraints between commands (`dram_tables`) and no queue. Each
function is called with the tick at which its command is issued; a part of the memory
is ready for a command once the tick of every constraint on it has come.
"""

from accelsim.kernels.dram_tables import LAST_ACTIVATES, NONE, Memory
from accelsim.kernels.jit import inlined


@inlined
def read_issued(m: Memory, bank: int, tick: int) -> None:
    """Hold back what may not follow a read at once."""
    d, b = m.dram[0], m.bank[bank]
    pc, group = m.pc[b.pc], m.group[b.group]
    m.channel[0].column_ready = tick + d.column_bus
    pc.rd_ready = max(pc.rd_ready, tick + d.rd_rd)
    pc.wr_ready = max(pc.wr_ready, tick + d.rd_wr)
    pc.pre_all_ready = max(pc.pre_all_ready, tick + d.rd_pre_all)
    for stack in range(b.pc * d.stacks, (b.pc + 1) * d.stacks):
        after = d.stack_rd_rd if stack == b.stack else d.other_stack_rd_rd
        m.stack[stack].rd_ready = max(m.stack[stack].rd_ready, tick + after)
    group.rd_ready = max(group.rd_ready, tick + d.group_rd_rd)
    b.pre_ready = max(b.pre_ready, tick + d.bank_rd_pre)


@inlined
def write_issued(m: Memory, bank: int, tick: int) -> None:
    """Hold back what may not follow a write at once."""
    d, b = m.dram[0], m.bank[bank]
    pc, stack, group = m.pc[b.pc], m.stack[b.stack], m.group[b.group]
    m.channel[0].column_ready = tick + d.column_bus
    pc.wr_ready = max(pc.wr_ready, tick + d.wr_wr)
    pc.rd_ready = max(pc.rd_ready, tick + d.wr_rd)
    pc.pre_all_ready = max(pc.pre_all_ready, tick + d.wr_pre_all)
    stack.wr_ready = max(stack.wr_ready, tick + d.stack_wr_wr)
    group.wr_ready = max(group.wr_ready, tick + d.group_wr_wr)
    group.rd_ready = max(group.rd_ready, tick + d.group_wr_rd)
    b.pre_ready = max(b.pre_ready, tick + d.bank_wr_pre)


@inlined
def activate_issued(m: Memory, bank: int, tick: int) -> None:
    """Hold back what may not follow an activate at once."""
    d, b = m.dram[0], m.bank[bank]
    pc, group = m.pc[b.pc], m.group[b.group]
    m.channel[0].row_ready = tick + d.act_bus
    # the fourth activate before the next one opens the window that it must leave
    pc.last_act[pc.acts % LAST_ACTIVATES] = tick
    pc.acts += 1
    if pc.acts >= LAST_ACTIVATES:
        window = pc.last_act[pc.acts % LAST_ACTIVATES] + d.four_act
        pc.act_ready = max(pc.act_ready, window)
    pc.act_ready = max(pc.act_ready, tick + d.act_act)
    pc.pre_all_ready = max(pc.pre_all_ready, tick + d.act_pre_all)
    pc.ref_all_ready = max(pc.ref_all_ready, tick + d.act_ref_all)
    pc.ref_bank_ready = max(pc.ref_bank_ready, tick + d.act_ref_bank)
    group.act_ready = max(group.act_ready, tick + d.group_act_act)
    group.ref_bank_ready = max(group.ref_bank_ready, tick + d.group_act_ref_bank)
    b.act_ready = max(b.act_ready, tick + d.bank_act_act)
    b.rd_ready = max(b.rd_ready, tick + d.bank_act_rd)
    b.wr_ready = max(b.wr_ready, tick + d.bank_act_wr)
    b.pre_ready = max(b.pre_ready, tick + d.bank_act_pre)
    b.ref_ready = max(b.ref_ready, tick + d.bank_act_ref)


@inlined
def precharge_issued(m: Memory, bank: int, tick: int) -> None:
    """Hold back what may not follow a precharge of one bank at once."""
    d, b = m.dram[0], m.bank[bank]
    pc = m.pc[b.pc]
    pc.pre_ready = max(pc.pre_ready, tick + d.pre_pre)
    pc.pre_all_ready = max(pc.pre_all_ready, tick + d.pre_pre)
    pc.ref_all_ready = max(pc.ref_all_ready, tick + d.pre_ref_all)
    b.act_ready = max(b.act_ready, tick + d.bank_pre_act)
    b.ref_ready = max(b.ref_ready, tick + d.bank_pre_ref)


@inlined
def precharges_itself(m: Memory, bank: int) -> None:
    """Hold back what may not follow a column command that closes its row.

    The bank precharges as soon as it could have been, without the row bus.
    """
    d, b = m.dram[0], m.bank[bank]
    pc = m.pc[b.pc]
    pc.ref_all_ready = max(pc.ref_all_ready, b.pre_ready + d.pre_ref_all)
    b.act_ready = max(b.act_ready, b.pre_ready + d.bank_pre_act)
    b.ref_ready = max(b.ref_ready, b.pre_ready + d.bank_pre_ref)


@inlined
def precharge_all_issued(m: Memory, pc: int, tick: int) -> None:
    """Hold back what may not follow a precharge of all banks at once."""
    d, mine = m.dram[0], m.pc[pc]
    mine.act_ready = max(mine.act_ready, tick + d.pre_all_act)
    mine.pre_ready = max(mine.pre_ready, tick + d.pre_pre)
    mine.pre_all_ready = max(mine.pre_all_ready, tick + d.pre_pre)
    mine.ref_all_ready = max(mine.ref_all_ready, tick + d.pre_ref_all)


@inlined
def refresh_all_issued(m: Memory, pc: int, tick: int) -> None:
    """Hold back what may not follow a refresh of all banks at once."""
    d, mine = m.dram[0], m.pc[pc]
    mine.act_ready = max(mine.act_ready, tick + d.ref_all_act)
    mine.pre_all_ready = max(mine.pre_all_ready, tick + d.ref_all_pre_all)
    mine.ref_bank_ready = max(mine.ref_bank_ready, tick + d.ref_all_ref_bank)


@inlined
def refresh_bank_issued(m: Memory, bank: int, tick: int) -> None:
    """Hold back what may not follow a refresh of one bank at once."""
    d, b = m.dram[0], m.bank[bank]
    pc, group = m.pc[b.pc], m.group[b.group]
    pc.ref_bank_ready = max(pc.ref_bank_ready, tick + d.ref_bank_ref_bank)
    pc.act_ready = max(pc.act_ready, tick + d.ref_bank_act)
    group.act_ready = max(group.act_ready, tick + d.group_ref_bank_act)
    b.act_ready = max(b.act_ready, tick + d.bank_ref_act)


@inlined
def bank_column_ready(m: Memory, bank: int, write: int) -> int:
    """Return the tick from which a bank, its group and stack take a column command."""
    b = m.bank[bank]
    stack, group = m.stack[b.stack], m.group[b.group]
    if write == 1:
        return int(max(stack.wr_ready, group.wr_ready, b.wr_ready))
    return int(max(stack.rd_ready, group.rd_ready, b.rd_ready))


@inlined
def column_ready(m: Memory, bank: int, write: int) -> int:
    """Return the tick from which a bank with an open row takes a column command.

    The channel's column bus is not looked at.
    """
    pc = m.pc[m.bank[bank].pc]
    outer = pc.wr_ready if write == 1 else pc.rd_ready
    return int(max(outer, bank_column_ready(m, bank, write)))


@inlined
def activate_ready(m: Memory, bank: int) -> int:
    """Return the tick from which the group of a closed bank and itself can activate."""
    b = m.bank[bank]
    return int(max(m.group[b.group].act_ready, b.act_ready))


@inlined
def refresh_bank_ready(m: Memory, bank: int) -> int:
    """Return the tick from which a closed bank can be refreshed."""
    b = m.bank[bank]
    outer = max(m.pc[b.pc].ref_bank_ready, m.group[b.group].ref_bank_ready)
    return int(max(outer, b.ref_ready))


@inlined
def pairs(m: Memory, tick: int, pc: int, bank: int) -> bool:
    """Return whether a precharge may be issued on an even tick.

    bank : NONE for a precharge of all banks. The even tick that ends the last odd
    tick's row command takes one for another pseudo-channel, or of one bank after a
    command to another one.
    """
    mine = m.channel[0]
    if tick != mine.paired_tick or pc != mine.paired_pc:
        return True
    if mine.paired_bank == NONE or bank == NONE:
        return False
    return bool(bank != mine.paired_bank)
