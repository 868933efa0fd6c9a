"""Intervals of a comparison of four systems: 10^5 samples, the plan held."""

from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.explore.compare import compare
from accelsim.explore.uncertain import with_intervals

SYSTEMS = ["trn2-ultraserver", "trn3-ultraserver-gen2", "p5-h100", "gb200-nvl72"]


def test_four_systems(benchmark: BenchmarkFixture) -> None:
    found = compare("llama3-70b", SYSTEMS, chips=512)
    few = with_intervals(found, 1000)
    told = benchmark(with_intervals, found, 100_000)
    for small, large in zip(few["rows"], told["rows"], strict=True):
        key = "usd_per_million_tokens"
        a, b = (row["uncertain"]["intervals"][key]["p50"] for row in (small, large))
        assert abs(a / b - 1.0) < 0.02
