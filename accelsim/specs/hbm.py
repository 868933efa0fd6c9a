"""A stack of high-bandwidth memory with its controller: organisation, timing, policy.

One stack is `channels` channels of a preset. A timing is a time, or a whole number of
clock cycles where the standard counts in cycles; the names are those of the JEDEC
standards (JESD235, JESD238, JESD270) without their t or n.
"""

from collections.abc import Iterator
from datetime import date
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from accelsim.specs.figure import (
    BitRate,
    Energy,
    EnergyPerBit,
    Figure,
    Fraction,
    MoneyByByte,
    NamedSpec,
    Power,
    Spec,
    read_figure,
)

MOST_CYCLES = 1_000_000  # between refreshes; a run of more would not end
# Address fields from the least significant bit up: how an address order is written.
ORDER_LETTERS = {
    "P": "pseudo_channel",
    "G": "bank_group",
    "C": "column",
    "B": "bank",
    "S": "stack",
    "R": "row",
    "H": "channel",
}


def _clocked(raw: Any) -> Figure:
    """Return a time, or a count of clock cycles if it is written without a unit."""
    value = raw.get("value") if isinstance(raw, dict) else raw
    bare = isinstance(value, int) and not isinstance(value, bool)
    figure = read_figure(raw, "count" if bare else "time")
    if figure.value < 0:
        raise ValueError(f"{figure.text!r} must be zero or more")
    return figure


Clocked = Annotated[Figure, BeforeValidator(_clocked)]
PowerOfTwo = Annotated[int, Field(gt=0)]


class Organisation(Spec):
    """What a stack is made of.

    Attributes
    ----------
    channels : int
        Of a stack.
    pseudo_channels : int
        Of a channel; they share its command buses and have half its data pins each.
    stack_ids : int
        Groups of dies that share the pins of a pseudo-channel (SID).
    bank_groups, banks : int
        Groups of a stack id, and banks of a group.
    rows, columns : int
        Of a bank; a column is one transaction.
    transaction : int
        Bytes of a read or write command.
    """

    channels: PowerOfTwo
    pseudo_channels: PowerOfTwo
    stack_ids: PowerOfTwo
    bank_groups: PowerOfTwo
    banks: PowerOfTwo
    rows: PowerOfTwo
    columns: PowerOfTwo
    transaction: PowerOfTwo

    @field_validator("*")
    @classmethod
    def _power_of_two(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError(f"{value} must be a power of two: address bits choose it")
        return value

    def extents(self) -> dict[str, int]:
        """Return how many values each field of an address has, one channel apart."""
        return {
            "pseudo_channel": self.pseudo_channels,
            "bank_group": self.bank_groups,
            "column": self.columns,
            "bank": self.banks,
            "stack": self.stack_ids,
            "row": self.rows,
        }


class Timing(Spec):
    """Constraints between commands; `bl` is the burst on the data bus."""

    bl: Clocked
    cl: Clocked
    cwl: Clocked
    rcd_rd: Clocked
    rcd_wr: Clocked
    rp: Clocked
    ras: Clocked
    rc: Clocked
    wr: Clocked
    rtp: Clocked
    ccd_s: Clocked
    ccd_l: Clocked
    ccd_r: Clocked | None = None
    rrd_s: Clocked
    rrd_l: Clocked
    faw: Clocked
    wtr_s: Clocked
    wtr_l: Clocked
    rtw: Clocked
    ppd: Clocked | None = None
    rfc: Clocked
    rfc_pb: Clocked
    rrefd: Clocked
    refi: Clocked
    refi_pb: Clocked

    def cycles(self, clock: float) -> dict[str, int]:
        """Return every timing in whole cycles of `clock` [Hz]; absent ones are 0."""
        return {name: _cycles(value, clock) for name, value in self._each()}

    def _each(self) -> Iterator[tuple[str, Figure | None]]:
        for name in type(self).model_fields:
            yield name, getattr(self, name)


def _cycles(figure: Figure | None, clock: float) -> int:
    if figure is None:
        return 0
    if figure.dimension == "count":
        return int(figure.value)
    # a time that is a whole number of cycles must not gain one by rounding of floats
    return ceil(figure.value * clock - 1e-6)


class Controller(Spec):
    """The memory controller of a channel.

    Attributes
    ----------
    order : str
        Address fields from the least significant bit, letters of `ORDER_LETTERS`.
    bank_hash : bool
        Whether bank group, bank and pseudo-channel are XORed with low row bits.
    scheduler : str
        FRFCFS-RowHit keeps a row open while an older request still hits it.
    page : str
        open: rows stay open; closed: a row that no queued request wants closes behind
        the last one that did (auto-precharge).
    refresh : str
        per-bank is the reference's, in which what is due stops all requests;
        idle-bank refreshes banks that no request waits for, and lets eight wait.
    refresh_rate : int
        2 or 4 above the normal range of temperature: refreshes come so much faster.
    ecc : str
        sideband: check bits have pins and cells of their own, and cost nothing here;
        inline: they lie in the last eighth of the memory and are read and written too.
    write_high, write_low : fraction
        Shares of the write queue at which writes start and end to drain.
    """

    order: str
    bank_hash: bool = False
    scheduler: Literal["FRFCFS", "FRFCFS-RowHit"] = "FRFCFS-RowHit"
    page: Literal["open", "closed"] = "open"
    refresh: Literal["all-bank", "per-bank", "idle-bank", "none"] = "all-bank"
    refresh_rate: Literal[1, 2, 4] = 1
    ecc: Literal["sideband", "inline", "none"] = "sideband"
    read_queue: int = Field(gt=0)
    write_queue: int = Field(gt=0)
    write_high: Fraction
    write_low: Fraction

    @field_validator("order")
    @classmethod
    def _known_letters(cls, order: str) -> str:
        needed = set(ORDER_LETTERS) - {"S", "H"}
        if len(set(order)) != len(order) or not needed <= set(order) <= set(
            ORDER_LETTERS
        ):
            raise ValueError(
                f"{order!r} must hold each of {', '.join(sorted(needed))} once, and "
                "may hold S and H"
            )
        return order


class Energies(Spec):
    """What the parts of an access cost, and what the memory takes at rest.

    Attributes
    ----------
    activate : energy
        Of one activate of a row in a pseudo-channel, and its precharge.
    movement : energy per bit
        From the row's amplifiers to the pins of the stack, or back.
    io : energy per bit
        Over the pins to the processor.
    refresh : energy
        Of one refresh of all banks of a pseudo-channel.
    background : power
        Of a channel that is open and idle.
    """

    activate: Energy
    movement: EnergyPerBit
    io: EnergyPerBit
    refresh: Energy
    background: Power


class MemoryPrice(Spec):
    """Price of the memory by its bytes, at a date."""

    date: date
    usd: MoneyByByte


class HbmSpec(NamedSpec):
    """A stack of memory and the controllers of its channels.

    Attributes
    ----------
    bits_per_clock : int
        Bits that a data pin carries in a cycle of the command clock.
    command_bus : str
        full-cycle (HBM2): one row and one column command a cycle; half-cycle (HBM3,
        HBM4): row commands take half cycles, precharges may go on either edge.
    prices : tuple of MemoryPrice
        By date, oldest first.
    """

    generation: Literal["HBM2", "HBM2E", "HBM3", "HBM3E", "HBM4"]
    pin_rate: BitRate
    bits_per_clock: Literal[2, 4]
    command_bus: Literal["full-cycle", "half-cycle"]
    organisation: Organisation
    timing: Timing
    controller: Controller
    energy: Energies | None = None
    prices: tuple[MemoryPrice, ...] = ()

    @property
    def clock(self) -> float:
        """Return the frequency of the command clock [Hz]."""
        return self.pin_rate.value / self.bits_per_clock

    @property
    def ticks_per_clock(self) -> int:
        """Return the ticks of the controller in a clock cycle."""
        return 2 if self.command_bus == "half-cycle" else 1

    @property
    def tick(self) -> float:
        """Return the length of a tick [s]."""
        return 1.0 / (self.clock * self.ticks_per_clock)

    @property
    def channel_bandwidth(self) -> float:
        """Return the peak bandwidth of a channel [B/s]: a burst after the other."""
        burst = self.timing.cycles(self.clock)["bl"]
        parts = self.organisation.pseudo_channels * self.organisation.transaction
        return parts * self.clock / burst

    @property
    def bandwidth(self) -> float:
        """Return the peak bandwidth of a stack [B/s]."""
        return self.organisation.channels * self.channel_bandwidth

    @property
    def capacity(self) -> float:
        """Return the capacity of a stack [B]."""
        bytes_ = float(self.organisation.channels * self.organisation.transaction)
        for extent in self.organisation.extents().values():
            bytes_ *= extent
        return bytes_

    @model_validator(mode="after")
    def _checked(self) -> "HbmSpec":
        self.check_cycles()
        return self

    def check_cycles(self) -> None:
        """Refuse timings that at this clock leave no time between refreshes."""
        cycles = self.timing.cycles(self.clock)
        every = cycles["refi"] // self.controller.refresh_rate
        if every > MOST_CYCLES:
            raise ValueError(
                f"timing.refi: {self.timing.refi.text} is more than {MOST_CYCLES:,} "
                "clock cycles"
            )
        each = (self.timing.cycles(self.clock).items()) - {("refi", cycles["refi"])}
        name, longest = max(each, key=lambda pair: pair[1])
        if 2 * longest > every:
            raise ValueError(
                f"timing.{name}: {longest:,} clock cycles must be at most half of the "
                f"{every:,} between refreshes"
            )
        if cycles["refi_pb"] // self.controller.refresh_rate < 2 * cycles["rrefd"]:
            raise ValueError("timing.refi_pb must be twice rrefd or more")
        if min(cycles["bl"], cycles["ccd_s"], cycles["rc"]) < 1:
            raise ValueError("timing: bl, ccd_s and rc must be one clock cycle or more")

    @model_validator(mode="after")
    def _stacks_are_addressed(self) -> "HbmSpec":
        if self.organisation.stack_ids > 1 and "S" not in self.controller.order:
            raise ValueError(
                "controller.order must hold S: there are several stack ids"
            )
        return self
