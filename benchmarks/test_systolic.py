"""How fast a product on a systolic array is, beside SCALE-Sim where it is installed.

Results are compared before they are timed, which also compiles. SCALE-Sim 3.0.0 needs
numpy below 2, which accelsim does not: in an environment with another numpy its
benchmark says so and is skipped; `ACCELSIM_SCALESIM_PYTHON` names the Python of one
that has it, and then the two are timed on the same products in the same run.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.chip.systolic import DATAFLOWS, Scratchpads, SystolicArray
from accelsim.kernels.systolic import IS, OS, WS, fill_stall_free
from benchmarks.measured.run_scalesim import Case

PRODUCTS = 20_000
ROOT = Path(__file__).parents[1]
CODES = dict(zip(DATAFLOWS, (WS, IS, OS), strict=True))
PEER = """
import json, sys, time
from benchmarks.measured.run_scalesim import Case, run
case = json.loads(sys.argv[1])
case["sram"] = tuple(case["sram"])
start = time.process_time()
found = run(Case(**case))
print(json.dumps([found[:3], time.process_time() - start]))
"""
# The same product with scratchpads that hold it and with such that do not.
BEHIND = [
    Case(512, 512, 512, 128, 128, "ws", "USER", 20, sram)
    for sram in ((6144, 6144, 2048), (128, 128, 64), (32, 32, 32))
]


def timed(benchmark: BenchmarkFixture, count: int, call: Callable[[], Any]) -> Any:
    """Time a call that deals with `count` products and note their rate."""
    result = benchmark(call)
    if benchmark.stats is not None:  # not while benchmarks are disabled
        benchmark.extra_info["products_per_s"] = count / benchmark.stats.stats.min
    return result


def sizes() -> list[np.ndarray]:
    """Return m, n, k of many products."""
    draw = np.random.default_rng(0)
    return [draw.integers(1, 8192, PRODUCTS) for _ in range(3)]


def array(case: Case) -> SystolicArray:
    ifmap, weights, ofmap = (1024 * room for room in case.sram)
    pads = Scratchpads(ifmap, weights, ofmap, case.bandwidth)
    dataflow: Any = case.dataflow
    return SystolicArray(case.rows, case.columns, dataflow, pads)


def cycles(case: Case) -> list[int]:
    found = array(case).gemm(case.m, case.n, case.k)
    said = (found.overall_cycles, found.total_cycles, found.stall_cycles)
    return [int(number) for number in said if number is not None]


@pytest.mark.benchmark(group="systolic array that never waits")
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_kernel(benchmark: BenchmarkFixture, dataflow: Any) -> None:
    one = SystolicArray(128, 128, dataflow)
    m, n, k = sizes()
    expected = one.gemm(m, n, k).total_cycles
    rows, columns, time = (x.astype(float) for x in one.split(m, n, k))
    found = np.empty(PRODUCTS)
    given = (CODES[dataflow], rows, columns, time, 128.0, 128.0, found)
    timed(benchmark, PRODUCTS, lambda: fill_stall_free(*given))
    assert np.array_equal(found, expected)


@pytest.mark.benchmark(group="systolic array that never waits")
def test_public_api(benchmark: BenchmarkFixture) -> None:
    one = SystolicArray(128, 128)
    m, n, k = sizes()
    found = timed(benchmark, PRODUCTS, lambda: one.gemm(m, n, k))
    for i in range(0, PRODUCTS, 997):
        alone = one.gemm(int(m[i]), int(n[i]), int(k[i]))
        assert found.total_cycles[i] == alone.total_cycles


@pytest.mark.benchmark(group="systolic array behind scratchpads")
@pytest.mark.parametrize("case", BEHIND, ids=lambda case: f"{case.sram[0]} kB")
def test_behind_scratchpads(benchmark: BenchmarkFixture, case: Case) -> None:
    expected = cycles(case)
    found = timed(benchmark, 1, lambda: cycles(case))
    assert found == expected


def peer(case: Case) -> tuple[list[int], float]:
    """Return SCALE-Sim's cycles and its CPU seconds, from its own Python."""
    python = os.environ.get("ACCELSIM_SCALESIM_PYTHON")
    if not python:
        pytest.skip("SCALE-Sim is not here: ACCELSIM_SCALESIM_PYTHON names no Python")
    command = [python, "-c", PEER, json.dumps(asdict(case))]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["no word"])[-1]
        pytest.skip(f"SCALE-Sim cannot be run by {python}: {why}")
    found, seconds = json.loads(done.stdout)
    return [int(number) for number in found], float(seconds)


@pytest.mark.benchmark(group="systolic array beside SCALE-Sim")
def test_beside_scale_sim(benchmark: BenchmarkFixture) -> None:
    case = BEHIND[1]  # the array waits
    expected, theirs = peer(case)
    assert cycles(case) == expected
    found = timed(benchmark, 1, lambda: cycles(case))
    assert found == expected
    runs = []
    for _ in range(50):
        start = time.process_time()
        cycles(case)
        runs.append(time.process_time() - start)
    benchmark.extra_info["scale_sim_cpu_s"] = theirs
    benchmark.extra_info["times_as_fast"] = theirs / min(runs)
    assert theirs > 1e4 * min(runs)
