"""Streams that take turns, and check bits that lie in the memory."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accelsim.chip.memory import generator
from accelsim.kernels.dram_streams import fill_turns, with_check_bits

BITS = 14


def turns(
    block: int, chunk: int, share: float, streams: int, count: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    address, write = np.zeros(count, np.int64), np.zeros(count, np.int64)
    at, left, kind = np.zeros((3, streams), np.int64)
    state = generator(1)
    fill_turns(block, chunk, share, BITS, state, at, left, kind, address, write)
    return address, write


@given(st.integers(1, 40), st.integers(1, 5), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_a_stream_breaks_off_only_where_a_block_ends(
    chunk: int, streams: int, share: float
) -> None:
    address, write = turns(2 * chunk, chunk, share, streams)
    assert (address >= 0).all()
    assert (address < 1 << BITS).all()
    whole = 1 << (2 * chunk - 1).bit_length()
    for stream in range(streams):
        turn = np.arange(len(address)) // chunk % streams == stream
        mine, kinds = address[turn], write[turn]
        on = np.diff(mine) == 1
        # another block begins at a multiple of the power of two that holds one
        assert (mine[1:][~on] % whole == 0).all()
        assert (np.diff(kinds)[on & (mine[1:] % whole != 0)] == 0).all()


def test_one_stream_moves_block_after_block() -> None:
    address, write = turns(8, 8, 0.5, 1)
    breaks = np.flatnonzero(np.diff(address) != 1) + 1
    # the first block is begun midway, the others are whole and aligned
    assert (np.diff(breaks) % 8 == 0).all()
    assert (address[breaks] % 8 == 0).all()
    kinds = write[breaks]
    assert 0.4 < kinds.mean() < 0.6


def test_shares_are_those_asked_for() -> None:
    for share in (0.0, 0.25, 0.75, 1.0):
        _, write = turns(4, 4, share, 1, 4000)
        assert abs((1.0 - write.mean()) - share) < 0.02


def test_streams_go_on_where_they_were() -> None:
    address, _ = turns(64, 4, 1.0, 2, 64)
    mine = address.reshape(-1, 4)[::2].ravel()[:32]
    assert (np.diff(mine) == 1).sum() >= 30


def with_bits(
    address: list[int], write: list[int], slots: int = 4
) -> tuple[list[int], list[int], list[int]]:
    most = 3 * len(address)
    out, kind, origin = np.zeros((3, most), np.int64)
    used = with_check_bits(
        *(8, 896, np.array(address), np.array(write), np.full(slots, -1)),
        *(out, kind, origin),
    )
    return out[:used].tolist(), kind[:used].tolist(), origin[:used].tolist()


def test_check_bits_cost_an_eighth_of_a_sequence() -> None:
    out, kind, origin = with_bits(list(range(64)), [0] * 64)
    assert len(out) == 64 + 8
    assert sum(kind) == 0
    assert [i for i in origin if i >= 0] == list(range(64))
    assert all(a >= 896 for a, i in zip(out, origin, strict=True) if i < 0)


def test_check_bits_of_a_write_are_fetched_and_stored() -> None:
    # by hand: address 10 is covered by check transaction 896 + 10 // 8
    assert with_bits([10], [1]) == ([897, 897, 10], [0, 1, 1], [-1, -1, 0])
