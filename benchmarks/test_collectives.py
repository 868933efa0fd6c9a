"""Speed of collectives: arrays of sizes. The goal: 5,000,000 a second and core."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import accelsim

COUNT = 100_000


@pytest.mark.parametrize("ranks", [8, 64])
@pytest.mark.benchmark(group=f"collectives n={COUNT}")
def test_all_reduces(benchmark: BenchmarkFixture, ranks: int) -> None:
    on, sizes = accelsim.system("dgx-h100"), np.logspace(5, 10, COUNT)
    counts = np.full(COUNT, ranks)
    one = on.collective("all_reduce", bytes=sizes[7], ranks=ranks)

    def ask() -> float:
        found = on.collective("all_reduce", bytes=sizes, ranks=counts)
        return float(found.time[7])

    assert benchmark(ask) == one.time
