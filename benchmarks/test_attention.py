"""How fast a call of fused attention is estimated, beside a roofline of two constants.

Results are compared before they are timed, which also compiles. A roofline is what one
could write in a line of NumPy: it does not know masks in blocks, waves or power.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim import catalog
from accelsim.chip.attention import attention
from accelsim.specs.chip import ChipSpec

CALLS = 100_000
HEAD = 128
Sizes = dict[str, Any]


@pytest.fixture(scope="module")
def chip() -> ChipSpec:
    found: ChipSpec = catalog.load("chips", "b200")
    return found


@pytest.fixture(scope="module")
def sizes() -> Sizes:
    """Return batch, heads and lengths of many calls."""
    draw = np.random.default_rng(0)
    most = {"batch": 32, "heads": 96, "seq_q": 16_384}
    return {name: draw.integers(1, size, CALLS) for name, size in most.items()}


def timed(benchmark: BenchmarkFixture, count: int, call: Callable[[], Any]) -> Any:
    """Time a call that deals with `count` shapes and note their rate."""
    result = benchmark(call)
    if benchmark.stats is not None:  # not while benchmarks are disabled
        benchmark.extra_info["calls_per_s"] = count / benchmark.stats.stats.min
    return result


def roofline(chip: ChipSpec, sizes: Sizes) -> NDArray[np.float64]:
    """Return the longer of half of the peak and all of the bandwidth [s]."""
    heads = 1.0 * sizes["batch"] * sizes["heads"]
    flops = 2.0 * heads * sizes["seq_q"] ** 2 * HEAD
    moved = 8.0 * heads * sizes["seq_q"] * HEAD
    peak, bandwidth = float(chip.matrix.peak["bf16"]), float(chip.hbm.bandwidth)
    times: NDArray[np.float64] = np.maximum(flops / (0.5 * peak), moved / bandwidth)
    return times


@pytest.mark.benchmark(group="attention, many shapes")
def test_arrays(benchmark: BenchmarkFixture, chip: ChipSpec, sizes: Sizes) -> None:
    found = attention(chip, head_dim=HEAD, **sizes)
    for i in range(0, CALLS, 9973):
        one: Sizes = {name: int(column[i]) for name, column in sizes.items()}
        assert np.asarray(found.time)[i] == attention(chip, head_dim=HEAD, **one).time
    timed(benchmark, CALLS, lambda: attention(chip, head_dim=HEAD, **sizes))


@pytest.mark.benchmark(group="attention, many shapes")
def test_two_constants(
    benchmark: BenchmarkFixture, chip: ChipSpec, sizes: Sizes
) -> None:
    # an upper bound of what a long call reaches is all that both agree on
    ours = np.asarray(attention(chip, head_dim=HEAD, **sizes).time)
    theirs = timed(benchmark, CALLS, lambda: roofline(chip, sizes))
    long = sizes["seq_q"] > 8192
    assert np.median(ours[long] / theirs[long]) == pytest.approx(1.0, abs=0.3)


@pytest.mark.benchmark(group="attention, one shape")
def test_one_shape(benchmark: BenchmarkFixture, chip: ChipSpec) -> None:
    found = timed(benchmark, 1, lambda: attention(chip, 4, 32, 8192, HEAD))
    assert found.time == attention(chip, 4, 32, np.array([8192]), HEAD).time
