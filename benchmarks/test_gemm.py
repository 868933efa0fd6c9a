"""Speed of products: one call, arrays of them, and a roofline on the same shapes.

The goals: a scalar call within 50 us warm, and 1,000,000 products/s a core.
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

import accelsim
from accelsim.chip.package import Chip

COUNT = 20_000
Shapes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
CHIPS = ["a100-80gb", "h100-sxm", "b200"]


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    """Return sizes of training: 1024 to 65536 tokens, widths of 1024 to 32768."""
    random = np.random.default_rng(0)
    tokens = np.rint(2.0 ** random.uniform(10, 16, COUNT))
    n, k = np.rint(2.0 ** random.uniform(10, 15, (2, COUNT)))
    return tokens, n, k


@pytest.fixture(scope="module")
def small_shapes() -> Shapes:
    """Return sizes of inference: 1 to 1024 tokens, widths of 128 to 16384."""
    random = np.random.default_rng(0)
    tokens = np.rint(2.0 ** random.uniform(0, 10, COUNT))
    n, k = np.rint(2.0 ** random.uniform(7, 14, (2, COUNT)))
    return tokens, n, k


def naive(chip: Chip, shapes: Shapes) -> NDArray[np.float64]:
    """Return a roofline's times [s], with two constants of 0.6 and 0.8."""
    m, n, k = shapes
    peak = float(chip.spec.matrix.peak["bf16"])
    moved = 2.0 * (m * k + k * n + m * n)
    return np.maximum(
        2.0 * m * n * k / (0.6 * peak), moved / (0.8 * float(chip.spec.hbm.bandwidth))
    )


def test_roofline_and_model_are_alike(shapes: Shapes) -> None:
    for name in CHIPS:
        chip = accelsim.chip(name)
        ratio = np.asarray(chip.gemm(*shapes).time) / naive(chip, shapes)
        assert 0.6 < np.median(ratio) < 1.6


@pytest.mark.benchmark(group="one product")
@pytest.mark.parametrize("name", [*CHIPS, "trainium2"])
def test_one_product(benchmark: BenchmarkFixture, name: str) -> None:
    chip = accelsim.chip(name)
    one = chip.gemm(4096, 8192, 8192)
    assert benchmark(chip.gemm, 4096, 8192, 8192) == one


@pytest.mark.benchmark(group="one stream")
def test_one_stream(benchmark: BenchmarkFixture) -> None:
    chip = accelsim.chip("h100-sxm")
    assert benchmark(chip.rmsnorm, 8192, 8192).time > 0.0


@pytest.mark.benchmark(group=f"{COUNT:,} products, training")
@pytest.mark.parametrize("name", CHIPS)
def test_many_products(benchmark: BenchmarkFixture, name: str, shapes: Shapes) -> None:
    chip = accelsim.chip(name)
    found = benchmark(chip.gemm, *shapes)
    assert np.shape(found.time) == (COUNT,)
    benchmark.extra_info["products"] = COUNT


@pytest.mark.benchmark(group=f"{COUNT:,} products, inference")
@pytest.mark.parametrize("name", CHIPS)
def test_many_small_products(
    benchmark: BenchmarkFixture, name: str, small_shapes: Shapes
) -> None:
    chip = accelsim.chip(name)
    found = benchmark(chip.gemm, *small_shapes)
    assert np.shape(found.time) == (COUNT,)
    benchmark.extra_info["products"] = COUNT


@pytest.mark.benchmark(group=f"{COUNT:,} products, training")
def test_many_products_by_a_roofline(
    benchmark: BenchmarkFixture, shapes: Shapes
) -> None:
    found = benchmark(naive, accelsim.chip("h100-sxm"), shapes)
    assert found.shape == (COUNT,)
