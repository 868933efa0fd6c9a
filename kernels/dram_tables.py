"""The tables of a memory channel: what it may do, and where each of its parts stands.

A time is a whole number of ticks: a clock cycle (HBM2), or half of one (HBM3, HBM4,
whose row commands take half cycles). A constraint is the least number of ticks from
the tick of one command to the tick of another; 0 binds nothing. A row of
MEMORY is one channel with all its tables; every index is of the channel's own.

Constraints follow JESD235, JESD238 and JESD270 as the memory standards of Ramulator
2.1 state them (CMU-SAFARI/ramulator2@c5b1c3a, python/ramulator/dram/hbm[234].py).
"""

from typing import TypeAlias

import numpy as np

from accelsim.kernels.tables import Record

NO_REFRESH, ALL_BANK, PER_BANK, IDLE_BANK = range(4)  # dram.refresh
READ, WRITE = range(2)  # queues
HIT, ACTIVATE, PRECHARGE = range(3)  # what a lane waits for
N_WAITS = 3
RD, WR, ACT, PRE, PRE_ALL, REF_ALL, REF_BANK, RD_PRE, WR_PRE = range(9)  # commands
COMMANDS = ("RD", "WR", "ACT", "PREpb", "PREab", "REFab", "REFpb", "RDA", "WRA")
NONE = 0xFFFFFFFF
NEVER = 1 << 60  # a tick that no run reaches
FIELDS = ("pseudo_channel", "bank_group", "column", "bank", "stack", "row", "channel")
N_FIELDS = len(FIELDS)
LAST_ACTIVATES = 4  # tFAW: this many activates in its window
POSTPONED = 8  # refreshes of one bank that may wait
FILTER = 1024  # buckets that say which write addresses cannot be queued

ORGANISATION = ("channels", "pseudo_channels", "stacks", "groups", "banks")
CONTROLLER = (
    "half_ticks",  # 1: columns and all row commands but precharges on odd ticks only
    "row_hit_first",  # 1: no precharge while an older request still hits the row
    "close_page",  # 1: a row that no queued request wants closes behind the last one
    "read_queue",
    "write_queue",
    "write_above",  # more queued writes than this start to drain
    "write_below",  # fewer than this end it
    "refresh",
    "refresh_every",  # ticks from one refresh to the next, of all or of one bank
    "refresh_set",  # ticks from a stack's last bank refreshed to its next first
    "latency",  # of a read: from its command to its last data
)
CONSTRAINTS = (
    # buses of a channel
    "act_bus",
    "column_bus",
    # of a pseudo-channel
    "rd_rd",
    "wr_wr",
    "rd_wr",
    "wr_rd",
    "rd_pre_all",
    "wr_pre_all",
    "act_act",
    "four_act",
    "act_pre_all",
    "pre_all_act",
    "pre_pre",
    "act_ref_all",
    "pre_ref_all",
    "ref_all_act",
    "ref_all_pre_all",
    "ref_all_ref_bank",
    "ref_bank_ref_bank",
    "ref_bank_act",
    "act_ref_bank",
    # of a stack, and from a read in another stack
    "stack_rd_rd",
    "stack_wr_wr",
    "other_stack_rd_rd",
    # of a bank group
    "group_rd_rd",
    "group_wr_wr",
    "group_wr_rd",
    "group_act_act",
    "group_act_ref_bank",
    "group_ref_bank_act",
    # of a bank
    "bank_act_act",
    "bank_act_rd",
    "bank_act_wr",
    "bank_act_pre",
    "bank_pre_act",
    "bank_rd_pre",
    "bank_wr_pre",
    "bank_ref_act",
    "bank_act_ref",
    "bank_pre_ref",
)


def _indices(*names: str) -> list[tuple[str, str]]:
    return [(name, "u4") for name in names]


def _counts(*names: str) -> list[tuple[str, str]]:
    return [(name, "i8") for name in names]


# A memory with its controller: one row.
DRAM = np.dtype(
    [
        *_counts(*ORGANISATION, *CONTROLLER, *CONSTRAINTS),
        # address bits of a transaction: where each field starts, how many values it
        # has, and where the row bits start that are XORed into it (none: -1)
        ("shift", "i8", (N_FIELDS,)),
        ("extent", "i8", (N_FIELDS,)),
        ("hash_from", "i8", (N_FIELDS,)),
    ]
)

CHANNEL = np.dtype(
    _indices(
        "active",  # requests whose row was opened for them
        "free",  # unused entries
    )
    + _counts(
        "number",
        "logs",  # 1 if its commands are noted
        "issued",  # commands of the present tick that were
        "wake",  # tick before which nothing can be issued
        "writing",  # 1 while writes drain
        "queued_reads",
        "queued_writes",
        "active_from",  # tick before which none of them is ready
        "promoted",  # requests that ever were
        "served",  # request of the last column command
        "departs",  # tick at which it does
        "column_ready",
        "row_ready",
        # the row command of the last odd tick, which limits one even tick after it
        "paired_tick",
        "paired_command",
        "paired_pc",
        "paired_bank",
        # refresh: when the next is due, and what waits to be done
        "refresh_at",
        "refresh_stack",
        "refresh_bank",
        "refresh_pc",  # pseudo-channels that the present one still has to reach
        "due_first",
        "due_count",
        # what was done
        "hits",
        "misses",
        "conflicts",
        "activates",
        "refreshes",
    )
)

PSEUDO_CHANNEL = np.dtype(
    [
        *_counts(
            "rd_ready",
            "wr_ready",
            "act_ready",
            "pre_ready",
            "pre_all_ready",
            "ref_all_ready",
            "ref_bank_ready",
            "active",
            "open",
            "owed",  # refreshes of one bank that wait, where they may
            "target",  # bank that the next of them is for
            "lap",  # times that all banks have been refreshed
            "left",  # banks that this lap still has to reach
        ),
        ("last_act", "i8", (LAST_ACTIVATES,)),
        ("acts", "i8"),
    ]
)

# A stack in a pseudo-channel, and a bank group in a stack.
STACK = np.dtype(_counts("rd_ready", "wr_ready", "refreshed", "refresh_from"))
GROUP = np.dtype(_counts("rd_ready", "wr_ready", "act_ready", "ref_bank_ready"))

BANK = np.dtype(
    _indices(
        "pc",
        "stack",
        "group",
        "active",  # entry that its row was opened for, or NONE
        "active_at",  # place in the channel's list of them
    )
    + _counts(
        "row",  # that is open, or NONE
        "rd_ready",
        "wr_ready",
        "act_ready",
        "pre_ready",
        "ref_ready",
        "lap",  # in which it was last refreshed
        "held",  # 1 while its refresh may not wait: it serves no request
    )
)

# The requests of one queue to one bank, in order of arrival; row 2 bank + queue.
LANE = np.dtype(
    _indices(
        "first",
        "last",
        "hit",  # first entry of the open row
        "miss",  # first of another row
    )
)

# A lane's place in a list, of column commands (row 2 lane) and of row commands (the row
# after it). A list is in order of age, the number of a request.
NODE = np.dtype(_indices("list", "next", "previous") + _counts("age"))
WAITING = np.dtype(_indices("first", "last") + _counts("not_before"))

ENTRY = np.dtype(
    _indices("bank", "write", "next", "previous")
    + _counts("request", "arrive", "row", "order", "counted", "address")
)

# Where a transaction lies.
PLACE = np.dtype([("channel", "u2"), ("bank", "u2"), ("row", "u4")])

# Commands in the order in which they were issued.
COMMAND = np.dtype(_counts("tick", "command", "channel", "pc", "bank", "row"))

# What a channel has room for. A channel is one record of fixed size, so that a kernel
# is handed one address and is compiled once for all memories.
MAX_PCS = 4
MAX_STACKS = 16
MAX_GROUPS = 64
MAX_BANKS = 128
MAX_QUEUED = 384  # reads and writes
MAX_DUE = 1568  # refreshes that wait: what Ramulator 2.1 allows
MAX_ENTRIES = MAX_QUEUED + MAX_BANKS

# Every table of a channel. `waiting` has the lists of lanes (rows 3 (2 pc + queue) +
# what they wait for) and `node` their members; `active` the banks that have an active
# request; `free` the unused entries; `due` is a ring of banks (or pseudo-channels) to
# refresh; `queued` counts the queued writes whose address is of each bucket.
MEMORY = np.dtype(
    [
        ("dram", DRAM, (1,)),
        ("channel", CHANNEL, (1,)),
        ("issued", COMMAND, (2,)),
        ("pc", PSEUDO_CHANNEL, (MAX_PCS,)),
        ("stack", STACK, (MAX_STACKS,)),
        ("group", GROUP, (MAX_GROUPS,)),
        ("bank", BANK, (MAX_BANKS,)),
        ("lane", LANE, (2 * MAX_BANKS,)),
        ("entry", ENTRY, (MAX_ENTRIES,)),
        ("node", NODE, (4 * MAX_BANKS,)),
        ("waiting", WAITING, (2 * N_WAITS * MAX_PCS,)),
        ("active", "u4", (MAX_BANKS,)),
        ("free", "u4", (MAX_ENTRIES,)),
        ("due", "i8", (MAX_DUE,)),
        ("queued", "i8", (FILTER,)),
    ]
)
Memory: TypeAlias = Record  # of dtype MEMORY
