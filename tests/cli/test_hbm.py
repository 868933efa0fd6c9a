"""`accelsim hbm`: one memory, one pattern, in words and as JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest
from click.testing import Result

from accelsim.chip import memory
from accelsim.cli.hbm import CHIPS, PATTERNS

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="thousands of requests of plain Python take too long",
)
Run = Callable[..., Result]


def answer(accelsim: Run, *arguments: str) -> dict[str, Any]:
    done = accelsim("hbm", "hbm3-6.4", *arguments, "--requests", "5000", "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def test_choices_are_those_of_the_model() -> None:
    assert tuple(memory.PATTERNS) == PATTERNS


def test_a_sequential_stream_reaches_most_of_the_peak(accelsim: Run) -> None:
    # 16 channels x 64 pins x 6.4 Gb/s, of which Ramulator 2.1 reaches 0.894
    found = answer(accelsim)
    assert found["peak"] == pytest.approx(51.2e9)
    assert found["stack_bandwidth"] == pytest.approx(819.2e9)
    assert 0.87 < found["efficiency"] < 0.93


def test_a_light_load_waits_less(accelsim: Run) -> None:
    light, full = answer(accelsim, "--load", "0.3"), answer(accelsim)
    assert light["efficiency"] == pytest.approx(0.3, rel=0.02)
    assert light["latency_s"] < full["latency_s"] / 2


def test_a_bank_hash_saves_a_large_stride(accelsim: Run) -> None:
    stride = ("--pattern", "strided", "--size", "65536")
    plain = answer(accelsim, *stride)
    hashed = answer(accelsim, *stride, "--set", "controller.bank_hash=true")
    assert hashed["efficiency"] > 10 * plain["efficiency"]


def test_more_activates_in_a_window_speed_random_reads(accelsim: Run) -> None:
    slow = answer(accelsim, "--pattern", "random")
    fast = answer(accelsim, "--pattern", "random", "--set", "timing.faw=10 ns")
    assert fast["bandwidth"] > 1.2 * slow["bandwidth"]


def test_channels_share_the_stream(accelsim: Run) -> None:
    one, four = answer(accelsim), answer(accelsim, "--channels", "4")
    assert four["peak"] == 4 * one["peak"]
    assert four["bandwidth"] > 3.5 * one["bandwidth"]


def test_the_table_names_what_it_shows(accelsim: Run) -> None:
    done = accelsim("hbm", "hbm4-8.0", "--requests", "2000", "--read-fraction", "0")
    assert done.exit_code == 0, done.output
    for word in ("HBM4", "bandwidth", "efficiency", "row hits", "–"):
        assert word in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hbm9"], "unknown hbm 'hbm9'"),
        (["hbm3-6.4", "--channels", "3"], "must be a power of two"),
        (["hbm3-6.4", "--channels", "64"], "at most the 16"),
        (["hbm3-6.4", "--pattern", "blocks", "--size", "100"], "transactions"),
        (["hbm3-6.4", "--set", "controller.order=PG"], "must hold each of"),
        (["hbm3-6.4", "--set", "controller.order=PGCBR"], "must hold S"),
        (["hbm3-6.4", "--set", "organisation.banks=3"], "power of two"),
        (["hbm3-6.4", "--set", "timing.faw=-1 ns"], "zero or more"),
    ],
)
def test_bad_input(accelsim: Run, arguments: list[str], message: str) -> None:
    done = accelsim("hbm", *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_the_answer_says_what_limits_and_what_it_costs(accelsim: Run) -> None:
    found = answer(accelsim, "--pattern", "random")
    assert next(iter(found["limited_by"])) == "tFAW"
    parts = dict(found["energy_j_per_b"])
    total = parts.pop("total")
    assert total == pytest.approx(sum(parts.values()))
    done = accelsim("hbm", "hbm3-6.4", "--requests", "2000")
    assert "time saved without refresh" in done.output
    assert "pJ/b" in done.output


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_picture_is_drawn_whole(accelsim: Run, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"one.{ending}"
    done = accelsim("hbm", "hbm2-2.0", "--requests", "1000", "--figure", str(path))
    assert done.exit_code == 0, done.output
    assert path.stat().st_size > 10_000
    assert list(tmp_path.iterdir()) == [path]


def test_a_trace_goes_out_and_comes_in(accelsim: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "one.parquet")
    first = answer(accelsim, "--pattern", "random", "--write-trace", path)
    again = answer(accelsim, "--trace", path)
    assert again["trace"] == path
    assert again["efficiency"] == pytest.approx(first["efficiency"], rel=0.05)


def test_chips_show_what_their_memories_give(accelsim: Run) -> None:
    done = accelsim("hbm", "--chips", "--json")
    chips = json.loads(done.output)["chips"]
    assert {one["chip"] for one in chips} == set(CHIPS)
    for one in chips:
        assert one["reached"]["copy"] < one["reached"]["read_only"] <= 1.0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "PRESET is missing"),
        (("hbm3-6.4", "--figure", "one.gif"), "must end in .png"),
        (("hbm3-6.4", "--figure", "nowhere/one.png"), "no such folder"),
        (("hbm3-6.4", "--trace", "nowhere.csv"), "cannot be read"),
        (("hbm3-6.4", "--set", "timing.refi=1 ns"), "must be at most half"),
    ],
)
def test_what_cannot_be_is_one_line(
    accelsim: Run, arguments: tuple[str, ...], expected: str
) -> None:
    done = accelsim("hbm", *arguments)
    assert done.exit_code == 2
    assert expected in done.output
    assert len(done.output.strip().splitlines()) <= 2
