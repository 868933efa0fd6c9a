"""Requests a second through HBM channels, beside Ramulator 2.1's own.

Ramulator's figures are the medians of its saturated runs of a generation and a kind of
pattern (-O3, g++ 12, requests per CPU second, CMU-SAFARI/ramulator2@c5b1c3a), made
before on a busy machine with two cores of the same kind: the ratio is as good as that.
What both compute is equal, see tests/kernels/test_dram.py. Run with
`pytest benchmarks/test_hbm.py --benchmark-enable`.
"""

from typing import Any

import numba
import numpy as np
import pytest

from accelsim import catalog
from accelsim.chip import surface
from accelsim.chip.dram import lower, memory
from accelsim.chip.memory import Pattern, interleaved, requests, serve_apart
from accelsim.chip.streams import Streams
from accelsim.kernels.dram_run import run
from accelsim.kernels.dram_tables import COMMAND, PLACE

REQUESTS = 50_000
PRESETS = ("hbm2-2.0", "hbm3-6.4", "hbm4-8.0")
# requests per CPU second of Ramulator 2.1, by preset
CASES = {
    "sequential": (Pattern("sequential"), (249_900, 108_700, 132_300)),
    "sequential, 67 % reads": (
        Pattern("sequential", read_fraction=0.67),
        (237_100, 81_200, 124_400),
    ),
    "random": (Pattern("random"), (76_000, 28_200, 41_500)),
    "random, 67 % reads": (
        Pattern("random", read_fraction=0.67),
        (89_000, 31_000, 47_700),
    ),
    "strided by 1 KiB": (Pattern("strided", 1024), (82_100, 34_500, 40_400)),
    "blocks of 256 B": (Pattern("blocks", 256), (179_000, 53_200, 83_700)),
}
COMPILED = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="a benchmark of plain Python says nothing",
)


@COMPILED
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", CASES)
def test_requests_a_second(benchmark: Any, name: str, preset: str) -> None:
    pattern, reference = CASES[name]
    spec = catalog.load("hbm", preset)
    asked = requests(spec, pattern, REQUESTS)
    log = np.zeros(0, COMMAND).view(np.recarray)
    place = np.zeros(REQUESTS, PLACE).view(np.recarray)
    arrive, depart = np.zeros_like(asked.address), np.zeros_like(asked.address)

    def once() -> None:
        made = memory(lower(spec))
        run(made, asked.address, asked.write, asked.due, place, arrive, depart, log)

    once()  # compiles
    benchmark(once)
    assert depart.min() > 0
    if benchmark.stats is not None:
        rate = REQUESTS / benchmark.stats.stats.min
        benchmark.extra_info["requests_per_s"] = rate
        benchmark.extra_info["times_ramulator"] = (
            rate / reference[PRESETS.index(preset)]
        )


@COMPILED
@pytest.mark.parametrize("kind", ["sequential", "random"])
def test_a_stack_of_32_channels(benchmark: Any, kind: str) -> None:
    """Ten million requests: under 10 s on two cores, and under 1 GiB."""
    enabled = not benchmark.disabled
    count = 10_000_000 if enabled else 64_000
    spec = interleaved(catalog.load("hbm", "hbm4-8.0"), 32)
    asked = requests(spec, Pattern(kind), count, 32)
    serve_apart(spec, requests(spec, Pattern(kind), 64, 32), 32)  # compiles
    done = benchmark.pedantic(serve_apart, (spec, asked, 32), rounds=1)
    assert done.depart.min() > 0


@COMPILED
def test_a_surface_is_built(benchmark: Any) -> None:
    """At most a second for a memory that was never seen before."""
    spec = catalog.load("hbm", "hbm3-6.4")
    surface.saturated_ticks(spec, Streams(4096.0, 0.5), 0.1)  # compiles
    made = benchmark.pedantic(surface.build, (spec,), rounds=3)
    assert made.cost.min() > 0


@COMPILED
def test_a_question_to_a_surface(benchmark: Any) -> None:
    """Less than a microsecond each."""
    made = surface.surface(catalog.load("hbm", "hbm3-6.4"))
    count = 10_000
    rng = np.random.default_rng(1)
    turn, share = rng.uniform(1.0, 2048.0, count), rng.uniform(0.0, 1.0, count)
    streams = rng.uniform(1.0, 8.0, count)
    found = benchmark(made.ticks, turn, share, streams)
    assert (found >= 0.99 * float(made.burst)).all()
    if benchmark.stats is not None:
        benchmark.extra_info["s_per_question"] = benchmark.stats.stats.min / count
