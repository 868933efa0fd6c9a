"""A memory under traffic: bandwidth, latency and row hits of a pattern.

This file knows patterns and how a run is measured. It does not know how a controller
decides (`kernels.dram`) or what a chip does with the answer.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray

from accelsim.chip.dram import address_bits, lower, memory
from accelsim.errors import InputError, nearest
from accelsim.kernels import dram_traffic as traffic
from accelsim.kernels.dram_run import run
from accelsim.kernels.dram_tables import COMMAND, FIELDS, PLACE
from accelsim.kernels.tables import Rows
from accelsim.specs.hbm import HbmSpec

PATTERNS = {
    "sequential": traffic.SEQUENTIAL,
    "strided": traffic.STRIDED,
    "random": traffic.RANDOM,
    "blocks": traffic.BLOCKS,
    "streams": traffic.STREAMS,
    "random-streams": traffic.RANDOM_STREAMS,
}
_SIZED = ("strided", "blocks")
_STREAMED = ("streams", "random-streams")
_WORD = (1 << 64) - 1
_DISCARDED = 20  # first draws of the generator, which still show its seed
_TOTALS = ("hits", "misses", "conflicts", "activates", "refreshes")
MOST_TICKS = 2**31  # from the first request to the last: seconds
WARM_UP = 6000  # requests that leave before the measurement begins
Ticks = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is asked of a memory.

    Attributes
    ----------
    kind : str
        Key of `PATTERNS`.
    size : int
        Stride or length of a block [B], or number of streams.
    read_fraction : float
        Share of reads.
    group : int
        1 if each request is a read by chance; else reads and writes take turns in
        groups of so many requests, reads first.
    interval : float
        Ticks from one request to the next; 0 saturates the queues.
    seed : int
        Of the addresses and of what is a read.
    """

    kind: str = "sequential"
    size: int = 0
    read_fraction: float = 1.0
    group: int = 1
    interval: float = 0.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests in order: address [transactions], write (0 or 1), entry [ticks]."""

    address: Ticks
    write: Ticks
    due: Ticks


@dataclass(frozen=True, slots=True)
class Served:
    """What became of some requests: when each arrived and departed [ticks].

    Attributes
    ----------
    hits, misses, conflicts : int
        Requests by what their bank held when they were first served: their row,
        no row, or another one.
    """

    traffic: Traffic
    arrive: Ticks
    depart: Ticks
    hits: int
    misses: int
    conflicts: int
    activates: int
    refreshes: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A memory under a pattern, at rest from start to end of the measurement.

    Bandwidths in B/s, latencies of reads in s; a latency is None without reads.
    """

    requests: int
    ticks: int
    bandwidth: float
    peak: float
    latency: float | None
    latency_p50: float | None
    latency_p99: float | None
    row_hit_rate: float

    @property
    def efficiency(self) -> float:
        """Return the bandwidth as a share of the peak."""
        return self.bandwidth / self.peak


def generator(seed: int) -> Rows:
    """Return the state of the reference runs' random numbers for a seed."""
    state = np.array(
        [
            (0x9E3779B97F4A7C15 * (seed + 1)) & _WORD,
            (0xD1B54A32D192ED03 ^ (seed * 77777 + 13)) & _WORD,
        ],
        dtype=np.uint64,
    )
    for _ in range(_DISCARDED):
        traffic.draw(state)
    return state


def interleaved(spec: HbmSpec, channels: int) -> HbmSpec:
    """Return the memory with addresses that take turns over its channels.

    An order that places the channel bits itself stays as it is.

    Raises
    ------
    InputError
        More channels than a stack has, or no power of two.
    """
    most = spec.organisation.channels
    if channels > most or channels & (channels - 1):
        raise InputError(
            f"{channels} channels must be a power of two and at most the {most} of a "
            f"stack of {spec.name}"
        )
    if channels == 1 or "H" in spec.controller.order:
        return spec
    order = "H" + spec.controller.order
    controller = spec.controller.model_copy(update={"order": order})
    return spec.model_copy(update={"controller": controller})


def interval_of(spec: HbmSpec, load: float | None, channels: int) -> float:
    """Return the ticks between requests that offer a share `load` of the peak.

    0, which saturates the queues, if no load is given.
    """
    if load is None:
        return 0.0
    per_tick = channels * spec.channel_bandwidth * spec.tick
    return spec.organisation.transaction / (per_tick * load)


def requests(spec: HbmSpec, pattern: Pattern, count: int, channels: int = 1) -> Traffic:
    """Return `count` requests of a pattern.

    Raises
    ------
    InputError
        The pattern does not exist, its size does not fit the memory, or its requests
        are too far apart.
    """
    check(spec, pattern)
    check_span(count * pattern.interval, f"load: {count:,} requests")
    bits = address_bits(lower(spec, channels))
    state = generator(pattern.seed)
    address, write = np.zeros(count, np.int64), np.zeros(count, np.int64)
    span = max(pattern.size // spec.organisation.transaction, 1)
    kind = PATTERNS[pattern.kind]
    starts = _starts(pattern, bits, state)
    traffic.fill_addresses(
        kind, span, bits, pattern.read_fraction, state, starts, address, write
    )
    if pattern.group > 1:
        reads = round(pattern.read_fraction * pattern.group)
        traffic.fill_groups(pattern.group, reads, write)
    due = np.zeros(count if pattern.interval > 0 else 0, np.int64)
    if pattern.interval > 0:
        traffic.fill_due(1.0 / pattern.interval, due)
    return Traffic(address, write, due)


def _starts(pattern: Pattern, bits: int, state: Rows) -> Ticks:
    """Return where each stream starts: evenly spread, or anywhere."""
    count = pattern.size if pattern.kind in _STREAMED else 1
    if pattern.kind == "random-streams":
        return np.array([traffic.place(state, bits) for _ in range(count)], np.int64)
    return np.arange(count, dtype=np.int64) * ((1 << bits) // count)


def check(spec: HbmSpec, pattern: Pattern) -> None:
    """Refuse a pattern that means nothing for this memory."""
    if pattern.kind not in PATTERNS:
        hint = nearest(pattern.kind, PATTERNS)
        raise InputError(f"unknown pattern {pattern.kind!r}; {hint}".rstrip("; "))
    size, transaction = pattern.size, spec.organisation.transaction
    if pattern.kind in _SIZED and (size < transaction or size % transaction):
        raise InputError(
            f"{pattern.kind}: {size} B must be a multiple of the memory's "
            f"{transaction} B transactions"
        )
    if pattern.kind == "blocks" and log2(size) % 1:
        raise InputError(f"blocks: {size} B must be a power of two")
    if pattern.kind in _STREAMED and size < 1:
        raise InputError(f"{pattern.kind}: {size} must be one stream or more")
    if not 0.0 <= pattern.read_fraction <= 1.0:
        raise InputError(
            f"read fraction {pattern.read_fraction:g} must be between 0 and 1"
        )
    if pattern.group < 1:
        raise InputError(f"group {pattern.group} must be one request or more")
    if pattern.interval < 0:
        raise InputError(f"interval {pattern.interval:g} must be zero or more")


def check_span(ticks: float, what: str) -> None:
    """Refuse requests over a time that takes too long to go through."""
    if not ticks <= MOST_TICKS:
        raise InputError(f"{what} over {ticks:.3g} ticks; {MOST_TICKS:,} at most")


def serve(spec: HbmSpec, asked: Traffic, channels: int = 1) -> Served:
    """Return when each request arrived and departed; all come through one door.

    A request whose queue is full holds up those behind it, whatever their channel.
    """
    return serve_by(lower(spec, channels), asked)


def serve_by(dram: Rows, asked: Traffic) -> Served:
    """Return the same for a memory by its constraints in ticks."""
    made = memory(dram)
    arrive, depart = np.zeros_like(asked.address), np.zeros_like(asked.address)
    _run(made, asked, arrive, depart)
    return Served(asked, arrive, depart, **_totals(made))


def serve_apart(
    spec: HbmSpec, asked: Traffic, channels: int, threads: int | None = None
) -> Served:
    """Return the same where each channel has a door of its own.

    The channels then know nothing of each other and run side by side in threads: as
    many as there are cores if `threads` is None. Where requests come when they are
    due and no queue is full, both ways give the same.
    """
    dram = lower(spec, channels)
    at = FIELDS.index("channel")
    shift, mask = int(dram.shift[0, at]), int(dram.extent[0, at]) - 1
    alone = dram.copy()
    alone.channels, alone.extent[0, at] = 1, 1  # whatever the address, this channel
    mine = ((asked.address >> shift) & mask).astype(np.uint16)
    order = np.argsort(mine, kind="stable")
    ends = np.searchsorted(mine[order], np.arange(channels + 1))
    arrive, depart = np.zeros_like(asked.address), np.zeros_like(asked.address)

    def one(channel: int) -> dict[str, int]:
        who = order[ends[channel] : ends[channel + 1]]
        due = asked.due[who] if len(asked.due) else asked.due
        part = Traffic(asked.address[who], asked.write[who], due)
        came, left = np.zeros_like(part.address), np.zeros_like(part.address)
        made = memory(alone)
        _run(made, part, came, left)
        arrive[who], depart[who] = came, left
        return _totals(made)

    with ThreadPoolExecutor(threads) as pool:
        each = list(pool.map(one, range(channels)))
    totals = {name: sum(one[name] for one in each) for name in _TOTALS}
    return Served(asked, arrive, depart, **totals)


def _run(made: Rows, asked: Traffic, arrive: Ticks, depart: Ticks) -> None:
    place = np.zeros(len(asked.address), PLACE).view(np.recarray)
    log = np.zeros(0, COMMAND).view(np.recarray)
    run(made, asked.address, asked.write, asked.due, place, arrive, depart, log)


def _totals(made: Rows) -> dict[str, int]:
    return {name: int(made.channel[name].sum()) for name in _TOTALS}


def saturating(
    spec: HbmSpec, pattern: Pattern, count: int, channels: int = 1
) -> Traffic:
    """Return `count` requests and as many behind them as keep all queues full."""
    mine = spec.controller
    behind = channels * (mine.read_queue + mine.write_queue) + 1000
    return requests(spec, pattern, count + behind, channels)


def measure(
    spec: HbmSpec,
    pattern: Pattern,
    count: int = 30000,
    channels: int = 1,
    warm_up: int = WARM_UP,
) -> Measured:
    """Return bandwidth, latency and row hits of `count` requests after a warm-up.

    The clock runs from the departure of the last request of the warm-up to that of
    the last one that counts, while the queues stay as full as the pattern keeps them.
    What leaves with the last one of the warm-up belongs to the warm-up.
    """
    asked = saturating(spec, pattern, warm_up + count, channels)
    return window(spec, serve(spec, asked, channels), warm_up, count, channels)


def window(
    spec: HbmSpec, done: Served, warm_up: int, count: int, channels: int
) -> Measured:
    """Return what `count` requests show that leave after those of the warm-up."""
    order = np.sort(done.depart)
    start = int(order[warm_up - 1]) if warm_up > 0 else 0
    end = int(order[warm_up + count - 1])
    reads = (done.traffic.write == 0) & (done.depart > start) & (done.depart <= end)
    waits = (done.depart - done.arrive)[reads] * spec.tick
    some = len(waits) > 0
    first_seen = done.hits + done.misses + done.conflicts
    left = int(
        np.searchsorted(order, end, "right")
        - (start > 0) * np.searchsorted(order, start, "right")
    )
    moved = left * spec.organisation.transaction
    return Measured(
        requests=left,
        ticks=end - start,
        bandwidth=moved / ((end - start) * spec.tick),
        peak=channels * spec.channel_bandwidth,
        latency=float(np.mean(waits)) if some else None,
        latency_p50=float(np.percentile(waits, 50)) if some else None,
        latency_p99=float(np.percentile(waits, 99)) if some else None,
        row_hit_rate=done.hits / max(first_seen, 1),
    )
