"""Operators' traffic, check bits, traces, limits and energy of memories."""

from pathlib import Path

import numba
import numpy as np
import pytest

from accelsim import catalog
from accelsim.chip import streams
from accelsim.chip.ecc import protected
from accelsim.chip.examine import commands, energy, limits, load_curve
from accelsim.chip.memory import (
    Pattern,
    Traffic,
    interleaved,
    requests,
    serve,
    serve_apart,
)
from accelsim.chip.streams import Streams, stream_requests
from accelsim.chip.traces import read_trace, write_trace
from accelsim.errors import InputError
from accelsim.overrides import override, parse_overrides
from accelsim.specs.hbm import HbmSpec

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="thousands of requests of plain Python take too long",
)


def preset(name: str = "hbm3-6.4", *changes: str) -> HbmSpec:
    spec: HbmSpec = catalog.load("hbm", name)
    return override(spec, parse_overrides(changes), name)


def test_a_product_reads_less_the_more_tiles_share_their_panels() -> None:
    # one tile of 128 x 256: (128 + 256) x 8192 read, 128 x 256 written
    alone = streams.product(8192, 2.0, (128, 256, 64), 1)
    assert alone.read_fraction == pytest.approx(384 * 8192 / (384 * 8192 + 128 * 256))
    assert alone.turn == 128 * 64 * 2
    shared = streams.product(8192, 2.0, (128, 256, 64), 100)
    assert shared.read_fraction < alone.read_fraction


def test_operators_read_and_write_what_they_move() -> None:
    assert streams.optimizer_update().read_fraction == 0.5
    assert streams.attention_blocks(1024, 1024, 128, 2.0).read_fraction == 0.75
    assert streams.landing_while_reading(0.1).read_fraction == pytest.approx(0.9)
    asked = stream_requests(preset(), streams.optimizer_update(), 20_000)
    assert 0.4 < asked.write.mean() < 0.6


def test_writes_that_come_grouped_cost_less() -> None:
    # each change of direction costs tRTW and tWTR
    ends = [
        serve(preset(), stream_requests(preset(), Streams(turn, 0.5), 12_000))
        for turn in (256.0, 4096.0, 65536.0)
    ]
    times = [one.depart.max() for one in ends]
    assert times[0] > 1.5 * times[1] > 1.5 * 1.05 * times[2]


@pytest.mark.parametrize("asked", [Streams(8.0, 1.0), Streams(64.0, 1.5)])
def test_impossible_streams_are_refused(asked: Streams) -> None:
    with pytest.raises(InputError):
        stream_requests(preset(), asked, 10)


def test_doors_apart_give_the_same_where_no_queue_is_full() -> None:
    spec = interleaved(preset(), 4)
    asked = requests(spec, Pattern("random", interval=8.0), 4000, 4)
    one, each = serve(spec, asked, 4), serve_apart(spec, asked, 4, 2)
    np.testing.assert_array_equal(one.depart, each.depart)
    assert (one.hits, one.activates) == (each.hits, each.activates)


def test_inline_check_bits_cost_and_sideband_ones_do_not() -> None:
    inline = preset("hbm3-6.4", "controller.ecc=inline")
    asked = requests(preset(), Pattern(), 20_000)
    plain, checked = protected(preset(), asked), protected(inline, asked)
    ratio = checked.depart.max() / plain.depart.max()
    assert 1.1 < ratio < 1.6  # 9/8 of the transactions, and rows of their own
    assert len(checked.depart) == len(asked.address)
    assert (checked.depart > checked.arrive).all()


@pytest.mark.parametrize("ending", ["csv", "parquet", "trace"])
@pytest.mark.parametrize("hashed", ["true", "false"])
def test_a_trace_comes_back(tmp_path: Path, ending: str, hashed: str) -> None:
    spec = preset("hbm3-6.4", f"controller.bank_hash={hashed}")
    asked = requests(spec, Pattern("random", read_fraction=0.5), 300)
    path = tmp_path / f"one.{ending}"
    write_trace(path, asked, spec)
    found = read_trace(path, spec)
    np.testing.assert_array_equal(found.address, asked.address)
    np.testing.assert_array_equal(found.write, asked.write)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_paced_trace_keeps_its_ticks(tmp_path: Path) -> None:
    asked = requests(preset(), Pattern(interval=3.5), 100)
    for ending in ("csv", "parquet"):
        path = tmp_path / f"one.{ending}"
        write_trace(path, asked, preset())
        np.testing.assert_array_equal(read_trace(path, preset()).due, asked.due)


def test_load_and_store_lines_are_byte_addresses(tmp_path: Path) -> None:
    path = tmp_path / "one.trace"
    path.write_text("LD 0x40\nST 96\n")
    found = read_trace(path, preset())
    assert (found.address.tolist(), found.write.tolist()) == ([2, 3], [0, 1])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", "address\n1\n", "columns are missing: write"),
        ("a.csv", "address,write\n", "has no requests"),
        ("a.csv", "address,write\nx,0\n", "line 2: address 'x' is no whole number"),
        ("a.csv", "address,write\n0,2\n", "write must be 0 or 1"),
        ("a.csv", "address,write\n99999999999,0\n", "beyond the memory's"),
        ("a.csv", "address,write,tick\n0,0,5\n0,0,4\n", "ticks must not go back"),
        ("a.trace", "R 0,0,0\n", "must be channel,pseudo_channel,stack"),
        ("a.trace", "R 0,2,0,0,0,0,0\n", "pseudo_channel must be below 2"),
        ("a.trace", "X 1\n", "must be R, W, LD or ST"),
        ("a.parquet", "none", "is no Parquet table"),
        ("a.json", "{}", "must end in"),
    ],
)
def test_a_bad_trace_is_one_line(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=expected) as refused:
        read_trace(path, preset())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        # 4 activates in 15 ns are 17.1 of 51.2 GB/s; 2 + 1 cycles of row commands are
        # 10.7 of 32 GB/s; one bank takes a row every tRC
        ("hbm3-6.4", Pattern("random"), "tFAW"),
        ("hbm2-2.0", Pattern("random"), "row bus"),
        ("hbm3-6.4", Pattern("strided", 65536), "bank cycle (tRC)"),
        ("hbm3-6.4", Pattern(read_fraction=0.5), "bus turnaround"),
        ("hbm3-6.4", Pattern(), "refresh"),
    ],
)
def test_what_limits_a_pattern(name: str, pattern: Pattern, expected: str) -> None:
    spec = preset(name)
    found = limits(spec, requests(spec, pattern, 8000))
    assert next(iter(found)) == expected


def test_energy_depends_on_row_hits() -> None:
    spec = preset("hbm2-2.0")
    hits, misses = (
        energy(spec, serve(spec, requests(spec, Pattern(kind), 10_000)))
        for kind in ("sequential", "random")
    )
    assert hits is not None
    assert misses is not None
    # one activate of 909 pJ a transaction of 256 bits
    assert misses.activate == pytest.approx(909e-12 / 256, rel=0.02)
    assert hits.activate < misses.activate / 20
    # O'Connor et al. 2017 state 3.92 pJ/b for HBM2 on average over their workloads
    assert 3.6e-12 < hits.total < 4.2e-12
    assert misses.total > 1.8 * hits.total


def test_latency_grows_with_load() -> None:
    points = list(load_curve(preset(), Pattern(), count=3000))
    first, last = points[0].latency, points[-1].latency
    assert first is not None
    assert last is not None
    assert last > 1.5 * first
    assert points[-1].reached == max(p.reached for p in points) or last > first


def test_commands_begin_with_an_activate() -> None:
    asked = Traffic(np.zeros(3, np.int64), np.zeros(3, np.int64), np.zeros(0, np.int64))
    found = commands(preset(), asked, 1e-6)
    assert [one.command for one in found][:2] == ["ACT", "RD"]
    # tRCD of 31 cycles from the activate's last half to the read's last, 63 ticks, and
    # one more to a rising edge
    assert found[1].time - found[0].time == pytest.approx(64 * preset().tick)
