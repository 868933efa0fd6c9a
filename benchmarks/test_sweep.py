"""How fast sweeps are: a million designs, and how planning grows with their number.

`make bench` runs the whole million: 64 memories x 1,000 links x 16 plans, one process.
`designs_per_s` is the rate of that process; sweeps run one for each core. Without
`--benchmark-enable` two thousand designs are asked, as a test.
"""

import itertools
import time
import tracemalloc
from typing import Any

import pytest

from accelsim.explore.sweep.ask import Sweep, sweep_of
from accelsim.explore.sweep.points import points_of
from accelsim.explore.sweep.run import chunk_of
from accelsim.specs.checking import validate
from accelsim.specs.sweep import SweepSpec

PLAN = {"cp": 1, "ep": 1, "vp": 1, "micro_batch": 1, "sharding": "zero1",
        "recompute": "full"}  # fmt: skip
RUN: dict[str, Any] = {"model": "llama3-70b", "system": "dgx-h100", "chips": 512,
                       "global_batch": 1024, "plan": PLAN}  # fmt: skip
DECADES = (10**5, 10**6, 10**7, 10**8)


def designs(memories: int, links: int) -> Sweep:
    """Return a sweep of memories x links x 16 plans."""
    slow, fast = (f"{rate} GB/s per direction" for rate in (10, 50))
    axes = (
        {"path": "chip.hbm.bandwidth",
         "range": {"start": "2.5 TB/s", "stop": "8 TB/s", "count": memories}},
        {"path": "link.nvlink4.bandwidth",
         "range": {"start": slow, "stop": fast, "count": links}},
        {"path": "plan.tp", "values": (1, 2, 4, 8)},
        {"path": "plan.pp", "values": (1, 2, 4, 8)},
    )  # fmt: skip
    return sweep_of(validate(SweepSpec, {"name": "s", "run": RUN, "axes": axes}, "s"))


def ask_all(sweep: Sweep) -> int:
    """Ask a sweep chunk by chunk, as a run does; returns the rows with an answer."""
    count = sweep.points.count
    size, found = chunk_of(count), 0
    for start in range(0, count, size):
        rows = sweep.ask(start, min(count, start + size))
        found += rows["status"].to_pylist().count("ok")
    return found


@pytest.mark.benchmark(group="sweep")
def test_a_million_designs(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.explore.sweep.ask.MANY", 0)
    whole = not benchmark.disabled
    sweep = designs(64, 1000) if whole else designs(4, 32)
    designs(2, 2).ask(0, 64)  # compiles
    found = benchmark.pedantic(ask_all, (sweep,), rounds=1)
    assert 0 < found < sweep.points.count  # some do not fit in memory
    if whole:
        rate = sweep.points.count / benchmark.stats.stats.median
        benchmark.extra_info["designs_per_s"] = rate


def planned(count: int) -> tuple[float, int]:
    """Return the time of planning all chunks of a sweep [s], and its memory [B]."""
    spans = [{"start": 1, "stop": 2, "count": n} for n in (1000, count // 10_000, 10)]
    axes = tuple(
        {"path": f"free.{name}", "range": span}
        for name, span in zip("abc", spans, strict=True)
    )
    spec = validate(SweepSpec, {"name": "s", "run": RUN, "axes": axes}, "s")
    points, size = points_of(spec), chunk_of(count)
    assert points.count == count
    began = time.perf_counter()
    for start in range(0, count, size):
        points.chunk(start, min(count, start + size))
    took = time.perf_counter() - began
    tracemalloc.start()  # slows down: not while timing
    for start in itertools.islice(range(0, count, size), 4):
        points.chunk(start, min(count, start + size))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return took, peak


@pytest.mark.benchmark(group="sweep")
def test_planning_is_linear_in_time_and_constant_in_memory(
    benchmark: Any,
) -> None:
    decades = DECADES if not benchmark.disabled else DECADES[:2]
    found = benchmark.pedantic(
        lambda: {count: planned(count) for count in decades}, rounds=1
    )
    for count, (seconds, peak) in found.items():
        benchmark.extra_info[f"{count:.0e}"] = {"s": seconds, "peak_bytes": peak}
        assert peak < 2e7  # of one chunk
    if not benchmark.disabled:  # a point at 10^8 takes no longer than at 10^7
        each = {count: seconds / count for count, (seconds, _) in found.items()}
        assert each[DECADES[-1]] < 2.0 * each[DECADES[-2]]
