"""The constraints of the memory standards, replayed over a log of commands.

Written apart from the scheduler: this file reads a spec's timings and a log, and
shares no table with the kernels. A command has a first and a last tick; a JEDEC timing
counts from the last tick of the one to the last tick of the other.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from accelsim.kernels.dram_tables import COMMANDS, NONE
from accelsim.kernels.tables import Rows
from accelsim.specs.hbm import HbmSpec

COLUMNS = ("RD", "WR", "RDA", "WRA")
READS, WRITES = ("RD", "RDA"), ("WR", "WRA")
# Up to eight postponed, the round in which a bank was first, the next where it is last.
MOST_LATE = 9


class Command(NamedTuple):
    tick: int
    name: str
    pc: int
    bank: int
    row: int


def commands_of(log: Rows) -> Iterator[Command]:
    for row in log:
        bank, name = int(row.bank), COMMANDS[int(row.command)]
        yield Command(int(row.tick), name, int(row.pc), bank, int(row.row))


def rules(spec: HbmSpec) -> list[tuple[str, str, str, int]]:
    """Return (before, after, scope, clock cycles) as the JEDEC tables give them."""
    t = spec.timing.cycles(spec.clock)
    write = t["cwl"] + t["bl"]
    found = [
        ("ACT", "ACT", "bank", t["rc"]),
        ("ACT", "RD", "bank", t["rcd_rd"]),
        ("ACT", "WR", "bank", t["rcd_wr"]),
        ("ACT", "PREpb", "bank", t["ras"]),
        ("PREpb", "ACT", "bank", t["rp"]),
        ("RD", "PREpb", "bank", t["rtp"]),
        ("WR", "PREpb", "bank", write + t["wr"]),
        ("REFpb", "ACT", "bank", t["rfc_pb"]),
        ("PREpb", "REFpb", "bank", t["rp"]),
        ("ACT", "REFpb", "bank", t["rc"]),
        ("ACT", "ACT", "group", t["rrd_l"]),
        ("RD", "RD", "group", t["ccd_l"]),
        ("WR", "WR", "group", t["ccd_l"]),
        ("WR", "RD", "group", write + t["wtr_l"]),
        ("RD", "RD", "stack", t["ccd_s"]),
        ("WR", "WR", "stack", t["ccd_s"]),
        ("ACT", "ACT", "pc", t["rrd_s"]),
        ("RD", "RD", "pc", t["bl"]),
        ("WR", "WR", "pc", t["bl"]),
        ("RD", "WR", "pc", t["rtw"]),
        ("WR", "RD", "pc", write + t["wtr_s"]),
        ("PREpb", "PREpb", "pc", t["ppd"]),
        ("ACT", "PREab", "pc", t["ras"]),
        ("RD", "PREab", "pc", t["rtp"]),
        ("WR", "PREab", "pc", write + t["wr"]),
        ("PREab", "ACT", "pc", t["rp"]),
        ("PREab", "REFab", "pc", t["rp"]),
        ("PREpb", "REFab", "pc", t["rp"]),
        ("ACT", "REFab", "pc", t["rc"]),
        ("REFab", "ACT", "pc", t["rfc"]),
        ("REFpb", "ACT", "pc", t["rrefd"]),
        ("ACT", "REFpb", "pc", t["rrd_s"]),
    ]
    if spec.command_bus == "half-cycle":
        found.append(("REFpb", "REFpb", "pc", t["rrefd"]))
    return found


def last_tick(spec: HbmSpec, command: str) -> int:
    """Return how many ticks after its first a command's last one is."""
    if spec.command_bus == "full-cycle":
        return 1 if command == "ACT" else 0  # an activate takes two cycles
    if command in COLUMNS:
        return 1
    return 2 if command == "ACT" else 0  # 1.5 cycles, and half a cycle


class Replay:
    """A channel's banks and what came last in each part, command by command."""

    def __init__(self, spec: HbmSpec) -> None:
        self.spec = spec
        self.ticks = spec.ticks_per_clock
        self.timing = spec.timing.cycles(spec.clock)
        self.rules = rules(spec)
        self.last: dict[tuple[str, str, int], int] = {}
        self.acts: dict[int, list[int]] = defaultdict(list)
        self.open_rows: dict[int, int] = {}
        self.closed: dict[int, int] = defaultdict(lambda: -(1 << 40))
        self.bus_free = {"row": 0, "column": 0}
        self.refreshed: dict[int, list[int]] = defaultdict(list)

    def parts(self, pc: int, bank: int) -> dict[str, int]:
        """Return the parts of the memory that a command is about."""
        if bank == NONE:
            return {"pc": pc}
        group = bank // self.spec.organisation.banks
        stack = group // self.spec.organisation.bank_groups
        return {"pc": pc, "bank": bank, "group": group, "stack": stack}

    def step(self, one: Command) -> None:
        """Refuse a command that breaks a constraint, and remember it."""
        plain = one.name[:2] if one.name in COLUMNS else one.name
        end = one.tick + last_tick(self.spec, one.name)
        where = self.parts(one.pc, one.bank)
        for before, after, scope, cycles in self.rules:
            since = self.last.get((before, scope, where.get(scope, NONE)))
            if after == plain and since is not None:
                assert end - since >= cycles * self.ticks, (one, before, scope)
        self.other_stack(one, plain, end)
        self.bus(one, end)
        if plain == "ACT":
            acts = self.acts[one.pc]
            acts.append(one.tick)
            window = self.timing["faw"] * self.ticks
            assert len(acts) < 5 or one.tick - acts[-5] >= window, one
        if one.name == "REFab":
            assert end - self.closed[one.pc] >= self.timing["rp"] * self.ticks, one
        self.rows(one)
        self.last |= {(plain, scope, part): end for scope, part in where.items()}
        if one.name in ("RDA", "WRA"):
            self.precharge_itself(one, end)
        if one.name == "REFpb":
            self.refreshed[one.bank].append(one.tick)

    def other_stack(self, one: Command, plain: str, end: int) -> None:
        """Refuse a read that follows one in another stack of dies too soon."""
        made = self.spec.organisation
        if plain != "RD":
            return
        mine = self.parts(one.pc, one.bank)["stack"]
        first = one.pc * made.stack_ids
        for stack in range(first, first + made.stack_ids):
            since = self.last.get(("RD", "stack", stack))
            if stack != mine and since is not None:
                assert end - since >= self.timing["ccd_r"] * self.ticks, one

    def bus(self, one: Command, end: int) -> None:
        """Refuse a command that overlaps another one on its bus.

        Where row commands take half cycles, only precharges go on falling edges.
        """
        bus = "column" if one.name in COLUMNS else "row"
        assert one.tick >= self.bus_free[bus], one
        self.bus_free[bus] = end + 1
        if self.spec.command_bus == "half-cycle" and one.name not in (
            *COLUMNS,
            "PREpb",
            "PREab",
        ):
            assert one.tick % 2 == 1, one

    def precharge_itself(self, one: Command, end: int) -> None:
        """Count a column command that closes its row as the precharge it makes."""
        t, bank = self.timing, one.bank
        write = t["cwl"] + t["bl"] + t["wr"]
        wait = (t["rtp"] if one.name == "RDA" else write) * self.ticks
        closes = max(end + wait, self.last["ACT", "bank", bank] + t["ras"] * self.ticks)
        self.last["PREpb", "bank", bank] = closes
        # no command on the bus, so no tPPD, but no refresh of all banks before tRP
        self.closed[one.pc] = max(self.closed[one.pc], closes)

    def rows(self, one: Command) -> None:
        """Open and close rows; refuse what the banks' states do not allow."""
        made = self.spec.organisation
        per_pc = made.stack_ids * made.bank_groups * made.banks
        mine = range(one.pc * per_pc, (one.pc + 1) * per_pc)
        if one.name == "ACT":
            assert one.bank not in self.open_rows, one
            self.open_rows[one.bank] = one.row
        elif one.name in COLUMNS:
            assert self.open_rows[one.bank] == one.row, one
            if one.name in ("RDA", "WRA"):
                del self.open_rows[one.bank]
        elif one.name == "PREpb":
            del self.open_rows[one.bank]
        elif one.name == "PREab":
            for bank in mine:
                self.open_rows.pop(bank, None)
        elif one.name == "REFab":
            assert self.open_rows.keys().isdisjoint(mine), one
        else:
            assert one.bank not in self.open_rows, one

    def refreshes_are_in_time(self) -> None:
        """Refuse a bank that waited longer for its refresh than the rules let it."""
        made, mine = self.spec.organisation, self.spec.controller
        if mine.refresh != "idle-bank":
            return
        banks = made.stack_ids * made.bank_groups * made.banks
        every = self.timing["refi"] * self.ticks // mine.refresh_rate // banks
        most = (2 * banks + MOST_LATE) * every
        for ticks in self.refreshed.values():
            gaps = [b - a for a, b in pairwise(ticks)]
            assert not gaps or max(gaps) <= most


def replay(spec: HbmSpec, log: Rows) -> None:
    """Replay a log with nothing but the standard's table and the banks' states."""
    made = Replay(spec)
    for one in commands_of(log):
        made.step(one)
    made.refreshes_are_in_time()
