"""From a memory's spec to the tables of its kernel.

This file knows which named timing stands behind each constraint between two commands.
A command counts from its first cycle, a JEDEC timing from its last: so a constraint
is longer by the cycles of the command before it, shorter by those of the one after.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from accelsim.errors import InputError
from accelsim.kernels import dram_tables as tables
from accelsim.kernels.tables import Rows
from accelsim.specs.hbm import ORDER_LETTERS, HbmSpec

_REFRESH = {
    "none": tables.NO_REFRESH,
    "all-bank": tables.ALL_BANK,
    "per-bank": tables.PER_BANK,
    "idle-bank": tables.IDLE_BANK,
}
_HASHED = ("bank_group", "bank", "pseudo_channel")


def lower(spec: HbmSpec, channels: int = 1) -> Rows:
    """Return the DRAM row of `channels` channels of a stack."""
    return _lowered(spec, channels).copy()


@lru_cache(maxsize=256)
def _lowered(spec: HbmSpec, channels: int) -> Rows:
    check(spec)
    row = np.zeros(1, tables.DRAM).view(np.recarray)
    per_clock = spec.ticks_per_clock
    ticks = {k: v * per_clock for k, v in spec.timing.cycles(spec.clock).items()}
    values = {
        **_organisation(spec, channels),
        **_controller(spec, ticks),
        **_within_channel(spec, ticks),
        **_within_bank(ticks, _act_extra(spec), per_clock - 1),
    }
    for name, value in values.items():
        row[name] = value
    _address(row, spec, channels)
    return row


def _organisation(spec: HbmSpec, channels: int) -> dict[str, int]:
    made = spec.organisation
    return {
        "channels": channels,
        "pseudo_channels": made.pseudo_channels,
        "stacks": made.stack_ids,
        "groups": made.bank_groups,
        "banks": made.banks,
    }


def _controller(spec: HbmSpec, t: dict[str, int]) -> dict[str, int]:
    mine = spec.controller
    # single precision, like the reference: 0.8 of 40 writes is 32, not 32.000001
    high = np.float32(mine.write_high.value) * np.float32(mine.write_queue)
    low = np.float32(mine.write_low.value) * np.float32(mine.write_queue)
    return {
        "half_ticks": int(spec.command_bus == "half-cycle"),
        "row_hit_first": int(mine.scheduler == "FRFCFS-RowHit"),
        "read_queue": mine.read_queue,
        "write_queue": mine.write_queue,
        "write_above": int(np.floor(high)),
        "write_below": max(1, int(np.ceil(low))),  # a drained queue ends it at last
        "refresh": _REFRESH[mine.refresh],
        "close_page": int(mine.page == "closed"),
        "refresh_every": _refresh_every(spec, t) // mine.refresh_rate,
        "refresh_set": t["rfc_pb"],
        "latency": t["cl"] + t["bl"],
    }


def _refresh_every(spec: HbmSpec, t: dict[str, int]) -> int:
    """Return the ticks between refreshes of a pseudo-channel, or of one of its banks.

    The reference's per-bank interval is a timing of its own; a refresh of idle banks
    reaches each bank once in tREFI.
    """
    made = spec.organisation
    return {
        "per-bank": t["refi_pb"],
        "idle-bank": t["refi"] // (made.stack_ids * made.bank_groups * made.banks),
    }.get(spec.controller.refresh, t["refi"])


def _act_extra(spec: HbmSpec) -> int:
    """Return the ticks of an activate beyond its first: 2 cycles, or 1.5 of two."""
    return spec.ticks_per_clock


def _within_channel(spec: HbmSpec, t: dict[str, int]) -> dict[str, int]:
    act, column = _act_extra(spec), spec.ticks_per_clock - 1
    half = spec.command_bus == "half-cycle"
    four = spec.generation == "HBM4"
    to_pre = t["cwl"] + t["bl"] + t["wr"] + column
    burst = max(t["bl"], 0 if half else t["ccd_s"])
    return {
        "act_bus": 1 + act,
        "column_bus": 1 + column,
        "rd_rd": burst,
        "wr_wr": burst,
        "rd_wr": t["rtw"],
        "wr_rd": t["cwl"] + t["bl"] + t["wtr_s"],
        "rd_pre_all": t["rtp"] + column,
        "wr_pre_all": to_pre,
        "act_act": t["rrd_s"],
        "four_act": t["faw"],
        "act_pre_all": t["ras"] + act,
        "pre_all_act": t["rp"] - act,
        "pre_pre": t["ppd"],
        "act_ref_all": t["rc"] + act,
        "pre_ref_all": t["rp"],
        "ref_all_act": t["rfc"] - act,
        "ref_all_pre_all": t["rfc"],
        "ref_all_ref_bank": t["rfc"] if four else 0,
        "ref_bank_ref_bank": t["rrefd"] if half else 0,
        "ref_bank_act": t["rrefd"] - act,
        "act_ref_bank": t["rrd_s"] + act,
        "stack_rd_rd": t["ccd_s"],
        "stack_wr_wr": t["ccd_s"],
        "other_stack_rd_rd": t["ccd_r"],
        "group_rd_rd": t["ccd_l"],
        "group_wr_wr": t["ccd_l"],
        "group_wr_rd": t["cwl"] + t["bl"] + t["wtr_l"],
        "group_act_act": t["rrd_l"],
        "group_act_ref_bank": t["rrd_l"] + act if four else 0,
        "group_ref_bank_act": t["rrd_l"] - act if four else 0,
    }


def _within_bank(t: dict[str, int], act: int, column: int) -> dict[str, int]:
    return {
        "bank_act_act": t["rc"],
        "bank_act_rd": t["rcd_rd"] + act - column,
        "bank_act_wr": t["rcd_wr"] + act - column,
        "bank_act_pre": t["ras"] + act,
        "bank_pre_act": t["rp"] - act,
        "bank_rd_pre": t["rtp"] + column,
        "bank_wr_pre": t["cwl"] + t["bl"] + t["wr"] + column,
        "bank_ref_act": t["rfc_pb"] - act,
        "bank_act_ref": t["rc"] + act,
        "bank_pre_ref": t["rp"],
    }


def _address(row: Rows, spec: HbmSpec, channels: int) -> None:
    """Place the fields of an address, and the row bits that hash the banks."""
    extents = {**spec.organisation.extents(), "channel": channels}
    row.extent, row.hash_from = 1, -1  # one value, not hashed
    at = 0
    for letter in spec.controller.order:
        name = ORDER_LETTERS[letter]
        index = tables.FIELDS.index(name)
        row.shift[0, index] = at
        row.extent[0, index] = extents[name]
        at += extents[name].bit_length() - 1
    if not spec.controller.bank_hash:
        return
    low = 0
    for name in _HASHED:
        row.hash_from[0, tables.FIELDS.index(name)] = low
        low += extents[name].bit_length() - 1


def address_bits(row: Any) -> int:
    """Return the bits of a transaction's address."""
    return int(sum(int(extent).bit_length() - 1 for extent in row.extent[0]))


def check(spec: HbmSpec) -> None:
    """Refuse a memory that a channel's tables have no room for.

    Raises
    ------
    InputError
        Too many parts, or queues too long.
    """
    made, mine = spec.organisation, spec.controller
    stacks = made.pseudo_channels * made.stack_ids
    groups = stacks * made.bank_groups
    for what, count, most in (
        ("pseudo-channels", made.pseudo_channels, tables.MAX_PCS),
        ("stack ids", stacks, tables.MAX_STACKS),
        ("bank groups", groups, tables.MAX_GROUPS),
        ("banks", groups * made.banks, tables.MAX_BANKS),
        ("queued requests", mine.read_queue + mine.write_queue, tables.MAX_QUEUED),
    ):
        if count > most:
            raise InputError(
                f"hbm {spec.name}: {count} {what} in a channel; at most {most}"
            )


def memory(dram: Rows) -> Rows:
    """Return an idle memory, a row a channel: banks closed, queues empty."""
    return _idle(dram.tobytes()).copy()


@lru_cache(maxsize=8)
def _idle(row: bytes) -> Rows:
    dram = np.frombuffer(row, tables.DRAM).view(np.recarray)
    made = np.zeros(int(dram[0].channels), tables.MEMORY).view(np.recarray)
    d = dram[0]
    banks = int(d.pseudo_channels * d.stacks * d.groups * d.banks)
    index = np.arange(tables.MAX_BANKS)
    made.dram[:] = dram
    made.channel["number"][:, 0] = np.arange(len(made))
    made.channel["free"], made.channel["wake"] = tables.MAX_ENTRIES, 1
    made.channel["refresh_at"] = d.refresh_every
    made.channel["paired_tick"] = tables.NONE
    made.bank["group"] = index // int(d.banks)
    made.bank["stack"] = made.bank["group"] // int(d.groups)
    made.bank["pc"] = made.bank["stack"] // int(d.stacks)
    made.bank["row"] = made.bank["active"] = tables.NONE
    made.bank["group"][:, banks:] = tables.NONE  # none such
    for name in ("first", "last", "hit", "miss"):
        made.lane[name] = tables.NONE
    made.node["list"] = made.waiting["first"] = made.waiting["last"] = tables.NONE
    made.pc["target"] = tables.NONE
    made.pc["left"] = banks // int(d.pseudo_channels)
    made.free[:] = np.arange(tables.MAX_ENTRIES)
    return made
