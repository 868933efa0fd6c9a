"""Streams of memory requests: which address, read or write, and when each may enter.

This file knows the patterns of the reference runs of Ramulator 2.1 and the generator
of random numbers that they were made with, a variant of xoroshiro128+ (Blackman and
Vigna 2018, rotations 24, 16, 37), so that a pattern and a seed give the same requests
here and there. It knows no memory: an address is a number of so many bits.
"""

from typing import Any, TypeAlias

import numpy as np

from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import Rows

SEQUENTIAL, STRIDED, RANDOM, BLOCKS, STREAMS, RANDOM_STREAMS = range(6)
# 64 bits without a sign, which a type checker takes for no whole number.
Word: TypeAlias = Any
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@inlined
def _rotated(x: Word, left: Word, right: Word) -> Word:
    return (x << left) | (x >> right)


@inlined
def draw(state: Rows) -> Word:
    """Return the next 64 random bits; state : two words of 64 bits.

    The sum of both words modulo 2^64 is made of halves: NumPy calls the plain one an
    overflow where kernels run as plain Python.
    """
    a, b = state[0], state[1]
    low = (a & _LOW) + (b & _LOW)
    high = (a >> _HALF) + (b >> _HALF) + (low >> _HALF)
    mixed = b ^ a
    state[0] = (
        _rotated(a, np.uint64(24), np.uint64(40)) ^ mixed ^ (mixed << np.uint64(16))
    )
    state[1] = _rotated(mixed, np.uint64(37), np.uint64(27))
    return (high << _HALF) | (low & _LOW)


@inlined
def place(state: Rows, bits: int) -> Word:
    """Return a random address of so many bits."""
    return np.int64(draw(state) & np.uint64((1 << bits) - 1))


@kernel
def fill_addresses(
    pattern: int, span: int, bits: int, share: float, state: Rows,
    starts: Rows, address: Rows, write: Rows,
) -> None:  # fmt: skip
    """Fill addresses [transactions], and whether each request is a write.

    span : the stride, or the length of a block, in transactions; share : of reads,
    each drawn by itself, after the address if that is drawn; starts : the present
    address of each stream, served in turn.
    """
    mask = (1 << bits) - 1
    streams = len(starts)
    at = 0
    for i in range(len(address)):
        if pattern == SEQUENTIAL:
            at = i & mask
        elif pattern == STRIDED:
            if i > 0:
                at += span
                if at > mask:
                    # the next lap starts a transaction further on
                    at = (at + 1) & mask
        elif pattern == RANDOM:
            at = place(state, bits)
        elif pattern == BLOCKS:
            at = (at + 1) & mask if i % span else (place(state, bits) * span) & mask
        else:
            at = starts[i % streams] & mask
            starts[i % streams] += 1
        address[i] = at
        chance = float(draw(state) >> np.uint64(11)) / 9007199254740992.0
        write[i] = 1 if chance >= share else 0


@kernel
def fill_groups(group: int, reads: int, write: Rows) -> None:
    """Make the first `reads` requests of every `group` reads and the others writes."""
    for i in range(len(write)):
        write[i] = 1 if i % group >= reads else 0


@kernel
def fill_due(rate: float, due: Rows) -> None:
    """Fill the ticks at which requests may enter, at `rate` requests a tick.

    A request enters once the rate has added up to it.
    """
    credit, tick = 0.0, 0
    for i in range(len(due)):
        while credit < 1.0:
            credit += rate
            tick += 1
        credit -= 1.0
        due[i] = tick - 1
