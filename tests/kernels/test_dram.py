"""The channel kernel against Ramulator 2.1, and its commands against the standards."""

from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.chip.dram import lower, memory
from accelsim.chip.memory import Pattern, Served, Traffic, requests, serve
from accelsim.kernels import dram as scheduler
from accelsim.kernels import dram_choice, dram_refresh, dram_timing
from accelsim.kernels.dram_queue import join, leave
from accelsim.kernels.dram_run import run
from accelsim.kernels.dram_tables import COMMAND, NONE, PLACE
from accelsim.kernels.tables import Rows
from accelsim.overrides import override, parse_overrides
from accelsim.specs.hbm import HbmSpec
from tests.kernels.dram_rules import COLUMNS, commands_of, replay

REFERENCE = Path(__file__).parents[1] / "reference" / "hbm_departures.npz"
PLAIN = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
# Requests behind those compared: they keep the queues full, as in the reference.
BEHIND = 200 if PLAIN else 1000
COMPARED = 60 if PLAIN else 5000
FEW = settings(max_examples=1 if PLAIN else 6)
PRESETS = ("hbm2-2.0", "hbm3-6.4", "hbm4-8.0")
# refreshes that come within a few hundred ticks
OFTEN = ("timing.rfc=100 ns", "timing.rfc_pb=60 ns", "timing.refi_pb=70 ns")
ALL = (*PRESETS, "hbm2e-3.2", "hbm3e-9.6")

# trace -> preset, pattern (seed 1), bank hash
TRACES = {
    "hbm2_rand0_rf1.0_h0_wb1": ("hbm2-2.0", Pattern("random"), 0),
    "hbm2_seq0_rf0.5_h1_wb64": (
        "hbm2-2.0",
        Pattern("sequential", read_fraction=0.5, group=64),
        1,
    ),
    "hbm3_rand0_rf0.5_h0_wb1": ("hbm3-6.4", Pattern("random", read_fraction=0.5), 0),
    "hbm3_stride1024_rf1.0_h0_wb1": ("hbm3-6.4", Pattern("strided", 1024), 0),
    "hbm3_seq0_rf0.67_h0_wb1": (
        "hbm3-6.4",
        Pattern("sequential", read_fraction=0.67),
        0,
    ),
    "hbm4_randblk256_rf0.67_h0_wb1": (
        "hbm4-8.0",
        Pattern("blocks", 256, read_fraction=0.67),
        0,
    ),
    "hbm4_seq0_rf1.0_h0_wb1": ("hbm4-8.0", Pattern("sequential"), 0),
}
PATTERNS = st.builds(
    Pattern,
    kind=st.sampled_from(["sequential", "random", "random-streams", "blocks"]),
    size=st.sampled_from([64, 256]),
    read_fraction=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    group=st.sampled_from([1, 16]),
    interval=st.sampled_from([0.0, 3.0]),
    seed=st.integers(1, 1000),
)


def preset(name: str, *changes: str) -> HbmSpec:
    spec: HbmSpec = catalog.load("hbm", name)
    return override(spec, parse_overrides(changes), name)


@pytest.mark.parametrize("trace", TRACES)
def test_every_request_departs_on_the_tick_of_the_reference(trace: str) -> None:
    name, pattern, hashed = TRACES[trace]
    spec = preset(name, f"controller.bank_hash={'true' if hashed else 'false'}")
    # queues hold 128 + 64 requests at most, so later ones cannot be missed
    asked = requests(spec, pattern, COMPARED + BEHIND)
    with np.load(REFERENCE) as traces:
        expected = traces[trace][:COMPARED]
    found = serve(spec, asked).depart[:COMPARED]
    if PLAIN:  # what the end of so short a run cannot touch
        early = expected < expected.max() // 2
        found, expected = found[early], expected[early]
    np.testing.assert_array_equal(found, expected)


def log_of(spec: HbmSpec, asked: Traffic) -> Rows:
    """Return the commands of a run, in the order in which they were issued."""
    made = memory(lower(spec))
    arrive, depart = np.zeros_like(asked.address), np.zeros_like(asked.address)
    rows = np.zeros(20 * len(asked.address) + 2000, COMMAND).view(np.recarray)
    place = np.zeros(len(asked.address), PLACE).view(np.recarray)
    used = run(
        *(made, asked.address, asked.write, asked.due, place, arrive, depart, rows)
    )
    assert used < len(rows)
    return rows[:used]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("page", ["open", "closed"])
@pytest.mark.parametrize("refresh", ["all-bank", "per-bank", "idle-bank", "none"])
@FEW
@given(pattern=PATTERNS)
def test_no_two_commands_break_a_constraint(
    name: str, refresh: str, page: str, pattern: Pattern
) -> None:
    spec = preset(name, f"controller.refresh={refresh}", f"controller.page={page}")
    if refresh == "idle-bank":  # so that more refreshes must wait
        spec = override(spec, parse_overrides(["controller.refresh_rate=4"]), name)
    if PLAIN:
        if name not in ("hbm2-2.0", "hbm3-6.4") or refresh == "none":
            pytest.skip("too slow as plain Python")
        interval = "250 ns" if refresh == "all-bank" else "2400 ns"
        spec = override(spec, parse_overrides([*OFTEN, f"timing.refi={interval}"]), "")
    replay(spec, log_of(spec, requests(spec, pattern, 130 if PLAIN else 1500)))


@pytest.mark.parametrize("name", PRESETS)
@FEW
@given(pattern=PATTERNS)
def test_every_request_leaves_once_and_none_is_faster_than_the_wire(
    name: str, pattern: Pattern
) -> None:
    spec = preset(name)
    asked = requests(spec, pattern, 40 if PLAIN else 2000)
    done = serve(spec, asked)
    read = asked.write == 0
    assert (done.depart > 0).all()
    assert (done.arrive <= done.depart).all()
    # a read that finds its data in the write queue takes a tick
    waits = (done.depart - done.arrive)[read]
    latency = spec.timing.cycles(spec.clock)
    least = (latency["cl"] + latency["bl"]) * spec.ticks_per_clock
    assert ((waits == 1) | (waits > least)).all()
    commands = columns(spec, asked)
    served = len(commands)
    forwarded = int((waits == 1).sum())
    absorbed = int((done.arrive == done.depart)[~read].sum())
    assert served + forwarded + absorbed == len(asked.address)
    assert rate(commands, spec) <= 1.0 + 1e-9


def columns(spec: HbmSpec, asked: Traffic) -> list[tuple[int, int]]:
    log = commands_of(log_of(spec, asked))
    return [(one.tick, one.pc) for one in log if one.name in COLUMNS]


def rate(commands: list[tuple[int, int]], spec: HbmSpec) -> float:
    """Return the busy share of the busiest pseudo-channel's data bus."""
    burst = spec.timing.cycles(spec.clock)["bl"] * spec.ticks_per_clock
    shares = []
    for pc in {pc for _, pc in commands}:
        ticks = [tick for tick, mine in commands if mine == pc]
        shares.append(burst * len(ticks) / (ticks[-1] - ticks[0] + burst))
    return max(shares)


def run_of(spec: HbmSpec, pattern: Pattern, count: int) -> Served:
    return serve(spec, requests(spec, pattern, count))


def test_a_stream_of_hits_holds_another_row_up_to_the_next_refresh_only() -> None:
    # each read puts off the precharge by tRTP, the next one comes after tCCD_L, so
    # the row stays open until a refresh closes it; then the oldest request is first
    if PLAIN:
        pytest.skip("a refresh interval of plain Python takes too long")
    spec = preset("hbm3-6.4", "controller.order=CPSGBR")
    address = np.arange(3000, dtype=np.int64) % 32
    address[20] = 32 << 12
    empty = np.zeros(0, np.int64)
    done = serve(spec, Traffic(address, np.zeros_like(address), empty))
    t = spec.timing.cycles(spec.clock)
    reopened = t["rfc"] + t["rp"] + t["rc"] + t["rcd_rd"] + t["cl"]
    assert 2 * t["refi"] < done.depart[20] < 2 * (t["refi"] + reopened)


def test_channels_apart_are_channels_alone() -> None:
    # a channel of two, to which every other request goes, at a pace that fills neither
    spec = preset("hbm3-6.4", "controller.order=HPGCBSR")
    count = 40 if PLAIN else 2000
    alone = requests(spec, Pattern("sequential", interval=8.0), count)
    both = Traffic(
        np.repeat(alone.address * 2, 2) + np.tile([0, 1], count),
        np.repeat(alone.write, 2),
        np.repeat(alone.due, 2),
    )
    one = serve(preset("hbm3-6.4"), alone)
    two = serve(spec, both, channels=2)
    np.testing.assert_array_equal(two.depart[0::2], one.depart)
    np.testing.assert_array_equal(two.depart[1::2], one.depart)


def test_refresh_costs_what_it_blocks() -> None:
    # tRFC of every tREFI: 350 of 3,900 ns, and the rows that must be opened again
    if PLAIN:
        pytest.skip("a refresh interval of plain Python takes too long")
    spec = preset("hbm3-6.4")
    free = preset("hbm3-6.4", "controller.refresh=none")
    pattern = Pattern("sequential")
    slow = run_of(spec, pattern, 40_000).depart.max()
    fast = run_of(free, pattern, 40_000).depart.max()
    assert 1 / (1 - 350 / 3900) < slow / fast < 1.13


@FEW
@given(pattern=PATTERNS, name=st.sampled_from(ALL))
def test_more_queue_gives_no_less(name: str, pattern: Pattern) -> None:
    # by more than noise: which refresh falls where, and rows closed too soon
    if PLAIN:
        pytest.skip("too slow as plain Python")
    pattern = replace(pattern, interval=0.0)
    ends = []
    for depth in (16, 64):
        changes = [f"controller.{queue}_queue={depth}" for queue in ("read", "write")]
        spec = preset(name, *changes)
        ends.append(run_of(spec, pattern, 12_000).depart.max())
    assert ends[1] <= 1.04 * ends[0]


@FEW
@given(pattern=PATTERNS, name=st.sampled_from(ALL))
def test_no_request_starves(name: str, pattern: Pattern) -> None:
    # a request waits at most for the next refresh, which closes every row, and then
    # for all that came before it
    if PLAIN:
        pytest.skip("a refresh interval of plain Python takes too long")
    spec = preset(name)
    pattern = replace(pattern, read_fraction=1.0)
    done = run_of(spec, pattern, 10_000)
    t = spec.timing.cycles(spec.clock)
    each = (t["rc"] + t["rp"]) * spec.ticks_per_clock
    longest = 2 * t["refi"] * spec.ticks_per_clock + spec.controller.read_queue * each
    assert (done.depart - done.arrive).max() <= longest


def test_a_closed_page_serves_random_requests_sooner_and_hits_no_later() -> None:
    # HBM2's row bus carries an activate (2 cycles) and a precharge (1): without the
    # precharge a random access takes 2 of 3 cycles
    if PLAIN:
        pytest.skip("too slow as plain Python")
    open_page = run_of(preset("hbm2-2.0"), Pattern("random"), 20_000)
    closed = preset("hbm2-2.0", "controller.page=closed")
    ratio = (
        open_page.depart.max() / run_of(closed, Pattern("random"), 20_000).depart.max()
    )
    assert 1.35 < ratio <= 1.5
    streams = [
        run_of(preset("hbm2-2.0", f"controller.page={page}"), Pattern(), 20_000)
        for page in ("open", "closed")
    ]
    assert streams[1].depart.max() <= 1.01 * streams[0].depart.max()


def test_refreshing_idle_banks_costs_a_stream_next_to_nothing() -> None:
    if PLAIN:
        pytest.skip("a refresh interval of plain Python takes too long")
    spec = preset("hbm3-6.4", "controller.refresh=idle-bank")
    free = preset("hbm3-6.4", "controller.refresh=none")
    ends = [run_of(one, Pattern(), 40_000).depart.max() for one in (spec, free)]
    assert ends[0] < 1.01 * ends[1]


def test_a_hot_memory_refreshes_more_often() -> None:
    if PLAIN:
        pytest.skip("a refresh interval of plain Python takes too long")
    counts = [
        run_of(
            preset("hbm3-6.4", f"controller.refresh_rate={rate}"),
            Pattern(interval=60.0),
            20_000,
        ).refreshes
        for rate in (1, 2, 4)
    ]
    assert counts[1] == pytest.approx(2 * counts[0], abs=4)
    assert counts[2] == pytest.approx(4 * counts[0], abs=8)


def test_lists_are_in_order_of_age() -> None:
    made = memory(lower(preset("hbm2-2.0")))[0]
    for node, age in ((7, 30), (8, 10), (9, 20), (6, 40)):
        join(made, node, 0, age)
    assert members(made, 0) == [8, 9, 7, 6]
    leave(made, 9)
    leave(made, 8)
    assert members(made, 0) == [7, 6]
    assert made.waiting[0].last == 6


def members(made: Rows, row: int) -> list[int]:
    found, node = [], made.waiting[row].first
    while node != NONE:
        found.append(int(node))
        node = made.node[node].next
    return found


def test_the_older_of_two_lists_comes_first() -> None:
    made = memory(lower(preset("hbm2-2.0")))[0]
    join(made, 7, 0, 30)
    assert dram_choice.older(made, 7, NONE)
    join(made, 8, 1, 40)
    assert not dram_choice.older(made, 8, 7)
    assert not dram_choice.older(made, NONE, 7)


def test_a_closed_idle_bank_is_ready_at_once() -> None:
    made = memory(lower(preset("hbm3-6.4")))[0]
    assert dram_timing.activate_ready(made, 0) == 0
    dram_timing.activate_issued(made, 0, 1)
    # 31 cycles after the last of its three half cycles, before the read's own last
    assert dram_timing.column_ready(made, 0, 0) == 1 + 63
    assert dram_refresh.next_refresh(made, 1) == 12480


def test_an_address_is_its_fields() -> None:
    spec = preset("hbm3-6.4")
    d = lower(spec)[0]
    # P1 G2 C5 B2 S1 R14 from the least significant bit
    assert scheduler.bank_of(d, 0) == 0
    assert scheduler.bank_of(d, 0b1) == 32  # the other pseudo-channel
    assert scheduler.bank_of(d, 0b110) == 12  # bank group 3
    assert scheduler.bank_of(d, 0b11 << 8) == 3
    assert scheduler.bank_of(d, 1 << 10) == 16  # the other stack id
    assert scheduler.bank_of(d, 5 << 11) == 0
    hashed = lower(preset("hbm3-6.4", "controller.bank_hash=true"))[0]
    assert scheduler.bank_of(hashed, 1 << 11) == 4  # row bit 0 into the bank group
