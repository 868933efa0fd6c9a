"""Operators that only move memory: bytes over a bandwidth that sizes must earn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import streams, tables
from accelsim.kernels.streams import fill_streams, stream_seconds
from accelsim.kernels.tables import Record, Rows
from tests.examples import chip, row

SIZES = st.floats(1.0, 1e12)


def hbm(**changes: float) -> Record:
    given = {"memory_bandwidth": 2e12, "kernel_latency": 2e-6, "memory_ramp": 1e-6}
    return chip(**(given | changes))


def filled(worker: Record, size: float, kernels: float) -> Rows:
    asked = row(tables.STREAM_SIZE, moved=size, kernels=kernels)
    found = row(tables.KERNEL)
    fill_streams(worker, asked, found)
    return found[0]


def test_a_stream_by_hand() -> None:
    # 4 GB at 2 TB/s, and three kernels of 2 us that ramp up for 1 us
    assert stream_seconds(hbm(), 4e9, 3.0) == pytest.approx(2e-3 + 9e-6)


def test_parts_add_up() -> None:
    found = filled(hbm(), 4e9, 3.0)
    assert found.launch == pytest.approx(6e-6)
    assert found.memory == pytest.approx(2e-3 + 3e-6)
    assert found.time == pytest.approx(found.launch + found.memory)
    assert (found.matrix, found.vector, found.clock) == (0.0, 0.0, 1.0)


def test_nothing_takes_no_time() -> None:
    assert stream_seconds(hbm(), 0.0, 0.0) == 0.0


@given(SIZES, st.floats(1.0, 10.0))
def test_more_bytes_move_faster_and_take_longer(size: float, more: float) -> None:
    small, large = filled(hbm(), size, 1.0), filled(hbm(), size * more, 1.0)
    assert large.time >= small.time
    assert size * more / large.time >= size / small.time * (1 - 1e-12)
    assert size / small.time < 2e12


@given(SIZES, st.floats(1.0, 10.0))
def test_more_bandwidth_is_never_slower(size: float, more: float) -> None:
    wide = hbm(memory_bandwidth=2e12 * more)
    assert filled(wide, size, 1.0).time <= filled(hbm(), size, 1.0).time


@given(SIZES)
def test_two_halves_take_no_less(size: float) -> None:
    half, whole = filled(hbm(), size / 2.0, 1.0), filled(hbm(), size, 1.0)
    assert 2.0 * half.time >= whole.time * (1 - 1e-12)


def test_a_block_moves_what_a_fused_block_moves() -> None:
    # forward: a norm reads and writes, a residual reads two and writes one
    # backward: input and gradient in, gradient out; the other gradient in, the sum out
    for way, passes in enumerate((5.0, 5.0)):
        assert streams.NORM[way] + streams.RESIDUAL[way] == passes


def test_adam_moves_38_bytes_a_parameter() -> None:
    # bf16 weight, fp32 gradient, fp32 master weight and moments: 3 x 4 + 2 x 12 + 2
    moved = streams.GRADIENT_PASSES * 4.0 + streams.STATE_PASSES * 12.0
    assert moved + streams.WEIGHT_PASSES * 2.0 == 38.0
