"""The memory traffic that operators make: turns of contiguous bytes, read or written.

This file knows how an operator walks its tensors. It does not know a memory's timings
(`dram`) or what comes of its requests (`memory`, `surface`).

An operator's traffic is a number of streams that take turns. In its turn a stream moves
`turn` bytes on end, as one channel sees them; blocks of several turns lie anywhere, as
an allocator and a hashed address map place them. All bytes of a turn go one way: what a
cache or a scratchpad gathers before it writes is its turn, so that writes come grouped.
"""

from dataclasses import dataclass

import numpy as np

from accelsim.chip.dram import address_bits, lower
from accelsim.chip.memory import Traffic, generator
from accelsim.errors import InputError
from accelsim.kernels import dram_streams, dram_traffic
from accelsim.specs.hbm import HbmSpec

KIB = 1024
OPTIMIZER_TURN = 64 * KIB  # a core's share of a fused update, front to back
LANDING_TURN = 4 * KIB  # a network packet of an all-gather


@dataclass(frozen=True, slots=True)
class Streams:
    """Traffic of an operator as one channel sees it.

    Attributes
    ----------
    turn : float
        Contiguous bytes that a stream moves before the next one has its turn.
    read_fraction : float
        Share of turns that read.
    count : int
        Streams that take turns and go on where they were; 1 if each turn is somewhere
        else.
    load : float or None
        Requests offered, as a share of the peak; None for as many as fit.
    """

    turn: float
    read_fraction: float
    count: int = 1
    load: float | None = None


def product(
    inner: int, element: float, tile: tuple[int, int, int], together: int
) -> Streams:
    """Return the traffic of a matrix product with `inner` terms in each sum.

    tile : rows, columns and inner length of a tile; together : tiles that run side by
    side. They form a square and share their panels of both operands through the cache:
    of a square with side s, s panels of each operand are read and s^2 tiles written. A
    turn is an operand's tile, stored on end or in lines that share a DRAM row.
    """
    side = max(together, 1) ** 0.5
    read = side * (tile[0] + tile[1]) * inner
    written = side**2 * tile[0] * tile[1]
    turn = min(tile[0], tile[1]) * tile[2] * element
    return Streams(turn, read / (read + written))


def attention_blocks(
    tokens: int, queries: int, size: int, element: float, block: int = 128
) -> Streams:
    """Return the traffic of attention over `tokens` keys and values of a head.

    queries : tokens that share each block of keys and values; size : of a head; block :
    tokens of a block, which is a turn. Queries are read once, outputs written once.
    """
    return Streams(block * size * element, 1.0 - queries / (2.0 * (tokens + queries)))


def optimizer_update(reads: int = 4, writes: int = 4) -> Streams:
    """Return the traffic of an update: so many tensors read, so many written.

    Adam in full precision reads weights, gradient and two moments, and writes weights
    in two precisions and the moments: 1:1.
    """
    return Streams(OPTIMIZER_TURN, reads / (reads + writes))


def copy(turn: float = OPTIMIZER_TURN) -> Streams:
    """Return the traffic of a copy: half of it reads."""
    return Streams(turn, 0.5)


def read_only(turn: float = OPTIMIZER_TURN) -> Streams:
    """Return the traffic of streaming weights."""
    return Streams(turn, 1.0)


def landing_while_reading(landing: float, turn: float = OPTIMIZER_TURN) -> Streams:
    """Return an all-gather that lands while compute reads; landing : share of bytes.

    Both take turns of a packet's length: the network writes as packets come.
    """
    return Streams(min(LANDING_TURN, turn), 1.0 - landing)


def stream_requests(
    spec: HbmSpec, streams: Streams, count: int, seed: int = 1, channels: int = 1
) -> Traffic:
    """Return `count` requests of an operator's traffic.

    Raises
    ------
    InputError
        A turn shorter than a transaction, or a share that is none.
    """
    transaction = spec.organisation.transaction
    if streams.turn < transaction:
        raise InputError(
            f"turn {streams.turn:g} B must be at least the memory's {transaction} B "
            "transaction"
        )
    if not 0.0 <= streams.read_fraction <= 1.0 or streams.count < 1:
        raise InputError("streams: a read fraction of 0 to 1 and one stream or more")
    chunk = max(round(streams.turn / transaction), 1)
    # streams that go on where they were move blocks of many turns
    block = chunk if streams.count == 1 else chunk * max(2048 // chunk, 1)
    address, write = np.zeros(count, np.int64), np.zeros(count, np.int64)
    at, left, kind = np.zeros((3, streams.count), np.int64)
    bits = address_bits(lower(spec, channels))
    dram_streams.fill_turns(
        *(block, chunk, streams.read_fraction, bits, generator(seed)),
        *(at, left, kind, address, write),
    )
    due = np.zeros(0, np.int64)
    if streams.load is not None:
        due = np.zeros(count, np.int64)
        per_tick = channels * spec.channel_bandwidth * spec.tick / transaction
        dram_traffic.fill_due(streams.load * per_tick, due)
    return Traffic(address, write, due)
