"""Requests a second through one HBM3 channel, beside Ramulator 2.1's own.

Ramulator's figures are the medians of its runs of such patterns (-O3, g++ 12, requests
per CPU second, CMU-SAFARI/ramulator2@c5b1c3a), made before on a busy machine with two
cores of the same kind: the ratio is as good as that. What both compute is equal, see
tests/kernels/test_dram.py. Run with `pytest benchmarks/test_hbm.py --benchmark-enable`.
"""

from typing import Any

import numba
import numpy as np
import pytest

from accelsim import catalog
from accelsim.chip.dram import lower, memory
from accelsim.chip.memory import Pattern, requests
from accelsim.kernels.dram_run import run
from accelsim.kernels.dram_tables import COMMAND

REQUESTS = 50_000
# pattern, requests per CPU second of Ramulator 2.1 (HBM3 at 6.4 Gb/s, one channel)
CASES = {
    "sequential": (Pattern("sequential"), 97_000),
    "sequential, 67 % reads": (Pattern("sequential", read_fraction=0.67), 82_000),
    "random": (Pattern("random"), 32_500),
    "strided by 1 KiB": (Pattern("strided", 1024), 34_500),
    "blocks of 256 B": (Pattern("blocks", 256), 40_100),
}


@pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="a benchmark of plain Python says nothing",
)
@pytest.mark.parametrize("name", CASES)
def test_requests_a_second(benchmark: Any, name: str) -> None:
    pattern, reference = CASES[name]
    spec = catalog.load("hbm", "hbm3-6.4")
    asked = requests(spec, pattern, REQUESTS)
    log = np.zeros(0, COMMAND).view(np.recarray)
    arrive, depart = np.zeros_like(asked.address), np.zeros_like(asked.address)

    def once() -> None:
        made = memory(lower(spec))
        run(made, asked.address, asked.write, asked.due, arrive, depart, log)

    once()  # compiles
    benchmark(once)
    assert depart.min() > 0
    if benchmark.stats is not None:
        rate = REQUESTS / benchmark.stats.stats.min
        benchmark.extra_info["requests_per_s"] = rate
        benchmark.extra_info["times_ramulator"] = rate / reference
